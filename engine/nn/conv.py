"""Convolutions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, NoReturn

from engine.describe import Choice, Inferred, Range, Start, layer
from engine.errors import Fix, ShapeError, TypeMismatch
from engine.nn import functional as F
from engine.nn import init
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.tensor import Tensor
from engine.tensor.creation import empty

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")

Taps = Annotated[int, Range(1, 4096), Start(3)]
Step = Annotated[int, Range(1, 4096)]
Border = Annotated[int, Range(0, 4096)]
Channels = Annotated[int, Inferred(1), Range(1, 65_536)]
Filters = Annotated[int, Range(1, 65_536, log=True), Start(16)]
Groups = Annotated[int, Range(1, 65_536)]


class Convolution(Module):
    """What convolutions and transposed convolutions of every rank share: options, weights, first values, repr."""

    _rank: ClassVar[int]
    _transposed: ClassVar[bool] = False

    def __init__(self, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
                 output_padding, device, dtype):  # fmt: skip
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = self._each("kernel_size", kernel_size)
        self.stride = self._each("stride", stride)
        self.padding = padding if isinstance(padding, str) else self._each("padding", padding)
        self.dilation = self._each("dilation", dilation)
        self.output_padding = self._each("output_padding", output_padding)
        self.groups = groups
        self.padding_mode = padding_mode
        self._check()
        first, second = (in_channels, out_channels) if self._transposed else (out_channels, in_channels)
        place = {"device": device, "dtype": dtype}
        self.weight = Parameter(_taps_first(first, second // groups, self.kernel_size, **place))
        self.register_parameter("bias", Parameter(empty(out_channels, **place)) if bias else None)
        self.reset_parameters()

    def _each(self, name: str, value: Any) -> tuple[int, ...]:
        """3 -> (3, 3) in two dimensions; a tuple stays as it is."""
        each = tuple(value) if isinstance(value, tuple | list) else (value,)
        if len(each) == 1:
            each *= self._rank
        if len(each) != self._rank:
            raise TypeMismatch(type(self).__name__, got=f"{name}={value!r}",
                               expected="a number" if self._rank == 1 else "a number or a pair of them")  # fmt: skip
        return each

    def _refuse(self, got: str, expected: str, name: str, value: Any) -> NoReturn:
        fix = Fix(f"Set {name} to {value}", "set_parameter", name=name, value=value)
        raise ShapeError(type(self).__name__, got=got, expected=expected, mend=f"set {name} to {value}", fixes=(fix,))

    def _check(self) -> None:
        for name, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if self.groups < 1 or channels % self.groups:
                self._refuse(f"{name}={channels} with groups={self.groups}", "a multiple of groups", "groups", 1)
        if isinstance(self.padding, str) and (self._transposed or self.padding not in ("same", "valid")):
            expected = "pixels" if self._transposed else "'same', 'valid' or pixels"
            self._refuse(f"padding={self.padding!r}", expected, "padding", 0)
        if self.padding == "same" and set(self.stride) != {1}:
            shown = self.stride if self._rank > 1 else self.stride[0]
            self._refuse(f"padding='same' with stride={shown}", "a stride of 1", "stride", 1)
        modes = ("zeros",) if self._transposed else PADDING_MODES
        if self.padding_mode not in modes:
            self._refuse(f"padding_mode={self.padding_mode!r}", f"one of {', '.join(modes)}", "padding_mode", "zeros")

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = math.prod(self.weight.shape[1:])
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def _slide(self, function: Callable[..., Tensor], x: Tensor) -> Tensor:
        """The convolution by its function, after the border was filled as padding_mode says."""
        if self.padding_mode == "zeros" or self.padding == "valid":
            return function(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        return function(self._pad(x), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def _pad(self, x: Tensor) -> Tensor:
        """Wider at all borders, filled as padding_mode says."""
        widths = [n for border in reversed(self._borders()) for n in border]  # the last axis first
        return F.pad(x, widths, self.padding_mode)

    def _borders(self) -> list[tuple[int, int]]:
        """Pixels before and after, for each axis."""
        if self.padding != "same":
            return [(p, p) for p in self.padding]
        totals = (d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True))
        return [(total // 2, total - total // 2) for total in totals]

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        for name, plain in (("padding", 0), ("dilation", 1), ("output_padding", 0)):
            if getattr(self, name) != (plain,) * self._rank:
                parts.append(f"{name}={getattr(self, name)}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


@layer(
    "Conv 1-D",
    category="Convolution",
    synonyms=("convolution", "conv1d", "filter", "signal", "time series", "temporal"),
    axes=("channels", "length"),
)
class Conv1d(Convolution):
    """Slides small learned filters along a sequence and says where each of them fits.

    y[n, o, i] = b[o] + Σ W[o, c, u] · x[n, c, i·stride + u·dilation], over c, u

    L' = ⌊(L + 2·padding - dilation·(kernel_size - 1) - 1) / stride⌋ + 1

    W and b start uniform in ±1/√(in_channels / groups · kernel_size).

    Args:
        in_channels: Channels of the input; on the canvas filled in from the wire.
        out_channels: Channels of the output: the number of filters.
        kernel_size: Length of the filters.
        stride: Step of the filter; 2 halves the length.
        padding: Values added at each end, "same" to keep the length (stride 1 only) or "valid" for none.
        dilation: Distance of the filter's taps; above 1 it sees further with the same weights.
        groups: Parts that the channels are split into, each with filters of its own.
        bias: Whether b is added and learned.
        padding_mode: What the ends are filled with: zeros, the mirrored sequence, its last value or its other end.

    Shape:
        x: (N, in_channels, L) or (in_channels, L) -> (N, out_channels, L') or (out_channels, L')

    Raises:
        ShapeError: channels that `groups` does not divide, or "same" with a stride above 1.

    Example:
        >>> import engine
        >>> tuple(engine.nn.Conv1d(2, 8, kernel_size=3, padding=1)(engine.zeros(5, 2, 40)).shape)
        (5, 8, 40)
    """

    _rank = 1

    def __init__(
        self,
        in_channels: Channels,
        out_channels: Filters,
        kernel_size: Taps,
        stride: Step = 1,
        padding: Annotated[str | int | tuple[int], Range(0, 4096), Choice(("same", "valid")), Start(1)] = 0,
        dilation: Step = 1,
        groups: Groups = 1,
        bias: bool = True,
        padding_mode: Annotated[str, Choice(PADDING_MODES)] = "zeros",
        device=None,
        dtype=None,
    ):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
                         0, device, dtype)  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self._slide(F.conv1d, x)


@layer(
    "Conv 2-D",
    category="Convolution",
    synonyms=("convolution", "conv2d", "filter", "kernel", "feature map", "depthwise", "cnn"),
)
class Conv2d(Convolution):
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

    _rank = 2

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
        padding_mode: Annotated[str, Choice(PADDING_MODES)] = "zeros",
        device=None,
        dtype=None,
    ):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
                         0, device, dtype)  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self._slide(F.conv2d, x)


def _taps_first(first: int, second: int, kernel: tuple[int, ...], **place: Any) -> Tensor:
    """Memory for a weight (first, second, *kernel) that lies as (*kernel, second, first), as the kernels read it."""
    rank = len(kernel)
    return empty(*kernel, second, first, **place).permute(rank + 1, rank, *range(rank))
