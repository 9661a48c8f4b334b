"""Pooling of volumes, such as scans and films."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Hidden, Range, Start, layer
from engine.nn import functional as F
from engine.nn.adaptive_pooling import AdaptiveAvgPool, AdaptiveMaxPool, MaxUnpool
from engine.nn.pooling import AvgPool, LPPool, MaxPool, Pooled
from engine.tensor import Tensor

Triple = int | tuple[int, int, int]
Sizes = Annotated[int | tuple[int | None, int | None, int | None] | None, Range(1, 4096), Start(1)]
Window = Annotated[Triple, Range(1, 64), Start(2)]
Step = Annotated[Triple | None, Range(1, 64)]
Border = Annotated[Triple, Range(0, 32)]
Indices = Annotated[bool, Hidden()]


@layer("Max pool 3-D", category="Pooling", axes=("channels", "depth", "height", "width"),
       synonyms=("maxpool3d", "downsample", "volume", "video"))  # fmt: skip
class MaxPool3d(MaxPool):
    """Keeps the largest value of each window of a volume, so that it shrinks and small shifts matter less.

    y[n, c, i] = max x[n, c, i·stride + u·dilation], over u in the window; places i and u are three numbers

    D' = ⌊(D + 2·padding - dilation·(kernel_size - 1) - 1) / stride⌋ + 1

    Args:
        kernel_size: Depth, height and width of the window.
        stride: Step of the window; none: as large as the window.
        padding: Values added at each face, at most half the window; they never win.
        dilation: Distance of the values of a window.
        return_indices: Whether the places of the maxima are given, too, for MaxUnpool3d.
        ceil_mode: Round the output's size up instead of down, so that a last, partial window counts.

    Shape:
        x: (N, C, D, H, W) or (C, D, H, W) -> (N, C, D', H', W') or without N

    Example:
        >>> import engine
        >>> tuple(engine.nn.MaxPool3d(2)(engine.zeros(1, 8, 4, 14, 14)).shape)
        (1, 8, 2, 7, 7)
    """

    def __init__(self, kernel_size: Window, stride: Step = None, padding: Border = 0,
                 dilation: Annotated[Triple, Range(1, 64)] = 1, return_indices: bool = False,
                 ceil_mode: bool = False):  # fmt: skip
        super().__init__(kernel_size, stride, padding, dilation, return_indices, ceil_mode)

    def forward(self, x: Tensor) -> Pooled:
        return F.max_pool3d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


@layer("Average pool 3-D", category="Pooling", axes=("channels", "depth", "height", "width"),
       synonyms=("avgpool3d", "mean pool", "volume", "video"))  # fmt: skip
class AvgPool3d(AvgPool):
    """Replaces each window of a volume by its mean, so that it shrinks smoothly.

    y[n, c, i] = mean x[n, c, i·stride + u], over u in the window; places i and u are three numbers

    D' = ⌊(D + 2·padding - kernel_size) / stride⌋ + 1

    Args:
        kernel_size: Depth, height and width of the window.
        stride: Step of the window; none: as large as the window.
        padding: Zeros added at each face, at most half the window.
        ceil_mode: Round the output's size up instead of down, so that a last, partial window counts.
        count_include_pad: Whether the padding counts in the mean.
        divisor_override: Divide the sum by this number instead of by the window's size.

    Shape:
        x: (N, C, D, H, W) or (C, D, H, W) -> (N, C, D', H', W') or without N

    Example:
        >>> import engine
        >>> tuple(engine.nn.AvgPool3d((1, 7, 7))(engine.zeros(1, 8, 4, 14, 14)).shape)
        (1, 8, 4, 2, 2)
    """

    def __init__(self, kernel_size: Window, stride: Step = None, padding: Border = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True,
                 divisor_override: Annotated[int | None, Range(1, 4096)] = None):  # fmt: skip
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool3d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
                            self.divisor_override)  # fmt: skip


@layer("Power pool 3-D", category="Pooling", axes=("channels", "depth", "height", "width"),
       synonyms=("lppool3d", "lp pooling", "norm pool", "volume"))  # fmt: skip
class LPPool3d(LPPool):
    """Joins each window of a volume by a power mean: between a sum (norm_type 1) and, for large ones, the greatest.

    y = (Σ x^p)^(1/p), over the window, p = norm_type

    Args:
        norm_type: The power p.
        kernel_size: Depth, height and width of the window.
        stride: Step of the window; none: as large as the window.
        ceil_mode: Round the output's size up instead of down, so that a last, partial window counts.

    Shape:
        x: (N, C, D, H, W) or (C, D, H, W) -> (N, C, D', H', W') or without N

    Example:
        >>> import engine
        >>> tuple(engine.nn.LPPool3d(2, 2)(engine.zeros(1, 8, 4, 6, 6)).shape)
        (1, 8, 2, 3, 3)
    """

    def __init__(self, norm_type: Annotated[float, Range(1.0, 64.0), Start(2.0)], kernel_size: Window,
                 stride: Step = None, ceil_mode: bool = False):  # fmt: skip
        super().__init__(norm_type, kernel_size, stride, ceil_mode)

    def forward(self, x: Tensor) -> Tensor:
        return F.lp_pool3d(x, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


@layer("Adaptive average pool 3-D", category="Pooling", axes=("channels", "depth", "height", "width"),
       synonyms=("global average pool", "adaptiveavgpool3d", "volume"))  # fmt: skip
class AdaptiveAvgPool3d(AdaptiveAvgPool):
    """Means over so many parts of a volume, whatever its size; with 1 the mean of each whole channel.

    y[n, c, i, j, k] = mean of x[n, c] over planes ⌊i·D / D'⌋ to ⌈(i + 1)·D / D'⌉, rows and columns likewise

    Args:
        output_size: Depth, height and width of the result; None keeps that of the volume.

    Shape:
        x: (N, C, D, H, W) or (C, D, H, W) -> (N, C, *output_size) or (C, *output_size)

    Example:
        >>> import engine
        >>> tuple(engine.nn.AdaptiveAvgPool3d((None, 1, 1))(engine.zeros(2, 8, 4, 7, 5)).shape)
        (2, 8, 4, 1, 1)
    """

    def __init__(self, output_size: Sizes):
        super().__init__(output_size)

    def forward(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool3d(x, self.output_size)


@layer("Adaptive max pool 3-D", category="Pooling", axes=("channels", "depth", "height", "width"),
       synonyms=("global max pool", "adaptivemaxpool3d", "volume"))  # fmt: skip
class AdaptiveMaxPool3d(AdaptiveMaxPool):
    """Keeps the largest value of each of so many parts of a volume, whatever its size.

    y[n, c, i, j, k] = max of x[n, c] over planes ⌊i·D / D'⌋ to ⌈(i + 1)·D / D'⌉, rows and columns likewise

    Args:
        output_size: Depth, height and width of the result; None keeps that of the volume.
        return_indices: Whether the places of the maxima are returned, too.

    Shape:
        x: (N, C, D, H, W) or (C, D, H, W) -> (N, C, *output_size) or (C, *output_size)

    Example:
        >>> import engine
        >>> tuple(engine.nn.AdaptiveMaxPool3d(1)(engine.zeros(2, 8, 4, 7, 5)).shape)
        (2, 8, 1, 1, 1)
    """

    def __init__(self, output_size: Sizes, return_indices: Indices = False):
        super().__init__(output_size, return_indices)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return F.adaptive_max_pool3d(x, self.output_size, self.return_indices)


@layer("Max unpool 3-D", category="Pooling", axes=("channels", "depth", "height", "width"),
       synonyms=("unpooling", "upsample", "decoder", "autoencoder", "volume"))  # fmt: skip
class MaxUnpool3d(MaxUnpool):
    """The way back of MaxPool3d: each maximum at the place it came from, zeros elsewhere.

    y[indices] = x, 0 elsewhere (Zeiler and Fergus, 2014)

    Args:
        kernel_size: Size of the window.
        stride: Step of the window; none: as large as the window.
        padding: What was added at each face before pooling.

    Shape:
        x and indices: (N, C, D, H, W) or (C, D, H, W) -> (N, C, D', H', W') or without N

    Raises:
        EngineError: an index or an output_size that does not suit the result.

    Example:
        >>> import engine
        >>> pool, back = engine.nn.MaxPool3d(2, return_indices=True), engine.nn.MaxUnpool3d(2)
        >>> tuple(back(*pool(engine.randn(1, 3, 4, 8, 8))).shape)
        (1, 3, 4, 8, 8)
    """

    _rank = 3

    def __init__(self, kernel_size: Window, stride: Step = None, padding: Border = 0):
        super().__init__(kernel_size, stride, padding)

    def forward(self, x: Tensor, indices: Tensor, output_size: tuple[int, ...] | None = None) -> Tensor:
        return F.max_unpool3d(x, indices, self.kernel_size, self.stride, self.padding, output_size)
