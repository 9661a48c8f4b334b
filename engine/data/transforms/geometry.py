"""Images resized, padded, cropped and flipped, with their boxes and masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np

from engine.data.transforms.base import Drawn, Probability, RegionTransform, Stream, Transform, chance, interval, pair
from engine.data.transforms.sampling import (
    Interpolation,
    PaddingMode,
    crop,
    pad,
    resize,
)
from engine.describe import Choice, Start, transform
from engine.errors import OptionError

MOST_PADDED = 4096  # pixels at a side: a project that somebody sent may ask for any number


class Resize(Transform):
    """Another size; masks by the nearest pixel.

    Args:
        size: height and width in pixels, or one number for the shorter side, which keeps the proportions.
        interpolation: "nearest", "bilinear" or "bicubic".
        antialias: whether shrinking looks at all the pixels that a new one covers.

    >>> Resize(2)(np.zeros((3, 4, 8))).shape, Resize((2, 2))(np.zeros((3, 4, 8))).shape
    ((3, 2, 4), (3, 2, 2))
    """

    moves = True

    def __init__(self, size: int | Sequence[int], interpolation: Interpolation = "bilinear", antialias: bool = True):
        pair(size, "Resize")
        self.size, self.interpolation, self.antialias = size, interpolation, antialias

    def _wanted(self, size: tuple[int, ...]) -> tuple[int, int]:
        if not isinstance(self.size, int | np.integer) and len(self.size) == 2:
            return pair(self.size, "Resize")
        shorter, (height, width) = pair(self.size, "Resize")[0], size
        if height <= width:
            return shorter, int(shorter * width / height)
        return int(shorter * height / width), shorter

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        how = "nearest" if nearest else self.interpolation
        return resize(images, self._wanted(images.shape[-2:]), how, self.antialias)

    def _box(self, boxes: np.ndarray, drawn: Drawn, size: tuple[int, int]) -> np.ndarray:
        height, width = self._wanted(size)
        ratio = np.array([width / size[1], height / size[0]] * 2)
        return (boxes * ratio).astype(boxes.dtype)


class Pad(Transform):
    """More pixels at the sides.

    Args:
        padding: pixels at every side, or (left and right, top and bottom), or (left, top, right, bottom).
        fill: their value, in "constant".
        padding_mode: "constant", "edge", "reflect" or "symmetric".

    >>> Pad((1, 0))(np.ones((1, 1, 1))).tolist()
    [[[0.0, 1.0, 0.0]]]
    """

    moves = True

    def __init__(self, padding: int | Sequence[int], fill: float = 0, padding_mode: PaddingMode = "constant"):
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode
        self._sides = sides(padding, "Pad")

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        return pad(images, self._sides, 0 if nearest else self.fill, self.padding_mode)

    def _box(self, boxes: np.ndarray, drawn: Drawn, size: tuple[int, int]) -> np.ndarray:
        return boxes + np.array(self._sides[:2] * 2, dtype=boxes.dtype)


def sides(padding: int | Sequence[int], where: str) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of one, two or four numbers.

    Raises:
        OptionError: they are others.
    """
    values = [padding] if isinstance(padding, int | np.integer) else list(padding)
    if len(values) not in (1, 2, 4) or not all(0 <= value <= MOST_PADDED for value in values):
        expected = f"1, 2 or 4 numbers of pixels from 0 to {MOST_PADDED}"
        raise OptionError(where, got=f"the padding {padding!r} came", expected=expected)
    left, top, right, bottom = (values * 4)[:4]
    return int(left), int(top), int(right), int(bottom)


