"""Rules of normalisation."""

from __future__ import annotations

from engine.kernels.cpu import batch_norm
from engine.kernels.cpu.elementwise import channel_sums
from engine.kernels.cpu.expression import leaf
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.reduction import column_sums
from engine.kernels.cpu.statistics import merge
from engine.plan.elementwise import by_channel
from engine.plan.images import LAST, Operands, by_pixel
from engine.plan.lazy import Gather, Lazy, of_place
from engine.plan.lower import FLOAT, Lowering, rule
from engine.plan.places import Place
from engine.plan.trace import Call, Value


@rule("batch_statistics")
def batch_statistics(low: Lowering, call: Call) -> bool:
    """Mean and 1 / deviation of each channel, and the running statistics, which the calls behind would make."""
    (x,) = call.arguments
    mean, var = call.results
    readers = low.readers.get(var, [])
    rsqrt = next((c for c in readers if c.kernel == "rsqrt"), None)
    update = next((c for c in readers if c.kernel == "update_running"), None)
    if x.dtype != FLOAT or x.ndim != 4 or rsqrt is None or len(readers) > 1 + (update is not None):
        return False
    channels, (place, moments, parts) = x.shape[1], _with_moments(low, x)
    low.env[x] = place
    low.env[mean], low.env[rsqrt.results] = low.new((channels,)), low.new((channels,))
    running, momentum = [low.new((channels,)), low.new((channels,))], None
    if update is not None:
        low.settle(update.writes())
        running, momentum = [low.place(v) for v in update.arguments[:2]], update.arguments[5]
        low.finish(update)
    low.finish(rsqrt)
    kernel = merge(parts, x.size // channels // parts, channels, rsqrt.arguments[1], momentum)
    names = ("moments", "mean", "rstd", "running mean", "running var")
    arrays = (moments, low.env[mean], low.env[rsqrt.results], *running)
    low.emit(Plan((Step(kernel, names),)), **dict(zip(names, arrays)))
    return True


def _with_moments(low: Lowering, x: Value) -> tuple[Place, Place, int]:
    """x in memory, its moments, and of how many parts: gathered by the kernel that makes it where that can be."""
    found = low.env.get(x)
    if isinstance(found, Lazy) and found.heavy and found.heavy.gathers:
        gather = Gather(moments=True)
        place = found.heavy.emit(found, gather)
        if place is not None:
            return place, gather.out, gather.parts
    place = low.packed(x, LAST)
    rows, channels = by_pixel(place).shape
    out = low.new((1, 2, channels))
    gather = Kernel(batch_norm.emit_gather, (rows, channels, 1), alone=True)
    low.emit(Plan((Step(gather, ("x", "moments")),)), x=place, moments=out)
    return place, out, 1


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
    factors = (of_place(stretched(place, x.ndim)) for place in (scale, shift))
    low.env[call.results] = low.combine(lambda x, s, b: x * s + b, x.shape, x, *factors)
    return True


def stretched(vector: Place, ndim: int) -> Place:
    """(C) as it goes with (N, C, ...)"""
    return vector.reshaped((-1, *(1,) * (ndim - 2)))


@rule("batch_norm_backward")
def batch_norm_backward(low: Lowering, call: Call) -> bool:
    """Two sums over the gradient, then dx = scale (g - mean(g) - normal mean(g normal)) as a formula g a + x b + c."""
    grad, x, mean, rstd, weight, training = call.arguments
    if grad.dtype != FLOAT or not training or x.ndim != 4:
        return False
    dx, d_weight, d_bias = call.results
    channels, rows = x.shape[1], x.size // x.shape[1]
    normal = low.combine(lambda x, m, r: (x - m) * r, x.shape, of_place(low.packed(x, LAST)),
                         *(by_channel(low, v, 4) for v in (mean, rstd)))  # fmt: skip
    g, sums = _summed(low, grad, normal)
    low.env[d_weight], low.env[d_bias] = (Place(sums.buffer, (channels,), (1,), i * channels) for i in range(2))
    scale = low.stored(low.lazy(rstd) if weight is None else low.combine("mul", rstd.shape, rstd, weight))
    share = low.combine(lambda s, r, d: -s * r * d * (1 / rows), scale.shape, of_place(scale), rstd, d_weight)
    slope = low.stored(share)
    rest = low.stored(low.combine(lambda s, b, d, m: -s * d * (1 / rows) - b * m, scale.shape, of_place(scale),
                                  of_place(slope), d_bias, mean))  # fmt: skip
    factors = (of_place(stretched(place, 4)) for place in (scale, slope, rest))
    low.env[dx] = low.combine(lambda g, x, a, b, c: g * a + (x * b + c), x.shape, g, x, *factors)
    return True


def _summed(low: Lowering, grad: Value, normal: Lazy) -> tuple[Lazy, Place]:
    """The gradient, and (Σ g normal, Σ g) by channel: summed by the kernel that makes it where that can be."""
    value = leaf("value")
    found, (_, channels, _, _) = low.env.get(grad), grad.shape
    if isinstance(found, Lazy) and found.heavy and found.heavy.gathers:
        gather = Gather(sums=(value * normal.expr, value), places=normal.places)
        place = found.heavy.emit(found, gather)
        if place is not None:
            low.env[grad] = place
            sums = low.new((2 * channels,))
            kernel = column_sums(gather.parts, 2 * channels)
            low.emit(Plan((Step(kernel, ("x", "out")),)), x=gather.out, out=sums)
            return of_place(place), sums
    g = low.lazy(grad)
    if g.heavy:
        g = low.light(g)
    return g, _channel_sums(low, g, normal)


def _channel_sums(low: Lowering, g: Lazy, normal: Lazy) -> Place:
    """(Σ g normal, Σ g) over all but the channels, of formulas."""
    operands = Operands("x", g.shape)
    if not operands.take(g.places) or not operands.take(normal.places) or operands.image:
        g = of_place(low.stored(g, LAST))
        operands = Operands("x", g.shape)
        operands.take(g.places)
        operands.take(normal.places)
    rows, channels = g.shape[0] * g.shape[2] * g.shape[3], g.shape[1]
    kinds = dict.fromkeys(operands.whole, "all") | dict.fromkeys(operands.channel, "column")
    kinds = {name: kinds[name] for name in operands.names.values()}
    slope = operands.formula(g.expr)
    plan = channel_sums(rows, channels, kinds, {"a": slope * operands.formula(normal.expr), "b": slope})
    out = low.new((2 * channels,))
    low.emit(plan, **operands.places, **{"a b": out})
    return out
