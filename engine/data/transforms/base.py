"""What every transform of images shares: it takes a sample or a batch; boxes and masks move along with the image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np

from engine.describe import Hidden, Range
from engine.errors import DataError, OptionError
from engine.random import Generator, default_generator
from engine.tensor import Tensor
from engine.tensor.creation import from_numpy
from engine.wording import counted

Probability = Annotated[float, Range(0.0, 1.0)]
Stream = Annotated[Generator | None, Hidden()]
TRIES = 10  # at a region of the wanted area and shape, before the middle is taken

Drawn = dict[str, np.ndarray]
"""What a transform drew for each image, (N, ...) by name."""


@dataclass(frozen=True)
class Fields:
    """Images (N, C, H, W) and, for each, its boxes (K, 4), their labels (K) and masks (K, H, W) by name."""

    images: np.ndarray
    boxes: list[np.ndarray] | None = None
    labels: list[np.ndarray] | None = None
    masks: dict[str, list[np.ndarray]] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.images.shape[-2], self.images.shape[-1]

    def some(self, chosen: np.ndarray) -> Fields:
        """Those images with what belongs to them."""

        def of(values: list[np.ndarray]) -> list[np.ndarray]:
            return [values[n] for n in chosen]

        return Fields(
            self.images[chosen],
            None if self.boxes is None else of(self.boxes),
            None if self.labels is None else of(self.labels),
            {name: of(values) for name, values in self.masks.items()},
        )

    def with_some(self, chosen: np.ndarray, others: Fields) -> Fields:
        """The same with `others` in the places of `chosen`."""
        if others.images.shape[1:] != self.images.shape[1:]:
            raise OptionError(
                "transforms",
                got=f"some images of a batch become {others.images.shape[1:]}, others stay {self.images.shape[1:]}",
                expected="one shape for all",
                mend="transform sample by sample",
            )
        images = self.images.astype(np.result_type(self.images, others.images))
        images[chosen] = others.images

        def of(old: list[np.ndarray], new: list[np.ndarray]) -> list[np.ndarray]:
            instead = dict(zip(chosen.tolist(), new, strict=True))
            return [instead.get(n, values) for n, values in enumerate(old)]

        return Fields(
            images,
            None if self.boxes is None else of(self.boxes, others.boxes),
            None if self.labels is None else of(self.labels, others.labels),
            {name: of(values, others.masks[name]) for name, values in self.masks.items()},
        )


def read_fields(sample: Mapping[str, Any]) -> tuple[Fields, bool]:
    """-> the fields of a sample or batch, and whether it is a batch.

    Raises:
        DataError: there is no image, or boxes or masks are not of its size and number.
    """
    if "image" not in sample:
        raise DataError("transforms", got=f"a sample of {', '.join(sample)}", expected='an "image" among them')
    images = _plain(sample["image"])
    if images.ndim not in (3, 4):
        raise DataError("transforms", got=f"an image of shape {images.shape}", expected="(C, H, W), or (N, C, H, W)")
    is_batch = images.ndim == 4
    images = images if is_batch else images[None]
    parts = {
        name: [_plain(each) for each in (sample[name] if is_batch else [sample[name]])]
        for name in ("boxes", "labels", "masks", "mask") if name in sample
    }  # fmt: skip
    for name, values in parts.items():
        if len(values) != len(images):
            raise DataError(
                "transforms", got=f"{name} of {counted(len(values), 'sample')}", expected=f"of {len(images)}"
            )
    masks = {name: [_mask(mask, images.shape[-2:], name) for mask in parts[name]]
             for name in ("masks", "mask") if name in parts}  # fmt: skip
    boxes = [_boxes(each) for each in parts["boxes"]] if "boxes" in parts else None
    return Fields(images, boxes, parts.get("labels"), masks), is_batch


def _plain(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def _mask(mask: np.ndarray, size: tuple[int, ...], name: str) -> np.ndarray:
    mask = mask[None] if name == "mask" and mask.ndim == 2 else mask
    if mask.ndim != 3 or mask.shape[1:] != size:
        raise DataError("transforms", got=f"{name} of shape {mask.shape} for an image of {size}",
                        expected=f"(K, {size[0]}, {size[1]})")  # fmt: skip
    return mask


def _boxes(boxes: np.ndarray) -> np.ndarray:
    if boxes.size == 0:
        return np.zeros((0, 4), dtype=np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DataError("transforms", got=f"boxes of shape {boxes.shape}", expected="(K, 4): left, top, right, bottom")
    return boxes.astype(np.float32 if boxes.dtype.kind != "f" else boxes.dtype)


def write_fields(fields: Fields, sample: Mapping[str, Any], is_batch: bool) -> dict[str, Any]:
    """The sample with these fields, each as it came: tensors again, a single sample without N."""
    parts: dict[str, Any] = {"boxes": fields.boxes, "labels": fields.labels, **fields.masks}
    back = dict(sample)
    back["image"] = _as_came(fields.images if is_batch else fields.images[0], sample["image"])
    for name, values in parts.items():
        if values is None or name not in sample:
            continue
        before = sample[name] if is_batch else [sample[name]]
        if name == "mask":
            values = [v[0] if np.ndim(_plain(b)) == 2 else v for v, b in zip(values, before, strict=True)]
        made = [_as_came(value, old) for value, old in zip(values, before, strict=True)]
        if not is_batch:
            back[name] = made[0]
        elif isinstance(sample[name], Tensor | np.ndarray) and len({value.shape for value in values}) == 1:
            back[name] = _as_came(np.stack(values), sample[name])
        else:
            back[name] = made
    return back


def _as_came(values: np.ndarray, before: Any) -> Any:
    values = np.ascontiguousarray(values)
    return from_numpy(values) if isinstance(before, Tensor) else values


def chain(transforms: Sequence[Transform], fields: Fields) -> Fields:
    """One after the other."""
    for transform in transforms:
        fields = transform.apply(fields)
    return fields


class Transform:
    """A change of images, and of the boxes, labels and masks that belong to them.

    Called with an image (C, H, W) or a batch (N, C, H, W), array or tensor, it answers one; called with a dict, it
    takes what stands there under "image", "boxes" ((K, 4): left, top, right, bottom, in pixels), "labels" (K), "masks"
    (K, H, W) and "mask" (H, W), and leaves the rest alone. In a batch every image is drawn for by itself; what
    belongs to the images is a list there, or an array. Float images go from 0 to 1, uint8 from 0 to 255.

    Args:
        generator: `engine.Generator` that is drawn from; the default stream where it is None, which a `DataLoader`
            seeds for each batch, so that a pass that is taken up again draws the same.

    A transform of your own says what becomes of the pixels (`_pixels`) and, where it moves them, of a box (`_box`):

    >>> class Upside(Transform):
    ...     moves = True
    ...     def _pixels(self, images, drawn, nearest):
    ...         return images[..., ::-1, :]
    ...     def _box(self, boxes, drawn, size):
    ...         return np.stack([boxes[:, 0], size[0] - boxes[:, 3], boxes[:, 2], size[0] - boxes[:, 1]], axis=1)
    >>> sample = {"image": np.arange(4).reshape(1, 2, 2), "boxes": [[0, 0, 2, 1]]}
    >>> moved = Upside()(sample)
    >>> moved["image"].tolist(), moved["boxes"].tolist()
    ([[[2, 3], [0, 1]]], [[0.0, 1.0, 2.0, 2.0]])
    """

    moves = False  # whether boxes and masks go along
    p = 1.0  # the chance that an image is transformed
    generator: Generator | None = None

    def __call__(self, sample: Any) -> Any:
        if not isinstance(sample, Mapping):
            return self({"image": sample})["image"]
        fields, is_batch = read_fields(sample)
        return write_fields(self.apply(fields), sample, is_batch)

    def apply(self, fields: Fields) -> Fields:
        """The same on fields that are read already."""
        if self.p >= 1:
            return self._all(fields)
        chosen = np.flatnonzero(self._stream.random(len(fields.images)) < self.p)
        if len(chosen) == 0:
            return fields
        if len(chosen) == len(fields.images):
            return self._all(fields)
        return fields.with_some(chosen, self._all(fields.some(chosen)))

    @property
    def _stream(self) -> np.random.Generator:
        return (self.generator or default_generator).numpy

    def _all(self, fields: Fields) -> Fields:
        count, size = len(fields.images), fields.size
        drawn = self._draw(count, size)
        images = self._pixels(fields.images, drawn, False)
        if not self.moves:
            return replace(fields, images=images)
        each = [{name: values[n : n + 1] for name, values in drawn.items()} for n in range(count)]
        masks = {
            name: [self._pixels(mask[None], own, True)[0] for mask, own in zip(values, each, strict=True)]
            for name, values in fields.masks.items()
        }
        boxes = fields.boxes
        if boxes is not None:
            moved = [self._box(box, own, size) for box, own in zip(boxes, each, strict=True)]
            boxes = [clamp(box, images.shape[-2:]) for box in moved]
        return replace(fields, images=images, boxes=boxes, masks=masks)

    def _draw(self, count: int, size: tuple[int, int]) -> Drawn:
        """What is random about `count` images of `size` (height, width)."""
        return {}

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        """(N, C, H, W) -> (N, C, H', W'); masks come with `nearest`, and may only be moved."""
        raise NotImplementedError(f"{type(self).__name__} must define _pixels")

    def _box(self, boxes: np.ndarray, drawn: Drawn, size: tuple[int, int]) -> np.ndarray:
        """(K, 4) of an image of `size` (height, width), moved as `drawn`, which is this image's own, says."""
        raise NotImplementedError(f"{type(self).__name__} must define _box")

    def __repr__(self) -> str:
        own = {name: value for name, value in vars(self).items() if name != "generator" and not name.startswith("_")}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in own.items())})"


