"""Matrix products of every orientation, and linear layers made of them, as plans.

A product can be computed as it stands or transposed (Cᵀ = Bᵀ Aᵀ); operands whose layout does not suit the kernel are
packed first. `product` weighs the ways against each other: with few samples it is cheaper to turn the activations
around than the weight. What follows the sum is a formula with as many results as wanted.
"""

from __future__ import annotations

from functools import cache

from engine.kernels.cpu.expression import Expr, apply, leaf, substitute
from engine.kernels.cpu.pool import num_threads
from engine.kernels.cpu.program import Plan, Step
from engine.kernels.cpu.reduction import column_sums
from engine.kernels.cpu.ways import Ending, Matrix, Output, Way
from engine.kernels.update import Update


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
    return _product(m, k, n, a, b, results, sizes, operands, accumulate, num_threads())


@cache
def _product(m: int, k: int, n: int, a: Matrix, b: Matrix, results: tuple[Output, ...], sizes: tuple[int, ...],
             operands: tuple[Matrix, ...], accumulate: bool, threads: int) -> Plan:  # fmt: skip
    if any(matrix.columns != 1 and n > 1 for matrix, _ in results):
        a, b, m, n = b.transposed, a.transposed, n, m
        results = tuple((matrix.transposed, formula) for matrix, formula in results)
        operands = tuple(matrix.transposed for matrix in operands)
    if accumulate:
        (kept, _), *_ = results
        so_far = {"sum": leaf("sum") + leaf(kept.name)}
        results = tuple((matrix, substitute(formula, so_far)) for matrix, formula in results)
        operands = (*operands, kept)
    ending = Ending(operands, results)
    straight = Way(m, k, n, a, b, sizes, ending, False, threads)
    turned = Way(n, k, m, b.transposed, a.transposed, sizes, ending, True, threads)
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
        update: what the optimizer does with the gradient.
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
