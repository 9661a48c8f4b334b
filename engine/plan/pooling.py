"""Rules of pooling: what is pooled may be a formula, and so is the gradient of the largest."""

from __future__ import annotations

from engine.kernels import cpu
from engine.kernels.cpu.expression import leaf
from engine.plan.images import LAST, source, unpooled
from engine.plan.lazy import Lazy, Pooled
from engine.plan.lower import FLOAT, Lowering, rule
from engine.plan.trace import Call, Value


@rule("max_pool2d")
def max_pool2d(low: Lowering, call: Call) -> bool:
    x, kernel, stride, widths, dilation, out = call.arguments
    pool = _pool(x, kernel, stride, widths, dilation)
    if pool is None or (pool.out_height, pool.out_width) != tuple(out):
        return False
    y, index = call.results
    reads, places = source(low, x, "x", low.is_last(x))
    chosen = _lies_apart(pool)
    place = "chosen" if chosen else "index"
    low.env[y], low.env[index] = low.new(y.shape, LAST), low.new(y.shape, LAST, "uint8" if chosen else "int32")
    low.emit(cpu.pooling.max_forward(pool, reads, chosen=chosen), **places, **{place: low.env[index]}, y=low.env[y])
    return True


@rule("max_pool2d_backward")
def max_pool2d_backward(low: Lowering, call: Call) -> bool:
    grad, index, shape, kernel, stride, widths, dilation = call.arguments
    pool = _pool(Value(tuple(shape), grad.dtype), kernel, stride, widths, dilation)
    place = low.place(index)
    if pool is None or (pool.out_height, pool.out_width) != grad.shape[2:]:
        return False
    if place.dtype == "uint8":
        pooled = Pooled(low.packed(grad, LAST), place, pool.kernel, unpooled)
        name = f"pooled {pooled.numbers.buffer.number}"
        low.env[call.results] = Lazy(tuple(shape), leaf(name), {}, None, {name: pooled})
    else:
        low.env[call.results] = low.new(tuple(shape), LAST)
        low.emit(cpu.pooling.max_gradient(pool), dy=low.packed(grad, LAST), index=place, dx=low.env[call.results])
    return True


def global_mean(low: Lowering, call: Call, axes: tuple[int, ...]) -> bool:
    """The mean over all pixels of images, whose channels may lie last."""
    x = call.arguments[0]
    if x.ndim != 4 or axes != (2, 3):
        return False
    n, c, h, w = x.shape
    reads, places = source(low, x, "x", low.is_last(x))
    out = low.new((n, 1, c))
    low.emit(cpu.pooling.global_average(n, h, w, c, reads), **places, sums=out)
    low.env[call.results] = out.reshaped(call.results.shape)
    return True


def _lies_apart(pool: cpu.pooling.Pool) -> bool:
    """Whether every pixel lies in one window, so that the gradient can be read by what was chosen."""
    height, width = pool.kernel
    plain = pool.kernel == pool.stride and pool.padding == (0, 0) and pool.dilation == (1, 1)
    return plain and pool.height % height == 0 and pool.width % width == 0 and height * width <= 256


def _pool(x: Value, kernel, stride, widths, dilation) -> cpu.pooling.Pool | None:
    """None where the border is not the same on both sides."""
    if x.dtype != FLOAT or any(before != after for before, after in widths):
        return None
    n, c, h, w = x.shape
    border = tuple(before for before, _ in widths)
    return cpu.pooling.Pool(n, h, w, c, tuple(kernel), tuple(stride), border, tuple(dilation))
