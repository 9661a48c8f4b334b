"""Rules of pooling."""

from __future__ import annotations

from engine.kernels.cpu import pooling
from engine.plan.images import LAST
from engine.plan.lower import FLOAT, Lowering, rule
from engine.plan.trace import Call, Value


@rule("max_pool2d")
def max_pool2d(low: Lowering, call: Call) -> bool:
    x, kernel, stride, widths, dilation, out = call.arguments
    pool = _pool(x, kernel, stride, widths, dilation)
    if pool is None or (pool.out_height, pool.out_width) != tuple(out):
        return False
    y, index = call.results
    low.env[y], low.env[index] = low.new(y.shape, LAST), low.new(y.shape, LAST, "int32")
    low.emit(pooling.max_forward(pool), x=low.packed(x, LAST), y=low.env[y], index=low.env[index])
    return True


@rule("max_pool2d_backward")
def max_pool2d_backward(low: Lowering, call: Call) -> bool:
    grad, index, shape, kernel, stride, widths, dilation = call.arguments
    pool = _pool(Value(tuple(shape), grad.dtype), kernel, stride, widths, dilation)
    place = low.place(index)
    if pool is None or place.dtype != "int32" or (pool.out_height, pool.out_width) != grad.shape[2:]:
        return False
    low.env[call.results] = low.new(tuple(shape), LAST)
    low.emit(pooling.max_gradient(pool), dy=low.packed(grad, LAST), index=place, dx=low.env[call.results])
    return True


def _pool(x: Value, kernel, stride, widths, dilation) -> pooling.Pool | None:
    """None where the border is not the same on both sides."""
    if x.dtype != FLOAT or any(before != after for before, after in widths):
        return None
    n, c, h, w = x.shape
    border = tuple(before for before, _ in widths)
    return pooling.Pool(n, h, w, c, tuple(kernel), tuple(stride), border, tuple(dilation))
