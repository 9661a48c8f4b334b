"""Images of the training part changed at random in every batch, as a project says; mixed ones with their targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.data.dataset import FieldDataset
from engine.data.prepare import Preparation
from engine.data.spec import Choice, DataSpec
from engine.describe import registered
from engine.errors import DataError, EngineError, Fix
from engine.random import apart

MIXING = ("MixUp", "CutMix")
_WITHOUT = Fix("Take the augmentation out", "set_data", name="augment", value=())


class Augmentation:
    """Transforms of the training images, drawn anew for every batch from numbers that name it.

    Nothing is kept between batches: a run that is resumed at any of them draws the same. Validation, figures and
    answers see images as they are.

    `MixUp` and `CutMix` come after all others. They make probabilities (N, classes) of the classes of a target, and
    mix numbers as they do images.

    Args:
        transforms: what is done, in this order; see `engine.data.transforms`.
        preparation: how images are scaled; transforms see them from 0 (black) to 1.
        maxima: by image field, the value of white in the data's own units.
        classes: by target field, how many classes it has; 0 for numbers.

    >>> from engine.data import open, split
    >>> spec = DataSpec("bundled:digits", augment=(Choice("RandomHorizontalFlip", {"p": 1.0}),))
    >>> digits = open(spec)
    >>> preparation = Preparation.fit(digits, np.arange(50), spec)
    >>> arrays = preparation.apply(digits.take(np.arange(4)))
    >>> flipped = Augmentation.of(digits, np.arange(50), spec, preparation)(arrays, 0, 3, 1)
    >>> bool(np.allclose(flipped["image"], arrays["image"][..., ::-1], atol=1e-6))
    True
    """

    def __init__(
        self, transforms: Sequence[Any], preparation: Preparation, maxima: Mapping[str, float],
        classes: Mapping[str, int] | None = None,
    ):  # fmt: skip
        self.transforms = [each for each in transforms if type(each).__name__ not in MIXING]
        self.mixings = [each for each in transforms if type(each).__name__ in MIXING]
        self.preparation, self.maxima, self.classes = preparation, dict(maxima), dict(classes or {})

    @classmethod
    def of(
        cls, dataset: FieldDataset, indices: np.ndarray, spec: DataSpec, preparation: Preparation
    ) -> Augmentation | None:
        """What `spec.augment` says, with the largest values of the training part; None where it says nothing.

        Raises:
            DataError: no image goes in, images are a target, a transform is none or has other arguments, or images
                are mixed where others go in beside them.
        """
        if not spec.augment:
            return None
        images = [field for field in dataset.fields if field.kind == "image" and field.role != "unused"]
        where = "Data, augment"
        if not any(field.role == "input" for field in images):
            raise DataError(where, got="no image goes into the network", expected="images among the inputs",
                            mend="take the augmentation out", fixes=(_WITHOUT,))  # fmt: skip
        wanted = next((field.name for field in images if field.role == "target"), None)
        if wanted is not None:
            raise DataError(where, got=f"the images {wanted!r} are a target and would not move along",
                            expected="images as inputs alone", mend="take the augmentation out",
                            fixes=(_WITHOUT,))  # fmt: skip
        maxima = {field.name: _maximum(dataset, field, np.asarray(indices)) for field in images}
        transforms = [made(choice) for choice in spec.augment]
        for field in images:
            for size in (getattr(transform, "size", None) for transform in transforms):
                if size is not None and size != field.shape[1:]:
                    raise _other_size(field.shape[1:], size)
        made_ones = cls(transforms, preparation, maxima, _classes(dataset))
        others = [field for field in dataset.fields if field.role == "input" and field.name != images[0].name]
        if made_ones.mixings and others:
            names = ", ".join(repr(field.name) for field in others)
            raise DataError(where, got=f"images are mixed, but {names} would not be",
                            expected="images as the only input", mend="take the mixing out",
                            fixes=(without_mixing(spec),))  # fmt: skip
        return made_ones

    def __call__(self, arrays: Mapping[str, np.ndarray], *seed: int) -> dict[str, np.ndarray]:
        """The prepared fields of a batch, images changed as `seed` draws, and targets mixed where images are.

        Raises:
            DataError: a transform makes images of another size.
        """
        changed = dict(arrays)
        for name in self.maxima.keys() & arrays.keys():
            images = self.preparation.restore(name, arrays[name]) / np.float32(self.maxima[name])
            with apart(*seed):
                for transform in self.transforms:
                    images = transform(images)
            if images.shape != arrays[name].shape:
                raise _other_size(arrays[name].shape[1:], images.shape[1:])
            if self.mixings:
                images, targets = self._mixed(images, changed, seed)
                changed |= targets
            scaled = self.preparation.apply({name: images * np.float32(self.maxima[name])})[name]
            changed[name] = np.ascontiguousarray(scaled, dtype=np.float32)
        return changed

    def _mixed(
        self, images: np.ndarray, arrays: Mapping[str, np.ndarray], seed: tuple[int, ...]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        from engine.data.transforms.mixing import blend

        targets = {name: _as_shares(arrays[name], count) for name, count in self.classes.items() if name in arrays}
        with apart(*seed, len(self.transforms)):
            for mixing in self.mixings:
                images, share = mixing.mix(images)
                targets = {name: blend(values, share) for name, values in targets.items()}
        return images, targets


def _as_shares(values: np.ndarray, classes: int) -> np.ndarray:
    """Classes (N) as probabilities (N, classes); numbers as they are."""
    return np.eye(classes, dtype=np.float32)[values] if values.dtype.kind == "i" else values


def _classes(dataset: FieldDataset) -> dict[str, int]:
    return {field.name: len(field.classes) for field in dataset.fields if field.role == "target"}


def without_mixing(spec: DataSpec) -> Fix:
    """The mend that leaves all but the mixing."""
    kept = tuple(choice for choice in spec.augment if choice.type not in MIXING)
    return Fix("Take the mixing out", "set_data", name="augment", value=kept)


def _other_size(before: tuple[int, ...], after: tuple[int, ...]) -> DataError:
    got, expected = f"images {before} become {after}", "the shape that the network takes"
    return DataError("Data, augment", got=got, expected=expected, mend="leave the size out")


def _maximum(dataset: FieldDataset, field: Any, indices: np.ndarray) -> float:
    known = dataset.maxima.get(field.name)
    if known is None:
        parts = (indices[start : start + 256] for start in range(0, len(indices), 256))
        known = max((float(dataset.column(field, part).max()) for part in parts), default=1.0)
    return known if known > 0 else 1.0


def made(choice: Choice) -> Any:
    """The transform that a project names.

    Raises:
        DataError: there is none of that name, or its arguments are others.

    >>> made(Choice("RandomVerticalFlip", {"p": 0.2}))
    RandomVerticalFlip(p=0.2)
    """
    import engine.data.transforms.offered  # noqa: F401

    where, known = "Data, augment", registered("transform")
    if choice.type not in known:
        raise DataError(where, got=f"{choice.type!r} is unknown", expected=f"one of {', '.join(known)}")
    try:
        return known[choice.type](**choice.params)
    except EngineError:
        raise
    except (TypeError, ValueError) as error:
        fault = str(error).replace(f"{choice.type}.__init__() ", "")
        raise DataError(
            f"{where}, {choice.type}", got=fault, expected="arguments as its description has them"
        ) from None
