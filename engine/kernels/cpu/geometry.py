"""Contractions as data, and how they are cut into tiles that fit the registers and pieces that fit the caches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, prod

from engine.kernels.cpu.expression import Expr, leaf
from engine.kernels.cpu.host import L1_FLOATS, L2_FLOATS, Host, host


@dataclass(frozen=True)
class Dim:
    """An axis: its size and the distance between neighbours in A, B, C and the epilogue's operands, in floats."""

    size: int
    a: int = 0
    b: int = 0
    c: int = 0
    operands: tuple[int, ...] = ()

    @property
    def strides(self) -> tuple[int, ...]:
        return self.a, self.b, self.c, *self.operands


@dataclass(frozen=True)
class Contraction:
    """C[outer, rows, columns] (+)= epilogue(sum over reduce of A[outer, rows, reduce] B[outer, reduce, columns]).

    Everything is affine: an element's place is the sum of index x stride. Columns lie next to each other in B and C.

    Args:
        outer: axes whose blocks are independent of each other.
        rows: axes that B does not have.
        columns: how many.
        reduce: axes that C does not have.
        panel: distance in B between two blocks of columns, where it was packed in blocks (see `pack`); 0 where not.
        accumulate: add to C instead of setting it; the epilogue sees the sum.
        epilogue: formula over the leaf "sum" and operands "0", "1", ...; None leaves the sum.
        operand_columns: distance of each operand's columns: 1, or 0 where all columns share a number.
        width: vectors in a block of columns; 0 to choose the best.
        outputs: further results of the epilogue, (operand, formula): they take the operand's place.
        keeps_c: whether C is written at the end; where not it holds sums that are not finished, if the sum is cut.
        bytes: operands whose elements are bytes, each 0 or 1.
        inner: which tiles follow each other, those of a block of columns ("rows") or those of some rows ("columns").
        steps: of the first reduce axis between two visits to C; 0 to choose.
    """

    outer: tuple[Dim, ...]
    rows: tuple[Dim, ...]
    columns: int
    reduce: tuple[Dim, ...]
    panel: int = 0
    accumulate: bool = False
    epilogue: Expr | None = None
    operand_columns: tuple[int, ...] = ()
    width: int = 0
    outputs: tuple[tuple[int, Expr], ...] = ()
    keeps_c: bool = True
    bytes: tuple[int, ...] = ()
    inner: str = "rows"
    steps: int = 0

    @property
    def results(self) -> tuple[tuple[int, Expr], ...]:
        """(operand, formula) of all that is written at the end; operand -1 is C."""
        return (*(((-1, self.epilogue or leaf("sum")),) if self.keeps_c else ()), *self.outputs)

    @property
    def flops(self) -> int:
        sizes = [dim.size for dim in (*self.outer, *self.rows, *self.reduce)]
        return 2 * self.columns * prod(sizes)

    @property
    def depth(self) -> int:
        """Products in one sum."""
        return prod(dim.size for dim in self.reduce)

    def simplified(self) -> Contraction:
        """The same with neighbouring axes that are laid out as one, as one, and axes of size 1 gone."""
        count = len(self.operand_columns)
        padded = lambda dims: [replace(d, operands=(*d.operands, *(0,) * (count - len(d.operands)))) for d in dims]  # noqa: E731
        outer, rows, reduce = (
            merged(padded(dims)) or (Dim(1, operands=(0,) * count),) for dims in (self.outer, self.rows, self.reduce)
        )
        return replace(self, outer=outer, rows=rows, reduce=reduce)


def merged(dims: Sequence[Dim]) -> tuple[Dim, ...]:
    """Axes joined where the outer one continues the inner one; those of size 1 are left out.

    >>> merged((Dim(4, a=6), Dim(1, a=99), Dim(3, a=2)))
    (Dim(size=12, a=2, b=0, c=0, operands=()),)
    """
    result: list[Dim] = []
    for dim in (d for d in dims if d.size != 1):
        if result and all(outer == inner * dim.size for outer, inner in zip(result[-1].strides, dim.strides)):
            result[-1] = replace(dim, size=dim.size * result[-1].size)
        else:
            result.append(dim)
    return tuple(result)


@dataclass(frozen=True)
class Cut:
    """How the rows and columns of a contraction are cut into tiles.

    A tile has `rows` rows: `piece` (or one less) of axis `split` times all of the axes behind it.

    Args:
        split: which row axis is cut; the ones before it are walked through.
        sizes: lengths of the pieces that axis is cut into: the longer ones first, at most two different ones.
        inner: rows in one step along the cut axis.
        width: vectors in a block of columns.
        blocks: blocks of columns, the last one maybe narrower.
    """

    split: int
    sizes: tuple[int, ...]
    inner: int
    width: int
    blocks: int


