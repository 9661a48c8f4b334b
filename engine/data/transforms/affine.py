"""Images turned, moved, enlarged and sheared, with their boxes and masks."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from engine.data.transforms.base import Drawn, Stream, Transform, interval
from engine.data.transforms.sampling import (
    affine_matrices,
    warp,
)
from engine.describe import Choice, Hidden, Start, transform
from engine.errors import OptionError


class Affine(Transform):
    """What turns, moves, enlarges and shears share: matrices (N, 2, 3) drawn, pixels fetched, corners carried along."""

    moves = True
    interpolation: str
    fill: float

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        if nearest:
            return warp(images, drawn["matrix"], "nearest", 0)
        return warp(images, drawn["matrix"], self.interpolation, self.fill)

    def _box(self, boxes: np.ndarray, drawn: Drawn, size: tuple[int, int]) -> np.ndarray:
        middle = np.array([size[1] / 2, size[0] / 2])
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2).astype(np.float64)
        matrix = drawn["matrix"][0]
        moved = (corners - middle - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T + middle
        return np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1).round(6).astype(boxes.dtype)


@transform("Rotate", synonyms=("turn",))
class RandomRotation(Affine):
    """The image turned about its middle, counter-clockwise.

    Args:
        degrees: the largest turn to both sides, or the least and the largest angle.
        interpolation: how pixels are taken; masks always the nearest.
        center: the place (x, y) in pixels that stays; None for the middle.
        fill: the value of what was not in the image.
        generator: what is drawn from.

    >>> RandomRotation((90, 90))(np.array([[[1, 2], [3, 4]]])).tolist()
    [[[2, 4], [1, 3]]]
    """

    def __init__(
        self,
        degrees: Annotated[tuple[float, ...], Start((15.0,))],
        interpolation: Annotated[str, Choice(("nearest", "bilinear"))] = "nearest",
        center: Annotated[tuple[float, float] | None, Hidden()] = None,
        fill: float = 0.0,
        *,
        generator: Stream = None,
    ):
        self.degrees = interval(degrees, "RandomRotation")
        self.interpolation, self.center, self.fill, self.generator = interpolation, center, fill, generator

    def _draw(self, count: int, size: tuple[int, int]) -> Drawn:
        angle = self._stream.uniform(*self.degrees, count)
        centre = (0, 0) if self.center is None else (self.center[0] - size[1] / 2, self.center[1] - size[0] / 2)
        return {"matrix": affine_matrices(-angle, np.zeros((count, 2)), np.ones(count), np.zeros((count, 2)), centre)}


@transform("Move and turn", synonyms=("affine", "shear", "translate", "scale", "enlarge"))
class RandomAffine(Affine):
    """The image turned clockwise, moved, enlarged and sheared, straight lines staying straight.

    Args:
        degrees: the largest turn to both sides, or the least and the largest angle.
        translate: the largest move, in widths and heights; None for none.
        scale: the least and the largest factor; None for none.
        shear: the largest shear along x in degrees, its least and largest, or those along x and along y; None for none.
        interpolation: how pixels are taken; masks always the nearest.
        fill: the value of what was not in the image.
        generator: what is drawn from.

    >>> RandomAffine(10, translate=(0.1, 0.1), scale=(0.9, 1.1))(np.zeros((4, 3, 8, 8))).shape
    (4, 3, 8, 8)
    """

    def __init__(
        self,
        degrees: Annotated[tuple[float, ...], Start((10.0,))],
        translate: tuple[float, float] | None = None,
        scale: tuple[float, float] | None = None,
        shear: tuple[float, ...] | None = None,
        interpolation: Annotated[str, Choice(("nearest", "bilinear"))] = "nearest",
        fill: float = 0.0,
        *,
        generator: Stream = None,
    ):
        self.degrees = interval(degrees, "RandomAffine")
        if translate is not None and not all(0 <= share <= 1 for share in translate):
            raise OptionError("RandomAffine", got=f"translate is {translate}", expected="two shares from 0 to 1")
        if scale is not None and min(scale) <= 0:
            raise OptionError("RandomAffine", got=f"scale is {scale}", expected="two positive factors")
        self.translate, self.scale, self.shear = translate, scale, shear
        self.interpolation, self.fill, self.generator = interpolation, fill, generator

    def _draw(self, count: int, size: tuple[int, int]) -> Drawn:
        stream = self._stream
        angle = stream.uniform(*self.degrees, count)
        move, factor, shear = np.zeros((count, 2)), np.ones(count), np.zeros((count, 2))
        if self.translate is not None:
            most = np.array(self.translate) * (size[1], size[0])
            move = np.rint(stream.uniform(-most, most, (count, 2)))
        if self.scale is not None:
            factor = stream.uniform(*self.scale, count)
        if self.shear is not None:
            least, largest = self._shears()
            shear = stream.uniform(least, largest, (count, 2))
        return {"matrix": affine_matrices(angle, move, factor, shear)}

    def _shears(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """-> the least shears along x and y, the largest."""
        if not isinstance(self.shear, int | float) and len(self.shear) == 4:
            return (self.shear[0], self.shear[2]), (self.shear[1], self.shear[3])
        least, largest = interval(self.shear, "RandomAffine")
        return (least, 0.0), (largest, 0.0)
