"""Layers that lay what is under a window out as columns, and back."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Range, Start, layer
from engine.nn import functional as F
from engine.nn.module import Module
from engine.tensor import Tensor

Pixels = int | tuple[int, int]


@layer("Unfold", category="Shape", axes=("channels", "height", "width"),
       synonyms=("im2col", "patches", "sliding window", "vision transformer"))  # fmt: skip
class Unfold(Module):
    """Lays what is under a window, at each of its places in an image, out as a column.

    y[n, c·KH·KW + u·KW + v, place] = x[n, c, i·stride + u·dilation, j·stride + v·dilation]

    Args:
        kernel_size: Height and width of the window in pixels.
        dilation: Distance of the pixels of a window.
        padding: Pixels of zeros added at each border.
        stride: Step of the window in pixels.

    Shape:
        x: (N, C, H, W) or (C, H, W) -> (N, C · KH · KW, places) or (C · KH · KW, places)

    Raises:
        ShapeError: a window that is larger than the image with its padding.

    Example:
        >>> import engine
        >>> tuple(engine.nn.Unfold(2, stride=2)(engine.zeros(1, 3, 8, 8)).shape)
        (1, 12, 16)
    """

    def __init__(
        self,
        kernel_size: Annotated[Pixels, Range(1, 64), Start(2)],
        dilation: Annotated[Pixels, Range(1, 64)] = 1,
        padding: Annotated[Pixels, Range(0, 64)] = 0,
        stride: Annotated[Pixels, Range(1, 64)] = 1,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


@layer("Fold", category="Shape", axes=("columns", "places"), synonyms=("col2im", "patches", "overlap add"))
class Fold(Module):
    """Adds columns, as Unfold lays them out, up to an image: where windows overlap, their values are summed.

    y[n, c, i·stride + u·dilation, j·stride + v·dilation] += x[n, c·KH·KW + u·KW + v, place]

    Args:
        output_size: Height and width of the image in pixels.
        kernel_size: Height and width of the window in pixels.
        dilation: Distance of the pixels of a window.
        padding: Pixels that were added at each border.
        stride: Step of the window in pixels.

    Shape:
        x: (N, C · KH · KW, places) or (C · KH · KW, places) -> (N, C, H, W) or (C, H, W)

    Raises:
        ShapeError: columns that do not suit the image.

    Example:
        >>> import engine
        >>> tuple(engine.nn.Fold(8, 2, stride=2)(engine.zeros(1, 12, 16)).shape)
        (1, 3, 8, 8)
    """

    def __init__(
        self,
        output_size: Annotated[Pixels, Range(1, 65_536), Start(8)],
        kernel_size: Annotated[Pixels, Range(1, 64), Start(2)],
        dilation: Annotated[Pixels, Range(1, 64)] = 1,
        padding: Annotated[Pixels, Range(0, 64)] = 0,
        stride: Annotated[Pixels, Range(1, 64)] = 1,
    ):
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return F.fold(x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
