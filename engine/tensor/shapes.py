"""Shapes, axes and joining."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from engine.errors import ShapeError, TypeMismatch
from engine.ops import layout
from engine.ops.base import Spec, axis_of, times, whole_length
from engine.tensor.promotion import promote_types
from engine.tensor.spellings import also, whole
from engine.tensor.strangers import raise_stranger
from engine.tensor.tape import Core, apply


def _sizes(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """f(2, 3) and f((2, 3)) mean the same."""
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = sizes[0]
    return tuple(whole_length(n) for n in sizes)


class Shapes:
    """Other views of the same values, and copies of them."""

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
        """The same memory in another shape; of an op's result that lies in an order of our own, as images do, a copy,
        which is not to be changed in place.

        Args:
            shape: the lengths of the axes, one by one or as a tuple.

        Raises:
            ShapeError: where a view, such as a transposition, would have to be copied; `reshape` does.

        >>> import engine
        >>> engine.arange(6).view(3, 2).shape
        (3, 2)
        """
        out = apply(layout.Reshape(_sizes(shape)), self)
        if not self.device.is_meta and self.array.size and out._base is None:
            if self._base is not None:
                raise ShapeError("view", got="the elements do not lie one behind the other in memory",
                                 mend="call .reshape() or .contiguous() first")  # fmt: skip
            out._is_apart = True
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
