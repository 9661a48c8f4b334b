"""Formulas over elements, as kernels write them into their loops."""

from __future__ import annotations

from collections.abc import Callable

from engine.kernels.cpu import maths
from engine.kernels.cpu.values import Value
from engine.kernels.formula import Expr, apply, leaf, number, substitute

__all__ = ["OPERATIONS", "Expr", "apply", "evaluate", "leaf", "number", "substitute"]

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
    "sign": lambda a: a.code.select(a > 0.0, a.code.like(1.0, a), a.code.select(a < 0.0, a.code.like(-1.0, a), a)),
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
