"""Convolution: images come in any layout, and leave channels-last behind PyTorch's N C H W."""

from __future__ import annotations

from typing import Any

from engine.kernels import cpu
from engine.kernels.cpu.caller import Layout, Recipe
from engine.kernels.cpu.eager.compiled import compiled
from engine.kernels.cpu.eager.products import sum_of_rows
from engine.kernels.cpu.shapes import Conv

IMAGES = (0, 2, 3, 1)  # N H W C, of N C H W
WEIGHT = (2, 3, 1, 0)  # KH KW I O, of O I KH KW
SMALL_IMAGES = 64

Pair = tuple[int, int]


class Convolution:
    """See the generic kernels of these names."""

    @compiled(SMALL_IMAGES)
    def conv2d(self, x: Layout, weight: Layout, bias: Layout | None, stride: Pair, padding: tuple[Pair, Pair],
               dilation: Pair, groups: int) -> Recipe | None:  # fmt: skip
        sizes = sizes_of(x.shape, weight.shape, stride, padding, dilation, groups)
        if sizes is None or not all(a is None or a.is_float for a in (x, weight, bias)):
            return None
        recipe = Recipe()
        recipe.take(0, x, "x", IMAGES)
        recipe.take(1, weight, "weight", WEIGHT)
        if bias is not None:
            recipe.take(2, bias, "bias")
        recipe.give("y", (sizes.images, sizes.outputs, sizes.out_height, sizes.out_width), IMAGES)
        return recipe.add(cpu.convolution.forward(sizes, bias is not None))

    @compiled(SMALL_IMAGES)
    def conv2d_backward_weight(self, grad: Layout, x: Layout, kernel: Pair, stride: Pair, padding: tuple[Pair, Pair],
                               dilation: Pair, groups: int) -> Recipe | None:  # fmt: skip
        shape = (grad.shape[1], x.shape[1] // groups, *kernel)
        sizes = sizes_of(x.shape, shape, stride, padding, dilation, groups)
        if sizes is None or not (x.is_float and grad.is_float) or not _gives(sizes, grad):
            return None
        recipe = Recipe()
        recipe.take(0, grad, "dy", IMAGES)
        recipe.take(1, x, "x", IMAGES)
        recipe.give("dweight", shape, WEIGHT)
        return recipe.add(cpu.convolution.weight_gradient(sizes, bias=False))

    @compiled(SMALL_IMAGES)
    def conv2d_backward_bias(self, grad: Layout) -> Recipe | None:
        if not grad.is_float:
            return None
        n, c, h, w = grad.shape
        return sum_of_rows(grad, n * h * w, c, (c,), IMAGES)

    @compiled(SMALL_IMAGES)
    def conv2d_backward_input(self, grad: Layout, weight: Layout, shape: tuple[int, ...], stride: Pair,
                              padding: tuple[Pair, Pair], dilation: Pair, groups: int) -> Recipe | None:  # fmt: skip
        sizes = sizes_of(shape, weight.shape, stride, padding, dilation, groups)
        if sizes is None or sizes.has_many_phases or not (grad.is_float and weight.is_float) or not _gives(sizes, grad):
            return None
        recipe = Recipe()
        recipe.take(0, grad, "dy", IMAGES)
        recipe.take(1, weight, "weight", WEIGHT)
        recipe.give("dx", tuple(shape), IMAGES)
        return recipe.add(cpu.convolution.input_gradient(sizes))


def _gives(sizes: Conv, grad: Layout) -> bool:
    """Whether the convolution's result has the gradient's shape; pixels may be left over that no window reaches."""
    return grad.shape == (sizes.images, sizes.outputs, sizes.out_height, sizes.out_width)


def sizes_of(x: tuple[int, ...], weight: tuple[int, ...], stride: Pair, padding: Any, dilation: Pair, groups: int
             ) -> Conv | None:  # fmt: skip
    """The convolution of images of this shape; None where it is none: the generic kernel says what does not fit."""
    if len(x) != 4 or len(weight) != 4 or 0 in (*x, *weight) or x[1] != weight[1] * groups or weight[0] % groups:
        return None
    n, c, h, w = x
    sizes = Conv(n, h, w, c, weight[0], tuple(weight[2:]), tuple(stride), padding, tuple(dilation), groups)
    return sizes if sizes.out_height > 0 and sizes.out_width > 0 else None
