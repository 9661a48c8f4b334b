"""Rules of matrix products: linear layers in all three passes, and products of matrices."""

from __future__ import annotations

from math import prod

from engine.kernels.cpu.expression import leaf
from engine.kernels.cpu.products import Extra, Matrix, product
from engine.kernels.cpu.program import Plan, Step
from engine.kernels.cpu.reduction import column_sums
from engine.plan.lazy import SUM, Gather, Heavy, Lazy, renamed
from engine.plan.lower import FLOAT, Lowering, rule
from engine.plan.places import Place
from engine.plan.trace import Call, Value


@rule("linear")
def linear(low: Lowering, call: Call) -> bool:
    """y = x weightᵀ + bias"""
    x, weight, bias = call.arguments
    if x.dtype != FLOAT:
        return False
    a, w = rows_of(low, x), low.packed(weight)
    heavy = _product(low, a, w.transposed((1, 0)), call.results.shape)
    low.env[call.results] = result = Lazy(call.results.shape, leaf(SUM), {}, heavy)
    if bias is not None:
        low.env[call.results] = low.combine("add", result.shape, result, bias)
    return True


@rule("linear_backward_input")
def linear_backward_input(low: Lowering, call: Call) -> bool:
    """dx = dy weight"""
    grad, weight = call.arguments
    if grad.dtype != FLOAT:
        return False
    heavy = _product(low, rows_of(low, grad), low.packed(weight), call.results.shape)
    low.env[call.results] = Lazy(call.results.shape, leaf(SUM), {}, heavy)
    return True


@rule("linear_backward_weight")
def linear_backward_weight(low: Lowering, call: Call) -> bool:
    """dweight = dyᵀ x"""
    grad, x = call.arguments
    if grad.dtype != FLOAT:
        return False
    heavy = _product(low, rows_of(low, grad).transposed((1, 0)), rows_of(low, x), call.results.shape)
    low.env[call.results] = Lazy(call.results.shape, leaf(SUM), {}, heavy)
    return True


@rule("linear_backward_bias")
def linear_backward_bias(low: Lowering, call: Call) -> bool:
    """dbias = the sum of dy over all samples"""
    (grad,) = call.arguments
    if grad.dtype != FLOAT:
        return False
    a = low.dense_place(rows_of(low, grad))
    low.env[call.results] = summed(low, a)
    return True


def summed(low: Lowering, rows: Place) -> Place:
    """The sum of the rows of a dense matrix."""
    count, columns = rows.shape
    out = low.new((columns,))
    low.emit(Plan((Step(column_sums(count, columns), ("x", "out")),)), x=rows, out=out)
    return out


def rows_of(low: Lowering, value: Value) -> Place:
    """(..., K) as a matrix (M, K) with one stride of 1."""
    place = low.place(value)
    matrix = place.reshaped((prod(value.shape[:-1]), value.shape[-1]))
    if matrix is None or 1 not in matrix.strides:
        matrix = low.dense_place(place).reshaped((prod(value.shape[:-1]), value.shape[-1]))
    return matrix


def _product(low: Lowering, a: Place, b: Place, shape: tuple[int, ...]) -> Heavy:
    """a (M, K) times b (K, N), shaped (..., N)."""
    (m, k), n = a.shape, b.shape[1]

    def emit(lazy: Lazy, gather: Gather | None) -> Place | None:
        if gather:
            return None
        extras, names, operands = [], {}, {}
        for i, (name, place) in enumerate(lazy.places.items()):
            seen = place.broadcast(shape).reshaped((m, n))
            if seen is None or (n > 1 and seen.strides[1] not in (0, 1)):
                return None
            names[name], operands[f"operand {i}"] = str(i), seen
            extras.append(Extra(f"operand {i}", seen.strides[0] if m > 1 else 0, seen.strides[1] if n > 1 else 0))
        epilogue = None if lazy.expr == leaf(SUM) else renamed(lazy.expr, names)
        out = low.new(shape)
        plan = product(m, k, n, _matrix("a", a), _matrix("b", b), Matrix("c", n, 1), 1, epilogue, tuple(extras))
        low.emit(plan, a=a, b=b, c=out, **operands)
        return out

    return Heavy(emit, (a.buffer, b.buffer), shape)


def _matrix(name: str, place: Place) -> Matrix:
    """Strides of an axis of size 1 are what suits."""
    (rows, columns), (far, near) = place.shape, place.strides
    if columns == 1:
        near = 1
    elif rows == 1 and near != 1:
        far = 1
    return Matrix(name, far, near)
