"""Losses of pairs of arrays as one pass that also writes the gradient, and the norm of many gradients."""

from __future__ import annotations

from math import ceil

import llvmlite.ir as ir

from engine.kernels.cpu.elementwise import SMALL_LOOP
from engine.kernels.cpu.emit import new_kernel
from engine.kernels.cpu.expression import Expr, apply, leaf
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.reductions import sums
from engine.kernels.cpu.rowwise import sum_of
from engine.kernels.cpu.updates import GRAIN
from engine.kernels.cpu.values import I64


def squared_error(size: int, mean: bool = True, gradient: bool = True) -> Plan:
    """loss = Σ (x - target)², or its mean. Arrays: x, target (size), loss (1); with the gradient scale (1) and dx."""
    distance = leaf("x") - leaf("target")
    return _loss(size, distance * distance, distance * 2.0, mean, gradient)


def absolute_error(size: int, mean: bool = True, gradient: bool = True) -> Plan:
    """loss = Σ |x - target|, or its mean. Arrays as those of `squared_error`."""
    distance = leaf("x") - leaf("target")
    slope = apply("where_positive", distance, 1.0, apply("where_positive", -distance, -1.0, distance * 0.0))
    return _loss(size, apply("absolute", distance), slope, mean, gradient)


def cross_entropy_of_bits(size: int, mean: bool = True, gradient: bool = True, positive: float = 1.0) -> Plan:
    """loss = Σ (1 - y) x + (1 + (positive - 1) y) ln(1 + e⁻ˣ), y = target, or its mean. Arrays as `squared_error`."""
    x, target = leaf("x"), leaf("target")
    if positive == 1.0:
        return _loss(size, apply("softplus", x) - target * x, apply("sigmoid", x) - target, mean, gradient)
    weight = target * (positive - 1.0) + 1.0
    loss = (1.0 - target) * x + weight * apply("softplus", -x)
    return _loss(size, loss, (1.0 - target) - weight * apply("sigmoid", -x), mean, gradient)


def _loss(size: int, loss: Expr, slope: Expr, mean: bool, gradient: bool) -> Plan:
    factor = 1 / size if mean else 1.0
    inputs = {"x": (size,), "target": (size,)} | ({"scale": (1,)} if gradient else {})
    stored = {"dx": slope * (leaf("scale") * factor)} if gradient else {}
    return sums((size,), (0,), inputs, {"loss": (loss, factor)}, stored)


def squares(sizes: tuple[int, ...]) -> Plan:
    """total = the sum of all squares. Arrays: "grad 0", "grad 1", ... of these sizes, total (1)."""
    first, arguments = 0, []
    for i, size in enumerate(sizes):
        arguments += [first, size, f"grad {i}"]
        first += ceil(size / GRAIN)
    each = Step(Kernel(emit_squares, (len(sizes),), sum(sizes) < SMALL_LOOP), (*arguments, first, "grains"))
    return Plan((each, Step(Kernel(emit_total, (first,), alone=True), ("grains", "total"))), {"grains": first})


def emit_squares(count: int) -> ir.Module:
    """A sum for every grain of every array."""
    code = new_kernel("squares")
    block, thread, threads = code.arguments
    grains, result = code.number(block, count * 3, I64), code.pointer(block, count * 3 + 1)
    start, stop = code.share(grains, thread, threads)
    lanes = code.lanes
    with code.loop(0, count) as number:
        begun, size = code.number(block, number * 3, I64), code.number(block, number * 3 + 1, I64)
        source, own = code.pointer(block, number * 3 + 2), (size + (GRAIN - 1)) // GRAIN
        with code.loop(code.maximum(start - begun, 0), code.minimum(stop - begun, own)) as grain:
            total = code.variable(code.float(0.0, lanes))
            with code.loop(grain * GRAIN, code.minimum((grain + 1) * GRAIN, size), lanes) as index:
                mask = code.first(lanes, code.minimum(size - index, lanes))
                value = code.load_masked(code.at(source, index), mask)
                total.set(code.fma(value, value, total.get()))
            code.store(code.total(total.get()), result, begun + grain)
    code.finish()
    return code.module


def emit_total(size: int) -> ir.Module:
    """The sum of an array, in order."""
    code = new_kernel("total")
    source, result = (code.pointer(code.arguments[0], slot) for slot in range(2))
    code.store(code.total(sum_of(code, size, lambda load: load(source))), result)
    code.finish()
    return code.module
