"""Activations, softmax and dropout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.ops.base import Op, Spec, axis_of
from engine.ops.elementwise import Unary


class ReLU(Unary):
    """max(x, 0)"""

    saves = ("out",)

    def forward(self, k, x):
        return k.relu(x)

    def backward(self, k, grad, needs, out):
        return (k.relu_backward(grad, out),)


@dataclass(eq=False)
class LeakyReLU(Unary):
    """x where it is positive, slope * x elsewhere"""

    slope: float
    saves = ("x",)

    def forward(self, k, x):
        return k.leaky_relu(x, self.slope)

    def backward(self, k, grad, needs, x):
        return (k.leaky_relu_backward(grad, x, self.slope),)


@dataclass(eq=False)
class ELU(Unary):
    """scale * x where it is positive, scale * alpha * (exp(inner * x) - 1) elsewhere (Clevert et al., 2016)"""

    alpha: float
    scale: float
    inner: float
    saves = ("x",)

    def forward(self, k, x):
        below = k.mul(k.expm1(k.mul(k.minimum(x, 0), self.inner)), self.alpha * self.scale)
        return k.where(k.gt(x, 0), k.mul(x, self.scale), below)

    def backward(self, k, grad, needs, x):
        slope = k.mul(k.exp(k.mul(k.minimum(x, 0), self.inner)), self.alpha * self.scale * self.inner)
        return (k.where(k.gt(x, 0), k.mul(grad, self.scale), k.mul(grad, slope)),)

    def flops(self, x):
        return 5 * x.size


@dataclass(eq=False)
class Hardtanh(Unary):
    """x, no less than low and no more than high; the gradient passes inside the limits, ends excluded"""

    low: float
    high: float
    saves = ("x",)

    def forward(self, k, x):
        return k.clip(x, self.low, self.high)

    def backward(self, k, grad, needs, x):
        return (k.mul(grad, k.logical_and(k.gt(x, self.low), k.lt(x, self.high))),)


class Sigmoid(Unary):
    """1 / (1 + exp(-x))"""

    saves = ("out",)

    def forward(self, k, x):
        return k.sigmoid(x)

    def backward(self, k, grad, needs, out):
        return (k.sigmoid_backward(grad, out),)

    def flops(self, x):
        return 4 * x.size


class Tanh(Unary):
    """Hyperbolic tangent"""

    saves = ("out",)

    def forward(self, k, x):
        return k.tanh(x)

    def backward(self, k, grad, needs, out):
        return (k.tanh_backward(grad, out),)


class SiLU(Unary):
    """x * sigmoid(x)"""

    saves = ("x",)

    def forward(self, k, x):
        return k.silu(x)

    def backward(self, k, grad, needs, x):
        return (k.silu_backward(grad, x),)

    def flops(self, x):
        return 5 * x.size


class GELU(Unary):
    """x * F(x), F the distribution function of the standard normal (Hendrycks and Gimpel, 2016)"""

    saves = ("x",)

    def forward(self, k, x):
        return k.gelu(x)

    def backward(self, k, grad, needs, x):
        return (k.gelu_backward(grad, x),)

    def flops(self, x):
        return 8 * x.size


class GELUTanh(Unary):
    """GELU by its approximation with tanh"""

    saves = ("x",)

    def forward(self, k, x):
        return k.gelu_tanh(x)

    def backward(self, k, grad, needs, x):
        return (k.gelu_tanh_backward(grad, x),)

    def flops(self, x):
        return 8 * x.size


class Hardswish(Unary):
    """x min(max(x + 3, 0), 6) / 6 (Howard et al., 2019)"""

    saves = ("x",)

    def forward(self, k, x):
        return k.hardswish(x)

    def backward(self, k, grad, needs, x):
        return (k.hardswish_backward(grad, x),)

    def flops(self, x):
        return 5 * x.size


class Softplus(Unary):
    """log(1 + exp(x))"""

    saves = ("x",)

    def forward(self, k, x):
        return k.softplus(x)

    def backward(self, k, grad, needs, x):
        return (k.mul(grad, k.sigmoid(x)),)


@dataclass(eq=False)
class Softmax(Unary):
    """exp(x) / sum of exp(x) along an axis"""

    axis: int
    checked = True
    saves = ("out",)

    def shape(self, x):
        axis_of("softmax", self.axis, x.ndim)
        return Spec(x.shape, x.dtype)

    def forward(self, k, x):
        return k.softmax(x, self.axis)

    def backward(self, k, grad, needs, out):
        return (k.softmax_backward(grad, out, self.axis),)

    def flops(self, x):
        return 5 * x.size


@dataclass(eq=False)
class LogSoftmax(Unary):
    """x - log of the sum of exp(x) along an axis"""

    axis: int
    checked = True
    saves = ("out",)

    def shape(self, x):
        axis_of("log_softmax", self.axis, x.ndim)
        return Spec(x.shape, x.dtype)

    def forward(self, k, x):
        return k.log_softmax(x, self.axis)

    def backward(self, k, grad, needs, out):
        return (k.log_softmax_backward(grad, out, self.axis),)

    def flops(self, x):
        return 5 * x.size


@dataclass(eq=False)
class Dropout(Op):
    """x with each element set to 0 with probability p, the others scaled by 1 / (1 - p) (Srivastava et al., 2014)"""

    p: float
    generator: Any
    saves = ("mask",)
    extras = ("mask",)

    def shape(self, x):
        return Spec(x.shape, x.dtype)

    def forward(self, k, x):
        mask = k.bernoulli(self.generator, x, 1 - self.p)
        return k.mul(x, mask), mask

    def backward(self, k, grad, needs, mask):
        return (k.mul(grad, mask),)
