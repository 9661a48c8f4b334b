"""Numbers, layouts and how often, for tests of the compiled kernels."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, settings

from engine.kernels.aligned import aligned

few = settings(max_examples=7, deadline=None, suppress_health_check=list(HealthCheck))


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def aligned_numbers(*shape, seed=0):
    """Numbers that begin on a cache line."""
    array = aligned(shape)
    array[...] = np.random.default_rng(seed).standard_normal(shape)
    return array


def first(array):
    """Channels to the front: (N, H, W, C) -> (N, C, H, W)."""
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2))
