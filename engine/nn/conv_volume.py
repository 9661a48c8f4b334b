"""Convolutions of volumes, such as scans and films."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Choice, Range, Start, layer
from engine.nn import functional as F
from engine.nn.conv import PADDING_MODES, Channels, Convolution, Filters, Groups
from engine.nn.conv_transposed import TransposedConvolution
from engine.tensor import Tensor

Triple = int | tuple[int, int, int]
Taps = Annotated[Triple, Range(1, 64), Start(3)]
Step = Annotated[Triple, Range(1, 64)]
Border = Annotated[Triple, Range(0, 64)]


@layer("Conv 3-D", category="Convolution", axes=("channels", "depth", "height", "width"),
       synonyms=("convolution", "conv3d", "filter", "volume", "video", "scan"))  # fmt: skip
class Conv3d(Convolution):
    """Slides small learned filters through a volume and says where each of them fits.

    y[n, o, i] = b[o] + Σ W[o, c, u] · x[n, c, i·stride + u·dilation], over c and u; places i and u are three numbers

    D' = ⌊(D + 2·padding - dilation·(kernel_size - 1) - 1) / stride⌋ + 1

    W and b start uniform in ±1/√(in_channels / groups · depth · height · width of the kernel).

    Args:
        in_channels: Channels of the input; on the canvas filled in from the wire.
        out_channels: Channels of the output: the number of filters.
        kernel_size: Depth, height and width of the filters.
        stride: Step of the filter.
        padding: Values added at each face, "same" to keep the size (stride 1 only) or "valid" for none.
        dilation: Distance of the filter's taps.
        groups: Parts that the channels are split into, each with filters of its own.
        bias: Whether b is added and learned.
        padding_mode: What is added: "zeros", "reflect", "replicate" or "circular".

    Shape:
        x: (N, in_channels, D, H, W) or (in_channels, D, H, W) -> (N, out_channels, D', H', W') or without N

    Raises:
        ShapeError: channels that `groups` does not divide, or "same" with a stride above 1.

    Example:
        >>> import engine
        >>> tuple(engine.nn.Conv3d(1, 8, kernel_size=3, padding=1)(engine.zeros(2, 1, 4, 6, 6)).shape)
        (2, 8, 4, 6, 6)
    """

    _rank = 3

    def __init__(
        self,
        in_channels: Channels,
        out_channels: Filters,
        kernel_size: Taps,
        stride: Step = 1,
        padding: Annotated[str | Triple, Range(0, 64), Choice(("same", "valid"))] = 0,
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
        return self._slide(F.conv3d, x)


@layer("Transposed conv 3-D", category="Convolution", axes=("channels", "depth", "height", "width"),
       synonyms=("convtranspose3d", "deconvolution", "upconvolution", "upsample", "volume"))  # fmt: skip
class ConvTranspose3d(TransposedConvolution):
    """Puts a weighted copy of small learned filters at each place of a larger volume: a convolution's way back.

    D' = (D - 1)·stride - 2·padding + dilation·(kernel_size - 1) + output_padding + 1

    W and b start uniform in ±1/√(out_channels / groups · depth · height · width of the kernel).

    Args:
        in_channels: Channels of the input; on the canvas filled in from the wire.
        out_channels: Channels of the output: the number of filters.
        kernel_size: Depth, height and width of the filters.
        stride: Distance of the copies.
        padding: Values cut off at each face of the result.
        output_padding: Values added at the end of the result, less than stride or dilation.
        groups: Parts that the channels are split into, each with filters of its own.
        bias: Whether b is added and learned.
        dilation: Distance of the filter's taps.
        padding_mode: zeros; PyTorch knows no other here either.

    Shape:
        x: (N, in_channels, D, H, W) or (in_channels, D, H, W) -> (N, out_channels, D', H', W') or without N

    Raises:
        ShapeError: channels that `groups` does not divide, or an output_padding that is too large.

    Example:
        >>> import engine
        >>> tuple(engine.nn.ConvTranspose3d(8, 4, 2, stride=2)(engine.zeros(2, 8, 3, 4, 4)).shape)
        (2, 4, 6, 8, 8)
    """

    _rank = 3

    def __init__(
        self,
        in_channels: Channels,
        out_channels: Filters,
        kernel_size: Annotated[Triple, Range(1, 64), Start(4)],
        stride: Annotated[Triple, Range(1, 64), Start(2)] = 1,
        padding: Annotated[Triple, Range(0, 64), Start(1)] = 0,
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
        return self._spread(F.conv_transpose3d, x, output_size)
