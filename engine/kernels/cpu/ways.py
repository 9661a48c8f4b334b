"""The ways to compute a product: as it stands or transposed, with the packing that each of them needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from engine.kernels.cpu import contraction, pack, staged, turn
from engine.kernels.cpu.expression import Expr, leaf, substitute
from engine.kernels.cpu.geometry import Contraction, Dim, best_width
from engine.kernels.cpu.host import L2_FLOATS, host
from engine.kernels.cpu.program import Plan, Step

MOVE_CYCLES = 0.6  # for a float that is packed, beside a multiply-add of a whole vector at 0.5
TURN_MOVES = 3  # a float of C that is turned at the end is as much as that
FAR_FLOATS = 512  # 2 KB: rows a multiple of this apart displace each other in the first-level cache
FEW_STEPS = 256  # of an A that lies across the sum: its lines stay in a cache for the tiles that follow
FEWER_STEPS = 64  # where the lines lie far apart
STAGED_STEPS = 512  # deeper sums leave few rows of A that are copied together
FAR_STEPS = 128  # rows of B a multiple of 1 KB apart that a cache holds beside the rest; taken so many at a time
FAR_MATRIX = L2_FLOATS // 2  # a matrix of far rows that is as large as this comes slowly
KEPT_FLOATS = L2_FLOATS // 2  # of the operand that all tiles read again and again, or of a C that is visited again


@dataclass(frozen=True)
class Matrix:
    """How a batch of matrices lies in an array: strides of rows, columns and batch axes, in elements.

    A vector that all rows share is (0, 1), one that all columns share (1, 0), a single number (0, 0).

    Args:
        name: of the array.
        rows, columns: strides.
        batch: stride of the batch axis, or of each of several.
        offset: of the first element.
        is_bytes: whether the elements are bytes that hold 0 or 1 instead of float32 numbers.
    """

    name: str
    rows: int
    columns: int
    batch: int | tuple[int, ...] = 0
    offset: int = 0
    is_bytes: bool = False

    @property
    def transposed(self) -> Matrix:
        return replace(self, rows=self.columns, columns=self.rows)

    @property
    def argument(self) -> str | tuple[str, int]:
        """As a step names it."""
        return (self.name, self.offset) if self.offset else self.name

    def over(self, axes: int) -> tuple[int, ...]:
        """Strides of so many batch axes."""
        return self.batch if isinstance(self.batch, tuple) else (self.batch,) * axes


Output = tuple[Matrix, Expr]


@dataclass(frozen=True)
class Ending:
    """What becomes of the sums: operands and results, in C's orientation."""

    operands: tuple[Matrix, ...]
    results: tuple[Output, ...]

    @property
    def is_plain(self) -> bool:
        return len(self.results) == 1 and self.results[0][1] == leaf("sum")

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """All that is read or written, each once."""
        return tuple(dict.fromkeys((*self.operands, *(matrix for matrix, _ in self.results))))

    def formulas(self) -> tuple[tuple[int, Expr], ...]:
        """(number of the matrix, formula over numbers) of each result."""
        places = {matrix: i for i, matrix in enumerate(self.matrices)}
        names = {str(i): leaf(str(i)) for i in range(len(self.operands))}  # an operand goes by its number, too
        names |= {matrix.name: leaf(str(places[matrix])) for matrix in self.matrices}
        return tuple((places[matrix], substitute(formula, names)) for matrix, formula in self.results)


