"""Kernels that work row by row of a matrix: softmax, cross-entropy, layer normalisation."""

from __future__ import annotations

import math
from collections.abc import Callable

import llvmlite.ir as ir

from engine.kernels.cpu import maths
from engine.kernels.cpu.elementwise import SMALL_LOOP, channel_sums
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.expression import leaf
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.values import I64, Value

Load = Callable[..., Value]


def softmax(rows: int, columns: int, logarithm: bool = False) -> Plan:
    """y = softmax(x), or its logarithm, along the columns. Arrays: x, y (rows, columns)."""
    return _plan(emit_softmax, rows, columns, ("x", "y"), logarithm)


def softmax_gradient(rows: int, columns: int, logarithm: bool = False) -> Plan:
    """dx = y (dy - Σ dy y), or dy - eʸ Σ dy for the logarithm. Arrays: y, dy, dx."""
    return _plan(emit_softmax_gradient, rows, columns, ("y", "dy", "dx"), logarithm)


def cross_entropy(rows: int, columns: int, with_gradient: bool = True) -> Plan:
    """losses = -log softmax(x)[target], and dx = (softmax(x) - onehot(target)) · scale.

    Arrays: x (rows, columns), target (rows) int64 from 0 to columns - 1, losses (rows), and with the gradient
    scale (1), which holds 1 / rows for the mean, and dx. The caller answers for the range of the targets.
    """
    names = ("x", "target", "losses", *(("scale", "dx") if with_gradient else ()))
    return _plan(emit_cross_entropy, rows, columns, names, with_gradient)


def layer_norm(rows: int, columns: int, eps: float = 1e-5, affine: bool = True) -> Plan:
    """y = (x - mean) / √(var + eps) · weight + bias. Arrays: x, y, mean (rows), rstd (rows), weight, bias (columns)."""
    names = ("x", "y", "mean", "rstd", *(("weight", "bias") if affine else ()))
    return _plan(emit_layer_norm, rows, columns, names, eps, affine)


def layer_norm_gradient(rows: int, columns: int, affine: bool = True) -> Plan:
    """dx, and "dweight dbias" (2, columns). Arrays: x, dy, mean, rstd, dx, weight, "dweight dbias"."""
    names = ("x", "dy", "mean", "rstd", "dx", *(("weight",) if affine else ()))
    plan = _plan(emit_layer_norm_gradient, rows, columns, names, affine)
    if not affine:
        return plan
    normalised = (leaf("x") - leaf("mean")) * leaf("rstd")
    sums = channel_sums(rows, columns, {"x": "all", "dy": "all", "mean": "row", "rstd": "row"},
                        {"dweight": leaf("dy") * normalised, "dbias": leaf("dy")})  # fmt: skip
    return Plan((*plan.steps, *sums.steps), sums.scratch)


def emit_softmax(rows: int, columns: int, logarithm: bool) -> ir.Module:
    def row(code: Code, x: Value, y: Value) -> None:
        top, total = _log_sum(code, x, columns)
        if logarithm:
            rest = maths.log(total)
            _each(code, columns, lambda load: (load(x) - top) - rest, y)  # top first: then there is nothing to cancel
        else:
            factor = 1.0 / total
            _each(code, columns, lambda load: maths.exp(load(x, -math.inf) - top) * factor, y)

    return _by_rows("softmax", rows, (columns, columns), row)


def emit_softmax_gradient(rows: int, columns: int, logarithm: bool) -> ir.Module:
    def row(code: Code, y: Value, dy: Value, dx: Value) -> None:
        if logarithm:
            total = code.total(_sum(code, columns, lambda load: load(dy)))
            _each(code, columns, lambda load: load(dy) - maths.exp(load(y)) * total, dx)
        else:
            total = code.total(_sum(code, columns, lambda load: load(dy) * load(y)))
            _each(code, columns, lambda load: load(y) * (load(dy) - total), dx)

    return _by_rows("softmax_gradient", rows, (columns, columns, columns), row)


def emit_cross_entropy(rows: int, columns: int, with_gradient: bool) -> ir.Module:
    def row(code: Code, x: Value, target: Value, loss: Value, *gradient: Value) -> None:
        top, total = _log_sum(code, x, columns)
        wanted = code.load(target, 0, kind=I64)
        code.store(maths.log(total) - (code.load(x, wanted) - top), loss)
        if gradient:
            scale, dx = code.load(gradient[0]), gradient[1]
            factor = scale / total
            _each(code, columns, lambda load: maths.exp(load(x, -math.inf) - top) * factor, dx)
            code.store(code.load(dx, wanted) - scale, dx, wanted)

    pitches = (columns, 2, 1, *((0, columns) if with_gradient else ()))  # a target takes the room of two floats
    return _by_rows("cross_entropy", rows, pitches, row)


