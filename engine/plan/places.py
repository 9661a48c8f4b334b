"""Where the values of a plan lie: buffers, and the places in them that views see."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import as_strided

_numbers = count()


@dataclass(eq=False)
class Buffer:
    """A stretch of memory of a plan.

    Args:
        size: in elements.
        dtype: of the elements.
        kind: "scratch" is the plan's own; "state" lies outside; "input" is the memory of an argument or of a gradient,
            another one at each replay; "fixed" is the plan's own and lasts from replay to replay; "output" is where a
            gradient is left, in new memory where somebody holds the last one.
        array: the memory of state, as an array.
    """

    size: int
    dtype: np.dtype
    kind: Literal["scratch", "state", "input", "fixed", "output"] = "scratch"
    array: Any = None
    number: int = field(default_factory=lambda: next(_numbers))


@dataclass(frozen=True)
class Place:
    """An array inside a buffer, seen with a shape and strides; offset and strides in elements."""

    buffer: Buffer
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def dtype(self) -> np.dtype:
        return self.buffer.dtype

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def order(self) -> tuple[int, ...]:
        """The axes as they lie in memory, the slowest first."""
        return tuple(sorted(range(self.ndim), key=lambda a: (-abs(self.strides[a]), self.shape[a] == 1, a)))

    def is_dense(self, order: tuple[int, ...] | None = None) -> bool:
        """Whether the elements lie one after the other, the last axis of `order` the fastest.

        >>> Place(Buffer(6, np.dtype("f4")), (2, 3), (1, 2)).is_dense((1, 0))
        True
        """
        step = 1
        for axis in reversed(order if order is not None else tuple(range(self.ndim))):
            if self.shape[axis] != 1:
                if self.strides[axis] != step:
                    return False
                step *= self.shape[axis]
        return True

    def transposed(self, axes: tuple[int, ...]) -> Place:
        """The axes in another order."""
        axes = tuple(a % self.ndim for a in axes)
        return self._with(tuple(self.shape[a] for a in axes), tuple(self.strides[a] for a in axes))

    def broadcast(self, shape: tuple[int, ...]) -> Place:
        """Stretched to a shape, as in NumPy."""
        ahead = len(shape) - self.ndim
        strides = [0 if n == 1 else s for n, s in zip(self.shape, self.strides)]
        return self._with(tuple(shape), (0,) * ahead + tuple(strides))

    def reshaped(self, shape: tuple[int, ...]) -> Place | None:
        """In another shape; None where the elements would have to move."""
        try:
            seen = self._seen().reshape(shape, copy=False)
        except ValueError:
            return None
        return self._from(seen)

    def sliced(self, index: Any) -> Place:
        """What a basic index (slices, numbers, None, ...) sees."""
        return self._from(self._seen()[index])

    def expanded(self, axes: tuple[int, ...]) -> Place:
        """New axes of length 1."""
        return self._from(np.expand_dims(self._seen(), axes))

    def _with(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> Place:
        return Place(self.buffer, shape, strides, self.offset)

    def _seen(self) -> np.ndarray:
        """An array of single bytes with this shape and these strides, never to be read."""
        return as_strided(_NOTHING, self.shape, self.strides)

    def _from(self, seen: np.ndarray) -> Place:
        moved = seen.__array_interface__["data"][0] - _NOTHING.__array_interface__["data"][0]
        return Place(self.buffer, seen.shape, seen.strides, self.offset + moved)


_NOTHING = np.zeros(1, np.uint8)


def dense(buffer: Buffer, shape: tuple[int, ...], order: tuple[int, ...] | None = None) -> Place:
    """A whole buffer with its elements one after the other, the last axis of `order` the fastest.

    >>> dense(Buffer(6, np.dtype("f4")), (2, 3), (1, 0)).strides
    (1, 2)
    """
    strides, step = [0] * len(shape), 1
    for axis in reversed(order if order is not None else tuple(range(len(shape)))):
        strides[axis] = step
        step *= shape[axis]
    return Place(buffer, tuple(shape), tuple(strides))


def of_array(array: np.ndarray) -> Place:
    """The place of an array that was there before."""
    buffer = Buffer(array.size, array.dtype, "state", array)
    return Place(buffer, array.shape, tuple(s // array.itemsize for s in array.strides))
