"""Rules of what works on images: convolution in all three passes, pooling. Inside, channels lie last."""

from __future__ import annotations

from engine.kernels.cpu import convolution, pooling
from engine.kernels.cpu.frames import Conv
from engine.plan.dense import summed
from engine.plan.lower import FLOAT, Lowering, rule
from engine.plan.places import Place
from engine.plan.trace import Call, Value

LAST = (0, 2, 3, 1)
"""(N, C, H, W) as it lies in memory: N, H, W, C."""
TAPS = (2, 3, 1, 0)
"""(O, C / groups, KH, KW) as it lies in memory: KH, KW, C / groups, O."""


def _conv(x: tuple[int, ...], weight: tuple[int, ...], stride, padding, dilation, groups: int) -> Conv:
    n, c, h, w = x
    return Conv(n, h, w, c, weight[0], tuple(weight[2:]), tuple(stride), tuple(map(tuple, padding)), tuple(dilation),
                groups)  # fmt: skip


@rule("conv2d")
def conv2d(low: Lowering, call: Call) -> bool:
    x, weight, bias, *options = call.arguments
    if x.dtype != FLOAT:
        return False
    conv = _conv(x.shape, weight.shape, *options)
    out = low.new(call.results.shape, LAST)
    places = {"x": low.packed(x, LAST), "weight": low.packed(weight, TAPS), "y": out}
    if bias is not None:
        places["bias"] = low.packed(bias)
    low.emit(convolution.forward(conv, bias is not None), **places)
    low.env[call.results] = out
    return True


@rule("conv2d_backward_input")
def conv2d_backward_input(low: Lowering, call: Call) -> bool:
    grad, weight, shape, *options = call.arguments
    if grad.dtype != FLOAT:
        return False
    out = low.new(tuple(shape), LAST)
    low.emit(convolution.input_gradient(_conv(shape, weight.shape, *options)), dy=low.packed(grad, LAST),
             weight=low.packed(weight, TAPS), dx=out)  # fmt: skip
    low.env[call.results] = out
    return True


@rule("conv2d_backward_weight")
def conv2d_backward_weight(low: Lowering, call: Call) -> bool:
    grad, x, kernel, *options = call.arguments
    if grad.dtype != FLOAT:
        return False
    shape = call.results.shape
    out = low.new(shape, TAPS)
    low.emit(convolution.weight_gradient(_conv(x.shape, (*shape[:2], *kernel), *options), False),
             x=low.packed(x, LAST), dy=low.packed(grad, LAST), dweight=out)  # fmt: skip
    low.env[call.results] = out
    return True


@rule("conv2d_backward_bias")
def conv2d_backward_bias(low: Lowering, call: Call) -> bool:
    (grad,) = call.arguments
    if grad.dtype != FLOAT:
        return False
    low.env[call.results] = summed(low, by_pixel(low.packed(grad, LAST)))
    return True


def by_pixel(place: Place) -> Place:
    """(N, C, H, W) with channels last -> (N H W, C)"""
    return place.transposed(LAST).reshaped((place.size // place.shape[1], place.shape[1]))


def _pool(x: Value, kernel, stride, widths, dilation) -> pooling.Pool | None:
    """None where the border is not the same on both sides."""
    if x.dtype != FLOAT or any(before != after for before, after in widths):
        return None
    n, c, h, w = x.shape
    return pooling.Pool(
        n, h, w, c, tuple(kernel), tuple(stride), tuple(before for before, _ in widths), tuple(dilation)
    )


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
