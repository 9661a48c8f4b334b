"""Layers that make an image smaller without learning."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Outputs, Range, Start, layer
from engine.nn import functional as F
from engine.nn.module import Module
from engine.tensor import Tensor

Pixels = int | tuple[int, int]
Pooled = Annotated[Tensor | tuple[Tensor, Tensor], Outputs(("out", "indices"), "return_indices")]
"""The maxima, and where it is asked for their places."""


class MaxPool(Module):
    """What max pools of every rank share."""

    def __init__(self, kernel_size, stride, padding, dilation, return_indices, ceil_mode):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool(Module):
    """What average pools of every rank share."""

    def __init__(self, kernel_size, stride, padding, ceil_mode, count_include_pad):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class LPPool(Module):
    """What power pools of every rank share."""

    def __init__(self, norm_type, kernel_size, stride, ceil_mode):
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


@layer("Max pool", category="Pooling", synonyms=("maxpool", "max pooling 2-D", "downsample", "subsample"))
class MaxPool2d(MaxPool):
    """Keeps the largest value of each window, so that the image shrinks and small shifts matter less.

    y[n, c, i, j] = max x[n, c, i·stride + u·dilation, j·stride + v·dilation], over u, v in the window

    H' = ⌊(H + 2·padding - dilation·(kernel_size - 1) - 1) / stride⌋ + 1

    Args:
        kernel_size: Height and width of the window in pixels.
        stride: Step of the window in pixels; none: as large as the window, so that windows do not overlap.
        padding: Pixels added at each border, at most half the window; they never win.
        dilation: Distance of the pixels of a window.
        return_indices: Whether the places of the maxima are given, too, for MaxUnpool2d.
        ceil_mode: Round the output's size up instead of down, so that a last, partial window counts.

    Shape:
        x: (N, C, H, W) or (C, H, W) -> (N, C, H', W') or (C, H', W')

    Example:
        >>> import engine
        >>> tuple(engine.nn.MaxPool2d(2)(engine.zeros(1, 8, 28, 28)).shape)
        (1, 8, 14, 14)
    """

    def __init__(
        self,
        kernel_size: Annotated[Pixels, Range(1, 64), Start(2)],
        stride: Annotated[Pixels | None, Range(1, 64)] = None,
        padding: Annotated[Pixels, Range(0, 32)] = 0,
        dilation: Annotated[Pixels, Range(1, 64)] = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ):
        super().__init__(kernel_size, stride, padding, dilation, return_indices, ceil_mode)

    def forward(self, x: Tensor) -> Pooled:
        return F.max_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


@layer("Average pool", category="Pooling", synonyms=("avgpool", "average pooling 2-D", "mean pool", "downsample"))
class AvgPool2d(AvgPool):
    """Replaces each window by its mean, so that the image shrinks smoothly.

    y[n, c, i, j] = mean x[n, c, i·stride + u, j·stride + v], over u, v in the window

    H' = ⌊(H + 2·padding - kernel_size) / stride⌋ + 1

    Args:
        kernel_size: Height and width of the window in pixels.
        stride: Step of the window in pixels; none: as large as the window, so that windows do not overlap.
        padding: Pixels of zeros added at each border, at most half the window.
        ceil_mode: Round the output's size up instead of down, so that a last, partial window counts.
        count_include_pad: Whether the padding counts in the mean.
        divisor_override: Divide the sum by this number instead of by the window's size.

    Shape:
        x: (N, C, H, W) or (C, H, W) -> (N, C, H', W') or (C, H', W')

    Example:
        >>> import engine
        >>> tuple(engine.nn.AvgPool2d(7)(engine.zeros(1, 8, 28, 28)).shape)
        (1, 8, 4, 4)
    """

    def __init__(
        self,
        kernel_size: Annotated[Pixels, Range(1, 64), Start(2)],
        stride: Annotated[Pixels | None, Range(1, 64)] = None,
        padding: Annotated[Pixels, Range(0, 32)] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: Annotated[int | None, Range(1, 4096)] = None,
    ):
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(
            x, self.kernel_size, self.stride, self.padding,
            self.ceil_mode, self.count_include_pad, self.divisor_override,
        )  # fmt: skip


@layer("Max pool 1-D", category="Pooling", synonyms=("maxpool1d", "downsample", "signal"), axes=("channels", "length"))
class MaxPool1d(MaxPool):
    """Keeps the largest value of each window, so that the sequence becomes shorter.

    y[n, c, i] = max x[n, c, i·stride + u·dilation], over u in the window

    L' = ⌊(L + 2·padding - dilation·(kernel_size - 1) - 1) / stride⌋ + 1

    Args:
        kernel_size: Length of the window.
        stride: Step of the window; none: as long as the window, so that windows do not overlap.
        padding: Values added at each end, at most half the window; they never win.
        dilation: Distance of the values of a window.
        return_indices: Whether the places of the maxima are given, too, for MaxUnpool1d.
        ceil_mode: Round the output's length up instead of down, so that a last, partial window counts.

    Shape:
        x: (N, C, L) or (C, L) -> (N, C, L') or (C, L')

    Example:
        >>> import engine
        >>> tuple(engine.nn.MaxPool1d(2)(engine.zeros(1, 8, 28)).shape)
        (1, 8, 14)
    """

    def __init__(
        self,
        kernel_size: Annotated[int, Range(1, 4096), Start(2)],
        stride: Annotated[int | None, Range(1, 4096)] = None,
        padding: Annotated[int, Range(0, 2048)] = 0,
        dilation: Annotated[int, Range(1, 4096)] = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ):
        super().__init__(kernel_size, stride, padding, dilation, return_indices, ceil_mode)

    def forward(self, x: Tensor) -> Pooled:
        return F.max_pool1d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


@layer("Average pool 1-D", category="Pooling", synonyms=("avgpool1d", "mean pool", "smooth", "signal"),
       axes=("channels", "length"))  # fmt: skip
class AvgPool1d(AvgPool):
    """Replaces each window by its mean, so that the sequence becomes shorter and smoother.

    y[n, c, i] = mean x[n, c, i·stride + u], over u in the window

    L' = ⌊(L + 2·padding - kernel_size) / stride⌋ + 1

    Args:
        kernel_size: Length of the window.
        stride: Step of the window; none: as long as the window, so that windows do not overlap.
        padding: Zeros added at each end, at most half the window.
        ceil_mode: Round the output's length up instead of down, so that a last, partial window counts.
        count_include_pad: Whether the padding counts in the mean.

    Shape:
        x: (N, C, L) or (C, L) -> (N, C, L') or (C, L')

    Example:
        >>> import engine
        >>> tuple(engine.nn.AvgPool1d(7)(engine.zeros(1, 8, 28)).shape)
        (1, 8, 4)
    """

    def __init__(
        self,
        kernel_size: Annotated[int, Range(1, 4096), Start(2)],
        stride: Annotated[int | None, Range(1, 4096)] = None,
        padding: Annotated[int, Range(0, 2048)] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        super().__init__(_single(kernel_size), None if stride is None else _single(stride), _single(padding), ceil_mode,
                         count_include_pad)  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool1d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


def _single(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


@layer(
    "Power pool",
    category="Pooling",
    synonyms=("lppool2d", "lp pooling", "norm pool", "downsample"),
    axes=("channels", "height", "width"),
)
class LPPool2d(LPPool):
    """Joins each window by a power mean: between a sum (norm_type 1) and, for large ones, the greatest value.

    y = (Σ x^p)^(1/p), over the window, p = norm_type

    Args:
        norm_type: The power p.
        kernel_size: Height and width of the window in pixels.
        stride: Step of the window; none: as large as the window, so that windows do not overlap.
        ceil_mode: Round the output's size up instead of down, so that a last, partial window counts.

    Shape:
        x: (N, C, H, W) or (C, H, W) -> (N, C, H', W') or (C, H', W')

    Example:
        >>> import engine
        >>> tuple(engine.nn.LPPool2d(2, 2)(engine.zeros(1, 8, 28, 28)).shape)
        (1, 8, 14, 14)
    """

    def __init__(
        self,
        norm_type: Annotated[float, Range(1.0, 64.0), Start(2.0)],
        kernel_size: Annotated[Pixels, Range(1, 64), Start(2)],
        stride: Annotated[Pixels | None, Range(1, 64)] = None,
        ceil_mode: bool = False,
    ):
        super().__init__(norm_type, kernel_size, stride, ceil_mode)

    def forward(self, x: Tensor) -> Tensor:
        return F.lp_pool2d(x, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


@layer(
    "Power pool 1-D",
    category="Pooling",
    synonyms=("lppool1d", "lp pooling", "norm pool", "downsample"),
    axes=("channels", "length"),
)
class LPPool1d(LPPool):
    """Joins each window by a power mean: between a sum (norm_type 1) and, for large ones, the greatest value.

    y = (Σ x^p)^(1/p), over the window, p = norm_type

    Args:
        norm_type: The power p.
        kernel_size: Length of the window.
        stride: Step of the window; none: as large as the window, so that windows do not overlap.
        ceil_mode: Round the output's size up instead of down, so that a last, partial window counts.

    Shape:
        x: (N, C, L) or (C, L) -> (N, C, L') or (C, L')

    Example:
        >>> import engine
        >>> tuple(engine.nn.LPPool1d(2, 2)(engine.zeros(1, 8, 28)).shape)
        (1, 8, 14)
    """

    def __init__(
        self,
        norm_type: Annotated[float, Range(1.0, 64.0), Start(2.0)],
        kernel_size: Annotated[int, Range(1, 4096), Start(2)],
        stride: Annotated[int | None, Range(1, 4096)] = None,
        ceil_mode: bool = False,
    ):
        super().__init__(norm_type, kernel_size, stride, ceil_mode)

    def forward(self, x: Tensor) -> Tensor:
        return F.lp_pool1d(x, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)
