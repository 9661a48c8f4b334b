"""Memory that begins where a processor reads it best."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

HUGE_PAGE = 2 * 2**20  # bytes
MOST_EMPTY = 4  # of an array that is kept, at the most one byte in so many is added by whole pages
ASKS_FOR_HUGE = 2 * HUGE_PAGE  # NumPy asks Linux for such pages from here on; what is never touched takes no memory


def aligned(shape: int | tuple[int, ...], kind: Any = np.float32, kept: bool = False) -> np.ndarray:
    """An uninitialised array that starts on a cache line; a large one on a page of 2 MB, where the system has such.

    Kernels step from row to row of large arrays, and small pages take them more time than the arithmetic leaves.

    Args:
        shape: of the array, or its length.
        kind: dtype.
        kept: whether it is one of many that stay: what their last pages leave empty would be memory that is missing.

    >>> aligned((3, 5)).ctypes.data % 64
    0
    """
    shape, kind = shape if isinstance(shape, tuple) else (shape,), np.dtype(kind)
    size = prod(shape) * kind.itemsize
    large = size >= HUGE_PAGE // 2 and (not kept or -size % HUGE_PAGE <= size // MOST_EMPTY)
    line, least = (HUGE_PAGE, ASKS_FOR_HUGE) if large else (64, 0)
    memory = np.empty(max(size + line, least), np.uint8)
    return np.asarray(_Block(memory, -memory.ctypes.data % line, shape, kind))


class _Block:
    """Part of an array's memory, which the NumPy array around it takes for all that there is: it is not a view."""

    def __init__(self, memory: np.ndarray, start: int, shape: tuple[int, ...], kind: np.dtype) -> None:
        self.memory = memory
        place = memory.ctypes.data + start, False  # address, whether it is only read
        self.__array_interface__ = {"version": 3, "shape": shape, "typestr": kind.str, "data": place}