def cut(spec: Contraction, target: Host | None = None) -> Cut:
    """The cut with the fewest cycles in the inner loops, of a simplified contraction."""
    target = target or host()
    vectors = ceil(spec.columns / target.lanes)
    widths = [spec.width] if spec.width else [w for w in target.tiles if w <= max(vectors, 1)]
    return min((_cut(spec, width, vectors, target) for width in widths), key=lambda c: _cycles(spec, c, vectors))


def best_width(columns: int, rows: int, target: Host | None = None) -> int:
    """Vectors in a block of columns, for packing B before the contraction is known in full."""
    spec = Contraction((Dim(1),), (Dim(rows),), columns, (Dim(64),))
    return cut(spec, target).width


def pieces(size: int, most: int) -> tuple[int, ...]:
    """`size` cut into as few parts as possible, none above `most`, all about equal, the longer ones first.

    >>> pieces(16, 14), pieces(64, 14)
    ((8, 8), (13, 13, 13, 13, 12))
    """
    count = ceil(size / most)
    longer = size % count
    return (size // count + 1,) * longer + (size // count,) * (count - longer)


@dataclass(frozen=True)
class Chunk:
    """How the first reduce axis is cut: `steps` of it at a time, C being added to after the first.

    Args:
        steps: the whole axis where it is not cut.
        outermost: go through all tiles before the next chunk, not only through those of a block of columns.
    """

    steps: int
    outermost: bool = False


def chunk(spec: Contraction, plan: Cut, lanes: int) -> Chunk:
    """The sum is cut where all tiles share an A and B that leave the second-level cache, or where the tiles of a block
    of columns share a block of B that leaves the first-level cache.
    """
    first, rest = spec.reduce[0], prod(dim.size for dim in spec.reduce[1:])
    if spec.steps or not spec.depth:
        return Chunk(spec.steps or first.size, outermost=True)
    size = spec.columns * prod(dim.size for dim in (*spec.rows, *spec.outer))
    tiles = plan.blocks * len(plan.sizes) * prod(dim.size for dim in (*spec.outer, *spec.rows[: plan.split]))
    for budget, least in ((L1_FLOATS, 64), (L2_FLOATS // 2, 128)):
        if tiles == 1 or size > L2_FLOATS // 8 or _footprint(spec, first.size) <= budget:
            break
        steps = max((n for n in range(1, first.size) if _footprint(spec, n) <= budget), default=0)
        if steps * rest >= least:
            return Chunk(ceil(first.size / ceil(first.size / steps)), outermost=True)
    steps = max(1, L1_FLOATS * 2 // 3 // (plan.width * lanes * rest))
    if len(plan.sizes) < 3 or first.size < 2 * steps or steps * rest < 256:
        return Chunk(first.size)
    return Chunk(ceil(first.size / ceil(first.size / steps)))


def _footprint(spec: Contraction, steps: int) -> int:
    """Floats of A and B that all tiles read together, for so many steps of the first reduce axis."""
    reduce = (replace(spec.reduce[0], size=steps), *spec.reduce[1:])
    others = (*spec.outer, *spec.rows, *reduce)
    return _extent([(d.size, d.a) for d in others]) + _extent([(d.size, d.b) for d in others] + [(spec.columns, 1)])


def _extent(axes: list[tuple[int, int]]) -> int:
    """How many floats axes of (size, stride) touch, at the most."""
    moving = [(size, abs(stride)) for size, stride in axes if stride and size > 1]
    return min(prod(size for size, _ in moving), 1 + sum((size - 1) * stride for size, stride in moving))


def _cut(spec: Contraction, width: int, vectors: int, target: Host) -> Cut:
    most = target.tiles[width]
    inner, split = 1, len(spec.rows) - 1
    while split > 0 and inner * spec.rows[split].size <= most:
        inner *= spec.rows[split].size
        split -= 1
    return Cut(split, pieces(spec.rows[split].size, most // inner), inner, width, ceil(vectors / width))


def _cycles(spec: Contraction, plan: Cut, vectors: int) -> float:
    """Cycles for one step of the sum over all rows and columns.

    Two multiply-adds start in a cycle and take four; loads were measured a little faster than one a cycle.
    """
    last = vectors - plan.width * (plan.blocks - 1)
    heights, widths = Counter(plan.sizes), ((plan.width, plan.blocks - 1), (last, 1))
    step = lambda r, w: max(r * w / 2, 4.0, (r + w) / 1.1) + 0.25  # noqa: E731
    return sum(many * count * step(size * plan.inner, w) for size, many in heights.items() for w, count in widths)
