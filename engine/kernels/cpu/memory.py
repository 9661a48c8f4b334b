"""Memory of results: large blocks start on a cache line and are used again as soon as nobody holds them."""

from __future__ import annotations

import sys
import threading
from math import prod
from typing import Any

import numpy as np

from engine.kernels.cpu.forks import open_in_children

LARGE = 1 << 15  # bytes; below, the allocator is as quick and the start matters little

_lock = open_in_children(threading.Lock())
_blocks: dict[int, list[tuple[np.ndarray, int]]] = {}  # bytes -> (block, where its first cache line starts)


class Fresh:
    """Makes arrays of one shape, axes lying in `order`, whose values are whatever lay in memory.

    >>> Fresh((2, 3, 4), (0, 2, 1), "float32")().strides
    (48, 4, 12)
    """

    def __init__(self, shape: tuple[int, ...], order: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        strides, step = [0] * len(shape), self.dtype.itemsize
        for axis in reversed(order):
            strides[axis] = step
            step *= shape[axis]
        self.strides = tuple(strides)
        self.bytes = prod(shape) * self.dtype.itemsize
        self.is_plain = order == tuple(range(len(shape)))

    def __call__(self) -> np.ndarray:
        if self.bytes >= LARGE:
            with _lock:
                block, start = _take(self.bytes)
                return np.ndarray(self.shape, self.dtype, block, start, self.strides)
        if self.is_plain:
            return np.empty(self.shape, self.dtype)
        return np.ndarray(self.shape, self.dtype, np.empty(self.bytes, np.uint8), 0, self.strides)


def _take(size: int) -> tuple[np.ndarray, int]:
    blocks = _blocks.get(size)
    if blocks is None:
        blocks = _blocks[size] = []
    for pair in blocks:
        if _references(pair) <= _free:
            return pair
    _trim()
    block = np.empty(size + 64, np.uint8)
    blocks.append((block, -block.ctypes.data % 64))
    return blocks[-1]


def _references(pair: tuple[np.ndarray, int]) -> int:
    """How often a block is held; an array in its memory holds it once."""
    return sys.getrefcount(pair[0])


def _trim() -> None:
    """Give idle blocks back where there are more of them than of those in use."""
    idle = total = 0
    for size, pairs in _blocks.items():
        idle += size * sum(_references(pair) <= _free for pair in pairs)
        total += size * len(pairs)
    if 2 * idle > total:
        for pairs in _blocks.values():
            pairs[:] = [pair for pair in pairs if _references(pair) > _free]


_free = _references((np.empty(1, np.uint8), 0))
