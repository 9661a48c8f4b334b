"""Along one axis: products and extremes so far, order, and search."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from engine.errors import ShapeError
from engine.ops.base import Op, Spec, axis_of, times
from engine.ops.elementwise import BOOL

INT64 = np.dtype("int64")


def _turned(k, x, axis):
    return k.getitem(x, (slice(None),) * (axis % x.ndim) + (slice(None, None, -1), Ellipsis))


def _sum_from_here(k, x, axis):
    return _turned(k, k.cumsum(_turned(k, x, axis), axis), axis)


@dataclass(eq=False)
class CumProd(Op):
    """The product so far along an axis."""

    axis: int
    saves = ("x", "out")

    def shape(self, x):
        axis_of("cumprod", self.axis, x.ndim)
        return Spec(x.shape, x.dtype if x.dtype.kind == "f" else INT64)

    def forward(self, k, x):
        return k.cumprod(x, self.axis)

    def backward(self, k, grad, needs, x, out):
        """Before the first 0 of a row out / x is what multiplies x; at that 0 the product without it; then nothing."""
        zero = k.eq(x, 0)
        zeros = k.cumsum(zero, self.axis)
        first = k.logical_and(zero, k.eq(zeros, 1))
        without = k.cumprod(k.where(first, 1, x), self.axis)
        reached = k.where(k.ge(zeros, 1), k.mul(grad, without), 0)
        before = k.div(_sum_from_here(k, k.mul(grad, out), self.axis), k.where(zero, 1, x))
        at = k.where(first, _sum_from_here(k, reached, self.axis), 0)
        return (k.astype(k.where(k.eq(zeros, 0), before, at), x.dtype),)


@dataclass(eq=False)
class LogCumSumExp(Op):
    """log of the sum of exp(x) so far along an axis, without overflow."""

    axis: int
    saves = ("x", "out")

    def shape(self, x):
        axis_of("logcumsumexp", self.axis, x.ndim)
        return Spec(x.shape, x.dtype)

    def forward(self, k, x):
        return k.logcumsumexp(x, self.axis)

    def backward(self, k, grad, needs, x, out):
        # Σ grad exp(x - out) over all from here on, by logarithms of what is above and of what is below 0
        def part(chosen, size):
            log = k.sub(k.where(chosen, k.log(k.where(chosen, size, 1)), -inf), out)
            return k.exp(k.add(_turned(k, k.logcumsumexp(_turned(k, log, self.axis), self.axis), self.axis), x))

        return (k.sub(part(k.gt(grad, 0), grad), part(k.lt(grad, 0), k.neg(grad))),)

    def flops(self, x):
        return 4 * x.size


@dataclass(eq=False)
class CumArg(Op):
    """Where the greatest ("cummax") or smallest ("cummin") value so far stands along an axis."""

    kind: str
    axis: int
    differentiable = False

    def shape(self, x):
        axis_of(self.kind, self.axis, x.ndim)
        return Spec(x.shape, INT64)

    def forward(self, k, x):
        return getattr(k, f"{self.kind}_index")(x, self.axis)


@dataclass(eq=False)
class ArgSort(Op):
    """The order of the values along an axis, equal ones in the order in which they came."""

    axis: int
    descending: bool
    differentiable = False

    def shape(self, x):
        axis_of("sort", self.axis, x.ndim)
        return Spec(x.shape, INT64)

    def forward(self, k, x):
        return k.argsort(x, self.axis, self.descending)


@dataclass(eq=False)
class SearchSorted(Op):
    """How many boundaries lie before each value.   boundaries (..., N) or (N), values (..., M) -> (..., M)"""

    right: bool
    differentiable = False
    checked = True

    def shape(self, boundaries, values):
        if boundaries.ndim != 1 and boundaries.shape[:-1] != values.shape[:-1]:
            raise ShapeError("searchsorted", got=f"boundaries of {times(boundaries.shape)} for {times(values.shape)}",
                             expected="one row, or as many as the values have")  # fmt: skip
        return Spec(values.shape, INT64)

    def forward(self, k, boundaries, values):
        return k.searchsorted(boundaries, values, self.right)


class IsIn(Op):
    """Whether each element is among the candidates."""

    differentiable = False

    def shape(self, x, candidates):
        return Spec(x.shape, BOOL)

    def forward(self, k, x, candidates):
        return k.isin(x, candidates)
