"""Convolution over images."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import Fix, ShapeError
from engine.kernels.generic.convolution import windows
from engine.ops.base import Op, Spec, times
from engine.ops.products import same_dtype

Pair = tuple[int, int]


def require_images(where: str, x: object, fixes: tuple[Fix, ...] = ()) -> None:
    """A ShapeError where x is no batch of images."""
    if x.ndim != 4:
        raise ShapeError(where, got=f"a tensor of {times(x.shape)} arrives",
                         expected="images (N, channels, height, width)", fixes=fixes)  # fmt: skip


@dataclass(eq=False)
class Conv2d(Op):
    """Cross-correlation.   x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O) or None -> (N, O, OH, OW)

    padding is ((top, bottom), (left, right)).
    """

    stride: Pair
    padding: tuple[Pair, Pair]
    dilation: Pair
    groups: int

    saves = ("x", "weight")
    checked = True

    def shape(self, x, weight, bias=None):
        require_images("Conv2d", x)
        channels = weight.shape[1] * self.groups
        if x.shape[1] != channels:
            arriving = x.shape[1]
            raise ShapeError(
                "Conv2d", got=f"{arriving} channels arrive", expected=f"{channels}",
                mend=f"set in_channels to {arriving}",
                fixes=(Fix(f"Set in_channels to {arriving}", "set_parameter", name="in_channels", value=arriving),),
            )  # fmt: skip
        same_dtype("Conv2d", x, weight)
        out = tuple(
            windows(n + sum(pad), kernel, stride, dilation)
            for n, pad, kernel, stride, dilation in zip(
                x.shape[2:], self.padding, weight.shape[2:], self.stride, self.dilation
            )
        )
        if min(out) < 1:
            raise _kernel_too_large("Conv2d", x, weight.shape[2:], self.dilation)
        return Spec((x.shape[0], weight.shape[0], *out), x.dtype)

    def forward(self, k, x, weight, bias=None):
        return k.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    def backward(self, k, grad, needs, x, weight):
        options = (self.stride, self.padding, self.dilation, self.groups)
        return (
            k.conv2d_backward_input(grad, weight, x.shape, *options) if needs[0] else None,
            k.conv2d_backward_weight(grad, x, weight.shape[2:], *options) if needs[1] else None,
            k.conv2d_backward_bias(grad) if len(needs) > 2 and needs[2] else None,
        )

    def flops(self, x, weight, bias=None):
        per_value = 2 * weight.shape[1] * weight.shape[2] * weight.shape[3] + (bias is not None)
        return self.shape(x, weight, bias).size * per_value


def _kernel_too_large(where, x, kernel, dilation):
    fits = max(1, min(x.shape[2:]))
    small = f"set kernel_size to {fits}"
    return ShapeError(
        where, got=f"a window of {times(kernel)} does not fit into an image of {times(x.shape[2:])}",
        expected="a window no larger than the image with its padding", mend=small,
        fixes=(Fix(f"Set kernel_size to {fits}", "set_parameter", name="kernel_size", value=fits),),
    )  # fmt: skip
