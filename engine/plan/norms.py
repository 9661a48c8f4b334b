"""Rules of normalisation."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from engine.kernels import cpu
from engine.kernels.cpu.expression import leaf
from engine.plan.elementwise import by_channel
from engine.plan.images import LAST, PLAIN, epilogue, source
from engine.plan.lazy import Gather, Heavy, Lazy, of_place
from engine.plan.lower import FLOAT, Lowering, rule
from engine.plan.places import Place, dense, of_array
from engine.plan.trace import Call, Value


@rule("batch_statistics")
def batch_statistics(low: Lowering, call: Call) -> bool:
    """Statistics of the batch, the running ones, and batch norm as x scale + shift, as the calls behind would make."""
    (x,) = call.arguments
    mean, var = call.results
    readers = low.readers.get(var, [])
    rsqrt = next((c for c in readers if c.kernel == "rsqrt"), None)
    update = next((c for c in readers if c.kernel == "update_running"), None)
    if x.dtype != FLOAT or x.ndim != 4 or rsqrt is None or len(readers) > 1 + (update is not None):
        return False
    if x.shape[1] > cpu.imagewise.MOST_CHANNELS:
        return False
    rstd, eps = rsqrt.results, rsqrt.arguments[1]
    use = next((c for c in low.readers[rstd] if c.kernel == "scale_shift" and c.arguments[0] is x), None)
    if use is None:
        return False
    weight, bias = use.arguments[3:]
    channels, (place, moments, each) = x.shape[1], _with_moments(low, x)
    vectors = [low.new((channels,)) for _ in range(4)]
    low.env[x], low.env[mean], low.env[rstd] = place, *vectors[:2]
    running, momentum = [low.new((channels,)), low.new((channels,))], 0.0
    if update is not None:
        low.settle(update.writes())
        running, momentum = [low.place(v) for v in update.arguments[:2]], update.arguments[5]
        low.finish(update)
    names = ("running mean", "running var", *cpu.batch_norm.STATISTICS)
    low.emit(cpu.batch_norm.merge(x.size // channels, each, channels, eps, momentum), moments=moments,
             weight=_vector(low, weight, channels, 1.0), bias=_vector(low, bias, channels, 0.0),
             **dict(zip(names, (*running, *vectors))))  # fmt: skip
    low.env[use.results] = folded(low, x, *vectors[2:])
    for other in (rsqrt, use):
        low.finish(other)
    return True


def folded(low: Lowering, x: Value, scale: Place, shift: Place) -> Lazy:
    """x scale + shift, by channel."""
    factors = (of_place(stretched(place, x.ndim)) for place in (scale, shift))
    return low.combine(lambda x, s, b: x * s + b, x.shape, x, *factors)


def _vector(low: Lowering, value: Value | None, size: int, otherwise: float) -> Place:
    return of_array(np.full(size, otherwise, FLOAT)) if value is None else low.packed(value)


def _with_moments(low: Lowering, x: Value) -> tuple[Place, Place, int]:
    """x in memory, its moments, and the pixels in each part of it: gathered by what makes it if that can be."""
    found, (n, c, h, w) = low.env.get(x), x.shape
    if isinstance(found, Lazy) and found.heavy and found.heavy.gathers:
        gather = Gather(moments=True)
        place = found.heavy.emit(found, gather)
        if place is not None:
            return place, gather.out, n * h * w // gather.parts
    place = low.packed(x, LAST)
    out = low.new((n, 2, c))
    reads, ending = cpu.operands.array("x"), cpu.operands.Epilogue(moments=True)
    low.emit(cpu.imagewise.over(n, h, w, c, reads, ending, stores=False), x=place, moments=out)
    return place, out, h * w


@rule("scale_shift")
def scale_shift(low: Lowering, call: Call) -> bool:
    """(x - mean) rstd weight + bias, all but x by channel: x scale + shift."""
    x, mean, rstd, weight, bias = call.arguments
    if x.dtype != FLOAT:
        return False
    scale = low.lazy(rstd) if weight is None else low.combine("mul", rstd.shape, rstd, weight)
    scale = low.stored(scale)
    shift = low.combine(lambda m, s: -m * s, mean.shape, mean, of_place(scale))
    shift = low.stored(shift if bias is None else low.combine("add", mean.shape, shift, bias))
    low.env[call.results] = folded(low, x, scale, shift)
    return True


def stretched(vector: Place, ndim: int) -> Place:
    """(C) as it goes with (N, C, ...)"""
    return vector.reshaped((-1, *(1,) * (ndim - 2)))


@rule("batch_norm_backward")
def batch_norm_backward(low: Lowering, call: Call) -> bool:
    """Two sums over the gradient, then dx = scale (g - mean(g) - normal mean(g normal)), which is g a + x b + c."""
    grad, x, mean, rstd, weight, training = call.arguments
    if grad.dtype != FLOAT or not training or x.ndim != 4:
        return False
    dx, d_weight, d_bias = call.results
    channels, rows = x.shape[1], x.size // x.shape[1]
    normal = low.combine(lambda x, m, r: (x - m) * r, x.shape, of_place(low.packed(x, LAST)),
                         *(by_channel(low, v, 4) for v in (mean, rstd)))  # fmt: skip
    g, sums, parts = _summed(low, grad, normal)
    scale = low.stored(low.lazy(rstd) if weight is None else low.combine("mul", rstd.shape, rstd, weight))
    low.env[d_weight], low.env[d_bias] = low.new((channels,)), low.new((channels,))
    slope, offset = low.new((channels,)), low.new((channels,))
    plan = cpu.batch_norm.merge_gradient(rows, parts, channels)
    low.emit(plan, sums=sums, mean=low.packed(mean), rstd=low.packed(rstd),
             scale=scale, dweight=low.env[d_weight], dbias=low.env[d_bias], slope=slope, offset=offset)  # fmt: skip
    factors = (of_place(stretched(place, 4)) for place in (scale, slope, offset))
    low.env[dx] = low.combine(lambda g, x, a, b, c: g * a + (x * b + c), x.shape, g, x, *factors)
    return True


def _summed(low: Lowering, grad: Value, normal: Lazy) -> tuple[Lazy, Place, int]:
    """The gradient, and (parts, 2, channels) sums of g normal and of g: by the kernel that makes it if that can be."""
    value = leaf("value")
    found, (n, c, h, w) = low.env.get(grad), grad.shape
    if isinstance(found, Lazy) and found.heavy and found.heavy.gathers:
        gather = Gather(sums=(value * normal.expr, value), places=normal.places)
        place = found.heavy.emit(found, gather)
        if place is not None:
            low.env[grad] = place
            return of_place(place), gather.out, gather.parts
    reads, places = source(low, grad, "x", low.is_last(grad))
    gather = Gather(sums=(value * normal.expr, value), places=normal.places)
    ready = epilogue(Lazy(grad.shape, PLAIN, {}), gather, "e")
    if ready is None:
        stored = of_place(low.stored(normal, LAST))
        gather = Gather(sums=(value * stored.expr, value), places=stored.places)
        ready = epilogue(Lazy(grad.shape, PLAIN, {}), gather, "e")
    ending, operands = ready
    out = low.new((n, 2, c))
    low.emit(cpu.imagewise.over(n, h, w, c, reads, ending, stores=False), **places, **operands, sums=out)
    return low.lazy(grad), out, n


@rule("layer_norm")
def layer_norm(low: Lowering, call: Call) -> bool:
    """(x - mean) / deviation by rows."""
    x, weight, bias, axes, eps = call.arguments
    sizes = _row_sizes(x, weight, bias, axes)
    if sizes is None:
        return False
    rows, columns = sizes
    y, mean, rstd = call.results
    low.env[y], low.env[mean], low.env[rstd] = low.new(y.shape), low.new(mean.shape), low.new(rstd.shape)
    places = {} if weight is None else {"weight": low.packed(weight), "bias": low.packed(bias)}
    low.emit(cpu.layer_norm.layer_norm(rows, columns, eps, weight is not None), x=low.packed(x), y=low.env[y],
             mean=low.env[mean], rstd=low.env[rstd], **places)  # fmt: skip
    return True


@rule("layer_norm_backward")
def layer_norm_backward(low: Lowering, call: Call) -> bool:
    """Gradients of x, weight and bias; another gradient of x is added on the way where there is one."""
    grad, x, mean, rstd, weight, axes = call.arguments
    sizes = _row_sizes(x, weight, weight, axes)
    if sizes is None or grad.dtype != FLOAT:
        return False
    (rows, columns), (dx, d_weight, d_bias) = sizes, call.results
    places = {"x": low.packed(x), "dy": low.packed(grad), "mean": low.packed(mean), "rstd": low.packed(rstd)}
    if weight is not None:
        places |= {"weight": low.packed(weight), "dweight dbias": low.new((2 * columns,))}
        both = places["dweight dbias"].buffer
        halves = [
            Place(both, d.shape, dense(both, d.shape).strides, i * columns) for i, d in enumerate((d_weight, d_bias))
        ]
    name, state = "residual", {"place": None}

    def emit(lazy: Lazy, gather: Gather | None) -> Place | None:
        others = list(lazy.places.items())
        adds = len(others) == 1 and lazy.expr in (PLAIN + leaf(others[0][0]), leaf(others[0][0]) + PLAIN)
        if gather or not (lazy.expr == PLAIN or (adds and others[0][1].is_dense())):
            return None
        out = state["place"] = low.new(dx.shape)
        more = {name: others[0][1]} if adds else {}
        plan = cpu.layer_norm.layer_norm_gradient(rows, columns, weight is not None, residual=adds)
        low.emit(plan, **places, **more, dx=out)
        return out

    heavy = Heavy(emit, tuple(place.buffer for place in places.values()), dx.shape)
    low.env[dx] = Lazy(dx.shape, PLAIN, {}, heavy)
    for value, half in zip((d_weight, d_bias), halves if weight is not None else ()):
        waiting = Heavy(lambda lazy, gather, half=half: _once(heavy, state, half, lazy), heavy.reads, value.shape)
        low.env[value] = Lazy(value.shape, PLAIN, {}, waiting)
    return True


def _once(heavy: Heavy, state: dict[str, Any], half: Place, lazy: Lazy) -> Place | None:
    """What the heavy kernel stores along with its own, which has to have run."""
    if lazy.expr != PLAIN:
        return None
    if state["place"] is None:
        heavy.emit(Lazy(heavy.shape, PLAIN), None)
    return half


def _row_sizes(x: Value, weight: Value | None, bias: Value | None, axes: tuple[int, ...]) -> tuple[int, int] | None:
    """(rows, columns) where the last axes are normalised, with both weight and bias or neither."""
    last = tuple(range(x.ndim - len(axes), x.ndim))
    if x.dtype != FLOAT or tuple(axis % x.ndim for axis in axes) != last or (weight is None) != (bias is None):
        return None
    columns = prod(x.shape[axis] for axis in last)
    return x.size // columns, columns