class RegionTransform(Transform):
    """What is about a part of each image, of a random share of its area and random proportions."""

    scale: tuple[float, float]
    ratio: tuple[float, float]

    def _draw(self, count: int, size: tuple[int, int]) -> Drawn:
        return {"region": np.array([self._region(*size) for _ in range(count)]).reshape(count, 4)}

    def _region(self, height: int, width: int) -> tuple[int, int, int, int]:
        """-> top, left, height and width of the part."""
        raise NotImplementedError(f"{type(self).__name__} must define _region")

    def _sides(self, height: int, width: int) -> Iterator[tuple[int, int]]:
        """Several times the sides of such a part; the first over the second is the ratio."""
        for _ in range(TRIES):
            area = height * width * self._stream.uniform(*self.scale)
            ratio = math.exp(self._stream.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            yield round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))

    def _placed(self, height: int, width: int, h: int, w: int) -> tuple[int, int, int, int]:
        """A part of this height and width at a random place."""
        stream = self._stream
        return int(stream.integers(0, height - h + 1)), int(stream.integers(0, width - w + 1)), h, w


def clamp(boxes: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Boxes (K, 4) cut off at the borders of an image of `size` (height, width).

    >>> clamp(np.array([[-1.0, 2.0, 3.0, 9.0]]), (4, 5)).tolist()
    [[0.0, 2.0, 3.0, 4.0]]
    """
    height, width = size
    return np.clip(boxes, 0, np.array([width, height, width, height], dtype=boxes.dtype))


def chance(p: float, where: str) -> float:
    """`p`, where it is a probability.

    Raises:
        OptionError: it is none.
    """
    if not 0 <= p <= 1:
        raise OptionError(where, got=f"p is {p}", expected="a probability from 0 to 1")
    return float(p)


def pair(value: int | Sequence[int], where: str) -> tuple[int, int]:
    """Height and width from one number or two.

    Raises:
        OptionError: they are none, or not positive.
    """
    sides = (value, value) if isinstance(value, int | np.integer) else tuple(value)
    if len(sides) == 1:
        sides *= 2
    if len(sides) != 2 or not all(isinstance(side, int | np.integer) and side > 0 for side in sides):
        raise OptionError(where, got=f"the size {value!r} came", expected="height and width in pixels, both positive")
    return int(sides[0]), int(sides[1])


def interval(value: float | Sequence[float], where: str, about: float = 0.0) -> tuple[float, float]:
    """From a least to a largest value: given, or as far to both sides of `about`.

    Raises:
        OptionError: the ends are the wrong way round.
    """
    ends = (about - value, about + value) if isinstance(value, int | float) else tuple(value)
    if len(ends) == 1:
        ends = (about - ends[0], about + ends[0])
    if len(ends) != 2 or ends[0] > ends[1]:
        raise OptionError(where, got=f"{value!r} came", expected="a number not below 0, or the least and the largest")
    return float(ends[0]), float(ends[1])
