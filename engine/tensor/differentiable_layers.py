"""Kernels of layers and losses on tensors: products, convolution, windows, normalisation, attention."""

from __future__ import annotations

from math import prod
from typing import Any

from engine.ops import products
from engine.ops.convolution import Conv2d
from engine.tensor.formula import bilinear, linear
from engine.tensor.tape import apply

Shape = tuple[int, ...]
Axes = tuple[int, ...]
Pair = tuple[int, int]
Widths = tuple[Pair, Pair]


class LayerKernels:
    """The part of `DifferentiableKernels` that belongs to layers; it stands on the other."""

    sum: Any
    mean: Any
    exp: Any
    where: Any
    sum_to: Any
    sigmoid: Any
    gather_backward: Any
    softmax_backward: Any

    # products

    def matmul(self, a: Any, b: Any) -> Any:
        return apply(products.MatMul(), a, b)

    def matmul_backward_left(self, grad: Any, b: Any, shape: Shape) -> Any:
        return self.sum_to(self.matmul(grad, b.mT), shape)

    def matmul_backward_right(self, grad: Any, a: Any, shape: Shape) -> Any:
        if len(shape) == 2:
            return self.matmul(a.reshape(-1, a.shape[-1]).mT, grad.reshape(-1, grad.shape[-1]))
        return self.sum_to(self.matmul(a.mT, grad), shape)

    def linear(self, x: Any, weight: Any, bias: Any) -> Any:
        return apply(products.Linear(), x, weight, bias)

    def linear_backward_input(self, grad: Any, weight: Any) -> Any:
        return bilinear(
            "linear_backward_input",
            lambda k, grad, weight: k.linear_backward_input(grad, weight),
            lambda k, up, grad, weight: k.linear(up, weight, None),
            lambda k, up, grad, weight: k.linear_backward_weight(grad, up),
            grad,
            weight,
        )

    def linear_backward_weight(self, grad: Any, x: Any) -> Any:
        return bilinear(
            "linear_backward_weight",
            lambda k, grad, x: k.linear_backward_weight(grad, x),
            lambda k, up, grad, x: k.linear(x, up, None),
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

    def max_pool2d_backward(self, grad: Any, where: Any, shape: Shape, *window: Any) -> Any:
        shape = tuple(shape)
        return linear(
            "max_pool2d_backward",
            lambda k, grad, where: k.max_pool2d_backward(grad, where, shape, *window),
            lambda k, up, where: k.max_pool2d_pick(up, where, *window),
            grad,
            where,
        )

    def max_pool2d_pick(self, x: Any, where: Any, *window: Any) -> Any:
        shape = tuple(x.shape)
        return linear(
            "max_pool2d_pick",
            lambda k, x, where: k.max_pool2d_pick(x, where, *window),
            lambda k, up, where: k.max_pool2d_backward(up, where, shape, *window),
            x,
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

    def bce_backward(self, grad: Any, p: Any, target: Any) -> Any:
        return grad * (p - target) / ((1 - p) * p).clamp(min=1e-12)

    def bce_slope(self, p: Any) -> Any:
        return (-p).log1p() - self.log(p)

    def attention_backward(self, grad: Any, query: Any, key: Any, value: Any, weights: Any, kept: Any,
                           scale: float) -> tuple[Any, Any, Any, Any]:  # fmt: skip
        used = weights if kept is None else weights * kept
        by_weights = self.matmul(grad, value.mT)
        by_scores = self.softmax_backward(by_weights if kept is None else by_weights * kept, weights, -1)
        scaled = by_scores * scale
        return self.matmul(scaled, key), self.matmul(scaled.mT, query), self.matmul(used.mT, grad), by_scores
