"""Pixels taken from elsewhere: resizing, warping, cropping and padding of arrays (..., H, W), whole batches at once."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from engine.errors import OptionError

Interpolation = Literal["nearest", "bilinear", "bicubic"]
PaddingMode = Literal["constant", "edge", "reflect", "symmetric"]
WARPED_VALUES = 2**22  # of a batch that are warped in one go: four neighbours and their weights lie in memory beside


def as_dtype(values: np.ndarray, dtype: Any) -> np.ndarray:
    """Computed values in the images' own dtype: whole numbers are rounded and kept within it."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(values), limits.min, limits.max)
    return values.astype(dtype, copy=False)


def computing_dtype(images: np.ndarray) -> np.dtype:
    """What is computed in: float64 for float64, else float32."""
    return np.dtype(np.float64 if images.dtype == np.float64 else np.float32)


def resize(
    images: np.ndarray, size: tuple[int, int], interpolation: Interpolation = "bilinear", antialias: bool = True
) -> np.ndarray:
    """Images in another size; each axis is one product with a matrix of weights.

    Args:
        images: (..., H, W).
        size: (height, width) in pixels.
        interpolation: "nearest" takes values that are there, as masks need it.
        antialias: whether shrinking looks at all the pixels that a new one covers.

    >>> resize(np.array([[0.0, 4.0]]), (1, 4)).tolist()
    [[0.0, 1.0, 3.0, 4.0]]
    """
    height, width = size
    if images.shape[-2:] == (height, width):
        return images
    if interpolation == "nearest":
        rows = np.arange(height) * images.shape[-2] // height
        columns = np.arange(width) * images.shape[-1] // width
        return images[..., rows[:, None], columns]
    dtype = computing_dtype(images)
    down = _weights(images.shape[-2], height, interpolation, antialias).astype(dtype)
    across = _weights(images.shape[-1], width, interpolation, antialias).astype(dtype)
    return as_dtype(down @ images.astype(dtype, copy=False) @ across.T, images.dtype)


def _weights(old: int, new: int, interpolation: Interpolation, antialias: bool) -> np.ndarray:
    """(new, old): how much each old pixel says of each new one."""
    ratio = old / new
    stretch = max(ratio, 1.0) if antialias else 1.0
    centres = (np.arange(new) + 0.5) * ratio - 0.5
    if antialias:
        weights = _kernel(interpolation, (np.arange(old) - centres[:, None]) / stretch, -0.5)
        return weights / weights.sum(axis=1, keepdims=True)
    if interpolation == "bilinear":
        centres = np.clip(centres, 0, old - 1)
    weights = np.zeros((new, old))
    for tap in range(-1, 3):
        place = np.floor(centres) + tap
        share = _kernel(interpolation, place - centres, -0.75)
        np.add.at(weights, (np.arange(new), np.clip(place, 0, old - 1).astype(int)), share)
    return weights


