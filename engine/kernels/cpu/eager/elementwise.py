"""Functions of single elements, their gradients, arithmetic of arrays and numbers."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt
from typing import Any

import numpy as np

from engine.kernels.cpu.caller import FLOAT32, Layout, Recipe
from engine.kernels.cpu.eager.compiled import compiled, ufunc_or_method
from engine.kernels.cpu.eager.loops import loop
from engine.kernels.cpu.expression import Expr, apply, leaf
from engine.kernels.generic import Kernels

CHEAP, COSTLY = 16_384, 1_024  # elements from which compiled code is sooner done, for one pass of NumPy and for several
X, GRAD, OUT, A, B = (leaf(name) for name in ("x", "grad", "out", "a", "b"))


def _sigmoid(x: Expr) -> Expr:
    return apply("sigmoid", x)


def _inner(x: Expr) -> Expr:
    """What the tanh of the approximate GELU is taken of."""
    return (x + x * x * x * 0.044715) * sqrt(2 / pi)


def _gelu_tanh_slope() -> Expr:
    tanh = apply("tanh", _inner(X))
    slope = (X * X * (3 * 0.044715) + 1.0) * sqrt(2 / pi)
    return (tanh + 1.0) * 0.5 + X * 0.5 * (1.0 - tanh * tanh) * slope


def _inner_slope(x: Expr) -> Expr:
    """The slope of Hardswish below 3."""
    return apply("where_less", -3.0, x, x / 3.0 + 0.5, 0.0)


UNARY = {
    "neg": (-X, CHEAP), "square": (X * X, CHEAP), "abs": (apply("absolute", X), CHEAP),
    "sqrt": (apply("sqrt", X), CHEAP), "exp": (apply("exp", X), CHEAP), "log": (apply("log", X), CHEAP),
    "tanh": (apply("tanh", X), COSTLY), "sigmoid": (_sigmoid(X), COSTLY), "relu": (apply("relu", X), CHEAP),
    "silu": (X * _sigmoid(X), COSTLY), "erf": (apply("erf", X), COSTLY), "gelu": (apply("gelu", X), COSTLY),
    "gelu_tanh": (X * 0.5 * (apply("tanh", _inner(X)) + 1.0), COSTLY), "softplus": (apply("softplus", X), COSTLY),
    "hardswish": (X * apply("minimum", apply("maximum", X + 3.0, 0.0), 6.0) / 6.0, CHEAP), "copy": (X, CHEAP),
}  # fmt: skip
"""Kernels of one array: formula, and from how many elements on."""

BACKWARD = {
    "relu_backward": ("out", apply("where_positive", OUT, GRAD, 0.0)),
    "sigmoid_backward": ("out", GRAD * OUT * (1.0 - OUT)),
    "tanh_backward": ("out", GRAD * (1.0 - OUT * OUT)),
    "silu_backward": ("x", GRAD * (_sigmoid(X) * (X * (1.0 - _sigmoid(X)) + 1.0))),
    "hardswish_backward": ("x", GRAD * apply("where_less", X, 3.0, _inner_slope(X), 1.0)),
    "gelu_backward": ("x", GRAD * apply("gelu_slope", X)),
    "gelu_tanh_backward": ("x", GRAD * _gelu_tanh_slope()),
}
"""Gradients: what is kept beside the gradient, and the formula."""

BINARY = {
    "add": A + B, "sub": A - B, "mul": A * B, "div": A / B,
    "maximum": apply("maximum", A, B), "minimum": apply("minimum", A, B),
}  # fmt: skip
"""Arithmetic of two arrays, or of an array and a number; with `out` the first array takes the result."""


def _unary(name: str, formula: Expr, least: int) -> Any:
    def build(self: Any, x: Layout) -> Recipe | None:
        return loop(formula, {"x": x})

    build.__name__ = name
    kernel, generic = compiled(least)(build), ufunc_or_method(name)

    def call(self: Any, x: Any, out: Any = None) -> Any:
        return kernel(self, x) if out is None else generic(self, x, out=out)

    return call


def _backward(name: str, kept: str, formula: Expr) -> Any:
    def build(self: Any, grad: Layout, other: Layout) -> Recipe | None:
        return loop(formula, {"grad": grad, kept: other})

    build.__name__ = name
    return compiled(COSTLY)(build)


def _binary(name: str, formula: Expr) -> Any:
    def build(self: Any, a: Layout, b: Layout) -> Recipe | None:
        return loop(formula, {"a": a, "b": b})

    def build_into(self: Any, a: Layout, b: Layout) -> Recipe | None:
        return loop(formula, {"a": a, "b": b}, into=0)

    generic = ufunc_or_method(name)
    fresh = compiled(generic=generic)(build)
    into = compiled(generic=lambda self, a, b: generic(self, a, b, out=a))(build_into)

    def call(self: Any, a: Any, b: Any, out: Any = None) -> Any:
        if not _is_for_loops(a, b, out):
            return generic(self, a, b) if out is None else generic(self, a, b, out=out)
        if type(b) is not np.ndarray:
            b = np.array(b, np.float32)
        if out is None:
            return fresh(self, a, b)
        into(self, a, b)
        return a

    return call


def _is_for_loops(a: Any, b: Any, out: Any) -> bool:
    """Whether a loop over memory computes it; NumPy does what is small, overlaps or has another dtype."""
    if type(a) is not np.ndarray or a.size < CHEAP or a.dtype != FLOAT32:
        return False
    if out is not None and (out is not a or (b is not a and np.may_share_memory(a, b))):
        return False
    return type(b) in (np.ndarray, int, float)


class Elementwise:
    """See the generic kernels of these names."""

    @compiled(COSTLY)
    def leaky_relu(self, x: Layout, slope: float) -> Recipe | None:
        return loop(apply("where_positive", X, X, X * slope), {"x": x})

    @compiled(COSTLY)
    def leaky_relu_backward(self, grad: Layout, x: Layout, slope: float) -> Recipe | None:
        return loop(apply("where_positive", X, GRAD, GRAD * slope), {"grad": grad, "x": x})

    @compiled(COSTLY)
    def bce_with_logits(self, x: Layout, target: Layout, pos_weight: Layout | None) -> Recipe | None:
        tail = apply("softplus", -X)
        return _with_weight(lambda more: (1.0 - leaf("target")) * X + (tail if more is None else tail * more),
                            {"x": x, "target": target}, pos_weight)  # fmt: skip

    @compiled(COSTLY)
    def bce_with_logits_backward(self, grad: Layout, x: Layout, target: Layout, pos_weight: Layout | None
                                 ) -> Recipe | None:  # fmt: skip
        p, y = _sigmoid(X), leaf("target")
        return _with_weight(lambda more: GRAD * (p - y if more is None else (1.0 - y) - more * (1.0 - p)),
                            {"grad": grad, "x": x, "target": target}, pos_weight)  # fmt: skip

    @compiled(CHEAP)
    def spread(self, x: Layout, shape: tuple[int, ...]) -> Recipe | None:
        """Images that are stretched lie channels-last."""
        order = (0, 2, 3, 1) if len(shape) == 4 else tuple(range(len(shape)))
        return loop(X, {"x": x}, shape=tuple(shape), order=order)

    def assign(self, target: Any, value: Any) -> None:
        if type(value) is np.ndarray and value.size >= CHEAP and not np.may_share_memory(target, value):
            self._assign(target, value)
        else:
            Kernels.assign(self, target, value)

    def _assign_(self, target: Layout, value: Layout) -> Recipe | None:
        return loop(leaf("value"), {"target": target, "value": value}, into=0)

    _assign = compiled(generic=Kernels.assign)(_assign_)


def _with_weight(formula: Callable[[Expr | None], Expr], layouts: dict[str, Layout], weight: Layout | None
                 ) -> Recipe | None:  # fmt: skip
    """A formula that is told 1 + (pos_weight - 1) target, or None."""
    if weight is None:
        return loop(formula(None), layouts)
    return loop(formula((leaf("weight") - 1.0) * leaf("target") + 1.0), {**layouts, "weight": weight})


for _name, (_formula, _least) in UNARY.items():
    setattr(Elementwise, _name, _unary(_name, _formula, _least))
for _name, (_kept, _formula) in BACKWARD.items():
    setattr(Elementwise, _name, _backward(_name, _kept, _formula))
for _name, _formula in BINARY.items():
    setattr(Elementwise, _name, _binary(_name, _formula))