def emit_layer_norm(rows: int, columns: int, eps: float, affine: bool) -> ir.Module:
    def row(code: Code, x: Value, y: Value, mean: Value, rstd: Value, *weights: Value) -> None:
        center = code.total(_sum(code, columns, lambda load: load(x))) * (1 / columns)
        spread = _sum(code, columns, lambda load: _squared(load(x, center) - center))
        scale = 1.0 / maths.sqrt(code.total(spread) * (1 / columns) + eps)
        code.store(center, mean)
        code.store(scale, rstd)

        def result(load: Load) -> Value:
            normalised = (load(x) - center) * scale
            return code.fma(normalised, load(weights[0]), load(weights[1])) if weights else normalised

        _each(code, columns, result, y)

    return _by_rows("layer_norm", rows, (columns, columns, 1, 1, *((0, 0) if affine else ())), row)


def emit_layer_norm_gradient(rows: int, columns: int, affine: bool) -> ir.Module:
    """dx = rstd (g - mean(g) - x̂ mean(g x̂)) with g = dy · weight"""

    def row(code: Code, x: Value, dy: Value, mean: Value, rstd: Value, dx: Value, *weight: Value) -> None:
        center, scale = code.load(mean), code.load(rstd)
        slope = lambda load: load(dy) * load(weight[0]) if weight else load(dy)  # noqa: E731
        normalised = lambda load: (load(x, center) - center) * scale  # noqa: E731
        first = code.total(_sum(code, columns, slope)) * (1 / columns)
        second = code.total(_sum(code, columns, lambda load: slope(load) * normalised(load))) * (1 / columns)
        _each(code, columns, lambda load: (slope(load) - first - normalised(load) * second) * scale, dx)

    return _by_rows("layer_norm_gradient", rows, (columns, columns, 1, 1, columns, *((0,) if affine else ())), row)


def _plan(emit: Callable[..., ir.Module], rows: int, columns: int, names: tuple[str, ...], *options: object) -> Plan:
    return Plan((Step(Kernel(emit, (rows, columns, *options), alone=rows * columns < SMALL_LOOP // 8), names),))


def _by_rows(name: str, rows: int, pitches: tuple[int, ...], row: Callable[..., None]) -> ir.Module:
    """A kernel that calls `row(code, pointers...)` for each row; pitches are floats from row to row."""
    code = new_kernel(name)
    block, thread, threads = code.arguments
    pointers = [code.pointer(block, slot) for slot in range(len(pitches))]
    with code.loop(*code.share(rows, thread, threads)) as number:
        row(code, *(code.at(pointer, number * pitch) for pointer, pitch in zip(pointers, pitches)))
    code.finish()
    return code.module


def _log_sum(code: Code, x: Value, columns: int) -> tuple[Value, Value]:
    """(largest, Σ e^(x - largest)) of a row."""
    lanes = code.lanes
    most = code.variable(code.float(-math.inf, lanes))
    _blocks(code, columns, lambda load: most.set(code.maximum(most.get(), load(x, -math.inf))))
    top = code.largest(most.get())
    return top, code.total(_sum(code, columns, lambda load: maths.exp(load(x, -math.inf) - top)))


def _sum(code: Code, columns: int, term: Callable[[Load], Value]) -> Value:
    """A vector whose lanes add up to the sum of a row; lanes beyond it load 0 or what `load` is told."""
    total = code.variable(code.float(0.0, code.lanes))
    _blocks(code, columns, lambda load: total.set(total.get() + term(load)))
    return total.get()


def _each(code: Code, columns: int, result: Callable[[Load], Value], target: Value) -> None:
    _blocks(code, columns, lambda load: load.store(result(load), target))


class _Block:
    """One vector of a row: called, it loads; lanes beyond the row get `beyond`."""

    def __init__(self, code: Code, index: Value, count: int) -> None:
        self.code, self.index, self.count = code, index, count

    def __call__(self, pointer: Value, beyond: float | Value = 0.0) -> Value:
        code, lanes = self.code, self.code.lanes
        value = code.load(pointer, self.index, lanes, self.count)
        if self.count >= lanes or (isinstance(beyond, float) and beyond == 0.0):
            return value
        inside = code.first(lanes, code.int(self.count))
        return code.select(inside, value, code.like(beyond, value))

    def store(self, value: Value, pointer: Value) -> None:
        self.code.store(value, pointer, self.index, self.count)


def _blocks(code: Code, columns: int, body: Callable[[_Block], None]) -> None:
    """The vectors of a row: whole ones in a loop, then the rest."""
    lanes, rest = code.lanes, columns % code.lanes
    with code.loop(0, columns - rest, lanes) as index:
        body(_Block(code, index, lanes))
    if rest:
        body(_Block(code, code.int(columns - rest), rest))


def _squared(x: Value) -> Value:
    return x * x