class CenterCrop(Transform):
    """The middle of the image; one that is too small is padded with 0.

    Args:
        size: height and width in pixels, or one number for a square.

    >>> CenterCrop(1)(np.arange(9).reshape(1, 3, 3)).tolist()
    [[[4]]]
    """

    moves = True

    def __init__(self, size: int | Sequence[int]):
        self.size = pair(size, "CenterCrop")

    def _cut(self, size: tuple[int, ...]) -> tuple[tuple[int, int, int, int], int, int]:
        """-> the padding that is missing, then top and left of the crop."""
        lack = [max(wanted - there, 0) for wanted, there in zip(self.size, size, strict=True)]
        around = (lack[1] // 2, lack[0] // 2, lack[1] - lack[1] // 2, lack[0] - lack[0] // 2)
        top, left = (round((there + more - wanted) / 2) for wanted, there, more in zip(self.size, size, lack))
        return around, top, left

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        around, top, left = self._cut(images.shape[-2:])
        padded = pad(images, around) if any(around) else images
        return padded[..., top : top + self.size[0], left : left + self.size[1]]

    def _box(self, boxes: np.ndarray, drawn: Drawn, size: tuple[int, int]) -> np.ndarray:
        around, top, left = self._cut(size)
        return boxes + np.array([around[0] - left, around[1] - top] * 2, dtype=boxes.dtype)


@transform("Random crop", synonyms=("shift", "padding"))
class RandomCrop(Transform):
    """A part of the image at a random place.

    With a padding and the image's own size it shifts what is seen.

    Args:
        size: height and width in pixels; None keeps the image's own.
        padding: pixels added around first, None for none: one number, (left and right, top and bottom), or four.
        fill: the value of added pixels.
        padding_mode: what is added: "constant" for the fill, or what the image holds at its edge.
        generator: what is drawn from.

    >>> RandomCrop(2, padding=1)(np.ones((5, 3, 8, 8))).shape
    (5, 3, 2, 2)
    """

    moves = True

    def __init__(
        self,
        size: tuple[int, int] | None = None,
        padding: Annotated[tuple[int, ...] | None, Start((4,))] = None,
        fill: float = 0.0,
        padding_mode: Annotated[str, Choice(("constant", "edge", "reflect", "symmetric"))] = "constant",
        *,
        generator: Stream = None,
    ):
        self.size = None if size is None else pair(size, "RandomCrop")
        self.padding, self.fill, self.padding_mode, self.generator = padding, fill, padding_mode, generator
        self._sides = sides(padding or 0, "RandomCrop")

    def _draw(self, count: int, size: tuple[int, int]) -> Drawn:
        left, top, right, bottom = self._sides
        wanted = self.size or size
        room = (size[0] + top + bottom - wanted[0], size[1] + left + right - wanted[1])
        if min(room) < 0:
            raise OptionError("RandomCrop", got=f"the image with its padding is smaller than the crop of {wanted}",
                              expected="a smaller crop or more padding")  # fmt: skip
        draw = self._stream.integers
        return {"top": draw(0, room[0] + 1, count), "left": draw(0, room[1] + 1, count)}

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        padded = (
            pad(images, self._sides, 0 if nearest else self.fill, self.padding_mode) if any(self._sides) else images
        )
        return crop(padded, drawn["top"], drawn["left"], self.size or images.shape[-2:])

    def _box(self, boxes: np.ndarray, drawn: Drawn, size: tuple[int, int]) -> np.ndarray:
        x, y = self._sides[0] - drawn["left"][0], self._sides[1] - drawn["top"][0]
        return boxes + np.array([x, y] * 2, dtype=boxes.dtype)


@transform("Crop and enlarge", synonyms=("zoom",))
class RandomResizedCrop(RegionTransform):
    """A part of random area and proportions, brought to one size (Szegedy et al. 2015).

    Args:
        size: height and width in pixels of what comes out; None keeps the image's own.
        scale: the least and the largest share of the image's area.
        ratio: the least and the largest width in heights.
        interpolation: how the part is resized; masks are always taken by the nearest pixel.
        antialias: whether shrinking looks at all the pixels that a new one covers.
        generator: what is drawn from.

    >>> RandomResizedCrop((4, 4))(np.zeros((2, 1, 9, 7))).shape
    (2, 1, 4, 4)
    """

    moves = True

    def __init__(
        self,
        size: tuple[int, int] | None = None,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        interpolation: Annotated[str, Choice(("nearest", "bilinear", "bicubic"))] = "bilinear",
        antialias: bool = True,
        *,
        generator: Stream = None,
    ):
        self.size = None if size is None else pair(size, "RandomResizedCrop")
        self.scale, self.ratio = interval(scale, "RandomResizedCrop"), interval(ratio, "RandomResizedCrop")
        if self.scale[0] < 0 or self.ratio[0] <= 0:
            raise OptionError(
                "RandomResizedCrop", got=f"scale {scale} and ratio {ratio} came", expected="positive ones"
            )
        self.interpolation, self.antialias, self.generator = interpolation, antialias, generator

    def _region(self, height: int, width: int) -> tuple[int, int, int, int]:
        """-> top, left, height and width of the part."""
        for w, h in self._sides(height, width):
            if 0 < w <= width and 0 < h <= height:
                return self._placed(height, width, h, w)
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        h, w = min(height, max(1, round(width / ratio))), min(width, max(1, round(height * ratio)))
        return (height - h) // 2, (width - w) // 2, h, w

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        how = "nearest" if nearest else self.interpolation
        wanted = self.size or images.shape[-2:]
        parts = [image[:, top : top + h, left : left + w]
                 for image, (top, left, h, w) in zip(images, drawn["region"], strict=True)]  # fmt: skip
        resized = [resize(part, wanted, how, self.antialias) for part in parts]
        return np.stack(resized) if resized else np.zeros((0, images.shape[1], *wanted), images.dtype)

    def _box(self, boxes: np.ndarray, drawn: Drawn, size: tuple[int, int]) -> np.ndarray:
        top, left, h, w = drawn["region"][0]
        height, width = self.size or size
        moved = (boxes - np.array([left, top] * 2)) * np.array([width / w, height / h] * 2)
        return moved.astype(boxes.dtype)


@transform("Flip left and right", synonyms=("mirror", "horizontal"))
class RandomHorizontalFlip(Transform):
    """The image mirrored, left for right.

    Args:
        p: the chance that it is.
        generator: what is drawn from.

    >>> RandomHorizontalFlip(p=1.0)({"image": np.array([[[1, 2, 3]]]), "boxes": [[0, 0, 1, 1]]})["boxes"].tolist()
    [[2.0, 0.0, 3.0, 1.0]]
    """

    moves = True

    def __init__(self, p: Probability = 0.5, *, generator: Stream = None):
        self.p, self.generator = chance(p, "RandomHorizontalFlip"), generator

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        return images[..., ::-1]

    def _box(self, boxes: np.ndarray, drawn: Drawn, size: tuple[int, int]) -> np.ndarray:
        return np.stack([size[1] - boxes[:, 2], boxes[:, 1], size[1] - boxes[:, 0], boxes[:, 3]], axis=1)


@transform("Flip top and bottom", synonyms=("mirror", "vertical"))
class RandomVerticalFlip(Transform):
    """The image upside down.

    Args:
        p: the chance that it is.
        generator: what is drawn from.

    >>> RandomVerticalFlip(p=1.0)(np.array([[[1], [2]]])).tolist()
    [[[2], [1]]]
    """

    moves = True

    def __init__(self, p: Probability = 0.5, *, generator: Stream = None):
        self.p, self.generator = chance(p, "RandomVerticalFlip"), generator

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        return images[..., ::-1, :]

    def _box(self, boxes: np.ndarray, drawn: Drawn, size: tuple[int, int]) -> np.ndarray:
        return np.stack([boxes[:, 0], size[0] - boxes[:, 3], boxes[:, 2], size[0] - boxes[:, 1]], axis=1)
