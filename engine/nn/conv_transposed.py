"""Transposed convolutions, which make images and sequences larger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from engine.describe import Choice, Range, Start, layer
from engine.errors import ShapeError
from engine.nn import functional as F
from engine.nn.conv import Border, Channels, Convolution, Filters, Groups, Step
from engine.tensor import Tensor

Pixels = int | tuple[int, int]


class TransposedConvolution(Convolution):
    """What transposed convolutions share."""

    _transposed = True

    def _spread(self, function: Callable[..., Tensor], x: Tensor, output_size: tuple[int, ...] | None) -> Tensor:
        """The transposed convolution by its function."""
        extra = self._extra(x, output_size)
        return function(x, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)

    def _extra(self, x: Tensor, output_size: tuple[int, ...] | None) -> tuple[int, ...]:
        """output_padding, or what brings the result to `output_size`."""
        if output_size is None:
            return self.output_padding
        wanted = tuple(output_size)[-self._rank :]
        options = zip(x.shape[-self._rank :], self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        least = [(n - 1) * stride - 2 * pad + dilation * (taps - 1) + 1 for n, taps, stride, pad, dilation in options]
        extra = tuple(size - low for size, low in zip(wanted, least))
        if any(not 0 <= e < stride for e, stride in zip(extra, self.stride)):
            most = [low + stride - 1 for low, stride in zip(least, self.stride)]
            raise ShapeError(type(self).__name__, got=f"output_size={wanted}",
                             expected=f"sizes from {tuple(least)} to {tuple(most)}")  # fmt: skip
        return extra


@layer("Transposed conv 2-D", category="Convolution", axes=("channels", "height", "width"),
       synonyms=("convtranspose2d", "deconvolution", "upconvolution", "upsample", "generator", "decoder"))  # fmt: skip
class ConvTranspose2d(TransposedConvolution):
    """Puts a weighted copy of small learned filters at each place of a larger image: a convolution's way back.

    H' = (H - 1)·stride - 2·padding + dilation·(kernel_size - 1) + output_padding + 1

    W and b start uniform in ±1/√(out_channels / groups · kernel height · kernel width). Zeiler et al., 2010.

    Args:
        in_channels: Channels of the input; on the canvas filled in from the wire.
        out_channels: Channels of the output: the number of filters.
        kernel_size: Height and width of the filters in pixels.
        stride: Distance of the copies in pixels; 2 doubles the image.
        padding: Pixels cut off at each border of the result.
        output_padding: Pixels added at the end of the result, less than stride or dilation.
        groups: Parts that the channels are split into, each with filters of its own.
        bias: Whether b is added and learned.
        dilation: Distance of the filter's taps in pixels.
        padding_mode: zeros; PyTorch knows no other here either.

    Shape:
        x: (N, in_channels, H, W) or (in_channels, H, W) -> (N, out_channels, H', W') or (out_channels, H', W')

    Raises:
        ShapeError: channels that `groups` does not divide, or an output_padding that is too large.

    Example:
        >>> import engine
        >>> tuple(engine.nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1)(engine.zeros(2, 8, 16, 16)).shape)
        (2, 4, 32, 32)
    """

    _rank = 2

    def __init__(
        self,
        in_channels: Channels,
        out_channels: Filters,
        kernel_size: Annotated[Pixels, Range(1, 64), Start(4)],
        stride: Annotated[Pixels, Range(1, 64), Start(2)] = 1,
        padding: Annotated[Pixels, Range(0, 64), Start(1)] = 0,
        output_padding: Annotated[Pixels, Range(0, 63)] = 0,
        groups: Groups = 1,
        bias: bool = True,
        dilation: Annotated[Pixels, Range(1, 64)] = 1,
        padding_mode: Annotated[str, Choice(("zeros",))] = "zeros",
        device=None,
        dtype=None,
    ):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
                         output_padding, device, dtype)  # fmt: skip

    def forward(self, x: Tensor, output_size: tuple[int, ...] | None = None) -> Tensor:
        return self._spread(F.conv_transpose2d, x, output_size)


@layer("Transposed conv 1-D", category="Convolution", axes=("channels", "length"),
       synonyms=("convtranspose1d", "deconvolution", "upconvolution", "upsample", "signal"))  # fmt: skip
class ConvTranspose1d(TransposedConvolution):
    """Puts a weighted copy of small learned filters at each place of a longer sequence: a convolution's way back.

    L' = (L - 1)·stride - 2·padding + dilation·(kernel_size - 1) + output_padding + 1

    W and b start uniform in ±1/√(out_channels / groups · kernel_size).

    Args:
        in_channels: Channels of the input; on the canvas filled in from the wire.
        out_channels: Channels of the output: the number of filters.
        kernel_size: Length of the filters.
        stride: Distance of the copies; 2 doubles the length.
        padding: Values cut off at each end of the result.
        output_padding: Values added at the end of the result, less than stride or dilation.
        groups: Parts that the channels are split into, each with filters of its own.
        bias: Whether b is added and learned.
        dilation: Distance of the filter's taps.
        padding_mode: zeros; PyTorch knows no other here either.

    Shape:
        x: (N, in_channels, L) or (in_channels, L) -> (N, out_channels, L') or (out_channels, L')

    Raises:
        ShapeError: channels that `groups` does not divide, or an output_padding that is too large.

    Example:
        >>> import engine
        >>> tuple(engine.nn.ConvTranspose1d(8, 4, 4, stride=2, padding=1)(engine.zeros(2, 8, 16)).shape)
        (2, 4, 32)
    """

    _rank = 1

    def __init__(
        self,
        in_channels: Channels,
        out_channels: Filters,
        kernel_size: Annotated[int, Range(1, 4096), Start(4)],
        stride: Annotated[int, Range(1, 4096), Start(2)] = 1,
        padding: Annotated[int, Range(0, 4096), Start(1)] = 0,
        output_padding: Border = 0,
        groups: Groups = 1,
        bias: bool = True,
        dilation: Step = 1,
        padding_mode: Annotated[str, Choice(("zeros",))] = "zeros",
        device=None,
        dtype=None,
    ):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
                         output_padding, device, dtype)  # fmt: skip

    def forward(self, x: Tensor, output_size: tuple[int, ...] | None = None) -> Tensor:
        return self._spread(F.conv_transpose1d, x, output_size)
