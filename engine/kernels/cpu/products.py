"""Matrix products of every orientation, and linear layers made of them, as plans.

A product can be computed as it stands or transposed (Cᵀ = Bᵀ Aᵀ); operands whose layout does not suit the kernel are
packed first. `product` weighs the ways against each other: with few samples it is cheaper to turn the activations
around than the weight. What follows the sum is a formula with as many results as wanted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from math import prod

from engine.kernels.cpu import contraction, pack, staged, turn
from engine.kernels.cpu.expression import Expr, apply, leaf, substitute
from engine.kernels.cpu.geometry import Contraction, Dim, best_width
from engine.kernels.cpu.host import L2_FLOATS, host
from engine.kernels.cpu.pool import num_threads
from engine.kernels.cpu.program import Plan, Step
from engine.kernels.cpu.reduction import column_sums
from engine.kernels.cpu.updates import Update

MOVE_CYCLES = 0.6  # for a float that is packed, beside a multiply-add of a whole vector at 0.5
TURN_MOVES = 3  # a float of C that is turned at the end is as much as that
FAR_FLOATS = 512  # 2 KB: rows a multiple of this apart displace each other in the first-level cache
FEW_STEPS = 400  # lines of A a multiple of 2 KB apart that the second-level cache holds beside what is fetched ahead
FAR_MATRIX = L2_FLOATS // 2  # an A across the sum that is as large as this is copied block by block
KEPT_FLOATS = L2_FLOATS // 2  # of the operand that all tiles read again and again


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


@cache
def product(m: int, k: int, n: int, a: Matrix, b: Matrix, c: Matrix | None, batch: int | tuple[int, ...] = 1,
            epilogue: Expr | None = None, operands: tuple[Matrix, ...] = (), outputs: tuple[Output, ...] = (),
            accumulate: bool = False) -> Plan:  # fmt: skip
    """C (m, n) = epilogue(A (m, k) B (k, n)), over a batch, the cheaper way.

    Args:
        m, k, n: sizes.
        a, b, c: names and layouts of the arrays; one of each pair of strides is 1. Without c only the outputs are kept.
        batch: how many, or the sizes of several batch axes.
        epilogue: formula over "sum" and the operands' names.
        operands: what the formulas read: columns next to each other like C's, or one number for all columns.
        outputs: further arrays that lie like C, and their formulas; an operand may be one of them.
        accumulate: add to C; the formulas see that sum.
    """
    sizes = batch if isinstance(batch, tuple) else (batch,)
    results = (*((((c, epilogue or leaf("sum"))),) if c else ()), *outputs)
    if any(matrix.columns != 1 and n > 1 for matrix, _ in results):
        a, b, m, n = b.transposed, a.transposed, n, m
        results = tuple((matrix.transposed, formula) for matrix, formula in results)
        operands = tuple(matrix.transposed for matrix in operands)
    if accumulate:
        (kept, _), *_ = results
        so_far = {"sum": leaf("sum") + leaf(kept.name)}
        results = tuple((matrix, substitute(formula, so_far)) for matrix, formula in results)
        operands = (*operands, kept)
    ending = _Ending(operands, results)
    straight = _Way(m, k, n, a, b, sizes, ending, False)
    turned = _Way(n, k, m, b.transposed, a.transposed, sizes, ending, True)
    return min(straight, turned, key=lambda way: way.cycles).plan()


def linear_forward(samples: int, inputs: int, outputs: int, bias: bool = True, activation: str = "", pitch: int = 0,
                   dropped: float = 0.0, residual: bool = False, keeps_sum: bool = False) -> Plan:  # fmt: skip
    """y = activation(x weightᵀ + bias) · mask / (1 - dropped) + residual.

    Arrays: x (samples, inputs), weight (outputs, inputs), bias (outputs), y (samples, outputs); residual and mask
    (bytes) like y; before, like y, gets what the activation was applied to.

    Args:
        samples, inputs, outputs: sizes.
        bias: whether there is one.
        activation: an operation of `expression.OPERATIONS` on one number; "" for none.
        pitch: distance between rows of the weight where it is not `inputs`: multiples of 512 are best padded by 16.
        dropped: with which probability the mask has zeros; 0.0 where there is none.
        residual: whether one is added.
        keeps_sum: whether `before` is written.
    """
    like_y = lambda name, **more: Matrix(name, outputs, 1, **more)  # noqa: E731
    result, operands, more = leaf("sum"), [], []
    if bias:
        result = result + leaf("bias")
        operands.append(Matrix("bias", 0, 1))
    if keeps_sum:
        more.append((like_y("before"), result))
    if activation:
        result = apply(activation, result)
    if dropped:
        result = result * leaf("mask") * (1 / (1 - dropped))
        operands.append(like_y("mask", is_bytes=True))
    if residual:
        result = result + leaf("residual")
        operands.append(like_y("residual"))
    return product(samples, inputs, outputs, Matrix("x", inputs, 1), Matrix("weight", 1, pitch or inputs), like_y("y"),
                   epilogue=result, operands=tuple(operands), outputs=tuple(more))  # fmt: skip


def linear_input_gradient(samples: int, inputs: int, outputs: int, gate: str = "", pitch: int = 0, dropped: float = 0.0,
                          accumulate: bool = False) -> Plan:  # fmt: skip
    """dx = dy weight · mask / (1 - dropped) · slope, where x = activation(before) · mask / (1 - dropped).

    Arrays: dy (samples, outputs), weight, dx (samples, inputs); like dx, mask (bytes), and what the gate needs: x for
    "relu", "tanh" and "sigmoid", before for "gelu".

    Args:
        samples, inputs, outputs: sizes.
        gate: the activation behind x, whose slope is multiplied with; "" for none.
        pitch: of the weight, as in `linear_forward`.
        dropped: as in `linear_forward`; a mask and a gate that reads x go together only for "relu".
        accumulate: add to dx, before all that.
    """
    result, operands = leaf("sum"), []
    if dropped:
        result = result * leaf("mask") * (1 / (1 - dropped))
        operands.append(Matrix("mask", inputs, 1, is_bytes=True))
    if gate:
        source, slope = GATES[gate]
        result = slope(result)
        operands.append(Matrix(source, inputs, 1))
    return product(samples, outputs, inputs, Matrix("dy", outputs, 1), Matrix("weight", pitch or inputs, 1),
                   Matrix("dx", inputs, 1), 1, result, tuple(operands), accumulate=accumulate)  # fmt: skip


GATES = {  # what the slope of an activation is computed from, and the gradient before it from the one behind it
    "relu": ("x", lambda dy: apply("where_positive", leaf("x"), dy, 0.0)),
    "tanh": ("x", lambda dy: dy * (1.0 - leaf("x") * leaf("x"))),
    "sigmoid": ("x", lambda dy: dy * leaf("x") * (1.0 - leaf("x"))),
    "gelu": ("before", lambda dy: dy * apply("gelu_slope", leaf("before"))),
}


def linear_weight_gradient(samples: int, inputs: int, outputs: int, bias: bool = True, accumulate: bool = False,
                           pitch: int = 0, update: Update | None = None, keeps_gradient: bool = True
                           ) -> Plan:  # fmt: skip
    """dweight = dyᵀ x, and dbias = the sum of dy over the samples; with an update, the weight's step too.

    Arrays: dy (samples, outputs), x (samples, inputs), dweight, dbias, and those of the update like dweight.

    Args:
        samples, inputs, outputs: sizes.
        bias: whether there is one.
        accumulate: add to dweight and dbias.
        pitch: of the weight, its gradient and the update's arrays, as in `linear_forward`.
        update: what the optimizer does with the gradient, as `updates.sgd_rule` and its like say.
        keeps_gradient: whether dweight is written.
    """
    row = pitch or inputs
    operands, results = (), ()
    if update:
        operands = (*(Matrix(name, row, 1) for name in update.arrays), *(Matrix(n, 0, 0) for n in update.scalars))
        results = tuple((Matrix(name, row, 1), substitute(f, {"grad": leaf("sum")})) for name, f in update.outputs)
    plan = product(outputs, samples, inputs, Matrix("dy", 1, outputs), Matrix("x", inputs, 1),
                   Matrix("dweight", row, 1) if keeps_gradient else None, operands=operands, outputs=results,
                   accumulate=accumulate)  # fmt: skip
    if not bias:
        return plan
    sums = Step(column_sums(samples, outputs, accumulate), ("dy", "dbias"))
    return Plan((*plan.steps, sums), plan.scratch)


def matmul(m: int, k: int, n: int, batch: int = 1, a_turned: bool = False, b_turned: bool = False, scale: float = 1.0,
           accumulate: bool = False, shared_b: bool = False) -> Plan:  # fmt: skip
    """c (batch, m, n) = scale · a b, of arrays that lie one matrix after the other.

    Args:
        a_turned: a lies as (batch, k, m).
        b_turned: b lies as (batch, n, k).
        scale: a factor, as attention's 1 / √d.
        accumulate: add to c.
        shared_b: b is one matrix for the whole batch.
    """
    a = Matrix("a", 1, m, m * k) if a_turned else Matrix("a", k, 1, m * k)
    per_batch = 0 if shared_b else k * n
    b = Matrix("b", 1, k, per_batch) if b_turned else Matrix("b", n, 1, per_batch)
    epilogue = leaf("sum") * scale if scale != 1.0 else None
    if epilogue is not None and accumulate:
        raise ValueError("a scaled product cannot be added to c: the factor would act on c too")
    return product(m, k, n, a, b, Matrix("c", n, 1, m * n), batch, epilogue, accumulate=accumulate)


@dataclass(frozen=True)
class _Ending:
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
class _Way:
    """One orientation of the sums (m, n), with the packing it needs; `turned`: they are those of Cᵀ."""

    m: int
    k: int
    n: int
    a: Matrix
    b: Matrix
    batch: tuple[int, ...]
    ending: _Ending
    turned: bool

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
        """Whether A is so large and lies so that it is copied block by block."""
        large = self.m * self.k >= FAR_MATRIX and prod(self.batch) == 1 and self.n >= 64
        return large and self.a.rows == 1 and self.scatters_a and min(self.m, self.n) * self.k <= KEPT_FLOATS

    @property
    def packs_b(self) -> bool:
        far = self.b.rows % (FAR_FLOATS // 2) == 0 and self.b.rows >= FAR_FLOATS and self.k >= 32 and self.m >= 8
        return (self.b.columns != 1 and self.n > 1) or far

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
            steps.append(self._contraction(a, b, panel, sums, _Ending((), ((sums, leaf("sum")),)), scratch))
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

    def _contraction(self, a: Matrix, b: Matrix, panel: int, sums: Matrix | None, ending: _Ending,
                     scratch: dict[str, int]) -> Step:  # fmt: skip
        """Where C is not one of the results' arrays it is scratch, there only if the sum is cut."""
        axes, steps = len(self.batch), self._steps()
        c = sums if sums else ending.results[0][0]
        direct = ending.is_plain or sums is not None or all(m.name != c.name for m in ending.operands)
        if not direct:
            c = Matrix("sums", self.n, 1, _contiguous(self.batch, self.m * self.n))
            scratch[c.name] = prod(self.batch) * self.m * self.n if steps < self.k else 1
        operands = tuple(m for m in ending.matrices if not (direct and m == c))
        inner = _Ending(operands, ending.results)
        formulas = inner.formulas()
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
            inner="rows" if self.m <= self.n else "columns",
            steps=steps,
        )  # fmt: skip
        arguments = (a.argument, b.argument, c.argument, *(m.argument for m in operands))
        if not self.stages_a:
            return Step(contraction.kernel(spec), arguments)
        block, threads = staged.block_of(self.k, host().tiles[self.width]), num_threads()
        scratch["staged a"] = staged.room(spec, block, threads)
        return Step(staged.kernel(spec, block, threads), (*arguments, "staged a"))

    def _steps(self) -> int:
        """All of the sum, or as much of it as keeps in the second-level cache what is read again and again."""
        kept = min(self.m, self.n)
        parts = -(-self.k * kept // KEPT_FLOATS)
        if self.scatters_a and not self.stages_a and self.a.columns % (FAR_FLOATS // 2) == 0:
            parts = max(parts, -(-self.k // FEW_STEPS))
        return min(self.k, max(128, -(-self.k // parts))) if self.k else 0

    def _turn(self, sums: Matrix) -> Step:
        matrices, axes = self.ending.matrices, len(self.batch)
        places = tuple(turn.Place(m.over(axes), m.rows, m.columns, m.is_bytes) for m in matrices)
        spec = turn.Turn(self.batch, self.n, self.m, sums.rows, places, self.ending.formulas())
        return Step(turn.kernel(spec), (sums.argument, *(m.argument for m in matrices)))


def _contiguous(sizes: tuple[int, ...], each: int) -> tuple[int, ...]:
    """Strides of batch axes that lie one after the other."""
    return tuple(each * prod(sizes[i + 1 :]) for i in range(len(sizes)))
