"""The one kernel behind linear layers, convolutions and attention: a batch-reduce GEMM over affine axes.

Georganas et al., "High-Performance Deep Learning via a Single Building Block", 2019. A tile of R x V vectors of C stays
in registers while the sum runs over all reduce axes; tiles are walked through column block by column block, so that a
block of B stays in the caches; what follows (bias, activation, residual) is applied before C is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

import llvmlite.ir as ir

from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.epilogue import finish, kind_of
from engine.kernels.cpu.geometry import Chunk, Contraction, Cut, Dim, chunk, cut
from engine.kernels.cpu.host import L2_FLOATS, host
from engine.kernels.cpu.program import Kernel
from engine.kernels.cpu.values import F32, I64, POINTER, VOID, Value

UNROLLED = 12  # steps of a sum that are written out: loops as short as that cost more than they save
FAR_FLOATS = 512  # steps of A as far apart as this are fetched for the tile that follows
FAR_RESULTS = L2_FLOATS // 2  # results that are more than this are fetched ahead
PARTS = 8  # into which a thread's share is cut, so that others can take some of it
PART_FLOPS = 2_000_000  # of all threads' shares together: smaller ones are not worth it
SMALL_FLOPS = 150_000  # less work than this is done sooner by one thread than divided


def kernel(spec: Contraction) -> Kernel:
    """The kernel of a contraction; its arguments are A, B, C and the epilogue's operands."""
    return Kernel(emit, (spec.simplified(),), alone=spec.flops < SMALL_FLOPS)


