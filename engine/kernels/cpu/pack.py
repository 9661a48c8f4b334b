"""Copies with strides: packing into panels, transposing, adding borders."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod

import llvmlite.ir as ir

from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.program import Kernel
from engine.kernels.cpu.values import Value

SMALL_MOVE = 8_000  # floats that one thread copies sooner than two can share


@dataclass(frozen=True)
class Move:
    """target[outer, row, column] = source[outer, row, column], with strides in floats; target columns are neighbours.

    Args:
        outer: (size, source stride, target stride) of each outer axis.
        rows, columns: sizes.
        source: strides of rows and columns; one of them is 1.
        target: stride of rows.
        start: offsets of the first element in source and target.
    """

    outer: tuple[tuple[int, int, int], ...]
    rows: int
    columns: int
    source: tuple[int, int]
    target: int
    start: tuple[int, int] = (0, 0)

    @property
    def size(self) -> int:
        return self.rows * self.columns * prod(size for size, _, _ in self.outer)


def kernel(*moves: Move) -> Kernel:
    """The kernel that makes these moves, from its first argument to its second."""
    return Kernel(emit, moves, alone=sum(move.size for move in moves) < SMALL_MOVE)


def move_to(shape: tuple[int, ...], strides: tuple[int, ...]) -> Kernel:
    """The kernel that copies an array of any strides into C order. Arguments: from, to.

    >>> move_to((2, 6, 3), (18, 1, 6)).parameters[0].outer
    ((2, 18, 18),)
    """
    axes, step = [], prod(shape)
    for size, stride in zip(shape, strides):
        step //= size
        if size == 1:
            continue
        if axes and axes[-1][1] == stride * size and axes[-1][2] == step * size:
            axes[-1] = (axes[-1][0] * size, stride, step)
        else:
            axes.append((size, stride, step))
    *outer, last = axes or [(1, 1, 1)]
    unit = next((axis for axis in outer if axis[1] == 1), None)
    if last[1] == 1:
        row = outer.pop() if outer else (1, 0, 0)
    elif unit is None:  # number by number
        row, last = last, (1, 1, 1)
    else:
        row = outer.pop(outer.index(unit))
    return kernel(Move(tuple(outer) or ((1, 0, 0),), row[0], last[0], (row[1], last[1]), row[2]))


def panels(rows: int, columns: int, source: tuple[int, int], width: int, *outer: tuple[int, int, int]
           ) -> tuple[Move, ...]:  # fmt: skip
    """A matrix packed in blocks of `width` columns, each block by itself with its rows `width` apart.

    Args:
        rows, columns: size of the matrix.
        source: strides of its rows and columns, one of them 1.
        outer: axes of a batch of such matrices: (size, source stride, target stride).
    """
    whole, rest = divmod(columns, width)
    moves = []
    if whole:
        moves.append(Move((*outer, (whole, width * source[1], rows * width)), rows, width, source, width))
    if rest:
        start = (whole * width * source[1], whole * rows * width)
        moves.append(Move(outer, rows, rest, source, width, start))
    return tuple(moves)


def panel_floats(rows: int, columns: int, width: int) -> int:
    """Size of a matrix packed with `panels`.

    >>> panel_floats(10, 33, 32)
    640
    """
    return rows * width * ceil(columns / width)


def emit(*moves: Move) -> ir.Module:
    """The module of some moves, each divided among the threads."""
    code = new_kernel("move")
    block, thread, threads = code.arguments
    source, target = code.pointer(block, 0), code.pointer(block, 1)
    for move in moves:
        walk(code, move, source, target, thread, threads)
    code.finish()
    return code.module


def walk(code: Code, move: Move, source: Value, target: Value, thread: Value, threads: Value) -> None:
    """Write one move into a function; (thread, threads) = (0, 1) for all of it."""
    source, target = code.at(source, move.start[0]), code.at(target, move.start[1])
    transposes = move.source[1] != 1 and move.columns > 1
    step = code.lanes if transposes else 1
    bands = ceil(move.rows / step)
    start, stop = code.share(prod(size for size, _, _ in move.outer) * bands, thread, threads)
    with code.loop(start, stop) as number:
        band, number = number % bands, number // bands
        at, to = source, target
        for size, source_stride, target_stride in reversed(move.outer):
            index, number = number % size, number // size
            at, to = code.at(at, index * source_stride), code.at(to, index * target_stride)
        at, to = code.at(at, band * (step * move.source[0])), code.at(to, band * (step * move.target))
        if transposes:
            _transpose_band(code, move, at, to, code.minimum(code.int(move.rows) - band * step, step))
        else:
            copy_row(code, at, to, move.columns)


def copy_row(code: Code, source: Value, target: Value, columns: int) -> None:
    """Copy neighbouring numbers."""
    lanes = code.lanes
    with code.loop(0, columns // lanes * lanes, lanes) as column:
        code.store(code.load(source, column, lanes), target, column)
    if rest := columns % lanes:
        code.store(code.load(source, columns - rest, lanes, rest), target, columns - rest, rest)


def clear(code: Code, target: Value, size: int) -> None:
    """Set neighbouring numbers to zero."""
    lanes = code.lanes
    with code.loop(0, size // lanes * lanes, lanes) as i:
        code.store(code.float(0.0, lanes), target, i)
    if rest := size % lanes:
        code.store(code.float(0.0, lanes), target, size - rest, rest)


def _transpose_band(code: Code, move: Move, source: Value, target: Value, rows: Value) -> None:
    """`lanes` rows of the target (columns of the source, next to each other there), block by block."""
    lanes = code.lanes
    with code.loop(0, move.columns // lanes * lanes, lanes) as column:
        _transpose_block(code, move, code.at(source, column * move.source[1]), code.at(target, column), rows, lanes)
    if rest := move.columns % lanes:
        at, to = code.at(source, (move.columns - rest) * move.source[1]), code.at(target, move.columns - rest)
        _transpose_block(code, move, at, to, rows, rest)


def _transpose_block(code: Code, move: Move, source: Value, target: Value, rows: Value, columns: int) -> None:
    """At most lanes x lanes numbers: loaded as rows of the source, stored as rows of the target."""
    mask = code.first(code.lanes, rows)
    zero = code.float(0.0, code.lanes)
    lines = [
        code.load_masked(code.at(source, c * move.source[1]), mask) if c < columns else zero for c in range(code.lanes)
    ]
    for row, line in enumerate(transposed(code, lines)):
        with code.when(rows > row):
            code.store(line, target, row * move.target, columns)


def transposed(code: Code, lines: list[Value]) -> list[Value]:
    """A square of vectors turned around: blocks off the diagonal change places, the largest first."""
    lanes, lines = len(lines), list(lines)
    distance = lanes // 2
    while distance:
        low = [j if not j & distance else lanes + j - distance for j in range(lanes)]
        high = [j + distance if not j & distance else lanes + j for j in range(lanes)]
        for i in (i for i in range(lanes) if not i & distance):
            a, b = lines[i], lines[i + distance]
            lines[i], lines[i + distance] = code.shuffle(a, b, low), code.shuffle(a, b, high)
        distance //= 2
    return lines
