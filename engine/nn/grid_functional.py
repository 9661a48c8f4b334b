"""Images seen through a grid that says, for each place of the result, where in the image to look."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.functions import where
from engine.ops.base import times
from engine.tensor import Tensor, stack
from engine.tensor.creation import linspace, ones

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Where an affine map takes each place of an image or volume; -1 and 1 are its ends (Jaderberg et al., 2015).

    Args:
        theta: the map's matrix for each sample, the shift in its last column.
        size: of the result that `grid_sample` is to make.
        align_corners: whether the ends are the middles of the outermost pixels, not their outer edges.

    Shape:
        theta (N, 2, 3), size (N, C, H, W) -> (N, H, W, 2); theta (N, 3, 4), size (N, C, D, H, W) -> (N, D, H, W, 3)

    >>> import engine
    >>> affine_grid(engine.eye(2, 3).unsqueeze(0), (1, 1, 1, 2), align_corners=True).tolist()
    [[[[-1.0, 0.0], [1.0, 0.0]]]]
    """
    rank = len(size) - 2
    if rank not in (2, 3) or tuple(theta.shape) != (size[0], rank, rank + 1) or min(size) < 1:
        raise ShapeError("affine_grid", got=f"theta of {times(theta.shape)} for {times(size)}",
                         expected="(N, 2, 3) for (N, C, H, W), or (N, 3, 4) for (N, C, D, H, W)")  # fmt: skip
    if theta.dtype.kind != "f":
        raise TypeMismatch("affine_grid", got=f"theta is {theta.dtype}", expected="real numbers")
    axes = [_places(n, bool(align_corners), theta) for n in size[2:]]
    shape = tuple(size[2:])
    spread = [axis.reshape(*(-1 if i == j else 1 for j in range(rank))).expand(*shape) for i, axis in enumerate(axes)]
    base = stack([*spread[::-1], ones(*shape, dtype=theta.dtype, device=theta.device)], -1)  # (..., x, y, 1)
    flat = base.reshape(1, -1, rank + 1) @ theta.transpose(1, 2)
    return flat.reshape(size[0], *shape, rank)


def _places(count: int, align_corners: bool, like: Tensor) -> Tensor:
    if count == 1:
        return linspace(0, 0, 1, dtype=like.dtype, device=like.device)
    found = linspace(-1, 1, count, dtype=like.dtype, device=like.device)
    return found if align_corners else found * ((count - 1) / count)


def grid_sample(input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros",
                align_corners: bool | None = None) -> Tensor:  # fmt: skip
    """The image at the places that a grid names: x, y from -1 to 1, its ends (Jaderberg et al., 2015).

    Args:
        grid: x and y, and z of volumes, for each place of the result.
        mode: "bilinear" blends the pixels around a place, "bicubic" (images only) 16 of them, "nearest" takes one.
        padding_mode: what lies outside: "zeros"; "border", the outermost pixel; or "reflection", the image mirrored.
        align_corners: whether the ends are the middles of the outermost pixels, not their outer edges.

    Shape:
        input (N, C, H, W), grid (N, OH, OW, 2) -> (N, C, OH, OW);
        input (N, C, D, H, W), grid (N, OD, OH, OW, 3) -> (N, C, OD, OH, OW)

    >>> import engine
    >>> image = engine.tensor([[[[1.0, 2.0]]]])
    >>> grid_sample(image, engine.tensor([[[[0.0, 0.0]]]]), align_corners=True).tolist()
    [[[[1.5]]]]
    """
    rank = input.ndim - 2
    _check(input, grid, mode, padding_mode)
    sizes = input.shape[2:]
    places = [_unscaled(grid[..., rank - 1 - axis], sizes[axis], bool(align_corners)) for axis in range(rank)]
    taps = [_taps(place, n, mode, padding_mode, bool(align_corners)) for place, n in zip(places, sizes)]
    found = 0
    for chosen in product(*taps):
        found = found + _tap(input, chosen, sizes)
    return found


