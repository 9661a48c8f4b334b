"""Transforms put together, and what keeps boxes in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.data.transforms.base import Fields, Transform, chain, chance, clamp
from engine.errors import DataError, OptionError
from engine.random import Generator
from engine.wording import counted


class Compose(Transform):
    """One transform after the other.

    Args:
        transforms: in the order in which they are applied.

    >>> from engine.data.transforms import Grayscale, RandomHorizontalFlip
    >>> Compose([RandomHorizontalFlip(), Grayscale()])(np.zeros((2, 3, 4, 4))).shape
    (2, 1, 4, 4)
    """

    def __init__(self, transforms: Sequence[Transform]):
        self.transforms = list(transforms)
        for each in self.transforms:
            if not isinstance(each, Transform):
                raise OptionError(type(self).__name__, got=f"{each!r} came", expected="transforms of this package")

    def _all(self, fields: Fields) -> Fields:
        return chain(self.transforms, fields)


class RandomApply(Compose):
    """All of these transforms with a chance, or none; in a batch for every image by itself.

    Args:
        transforms: what is done.
        p: the chance that it is.
        generator: what that is drawn from.

    >>> from engine.data.transforms import Pad
    >>> RandomApply([Pad(1)], p=0.0)(np.zeros((1, 2, 2))).shape
    (1, 2, 2)
    """

    def __init__(self, transforms: Sequence[Transform], p: float = 0.5, *, generator: Generator | None = None):
        super().__init__(transforms)
        self.p, self.generator = chance(p, "RandomApply"), generator


class RandomChoice(Compose):
    """One of these transforms, drawn once for a sample or a batch.

    Args:
        transforms: what is chosen from.
        p: how probable each is, in any unit; None for all alike.
        generator: what is drawn from.

    >>> from engine.data.transforms import Pad
    >>> RandomChoice([Pad(1), Pad(2)], p=[0.0, 1.0])(np.zeros((1, 2, 2))).shape
    (1, 6, 6)
    """

    def __init__(
        self, transforms: Sequence[Transform], p: Sequence[float] | None = None, *, generator: Generator | None = None
    ):
        super().__init__(transforms)
        shares = np.ones(len(self.transforms)) if p is None else np.asarray(p, dtype=np.float64)
        if len(shares) != len(self.transforms) or not len(shares) or shares.min() < 0 or shares.sum() <= 0:
            raise OptionError("RandomChoice", got=f"p {p} for {counted(len(self.transforms), 'transform')}",
                              expected="one positive share for each")  # fmt: skip
        self._shares, self.generator = shares / shares.sum(), generator

    def _all(self, fields: Fields) -> Fields:
        return self.transforms[int(self._stream.choice(len(self.transforms), p=self._shares))].apply(fields)


class ClampBoundingBoxes(Transform):
    """Boxes cut off at the borders of the image.

    >>> sample = {"image": np.zeros((1, 4, 4)), "boxes": [[-2.0, 1.0, 3.0, 9.0]]}
    >>> ClampBoundingBoxes()(sample)["boxes"].tolist()
    [[0.0, 1.0, 3.0, 4.0]]
    """

    def _all(self, fields: Fields) -> Fields:
        return replace(fields, boxes=[clamp(box, fields.size) for box in fields.boxes or []] or None)


class SanitizeBoundingBoxes(Transform):
    """Takes out boxes that are too small or lie outside, with their labels and their masks.

    Args:
        min_size: least width and height, in pixels.
        min_area: least area, in pixels.

    Raises:
        DataError: labels are not as many as boxes.

    >>> sample = {"image": np.zeros((1, 4, 4)), "boxes": [[0, 0, 2, 2], [4, 0, 4, 3]], "labels": [7, 8]}
    >>> SanitizeBoundingBoxes()(sample)["labels"].tolist()
    [7]
    """

    def __init__(self, min_size: float = 1.0, min_area: float = 1.0):
        if min_size < 1 or min_area < 1:
            raise OptionError("SanitizeBoundingBoxes", got=f"min_size {min_size}, min_area {min_area} came",
                              expected="1 or more")  # fmt: skip
        self.min_size, self.min_area = min_size, min_area

    def _all(self, fields: Fields) -> Fields:
        if fields.boxes is None:
            raise DataError("SanitizeBoundingBoxes", got="there are no boxes", expected='some under "boxes"')
        kept = [self._keeps(box, fields.size) for box in fields.boxes]
        for labels, keeps in zip(fields.labels or [], kept, strict=False):
            if len(labels) != len(keeps):
                raise DataError(
                    "SanitizeBoundingBoxes", got=f"{counted(len(labels), 'label')}", expected=f"{len(keeps)}"
                )
        masks = {
            name: [m[k] if name == "masks" and len(m) == len(k) else m for m, k in zip(values, kept, strict=True)]
            for name, values in fields.masks.items()
        }
        boxes = [box[keeps] for box, keeps in zip(fields.boxes, kept, strict=True)]
        labels = None if fields.labels is None else [v[k] for v, k in zip(fields.labels, kept, strict=True)]
        return replace(fields, boxes=boxes, labels=labels, masks=masks)

    def _keeps(self, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
        inside = (boxes >= 0).all(axis=1) & (boxes[:, 2] <= size[1]) & (boxes[:, 3] <= size[0])
        return inside & (np.minimum(width, height) >= self.min_size) & (width * height >= self.min_area)
