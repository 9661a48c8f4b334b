"""A kernel set whose arrays are tensors and whose kernels are ops: through it gradients have gradients.

It holds the kernels that occur in the `backward` of ops. Kernels that are ops already are those; what occurs in
gradients alone is written out of other kernels, or is a `Formula`: a kernel with its gradient beside it.
Here are the kernels of elements, sums and places; those of layers are in `differentiable_layers`,
those of functions in `differentiable_functions`, recurrent layers in `differentiable_recurrent`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi, prod, sqrt
from typing import Any

from engine.errors import GradientError
from engine.ops import activation as act
from engine.ops import arithmetic as ar
from engine.ops import elementwise as ew
from engine.ops import indexing, layout
from engine.ops import reduction as red
from engine.ops.base import Op
from engine.tensor.differentiable_functions import FunctionKernels
from engine.tensor.differentiable_layers import LayerKernels
from engine.tensor.differentiable_recurrent import RecurrentKernels
from engine.tensor.formula import bilinear, linear
from engine.tensor.indexing import plain_index
from engine.tensor.operands import cast, full_like, meet
from engine.tensor.tape import Core, apply, wrap

Shape = tuple[int, ...]
Axes = tuple[int, ...]
Pair = tuple[int, int]


def _unary(op: Op) -> Callable[[Any, Any], Any]:
    return lambda self, x: apply(op, x)


def _comparison(kind: str) -> Callable[[Any, Any, Any], Any]:
    return lambda self, a, b: getattr(a, kind)(b)


def _gate(name: str) -> Callable[..., Any]:
    """grad where a number is positive, less or nothing elsewhere: it does not change with the number."""

    def kernel(self: Any, grad: Any, seen: Any, *options: Any) -> Any:
        return bilinear(
            name,
            lambda k, grad, seen: getattr(k, name)(grad, seen, *options),
            lambda k, up, grad, seen: getattr(k, name)(up, seen, *options),
            lambda k, up, grad, seen: k.zeros(tuple(seen.shape), seen.dtype),
            grad,
            seen,
        )

    return kernel


class DifferentiableKernels(LayerKernels, FunctionKernels, RecurrentKernels):
    """Kernels on tensors of one device.

    Args:
        device: where the tensors are.
        op: whose backward runs, for errors.
    """

    def __init__(self, device: Any, op: Op) -> None:
        self.device, self.op = device, op

    def __getattr__(self, name: str) -> Any:
        raise GradientError(f"backward through {self.op.name} with create_graph=True",
                            got=f"its gradient has none: the kernel {name} is not differentiable",
                            mend="leave create_graph away, or build the network without it")  # fmt: skip

    # elements

    neg, exp, log, sin, cos, erf = map(_unary, (ew.Neg(), ew.Exp(), ew.Log(), ew.Sin(), ew.Cos(), ew.Erf()))
    abs, sign, square, sqrt = map(_unary, (ew.Abs(), ew.Sign(), ar.PowScalar(2), ew.Sqrt()))
    sigmoid, tanh, softplus, copy = map(_unary, (act.Sigmoid(), act.Tanh(), act.Softplus(), layout.Clone()))
    eq, ne, lt, le, gt, ge = map(_comparison, ("eq", "ne", "lt", "le", "gt", "ge"))
    relu_backward, leaky_relu_backward = _gate("relu_backward"), _gate("leaky_relu_backward")

    def add(self, a: Any, b: Any) -> Any:
        return a + b

    def sub(self, a: Any, b: Any) -> Any:
        return a - b

    def mul(self, a: Any, b: Any) -> Any:
        return a * b

    def div(self, a: Any, b: Any) -> Any:
        return a / b

    def pow(self, a: Any, b: Any) -> Any:
        return a**b

    def astype(self, x: Any, dtype: Any) -> Any:
        return cast(x, dtype)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        a, b = (v if isinstance(v, Core) else full_like(b if isinstance(b, Core) else a, v) for v in (a, b))
        return apply(ar.Where(), condition, *meet(a, b))

    def minimum(self, a: Any, b: Any) -> Any:
        return a.minimum(b) if isinstance(b, Core) else a.clamp(max=b)

    def maximum(self, a: Any, b: Any) -> Any:
        return a.maximum(b) if isinstance(b, Core) else a.clamp(min=b)

    def logical_and(self, a: Any, b: Any) -> Any:
        return a.logical_and(b)

    def logical_or(self, a: Any, b: Any) -> Any:
        return a.logical_or(b)

    def between(self, x: Any, low: float | None, high: float | None) -> Any:
        return wrap(self.device.kernels.between(x.array, low, high), self.device)

    def sigmoid_backward(self, grad: Any, out: Any) -> Any:
        return grad * (out * (1 - out))

    def tanh_backward(self, grad: Any, out: Any) -> Any:
        return grad * (1 - out * out)

    def silu_backward(self, grad: Any, x: Any) -> Any:
        s = self.sigmoid(x)
        return grad * (s * (1 + x * (1 - s)))

    def gelu_backward(self, grad: Any, x: Any) -> Any:
        density = self.exp(x * x * -0.5) * (1 / sqrt(2 * pi))
        return grad * (0.5 * (1 + self.erf(x * sqrt(0.5))) + x * density)

    def gelu_tanh_backward(self, grad: Any, x: Any) -> Any:
        square = x * x
        t = self.tanh(sqrt(2 / pi) * (x + 0.044715 * square * x))
        slope = sqrt(2 / pi) * (1 + 3 * 0.044715 * square)
        return grad * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)

    def hardswish_backward(self, grad: Any, x: Any) -> Any:
        inside = self.logical_and(self.gt(x, -3.0), self.lt(x, 3.0))
        return self.where(inside, grad * (x / 3 + 0.5), self.where(self.gt(x, 0.0), grad, 0.0))

    # sums

    def sum(self, x: Any, axes: Axes | None = None, keepdims: bool = False) -> Any:
        return apply(red.Sum(axes, keepdims), x)

    def mean(self, x: Any, axes: Axes | None = None, keepdims: bool = False) -> Any:
        return apply(red.Mean(axes, keepdims), x)

    def cumsum(self, x: Any, axis: int) -> Any:
        return apply(red.CumSum(axis), x)

    def sum_to(self, x: Any, shape: Shape) -> Any:
        before, shape = tuple(x.shape), tuple(shape)
        if before == shape:
            return x
        return linear("sum_to", lambda k, x: k.sum_to(x, shape), lambda k, up: k.broadcast_to(up, before), x)

    def spread(self, x: Any, shape: Shape) -> Any:
        before = tuple(x.shape)
        return linear("spread", lambda k, x: k.spread(x, shape), lambda k, up: k.sum_to(up, before), x)

    def prod_backward(self, grad: Any, x: Any, axes: Axes) -> Any:
        """grad times the product of all others, out of products alone, so that zeros do no harm."""
        order = (*(a for a in range(x.ndim) if a not in axes), *axes)
        rows = x.permute(order)
        flat = rows.reshape(prod(rows.shape[: x.ndim - len(axes)]), prod(rows.shape[x.ndim - len(axes) :]))
        backwards = (slice(None), slice(None, None, -1))
        others = _products_before(flat) * _products_before(flat[backwards])[backwards]
        return grad * others.reshape(rows.shape).permute(tuple(order.index(a) for a in range(x.ndim)))

    def softmax_backward(self, grad: Any, out: Any, axis: int) -> Any:
        value = grad * out
        return value - out * self.sum(value, (axis,), True)

    def log_softmax_backward(self, grad: Any, out: Any, axis: int) -> Any:
        return grad - self.exp(out) * self.sum(grad, (axis,), True)

    # moving about

    def reshape(self, x: Any, shape: Shape) -> Any:
        return apply(layout.Reshape(tuple(shape)), x)

    def transpose(self, x: Any, axes: Axes) -> Any:
        return apply(layout.Permute(axes), x)

    def expand_dims(self, x: Any, axes: Axes) -> Any:
        for axis in sorted(axes):
            x = x.unsqueeze(axis)
        return x

    def broadcast_to(self, x: Any, shape: Shape) -> Any:
        return apply(layout.Expand(tuple(shape)), x)

    def pad(self, x: Any, widths: tuple[Pair, ...], value: float) -> Any:
        return apply(layout.Pad(widths, value), x)

    def tril(self, x: Any, diagonal: int) -> Any:
        return apply(layout.Triangle("tril", diagonal), x)

    def triu(self, x: Any, diagonal: int) -> Any:
        return apply(layout.Triangle("triu", diagonal), x)

    def zeros(self, shape: Shape, dtype: Any) -> Any:
        return wrap(self.device.kernels.zeros(shape, dtype), self.device)

    def arange(self, count: int) -> Any:
        return wrap(self.device.kernels.arange(count), self.device)

    # picking

    def getitem(self, x: Any, index: Any) -> Any:
        return apply(indexing.GetItem(plain_index(index, self.device)), x)

    def setitem(self, x: Any, index: Any, value: Any) -> Any:
        index = plain_index(index, self.device)
        if isinstance(value, Core):
            return apply(indexing.SetItem(index), x, value)
        return linear("setitem", lambda k, x: k.setitem(x, index, value), lambda k, up: k.setitem(up, index, 0), x)

    def put(self, shape: Shape, index: Any, values: Any) -> Any:
        return linear("put", lambda k, v: k.put(shape, index, v), lambda k, up: k.getitem(up, index), values)

    def put_add(self, shape: Shape, index: Any, values: Any) -> Any:
        index = plain_index(index, self.device)
        return linear("put_add", lambda k, v: k.put_add(shape, index, v), lambda k, up: k.getitem(up, index), values)

    def gather(self, x: Any, index: Any, axis: int) -> Any:
        return apply(indexing.Gather(axis), x, index)

    def gather_backward(self, grad: Any, index: Any, shape: Shape, axis: int) -> Any:
        return linear(
            "gather_backward",
            lambda k, grad, index: k.gather_backward(grad, index, shape, axis),
            lambda k, up, index: k.gather(up, index, axis),
            grad,
            index,
        )

    def rows(self, table: Any, index: Any) -> Any:
        return apply(indexing.Embedding(), table, index)

    def add_rows(self, rows: int, index: Any, values: Any) -> Any:
        return linear(
            "add_rows",
            lambda k, values, index: k.add_rows(rows, index, values),
            lambda k, up, index: k.rows(up, index),
            values,
            index,
        )


def _products_before(x: Any) -> Any:
    """(R, N) -> of each element the product of those before it in its row, in log N steps"""
    before = apply(layout.Pad(((0, 0), (1, 0)), 1.0), x)[:, :-1]
    step = 1
    while step < x.shape[1]:
        before = before * apply(layout.Pad(((0, 0), (step, 0)), 1.0), before)[:, :-step]
        step *= 2
    return before