def emit(spec: Contraction) -> ir.Module:
    """The module of a contraction, divided among the threads by tiles."""
    code = new_kernel("contraction")
    block, thread, threads = code.arguments
    pointers = [code.pointer(block, slot) for slot in range(3 + len(spec.operand_columns))]
    tiles = Tiles(code.module, spec)
    parts = min(PARTS, spec.flops // PART_FLOPS)
    if parts > 1:
        with code.taken(tiles.count, thread, threads, parts) as (start, stop):
            tiles.walk(code, pointers, start, stop)
    else:
        tiles.walk(code, pointers, *code.share(tiles.count, thread, threads))
    code.finish()
    return code.module


@dataclass(frozen=True)
class _Shape:
    """A tile as it is compiled: steps along the cut axis, vectors, columns of them."""

    steps: int
    vectors: int
    columns: int


def _nothing() -> None:
    """What is done beside the tiles, if nothing is."""


class Tiles:
    """All tiles of a simplified contraction inside a module: walked through by one thread at a time.

    Args:
        module: where the micro-kernels go.
        spec: simplified.
        prefix: of the micro-kernels' names, where a module has several contractions.
    """

    def __init__(self, module: ir.Module, spec: Contraction, prefix: str = "") -> None:
        self.module, self.spec, self.plan, self.prefix = module, spec, cut(spec), prefix
        self.chunk = chunk(spec, self.plan, host().lanes)
        self.walked = [*spec.outer, *spec.rows[: self.plan.split]]
        self.count = prod(dim.size for dim in self.walked) * self.plan.blocks * len(self.plan.sizes)
        self._compiled: dict[_Shape, Any] = {}

    @property
    def calls(self) -> int:
        """Micro-kernels run for all tiles."""
        return self.count * ceil(self.spec.reduce[0].size / max(1, self.chunk.steps))

    def walk(self, code: Code, pointers: list[Value], start: Value, stop: Value, each: Callable[[], None] = _nothing
             ) -> None:  # fmt: skip
        """Compute the tiles numbered start to stop; the sum is cut where A and B do not stay in the cache.

        Before each micro-kernel `each` may write something of its own.
        """
        size, steps = self.spec.reduce[0].size, self.chunk.steps
        if steps == size:
            self.walk_steps(code, pointers, start, stop, code.int(0), code.int(size), each)
        elif self.chunk.outermost:
            with code.loop(0, size, steps) as begun:
                self.walk_steps(code, pointers, start, stop, begun, code.minimum(begun + steps, size), each)
        else:
            pieces = len(self.plan.sizes)
            with (
                code.loop(start // pieces, (stop + (pieces - 1)) // pieces) as block,
                code.loop(0, size, steps) as begun,
            ):
                from_tile, to_tile = code.maximum(start, block * pieces), code.minimum(stop, (block + 1) * pieces)
                self.walk_steps(code, pointers, from_tile, to_tile, begun, code.minimum(begun + steps, size), each)

    def walk_steps(self, code: Code, pointers: list[Value], start: Value, stop: Value, begun: Value, end: Value,
                   each: Callable[[], None]) -> None:  # fmt: skip
        """The same for the steps [begun, end) of the sum alone; results are those of the sum so far until the last."""
        plan, rows = self.plan, self.spec.rows[self.plan.split]
        with code.loop(start, stop) as number:
            each()
            inner, middle = (len(plan.sizes), plan.blocks)[:: 1 if self.spec.inner == "rows" else -1]
            low, rest = number % inner, number // inner
            high, rest = rest % middle, rest // middle
            piece, column = (low, high) if self.spec.inner == "rows" else (high, low)
            offsets = self._offsets(code, rest)
            row = self._row(code, piece)
            offsets = [offset + row * stride for offset, stride in zip(offsets, rows.strides)]
            offsets = [offset + column * step for offset, step in zip(offsets, self._column_steps(code))]
            kinds = [F32] * 3 + [kind_of(self.spec, i) for i in range(len(self.spec.operand_columns))]
            at = [code.at(pointer, offset, kind) for pointer, offset, kind in zip(pointers, offsets, kinds)]
            self._dispatch(code, piece, column, lambda shape: self._call(code, shape, at, begun, end))

    def _offsets(self, code: Code, number: Value) -> list[Value]:
        """Where the block of walked axes starts, in A, B, C and the operands."""
        offsets = [code.int(0)] * (3 + len(self.spec.operand_columns))
        for position, dim in reversed(list(enumerate(self.walked))):
            index = number % dim.size if position else number
            number = number // dim.size
            offsets = [offset + index * stride for offset, stride in zip(offsets, dim.strides)]
        return offsets

    def _row(self, code: Code, piece: Value) -> Value:
        """First step of a piece: the longer pieces come first."""
        sizes = self.plan.sizes
        longer = sizes.count(sizes[0])
        if longer == len(sizes):
            return piece * sizes[0]
        return piece * sizes[-1] + code.minimum(piece, longer)

    def _column_steps(self, code: Code) -> tuple[int, ...]:
        width = self.plan.width * code.lanes
        return 0, self.spec.panel or width, width, *(width * step for step in self.spec.operand_columns)

    def _dispatch(self, code: Code, piece: Value, column: Value, call: Callable[[_Shape], None]) -> None:
        """Call for the shape of this tile: at most two lengths and two widths."""
        sizes, blocks, lanes = self.plan.sizes, self.plan.blocks, code.lanes
        last = self.spec.columns - (blocks - 1) * self.plan.width * lanes
        whole = self.plan.width * lanes
        longer = sizes.count(sizes[0])
        lengths = [(sizes[0], 0, longer)] + ([(sizes[-1], longer, len(sizes))] if longer < len(sizes) else [])
        widths = [(whole, 0, blocks - 1)] * (blocks > 1) + [(last, blocks - 1, blocks)]
        if blocks > 1 and last == whole:
            widths = [(whole, 0, blocks)]
        for length, from_piece, to_piece in lengths:
            for columns, from_block, to_block in widths:
                shape = _Shape(length, ceil(columns / lanes), columns)
                conditions = []
                if len(lengths) > 1:
                    conditions.append(piece < to_piece if from_piece == 0 else piece >= from_piece)
                if len(widths) > 1:
                    conditions.append(column < to_block if from_block == 0 else column >= from_block)
                _when_all(code, conditions, lambda shape=shape: call(shape))

    def _call(self, code: Code, shape: _Shape, at: list[Value], begun: Value, end: Value) -> None:
        if shape not in self._compiled:
            name = f"{self.prefix}tile_{shape.steps * self.plan.inner}x{shape.columns}"
            self._compiled[shape] = _micro_kernel(self.module, name, self.spec, self.plan, shape, self.chunk)
        code.call(self._compiled[shape], *at, begun, end)


def _when_all(code: Code, conditions: list[Value], body: Callable[[], None]) -> None:
    if not conditions:
        body()
        return
    with code.when(conditions[0]):
        _when_all(code, conditions[1:], body)


def _micro_kernel(module: ir.Module, name: str, spec: Contraction, plan: Cut, shape: _Shape, chunk: Chunk) -> Any:
    """tile(a, b, c, operands..., begun, end): one tile of C, summed over [begun, end) of the first reduce axis."""
    count = len(spec.operand_columns)
    signature = ir.FunctionType(VOID, [POINTER] * (3 + count) + [I64, I64])
    code = Code(module, name, signature)
    code.function.attributes.add("noinline")
    for argument in code.function.args[:2]:
        argument.add_attribute("noalias")
    a, b, c, *operands, begun, end = code.arguments
    rows = _row_offsets(spec.rows[plan.split :], shape.steps)
    cells = [(r, v) for r in range(len(rows)) for v in range(shape.vectors)]
    valid = [min(code.lanes, shape.columns - v * code.lanes) for v in range(shape.vectors)]
    totals = {cell: code.variable(code.float(0.0, code.lanes)) for cell in cells}
    is_cut = chunk.steps < spec.reduce[0].size

    spread = _Spread.of(spec, plan, rows, [c, *operands])
    for r, v in cells:  # C is on its way to the cache while the sum is computed
        if spec.depth and not spread:
            code.prefetch(c, rows[r].c + v * code.lanes, write=True)

    def load_c() -> None:
        for r, v in cells:
            totals[r, v].set(code.load(c, rows[r].c + v * code.lanes, code.lanes, valid[v]))

    if spec.accumulate:
        load_c()
    elif is_cut:
        with code.when(begun > 0):
            load_c()
    end_of_sum = end if is_cut else code.int(spec.reduce[0].size)
    _sum(code, spec, rows, totals, valid, a, b, begun, end_of_sum, is_cut, _ahead(spec, chunk), spread)

    def store(finished: bool) -> None:
        if finished and (spec.outputs or not spec.keeps_c or spec.epilogue is not None):
            finish(code, spec, rows, valid, totals, c, operands)
            return
        for r, v in cells:
            code.store(totals[r, v].get(), c, rows[r].c + v * code.lanes, valid[v])

    if is_cut and (spec.outputs or not spec.keeps_c or spec.epilogue is not None):
        with code.ir.if_else((end >= spec.reduce[0].size).ir) as (last, not_last):
            with last:
                store(True)
            with not_last:
                store(False)
    else:
        store(True)
    return code.finish()


def _sum(code: Code, spec: Contraction, rows: list[Dim], totals: dict[Any, Any], valid: list[int], a: Value, b: Value,
         begun: Value, end: Value, is_cut: bool, ahead: int, spread: _Spread | None) -> None:  # fmt: skip
    """The loops over the reduce axes, outermost first, and the multiply-adds inside."""

    def loop(dims: tuple[Dim, ...], a: Value, b: Value) -> None:
        if not dims:
            multiply_add(a, b)
            return
        first = len(dims) == len(spec.reduce)
        step = lambda index: loop(dims[1:], code.at(a, index * dims[0].a), code.at(b, index * dims[0].b))  # noqa: E731
        if prod(dim.size for dim in dims) <= UNROLLED and not (first and is_cut):
            for index in range(dims[0].size):
                step(code.int(index))
            return
        with code.loop(begun if first else 0, end if first else dims[0].size) as index:
            step(index)

    scattered = len(spec.reduce) == 1 and spec.reduce[0].a >= FAR_FLOATS and len(rows) > 1 and rows[1].a == 1

    def multiply_add(a: Value, b: Value) -> None:
        columns = [code.load(b, v * code.lanes, code.lanes, valid[v]) for v in range(len(valid))]
        if ahead:
            for v in range(len(valid)):
                code.prefetch(b, ahead + v * code.lanes)
        if scattered:  # each step reads a page of its own, which only asking for it brings near
            code.prefetch(a, len(rows) + 2)
        for r, row in enumerate(rows):
            number = code.splat(code.load(a, row.a), code.lanes)
            for v, column in enumerate(columns):
                totals[r, v].set(code.fma(number, column, totals[r, v].get()))

    if spread is None:
        loop(spec.reduce, a, b)
        return
    (dim,) = spec.reduce
    step = lambda index: multiply_add(code.at(a, index * dim.a), code.at(b, index * dim.b))  # noqa: E731
    with code.loop(0, len(rows)) as row:
        spread.fetch(code, row, len(valid))
        with code.loop(begun + row * spread.pause, begun + (row + 1) * spread.pause) as index:
            step(index)
    with code.loop(begun + spread.pause * len(rows), end) as index:
        step(index)


@dataclass(frozen=True)
class _Spread:
    """Fetches for the next tile what it will read and write, row by row between some steps of the sum.

    Args:
        places: address of this tile's first element of each array, distance to the next tile's, and between rows.
        pause: steps of the sum between two rows.
    """

    places: tuple[tuple[Value, int, int], ...]
    pause: int

    @staticmethod
    def of(spec: Contraction, plan: Cut, rows: list[Dim], pointers: list[Value]) -> _Spread | None:
        """None where the sum is too short or C is small."""
        steps, last = spec.steps, spec.rows[-1]
        if not steps or len(spec.rows) > 1 or len(spec.reduce) > 1 or steps < 2 * len(rows):
            return None
        if spec.reduce[0].size % steps and spec.reduce[0].size % steps < 2 * len(rows):
            return None
        if last.size * spec.columns * (1 + len(spec.outputs)) < FAR_RESULTS:
            return None
        arrays = [(pointers[0], last.c)] if spec.keeps_c or steps < spec.reduce[0].size else []
        for i, stride in enumerate(last.operands):
            if stride and spec.operand_columns[i] and i not in spec.bytes:
                arrays.append((pointers[1 + i], stride))
        onwards = lambda row: len(rows) * row if spec.inner == "rows" else plan.width * host().lanes  # noqa: E731
        places = tuple((pointer, onwards(row), row) for pointer, row in arrays)
        return _Spread(places, max(1, min(16, min(steps, spec.reduce[0].size % steps or steps) // len(rows))))

    def fetch(self, code: Code, row: Value, vectors: int) -> None:
        for pointer, onwards, stride in self.places:
            for v in range(vectors):
                code.prefetch(code.at(pointer, row * stride), onwards + v * code.lanes)


def _ahead(spec: Contraction, chunk: Chunk) -> int:
    """How far ahead to fetch B, in floats: a packed B that leaves the second-level cache is read front to back."""
    if not spec.panel or spec.depth * spec.columns < L2_FLOATS // 2 or len(spec.reduce) > 1:
        return 0
    return chunk.steps * spec.reduce[0].b


def _row_offsets(dims: tuple[Dim, ...], steps: int) -> list[Dim]:
    """Where each row of a tile lies; the strides of these axes are offsets."""
    zero = (0,) * len(dims[0].strides)
    places = [zero]
    for position, dim in enumerate(dims):
        size = steps if position == 0 else dim.size
        places = [
            tuple(at + index * stride for at, stride in zip(place, dim.strides))
            for place in places
            for index in range(size)
        ]
    return [Dim(1, *place[:3], operands=place[3:]) for place in places]
