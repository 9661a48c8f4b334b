"""Steps of the optimizers, over many parameters at once or inside the kernel that makes the gradient.

What changes from step to step is read from arrays of one number each, so that a step can be replayed.
"""

from __future__ import annotations

from math import ceil

import llvmlite.ir as ir

from engine.kernels.cpu.elementwise import SMALL_LOOP
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.expression import Expr, evaluate
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.values import I64, Value
from engine.kernels.update import Update

GRAIN = 1024  # elements that one thread takes together


def together(sizes: tuple[int, ...], rule: Update) -> Plan:
    """One step of many parameters in one launch, the threads sharing all elements.

    Arrays: for parameter i "grad i" and NAME i for each array of the rule; the rule's scalars.

    Args:
        sizes: of the parameters, in elements.
        rule: what the optimizer does.
    """
    first, arguments = 0, []
    for i, size in enumerate(sizes):
        arguments += [first, size, f"grad {i}", *(f"{name} {i}" for name in rule.arrays)]
        first += ceil(size / GRAIN)
    kernel = Kernel(emit_together, (len(sizes), rule), alone=sum(sizes) < SMALL_LOOP)
    return Plan((Step(kernel, (*arguments, first, *rule.scalars)),))


def emit_together(count: int, rule: Update) -> ir.Module:
    """The argument block is the table: (first grain, elements, gradient, arrays) of each parameter."""
    code = new_kernel("updates")
    block, thread, threads = code.arguments
    width = 3 + len(rule.arrays)
    grains, last = code.number(block, count * width, I64), count * width + 1
    scalars = {n: code.splat(code.load(code.pointer(block, last + i)), code.lanes) for i, n in enumerate(rule.scalars)}
    start, stop = code.share(grains, thread, threads)
    with code.loop(0, count) as number:
        row = number * width
        begun, size = code.number(block, row, I64), code.number(block, row + 1, I64)
        low = code.maximum(start - begun, 0) * GRAIN
        high = code.minimum((stop - begun) * GRAIN, size)
        names = ("grad", *rule.arrays)
        step(code, rule, {n: code.pointer(block, row + (2 + i)) for i, n in enumerate(names)}, scalars, low, high)
    code.finish()
    return code.module


def step(code: Code, rule: Update, places: dict[str, Value], scalars: dict[str, Value], low: Value, high: Value
         ) -> None:  # fmt: skip
    """Write the step of elements low to high; without a place for "grad" the gradient is 0."""
    lanes = code.lanes
    read = {name for _, formula in rule.outputs for name in formula.leaves()}

    def vector(index: Value, mask: Value | None) -> None:
        values = {"grad": code.float(0.0, lanes), **scalars}
        for name in (n for n in places if n in read):
            at = code.at(places[name], index)
            values[name] = code.load(at, 0, lanes) if mask is None else code.load_masked(at, mask)
        known: dict[Expr, Value] = {}
        for name, result in [(name, evaluate(formula, values, known)) for name, formula in rule.outputs]:
            at = code.at(places[name], index)
            if mask is None:
                code.store(result, at)
            else:
                code.store_masked(result, at, mask)

    whole = low + code.maximum(high - low, 0) // lanes * lanes
    with code.loop(low, whole, lanes) as index:
        vector(index, None)
    with code.when(whole < high):
        vector(whole, code.first(lanes, high - whole))