@dataclass(frozen=True)
class Way:
    """One orientation of the sums (m, n), with the packing it needs; `turned`: they are those of Cᵀ."""

    m: int
    k: int
    n: int
    a: Matrix
    b: Matrix
    batch: tuple[int, ...]
    ending: Ending
    turned: bool
    threads: int

    @property
    def aliases_a(self) -> bool:
        """Rows of A a multiple of 2 KB apart displace each other in the first-level cache, if there are many."""
        return self.a.rows % FAR_FLOATS == 0 and self.m >= 8 and self.k >= 64

    @property
    def packs_a(self) -> bool:
        """Low tiles can read rows that displace each other."""
        return self.n > 16 and self.aliases_a and self.width < 3

    @property
    def scatters_a(self) -> bool:
        """Whether neighbours in the sum lie in a page each."""
        return self.a.columns >= FAR_FLOATS and self.k >= 32

    @property
    def stages_a(self) -> bool:
        """Whether A is so large and lies so that it is copied block by block; a small C is visited every few steps."""
        across = self.a.rows == 1 and self.scatters_a and self.m * self.k >= FAR_MATRIX
        is_shallow = self.k <= (2 * STAGED_STEPS if self.aliases_b else STAGED_STEPS)
        suits = self.n >= 64 and (is_shallow or min(self.m, self.n) * self.k <= KEPT_FLOATS)
        return across and suits and self.m * self.n > KEPT_FLOATS and prod(self.batch) == 1

    @property
    def aliases_b(self) -> bool:
        """Rows of B that displace each other in a cache: few are packed, of many few are taken at a time."""
        return self.b.rows % (FAR_FLOATS // 2) == 0 and self.b.rows >= FAR_FLOATS and self.k >= 32 and self.m >= 8

    @property
    def packs_b(self) -> bool:
        return (self.b.columns != 1 and self.n > 1) or (self.aliases_b and self.k <= FAR_STEPS)

    @property
    def stages_b(self) -> bool:
        """Whether rows of B displace each other and are too many to be packed before."""
        return self.aliases_b and not self.packs_b and not self.stages_a and prod(self.batch) == 1

    @property
    def cycles(self) -> float:
        shared = not any(self.b.over(1))
        moved = self.packs_a * self.m * self.k + self.turned * TURN_MOVES * self.m * self.n
        moved += self.packs_b * self.k * self.n / (prod(self.batch) if shared else 1)
        moved += self.scatters_a * self.m * self.k / (2 if self.stages_a else 1)
        scatters_b = not self.packs_b and self.b.rows >= FAR_FLOATS and self.k * self.n >= FAR_MATRIX
        moved += scatters_b * self.k * self.n
        rows = -(-self.m // host().tiles[self.width])
        vectors, blocks = -(-self.n // host().lanes), -(-self.n // (self.width * host().lanes))
        step = max(self.m * vectors / 2, 4.0 * rows * blocks, (self.m * blocks + vectors * rows) / 2)
        return prod(self.batch) * (step * self.k + moved * MOVE_CYCLES)

    @property
    def width(self) -> int:
        widest = max(host().tiles)
        return widest if self.aliases_a and self.n >= widest * host().lanes else best_width(self.n, self.m)

    def plan(self) -> Plan:
        steps: list[Step] = []
        scratch: dict[str, int] = {}
        a, b, panel = self._packed_a(steps, scratch), self.b, 0
        if self.packs_b:
            b, panel = self._packed_b(steps, scratch)
        if self.turned:
            row = self.n + (16 if self.n % 64 == 0 else 0)
            sums = Matrix("turned c", row, 1, _contiguous(self.batch, self.m * row))
            scratch[sums.name] = prod(self.batch) * self.m * row
            steps.append(self._contraction(a, b, panel, sums, Ending((), ((sums, leaf("sum")),)), scratch))
            steps.append(self._turn(sums))
        else:
            steps.append(self._contraction(a, b, panel, None, self.ending, scratch))
        return Plan(tuple(steps), scratch)

    def _packed_a(self, steps: list[Step], scratch: dict[str, int]) -> Matrix:
        if not self.packs_a:
            return self.a
        far = self.k + (16 if self.k % 64 == 0 else 0)
        a = Matrix("packed a", far, 1, _contiguous(self.batch, self.m * far))
        scratch[a.name] = prod(self.batch) * self.m * far
        axes = tuple(zip(self.batch, self.a.over(len(self.batch)), a.over(0)))
        move = pack.Move(axes, self.m, self.k, (self.a.rows, self.a.columns), a.rows)
        steps.append(Step(pack.kernel(move), (self.a.argument, a.name)))
        return a

    def _packed_b(self, steps: list[Step], scratch: dict[str, int]) -> tuple[Matrix, int]:
        columns = self.width * host().lanes
        size = pack.panel_floats(self.k, self.n, columns)
        shared = not any(self.b.over(1))
        sizes = (1,) * len(self.batch) if shared else self.batch
        b = Matrix("packed b", columns, 1, (0,) * len(sizes) if shared else _contiguous(sizes, size))
        scratch[b.name] = prod(sizes) * size
        axes = tuple(zip(sizes, self.b.over(len(sizes)), b.over(0)))
        moves = pack.panels(self.k, self.n, (self.b.rows, self.b.columns), columns, *axes)
        steps.append(Step(pack.kernel(*moves), (self.b.argument, b.name)))
        return b, self.k * columns

    def _contraction(self, a: Matrix, b: Matrix, panel: int, sums: Matrix | None, ending: Ending,
                     scratch: dict[str, int]) -> Step:  # fmt: skip
        """Where C is not one of the results' arrays it is scratch, there only if the sum is cut."""
        axes, steps = len(self.batch), self._steps()
        c = sums if sums else ending.results[0][0]
        direct = ending.is_plain or sums is not None or all(m.name != c.name for m in ending.operands)
        if not direct:
            c = Matrix("sums", self.n, 1, _contiguous(self.batch, self.m * self.n))
            scratch[c.name] = prod(self.batch) * self.m * self.n if steps < self.k else 1
        operands = tuple(m for m in ending.matrices if not (direct and m == c))
        inner = Ending(operands, ending.results)
        formulas = inner.formulas()
        follows_rows = len(ending.results) > 1 and self.k * self.n <= KEPT_FLOATS  # fewer pages of many arrays at once
        spec = Contraction(
            outer=tuple(
                Dim(size, *(matrix.over(axes)[i] for matrix in (a, b, c)), tuple(m.over(axes)[i] for m in operands))
                for i, size in enumerate(self.batch)
            ),
            rows=(Dim(self.m, a=a.rows, c=c.rows, operands=tuple(m.rows for m in operands)),),
            columns=self.n,
            reduce=(Dim(self.k, a=a.columns, b=b.rows),),
            panel=panel,
            epilogue=formulas[0][1] if direct and formulas[0][1] != leaf("sum") else None,
            operand_columns=tuple(m.columns if self.n > 1 else 0 for m in operands),
            width=self.width,
            outputs=formulas[1:] if direct else formulas,
            keeps_c=direct,
            bytes=tuple(i for i, m in enumerate(operands) if m.is_bytes),
            inner="columns" if self.m > self.n or follows_rows else "rows",
            steps=steps,
        )  # fmt: skip
        arguments = (a.argument, b.argument, c.argument, *(m.argument for m in operands))
        if self.stages_a:
            block = staged.block_of(self.m, self.k, self.threads)
            scratch["staged a"] = staged.rows_room(spec, block, self.threads)
            return Step(staged.rows_kernel(spec, block, self.threads), (*arguments, "staged a"))
        if self.stages_b:
            block = self.width * host().lanes
            scratch["staged b"] = staged.columns_room(spec, block, self.threads)
            return Step(staged.columns_kernel(spec, block, self.threads), (*arguments, "staged b"))
        return Step(contraction.kernel(spec), arguments)

    def _steps(self) -> int:
        """All of the sum, or as much of it as keeps in the second-level cache what is read again and again."""
        most = max(FAR_STEPS, KEPT_FLOATS // max(1, min(self.m, self.n)))
        if self.a.rows == 1:
            most = min(most, FEWER_STEPS if self.scatters_a and not self.stages_a else FEW_STEPS)
        if self.aliases_b and not self.packs_b:
            most = min(most, FAR_STEPS)
        return -(-self.k // max(1, round(self.k / most)))

    def _turn(self, sums: Matrix) -> Step:
        matrices, axes = self.ending.matrices, len(self.batch)
        places = tuple(turn.Place(m.over(axes), m.rows, m.columns, m.is_bytes) for m in matrices)
        spec = turn.Turn(self.batch, self.n, self.m, sums.rows, places, self.ending.formulas())
        return Step(turn.kernel(spec), (sums.argument, *(m.argument for m in matrices)))


def _contiguous(sizes: tuple[int, ...], each: int) -> tuple[int, ...]:
    """Strides of batch axes that lie one after the other."""
    return tuple(each * prod(sizes[i + 1 :]) for i in range(len(sizes)))
