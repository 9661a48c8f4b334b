"""Sums, extremes and their like."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from engine.errors import TypeMismatch
from engine.ops import activation as act
from engine.ops import elementwise as ew
from engine.ops import reduction as red
from engine.ops.base import axes_of
from engine.ops.elementwise import require_float
from engine.ops.indexing import Gather
from engine.tensor.operands import cast, real
from engine.tensor.promotion import uint8
from engine.tensor.spellings import axis
from engine.tensor.tape import Core, apply

Dim = int | tuple[int, ...] | list[int] | None
SUM, MEAN = red.Sum(), red.Mean()


class Extreme(NamedTuple):
    """The extreme values along an axis, and where they stand."""

    values: Any
    indices: Any


def axes_meant(where: str, x: Any, dim: Dim) -> tuple[int, ...] | None:
    """The axes meant by `dim`, counted from the front: all of them for None, and, as in PyTorch, for ()."""
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return None
    return axes_of(where, dim if isinstance(dim, int) else tuple(dim), x.array.ndim)


def _along(x: Any, arg: type, dim: int, keepdim: bool) -> Extreme:
    where = arg(dim, True)
    indices = apply(where, x)
    values = apply(Gather(dim % max(x.array.ndim, 1)), x, indices) if x.array.ndim else x
    if not keepdim and x.array.ndim:
        indices, values = indices.squeeze(dim), values.squeeze(dim)
    return Extreme(values, indices)


def _as(dtype: Any, out: Any) -> Any:
    """The result as the dtype that was asked for: of whole numbers it is int64 otherwise."""
    return out if dtype is None else cast(out, dtype)


class Reductions:
    """What makes one value of many."""

    array: Any

    @axis
    def sum(self, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        """The sum of all elements, or along the axes `dim`.

        Args:
            dim: an axis, several, or None for all.
            keepdim: whether the axes stay, with length 1; so it is wherever this argument stands.

        >>> import engine
        >>> x = engine.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> x.sum(), x.sum(0), x.sum(1, keepdim=True).shape
        (tensor(10.), tensor([4., 6.]), (2, 1))
        """
        x = self if dtype is None else cast(self, dtype)
        if dim is None and not keepdim:
            return _as(dtype, apply(SUM, x))
        return _as(dtype, apply(red.Sum(axes_meant("sum", x, dim), keepdim), x))

    @axis
    def mean(self, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        """The mean of all elements, or along the axes `dim`.

        Args:
            dim: an axis, several, or None for all.

        >>> import engine
        >>> engine.tensor([[1.0, 2.0], [3.0, 4.0]]).mean(1)
        tensor([1.5000, 3.5000])
        """
        x = self if dtype is None else cast(self, dtype)
        require_float("mean", x.array.dtype)
        if dim is None and not keepdim:
            return apply(MEAN, x)
        return apply(red.Mean(axes_meant("mean", x, dim), keepdim), x)

    @axis
    def prod(self, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        """The product of all elements, or along one axis.

        Args:
            dim: an axis, or None for all.

        >>> import engine
        >>> engine.tensor([2, 3, 4]).prod()
        tensor(24)
        """
        x = self if dtype is None else cast(self, dtype)
        return _as(dtype, apply(red.Prod(axes_meant("prod", x, dim), keepdim), x))

    @axis
    def max(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The greatest of all elements; along an axis, the values and their places; with a tensor, the greater.

        Args:
            dim: an axis, None for all, or another tensor.

        >>> import engine
        >>> values, places = engine.tensor([[1, 5], [7, 2]]).max(1)
        >>> values, places
        (tensor([5, 7]), tensor([1, 0]))
        """
        if isinstance(dim, Core):
            return self.maximum(dim)
        return apply(red.AMax(), self) if dim is None else _along(self, red.ArgMax, dim, keepdim)

    @axis
    def min(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The smallest of all elements; along an axis, the values and their places; with a tensor, the smaller.

        Args:
            dim: an axis, None for all, or another tensor.

        >>> import engine
        >>> engine.tensor([[1, 5], [7, 2]]).min()
        tensor(1)
        """
        if isinstance(dim, Core):
            return self.minimum(dim)
        return apply(red.AMin(), self) if dim is None else _along(self, red.ArgMin, dim, keepdim)

    @axis
    def amax(self, dim: Dim = None, keepdim: bool = False) -> Any:
        """The greatest along axes; equal ones share the gradient.

        Args:
            dim: an axis, several, or None for all.

        >>> import engine
        >>> engine.tensor([[1, 5], [7, 2]]).amax(0)
        tensor([7, 5])
        """
        return apply(red.AMax(axes_meant("amax", self, dim), keepdim), self)

    @axis
    def amin(self, dim: Dim = None, keepdim: bool = False) -> Any:
        """The smallest along axes; equal ones share the gradient.

        Args:
            dim: an axis, several, or None for all.

        >>> import engine
        >>> engine.tensor([[1, 5], [7, 2]]).amin(0)
        tensor([1, 2])
        """
        return apply(red.AMin(axes_meant("amin", self, dim), keepdim), self)

    @axis
    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """The place of the greatest value; the first of equal ones.

        Args:
            dim: an axis, or None for all, counted row by row.

        >>> import engine
        >>> engine.tensor([[1, 5], [7, 2]]).argmax(), engine.tensor([[1, 5], [7, 2]]).argmax(1)
        (tensor(2), tensor([1, 0]))
        """
        return apply(red.ArgMax(dim, keepdim), self)

    @axis
    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """The place of the smallest value; the first of equal ones.

        Args:
            dim: an axis, or None for all, counted row by row.

        >>> import engine
        >>> engine.tensor([[1, 5], [7, 2]]).argmin(1)
        tensor([0, 1])
        """
        return apply(red.ArgMin(dim, keepdim), self)

    @axis
    def any(self, dim: Dim = None, keepdim: bool = False) -> Any:
        """Whether any element is true: as bool, or of uint8 as uint8, as in PyTorch.

        Args:
            dim: an axis, several, or None for all.

        >>> import engine
        >>> engine.tensor([[0, 0], [0, 2]]).any(1)
        tensor([False,  True])
        """
        return self._judged(red.Any, dim, keepdim)

    @axis
    def all(self, dim: Dim = None, keepdim: bool = False) -> Any:
        """Whether all elements are true: as bool, or of uint8 as uint8, as in PyTorch.

        Args:
            dim: an axis, several, or None for all.

        >>> import engine
        >>> engine.tensor([[1, 0], [3, 2]]).all(1)
        tensor([False,  True])
        """
        return self._judged(red.All, dim, keepdim)

    def _judged(self, reduce: Any, dim: Dim, keepdim: bool) -> Any:
        if dim is not None and not isinstance(dim, int) and len(dim) == 0:  # here, as in PyTorch, no axis at all
            out = self != 0
        else:
            out = apply(reduce(axes_meant(reduce.__name__.lower(), self, dim), keepdim), self)
        return cast(out, uint8) if self.array.dtype == uint8 else out

    @axis
    def var(self, dim: Dim = None, unbiased: bool = True, keepdim: bool = False, *, correction: float = 1) -> Any:
        """The sum of (x - mean)², divided by n - correction.

        Args:
            dim: an axis, several, or None for all.
            unbiased: False is a correction of 0.
            correction: 1 for an estimate from a sample, 0 for the mean of all there is.

        >>> import engine
        >>> engine.tensor([1.0, 3.0]).var(), engine.tensor([1.0, 3.0]).var(correction=0)
        (tensor(2.), tensor(1.))
        """
        require_float("var", self.array.dtype)
        if isinstance(dim, bool):  # var(unbiased)
            dim, unbiased = None, dim
        axes = axes_meant("var", self, dim)
        distance = self - self.mean(axes, True)
        count = 1
        for place in axes_of("var", axes, self.array.ndim):
            count *= self.array.shape[place]
        correction = correction if unbiased else 0
        with np.errstate(divide="ignore", invalid="ignore"):  # too few elements: 0 / 0 is no number, as in PyTorch
            return (distance * distance).sum(axes, keepdim) / max(count - correction, 0)

    @axis
    def std(self, dim: Dim = None, unbiased: bool = True, keepdim: bool = False, *, correction: float = 1) -> Any:
        """The square root of `var`: the deviation from the mean.

        Args:
            dim: an axis, several, or None for all.
            unbiased, correction: as of `var`.

        >>> import engine
        >>> engine.tensor([1.0, 3.0]).std(unbiased=False)
        tensor(1.)
        """
        return apply(ew.Deviation(), self.var(dim, unbiased, keepdim, correction=correction))

    def norm(self, p: Any = "fro", dim: Dim = None, keepdim: bool = False, dtype: Any = None) -> Any:
        """(sum of |x| ** p) ** (1 / p) of all elements or along axes; where it is 0, so is its gradient.

        Args:
            p: a number, infinity (the greatest |x|), -infinity (the smallest), 0 (how many are other than 0), "fro"
                (as 2), or "nuc" (the sum of the singular values of a matrix).
            dim: an axis, several, or None for all.

        >>> import engine
        >>> engine.tensor([3.0, -4.0]).norm(), engine.tensor([3.0, -4.0]).norm(1)
        (tensor(5.), tensor(7.))
        """
        x = self if dtype is None else cast(self, dtype)
        require_float("norm", x.array.dtype)
        if p == "nuc":
            from engine.tensor.functions.linalg import matrix_norm

            return matrix_norm(x, "nuc", (-2, -1) if dim is None else dim, keepdim)
        if p is not None and p != "fro" and not isinstance(p, int | float):
            raise TypeMismatch("norm", got=f"p is {p!r}", expected='a number, infinity, "fro" or "nuc"')
        order = 2.0 if p in (None, "fro") else float(p)
        return apply(red.Norm(axes_meant("norm", x, dim), keepdim, order), x)

    @axis
    def logsumexp(self, dim: Dim, keepdim: bool = False) -> Any:
        """log of the sum of exp(x) along axes, without overflow.

        Args:
            dim: an axis, or several.

        >>> import engine
        >>> engine.tensor([1000.0, 1000.0]).logsumexp(0)
        tensor(1000.6932)
        """
        return apply(red.LogSumExp(axes_meant("logsumexp", self, dim), keepdim), real(self))

    @axis
    def cumsum(self, dim: int, *, dtype: Any = None) -> Any:
        """The sum so far along an axis: out[i] = x[0] + ... + x[i].

        Args:
            dim: the axis.

        >>> import engine
        >>> engine.tensor([1, 2, 3]).cumsum(0)
        tensor([1, 3, 6])
        """
        x = self if dtype is None else cast(self, dtype)
        if x.array.ndim == 0:
            return _as(dtype, apply(red.CumSum(dim), x.reshape(1)).reshape(()))
        return _as(dtype, apply(red.CumSum(dim), x))

    @axis
    def softmax(self, dim: int, dtype: Any = None) -> Any:
        """exp(x) / sum of exp(x) along an axis.

        Args:
            dim: the axis along which the results add up to 1.

        >>> import engine
        >>> engine.tensor([0.0, 0.0]).softmax(0)
        tensor([0.5000, 0.5000])
        """
        x = self if dtype is None else cast(self, dtype)
        require_float("softmax", x.array.dtype)
        if x.array.ndim == 0:
            return x.reshape(1).softmax(dim).reshape(())
        return apply(act.Softmax(dim), x)

    @axis
    def log_softmax(self, dim: int, dtype: Any = None) -> Any:
        """x - log of the sum of exp(x) along an axis: log of softmax, without overflow.

        Args:
            dim: the axis.

        >>> import engine
        >>> engine.tensor([0.0, 1000.0]).log_softmax(0)
        tensor([-1000.,     0.])
        """
        x = self if dtype is None else cast(self, dtype)
        require_float("log_softmax", x.array.dtype)
        if x.array.ndim == 0:
            return x.reshape(1).log_softmax(dim).reshape(())
        return apply(act.LogSoftmax(dim), x)
