"""Turning a matrix around, with an epilogue on the way: the end of a product that was computed transposed."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod

import llvmlite.ir as ir

from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.expression import Expr, evaluate
from engine.kernels.cpu.pack import transposed
from engine.kernels.cpu.program import Kernel
from engine.kernels.cpu.values import F32, I8, I32, Value

SMALL_TURN = 8_000  # floats that one thread turns sooner than two can share


@dataclass(frozen=True)
class Place:
    """Where an array lies: strides of the batch axes, rows and columns; columns 1 or 0."""

    batch: tuple[int, ...]
    rows: int
    columns: int
    is_bytes: bool = False


@dataclass(frozen=True)
class Turn:
    """results (batch, m, n) = formulas of "sum", which lies as (batch, n, m), and operands "0", "1", ...

    Args:
        batch: sizes of the batch axes.
        m, n: sizes.
        pitch: distance between two columns of the sums.
        operands: where they lie.
        results: (operand, formula) of each result.
    """

    batch: tuple[int, ...]
    m: int
    n: int
    pitch: int
    operands: tuple[Place, ...]
    results: tuple[tuple[int, Expr], ...]


def kernel(spec: Turn) -> Kernel:
    """The kernel; its arguments are the sums and the operands."""
    return Kernel(emit, (spec,), alone=prod(spec.batch) * spec.m * spec.n < SMALL_TURN)


def emit(spec: Turn) -> ir.Module:
    """Blocks of a vector's square: turned in registers, then row by row through the epilogue."""
    code = new_kernel("turn")
    block, thread, threads = code.arguments
    source, *operands = (code.pointer(block, slot) for slot in range(1 + len(spec.operands)))
    lanes = code.lanes
    bands, across = ceil(spec.m / lanes), ceil(spec.n / lanes)
    room = code.room(lanes * lanes)
    with code.loop(*code.share(prod(spec.batch) * bands, thread, threads)) as number:
        band, rest = number % bands, number // bands
        at, places = code.at(source, rest * (spec.pitch * spec.n)), list(operands)
        for axis in reversed(range(len(spec.batch))):
            index, rest = (rest % spec.batch[axis], rest // spec.batch[axis]) if axis else (rest, rest)
            places = [_moved(code, p, o, index * o.batch[axis]) for p, o in zip(places, spec.operands)]
        row = band * lanes
        rows = code.minimum(code.int(spec.m) - row, lanes)
        at = code.at(at, row)
        places = [_moved(code, p, o, row * o.rows) for p, o in zip(places, spec.operands)]
        with code.loop(0, across) as number:
            _block(code, spec, at, places, number * lanes, rows, room)
    code.finish()
    return code.module


def _block(code: Code, spec: Turn, source: Value, operands: list[Value], column: Value, rows: Value, room: Value
           ) -> None:  # fmt: skip
    lanes = code.lanes
    inside, last = code.first(lanes, rows), spec.n - 1
    lines = []
    for i in range(lanes):  # lines beyond the last are read as the last, and never stored
        line = code.minimum(column + i, last) if spec.n % lanes else column + i
        lines.append(code.load_masked(code.at(source, line * spec.pitch), inside))
    for i, line in enumerate(transposed(code, lines)):
        code.store(line, room, i * lanes)
    mask = code.first(lanes, code.minimum(code.int(spec.n) - column, lanes))
    used = {name for _, formula in spec.results for name in formula.leaves()}
    with code.loop(0, rows) as row:
        places = [_moved(code, p, o, row * o.rows + column * o.columns) for p, o in zip(operands, spec.operands)]
        values = {"sum": code.load(room, row * lanes, lanes)}
        for i, (pointer, place) in enumerate(zip(places, spec.operands)):
            if str(i) in used:
                values[str(i)] = _operand(code, pointer, place, mask)
        computed: dict[Expr, Value] = {}
        for i, value in [(i, evaluate(formula, values, computed)) for i, formula in spec.results]:
            code.store_masked(value, places[i], mask)


def _operand(code: Code, pointer: Value, place: Place, mask: Value) -> Value:
    kind = I8 if place.is_bytes else F32
    if place.columns == 0:
        value = code.splat(code.load(pointer, kind=kind), code.lanes)
    else:
        value = code.load_masked(pointer, mask, kind)
    return code.to_float(code.extend(value, I32)) if place.is_bytes else value


def _moved(code: Code, pointer: Value, place: Place, offset: Value) -> Value:
    return code.at(pointer, offset, I8 if place.is_bytes else F32)
