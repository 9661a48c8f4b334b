"""The norm of many gradients: the sum of the squares of many arrays in one launch."""

from __future__ import annotations

from math import ceil

import llvmlite.ir as ir

from engine.kernels.cpu.elementwise import SMALL_LOOP
from engine.kernels.cpu.emit import new_kernel
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.rowwise import sum_of
from engine.kernels.cpu.updates import GRAIN
from engine.kernels.cpu.values import I64


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
