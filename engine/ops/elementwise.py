"""Functions of single elements: one tensor in, one of the same shape out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import TypeMismatch
from engine.ops.base import Op, Spec

BOOL = np.dtype("bool")


class Unary(Op):
    """One tensor in, one of the same shape and dtype out."""

    def shape(self, x):
        return Spec(x.shape, x.dtype)


class Neg(Unary):
    """-x"""

    def shape(self, x):
        refuse_truths("negation", x.dtype, "use ~ or logical_not")
        return super().shape(x)

    def forward(self, k, x):
        return k.neg(x)

    def backward(self, k, grad, needs):
        return (k.neg(grad),)


class Exp(Unary):
    """e ** x"""

    saves = ("out",)

    def forward(self, k, x):
        return k.exp(x)

    def backward(self, k, grad, needs, out):
        return (k.mul(grad, out),)


class Expm1(Unary):
    """e ** x - 1, exact near 0"""

    saves = ("out",)

    def forward(self, k, x):
        return k.expm1(x)

    def backward(self, k, grad, needs, out):
        return (k.mul(grad, k.add(out, 1)),)


class Log(Unary):
    """Natural logarithm"""

    saves = ("x",)

    def forward(self, k, x):
        return k.log(x)

    def backward(self, k, grad, needs, x):
        return (k.div(grad, x),)


class Log1p(Unary):
    """log(1 + x), exact near 0"""

    saves = ("x",)

    def forward(self, k, x):
        return k.log1p(x)

    def backward(self, k, grad, needs, x):
        return (k.div(grad, k.add(x, 1)),)


class Sqrt(Unary):
    """Square root"""

    saves = ("out",)

    def forward(self, k, x):
        return k.sqrt(x)

    def backward(self, k, grad, needs, out):
        return (k.div(k.mul(grad, 0.5), out),)


class Deviation(Unary):
    """Square root, with no gradient where it is 0: a standard deviation of a variance"""

    saves = ("out",)

    def forward(self, k, x):
        return k.sqrt(x)

    def backward(self, k, grad, needs, out):
        nothing = k.eq(out, 0)
        return (k.where(nothing, k.mul(grad, 0), k.div(k.mul(grad, 0.5), k.where(nothing, 1, out))),)


class Abs(Unary):
    """|x|; the gradient at 0 is 0"""

    saves = ("x",)

    def forward(self, k, x):
        return k.abs(x)

    def backward(self, k, grad, needs, x):
        return (k.mul(grad, k.sign(x)),)


class Sin(Unary):
    """Sine of x in radians"""

    saves = ("x",)

    def forward(self, k, x):
        return k.sin(x)

    def backward(self, k, grad, needs, x):
        return (k.mul(grad, k.cos(x)),)


class Cos(Unary):
    """Cosine of x in radians"""

    saves = ("x",)

    def forward(self, k, x):
        return k.cos(x)

    def backward(self, k, grad, needs, x):
        return (k.neg(k.mul(grad, k.sin(x))),)


class Erf(Unary):
    """The error function"""

    saves = ("x",)

    def forward(self, k, x):
        return k.erf(x)

    def backward(self, k, grad, needs, x):
        return (k.mul(grad, k.mul(k.exp(k.neg(k.square(x))), 2 / np.pi**0.5)),)


class Flat(Unary):
    """A step function: its gradient is 0 everywhere."""

    def backward(self, k, grad, needs):
        return (k.zeros(tuple(grad.shape), grad.dtype),)


class Sign(Flat):
    """-1, 0 or 1"""

    def forward(self, k, x):
        return k.sign(x)


class Floor(Flat):
    """The next whole number below"""

    def forward(self, k, x):
        return k.floor(x)


class Ceil(Flat):
    """The next whole number above"""

    def forward(self, k, x):
        return k.ceil(x)


class Round(Flat):
    """The nearest whole number, halves to the even one"""

    def forward(self, k, x):
        return k.round(x)


@dataclass(eq=False)
class Test(Op):
    """isnan, isinf, isfinite or logical_not of each element -> bool."""

    kind: str
    differentiable = False
    __test__ = False  # no test class, whatever pytest reads in the name

    def shape(self, x):
        return Spec(x.shape, BOOL)

    def forward(self, k, x):
        return getattr(k, self.kind)(x)


@dataclass(eq=False)
class Clamp(Unary):
    """x, no less than low and no more than high; the gradient passes inside the limits, ends included."""

    low: float | None
    high: float | None
    saves = ("x",)

    def forward(self, k, x):
        return k.clip(x, self.low, self.high)

    def backward(self, k, grad, needs, x):
        return (k.mul(grad, k.between(x, self.low, self.high)),)


class Cast(Op):
    """The same values as another dtype."""

    saves = ("x",)

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        self.differentiable = self.dtype.kind == "f"

    def shape(self, x):
        return Spec(x.shape, self.dtype)

    def forward(self, k, x):
        return k.astype(x, self.dtype)

    def backward(self, k, grad, needs, x):
        return (k.astype(grad, x.dtype),)

    def flops(self, *specs):
        return 0


def refuse_truths(where: str, dtype: Any, mend: str) -> None:
    """A TypeMismatch where the values are truth values."""
    if dtype.kind == "b":
        raise TypeMismatch(where, got="the values are bool", expected="numbers", mend=mend)


def require_float(where: str, dtype: Any) -> None:
    """A TypeMismatch where the values are no real numbers."""
    if dtype.kind != "f":
        raise TypeMismatch(where, got=f"the values are {dtype}", expected="float32 or float64", mend="call .float()")
