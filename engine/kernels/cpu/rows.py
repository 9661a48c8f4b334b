"""Kernels that work row by row of a matrix: softmax, cross-entropy, layer normalisation."""

from __future__ import annotations

import math

import llvmlite.ir as ir

from engine.kernels.cpu import maths
from engine.kernels.cpu.cross_entropy import cross_entropy
from engine.kernels.cpu.emit import Code
from engine.kernels.cpu.layer_norm import layer_norm, layer_norm_gradient
from engine.kernels.cpu.program import Plan
from engine.kernels.cpu.rowwise import by_rows, each, log_sum, plan, sum_of
from engine.kernels.cpu.values import Value

__all__ = ["cross_entropy", "layer_norm", "layer_norm_gradient", "softmax", "softmax_gradient"]


def softmax(rows: int, columns: int, logarithm: bool = False) -> Plan:
    """y = softmax(x), or its logarithm, along the columns. Arrays: x, y (rows, columns)."""
    return plan(emit_softmax, rows, columns, ("x", "y"), logarithm)


def softmax_gradient(rows: int, columns: int, logarithm: bool = False) -> Plan:
    """dx = y (dy - Σ dy y), or dy - eʸ Σ dy for the logarithm. Arrays: y, dy, dx."""
    return plan(emit_softmax_gradient, rows, columns, ("y", "dy", "dx"), logarithm)


def emit_softmax(rows: int, columns: int, logarithm: bool) -> ir.Module:
    def row(code: Code, x: Value, y: Value) -> None:
        top, total = log_sum(code, x, columns)
        if logarithm:
            rest = maths.log(total)
            each(code, columns, lambda load: (load(x) - top) - rest, y)  # top first: then there is nothing to cancel
        else:
            factor = 1.0 / total
            each(code, columns, lambda load: maths.exp_negative(load(x, -math.inf) - top) * factor, y)

    return by_rows("softmax", rows, (columns, columns), row)


def emit_softmax_gradient(rows: int, columns: int, logarithm: bool) -> ir.Module:
    def row(code: Code, y: Value, dy: Value, dx: Value) -> None:
        if logarithm:
            total = code.total(sum_of(code, columns, lambda load: load(dy)))
            each(code, columns, lambda load: load(dy) - maths.exp(load(y)) * total, dx)
        else:
            total = code.total(sum_of(code, columns, lambda load: load(dy) * load(y)))
            each(code, columns, lambda load: load(y) * (load(dy) - total), dx)

    return by_rows("softmax_gradient", rows, (columns, columns, columns), row)
