"""Memory that begins where a processor reads it best."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

HUGE_PAGE = 2 * 2**20  # bytes
ASKS_FOR_HUGE = 2 * HUGE_PAGE  # NumPy asks Linux for such pages from here on; what is never touched takes no memory


def aligned(shape: int | tuple[int, ...], kind: Any = np.float32) -> np.ndarray:
    """An uninitialised array that starts on a cache line; a large one on a page of 2 MB, where the system has such.

    Kernels step from row to row of large arrays, and small pages take them more time than the arithmetic leaves.

    >>> aligned((3, 5)).ctypes.data % 64
    0
    """
    kind = np.dtype(kind)
    size = prod(shape if isinstance(shape, tuple) else (shape,)) * kind.itemsize
    large = size >= HUGE_PAGE // 2
    line, least = (HUGE_PAGE, ASKS_FOR_HUGE) if large else (64, 0)
    memory = np.empty(max(size + line, least), np.uint8)
    start = -memory.ctypes.data % line
    return memory[start : start + size].view(kind).reshape(shape)
