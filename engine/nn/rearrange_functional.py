"""Values moved between channels and pixels."""

from __future__ import annotations

from engine.errors import Fix, ShapeError
from engine.ops.base import times
from engine.tensor import Tensor
from engine.wording import arrivals


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Groups of r² channels as squares of r x r pixels (Shi et al., 2016).

    Args:
        upscale_factor: r.

    Shape:
        (..., C r², H, W) -> (..., C, H r, W r)

    Raises:
        ShapeError: where r² does not divide the channels.

    >>> import engine
    >>> pixel_shuffle(engine.arange(4).reshape(1, 4, 1, 1), 2).tolist()
    [[[[0, 1], [2, 3]]]]
    """
    r = upscale_factor
    _require_image("PixelShuffle", input, r)
    *ahead, c, h, w = input.shape
    if c % (r * r):
        raise ShapeError("PixelShuffle", got=arrivals(c, "channel"), expected=f"a multiple of {r * r}",
                         fixes=(_set("upscale_factor", 1),))  # fmt: skip
    n = len(ahead)
    parts = input.reshape(*ahead, c // (r * r), r, r, h, w)  # (..., C, i, j, H, W)
    mixed = parts.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)  # (..., C, H, i, W, j)
    return mixed.reshape(*ahead, c // (r * r), h * r, w * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Squares of r x r pixels as groups of r² channels: the reverse of `pixel_shuffle`.

    Args:
        downscale_factor: r.

    Shape:
        (..., C, H r, W r) -> (..., C r², H, W)

    Raises:
        ShapeError: where r does not divide height and width.

    >>> import engine
    >>> pixel_unshuffle(engine.arange(4).reshape(1, 1, 2, 2), 2).shape
    (1, 4, 1, 1)
    """
    r = downscale_factor
    _require_image("PixelUnshuffle", input, r)
    *ahead, c, h, w = input.shape
    if h % r or w % r:
        raise ShapeError("PixelUnshuffle", got=f"an image of {h} x {w} arrives", expected=f"multiples of {r}",
                         fixes=(_set("downscale_factor", 1),))  # fmt: skip
    n = len(ahead)
    parts = input.reshape(*ahead, c, h // r, r, w // r, r)  # (..., C, H, i, W, j)
    mixed = parts.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)  # (..., C, i, j, H, W)
    return mixed.reshape(*ahead, c * r * r, h // r, w // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of several groups dealt out in turn (Zhang et al., 2018).

    Shape:
        (N, C, ...) -> the same

    Raises:
        ShapeError: where groups does not divide the channels.

    >>> import engine
    >>> channel_shuffle(engine.arange(4).reshape(1, 4, 1), 2).reshape(-1)
    tensor([0, 2, 1, 3])
    """
    if input.ndim < 3 or groups < 1 or input.shape[1] % groups:
        raise ShapeError("ChannelShuffle", got=f"a tensor of {times(input.shape)} in {groups} groups",
                         expected="(N, channels, ...), groups of equal size", fixes=(_set("groups", 1),))  # fmt: skip
    n, c, *rest = input.shape
    return input.reshape(n, groups, c // groups, *rest).transpose(1, 2).reshape(input.shape)


def _require_image(where: str, input: Tensor, factor: int) -> None:
    if input.ndim < 3 or factor < 1:
        raise ShapeError(where, got=f"a tensor of {times(input.shape)} and the factor {factor}",
                         expected="(..., channels, height, width) and a factor of 1 or more")  # fmt: skip


def _set(name: str, value: int) -> Fix:
    return Fix(f"Set {name} to {value}", "set_parameter", name=name, value=value)
