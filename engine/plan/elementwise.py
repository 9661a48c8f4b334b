"""Rules of the kernels that work on each element by itself, and of those that only look at values in another way."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from engine.kernels import cpu
from engine.kernels.cpu.expression import Expr, apply, number
from engine.plan.lazy import Lazy, Scattered, combined, of_place
from engine.plan.lower import FLOAT, Lowering, order_of, reads_memory_of, rule
from engine.plan.places import Buffer, Place, dense, of_array
from engine.plan.trace import OUTSIDE, Call, Value

FORMULAS: dict[str, Callable[..., Expr]] = {
    "relu_backward": lambda grad, out: apply("where_positive", out, grad, 0.0),
    "leaky_relu": lambda x, slope: apply("where_positive", x, x, x * slope),
    "leaky_relu_backward": lambda grad, x, slope: apply("where_positive", x, grad, grad * slope),
    "sigmoid_backward": lambda grad, out: (1 - out) * out * grad,
    "tanh_backward": lambda grad, out: (1 - out * out) * grad,
    "silu": lambda x: x * apply("sigmoid", x),
    "silu_backward": lambda grad, x: grad * _silu_slope(x),
    "gelu_backward": lambda grad, x: grad * apply("gelu_slope", x),
    "hardswish": lambda x: x * apply("minimum", apply("maximum", x + 3, 0.0), 6.0) / 6,
    "hardswish_backward": lambda grad, x: grad * _hardswish_slope(x),
    "square": lambda x: x * x,
    "rsqrt": lambda x, eps: 1 / apply("sqrt", x + eps),
    "bce_with_logits": lambda x, y, _: apply("softplus", -x) + (1 - y) * x,
    "bce_with_logits_backward": lambda grad, x, y, _: grad * (apply("sigmoid", x) - y),
}
NAMED = {
    "add": "add", "sub": "sub", "mul": "mul", "div": "div", "neg": "neg", "maximum": "maximum", "minimum": "minimum",
    "relu": "relu", "abs": "absolute", "sqrt": "sqrt", "exp": "exp", "log": "log", "log1p": "log1p", "tanh": "tanh",
    "sigmoid": "sigmoid", "softplus": "softplus", "erf": "erf", "gelu": "gelu",
}  # fmt: skip
"""Kernel -> operation of `expression.OPERATIONS`."""


CONSTANT_SIZE = 1024


def _silu_slope(x: Expr) -> Expr:
    s = apply("sigmoid", x)
    return s * (1 + x * (1 - s))


def _hardswish_slope(x: Expr) -> Expr:
    return apply("where_less", x, 3.0, apply("where_less", -3.0, x, x / 3 + 0.5, 0.0), 1.0)


@rule(*FORMULAS, *NAMED)
def elementwise(low: Lowering, call: Call) -> bool:
    """A formula, computed where it is needed."""
    result = call.results
    if call.named or not isinstance(result, Value) or result.dtype != FLOAT or call.arguments[0] is None:
        return False
    if any(isinstance(a, Value) and a.dtype != FLOAT for a in call.arguments):
        return False
    if call.kernel.startswith("bce") and call.arguments[-1] is not None:
        return False
    if call.kernel == "add" and _union(low, call):
        return True
    operation = NAMED.get(call.kernel) or FORMULAS[call.kernel]
    low.env[result] = low.combine(operation, result.shape, *call.arguments)
    return True


def by_channel(low: Lowering, vector: Value | None, ndim: int) -> Lazy | None:
    """A vector (C) stretched over (N, C, ...)."""
    return None if vector is None else of_place(low.place(vector).reshaped((-1, *(1,) * (ndim - 2))))


@rule("copy", "contiguous")
def copy(low: Lowering, call: Call) -> bool:
    """A copy of a result is the result: once that is changed in place, it is another Value. State is copied now."""
    (x,) = call.arguments
    if x.kind in OUTSIDE or not isinstance(low.env.get(x), Lazy | Place):
        return False
    low.env[call.results] = low.env[x] if isinstance(low.env[x], Place) else low.place(x)
    return True


@rule("assign")
def assign(low: Lowering, call: Call) -> bool:
    """Into a result of this step: the new value takes its place. Into state: stored there now."""
    target, value = call.arguments
    if isinstance(call.results, Value) and not isinstance(value, Value):
        low.env[call.results] = Lazy(target.shape, number(float(value)))
        return True
    if not isinstance(value, Value) or value.dtype != FLOAT or target.dtype != FLOAT:
        return False
    lazy = low.lazy(value)
    if isinstance(call.results, Value):
        low.env[call.results] = Lazy(target.shape, lazy.expr, lazy.places) if not lazy.heavy else low.light(lazy)
        return True
    place, light = low.place(target), low.light(lazy)
    if reads_memory_of(light, place):  # what is written must not be read again: w.copy_(w.T)
        light = of_place(low.stored(light))
    low.stored(light, place.order, place)
    return True


@rule("bernoulli")
def bernoulli(low: Lowering, call: Call) -> bool:
    """A byte for each element, 1 with probability keep, from one number of the generator; counted as 1 / keep."""
    generator, like, keep = call.arguments
    if like.dtype != FLOAT or not 0 < keep <= 1:
        return False
    found = low.env.get(like)
    order = found.order if isinstance(found, Place) else order_of(found) if isinstance(found, Lazy) else None
    mask = low.new(like.shape, order, "uint8")
    low.emit(cpu.dropout.mask(like.size, 1 - keep), mask=mask, state=low.drawn(generator))
    low.env[call.results] = combined(lambda m: m * (1 / keep), like.shape, of_place(mask))
    return True


@rule("full")
def full(low: Lowering, call: Call) -> bool:
    """A few equal numbers are a constant of the plan."""
    shape, value, dtype = call.arguments
    if call.results.size > CONSTANT_SIZE:
        return False
    low.env[call.results] = of_array(np.full(shape, value, dtype))
    return True


def _is_open(low: Lowering, value: Value) -> bool:
    """Whether a value is a formula of nothing but places, and may stay one."""
    found = low.env.get(value)
    if not isinstance(found, Lazy) or found.heavy or found.pooled:
        return False
    return found.is_cheap or low.is_last(value)


def _viewed(low: Lowering, call: Call, shape: tuple[int, ...], view: Callable[[Place], Place]) -> bool:
    x, result = call.arguments[0], call.results
    found = low.env.get(x)
    if isinstance(found, Scattered):
        low.packed(x)
    if _is_open(low, x):
        low.env[result] = found.viewed(shape, view)
    else:
        low.env[result] = view(low.place(x))
    return True


@rule("transpose")
def transpose(low: Lowering, call: Call) -> bool:
    x, axes = call.arguments
    found = low.env.get(x)
    if isinstance(found, Scattered) and low.is_last(x):
        back = tuple(sorted(range(x.ndim), key=lambda i: axes[i] % x.ndim))
        parts = [(_through(lambda whole: whole.transposed(back), view), lazy) for view, lazy in found.parts]
        low.env[call.results] = Scattered(call.results.shape, tuple(parts))
        return True
    return _viewed(low, call, call.results.shape, lambda place: place.transposed(axes))


@rule("expand_dims")
def expand_dims(low: Lowering, call: Call) -> bool:
    axes = call.arguments[1]
    return _viewed(low, call, call.results.shape, lambda place: place.expanded(axes))


@rule("broadcast_to", "spread")
def broadcast_to(low: Lowering, call: Call) -> bool:
    shape = call.results.shape
    return _viewed(low, call, shape, lambda place: place.broadcast(shape))


@rule("getitem")
def getitem(low: Lowering, call: Call) -> bool:
    """A basic index sees a part of the same memory."""
    index = call.arguments[1]
    if not is_basic(index):
        return False
    return _viewed(low, call, call.results.shape, lambda place: place.sliced(index))


@rule("reshape")
def reshape(low: Lowering, call: Call) -> bool:
    """Another shape of the same memory where that goes, else of a copy in C order."""
    x, result = call.arguments[0], call.results
    found = low.env.get(x)
    if isinstance(found, Scattered):
        low.packed(x)
    if _is_open(low, x):
        places = {n: p.broadcast(found.shape).reshaped(result.shape) for n, p in found.places.items()}
        if all(places.values()):
            low.env[result] = found.over(result.shape, places)
            return True
    place = low.place(x)
    seen = place.reshaped(result.shape)
    if seen is None:
        if x.dtype != FLOAT:
            return False
        seen = low.dense_place(place).reshaped(result.shape)
    low.env[result] = seen
    return True


@rule("concatenate")
def concatenate(low: Lowering, call: Call) -> bool:
    """Each part is computed into its place."""
    parts, axis = call.arguments
    if any(part.dtype != FLOAT for part in parts):
        return False
    result, begun = call.results, 0
    order = low.lazy(parts[0])
    places = [p for p in order.places.values() if p.shape == result.shape] or list(order.places.values())
    whole = low.new(result.shape, places[0].order if places and places[0].ndim == result.ndim else None)
    for part in parts:
        index = (slice(None),) * (axis % result.ndim) + (slice(begun, begun + part.shape[axis]),)
        into(low, low.lazy(part), whole.sliced(index))
        begun += part.shape[axis]
    low.env[result] = whole
    return True


@rule("put")
def put(low: Lowering, call: Call) -> bool:
    """Zeros, and values at a basic index; what is a part of a part is one of the whole."""
    shape, index, values = call.arguments
    if values.dtype != FLOAT or not is_basic(index):
        return False
    found = low.env.get(values)
    if isinstance(found, Scattered) and low.is_last(values):
        parts = [(_through(lambda whole: whole.sliced(index), view), lazy) for view, lazy in found.parts]
    else:
        parts = [(lambda whole: whole.sliced(index), low.lazy(values))]
    low.env[call.results] = Scattered(tuple(shape), tuple(parts))
    return True


def _through(outer: Callable[[Place], Place], inner: Callable[[Place], Place]) -> Callable[[Place], Place]:
    return lambda whole: inner(outer(whole))


def _union(low: Lowering, call: Call) -> bool:
    """The sum of what is scattered to different places is scattered to all of them."""
    found = [low.env.get(v) if isinstance(v, Value) and low.is_last(v) else None for v in call.arguments]
    if len(found) != 2 or not all(isinstance(f, Scattered) for f in found):
        return False
    parts = (*found[0].parts, *found[1].parts)
    whole = dense(Buffer(call.results.size, FLOAT), call.results.shape)
    spans = sorted(_span(view(whole)) for view, _ in parts)
    if any(end > begun for (_, end), (begun, _) in pairwise(spans)):
        return False
    low.env[call.results] = Scattered(call.results.shape, parts)
    return True


def _span(place: Place) -> tuple[int, int]:
    return place.offset, place.offset + 1 + sum((n - 1) * s for n, s in zip(place.shape, place.strides))


def into(low: Lowering, lazy: Lazy, place: Place) -> None:
    """Compute a formula into a place."""
    lazy = low.light(lazy)
    low.stored(Lazy(place.shape, lazy.expr, lazy.places), place.order, place)


def is_basic(index: Any) -> bool:
    """Whether an index sees a part of the same memory."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or isinstance(part, int | slice) for part in parts)
