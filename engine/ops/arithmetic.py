"""Arithmetic and comparison: of two tensors, stretched to a common shape, and of a tensor and a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import OptionError, TypeMismatch
from engine.ops.base import Op, Spec, broadcast
from engine.ops.elementwise import BOOL, Unary, refuse_truths


class Binary(Op):
    """Two tensors of one dtype, stretched to a common shape."""

    def shape(self, a, b):
        return Spec(broadcast(self.name.lower(), a.shape, b.shape), a.dtype)


class Add(Binary):
    """a + b"""

    saves = ("a.shape", "b.shape")

    def forward(self, k, a, b):
        return k.add(a, b)

    def backward(self, k, grad, needs, a_shape, b_shape):
        return k.sum_to(grad, a_shape) if needs[0] else None, k.sum_to(grad, b_shape) if needs[1] else None


class Sub(Binary):
    """a - b"""

    saves = ("a.shape", "b.shape")

    def shape(self, a, b):
        refuse_truths("subtraction", a.dtype, "use ^ or logical_xor")
        return super().shape(a, b)

    def forward(self, k, a, b):
        return k.sub(a, b)

    def backward(self, k, grad, needs, a_shape, b_shape):
        return k.sum_to(grad, a_shape) if needs[0] else None, k.sum_to(k.neg(grad), b_shape) if needs[1] else None


class Mul(Binary):
    """a * b"""

    saves = ("a", "b")

    def forward(self, k, a, b):
        return k.mul(a, b)

    def backward(self, k, grad, needs, a, b):
        return (
            k.sum_to(k.mul(grad, b), a.shape) if needs[0] else None,
            k.sum_to(k.mul(grad, a), b.shape) if needs[1] else None,
        )


class Div(Binary):
    """a / b"""

    saves = ("a", "b")

    def forward(self, k, a, b):
        return k.div(a, b)

    def backward(self, k, grad, needs, a, b):
        by_a = k.div(grad, b)
        by_b = k.neg(k.div(k.mul(by_a, a), b)) if needs[1] else None
        return k.sum_to(by_a, a.shape) if needs[0] else None, k.sum_to(by_b, b.shape) if needs[1] else None


class Pow(Binary):
    """a ** b"""

    saves = ("a", "b", "out")

    def forward(self, k, a, b):
        return k.pow(a, b)

    def backward(self, k, grad, needs, a, b, out):
        by_a = by_b = None
        if needs[0]:  # b a^(b - 1), 0 where b is 0
            slope = k.where(k.eq(b, 0), k.mul(b, 0), k.mul(b, k.pow(a, k.sub(b, 1))))
            by_a = k.sum_to(k.mul(grad, slope), a.shape)
        if needs[1]:  # a^b log a, 0 where a is 0
            zero = k.eq(a, 0)
            log = k.log(k.where(zero, 1, a))
            by_b = k.sum_to(k.mul(grad, k.mul(out, log)), b.shape)
        return by_a, by_b


class Maximum(Binary):
    """The greater of a and b; where they are equal each gets half of the gradient."""

    saves = ("a", "b")

    def forward(self, k, a, b):
        return k.maximum(a, b)

    def backward(self, k, grad, needs, a, b):
        return _shared(k, grad, a, b, k.gt(a, b))


class Minimum(Binary):
    """The smaller of a and b; where they are equal each gets half of the gradient."""

    saves = ("a", "b")

    def forward(self, k, a, b):
        return k.minimum(a, b)

    def backward(self, k, grad, needs, a, b):
        return _shared(k, grad, a, b, k.lt(a, b))


def _shared(k: Any, grad: Any, a: Any, b: Any, a_wins: Any) -> tuple[Any, Any]:
    half = k.mul(grad, 0.5)
    zero = k.mul(grad, 0)
    tie = k.eq(a, b)
    by_a = k.where(tie, half, k.where(a_wins, grad, zero))
    by_b = k.where(tie, half, k.where(a_wins, zero, grad))
    return k.sum_to(by_a, a.shape), k.sum_to(by_b, b.shape)


class Where(Op):
    """a where the condition holds, b elsewhere."""

    saves = ("condition", "a.shape", "b.shape")

    def shape(self, condition, a, b):
        if condition.dtype.kind != "b":
            raise TypeMismatch("where", got=f"the condition is {condition.dtype}", expected="truth values",
                               mend="compare it, as in mask > 0, or call .bool()")  # fmt: skip
        return Spec(broadcast("where", condition.shape, a.shape, b.shape), a.dtype)

    def forward(self, k, condition, a, b):
        if condition.dtype.kind != "b":
            self.shape(condition, a, b)
        return k.where(condition, a, b)

    def backward(self, k, grad, needs, condition, a_shape, b_shape):
        zero = k.mul(grad, 0)
        return (
            None,
            k.sum_to(k.where(condition, grad, zero), a_shape) if needs[1] else None,
            k.sum_to(k.where(condition, zero, grad), b_shape) if needs[2] else None,
        )


@dataclass(eq=False)
class Compare(Op):
    """a `kind` b -> bool; kind is the kernel's name: eq, ne, lt, le, gt, ge, logical_and, logical_or, logical_xor."""

    kind: str
    differentiable = False

    @property
    def name(self):
        return self.kind

    def shape(self, a, b):
        return Spec(broadcast(self.kind, a.shape, b.shape), BOOL)

    def forward(self, k, a, b):
        return getattr(k, self.kind)(a, b)


