"""Rules of sums over axes, of formulas as of arrays."""

from __future__ import annotations

from math import prod

from engine.kernels import cpu
from engine.plan.lazy import Lazy, of_place, renamed
from engine.plan.lower import FLOAT, Lowering, order_of, rule
from engine.plan.places import Place
from engine.plan.pooling import global_mean
from engine.plan.trace import Call


@rule("sum", "mean")
def total(low: Lowering, call: Call) -> bool:
    """Over any axes."""
    x, axes, *_ = (*call.arguments, None)
    if x.dtype != FLOAT or not x.size or call.named:
        return False
    axes = tuple(range(x.ndim)) if axes is None else tuple(axis % x.ndim for axis in axes)
    if call.kernel == "mean" and global_mean(low, call, axes):
        return True
    factor = 1 / prod(x.shape[axis] for axis in axes) if call.kernel == "mean" else 1.0
    low.env[call.results] = summed(low, low.lazy(x), axes, factor, call.results.shape)
    return True


@rule("sum_to")
def sum_to(low: Lowering, call: Call) -> bool:
    """Sum away what was stretched; where nothing was, it is the same value."""
    x, shape = call.arguments
    if x is call.results:
        return True
    if x.dtype != FLOAT or not x.size:
        return False
    ahead = x.ndim - len(shape)
    axes = (*range(ahead), *(i + ahead for i, n in enumerate(shape) if n == 1))
    low.env[call.results] = summed(low, low.lazy(x), axes, 1.0, tuple(shape))
    return True


@rule("squared_error")
def squared_error(low: Lowering, call: Call) -> bool:
    """Σ (a - b)² or its mean, and a - b."""
    a, b, mean = call.arguments
    if a.dtype != FLOAT or b.dtype != FLOAT or not a.size:
        return False
    loss, difference = call.results
    low.env[difference] = low.combine("sub", a.shape, a, b)
    distance = low.light(low.lazy(difference)) if low.uses[difference] else low.light(low.env[difference])
    squared = Lazy(distance.shape, distance.expr * distance.expr, distance.places)
    low.env[loss] = summed(low, squared, tuple(range(a.ndim)), 1 / a.size if mean else 1.0, ())
    return True


@rule("total_norm")
def total_norm(low: Lowering, call: Call) -> bool:
    """The length of many arrays together: √ of the sum of their sums of squares."""
    arrays, order = call.arguments
    if order != 2.0 or not arrays or any(a.dtype != FLOAT for a in arrays):
        return False
    places = [low.place(a) for a in arrays]
    if not all(place.is_dense(place.order) for place in places):
        return False
    out = low.new((1,))
    flat = {f"grad {i}": Place(p.buffer, (p.size,), (1,), p.offset) for i, p in enumerate(places)}
    low.emit(cpu.losses.squares(tuple(place.size for place in places)), **flat, total=out)
    low.env[call.results] = low.combine("sqrt", (), of_place(out.reshaped(())))
    return True


@rule("as_array")
def as_array(low: Lowering, call: Call) -> bool:
    """An array is one already."""
    return call.arguments[0] is call.results


def summed(low: Lowering, lazy: Lazy, axes: tuple[int, ...], factor: float, shape: tuple[int, ...]) -> Place:
    """factor · Σ of a formula over axes, as an array of this shape."""
    lazy = low.light(lazy)
    if any(place.dtype != FLOAT for place in lazy.places.values()):
        lazy = of_place(low.stored(lazy))
    order = order_of(lazy)
    names = {name: f"x{i}" for i, name in enumerate(lazy.expr.leaves())}
    reads = {names[name]: lazy.places[name].broadcast(lazy.shape).transposed(order) for name in names}
    spec = cpu.reductions.Sums(
        tuple(lazy.shape[axis] for axis in order),
        tuple(sorted(order.index(axis) for axis in axes)),
        tuple((name, place.strides) for name, place in reads.items()),
        ((renamed(lazy.expr, names), factor),),
        (),
    )
    kept = [axis for axis in order if axis not in axes]
    out = low.new(tuple(lazy.shape[axis] for axis in kept))
    low.emit(cpu.reductions.planned(spec, ("out",)), **reads, out=out)
    return out.transposed(tuple(sorted(range(len(kept)), key=lambda i: kept[i]))).reshaped(shape)
