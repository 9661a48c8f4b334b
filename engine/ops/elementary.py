"""Elementary and special functions of single elements: a table of kernels, each with the slope of its function."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi, sqrt

from engine.ops.arithmetic import Binary, refuse_zero
from engine.ops.elementwise import Flat, Unary


def _by_x(k, value, x):
    """i1(x) / x, which is 1/2 at 0."""
    zero = k.eq(x, 0)
    return k.where(zero, 0.5, k.div(value, k.where(zero, 1, x)))


BY_INPUT = {
    "asin": lambda k, x: k.pow(k.sub(1, k.square(x)), -0.5),
    "acos": lambda k, x: k.neg(k.pow(k.sub(1, k.square(x)), -0.5)),
    "atan": lambda k, x: k.div(1, k.add(k.square(x), 1)),
    "sinh": lambda k, x: k.cosh(x),
    "cosh": lambda k, x: k.sinh(x),
    "asinh": lambda k, x: k.pow(k.add(k.square(x), 1), -0.5),
    "acosh": lambda k, x: k.pow(k.sub(k.square(x), 1), -0.5),
    "atanh": lambda k, x: k.div(1, k.sub(1, k.square(x))),
    "log2": lambda k, x: k.div(1 / log(2), x),
    "log10": lambda k, x: k.div(1 / log(10), x),
    "erfc": lambda k, x: k.mul(k.exp(k.neg(k.square(x))), -2 / sqrt(pi)),
    "lgamma": lambda k, x: k.polygamma(x, 0),
    "erfcx": lambda k, x: k.sub(k.mul(k.mul(x, 2), k.erfcx(x)), 2 / sqrt(pi)),
    "i0": lambda k, x: k.i1(x),
    "i0e": lambda k, x: k.sub(k.i1e(x), k.mul(k.sign(x), k.i0e(x))),
    "i1": lambda k, x: k.sub(k.i0(x), _by_x(k, k.i1(x), x)),
    "i1e": lambda k, x: k.sub(k.i0e(x), k.add(k.mul(k.sign(x), k.i1e(x)), _by_x(k, k.i1e(x), x))),
}
"""kernel -> the slope at x."""

BY_RESULT = {
    "tan": lambda k, y: k.add(k.square(y), 1),
    "exp2": lambda k, y: k.mul(y, log(2)),
    "erfinv": lambda k, y: k.mul(k.exp(k.square(y)), sqrt(pi) / 2),
}
"""kernel -> the slope where the result is y."""


@dataclass(eq=False)
class Elementary(Unary):
    """A function of single elements by the name of its kernel, one of BY_INPUT."""

    kind: str
    saves = ("x",)

    def forward(self, k, x):
        return getattr(k, self.kind)(x)

    def backward(self, k, grad, needs, x):
        return (k.mul(grad, BY_INPUT[self.kind](k, x)),)


@dataclass(eq=False)
class ElementaryByResult(Unary):
    """A function of single elements by the name of its kernel, one of BY_RESULT."""

    kind: str
    saves = ("out",)

    def forward(self, k, x):
        return getattr(k, self.kind)(x)

    def backward(self, k, grad, needs, out):
        return (k.mul(grad, BY_RESULT[self.kind](k, out)),)


@dataclass(eq=False)
class Polygamma(Unary):
    """The n-th derivative of digamma, which is the slope of log gamma."""

    order: int
    saves = ("x",)

    def forward(self, k, x):
        return k.polygamma(x, self.order)

    def backward(self, k, grad, needs, x):
        return (k.mul(grad, k.polygamma(x, self.order + 1)),)


class Trunc(Flat):
    """The next whole number towards 0"""

    def forward(self, k, x):
        return k.trunc(x)


@dataclass(eq=False)
class Whole(Unary):
    """bitwise_not of whole numbers or truth values."""

    kind: str
    differentiable = False

    def forward(self, k, x):
        return getattr(k, self.kind)(x)


@dataclass(eq=False)
class WholePair(Binary):
    """bitwise_and, bitwise_or, bitwise_xor, left_shift, right_shift, gcd, lcm, nextafter or heaviside: no gradient."""

    kind: str
    differentiable = False

    @property
    def name(self):
        return self.kind

    def forward(self, k, a, b):
        return getattr(k, self.kind)(a, b)


class ATan2(Binary):
    """The angle of the point (b, a) in radians, from -pi to pi."""

    saves = ("a", "b")

    def forward(self, k, a, b):
        return k.atan2(a, b)

    def backward(self, k, grad, needs, a, b):
        square = k.add(k.square(a), k.square(b))
        nothing = k.eq(square, 0)  # at the origin the slope is 0, as PyTorch has it
        share = k.where(nothing, k.mul(grad, 0), k.div(grad, k.where(nothing, 1, square)))
        return (
            k.sum_to(k.mul(share, b), a.shape) if needs[0] else None,
            k.sum_to(k.neg(k.mul(share, a)), b.shape) if needs[1] else None,
        )


class Hypot(Binary):
    """sqrt(a² + b²), without overflow."""

    saves = ("a", "b", "out")

    def forward(self, k, a, b):
        return k.hypot(a, b)

    def backward(self, k, grad, needs, a, b, out):
        return (
            k.sum_to(k.mul(grad, k.div(a, out)), a.shape) if needs[0] else None,
            k.sum_to(k.mul(grad, k.div(b, out)), b.shape) if needs[1] else None,
        )


class CopySign(Binary):
    """|a| with the sign of b."""

    saves = ("a", "b")

    def forward(self, k, a, b):
        return k.copysign(a, b)

    def backward(self, k, grad, needs, a, b):
        by_a = k.mul(grad, k.mul(k.sign(a), k.copysign(1.0, b))) if needs[0] else None
        by_b = k.sum_to(k.mul(grad, k.mul(b, 0)), b.shape) if needs[1] else None
        return None if by_a is None else k.sum_to(k.astype(by_a, grad.dtype), a.shape), by_b


@dataclass(eq=False)
class LogAdd(Binary):
    """log(e^a + e^b), or the same to the base 2, without overflow; kind is logaddexp or logaddexp2."""

    kind: str
    saves = ("a", "b")

    @property
    def name(self):
        return self.kind

    def forward(self, k, a, b):
        return getattr(k, self.kind)(a, b)

    def backward(self, k, grad, needs, a, b):
        power = k.exp if self.kind == "logaddexp" else k.exp2
        return (
            k.sum_to(k.div(grad, k.add(power(k.sub(b, a)), 1)), a.shape) if needs[0] else None,
            k.sum_to(k.div(grad, k.add(power(k.sub(a, b)), 1)), b.shape) if needs[1] else None,
        )


@dataclass(eq=False)
class Modulo(Binary):
    """What is left of a after whole times b: with b's sign ("remainder") or with a's ("fmod")."""

    kind: str
    saves = ("a", "b")

    @property
    def name(self):
        return self.kind

    def forward(self, k, a, b):
        refuse_zero(k, self.kind, b)
        return getattr(k, self.kind)(a, b)

    def backward(self, k, grad, needs, a, b):
        times = k.floor if self.kind == "remainder" else k.trunc
        return (
            k.sum_to(grad, a.shape) if needs[0] else None,
            k.sum_to(k.neg(k.mul(grad, times(k.div(a, b)))), b.shape) if needs[1] else None,
        )
