"""Putting values where an index says: with as many axes as the tensor, or one for each axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.errors import ShapeError, TypeMismatch
from engine.ops.base import Op, Spec, axis_of, times


@dataclass(eq=False)
class _Scatter(Op):
    """out[index[i][j]][j] comes from values[i][j], for axis 0."""

    axis: int
    checked = True

    @property
    def name(self):
        return "scatter"

    def shape(self, x, index, values=None):
        axis = axis_of(self.name, self.axis, x.ndim)
        if index.dtype.kind not in "iu":
            raise TypeMismatch(self.name, got=f"the index is {index.dtype}", expected="whole numbers",
                               mend="call .long() on it")  # fmt: skip
        fits = index.ndim == x.ndim and all(m <= n for i, (n, m) in enumerate(zip(x.shape, index.shape)) if i != axis)
        if values is not None:
            fits = fits and values.ndim == x.ndim and all(m <= n for n, m in zip(values.shape, index.shape))
        if not fits and index.size:
            of = "" if values is None else f" and values of {times(values.shape)}"
            raise ShapeError(self.name, got=f"an index of {times(index.shape)}{of} for {times(x.shape)}",
                             expected="as many axes, and no index longer than what it puts and where")  # fmt: skip
        return Spec(x.shape, x.dtype)

    def back(self, k, grad, index, shape):
        """The gradient of the values: what their places got; values beyond the index got nothing."""
        got = k.gather(grad, index, self.axis)
        if got.shape == shape:
            return got
        return k.put(shape, tuple(slice(n) for n in index.shape), got)

    def flops(self, *specs):
        return 0


class Scatter(_Scatter):
    """x with values put in."""

    saves = ("index", "values.shape")

    def forward(self, k, x, index, values):
        return k.scatter(x, index, values, self.axis)

    def backward(self, k, grad, needs, index, shape):
        return (
            k.scatter_fill(grad, index, 0, self.axis) if needs[0] else None,
            None,
            self.back(k, grad, index, shape) if needs[2] else None,
        )


@dataclass(eq=False)
class ScatterFill(_Scatter):
    """x with one number put in."""

    value: float
    saves = ("index",)

    def forward(self, k, x, index):
        return k.scatter_fill(x, index, self.value, self.axis)

    def backward(self, k, grad, needs, index):
        return k.scatter_fill(grad, index, 0, self.axis), None


class ScatterAdd(_Scatter):
    """x with values added."""

    saves = ("index", "values.shape")

    def forward(self, k, x, index, values):
        return k.scatter_add(x, index, values, self.axis)

    def backward(self, k, grad, needs, index, shape):
        return grad if needs[0] else None, None, self.back(k, grad, index, shape) if needs[2] else None


@dataclass(eq=False)
class ScatterExtreme(_Scatter):
    """The greatest ("amax") or smallest ("amin") of the values and, if it counts, of what was there.

    Places that hold the extreme share the gradient evenly.
    """

    kind: str
    include_self: bool
    saves = ("x", "index", "values", "out")

    def forward(self, k, x, index, values):
        return k.scatter_extreme(self.kind, x, index, values, self.axis, self.include_self)

    def backward(self, k, grad, needs, x, index, values, out):
        given = k.getitem(values, tuple(slice(n) for n in index.shape))
        chosen = k.astype(k.eq(given, k.gather(out, index, self.axis)), grad.dtype)
        own = k.astype(k.eq(x, out), grad.dtype)
        if not self.include_self:
            own = k.scatter_fill(own, index, 0, self.axis)
        count = k.scatter_add(own, index, chosen, self.axis)
        share = k.div(grad, k.where(k.eq(count, 0), 1, count))
        by_values = k.mul(k.gather(share, index, self.axis), chosen)
        if by_values.shape != values.shape:
            by_values = k.put(values.shape, tuple(slice(n) for n in index.shape), by_values)
        return k.mul(share, own) if needs[0] else None, None, by_values if needs[2] else None


class ScatterProd(_Scatter):
    """x with values multiplied in; where a factor is 0, the gradient of the gradient takes it for a constant."""

    saves = ("x", "index", "values")

    def forward(self, k, x, index, values):
        return k.scatter_prod(x, index, values, self.axis)

    def backward(self, k, grad, needs, x, index, values):
        """What multiplies a value is the product of all others for its place; with one 0 among them, only the 0's."""
        given = k.getitem(values, tuple(slice(n) for n in index.shape))
        x_zero, zero = k.eq(x, 0), k.eq(given, 0)
        zeros = k.scatter_add(k.astype(x_zero, "int64"), index, k.astype(zero, "int64"), self.axis)
        others = k.mul(grad, k.scatter_prod(k.where(x_zero, 1, x), index, k.where(zero, 1, given), self.axis))

        def share(others, zeros, value, is_zero):
            alone = k.where(k.logical_and(is_zero, k.eq(zeros, 1)), others, k.mul(others, 0))
            return k.where(k.eq(zeros, 0), k.div(others, k.where(is_zero, 1, value)), alone)

        by_x = share(others, zeros, x, x_zero)
        by_values = share(k.gather(others, index, self.axis), k.gather(zeros, index, self.axis), given, zero)
        if by_values.shape != values.shape:
            by_values = k.put(values.shape, tuple(slice(n) for n in index.shape), by_values)
        return by_x if needs[0] else None, None, by_values if needs[2] else None


class PutAdd(Op):
    """x with values added at an index with integer arrays, which may name a place twice."""

    saves = ("values.shape",)

    def __init__(self, index: tuple[Any, ...]) -> None:
        self.index = index

    def shape(self, x, values):
        return Spec(x.shape, x.dtype)

    def forward(self, k, x, values):
        place = k.getitem(x, self.index).shape
        return k.add(x, k.put_add(x.shape, self.index, k.broadcast_to(values, place)))

    def backward(self, k, grad, needs, shape):
        return grad if needs[0] else None, k.sum_to(k.getitem(grad, self.index), shape) if needs[1] else None
