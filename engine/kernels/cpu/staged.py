"""Contractions whose A is large and lies across the sum: blocks of its rows are copied to where the cache keeps them.

The weight gradient of a layer with many outputs is one: each step of the sum reads a few neighbours far from the last.
Copied some hundred bytes at a time they come from memory once, and in order.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import ceil

import llvmlite.ir as ir

from engine.kernels.cpu import pack
from engine.kernels.cpu.contraction import Tiles
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.epilogue import kind_of
from engine.kernels.cpu.geometry import Contraction
from engine.kernels.cpu.host import L2_FLOATS
from engine.kernels.cpu.program import Kernel
from engine.kernels.cpu.values import F32, Value

ROWS_AHEAD = 12  # that are fetched while one is copied
LINE = 16  # floats
BLOCKS = (7 * LINE, 5 * LINE, 3 * LINE, LINE)
BLOCK_COST = 2  # rows that could be computed while a block is begun


def block_of(rows: int, depth: int, threads: int) -> int:
    """Rows of A that are taken together: an odd number of cache lines, so that the copied rows fall into all sets of a
    cache in turn; at most a third of the second-level cache, and fair to the threads.

    >>> block_of(5000, 1024, 1), block_of(1024, 128, 1), block_of(1024, 128, 2)
    (80, 112, 48)
    """

    def time(block: int) -> float:
        blocks = ceil(rows / block)
        cuts = [min(rows, blocks * thread // threads * block) for thread in range(threads + 1)]
        return max(stop - start for start, stop in pairwise(cuts)) * (1 + BLOCK_COST / block)

    fitting = (block for block in BLOCKS if block * depth <= L2_FLOATS // 3)
    return min(fitting, key=time, default=LINE)


def room(spec: Contraction, block: int, threads: int) -> int:
    """Floats of the scratch array."""
    return threads * spec.depth * block


def kernel(spec: Contraction, block: int, threads: int) -> Kernel:
    """The kernel of a contraction with one axis of rows and one of the sum; arguments as those of a contraction, room.

    Args:
        spec: what is computed.
        block: rows that are copied together.
        threads: for how many there is room.
    """
    return Kernel(emit, (spec.simplified(), block, threads))


def emit(spec: Contraction, block: int, most: int) -> ir.Module:
    """Each thread takes some blocks."""
    code = new_kernel("staged")
    args, thread, threads = code.arguments
    *pointers, space = (code.pointer(args, slot) for slot in range(4 + len(spec.operand_columns)))
    (rows,) = spec.rows
    blocks = ceil(rows.size / block)
    rest = rows.size - (blocks - 1) * block
    space = code.at(space, thread * (spec.depth * block))
    with code.when(thread < most), code.loop(*code.share(blocks, thread, code.minimum(threads, most))) as number:
        if blocks == 1 or rest == block:
            _block(code, spec, pointers, space, number * block, rest)
        else:
            with code.ir.if_else((number < blocks - 1).ir) as (is_whole, is_last):
                with is_whole:
                    _block(code, spec, pointers, space, number * block, block)
                with is_last:
                    _block(code, spec, pointers, space, number * block, rest)
    code.finish()
    return code.module


def _block(code: Code, spec: Contraction, pointers: list[Value], space: Value, first: Value, count: int) -> None:
    (rows,), (steps,) = spec.rows, spec.reduce
    source = code.at(pointers[0], first)
    with code.loop(0, steps.size) as step:
        line = code.at(source, step * steps.a)
        for ahead in range(0, count, LINE):
            code.prefetch(line, ROWS_AHEAD * steps.a + ahead, near=True)
        pack.copy_row(code, line, code.at(space, step * count), count)
    part = replace(spec, rows=(replace(rows, size=count),), reduce=(replace(steps, a=count),)).simplified()
    places = [space, pointers[1]]
    for i, (pointer, stride) in enumerate(zip(pointers[2:], (rows.c, *rows.operands))):
        places.append(code.at(pointer, first * stride, kind_of(spec, i - 1) if i else F32))
    tiles = Tiles(code.module, part, f"block{count}_")
    tiles.walk(code, places, code.int(0), code.int(tiles.count))
