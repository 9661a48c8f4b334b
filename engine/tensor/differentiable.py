"""A kernel set whose arrays are tensors and whose kernels are ops: through it gradients have gradients.

It holds the kernels that occur in the `backward` of ops. Kernels that are ops already are those; what occurs in
gradients alone is written out of other kernels, or is a `Formula`: a kernel with its gradient beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import pi, prod, sqrt
from typing import Any

from engine.errors import GradientError
from engine.kernels.generic.pooling import taps
from engine.ops import activation as act
from engine.ops import arithmetic as ar
from engine.ops import elementwise as ew
from engine.ops import indexing, layout, products
from engine.ops import reduction as red
from engine.ops.base import Op
from engine.ops.convolution import Conv2d
from engine.tensor.arithmetic import cast, full_like, meet
from engine.tensor.shapes import plain_index
from engine.tensor.tape import Core, apply, wrap

Shape = tuple[int, ...]
Axes = tuple[int, ...]
Pair = tuple[int, int]
Widths = tuple[Pair, Pair]


class Formula(Op):
    """A kernel as an op.

    Args:
        name: as errors say it.
        forward: (k, *arrays) -> the result.
        backward: (k, grad, needs, *saved) -> the gradient for each input.
        count: of inputs.
        kept: which of them are saved.
    """

    def __init__(self, name: str, forward: Any, backward: Any, count: int, kept: Iterable[int]) -> None:
        kept = tuple(kept)
        self._name, self.forward, self.backward = name, forward, backward
        self._inputs = tuple(f"input {i}" for i in range(count))
        self.saves = tuple(self._inputs[i] for i in kept)
        self._kept, self._guarded = tuple(i + 1 for i in kept), kept

    @property
    def name(self) -> str:
        return self._name

    def shape(self, *specs: Any) -> None:
        """Nothing: what does not fit was said when the op was run whose gradient this is."""


def linear(name: str, forward: Any, adjoint: Any, x: Any, *constants: Any) -> Any:
    """A kernel that is linear in x: forward(k, x, *constants), and adjoint(k, grad, *constants), its transpose."""

    def backward(k: Any, grad: Any, needs: tuple[bool, ...], *saved: Any) -> tuple[Any, ...]:
        return adjoint(k, grad, *saved), *[None] * len(saved)

    count = 1 + len(constants)
    return apply(Formula(name, forward, backward, count, range(1, count)), x, *constants)


def bilinear(name: str, forward: Any, by_a: Any, by_b: Any, a: Any, b: Any) -> Any:
    """A kernel that is linear in a and in b; each of the functions is called with (k, [grad,] a, b)."""

    def backward(k: Any, grad: Any, needs: tuple[bool, ...], a: Any, b: Any) -> tuple[Any, Any]:
        return by_a(k, grad, a, b) if needs[0] else None, by_b(k, grad, a, b) if needs[1] else None

    return apply(Formula(name, forward, backward, 2, (0, 1)), a, b)


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


class DifferentiableKernels:
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

    # products

    def matmul(self, a: Any, b: Any) -> Any:
        return apply(products.MatMul(), a, b)

    def matmul_backward_left(self, grad: Any, b: Any, shape: Shape) -> Any:
        return self.sum_to(self.matmul(grad, b.mT), shape)

    def matmul_backward_right(self, grad: Any, a: Any, shape: Shape) -> Any:
        if len(shape) == 2:
            return self.matmul(a.reshape(-1, a.shape[-1]).mT, grad.reshape(-1, grad.shape[-1]))
        return self.sum_to(self.matmul(a.mT, grad), shape)

    def linear(self, x: Any, weight: Any) -> Any:
        return apply(products.Linear(), x, weight, None)

    def linear_backward_input(self, grad: Any, weight: Any) -> Any:
        return bilinear(
            "linear_backward_input",
            lambda k, grad, weight: k.linear_backward_input(grad, weight),
            lambda k, up, grad, weight: k.linear(up, weight),
            lambda k, up, grad, weight: k.linear_backward_weight(grad, up),
            grad,
            weight,
        )

    def linear_backward_weight(self, grad: Any, x: Any) -> Any:
        return bilinear(
            "linear_backward_weight",
            lambda k, grad, x: k.linear_backward_weight(grad, x),
            lambda k, up, grad, x: k.linear(x, up),
            lambda k, up, grad, x: k.linear_backward_input(grad, up),
            grad,
            x,
        )

    def linear_backward_bias(self, grad: Any) -> Any:
        shape = tuple(grad.shape)
        return linear(
            "linear_backward_bias",
            lambda k, grad: k.linear_backward_bias(grad),
            lambda k, up: k.broadcast_to(up, shape),
            grad,
        )

    # convolution: the gradients of one by its input and by its weight are convolutions again

    def conv2d(self, x: Any, weight: Any, bias: Any, *options: Any) -> Any:
        return apply(Conv2d(*options), x, weight, bias)

    def conv2d_backward_input(self, grad: Any, weight: Any, shape: Shape, *options: Any) -> Any:
        shape, kernel = tuple(shape), tuple(weight.shape[2:])
        return bilinear(
            "conv2d_backward_input",
            lambda k, grad, weight: k.conv2d_backward_input(grad, weight, shape, *options),
            lambda k, up, grad, weight: k.conv2d(up, weight, None, *options),
            lambda k, up, grad, weight: k.conv2d_backward_weight(grad, up, kernel, *options),
            grad,
            weight,
        )

    def conv2d_backward_weight(self, grad: Any, x: Any, kernel: Pair, *options: Any) -> Any:
        shape, kernel = tuple(x.shape), tuple(kernel)
        return bilinear(
            "conv2d_backward_weight",
            lambda k, grad, x: k.conv2d_backward_weight(grad, x, kernel, *options),
            lambda k, up, grad, x: k.conv2d(x, up, None, *options),
            lambda k, up, grad, x: k.conv2d_backward_input(grad, up, shape, *options),
            grad,
            x,
        )

    def conv2d_backward_bias(self, grad: Any) -> Any:
        shape = tuple(grad.shape)
        return linear(
            "conv2d_backward_bias",
            lambda k, grad: k.conv2d_backward_bias(grad),
            lambda k, up: k.broadcast_to(k.reshape(up, (-1, 1, 1)), shape),
            grad,
        )

    # windows

    def max_pool2d_backward(self, grad: Any, where: Any, shape: Shape, kernel: Pair, stride: Pair, widths: Widths,
                            dilation: Pair) -> Any:  # fmt: skip
        def picked(k: Any, up: Any, where: Any) -> Any:
            wide, total = k.pad(up, ((0, 0), (0, 0), *widths), 0.0), 0
            for number, place in taps(kernel, stride, dilation, tuple(where.shape[2:])):
                total = k.add(k.mul(k.getitem(wide, place), k.eq(where, number)), total)
            return total

        return linear(
            "max_pool2d_backward",
            lambda k, g, where: k.max_pool2d_backward(g, where, tuple(shape), kernel, stride, widths, dilation),
            picked,
            grad,
            where,
        )

    def avg_pool2d(self, x: Any, kernel: Pair, stride: Pair, widths: Widths, out: Pair, divisor: Any) -> Any:
        shape = tuple(x.shape)
        return linear(
            "avg_pool2d",
            lambda k, x: k.avg_pool2d(x, kernel, stride, widths, out, divisor),
            lambda k, up: k.avg_pool2d_backward(up, shape, kernel, stride, widths, divisor),
            x,
        )

    def avg_pool2d_backward(self, grad: Any, shape: Shape, kernel: Pair, stride: Pair, widths: Widths,
                            divisor: Any) -> Any:  # fmt: skip
        out = tuple(grad.shape[2:])
        return linear(
            "avg_pool2d_backward",
            lambda k, grad: k.avg_pool2d_backward(grad, tuple(shape), kernel, stride, widths, divisor),
            lambda k, up: k.avg_pool2d(up, kernel, stride, widths, out, divisor),
            grad,
        )

    def resize_nearest(self, x: Any, rows: Any, columns: Any) -> Any:
        shape = tuple(x.shape)
        return linear(
            "resize_nearest",
            lambda k, x: k.resize_nearest(x, rows, columns),
            lambda k, up: k.resize_nearest_backward(up, rows, columns, shape),
            x,
        )

    def resize_nearest_backward(self, grad: Any, rows: Any, columns: Any, shape: Shape) -> Any:
        return linear(
            "resize_nearest_backward",
            lambda k, grad: k.resize_nearest_backward(grad, rows, columns, tuple(shape)),
            lambda k, up: k.resize_nearest(up, rows, columns),
            grad,
        )

    def resample(self, x: Any, rows: Any, columns: Any) -> Any:
        return linear(
            "resample",
            lambda k, x: k.resample(x, rows, columns),
            lambda k, up: k.resample(up, rows.T, columns.T),
            x,
        )

    # normalisation

    def batch_norm_backward(self, grad: Any, x: Any, mean: Any, rstd: Any, weight: Any, training: bool) -> Any:
        over, by_channel = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
        mean, rstd = mean.reshape(by_channel), rstd.reshape(by_channel)
        scale = None if weight is None else weight.reshape(by_channel)
        if training:
            mean, rstd = self._moments(x, rstd, over)
        normal, scaled = (x - mean) * rstd, grad if scale is None else grad * scale
        by_x = self._centred(scaled, normal, over) * rstd if training else scaled * rstd
        return by_x, self.sum(grad * normal, over), self.sum(grad, over)

    def layer_norm_backward(self, grad: Any, x: Any, mean: Any, rstd: Any, weight: Any, axes: Axes) -> Any:
        ahead = tuple(range(x.ndim - len(axes)))
        mean, rstd = self._moments(x, rstd, axes)
        normal, scaled = (x - mean) * rstd, grad if weight is None else grad * weight
        by_x = self._centred(scaled, normal, axes) * rstd
        return by_x, self.sum(grad * normal, ahead), self.sum(grad, ahead)

    def group_norm_backward(self, grad: Any, x: Any, mean: Any, rstd: Any, weight: Any) -> Any:
        groups, over = mean.shape[1], (0, *range(2, x.ndim))
        shape = (x.shape[0], groups, prod(x.shape[1:]) // groups)
        rows = x.reshape(shape)
        mean, rstd = self._moments(rows, rstd, (2,))
        normal = (rows - mean) * rstd
        scaled = grad if weight is None else grad * weight.reshape(-1, *[1] * (x.ndim - 2))
        by_x = (self._centred(scaled.reshape(shape), normal, (2,)) * rstd).reshape(x.shape)
        return by_x, self.sum(grad * normal.reshape(x.shape), over), self.sum(grad, over)

    def _moments(self, x: Any, rstd: Any, axes: Axes) -> tuple[Any, Any]:
        """Mean and 1 / deviation of x with their history; its value says how much was added to the variance."""
        mean = self.mean(x, axes, True)
        variance = self.mean((x - mean) ** 2, axes, True)
        added = rstd.detach() ** -2 - variance.detach()
        return mean, (variance + added) ** -0.5

    def _centred(self, grad: Any, normal: Any, axes: Axes) -> Any:
        """grad without its mean and without what goes along with the normalised values."""
        along = self.mean(grad * normal, axes, True)
        return grad - self.mean(grad, axes, True) - normal * along

    # losses

    def nll_backward(self, share: Any, target: Any, shape: Shape, ignored: Any) -> Any:
        if ignored is not None:
            target = self.where(ignored, 0, target)
        return self.gather_backward(-share.unsqueeze(1), target.unsqueeze(1), tuple(shape), 1)

    def cross_entropy_backward(self, share: Any, log_p: Any, target: Any, ignored: Any) -> Any:
        share = share.expand(target.shape)
        return self.exp(log_p) * share.unsqueeze(1) + self.nll_backward(share, target, log_p.shape, ignored)

    def soft_cross_entropy_backward(self, grad: Any, log_p: Any, target: Any) -> Any:
        return (self.exp(log_p) * self.sum(target, (1,), True) - target) * grad.unsqueeze(1)

    def bce_with_logits_backward(self, grad: Any, x: Any, target: Any, pos_weight: Any) -> Any:
        p = self.sigmoid(x)
        if pos_weight is None:
            return grad * (p - target)
        return grad * ((1 - target) - (1 + (pos_weight - 1) * target) * (1 - p))

    def attention_backward(self, grad: Any, query: Any, key: Any, value: Any, weights: Any, kept: Any,
                           scale: float) -> tuple[Any, Any, Any, Any]:  # fmt: skip
        used = weights if kept is None else weights * kept
        by_weights = self.matmul(grad, value.mT)
        by_scores = self.softmax_backward(by_weights if kept is None else by_weights * kept, weights, -1)
        scaled = by_scores * scale
        return self.matmul(scaled, key), self.matmul(scaled.mT, query), self.matmul(used.mT, grad), by_scores


def _products_before(x: Any) -> Any:
    """(R, N) -> of each element the product of those before it in its row, in log N steps"""
    before = apply(layout.Pad(((0, 0), (1, 0)), 1.0), x)[:, :-1]
    step = 1
    while step < x.shape[1]:
        before = before * apply(layout.Pad(((0, 0), (step, 0)), 1.0), before)[:, :-step]
        step *= 2
    return before
