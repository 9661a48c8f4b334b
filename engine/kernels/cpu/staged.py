"""Contractions of which one operand lies so that caches keep it badly: it is copied block by block.

Where a large A lies across the sum, as in the weight gradient of a layer with many outputs, each step of the sum reads
a few neighbours far from the last: blocks of rows, copied some hundred bytes at a time, come from memory once.
Where the rows of B lie a multiple of 1 KB apart, as in the input gradient of a layer with as many inputs, those of a
block of columns displace each other in the first-level cache: copied next to each other they stay there for all tiles.
"""

from __future__ import annotations

from collections.abc import Callable
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


def rows_room(spec: Contraction, block: int, threads: int) -> int:
    """Floats of scratch that `rows_kernel` needs."""
    return threads * spec.depth * block


def rows_kernel(spec: Contraction, block: int, threads: int) -> Kernel:
    """The kernel of a contraction with one axis of rows and one of the sum; arguments as those of a contraction, room.

    Args:
        spec: what is computed.
        block: rows that are copied together.
        threads: for how many there is room.
    """
    return Kernel(emit_rows, (spec.simplified(), block, threads))


def emit_rows(spec: Contraction, block: int, most: int) -> ir.Module:
    """Each thread takes some blocks."""
    code, thread, threads, pointers, space = _begun(spec, spec.depth * block)
    (rows,) = spec.rows
    blocks = ceil(rows.size / block)
    rest = rows.size - (blocks - 1) * block
    with (
        code.when(thread < most),
        code.taken(blocks, thread, code.minimum(threads, most), blocks) as (number, _),
    ):
        if blocks == 1 or rest == block:
            _rows(code, spec, pointers, space, number * block, rest)
        else:
            with code.ir.if_else((number < blocks - 1).ir) as (is_whole, is_last):
                with is_whole:
                    _rows(code, spec, pointers, space, number * block, block)
                with is_last:
                    _rows(code, spec, pointers, space, number * block, rest)
    code.finish()
    return code.module


def _rows(code: Code, spec: Contraction, pointers: list[Value], space: Value, first: Value, count: int) -> None:
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


def _begun(spec: Contraction, room: int) -> tuple[Code, Value, Value, list[Value], Value]:
    """A kernel to be written: thread, threads, the contraction's arguments, and this thread's scratch."""
    code = new_kernel("staged")
    args, thread, threads = code.arguments
    *pointers, space = (code.pointer(args, slot) for slot in range(4 + len(spec.operand_columns)))
    return code, thread, threads, pointers, code.at(space, thread * room)


def columns_room(spec: Contraction, width: int, threads: int) -> int:
    """Floats of scratch that `columns_kernel` needs."""
    return threads * spec.steps * width


def columns_kernel(spec: Contraction, width: int, threads: int) -> Kernel:
    """The kernel of a contraction with one axis of rows and one of the sum; arguments as those of a contraction, room.

    Args:
        spec: what is computed, so many steps of the sum at a time.
        width: columns that are copied together.
        threads: for how many there is room.
    """
    return Kernel(emit_columns, (spec.simplified(), width, threads))


def emit_columns(spec: Contraction, width: int, most: int) -> ir.Module:
    """Each thread takes some tiles, block of columns by block; a block that two share is copied by both."""
    code, thread, threads, pointers, space = _begun(spec, spec.steps * width)
    (steps,) = spec.reduce
    blocks = ceil(spec.columns / width)
    last = _Columns(code, spec, width, spec.columns - (blocks - 1) * width)
    whole = last if last.columns == width or blocks == 1 else _Columns(code, spec, width, width)
    tiles = last.tiles.count
    with code.when(thread < most), code.loop(0, steps.size, spec.steps) as begun:
        end = code.minimum(begun + spec.steps, steps.size)
        start, stop = code.share(blocks * tiles, thread, code.minimum(threads, most))
        with code.loop(start // tiles, (stop + (tiles - 1)) // tiles) as block:
            first = block * tiles
            part = (block, code.maximum(start - first, 0), code.minimum(stop - first, tiles), begun, end)
            if whole is last:
                last.walk(pointers, space, *part)
            else:
                with code.ir.if_else((block < blocks - 1).ir) as (is_whole, is_last):
                    with is_whole:
                        whole.walk(pointers, space, *part)
                    with is_last:
                        last.walk(pointers, space, *part)
    code.finish()
    return code.module


class _Columns:
    """Blocks of so many columns, at most `width`, which is the distance between them."""

    def __init__(self, code: Code, spec: Contraction, width: int, columns: int) -> None:
        self.code, self.spec, self.width, self.columns = code, spec, width, columns
        (self.steps,) = spec.reduce
        part = replace(spec, columns=columns, reduce=(replace(self.steps, b=columns),))
        self.tiles = Tiles(code.module, part, f"columns{columns}_")

    def walk(self, pointers: list[Value], space: Value, block: Value, start: Value, stop: Value, begun: Value,
             end: Value) -> None:  # fmt: skip
        """The tiles numbered start to stop, summed over [begun, end)."""
        code = self.code
        a, b, c, *operands = pointers
        source = code.at(b, begun * self.steps.b + block * self.width)
        with code.loop(0, end - begun) as step:
            line, place = code.at(source, step * self.steps.b), code.at(space, step * self.columns)
            pack.copy_row(code, line, place, self.columns)
        places = [a, code.at(space, begun * -self.columns), code.at(c, block * self.width)]
        for i, (pointer, stride) in enumerate(zip(operands, self.spec.operand_columns)):
            places.append(code.at(pointer, block * (self.width * stride), kind_of(self.spec, i)))
        self.tiles.walk_steps(code, places, start, stop, begun, end, self._fetches(code.at(source, self.width), start))

    def _fetches(self, following: Value, start: Value) -> Callable[[], None]:
        """Called before each tile, it fetches some rows of the block that follows."""
        code, some = self.code, ceil(self.spec.steps / self.tiles.count)
        done = code.variable(start * some)

        def fetch() -> None:
            with code.loop(done.get(), done.get() + some) as step:
                for column in range(0, self.width, LINE):
                    code.prefetch(following, step * self.steps.b + column)
            done.set(done.get() + some)

        return fetch
