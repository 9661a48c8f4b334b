"""Parts of tensors: indexing, picking, splitting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from engine.device import Device
from engine.errors import RangeError, ShapeError, TypeMismatch
from engine.ops.base import axis_of
from engine.ops.indexing import Gather, GetItem, IndexSelect, SetItem
from engine.tensor.spellings import also
from engine.tensor.tape import Core, apply
from engine.wording import counted


def plain_index(index: Any, device: Device) -> Any:
    """An index with tensors and lists as arrays of this device."""
    if isinstance(index, tuple):
        return tuple(plain_index(part, device) for part in index)
    if isinstance(index, Core):
        if index.array.dtype.kind not in "iub":
            raise TypeMismatch("index", got=f"it is {index.dtype}", expected="whole numbers or bool")
        if index.array.ndim or index.array.dtype.kind == "b":
            return index.array
        index._require_values("an index")
        return int(index.array)
    if isinstance(index, list):
        return device.asarray(index, None if index else np.int64)
    if isinstance(index, np.integer):
        return int(index)
    return index


class Indexing:
    """The parts of a tensor."""

    array: Any
    device: Device

    @also(axis="dim", split_size="split_size_or_sections")
    def split(self, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Any, ...]:
        """Parts along an axis, of one size (the last may be smaller) or of those listed.

        Args:
            split_size_or_sections: the size, or the sizes.
            dim: the axis.

        >>> import engine
        >>> engine.arange(5).split(2), engine.arange(5).split([1, 4])
        ((tensor([0, 1]), tensor([2, 3]), tensor([4])), (tensor([0]), tensor([1, 2, 3, 4])))
        """
        axis = axis_of("split", dim, self.ndim)
        length = self.shape[axis]
        if isinstance(split_size_or_sections, int):
            size = split_size_or_sections
            if size < 1:
                raise ShapeError("split", got=f"parts of {size}", expected="at least 1")
            sizes = [min(size, length - start) for start in range(0, max(length, 1), size)]
        else:
            sizes = list(split_size_or_sections)
            if sum(sizes) != length:
                missing = length - sum(sizes)
                raise ShapeError("split", got=f"parts of {sizes} from an axis of {length}",
                                 expected="parts that add up to it",
                                 mend=f"a part of {missing} is missing" if missing > 0 else "")  # fmt: skip
        parts, start = [], 0
        for size in sizes:
            parts.append(self.narrow(axis, start, size))
            start += size
        return tuple(parts)

    @also(axis="dim")
    def chunk(self, chunks: int, dim: int = 0) -> tuple[Any, ...]:
        """At most `chunks` parts of equal length; the last may be smaller.

        Args:
            dim: the axis.

        >>> import engine
        >>> engine.arange(5).chunk(2)
        (tensor([0, 1, 2]), tensor([3, 4]))
        """
        if chunks < 1:
            raise ShapeError("chunk", got=f"{chunks} parts were asked for", expected="at least 1")
        length = self.shape[axis_of("chunk", dim, self.ndim)]
        if not length:
            return self.split([0] * chunks, dim)
        return self.split(max(-(-length // chunks), 1), dim)

    @also(axis="dim")
    def narrow(self, dim: int, start: int, length: int) -> Any:
        """The part of an axis from start on.

        Args:
            dim: the axis.
            length: how many places.

        >>> import engine
        >>> engine.arange(5).narrow(0, 1, 3)
        tensor([1, 2, 3])
        """
        shape = self.array.shape
        axis = axis_of("narrow", dim, len(shape))
        n = shape[axis] if shape else 0
        start = int(start) + n if start < 0 else int(start)
        if not 0 <= start <= start + length <= n:
            raise RangeError("narrow", got=f"{counted(length, 'place')} from {start} on of an axis of {n}",
                             expected="places that there are")  # fmt: skip
        return apply(GetItem((slice(None),) * axis + (slice(start, start + length),)), self)

    def select(self, dim: int, index: int) -> Any:
        """One place along an axis, which goes.

        Args:
            dim, index: the axis, and the place on it.

        >>> import engine
        >>> engine.tensor([[1, 2], [3, 4]]).select(1, 0)
        tensor([1, 3])
        """
        return self[(slice(None),) * axis_of("select", dim, self.ndim) + (index,)]

    @also(axis="dim")
    def unbind(self, dim: int = 0) -> tuple[Any, ...]:
        """Every place along the axis dim, as a tuple.

        >>> import engine
        >>> engine.tensor([[1, 2], [3, 4]]).unbind(1)
        (tensor([1, 3]), tensor([2, 4]))
        """
        return tuple(self.select(dim, i) for i in range(self.shape[axis_of("unbind", dim, self.ndim)]))

    @also(axis="dim")
    def gather(self, dim: int, index: Any) -> Any:
        """The values at `index` along an axis: out[i][j] = x[index[i][j]][j] for dim 0.

        >>> import engine
        >>> engine.tensor([[1, 2], [3, 4]]).gather(1, engine.tensor([[1], [0]]))
        tensor([[2],
                [3]])
        """
        axis = axis_of("gather", dim, self.ndim)
        if not self.ndim and isinstance(index, Core):  # one element, of which the index picks any number
            return self.reshape(1).gather(0, index.reshape(-1)).reshape(index.shape)
        return apply(Gather(axis), self, index)

    def index_select(self, dim: int, index: Any) -> Any:
        """The places listed in `index` along the axis dim, counted from its front.

        >>> import engine
        >>> engine.tensor([[1, 2], [3, 4]]).index_select(1, engine.tensor([1, 1]))
        tensor([[2, 2],
                [4, 4]])
        """
        axis = axis_of("index_select", dim, self.ndim)
        return apply(IndexSelect(axis), self, index.reshape(1) if isinstance(index, Core) and not index.ndim else index)

    def masked_select(self, mask: Any) -> Any:
        """The elements where the mask holds, in one row.

        >>> import engine
        >>> x = engine.tensor([1, 5, 2])
        >>> x.masked_select(x > 1)
        tensor([5, 2])
        """
        return self.expand(np.broadcast_shapes(self.shape, mask.shape))[mask.expand_as(self)]

    def __getitem__(self, index: Any) -> Any:
        return apply(GetItem(plain_index(index, self.device)), self)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._put(SetItem(plain_index(index, self.device)), value)

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeMismatch("iteration", got="a single number has no elements", expected="at least one axis")
        return iter(self.unbind(0))

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeMismatch("len()", got="a single number has no length", expected="at least one axis")
        return self.array.shape[0]
