"""Images, sequences and volumes in another size."""

from __future__ import annotations

from math import floor
from typing import Any

from engine.errors import Fix, OptionError, ShapeError
from engine.nn.adaptive_pooling_functional import adaptive_avg_pool1d, adaptive_avg_pool2d
from engine.nn.volume_pooling_functional import adaptive_avg_pool3d
from engine.ops import resampling
from engine.ops.base import times
from engine.tensor import Tensor, apply, tensor

MODES = {1: ("nearest", "nearest-exact", "area", "linear"),
         2: ("nearest", "nearest-exact", "area", "bicubic", "bilinear"),
         3: ("nearest", "nearest-exact", "area", "trilinear")}  # fmt: skip
"""Axes behind N and C -> modes."""


def interpolate(input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
                align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
                antialias: bool = False) -> Tensor:  # fmt: skip
    """Images, sequences or volumes in another size.

    Args:
        size: the size of the result, one number or one for each axis; or
        scale_factor: how many times larger it is than the input.
        mode: "nearest" repeats pixels ("nearest-exact" those that lie nearest to the middle); "linear" (sequences),
            "bilinear" and "bicubic" (images) and "trilinear" (volumes) blend neighbours; "area" takes the mean of
            what is covered.
        align_corners: whether the outermost pixels keep their values exactly, for the blending modes.
        recompute_scale_factor: whether positions follow from the rounded size instead of from scale_factor.
        antialias: whether "bilinear" and "bicubic" blend all that a pixel of a smaller image covers.

    Shape:
        (N, C, L) -> (N, C, OL), (N, C, H, W) -> (N, C, OH, OW) or (N, C, D, H, W) -> (N, C, OD, OH, OW)

    >>> import engine
    >>> interpolate(engine.tensor([[[1.0, 2.0]]]), scale_factor=2).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    """
    count = input.ndim - 2
    modes = MODES.get(count, ())
    if mode not in modes:
        fix = Fix(f"Set mode to {modes[-1]}", "set_parameter", name="mode", value=modes[-1]) if modes else None
        raise OptionError("Upsample", got=f"mode {mode!r} for a tensor of {times(input.shape)}",
                          expected="nearest, nearest-exact or area; linear for (N, C, L); bilinear or bicubic for "
                          "(N, C, H, W); trilinear for (N, C, D, H, W)", fixes=(fix,) if fix else ())  # fmt: skip
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise OptionError("Upsample", got=f"align_corners is given for mode {mode!r}",
                          expected="it for linear, bilinear and bicubic", mend="leave it out",
                          fixes=(Fix("Leave align_corners out", "set_parameter", name="align_corners"),))  # fmt: skip
    if antialias and mode not in ("bilinear", "bicubic"):
        raise OptionError("Upsample", got=f"antialias=True for mode {mode!r}", expected="bilinear or bicubic")
    by_size = bool(recompute_scale_factor) or mode == "area" or antialias
    out, steps = _target(input.shape[2:], size, scale_factor, by_size)
    if mode == "area":
        pool = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[count - 1]
        return pool(input, out[0] if count == 1 else out)
    if count == 3:
        return _volume(input, mode, out, steps, bool(align_corners))
    image = input if count == 2 else input.unsqueeze(-2)
    if count == 1:
        out, steps = (1, *out), (1.0, *steps)
    result = apply(_resampler(mode, out, steps, bool(align_corners), antialias), image)
    return result if count == 2 else result.squeeze(-2)


def _volume(x: Tensor, mode: str, out: Any, steps: Any, align_corners: bool) -> Tensor:
    """Height and width in each slice, then the depth: (N, C, D, H, W) -> (N, C, OD, OH, OW)"""
    n, c, depth, h, w = x.shape
    flat = apply(_resampler(mode, out[1:], steps[1:], align_corners), x.reshape(n, c * depth, h, w))
    flat = flat.reshape(n, c, depth, out[1] * out[2])
    deep = _resampler(mode, (out[0], 1), (steps[0], 1.0), align_corners)
    if mode == "trilinear":
        weights = tensor(deep.weights(depth, 0), dtype=x.dtype, device=x.device)  # (OD, D)
        found = weights @ flat
    else:
        found = flat.index_select(2, tensor(deep.places((n, c, depth, 1))[0], device=x.device))
    return found.reshape(n, c, *out)


def _resampler(mode: str, out: Any, steps: Any, align_corners: bool, antialias: bool = False) -> Any:
    if mode in ("nearest", "nearest-exact"):
        return resampling.Nearest(out, steps, 0.5 if mode == "nearest-exact" else 0.0)
    if antialias:
        return resampling.Antialiased(out, steps, align_corners, 2 if mode == "bicubic" else 1)
    kind = resampling.Bicubic if mode == "bicubic" else resampling.Bilinear
    return kind(out, steps, align_corners)


def _target(shape: tuple[int, ...], size: Any, factor: Any, recompute: bool) -> tuple[Any, Any]:
    """The sizes that come out, and how far apart the places are in the input."""
    if (size is None) == (factor is None):
        fix = (
            Fix("Leave scale_factor out", "set_parameter", name="scale_factor")
            if size is not None
            else Fix("Set scale_factor to 2", "set_parameter", name="scale_factor", value=2.0)
        )
        raise OptionError("Upsample", got=f"size is {size} and scale_factor is {factor}", expected="one of the two",
                          fixes=(fix,))  # fmt: skip
    given = factor if size is None else size
    each = tuple(given) if isinstance(given, tuple | list) else (given,) * len(shape)
    if len(each) != len(shape) or not all(isinstance(n, int | float) and n > 0 for n in each):
        raise OptionError("Upsample", got=f"{'size' if factor is None else 'scale_factor'} is {given!r}",
                          expected=f"a number above 0, or {len(shape)} of them")  # fmt: skip
    out = tuple(int(n) for n in each) if factor is None else tuple(floor(n * f) for n, f in zip(shape, each))
    if min(out) < 1 or min(shape) < 1:
        raise ShapeError("Upsample", got=f"{times(shape)} would become {times(out)}", expected="at least one value")
    if factor is None or recompute:
        return out, tuple(n / o for n, o in zip(shape, out))
    return out, tuple(1 / f for f in each)
