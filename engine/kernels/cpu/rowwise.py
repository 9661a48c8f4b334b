"""Loops over the rows of a matrix and, in vectors, along a row: what softmax and normalisations are written with."""

from __future__ import annotations

import math
from collections.abc import Callable

import llvmlite.ir as ir

from engine.kernels.cpu import maths
from engine.kernels.cpu.elementwise import SMALL_LOOP
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.values import Value, Variable

UNROLL = 4  # vectors at a time, each with a running sum of its own


def plan(emit: Callable[..., ir.Module], rows: int, columns: int, names: tuple[str, ...], *options: object) -> Plan:
    """A plan of one kernel over the rows."""
    return Plan((Step(Kernel(emit, (rows, columns, *options), alone=rows * columns < SMALL_LOOP // 8), names),))


def by_rows(name: str, rows: int, pitches: tuple[int, ...], row: Callable[..., None]) -> ir.Module:
    """A kernel that calls `row(code, pointers...)` for each row; pitches are floats from row to row."""
    code = new_kernel(name)
    block, thread, threads = code.arguments
    pointers = [code.pointer(block, slot) for slot in range(len(pitches))]
    with code.loop(*code.share(rows, thread, threads)) as number:
        row(code, *(code.at(pointer, number * pitch) for pointer, pitch in zip(pointers, pitches)))
    code.finish()
    return code.module


def log_sum(code: Code, x: Value, columns: int, exponentials: Value | None = None) -> tuple[Value, Value]:
    """(largest, Σ e^(x - largest)) of a row; e^(x - largest) itself where `exponentials` points, if it does."""
    most = [code.variable(code.float(-math.inf, code.lanes)) for _ in range(UNROLL)]

    def compare(load: Vector) -> None:
        slot = most[load.slot]
        slot.set(code.maximum(slot.get(), load(x, -math.inf)))

    vectors(code, columns, compare)
    top = code.largest(_joined(most, code.maximum))

    def term(load: Vector) -> Value:
        value = maths.exp_negative(load(x, -math.inf) - top)
        if exponentials is not None:
            load.store(value, exponentials)
        return value

    return top, code.total(sum_of(code, columns, term))


def sum_of(code: Code, columns: int, term: Callable[[Vector], Value]) -> Value:
    """A vector whose lanes add up to the sum of a row; lanes beyond it load 0 or what `load` is told."""
    totals = [code.variable(code.float(0.0, code.lanes)) for _ in range(UNROLL)]

    def add(load: Vector) -> None:
        totals[load.slot].set(totals[load.slot].get() + term(load))

    vectors(code, columns, add)
    return _joined(totals, lambda a, b: a + b)


def each(code: Code, columns: int, result: Callable[[Vector], Value], target: Value) -> None:
    """Store a value for each vector of a row."""
    vectors(code, columns, lambda load: load.store(result(load), target))


class Vector:
    """One vector of a row: called, it loads; lanes beyond the row get `beyond`."""

    def __init__(self, code: Code, index: Value, count: int, slot: int) -> None:
        self.code, self.index, self.count, self.slot = code, index, count, slot

    def __call__(self, pointer: Value, beyond: float | Value = 0.0) -> Value:
        code, lanes = self.code, self.code.lanes
        value = code.load(pointer, self.index, lanes, self.count)
        if self.count >= lanes or (isinstance(beyond, float) and beyond == 0.0):
            return value
        inside = code.first(lanes, code.int(self.count))
        return code.select(inside, value, code.like(beyond, value))

    def store(self, value: Value, pointer: Value) -> None:
        self.code.store(value, pointer, self.index, self.count)


def vectors(code: Code, columns: int, body: Callable[[Vector], None]) -> None:
    """The vectors of a row: several whole ones in each turn of a loop, then the rest."""
    lanes = code.lanes
    many = min(UNROLL, columns // lanes) * lanes
    whole = columns // many * many if many else 0
    if many:
        with code.loop(0, whole, many) as index:
            for slot in range(many // lanes):
                body(Vector(code, index + slot * lanes, lanes, slot))
    for slot, start in enumerate(range(whole, columns, lanes)):
        body(Vector(code, code.int(start), min(lanes, columns - start), slot))


def _joined(parts: list[Variable], combine: Callable[[Value, Value], Value]) -> Value:
    a, b, c, d = (part.get() for part in parts)
    return combine(combine(a, b), combine(c, d))
