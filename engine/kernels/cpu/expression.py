"""Formulas over elements: a small tree that kernels write into their loops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.kernels.cpu import maths
from engine.kernels.cpu.values import Value

OPERATIONS: dict[str, Callable[..., Value]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "maximum": lambda a, b: a.code.select(maths.is_nan(a), a, a.code.select(b < a, a, b)),
    "minimum": lambda a, b: a.code.select(maths.is_nan(a), a, a.code.select(a < b, a, b)),
    "fma": lambda a, b, c: a.code.fma(a, b, c),
    "relu": lambda a: a.code.select(a < 0.0, a.code.like(0.0, a), a),  # NaN stays
    "where_positive": lambda gate, a, b: a.code.select(gate > 0.0, a, b),
    "where_less": lambda x, y, a, b: a.code.select(x < y, a, b),
    "absolute": maths.absolute,
    "sqrt": maths.sqrt,
    "exp": maths.exp,
    "exp_negative": maths.exp_negative,
    "expm1_negative": maths.expm1_negative,
    "log": maths.log,
    "log1p": maths.log1p,
    "tanh": maths.tanh,
    "sigmoid": maths.sigmoid,
    "logistic": maths.logistic,
    "softplus": maths.softplus,
    "erf": maths.erf,
    "gelu": maths.gelu,
    "gelu_slope": maths.gelu_slope,
    "ratio_to_root": maths.ratio_to_root,
}


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
    """The same for every element."""
    return Expr("number", (float(value),))


def apply(op: str, *args: Any) -> Expr:
    """An operation of OPERATIONS on expressions and numbers.

    Raises:
        KeyError: there is no such operation.
    """
    if op not in OPERATIONS:
        raise KeyError(op)
    return Expr(op, tuple(a if isinstance(a, Expr) else number(a) for a in args))


def evaluate(expr: Expr, values: dict[str, Value], known: dict[Expr, Value] | None = None) -> Value:
    """Write an expression; what occurs twice is computed once."""
    known = {} if known is None else known
    if expr.op == "leaf":
        return values[expr.args[0]]
    if expr not in known:
        model = next(iter(values.values()))
        if expr.op == "number":
            known[expr] = model.code.like(expr.args[0], model)
        else:
            known[expr] = OPERATIONS[expr.op](*(evaluate(arg, values, known) for arg in expr.args))
    return known[expr]


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
