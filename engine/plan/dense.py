"""Rules of matrix products: linear layers in all three passes, and products of matrices."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from engine.kernels.cpu.expression import Expr, leaf, substitute
from engine.kernels.cpu.products import Matrix, product
from engine.kernels.cpu.program import Plan, Step
from engine.kernels.cpu.reduction import column_sums
from engine.kernels.update import Update
from engine.plan.lazy import SUM, Gather, Heavy, Lazy, renamed
from engine.plan.lower import BYTE, FLOAT, Lowering, Order, rule
from engine.plan.places import Place
from engine.plan.trace import Call, Value


@rule("linear")
def linear(low: Lowering, call: Call) -> bool:
    """y = x weightᵀ + bias"""
    x, weight, bias = call.arguments
    if x.dtype != FLOAT:
        return False
    a, order = rows_of(low, x)
    low.env[call.results] = _product(low, a, low.packed(weight).transposed((1, 0)), call.results, order)
    if bias is not None:
        low.env[call.results] = low.combine("add", call.results.shape, low.env[call.results], bias)
    return True


@rule("linear_backward_input")
def linear_backward_input(low: Lowering, call: Call) -> bool:
    """dx = dy weight"""
    grad, weight = call.arguments
    if grad.dtype != FLOAT:
        return False
    a, order = rows_of(low, grad)
    low.env[call.results] = _product(low, a, low.packed(weight), call.results, order)
    return True


@rule("linear_backward_weight")
def linear_backward_weight(low: Lowering, call: Call) -> bool:
    """dweight = dyᵀ x"""
    grad, x = call.arguments
    if grad.dtype != FLOAT:
        return False
    a, order = rows_of(low, grad)
    b, _ = rows_of(low, x, order)
    low.env[call.results] = _product(low, a.transposed((1, 0)), b, call.results)
    return True


@rule("linear_backward_bias")
def linear_backward_bias(low: Lowering, call: Call) -> bool:
    """dbias = the sum of dy over all samples"""
    (grad,) = call.arguments
    if grad.dtype != FLOAT:
        return False
    low.env[call.results] = summed(low, low.dense_place(rows_of(low, grad)[0]))
    return True


def summed(low: Lowering, rows: Place) -> Place:
    """The sum of the rows of a dense matrix."""
    count, columns = rows.shape
    out = low.new((columns,))
    low.emit(Plan((Step(column_sums(count, columns), ("x", "out")),)), x=rows, out=out)
    return out


def rows_of(low: Lowering, value: Value, order: Order = None) -> tuple[Place, tuple[int, ...]]:
    """(..., K) as a matrix (M, K) with one stride of 1, and the order of the axes in which its rows come.

    Args:
        low: what is being lowered.
        value: of any number of axes.
        order: in which the rows are to come; as they lie, if not said.
    """
    place, shape = low.place(value), (prod(value.shape[:-1]), value.shape[-1])
    lies = place.order
    order = order or (lies if lies[-1:] == (value.ndim - 1,) else tuple(range(value.ndim)))
    matrix = place.transposed(order).reshaped(shape)
    if matrix is None or 1 not in matrix.strides:
        matrix = low.dense_place(place, order).transposed(order).reshaped(shape)
    return matrix, order


def _product(low: Lowering, a: Place, b: Place, result: Value, order: Order = None) -> Lazy:
    """a (M, K) times b (K, N), shaped as the result: still to be run, with a formula or an optimizer's step behind.

    The rows are the leading axes of the result in this order.
    """
    (m, k), n, shape = a.shape, b.shape[1], result.shape
    order = order or tuple(range(len(shape)))

    def emit(lazy: Lazy, gather: Gather | None) -> Place | None:
        names = {name: f"operand {i}" for i, name in enumerate(lazy.places)}
        seen = {
            names[name]: place.broadcast(shape).transposed(order).reshaped((m, n))
            for name, place in lazy.places.items()
        }
        if gather or not all(place is not None and _suits(place) for place in seen.values()):
            return None
        operands = tuple(_operand(name, place) for name, place in seen.items())
        epilogue = None if lazy.expr == leaf(SUM) else renamed(lazy.expr, names)
        out = low.new(shape, order)
        plan = product(m, k, n, _matrix("a", a), _matrix("b", b), Matrix("c", n, 1), 1, epilogue, operands)
        low.emit(plan, a=a, b=b, c=out, **seen)
        return out

    def update(rule: Update, places: Mapping[str, Place]) -> None:
        operands = (*(Matrix(name, n, 1) for name in rule.arrays), *(Matrix(name, 0, 0) for name in rule.scalars))
        outputs = tuple((Matrix(name, n, 1), _of_sum(formula)) for name, formula in rule.outputs)
        plan = product(m, k, n, _matrix("a", a), _matrix("b", b), None, operands=operands, outputs=outputs)
        low.emit(plan, a=a, b=b, **places)

    heavy = Heavy(emit, (a.buffer, b.buffer), shape, update=update if len(shape) == 2 else None)
    return Lazy(shape, leaf(SUM), {}, heavy)


def _of_sum(formula: Expr) -> Expr:
    return substitute(formula, {"grad": leaf(SUM)})


def _suits(place: Place) -> bool:
    """Whether columns lie next to each other, or share a number."""
    return place.dtype in (FLOAT, BYTE) and (place.shape[1] == 1 or place.strides[1] in (0, 1))


def _operand(name: str, place: Place) -> Matrix:
    (rows, columns), (far, near) = place.shape, place.strides
    return Matrix(name, far if rows > 1 else 0, near if columns > 1 else 0, is_bytes=place.dtype == BYTE)


def _matrix(name: str, place: Place) -> Matrix:
    """Strides of an axis of size 1 are what suits."""
    (rows, columns), (far, near) = place.shape, place.strides
    if columns == 1:
        near = 1
    elif rows == 1 and near != 1:
        far = 1
    return Matrix(name, far, near)
