"""Matrix products of every orientation, and linear layers made of them, as plans.

A product can be computed as it stands or transposed (Cᵀ = Bᵀ Aᵀ); operands whose layout does not suit the kernel are
packed first. `product` weighs the ways against each other: with few samples it is cheaper to turn the activations
around than the weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from engine.kernels.cpu import contraction, pack
from engine.kernels.cpu.expression import Expr, apply, leaf
from engine.kernels.cpu.geometry import Contraction, Dim, best_width
from engine.kernels.cpu.host import host
from engine.kernels.cpu.program import Plan, Step
from engine.kernels.cpu.reduction import column_sums

MOVE_CYCLES = 0.6  # for a float that is packed, beside a multiply-add of a whole vector at 0.5
FAR_FLOATS = 512  # 2 KB: rows a multiple of this apart displace each other in the first-level cache


@dataclass(frozen=True)
class Matrix:
    """How a batch of matrices lies in memory: strides of rows, columns and the batch axis, in floats."""

    name: str
    rows: int
    columns: int
    batch: int = 0

    @property
    def transposed(self) -> Matrix:
        return Matrix(self.name, self.columns, self.rows, self.batch)


@dataclass(frozen=True)
class Extra:
    """An operand of the epilogue, strides as in Matrix; bias by column is (0, 1)."""

    name: str
    rows: int
    columns: int
    batch: int = 0

    @property
    def transposed(self) -> Extra:
        return Extra(self.name, self.columns, self.rows, self.batch)


@cache
def product(m: int, k: int, n: int, a: Matrix, b: Matrix, c: Matrix, batch: int = 1, epilogue: Expr | None = None,
            extras: tuple[Extra, ...] = (), accumulate: bool = False) -> Plan:  # fmt: skip
    """C (m, n) = epilogue(A (m, k) B (k, n)), over a batch, the cheaper way.

    Args:
        m, k, n: sizes.
        a, b, c: names and layouts of the arrays; one of each pair of strides is 1.
        epilogue: formula over "sum" and "0", "1", ... (the extras).
        accumulate: add to C.
    """
    turned = tuple(extra.transposed for extra in extras)
    straight = _Way(m, k, n, a, b, c, batch, epilogue, extras, accumulate)
    other = _Way(n, k, m, b.transposed, a.transposed, c.transposed, batch, epilogue, turned, accumulate)
    return min((way for way in (straight, other) if way.is_possible), key=lambda way: way.cycles).plan()


def linear_forward(samples: int, inputs: int, outputs: int, bias: bool = True, activation: str = "", pitch: int = 0
                   ) -> Plan:  # fmt: skip
    """y = activation(x weightᵀ + bias). Arrays: x (samples, inputs), weight (outputs, inputs), bias, y.

    Args:
        samples, inputs, outputs: sizes.
        bias: whether there is one.
        activation: an operation of `expression.OPERATIONS` on one number; "" for none.
        pitch: distance between rows of the weight where it is not `inputs`: multiples of 512 are best padded by 16.
    """
    epilogue, extras = leaf("sum"), ()
    if bias:
        epilogue, extras = epilogue + leaf("0"), (Extra("bias", 0, 1),)
    if activation:
        epilogue = apply(activation, epilogue)
    formula = epilogue if bias or activation else None
    return product(samples, inputs, outputs, Matrix("x", inputs, 1), Matrix("weight", 1, pitch or inputs),
                   Matrix("y", outputs, 1), epilogue=formula, extras=extras)  # fmt: skip


def linear_input_gradient(samples: int, inputs: int, outputs: int, gated: bool = False, pitch: int = 0) -> Plan:
    """dx = dy weight, zero where `x` is not positive if gated (x is then the output of a ReLU)."""
    epilogue = apply("where_positive", leaf("0"), leaf("sum"), 0.0) if gated else None
    extras = (Extra("x", inputs, 1),) if gated else ()
    return product(samples, outputs, inputs, Matrix("dy", outputs, 1), Matrix("weight", pitch or inputs, 1),
                   Matrix("dx", inputs, 1), epilogue=epilogue, extras=extras)  # fmt: skip


def linear_weight_gradient(samples: int, inputs: int, outputs: int, bias: bool = True, accumulate: bool = False,
                           pitch: int = 0) -> Plan:  # fmt: skip
    """dweight = dyᵀ x, and dbias = the sum of dy over the samples."""
    plan = product(outputs, samples, inputs, Matrix("dy", 1, outputs), Matrix("x", inputs, 1),
                   Matrix("dweight", pitch or inputs, 1), accumulate=accumulate)  # fmt: skip
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
    return product(m, k, n, a, b, Matrix("c", n, 1, m * n), batch, epilogue, (), accumulate)


@dataclass(frozen=True)
class _Way:
    """One orientation of a product, with the packing it needs."""

    m: int
    k: int
    n: int
    a: Matrix
    b: Matrix
    c: Matrix
    batch: int
    epilogue: Expr | None
    extras: tuple[Extra, ...]
    accumulate: bool

    @property
    def turns_c(self) -> bool:
        return self.c.columns != 1 and self.n > 1

    @property
    def aliases_a(self) -> bool:
        """Rows of A a multiple of 2 KB apart displace each other in the first-level cache, if there are many."""
        return self.a.rows % FAR_FLOATS == 0 and self.m >= 8 and self.k >= 64

    @property
    def packs_a(self) -> bool:
        """Low tiles can read rows that displace each other; neighbours in the sum must not lie in a page each."""
        scatters = self.a.columns >= FAR_FLOATS and self.k >= 32 and self.m >= 8
        return self.n > 16 and (scatters or (self.aliases_a and self.width < 3))

    @property
    def packs_b(self) -> bool:
        far = self.b.rows % (FAR_FLOATS // 2) == 0 and self.b.rows >= FAR_FLOATS and self.k >= 32 and self.m >= 8
        return (self.b.columns != 1 and self.n > 1) or far

    @property
    def is_possible(self) -> bool:
        """A transposed C takes neither sums into it nor operands that lie like C."""
        return not (self.turns_c and self.accumulate) and all(e.columns in (0, 1) or self.n == 1 for e in self.extras)

    @property
    def cycles(self) -> float:
        moved = self.packs_a * self.m * self.k + self.turns_c * self.m * self.n
        moved += self.packs_b * self.k * self.n / (1 if self.b.batch else self.batch)
        width = self.width
        blocks = -(-self.n // (width * host().lanes))
        rows = -(-self.m // host().tiles[width])
        step = max(self.m * width / 2, 4.0 * rows, (self.m + width * rows) / 2)
        return self.batch * (blocks * step * self.k + moved * MOVE_CYCLES)

    @property
    def width(self) -> int:
        widest = max(host().tiles)
        return widest if self.aliases_a and self.n >= widest * host().lanes else best_width(self.n, self.m)

    def plan(self) -> Plan:
        steps: list[Step] = []
        scratch: dict[str, int] = {}
        a, b, panel = self.a, self.b, 0
        if self.packs_a:
            far = self.k + (16 if self.k % 64 == 0 else 0)
            a = Matrix("packed a", far, 1, self.m * far)
            scratch[a.name] = self.batch * a.batch
            source = (self.a.rows, self.a.columns)
            move = pack.Move(((self.batch, self.a.batch, a.batch),), self.m, self.k, source, a.rows)
            steps.append(Step(pack.kernel(move), (self.a.name, a.name)))
        if self.packs_b:
            columns = self.width * host().lanes
            size, panel = pack.panel_floats(self.k, self.n, columns), self.k * columns
            count = self.batch if self.b.batch else 1
            b = Matrix("packed b", columns, 1, size if self.b.batch else 0)
            scratch[b.name] = count * size
            source = (self.b.rows, self.b.columns)
            moves = pack.panels(self.k, self.n, source, columns, (count, self.b.batch, size))
            steps.append(Step(pack.kernel(*moves), (self.b.name, b.name)))
        c = Matrix("turned c", self.n, 1, self.m * self.n) if self.turns_c else self.c
        spec = Contraction(
            outer=(Dim(self.batch, a.batch, b.batch, c.batch, tuple(e.batch for e in self.extras)),),
            rows=(Dim(self.m, a=a.rows, c=c.rows, operands=tuple(e.rows for e in self.extras)),),
            columns=self.n,
            reduce=(Dim(self.k, a=a.columns, b=b.rows),),
            panel=panel,
            accumulate=self.accumulate,
            epilogue=self.epilogue,
            operand_columns=tuple(e.columns if self.n > 1 else 0 for e in self.extras),
            width=self.width,
        )
        steps.append(Step(contraction.kernel(spec), (a.name, b.name, c.name, *(e.name for e in self.extras))))
        if self.turns_c:
            scratch[c.name] = self.batch * self.m * self.n
            move = pack.Move(((self.batch, c.batch, self.c.batch),), self.n, self.m, (1, self.n), self.c.columns)
            steps.append(Step(pack.kernel(move), (c.name, self.c.name)))
        return Plan(tuple(steps), scratch)