def _kernel(interpolation: Interpolation, distance: np.ndarray, a: float) -> np.ndarray:
    """The tent, or the cubic convolution of Keys (1981) with its free number `a`."""
    x = np.abs(distance)
    if interpolation == "bilinear":
        return np.maximum(1 - x, 0)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def crop(images: np.ndarray, top: np.ndarray, left: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N, ..., H, W) -> (N, ..., height, width), each cut out at a place of its own.

    >>> crop(np.arange(18).reshape(2, 3, 3), np.array([0, 1]), np.array([1, 0]), (1, 2)).tolist()
    [[[1, 2]], [[12, 13]]]
    """
    height, width = size
    if height > images.shape[-2] or width > images.shape[-1]:
        raise OptionError("crop", got=f"a crop of {size} from {images.shape[-2:]}", expected="a smaller one")
    out = np.empty((*images.shape[:-2], height, width), dtype=images.dtype)
    for n in range(len(images)):
        out[n] = images[n, ..., top[n] : top[n] + height, left[n] : left[n] + width]
    return out


def pad(images: np.ndarray, sides: tuple[int, int, int, int], fill: float = 0, mode: PaddingMode = "constant") -> Any:
    """(..., H, W) with `sides` (left, top, right, bottom) more pixels.

    >>> pad(np.ones((1, 1)), (1, 0, 2, 0)).tolist()
    [[0.0, 1.0, 0.0, 0.0]]
    """
    left, top, right, bottom = sides
    widths = [(0, 0)] * (images.ndim - 2) + [(top, bottom), (left, right)]
    return np.pad(images, widths, mode=mode, **({"constant_values": fill} if mode == "constant" else {}))


def affine_matrices(
    angle: np.ndarray, translate: np.ndarray, scale: np.ndarray, shear: np.ndarray, centre: tuple[float, float] = (0, 0)
) -> np.ndarray:
    """(N, 2, 3): where in the old image, counted from its middle, lies what a place of the new one shows.

    Turned clockwise by `angle` (N), sheared by `shear` (N, 2), both in degrees, then enlarged by `scale` (N) about
    `centre` (x, y) and moved by `translate` (N, 2) in pixels.

    >>> affine_matrices(np.zeros(1), np.array([[2.0, 0.0]]), np.ones(1), np.zeros((1, 2))).tolist()
    [[[1.0, 0.0, -2.0], [0.0, 1.0, 0.0]]]
    """
    turn, (sx, sy) = np.radians(angle), np.radians(shear).T
    a = np.cos(turn - sy) / np.cos(sy)
    b = -np.cos(turn - sy) * np.tan(sx) / np.cos(sy) - np.sin(turn)
    c = np.sin(turn - sy) / np.cos(sy)
    d = -np.sin(turn - sy) * np.tan(sx) / np.cos(sy) + np.cos(turn)
    linear = np.stack([d, -b, -c, a], axis=-1).reshape(-1, 2, 2) / np.asarray(scale)[:, None, None]
    middle = np.asarray(centre, dtype=np.float64)
    offset = middle - np.einsum("nij,nj->ni", linear, translate + middle)
    return np.concatenate([linear, offset[:, :, None]], axis=2) + 0.0


def warp(images: np.ndarray, matrices: np.ndarray, interpolation: Interpolation = "nearest", fill: float = 0) -> Any:
    """(N, C, H, W) as `matrices` (N, 2, 3) of `affine_matrices` say; what lies outside is `fill`.

    >>> half_turn = affine_matrices(np.array([180.0]), np.zeros((1, 2)), np.ones(1), np.zeros((1, 2)))
    >>> warp(np.arange(4.0).reshape(1, 1, 2, 2), half_turn).tolist()
    [[[[3.0, 2.0], [1.0, 0.0]]]]
    """
    if interpolation == "bicubic":
        raise OptionError("interpolation", got="'bicubic' came", expected="'nearest' or 'bilinear' for a warp")
    together = max(1, WARPED_VALUES // max(1, images[0].size)) if len(images) else 1
    parts = [slice(start, start + together) for start in range(0, len(images), together)]
    warped = [_warp_part(images[part], matrices[part], interpolation, fill) for part in parts]
    return np.concatenate(warped) if warped else images


def _warp_part(images: np.ndarray, matrices: np.ndarray, interpolation: Interpolation, fill: float) -> np.ndarray:
    height, width = images.shape[-2:]
    x = np.arange(width) - (width - 1) / 2
    y = np.arange(height) - (height - 1) / 2
    m = matrices[:, :, :, None, None]
    places = m[:, :, 0] * x + m[:, :, 1] * y[:, None] + m[:, :, 2]  # (N, 2, H, W), x before y
    columns, rows = places[:, 0] + (width - 1) / 2, places[:, 1] + (height - 1) / 2
    columns, rows = np.round(columns, 6), np.round(rows, 6)  # a quarter turn meets pixels, not their borders
    if interpolation == "nearest":
        values, there = _pick(images, np.rint(rows).astype(int), np.rint(columns).astype(int))
        return np.where(there, values, np.asarray(fill, dtype=images.dtype))
    dtype = computing_dtype(images)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, across = (rows - top).astype(dtype)[:, None], (columns - left).astype(dtype)[:, None]
    out = np.zeros(images.shape, dtype=dtype)
    for row, vertical in ((top, 1 - down), (top + 1, down)):
        for column, horizontal in ((left, 1 - across), (left + 1, across)):
            values, there = _pick(images, row, column)
            out += np.where(there, values, dtype.type(fill)) * (vertical * horizontal)
    return as_dtype(out, images.dtype)


def _pick(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (N, C, H, W) at rows and columns (N, H, W), and where (N, 1, H, W) those lie inside."""
    height, width = images.shape[-2:]
    there = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    flat = np.clip(rows, 0, height - 1) * width + np.clip(columns, 0, width - 1)
    n, channels = images.shape[:2]
    values = np.take_along_axis(images.reshape(n, channels, height * width), flat.reshape(n, 1, -1), axis=2)
    return values.reshape(n, channels, *rows.shape[1:]), there[:, None]
