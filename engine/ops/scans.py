"""Along one axis: products and extremes so far, order, and search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.errors import ShapeError
from engine.ops.base import Op, Spec, axis_of, times
from engine.ops.elementwise import BOOL

INT64 = np.dtype("int64")


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
        return (k.cumprod_backward(grad, x, out, self.axis),)


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
        return (k.logcumsumexp_backward(grad, x, out, self.axis),)

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