@dataclass(eq=False)
class CompareScalar(Op):
    """x `kind` value -> bool."""

    kind: str
    value: float
    differentiable = False

    def shape(self, x):
        return Spec(x.shape, BOOL)

    def forward(self, k, x):
        return getattr(k, self.kind)(x, self.value)


@dataclass(eq=False)
class Division(Op):
    """floor_divide of whole or real numbers, with no gradient."""

    kind: str
    differentiable = False

    def shape(self, a, b):
        return Spec(broadcast(self.kind, a.shape, b.shape), a.dtype)

    def forward(self, k, a, b):
        refuse_zero(k, self.kind, b)
        return getattr(k, self.kind)(a, b)


def refuse_zero(k: Any, where: str, b: Any) -> None:
    """An OptionError where a whole number would be divided by 0."""
    if b.dtype.kind in "iu" and not k.all(b):
        raise OptionError(where, got="a whole number is divided by 0", expected="a divisor other than 0",
                          mend="call .float() for infinity")  # fmt: skip


@dataclass(eq=False)
class AddScalar(Unary):
    """x + value"""

    value: float

    def forward(self, k, x):
        return k.add(x, self.value)

    def backward(self, k, grad, needs):
        return (grad,)


@dataclass(eq=False)
class RSubScalar(Unary):
    """value - x"""

    value: float

    def forward(self, k, x):
        return k.sub(self.value, x)

    def backward(self, k, grad, needs):
        return (k.neg(grad),)


@dataclass(eq=False)
class Scale(Unary):
    """x * value"""

    value: float

    def forward(self, k, x):
        return k.mul(x, self.value)

    def backward(self, k, grad, needs):
        return (k.mul(grad, self.value),)


@dataclass(eq=False)
class DivScalar(Unary):
    """x / value"""

    value: float

    def forward(self, k, x):
        return k.div(x, self.value)

    def backward(self, k, grad, needs):
        return (k.div(grad, self.value),)


@dataclass(eq=False)
class RDivScalar(Unary):
    """value / x"""

    value: float
    saves = ("x", "out")

    def forward(self, k, x):
        return k.div(self.value, x)

    def backward(self, k, grad, needs, x, out):
        return (k.neg(k.div(k.mul(grad, out), x)),)


@dataclass(eq=False)
class PowScalar(Unary):
    """x ** value"""

    value: float
    saves = ("x",)

    def shape(self, x):
        if x.dtype.kind in "iu" and self.value < 0:
            raise TypeMismatch("pow", got=f"whole numbers to the power {self.value}", expected="a power of 0 or more",
                               mend="call .float()")  # fmt: skip
        return super().shape(x)

    def forward(self, k, x):
        return k.square(x) if self.value == 2 else k.pow(x, self.value)

    def backward(self, k, grad, needs, x):
        if self.value == 2:
            return (k.mul(k.mul(grad, x), 2),)
        if self.value == 0:
            return (k.mul(grad, 0),)
        return (k.mul(grad, k.mul(k.pow(x, self.value - 1), self.value)),)


@dataclass(eq=False)
class RPowScalar(Unary):
    """value ** x"""

    value: float
    saves = ("out",)

    def forward(self, k, x):
        return k.pow(self.value, x)

    def backward(self, k, grad, needs, out):
        return (k.mul(grad, k.mul(out, float(np.log(self.value)) if self.value > 0 else 0.0)),)
