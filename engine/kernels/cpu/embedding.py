"""Rows of a table by index, the gradient of the table, and its step without one."""

from __future__ import annotations

from math import ceil

import llvmlite.ir as ir

from engine.kernels.cpu import pack, updates
from engine.kernels.cpu.elementwise import SMALL_LOOP
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.rowwise import vectors
from engine.kernels.cpu.values import I32, I64, Value
from engine.kernels.update import Update


def gather(count: int, columns: int) -> Plan:
    """y (count, columns) = table[index]. Arrays: table, index (int64, in range), y."""
    return Plan((Step(Kernel(emit_gather, (count, columns), count * columns < SMALL_LOOP), ("table", "index", "y")),))


def gradient(count: int, rows: int, columns: int, skipped: int = -1, accumulate: bool = False) -> Plan:
    """dtable (rows, columns) (+)= Σ dy of the samples that took a row. Arrays: dy, index, dtable.

    Each thread sums its own columns over all samples in order, so that threads never meet.

    Args:
        count, rows, columns: sizes.
        skipped: index whose row gets no gradient (padding).
        accumulate: add to dtable.
    """
    small = count * columns + (0 if accumulate else rows * columns) < SMALL_LOOP
    kernel = Kernel(emit_gradient, (count, rows, columns, skipped, accumulate), small)
    return Plan((Step(kernel, ("dy", "index", "dtable")),))


def update(count: int, rows: int, columns: int, rule: Update, skipped: int = -1) -> Plan:
    """The optimizer's step of a table, from the rows' gradients as they come: no dense gradient is written.

    Arrays: dy (count, columns), index, those of the rule (rows, columns), its scalars. A row that nobody took has a
    gradient of 0, and is stepped too where that changes it.

    Args:
        count, rows, columns: sizes.
        rule: what the optimizer does.
        skipped: index whose row gets a gradient of 0 (padding).
    """
    chains = Step(Kernel(emit_chains, (count, rows, skipped), alone=True), ("index", "first taker", "next taker"))
    kernel = Kernel(emit_update, (rows, columns, rule), count * columns + rows * columns < SMALL_LOOP)
    step = Step(kernel, ("dy", "first taker", "next taker", *rule.arrays, *rule.scalars))
    return Plan((chains, step), {"first taker": rows, "next taker": count})


def emit_chains(count: int, rows: int, skipped: int) -> ir.Module:
    """For each row the first sample that took it, for each sample the next one with its row; -1 where there is none."""
    code = new_kernel("embedding_chains")
    index, first, following = (code.pointer(code.arguments[0], slot) for slot in range(3))
    lanes, none = code.lanes, code.constant(-1, I32)
    with code.loop(0, rows // lanes * lanes, lanes) as row:
        code.store(code.splat(none, lanes), first, row)
    with code.loop(rows // lanes * lanes, rows) as row:
        code.store(none, first, row)
    with code.loop(0, count) as number:
        sample = (count - 1) - number
        row = code.load(index, sample, kind=I64)
        code.store(code.load(first, row, kind=I32), following, sample)
        with code.when(row.differs(skipped)):
            code.store(code.truncate(sample), first, row)
    code.finish()
    return code.module


def emit_update(rows: int, columns: int, rule: Update) -> ir.Module:
    """Every thread takes some rows: the gradients of a row's takers are added in their order."""
    code = new_kernel("embedding_update")
    block, thread, threads = code.arguments
    dy, first, following, *pointers = (code.pointer(block, i) for i in range(3 + len(rule.arrays) + len(rule.scalars)))
    arrays, scalars = pointers[: len(rule.arrays)], pointers[len(rule.arrays) :]
    fixed = {name: code.splat(code.load(p), code.lanes) for name, p in zip(rule.scalars, scalars)}
    total = code.room(columns)

    def step(row: Value, places: dict[str, Value]) -> None:
        places |= {name: code.at(p, row * columns) for name, p in zip(rule.arrays, arrays)}
        updates.step(code, rule, places, fixed, code.int(0), code.int(columns))

    with code.loop(*code.share(rows, thread, threads)) as row:
        begin = code.load(first, row, kind=I32)
        with code.ir.if_else((begin >= 0).ir) as (taken, left):
            with taken:
                _sum_takers(code, dy, begin, following, total, columns)
                step(row, {"grad": total})
            with left:
                if not rule.rests:
                    step(row, {})
    code.finish()
    return code.module


def _sum_takers(code: Code, dy: Value, begin: Value, following: Value, total: Value, columns: int) -> None:
    signed = lambda number: Value(code, code.ir.sext(number.ir, I64))  # noqa: E731
    taker = code.variable(begin)
    pack.copy_row(code, code.at(dy, signed(begin) * columns), total, columns)
    with code.repeat() as away:
        taker.set(code.load(following, signed(taker.get()), kind=I32))
        code.leave_if(taker.get() < 0, away)
        source = code.at(dy, signed(taker.get()) * columns)
        vectors(code, columns, lambda load: load.store(load(total) + load(source), total))


def emit_gather(count: int, columns: int) -> ir.Module:
    """Every thread takes some samples."""
    code = new_kernel("gather")
    block, thread, threads = code.arguments
    table, index, y = (code.pointer(block, slot) for slot in range(3))
    with code.loop(*code.share(count, thread, threads)) as sample:
        row = code.load(index, sample, kind=I64)
        pack.copy_row(code, code.at(table, row * columns), code.at(y, sample * columns), columns)
    code.finish()
    return code.module


def emit_gradient(count: int, rows: int, columns: int, skipped: int, accumulate: bool) -> ir.Module:
    """Every thread takes some columns."""
    code = new_kernel("embedding_gradient")
    block, thread, threads = code.arguments
    dy, index, table = (code.pointer(block, slot) for slot in range(3))
    lanes = code.lanes
    blocks = code.share(ceil(columns / lanes), thread, threads)
    mask_of = lambda column: code.first(lanes, code.minimum(code.int(columns) - column, lanes))  # noqa: E731
    if not accumulate:
        with code.loop(0, rows) as row, code.loop(*blocks) as number:
            column = number * lanes
            code.store_masked(code.float(0.0, lanes), code.at(table, row * columns + column), mask_of(column))
    with code.loop(0, count) as sample:
        row = code.load(index, sample, kind=I64)
        with code.when(row.differs(skipped)), code.loop(*blocks) as number:
            column = number * lanes
            mask, at = mask_of(column), code.at(table, row * columns + column)
            slope = code.load_masked(code.at(dy, sample * columns + column), mask)
            code.store_masked(code.load_masked(at, mask) + slope, at, mask)
    code.finish()
    return code.module
