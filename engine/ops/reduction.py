"""Sums, extremes and their like along axes."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, prod

import numpy as np

from engine.errors import ShapeError
from engine.ops.base import Op, Spec, axes_of, axis_of, reduced

INT64 = np.dtype("int64")
BOOL = np.dtype("bool")


@dataclass(eq=False)
class Reduce(Op):
    """Reduce some axes; None is all of them."""

    axes: tuple[int, ...] | None = None
    keepdim: bool = False

    def result_dtype(self, dtype):
        return dtype

    def shape(self, x):
        axes = axes_of(self.name.lower(), self.axes, x.ndim)
        return Spec(reduced(x.shape, axes, self.keepdim), self.result_dtype(x.dtype))

    def flops(self, x):
        return x.size

    def spread(self, k, value, shape):
        """A reduced value that can be stretched to `shape`: its axes are back as 1, or all of them are gone."""
        if self.keepdim or self.axes is None:
            return value
        axes = axes_of(self.name, self.axes, len(shape))
        return k.reshape(value, reduced(shape, axes, True))


class Sum(Reduce):
    """The sum; whole numbers and truth values are summed as int64."""

    saves = ("x.shape",)

    def result_dtype(self, dtype):
        return dtype if dtype.kind == "f" else INT64

    def forward(self, k, x):
        return k.sum(x, self.axes, self.keepdim)

    def backward(self, k, grad, needs, shape):
        return (k.spread(self.spread(k, grad, shape), shape),)


class Mean(Reduce):
    """The mean."""

    saves = ("x.shape",)

    def forward(self, k, x):
        return k.mean(x, self.axes, self.keepdim)

    def backward(self, k, grad, needs, shape):
        count = prod(shape) // max(prod(grad.shape), 1)
        return (k.spread(k.div(self.spread(k, grad, shape), max(count, 1)), shape),)


class Prod(Reduce):
    """The product."""

    saves = ("x",)

    def result_dtype(self, dtype):
        return dtype if dtype.kind == "f" else INT64

    def forward(self, k, x):
        return k.prod(x, self.axes, self.keepdim)

    def backward(self, k, grad, needs, x):
        axes = axes_of("prod", self.axes, x.ndim)
        return (k.prod_backward(self.spread(k, grad, x.shape), x, axes),)


class _Extreme(Reduce):
    """The gradient is shared evenly among the places that hold the extreme."""

    saves = ("x", "out")

    def shape(self, x):
        _refuse_empty(self.name.lower(), x, self.axes)
        return super().shape(x)

    def backward(self, k, grad, needs, x, out):
        axes = axes_of(self.name, self.axes, x.ndim)
        chosen = k.eq(x, self.spread(k, out, x.shape))
        share = k.div(self.spread(k, grad, x.shape), k.sum(chosen, axes, True))
        return (k.astype(k.mul(share, chosen), x.dtype),)


class AMax(_Extreme):
    """The greatest value."""

    def forward(self, k, x):
        return k.amax(x, self.axes, self.keepdim)


class AMin(_Extreme):
    """The smallest value."""

    def forward(self, k, x):
        return k.amin(x, self.axes, self.keepdim)


@dataclass(eq=False)
class Median(Op):
    """The middle one of all values, the lower one of two; the gradient is shared evenly among all that are equal to it.

    Args:
        ignore: whether what is not a number is left out; otherwise it is the median where there is any.
    """

    ignore: bool
    saves = ("x", "out")

    def shape(self, x):
        return Spec((), x.dtype)

    def forward(self, k, x):
        return k.median(x, self.ignore)

    def backward(self, k, grad, needs, x, out):
        chosen = k.logical_or(k.eq(x, out), k.logical_and(k.ne(x, x), k.ne(out, out)))
        return (k.astype(k.mul(k.div(grad, k.sum(chosen)), chosen), x.dtype),)


class LogSumExp(Reduce):
    """log of the sum of exp(x), without overflow."""

    saves = ("x", "out")

    def forward(self, k, x):
        return k.logsumexp(x, axes_of("logsumexp", self.axes, x.ndim), self.keepdim)

    def backward(self, k, grad, needs, x, out):
        share = k.exp(k.sub(x, self.spread(k, out, x.shape)))
        return (k.mul(self.spread(k, grad, x.shape), share),)

    def flops(self, x):
        return 4 * x.size


@dataclass(eq=False)
class Norm(Reduce):
    """(Σ |x|^order)^(1 / order); the greatest or smallest |x| for an infinite order, how many are not 0 for 0.

    Where the norm is 0, so is the gradient.
    """

    order: float = 2.0
    saves = ("x", "out")

    def shape(self, x):
        if self.order < 0 or self.order == inf:
            _refuse_empty("norm", x, self.axes)
        return super().shape(x)

    def forward(self, k, x):
        return k.norm(x, self.order, self.axes, self.keepdim)

    def backward(self, k, grad, needs, x, out):
        grad, out = self.spread(k, grad, x.shape), self.spread(k, out, x.shape)
        if self.order == 0:
            return (k.spread(k.mul(grad, 0), x.shape),)
        if self.order == 1:
            return (k.mul(k.sign(x), grad),)
        nothing = k.eq(out, 0)
        if self.order == 2:  # x / |x|
            slope = k.div(x, k.where(nothing, 1, out))
        elif self.order in (inf, -inf):  # shared evenly among the places that hold it
            chosen = k.eq(k.abs(x), out)
            count = k.sum(chosen, axes_of("norm", self.axes, x.ndim), True)
            slope = k.astype(k.div(k.mul(k.sign(x), chosen), count), x.dtype)
        else:  # sign(x) |x|^(p - 1) / |x|_p^(p - 1)
            size = k.abs(x)
            still = k.eq(size, 0) if self.order < 1 else nothing
            power = k.pow(k.div(k.where(still, 1, size), k.where(nothing, 1, out)), self.order - 1)
            slope = k.mul(k.sign(x), power)
        return (k.mul(k.where(nothing, 0, slope), grad),)

    def flops(self, x):
        return 2 * x.size


class Any(Reduce):
    """Whether any element is true."""

    differentiable = False

    def result_dtype(self, dtype):
        return BOOL

    def forward(self, k, x):
        return k.any(x, self.axes, self.keepdim)


class All(Reduce):
    """Whether all elements are true."""

    differentiable = False

    def result_dtype(self, dtype):
        return BOOL

    def forward(self, k, x):
        return k.all(x, self.axes, self.keepdim)


@dataclass(eq=False)
class ArgMax(Op):
    """The place of the greatest value along an axis; None is the place in the flattened tensor."""

    axis: int | None = None
    keepdim: bool = False
    differentiable = False

    def shape(self, x):
        axis = None if self.axis is None else (axis_of(self.name.lower(), self.axis, x.ndim),)
        _refuse_empty(self.name.lower(), x, axis)
        return Spec(reduced(x.shape, axes_of(self.name.lower(), axis, x.ndim), self.keepdim), INT64)

    def forward(self, k, x):
        return k.argmax(x, self.axis, self.keepdim)

    def flops(self, x):
        return x.size


class ArgMin(ArgMax):
    """The place of the smallest value along an axis; None is the place in the flattened tensor."""

    def forward(self, k, x):
        return k.argmin(x, self.axis, self.keepdim)


@dataclass(eq=False)
class CumSum(Op):
    """The sum so far along an axis."""

    axis: int

    def shape(self, x):
        axis_of("cumsum", self.axis, x.ndim)
        return Spec(x.shape, x.dtype if x.dtype.kind == "f" else INT64)

    def forward(self, k, x):
        return k.cumsum(x, self.axis)

    def backward(self, k, grad, needs):
        # the sum from here on: total - sum so far + own value
        total = k.sum(grad, (self.axis,), True)
        return (k.add(k.sub(total, k.cumsum(grad, self.axis)), grad),)


def _refuse_empty(where, x, axes):
    if any(x.shape[a] == 0 for a in axes_of(where, axes, x.ndim)):
        raise ShapeError(where, got="the axis is empty", expected="at least one element")
