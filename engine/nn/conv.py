"""Convolutions."""

from __future__ import annotations

import math
from typing import Annotated, Any, NoReturn

import numpy as np

from engine.describe import Choice, Inferred, Range, Start, layer
from engine.errors import Fix, ShapeError
from engine.nn import functional as F
from engine.nn import init
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.tensor import Tensor
from engine.tensor.creation import empty

PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""PyTorch's name of a way to pad -> NumPy's."""


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """3 -> (3, 3); a pair stays as it is."""
    return tuple(value) if isinstance(value, tuple | list) else (value, value)


def _refuse(got: str, expected: str, name: str, value: Any) -> NoReturn:
    fix = Fix(f"Set {name} to {value}", "set_parameter", name=name, value=value)
    raise ShapeError("Conv2d", got=got, expected=expected, mend=f"set {name} to {value}", fixes=(fix,))


@layer(
    "Conv 2-D",
    category="Convolution",
    synonyms=("convolution", "conv2d", "filter", "kernel", "feature map", "depthwise", "cnn"),
)
class Conv2d(Module):
    """Slides small learned filters over an image and says where each of them fits.

    y[n, o, i, j] = b[o] + Σ W[o, c, u, v] · x[n, c, i·stride + u·dilation, j·stride + v·dilation], over c, u, v

    H' = ⌊(H + 2·padding - dilation·(kernel_size - 1) - 1) / stride⌋ + 1

    W and b start uniform in ±1/√(in_channels / groups · kernel height · kernel width).

    Args:
        in_channels: Channels of the input; on the canvas filled in from the wire.
        out_channels: Channels of the output: the number of filters.
        kernel_size: Height and width of the filters in pixels.
        stride: Step of the filter in pixels; 2 halves the image.
        padding: Pixels added at each border, "same" to keep the size (stride 1 only) or "valid" for none.
        dilation: Distance of the filter's taps in pixels; above 1 it sees further with the same weights.
        groups: Parts that the channels are split into, each with filters of its own; in_channels is depthwise.
        bias: Whether b is added and learned.
        padding_mode: What the border is filled with: zeros, the mirrored image, its edge or its other side.

    Shape:
        x: (N, in_channels, H, W) or (in_channels, H, W) -> (N, out_channels, H', W') or (out_channels, H', W')

    Raises:
        ShapeError: channels that `groups` does not divide, or "same" with a stride above 1.

    Example:
        >>> import engine
        >>> tuple(engine.nn.Conv2d(1, 8, kernel_size=3, padding=1)(engine.zeros(2, 1, 28, 28)).shape)
        (2, 8, 28, 28)
    """

    def __init__(
        self,
        in_channels: Annotated[int, Inferred(1), Range(1, 65_536)],
        out_channels: Annotated[int, Range(1, 65_536, log=True), Start(16)],
        kernel_size: Annotated[int | tuple[int, int], Range(1, 64), Start(3)],
        stride: Annotated[int | tuple[int, int], Range(1, 64)] = 1,
        padding: Annotated[str | int | tuple[int, int], Range(0, 64), Choice(("same", "valid")), Start(1)] = 0,
        dilation: Annotated[int | tuple[int, int], Range(1, 64)] = 1,
        groups: Annotated[int, Range(1, 65_536)] = 1,
        bias: bool = True,
        padding_mode: Annotated[str, Choice(tuple(PADDING_MODES))] = "zeros",
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = pair(kernel_size)
        self.stride = pair(stride)
        self.padding = padding if isinstance(padding, str) else pair(padding)
        self.dilation = pair(dilation)
        self.groups = groups
        self.padding_mode = padding_mode
        self._check()
        self.weight = Parameter(
            empty(out_channels, in_channels // groups, *self.kernel_size, device=device, dtype=dtype)
        )
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _check(self) -> None:
        for name, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if self.groups < 1 or channels % self.groups:
                _refuse(f"{name}={channels} with groups={self.groups}", "a multiple of groups", "groups", 1)
        if isinstance(self.padding, str) and self.padding not in ("same", "valid"):
            _refuse(f"padding={self.padding!r}", "'same', 'valid' or pixels", "padding", 0)
        if self.padding == "same" and self.stride != (1, 1):
            _refuse(f"padding='same' with stride={self.stride}", "a stride of 1", "stride", 1)
        if self.padding_mode not in PADDING_MODES:
            _refuse(
                f"padding_mode={self.padding_mode!r}", f"one of {', '.join(PADDING_MODES)}", "padding_mode", "zeros"
            )

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = self.weight.shape[1] * self.kernel_size[0] * self.kernel_size[1]
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        if self.padding_mode == "zeros" or self.padding == "valid":
            return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        return F.conv2d(self._pad(x), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def _pad(self, x: Tensor) -> Tensor:
        """Repeat rows and columns of the image by their indices: (..., H, W) -> (..., H + 2 p, W + 2 q)."""
        rows, columns = (
            np.pad(np.arange(length), border, mode=PADDING_MODES[self.padding_mode])
            for length, border in zip(x.shape[-2:], self._borders(), strict=True)
        )
        return x[..., rows, :][..., columns]

    def _borders(self) -> list[tuple[int, int]]:
        """Pixels before and after, for height and width."""
        if self.padding != "same":
            return [(p, p) for p in self.padding]
        totals = (d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True))
        return [(total // 2, total - total // 2) for total in totals]

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding != (0, 0):
            parts.append(f"padding={self.padding}")
        if self.dilation != (1, 1):
            parts.append(f"dilation={self.dilation}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)
