"""Convolution over images."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import Fix, ShapeError
from engine.kernels.generic.convolution import windows
from engine.ops.base import Op, Spec, times
from engine.ops.products import same_dtype
from engine.wording import arrivals

Pair = tuple[int, int]


def require_images(where: str, x: object, fixes: tuple[Fix, ...] = ()) -> None:
    """A ShapeError where x is no batch of images."""
    if x.ndim != 4:
        raise ShapeError(where, got=f"a tensor of {times(x.shape)} arrives",
                         expected="images (N, channels, height, width)", fixes=fixes)  # fmt: skip


def _channels_first(name):
    """How channels that come last are put where `name` looks for them."""
    axes = int(name[-2])  # Conv2d has 2
    return f"put the channels first with .permute({', '.join(map(str, (0, axes + 1, *range(1, axes + 1))))})"


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
        require_images(self.name, x)
        channels = weight.shape[1] * self.groups
        if x.shape[1] != channels:
            arriving = x.shape[1]
            raise ShapeError(
                self.name, got=arrivals(arriving, "channel"), expected=f"{channels}",
                mend=_channels_first(self.name) if x.shape[-1] == channels else f"set in_channels to {arriving}",
                fixes=(Fix(f"Set in_channels to {arriving}", "set_parameter", name="in_channels", value=arriving),),
            )  # fmt: skip
        same_dtype(self.name, x, weight)
        out = tuple(
            windows(n + sum(pad), kernel, stride, dilation)
            for n, pad, kernel, stride, dilation in zip(
                x.shape[2:], self.padding, weight.shape[2:], self.stride, self.dilation
            )
        )
        if min(out) < 1:
            raise _kernel_too_large(self, x, weight)
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


class Conv1d(Conv2d):
    """The same along one axis: x (N, C, 1, L), weight (O, C / groups, 1, K)."""


def sides(op, shape):
    """The lengths that a window slides along: height and width, or of a 1-D op the length alone; and what has them."""
    return (shape[3:], "a sequence") if op.name.endswith("1d") else (shape[2:], "an image")


def _kernel_too_large(op, x, weight):
    (lengths, thing), (kernel, _) = sides(op, x.shape), sides(op, weight.shape)
    fits = max(1, min(lengths))
    small = f"set kernel_size to {fits}"
    return ShapeError(
        op.name, got=f"a window of {times(kernel)} does not fit into {thing} of {times(lengths)}",
        expected=f"a window no larger than the {thing.split()[1]} with its padding", mend=small,
        fixes=(Fix(f"Set kernel_size to {fits}", "set_parameter", name="kernel_size", value=fits),),
    )  # fmt: skip
