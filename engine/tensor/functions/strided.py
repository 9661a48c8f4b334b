"""Elements of a tensor by their places in memory."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from engine.errors import OptionError, ShapeError
from engine.tensor.creation import from_numpy
from engine.tensor.tape import memory_of


def storage_offset(input: Any) -> int:
    """How many elements lie in memory before the first one.

    >>> import engine
    >>> engine.arange(6)[2:].storage_offset()
    2
    """
    if input.is_meta:
        return 0
    owner = memory_of(input.array)
    where = input.array.data.ptr - owner.data.ptr if input.is_cuda else input.array.ctypes.data - owner.ctypes.data
    return where // input.itemsize


def as_strided(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """The elements that lie in memory from an offset on, at so many elements' distance along each axis.

    A copy: what is changed in place in it is not changed in the input.

    Args:
        size: the shape of the result.
        stride: how many elements of memory lie between two neighbours along each axis.
        storage_offset: how many elements of memory lie before the first one; as the input's where absent.

    Raises:
        ShapeError: as many sizes as strides do not come, or the result reaches beyond the elements of the input.

    >>> import engine
    >>> engine.as_strided(engine.arange(5), (3, 3), (1, 1))
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])
    """
    index = _places(input, size, stride, storage_offset)
    return input.reshape(-1).index_select(0, index).reshape(tuple(size))


def _places(input: Any, size: Any, stride: Any, offset: int | None) -> Any:
    """Which elements of the input, in its own order, lie at these places of memory."""
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise ShapeError("as_strided", got=f"{len(size)} sizes come with {len(stride)} strides", expected="as many")
    if any(step < 0 for step in stride):
        raise OptionError("as_strided", got=f"a stride of {min(stride)}", expected="0 or more")
    start = storage_offset(input)
    wanted = _laid_out(size, stride, start if offset is None else offset)
    shape = tuple(input.shape)
    own = _laid_out(shape, tuple(input.stride()) if not input.is_meta else _contiguous(shape), start)
    order = np.argsort(own, kind="stable")
    found = np.minimum(np.searchsorted(own, wanted, sorter=order), max(own.size - 1, 0))
    if wanted.size and (not own.size or (own[order[found]] != wanted).any()):
        raise ShapeError("as_strided", got=f"places {wanted.min()} to {wanted.max()} of memory are asked for",
                         expected=f"those of the {own.size} elements of the tensor",
                         mend="take a smaller size, stride or offset, or the tensor of which this is a view",
                         )  # fmt: skip
    return from_numpy(order[found] if wanted.size else wanted).to(input.device)


def _laid_out(shape: tuple[int, ...], stride: tuple[int, ...], start: int) -> np.ndarray:
    """The place in memory of each element, in order."""
    places = np.full((1,), start, np.int64)
    for n, step in zip(shape, stride):
        places = (places[:, None] + np.arange(n) * step).reshape(-1)
    return places


def _contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))
