"""Pooling of images, channels-last behind PyTorch's N C H W."""

from __future__ import annotations

from typing import Any

from engine.kernels import cpu
from engine.kernels.cpu.caller import Layout, Recipe
from engine.kernels.cpu.eager.compiled import compiled
from engine.kernels.cpu.eager.convolution import IMAGES, SMALL_IMAGES

Pair = tuple[int, int]
INDEX = (
    "int32"  # of the chosen pixels; the generic kernels number the places of a window with bytes, if it has up to 256
)


class Pooling:
    """See the generic kernels of these names."""

    @compiled(SMALL_IMAGES)
    def max_pool2d(self, x: Layout, kernel: Pair, stride: Pair, widths: Any, dilation: Pair, out: Pair
                   ) -> Recipe | None:  # fmt: skip
        pool = _pool(x, x.shape, kernel, stride, widths, dilation, out)
        if pool is None or kernel[0] * kernel[1] > 256:
            return None
        recipe = Recipe()
        recipe.take(0, x, "x", IMAGES)
        recipe.give("y", (*x.shape[:2], *out), IMAGES)
        recipe.give("index", (*x.shape[:2], *out), IMAGES, INDEX)
        return recipe.add(cpu.pooling.max_forward(pool))

    @compiled()
    def max_pool2d_backward(self, grad: Layout, where: Layout, shape: tuple[int, ...], kernel: Pair, stride: Pair,
                            widths: Any, dilation: Pair) -> Recipe | None:  # fmt: skip
        pool = _pool(grad, shape, kernel, stride, widths, dilation, grad.shape[2:])
        if pool is None or not where.is_kind(INDEX):
            return None
        recipe = Recipe()
        recipe.take(0, grad, "dy", IMAGES)
        recipe.take(1, where, "index", IMAGES)
        recipe.give("dx", tuple(shape), IMAGES)
        return recipe.add(cpu.pooling.max_gradient(pool))

    def max_pool2d_pick(self, x: Any, where: Any, kernel: Pair, stride: Pair, widths: Any, dilation: Pair) -> Any:
        if where.dtype != INDEX or kernel[0] * kernel[1] > 256:  # places in the window
            return super().max_pool2d_pick(x, where, kernel, stride, widths, dilation)
        flat, index = (a.reshape(*a.shape[:2], -1) for a in (x, where))
        return self.xp.take_along_axis(flat, index, 2).reshape(where.shape)

    @compiled(SMALL_IMAGES)
    def avg_pool2d(self, x: Layout, kernel: Pair, stride: Pair, widths: Any, out: Pair, divisor: Any) -> Recipe | None:
        pool = _pool(x, x.shape, kernel, stride, widths, (1, 1), out)
        if pool is None or divisor != kernel[0] * kernel[1]:
            return None
        recipe = Recipe()
        recipe.take(0, x, "x", IMAGES)
        recipe.give("y", (*x.shape[:2], *out), IMAGES)
        return recipe.add(cpu.pooling.average_forward(pool))

    @compiled(SMALL_IMAGES)
    def avg_pool2d_backward(self, grad: Layout, shape: tuple[int, ...], kernel: Pair, stride: Pair, widths: Any,
                            divisor: Any) -> Recipe | None:  # fmt: skip
        pool = _pool(grad, shape, kernel, stride, widths, (1, 1), grad.shape[2:])
        if pool is None or divisor != kernel[0] * kernel[1]:
            return None
        recipe = Recipe()
        recipe.take(0, grad, "dy", IMAGES)
        recipe.give("dx", tuple(shape), IMAGES)
        return recipe.add(cpu.pooling.average_gradient(pool))

    @compiled(16_384)
    def mean(self, x: Layout, axes: tuple[int, ...] | None = None, keepdims: bool = False) -> Recipe | None:
        """Of whole images that lie channels-last."""
        if x.ndim != 4 or axes != (2, 3) or not x.is_float or not x.lies(IMAGES):
            return None
        n, c, *size = x.shape
        recipe = Recipe()
        recipe.take(0, x, "x", IMAGES)
        recipe.give("sums", (n, c, 1, 1) if keepdims else (n, c))
        return recipe.add(cpu.pooling.global_average(n, *size, c))


def _pool(layout: Layout, shape: tuple[int, ...], kernel: Pair, stride: Pair, widths: Any, dilation: Pair, out: Pair
          ) -> cpu.pooling.Pool | None:  # fmt: skip
    """The sizes of a pooling; None where windows hang over the edge by more than the padding."""
    (top, bottom), (left, right) = widths
    n, c, h, w = shape
    if not layout.is_float or 0 in shape or bottom > top or right > left:
        return None
    pool = cpu.pooling.Pool(n, h, w, c, tuple(kernel), tuple(stride), (top, left), tuple(dilation))
    return pool if (pool.out_height, pool.out_width) == tuple(out) else None
