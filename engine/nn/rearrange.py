"""Layers that move values between channels and pixels."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Range, Start, layer
from engine.nn import functional as F
from engine.nn.module import Module
from engine.tensor import Tensor


@layer("Pixel shuffle", category="Shape", axes=("channels", "height", "width"),
       synonyms=("depth to space", "sub-pixel", "super-resolution", "upsample", "enlarge"))  # fmt: skip
class PixelShuffle(Module):
    """Makes an image larger by laying groups of channels out as small squares of pixels.

    y[n, c, h·r + i, w·r + j] = x[n, c·r² + i·r + j, h, w], r = upscale_factor

    Shi et al., 2016.

    Args:
        upscale_factor: How many times higher and wider the image becomes; channels are divided by its square.

    Shape:
        x: (..., C · r², H, W) -> (..., C, H · r, W · r)

    Raises:
        ShapeError: channels that the square does not divide.

    Example:
        >>> import engine
        >>> tuple(engine.nn.PixelShuffle(2)(engine.zeros(1, 8, 14, 14)).shape)
        (1, 2, 28, 28)
    """

    def __init__(self, upscale_factor: Annotated[int, Range(1, 64), Start(2)]):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


@layer("Pixel unshuffle", category="Shape", axes=("channels", "height", "width"),
       synonyms=("space to depth", "downsample", "shrink", "squeeze"))  # fmt: skip
class PixelUnshuffle(Module):
    """Makes an image smaller by laying small squares of pixels out as channels, so that nothing is lost.

    y[n, c·r² + i·r + j, h, w] = x[n, c, h·r + i, w·r + j], r = downscale_factor

    Args:
        downscale_factor: How many times lower and narrower the image becomes; channels are multiplied by its square.

    Shape:
        x: (..., C, H · r, W · r) -> (..., C · r², H, W)

    Raises:
        ShapeError: a height or width that it does not divide.

    Example:
        >>> import engine
        >>> tuple(engine.nn.PixelUnshuffle(2)(engine.zeros(1, 2, 28, 28)).shape)
        (1, 8, 14, 14)
    """

    def __init__(self, downscale_factor: Annotated[int, Range(1, 64), Start(2)]):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


@layer("Channel shuffle", category="Shape", synonyms=("shufflenet", "mix groups", "permute channels"),
       axes=("channels", "height", "width"))  # fmt: skip
class ChannelShuffle(Module):
    """Deals the channels of several groups out in turn, so that the next grouped convolution sees all groups.

    y[n, i·groups + g] = x[n, g·(C / groups) + i]

    Zhang et al., 2018.

    Args:
        groups: How many groups there are.

    Shape:
        x: (N, C, ...) -> the same

    Raises:
        ShapeError: channels that groups does not divide.

    Example:
        >>> import engine
        >>> engine.nn.ChannelShuffle(2)(engine.arange(4.0).reshape(1, 4, 1, 1)).flatten().tolist()
        [0.0, 2.0, 1.0, 3.0]
    """

    def __init__(self, groups: Annotated[int, Range(1, 65_536), Start(2)]):
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        return F.channel_shuffle(x, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
