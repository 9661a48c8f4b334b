"""Transposed convolution: a convolution with its two directions exchanged, which makes images larger."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import Fix, ShapeError
from engine.ops.base import Op, Spec, times
from engine.ops.convolution import require_images, sides
from engine.ops.products import same_dtype
from engine.wording import arrivals

Pair = tuple[int, int]


@dataclass(eq=False)
class ConvTranspose2d(Op):
    """The gradient of a convolution by its input (Zeiler et al., 2010).

    x (N, C, H, W), weight (C, O / groups, KH, KW), bias (O) or None -> (N, O, OH, OW),
    OH = (H - 1) stride - 2 padding + dilation (KH - 1) + extra + 1
    """

    stride: Pair
    padding: Pair
    extra: Pair
    groups: int
    dilation: Pair

    saves = ("x", "weight")
    checked = True

    def shape(self, x, weight, bias=None):
        require_images(self.name, x)
        if x.shape[1] != weight.shape[0]:
            arriving = x.shape[1]
            raise ShapeError(
                self.name, got=arrivals(arriving, "channel"), expected=f"{weight.shape[0]}",
                mend=f"set in_channels to {arriving}",
                fixes=(Fix(f"Set in_channels to {arriving}", "set_parameter", name="in_channels", value=arriving),),
            )  # fmt: skip
        same_dtype(self.name, x, weight)
        out = self._size(x.shape[2:], weight.shape[2:])
        if min(out) < 1:
            raise ShapeError(
                self.name, got=f"{times(sides(self, (0, 0, *out))[0])} would come out",
                expected="at least one value", mend="set padding to 0",
                fixes=(Fix("Set padding to 0", "set_parameter", name="padding", value=0),),
            )  # fmt: skip
        return Spec((x.shape[0], weight.shape[1] * self.groups, *out), x.dtype)

    def _size(self, size, kernel):
        return tuple(
            (n - 1) * stride - 2 * pad + dilation * (taps - 1) + extra + 1
            for n, taps, stride, pad, extra, dilation in zip(
                size, kernel, self.stride, self.padding, self.extra, self.dilation
            )
        )

    def _options(self, bottom, right):
        return self.stride, ((self.padding[0], bottom), (self.padding[1], right)), self.dilation, self.groups

    def forward(self, k, x, weight, bias=None):
        size = self._size(x.shape[2:], weight.shape[2:])
        shape = (x.shape[0], weight.shape[1] * self.groups, *size)
        out = k.conv2d_backward_input(x, weight, shape, *self._options(*self.padding))
        return out if bias is None else k.add(out, k.reshape(bias, (-1, 1, 1)))

    def backward(self, k, grad, needs, x, weight):
        seen, ends = self._reached(k, grad)
        options = self._options(*ends)
        return (
            k.conv2d(seen, weight, None, *options) if needs[0] else None,
            k.conv2d_backward_weight(x, seen, weight.shape[2:], *options) if needs[1] else None,
            k.conv2d_backward_bias(grad) if len(needs) > 2 and needs[2] else None,
        )

    def _reached(self, k, grad):
        """The gradient without the rows and columns of `extra`, which no tap reaches, and the padding at its end."""
        cut = [max(extra - pad, 0) for extra, pad in zip(self.extra, self.padding)]
        ends = [max(pad - extra, 0) for extra, pad in zip(self.extra, self.padding)]
        if any(cut):
            h, w = (n - c for n, c in zip(grad.shape[2:], cut))
            grad = k.getitem(grad, (..., slice(0, h), slice(0, w)))
        return grad, ends

    def flops(self, x, weight, bias=None):
        each = 2 * weight.shape[1] * weight.shape[2] * weight.shape[3]
        return x.size * each + (bias is not None) * self.shape(x, weight, bias).size


class ConvTranspose1d(ConvTranspose2d):
    """The same along one axis: x (N, C, 1, L), weight (C, O / groups, 1, K)."""
