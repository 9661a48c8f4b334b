"""Shapes, axes, joining and indexing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from engine.device import Device
from engine.errors import RangeError, ShapeError, TypeMismatch
from engine.ops import layout
from engine.ops.base import Spec, axis_of, times, whole_length
from engine.ops.indexing import Gather, GetItem, IndexSelect, SetItem
from engine.tensor.promotion import promote_types
from engine.tensor.spellings import also, whole
from engine.tensor.strangers import raise_stranger
from engine.tensor.tape import Core, apply


def _sizes(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """f(2, 3) and f((2, 3)) mean the same."""
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = sizes[0]
    return tuple(whole_length(n) for n in sizes)


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


class Shapes:
    """Other views of the same values, and parts of them."""

    array: Any

    @whole("shape", ahead=1)
    def reshape(self, *shape: Any) -> Any:
        """The same elements in another shape; one axis may be -1.

        Args:
            shape: the lengths of the axes, one by one or as a tuple.

        Raises:
            ShapeError: a shape with another number of elements.

        >>> import engine
        >>> engine.arange(6).reshape(2, -1)
        tensor([[0, 1, 2],
                [3, 4, 5]])
        """
        return apply(layout.Reshape(_sizes(shape)), self)

    @whole("size", ahead=1)
    def view(self, *shape: Any) -> Any:
        """The same memory in another shape.

        Args:
            shape: the lengths of the axes, one by one or as a tuple.

        Raises:
            ShapeError: where the memory lies so that a copy would be needed; `reshape` makes it.

        >>> import engine
        >>> engine.arange(6).view(3, 2).shape
        (3, 2)
        """
        out = apply(layout.Reshape(_sizes(shape)), self)
        if not self.device.is_meta and self.array.size and out._base is None:
            raise ShapeError("view", got="the elements do not lie one behind the other in memory",
                             mend="call .reshape() or .contiguous() first")  # fmt: skip
        return out

    def view_as(self, other: Any) -> Any:
        """The same memory in the shape of another tensor.

        >>> import engine
        >>> engine.arange(6).view_as(engine.ones(2, 3)).shape
        (2, 3)
        """
        return self.view(other.shape)

    def reshape_as(self, other: Any) -> Any:
        """The same elements in the shape of another tensor.

        >>> import engine
        >>> engine.arange(6).reshape_as(engine.ones(2, 3)).shape
        (2, 3)
        """
        return self.reshape(other.shape)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Any:
        """The axes from start_dim to end_dim made one.

        >>> import engine
        >>> engine.ones(2, 3, 4).flatten(1).shape
        (2, 12)
        """
        shape = self.shape
        start, end = axis_of("flatten", start_dim, len(shape)), axis_of("flatten", end_dim, len(shape))
        if start > end:
            raise ShapeError("flatten", got=f"start_dim {start_dim} lies behind end_dim {end_dim}")
        if not shape:
            return self.reshape(1)
        joined = int(np.prod(shape[start : end + 1], dtype=np.int64))
        return self.reshape((*shape[:start], joined, *shape[end + 1 :]))

    def unflatten(self, dim: int, sizes: Sequence[int]) -> Any:
        """One axis made several.

        Args:
            dim: the axis.
            sizes: the lengths of the new ones, of which one may be -1.

        >>> import engine
        >>> engine.ones(2, 12).unflatten(1, (3, 4)).shape
        (2, 3, 4)
        """
        axis = axis_of("unflatten", dim, self.ndim)
        sizes = layout.Reshape(tuple(sizes)).shape(Spec((self.shape[axis],), self.dtype)).shape if self.ndim else sizes
        return self.reshape((*self.shape[:axis], *sizes, *self.shape[axis + 1 :]))

    def transpose(self, dim0: int, dim1: int) -> Any:
        """The axes dim0 and dim1 exchanged, in the same memory.

        >>> import engine
        >>> engine.ones(2, 3, 4).transpose(0, 2).shape
        (4, 3, 2)
        """
        n = self.array.ndim
        a, b = axis_of("transpose", dim0, n), axis_of("transpose", dim1, n)
        axes = list(range(n))
        if n:
            axes[a], axes[b] = b, a
        return apply(layout.Permute(tuple(axes)), self)

    swapaxes = also(axis0="dim0", axis1="dim1")(transpose)

    @whole("dims", ahead=1)
    def permute(self, *dims: Any) -> Any:
        """The axes in another order, in the same memory.

        Args:
            dims: all axes, one by one or as a tuple.

        >>> import engine
        >>> engine.ones(2, 3, 4).permute(2, 0, 1).shape
        (4, 2, 3)
        """
        return apply(layout.Permute(_sizes(dims)), self)

    def t(self) -> Any:
        """A matrix with rows and columns exchanged; a vector as it is.

        >>> import engine
        >>> engine.tensor([[1, 2], [3, 4]]).t()
        tensor([[1, 3],
                [2, 4]])
        """
        if self.ndim > 2:
            raise ShapeError("t", got=f"there are {self.ndim} axes", expected="at most 2")
        return self if self.ndim < 2 else self.transpose(0, 1)

    @property
    def T(self) -> Any:
        """All axes in reverse order."""
        return apply(layout.Permute(tuple(reversed(range(self.array.ndim)))), self)

    @property
    def mT(self) -> Any:
        """The last two axes exchanged."""
        return self.transpose(-1, -2)

    mH = mT
    H = T

    @also(axis="dim")
    def squeeze(self, dim: int | tuple[int, ...] | None = None) -> Any:
        """Without the axes of length 1, or without those of `dim` that have it.

        >>> import engine
        >>> engine.ones(1, 2, 1).squeeze().shape, engine.ones(1, 2, 1).squeeze(0).shape
        ((2,), (2, 1))
        """
        shape = self.shape
        if dim is None:
            gone = set(range(len(shape)))
        else:
            gone = {axis_of("squeeze", d, len(shape)) for d in ((dim,) if isinstance(dim, int) else dim)}
        return apply(layout.Reshape(tuple(n for i, n in enumerate(shape) if n != 1 or i not in gone)), self)

    @also(axis="dim")
    def unsqueeze(self, dim: int) -> Any:
        """With a new axis of length 1 at dim.

        >>> import engine
        >>> engine.ones(2, 3).unsqueeze(1).shape
        (2, 1, 3)
        """
        shape = self.shape
        place = axis_of("unsqueeze", dim, len(shape) + 1)
        return apply(layout.Reshape((*shape[:place], 1, *shape[place:])), self)

    @whole("size", ahead=1)
    def expand(self, *sizes: Any) -> Any:
        """Axes of length 1 stretched without a copy; -1 keeps an axis.

        Args:
            sizes: the lengths of the axes, one by one or as a tuple.

        Raises:
            ShapeError: an axis of another length is to be stretched.

        >>> import engine
        >>> engine.tensor([[1], [2]]).expand(2, 3)
        tensor([[1, 1, 1],
                [2, 2, 2]])
        """
        sizes = _sizes(sizes)
        ahead = len(sizes) - self.ndim
        if ahead < 0 or -1 in sizes[:ahead]:
            raise ShapeError("expand", got=f"{times(self.shape)} does not stretch to {times(sizes)}")
        to = tuple(self.shape[i - ahead] if n == -1 else n for i, n in enumerate(sizes))
        # where nothing is stretched, the result can be written to
        return apply(layout.Reshape(to) if prod(to) == prod(self.shape) else layout.Expand(to), self)

    def expand_as(self, other: Any) -> Any:
        """Stretched to the shape of another tensor.

        >>> import engine
        >>> engine.tensor([[1], [2]]).expand_as(engine.ones(2, 3)).shape
        (2, 3)
        """
        return self.expand(other.shape)

    broadcast_to = expand

    @whole("repeats", ahead=1)
    def repeat(self, *repeats: Any) -> Any:
        """Copies side by side along each axis.

        Args:
            repeats: how many for each axis, one by one or as a tuple.

        >>> import engine
        >>> engine.tensor([1, 2]).repeat(2, 2)
        tensor([[1, 2, 1, 2],
                [1, 2, 1, 2]])
        """
        return apply(layout.Tile(_sizes(repeats)), self)

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
            raise RangeError("narrow", got=f"{length} places from {start} on of an axis of {n}",
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

    def tril(self, diagonal: int = 0) -> Any:
        """The lower triangle of the last two axes, the rest 0.

        Args:
            diagonal: the last one that belongs to it; 1 is the one above the main one.

        >>> import engine
        >>> engine.ones(2, 2).tril()
        tensor([[1., 0.],
                [1., 1.]])
        """
        return apply(layout.Triangle("tril", diagonal), self)

    def triu(self, diagonal: int = 0) -> Any:
        """The upper triangle of the last two axes, the rest 0.

        Args:
            diagonal: the first one that belongs to it; 1 is the one above the main one.

        >>> import engine
        >>> engine.ones(2, 2).triu(1)
        tensor([[0., 1.],
                [0., 0.]])
        """
        return apply(layout.Triangle("triu", diagonal), self)

    def contiguous(self) -> Any:
        """Itself where its elements lie one behind the other in memory, otherwise a copy.

        >>> import engine
        >>> engine.ones(2, 3).t().contiguous().is_contiguous()
        True
        """
        if self.device.is_meta or self.array.flags.c_contiguous:
            return self
        return apply(layout.Clone(contiguous=True), self)

    def is_contiguous(self) -> bool:
        """Whether its elements lie one behind the other in memory.

        >>> import engine
        >>> engine.ones(2, 3).is_contiguous(), engine.ones(2, 3).t().is_contiguous()
        (True, False)
        """
        return self.device.is_meta or bool(self.array.flags.c_contiguous)

    def clone(self) -> Any:
        """A copy; gradients flow back through it.

        >>> import engine
        >>> x = engine.tensor([1, 2])
        >>> y = x.clone()
        >>> y[0] = 5
        >>> x
        tensor([1, 2])
        """
        return apply(layout.Clone(), self)

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


@also(axis="dim")
def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors joined along an axis that they have; an empty one of one axis adds nothing, as in PyTorch.

    Args:
        tensors: of one shape but for that axis.
        dim: the axis.

    >>> import engine
    >>> engine.cat([engine.ones(2, 1), engine.zeros(2, 2)], dim=1)
    tensor([[1., 0., 0.],
            [1., 0., 0.]])
    """
    tensors = _of_one_dtype("cat", tensors)
    tensors = [t for t in tensors if t.shape != (0,)] or tensors[:1]
    return apply(layout.Concatenate(axis_of("cat", dim, tensors[0].ndim)), *tensors)


