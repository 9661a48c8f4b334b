"""Formulas over elements as small trees, written once: kernels compile them, or work them off call by call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import copysign
from typing import Any


@dataclass(frozen=True)
class Expr:
    """An operation on expressions, or a leaf: ("leaf", name) or ("number", value).

    >>> (leaf("x") * 2.0 + leaf("y")).leaves()
    ('x', 'y')
    """

    op: str
    args: tuple[Any, ...]

    def __add__(self, other: Any) -> Expr:
        return apply("add", self, other)

    def __sub__(self, other: Any) -> Expr:
        return apply("sub", self, other)

    def __rsub__(self, other: Any) -> Expr:
        return apply("sub", other, self)

    def __mul__(self, other: Any) -> Expr:
        return apply("mul", self, other)

    def __truediv__(self, other: Any) -> Expr:
        return apply("div", self, other)

    def __rtruediv__(self, other: Any) -> Expr:
        return apply("div", other, self)

    def __neg__(self) -> Expr:
        return apply("neg", self)

    __radd__, __rmul__ = __add__, __mul__

    def leaves(self) -> tuple[str, ...]:
        """The names of all leaves, in order of their first use."""
        if self.op == "leaf":
            return (self.args[0],)
        if self.op == "number":
            return ()
        return tuple(dict.fromkeys(name for arg in self.args for name in arg.leaves()))


def leaf(name: str) -> Expr:
    """What differs from element to element, by name."""
    return Expr("leaf", (name,))


def number(value: float) -> Expr:
    """The same for every element; -0.0 is less 0.0, so that formulas that compare as equal are the same."""
    value = float(value)
    return -Expr("number", (0.0,)) if value == 0 and copysign(1.0, value) < 0 else Expr("number", (value,))


def apply(op: str, *args: Any) -> Expr:
    """An operation on expressions and numbers, by its name in `cpu.expression.OPERATIONS`."""
    return Expr(op, tuple(a if isinstance(a, Expr) else number(a) for a in args))


def substitute(expr: Expr, leaves: Mapping[str, Expr]) -> Expr:
    """The expression with some of its leaves replaced.

    >>> substitute(leaf("x") * 2.0, {"x": leaf("y")}) == leaf("y") * 2.0
    True
    """
    if expr.op == "leaf":
        return leaves.get(expr.args[0], expr)
    if expr.op == "number":
        return expr
    return Expr(expr.op, tuple(substitute(arg, leaves) for arg in expr.args))
