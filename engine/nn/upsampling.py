"""Layers that make an image larger without learning."""

from __future__ import annotations

from typing import Annotated, Any

from engine.describe import Choice, Hidden, Range, Start, layer
from engine.nn import functional as F
from engine.nn.module import Module
from engine.tensor import Tensor


@layer("Upsample", category="Shape", synonyms=("resize", "interpolate", "enlarge", "bilinear", "nearest", "decoder"))
class Upsample(Module):
    """Makes an image or a sequence larger by repeating or blending its pixels.

    H' = ⌊H · scale_factor⌋, or size

    Args:
        size: Height and width of the result, or its length; none: scale_factor says it.
        scale_factor: How many times larger the result is; none: size says it.
        mode: nearest repeats pixels; bilinear, bicubic (images) and linear (sequences) blend neighbours; area takes
            the mean of what is covered; nearest-exact repeats the pixels whose middle is nearest.
        align_corners: Whether the outermost pixels keep their values exactly, where neighbours are blended.
        recompute_scale_factor: Whether positions follow from the rounded size instead of from scale_factor.

    Shape:
        x: (N, C, H, W) -> (N, C, H', W') or (N, C, L) -> (N, C, L')

    Raises:
        OptionError: both or none of size and scale_factor, or a mode that does not suit the input.

    Example:
        >>> import engine
        >>> tuple(engine.nn.Upsample(scale_factor=2)(engine.zeros(1, 8, 14, 14)).shape)
        (1, 8, 28, 28)
    """

    def __init__(
        self,
        size: Annotated[int | tuple[int, int] | None, Range(1, 65_536)] = None,
        scale_factor: Annotated[float | tuple[float, ...] | None, Range(0.001, 64.0), Start(2.0)] = None,
        mode: Annotated[str, Choice(("nearest", "linear", "bilinear", "bicubic", "area", "nearest-exact"))] = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: Annotated[bool | None, Hidden()] = None,
    ):
        super().__init__()
        self.size = size
        self.scale_factor = _floats(scale_factor)
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(
            x, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        size = f"size={self.size!r}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample for images, by repeating pixels.

    y[i, j] = x[⌊i / scale⌋, ⌊j / scale⌋], scale being scale_factor, or what size makes of it

    Args:
        size: Height and width of the result; or
        scale_factor: how many times larger it is.

    Shape:
        x: (N, C, H, W) -> (N, C, H', W')

    Example:
        >>> import engine
        >>> tuple(engine.nn.UpsamplingNearest2d(scale_factor=2)(engine.zeros(1, 8, 14, 14)).shape)
        (1, 8, 28, 28)
    """

    def __init__(self, size: int | tuple[int, int] | None = None,
                 scale_factor: float | tuple[float, float] | None = None):  # fmt: skip
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample for images, by blending neighbours, with the outermost pixels kept exactly.

    y[i, j] = x at (i (H - 1) / (H' - 1), j (W - 1) / (W' - 1)), blended from the four around it

    Args:
        size: Height and width of the result; or
        scale_factor: how many times larger it is.

    Shape:
        x: (N, C, H, W) -> (N, C, H', W')

    Example:
        >>> import engine
        >>> tuple(engine.nn.UpsamplingBilinear2d(scale_factor=2)(engine.zeros(1, 8, 14, 14)).shape)
        (1, 8, 28, 28)
    """

    def __init__(self, size: int | tuple[int, int] | None = None,
                 scale_factor: float | tuple[float, float] | None = None):  # fmt: skip
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


def _floats(factor: Any) -> Any:
    if isinstance(factor, tuple | list):
        return tuple(float(f) for f in factor)
    return float(factor) if factor else None
