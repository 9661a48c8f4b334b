"""Sums over the first axes of a matrix."""

from __future__ import annotations

from math import ceil

import llvmlite.ir as ir

from engine.kernels.cpu.emit import new_kernel
from engine.kernels.cpu.program import Kernel

SMALL_SUM = 30_000


def column_sums(rows: int, columns: int, accumulate: bool = False) -> Kernel:
    """out (columns) (+)= sum over the rows of x (rows, columns). Arguments: x, out."""
    return Kernel(emit_column_sums, (rows, columns, accumulate), alone=rows * columns < SMALL_SUM)


def emit_column_sums(rows: int, columns: int, accumulate: bool) -> ir.Module:
    """Each thread takes blocks of columns; four running sums keep the adders busy."""
    code = new_kernel("column_sums")
    block, thread, threads = code.arguments
    x, out = code.pointer(block, 0), code.pointer(block, 1)
    lanes = code.lanes
    start, stop = code.share(ceil(columns / lanes), thread, threads)
    with code.loop(start, stop) as number:
        column = number * lanes
        mask = code.first(lanes, code.minimum(code.int(columns) - column, lanes))
        load = lambda at, row: code.load_masked(code.at(at, column + row * columns), mask)  # noqa: E731
        sums = [code.variable(code.float(0.0, lanes)) for _ in range(4)]
        with code.loop(0, rows // 4 * 4, 4) as row:
            for i, part in enumerate(sums):
                part.set(part.get() + load(x, row + i))
        for i in range(rows % 4):
            sums[i].set(sums[i].get() + load(x, code.int(rows - rows % 4 + i)))
        total = (sums[0].get() + sums[1].get()) + (sums[2].get() + sums[3].get())
        if accumulate:
            total = total + load(out, code.int(0))
        code.store_masked(total, code.at(out, column), mask)
    code.finish()
    return code.module