@also(axis="dim")
def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors of one shape joined along a new axis.

    Args:
        tensors: the tensors.
        dim: where the new axis stands.

    >>> import engine
    >>> engine.stack([engine.tensor([1, 2]), engine.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    tensors = _of_one_dtype("stack", tensors)
    if any(t.shape != tensors[0].shape for t in tensors):
        found = " and ".join(dict.fromkeys(times(t.shape) for t in tensors))
        raise ShapeError("stack", got=f"tensors of {found} arrive", expected="tensors of one shape",
                         mend="pad or cut them to one length first")  # fmt: skip
    return cat([t.unsqueeze(dim) for t in tensors], dim)


def _of_one_dtype(where: str, tensors: Sequence[Any]) -> list[Any]:
    if isinstance(tensors, Core):
        raise TypeMismatch(where, got="a tensor arrives", expected="a list of tensors",
                           mend=f"put them into brackets, as in {where}([a, b])")  # fmt: skip
    tensors = list(tensors)
    if not tensors:
        raise TypeMismatch(where, got="no tensors came", expected="a list of tensors")
    if not all(isinstance(t, Core) for t in tensors):
        raise_stranger(where, ["None" if t is None else t for t in tensors], Core)
    dtype = tensors[0].dtype
    for tensor in tensors[1:]:
        dtype = promote_types(dtype, tensor.dtype)
    return [t.to(dtype) for t in tensors]
