"""Memory that begins on cache lines, and what must not be seen of it."""

import numpy as np
import pytest

import engine
from engine import nn
from engine.kernels.aligned import HUGE_PAGE, aligned

pytest.importorskip("llvmlite", reason="without it weights lie where NumPy puts them")


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("kind", ["f4", "f8", "f2", "i8", "?", "c16"])
@pytest.mark.parametrize("shape", [0, 7, (), (3, 0), (5, 11), (700, 800)])
def test_an_array_begins_on_a_cache_line_and_owns_all_of_its_memory(shape, kind, kept):
    array = aligned(shape, kind, kept)
    assert (array.shape, array.dtype) == (np.empty(shape).shape, np.dtype(kind))
    assert array.flags.c_contiguous
    assert array.ctypes.data % 64 == 0
    assert not isinstance(array.base, np.ndarray)
    array[...] = 1
    assert (array == 1).all()


@pytest.mark.parametrize(("floats", "is_on_a_page"), [(512 * 512, False), (540_000, False), (1024 * 1024, True)])
def test_what_is_kept_lies_on_large_pages_only_where_it_fills_them(floats, is_on_a_page):
    """Forty weights of 1 MB would take 80 MB."""
    arrays = [aligned(floats, kept=True) for _ in range(6)]
    assert all(array.ctypes.data % HUGE_PAGE == 0 for array in arrays) == is_on_a_page
    assert aligned(floats).ctypes.data % HUGE_PAGE == 0


def test_weights_begin_at_the_start_of_their_memory():
    assert [nn.Linear(40, outputs).weight.storage_offset() for outputs in (3, 70, 9000)] == [0, 0, 0]
    assert engine.empty(50, 60)[2].storage_offset() == 120


def test_a_fresh_tensor_is_filled_in_place_in_a_step_that_is_checked(recwarn):
    step = engine.capture(lambda x: engine.empty(2000).copy_(x).mul_(2.0).add_(x).sum(), check=True)
    assert [step(engine.ones(2000)).item() for _ in range(3)] == [6000.0] * 3
    assert not list(recwarn)