def _check(input: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    rank = input.ndim - 2
    if rank not in (2, 3) or grid.ndim != input.ndim or grid.shape[0] != input.shape[0] or grid.shape[-1] != rank:
        raise ShapeError("grid_sample", got=f"{times(input.shape)} and a grid of {times(grid.shape)}",
                         expected="(N, C, H, W) and (N, OH, OW, 2), or one axis more of both and a 3")  # fmt: skip
    if 0 in input.shape[1:]:
        raise ShapeError("grid_sample", got=f"a tensor of {times(input.shape)} arrives", expected="at least one pixel")
    if mode not in MODES or (mode == "bicubic" and rank == 3):
        raise OptionError("grid_sample", got=f"mode is {mode!r}", expected="one of bilinear, nearest, bicubic (images)")
    if padding_mode not in PADDINGS:
        raise OptionError("grid_sample", got=f"padding_mode is {padding_mode!r}", expected=f"one of {PADDINGS}")
    if input.dtype != grid.dtype:
        raise TypeMismatch("grid_sample", got=f"{input.dtype} and a grid of {grid.dtype}", expected="one dtype")


def _unscaled(place: Tensor, n: int, align_corners: bool) -> Tensor:
    """-1 to 1 -> 0 to n - 1, the middles of the pixels"""
    return (place + 1) * ((n - 1) / 2) if align_corners else ((place + 1) * n - 1) * 0.5


def _taps(place: Tensor, n: int, mode: str, padding: str, align_corners: bool) -> list[tuple[Tensor, Tensor]]:
    """What is looked at along one axis: [(the pixel, how much it counts)], both shaped as the grid"""
    if mode == "bicubic":
        low = place.detach().floor()
        distance = place - low
        return [(_inside(low + tap, n, padding, align_corners).round(), _keys(distance, tap)) for tap in (-1, 0, 1, 2)]
    place = _inside(place, n, padding, align_corners)
    if mode == "nearest":
        return [(place.detach().round(), place * 0 + 1)]
    low = place.detach().floor()
    return [(low, low + 1 - place), (low + 1, place - low)]


def _keys(t: Tensor, tap: int) -> Tensor:
    """What the pixel `tap` steps after the one under a place counts, `t` the distance from that: Keys, a = -0.75."""
    x = {-1: t + 1, 0: t, 1: 1 - t, 2: 2 - t}[tap]
    if tap in (0, 1):
        return (1.25 * x - 2.25) * x * x + 1
    return ((-0.75 * x + 3.75) * x - 6) * x + 3


def _inside(place: Tensor, n: int, padding: str, align_corners: bool) -> Tensor:
    """A place outside as the border or the mirror has it; it does not move with a place that is clipped."""
    if padding == "zeros":
        return place
    if padding == "reflection":
        place = _mirrored(place, 0, 2 * (n - 1)) if align_corners else _mirrored(place, -1, 2 * n - 1)
    free = (place.detach() > 0).logical_and(place.detach() < n - 1)
    return where(free, place, place.detach().clamp(0, n - 1))


def _mirrored(place: Tensor, low: int, high: int) -> Tensor:
    """Mirrored between two ends, each given twice as large."""
    if low == high:
        return place * 0
    span, begin = (high - low) / 2, low / 2
    away = (place - begin).abs()
    turns = (away.detach() / span).floor()
    rest = away - turns * span
    return where(turns % 2 == 0, rest + begin, span - rest + begin)


def _tap(input: Tensor, chosen: tuple[tuple[Tensor, Tensor], ...], sizes: tuple[int, ...]) -> Tensor:
    """One pixel for each place, times what it counts; nothing where it lies outside."""
    n, c, *_ = input.shape
    flat: Any = 0
    weight, inside = None, None
    for (pixel, share), size in zip(chosen, sizes):
        within = (pixel >= 0).logical_and(pixel <= size - 1)
        inside = within if inside is None else inside.logical_and(within)
        weight = share if weight is None else weight * share
        flat = flat * size + where(within, pixel, 0.0).long()
    out = flat.shape[1:]
    index = flat.reshape(n, 1, prod(out)).expand(n, c, prod(out))
    seen = input.reshape(n, c, prod(sizes)).gather(2, index).reshape(n, c, *out)
    return seen * where(inside, weight, 0.0).unsqueeze(1)
