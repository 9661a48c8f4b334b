"""Two images of a batch made into one, and their classes with them."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from engine.data.transforms.base import Probability, Stream, chance
from engine.describe import Hidden, Range, transform
from engine.errors import DataError, OptionError
from engine.random import default_generator
from engine.tensor import Tensor
from engine.tensor.creation import from_numpy


class Mixing:
    """What `MixUp` and `CutMix` share: called with images (N, C, H, W) and classes (N), they answer images and the
    probabilities (N, num_classes) that `CrossEntropyLoss` takes. Every image is mixed with the one before it.

    Args:
        alpha: of the Beta distribution that the shares are drawn from; 1 for all shares alike.
        num_classes: how many there are; None where probabilities come already.
        generator: what is drawn from.
        p: the chance that a batch is mixed.
    """

    def __init__(
        self,
        *,
        alpha: Annotated[float, Range(0.01, 100.0, log=True)] = 1.0,
        num_classes: Annotated[int | None, Hidden()] = None,
        generator: Stream = None,
        p: Probability = 1.0,
    ):
        if alpha <= 0:
            raise OptionError(type(self).__name__, got=f"alpha is {alpha}", expected="a positive number")
        self.alpha, self.num_classes, self.generator = float(alpha), num_classes, generator
        self.p = chance(p, type(self).__name__)

    def __call__(self, images: Any, labels: Any) -> tuple[Any, Any]:
        pixels, classes = _plain(images), _plain(labels)
        if pixels.ndim != 4 or len(classes) != len(pixels):
            raise DataError(type(self).__name__, got=f"images {pixels.shape} and labels {classes.shape} came",
                            expected="a batch (N, C, H, W) and N labels")  # fmt: skip
        mixed, share = self.mix(pixels)
        return _as_came(mixed, images), _as_came(blend(self._probabilities(classes), share), labels)

    def mix(self, images: np.ndarray) -> tuple[np.ndarray, float]:
        """-> images, and the share that is left of each; 1 where the batch is not mixed.

        Shape:
            images: (N, C, H, W), of floats
        """
        stream = (self.generator or default_generator).numpy
        if self.p < 1 and stream.random() >= self.p:
            return images, 1.0
        return self._mix(images, float(stream.beta(self.alpha, self.alpha)), stream)

    def _mix(self, images: np.ndarray, share: float, stream: np.random.Generator) -> tuple[np.ndarray, float]:
        """-> images, and the share that is left of each."""
        raise NotImplementedError(f"{type(self).__name__} must define _mix")

    def _probabilities(self, labels: np.ndarray) -> np.ndarray:
        if labels.ndim == 2:
            return labels
        if self.num_classes is None or labels.min() < 0 or labels.max() >= self.num_classes:
            raise DataError(type(self).__name__, got=f"labels from {labels.min()} to {labels.max()}",
                            expected=f"classes under num_classes, which is {self.num_classes}")  # fmt: skip
        return np.eye(self.num_classes, dtype=np.float32)[labels]


def blend(values: np.ndarray, share: float) -> np.ndarray:
    """What belongs to mixed images: so much of each row, the rest of the row before it; float32.

    >>> blend(np.array([[1.0, 0.0], [0.0, 1.0]]), 0.75).tolist()
    [[0.75, 0.25], [0.25, 0.75]]
    """
    return (share * values + (1 - share) * np.roll(values, 1, axis=0)).astype(np.float32)


def _plain(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def _as_came(values: np.ndarray, before: Any) -> Any:
    return from_numpy(np.ascontiguousarray(values)) if isinstance(before, Tensor) else values


@transform("Mix two images", synonyms=("mixup", "blend"))
class MixUp(Mixing):
    """share * x + (1 - share) * the image before it (Zhang et al. 2018).

    Args:
        num_classes: how many classes there are.
        alpha: share comes from the distribution Beta(alpha, alpha).
        p: the chance that a batch is mixed.

    Shape:
        images (N, C, H, W), classes (N) or probabilities (N, num_classes) -> images, probabilities (N, num_classes)

    >>> images, probabilities = MixUp(num_classes=2)(np.ones((4, 1, 2, 2), np.float32), np.array([0, 1, 0, 1]))
    >>> images.shape, bool(np.allclose(probabilities.sum(axis=1), 1))
    ((4, 1, 2, 2), True)
    """

    def _mix(self, images: np.ndarray, share: float, stream: np.random.Generator) -> tuple[np.ndarray, float]:
        if images.dtype.kind != "f":
            raise DataError("MixUp", got=f"images of {images.dtype}", expected="float images")
        return (images * share + np.roll(images, 1, axis=0) * (1 - share)).astype(images.dtype), share


@transform("Swap in a part", synonyms=("cutmix",))
class CutMix(Mixing):
    """A rectangle of the image before it, whose area is its share of the class (Yun et al. 2019).

    Args:
        num_classes: how many classes there are.
        alpha: the area comes from the distribution Beta(alpha, alpha).
        p: the chance that a batch is mixed.

    Shape:
        images (N, C, H, W), classes (N) or probabilities (N, num_classes) -> images, probabilities (N, num_classes)

    >>> images, probabilities = CutMix(num_classes=2)(np.ones((2, 1, 4, 4)), np.array([0, 1]))
    >>> probabilities.shape
    (2, 2)
    """

    def _mix(self, images: np.ndarray, share: float, stream: np.random.Generator) -> tuple[np.ndarray, float]:
        height, width = images.shape[-2:]
        x, y = int(stream.integers(width)), int(stream.integers(height))
        half = 0.5 * np.sqrt(1 - share)
        left, right = max(x - int(half * width), 0), min(x + int(half * width), width)
        top, bottom = max(y - int(half * height), 0), min(y + int(half * height), height)
        mixed = images.copy()
        mixed[..., top:bottom, left:right] = np.roll(images, 1, axis=0)[..., top:bottom, left:right]
        return mixed, 1 - (right - left) * (bottom - top) / (height * width)
