"""Rows of a table by index, and the gradient of the table."""

from __future__ import annotations

from math import ceil

import llvmlite.ir as ir

from engine.kernels.cpu import pack
from engine.kernels.cpu.elementwise import SMALL_LOOP
from engine.kernels.cpu.emit import new_kernel
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.values import I64


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
