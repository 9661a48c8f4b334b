"""Samples of the project's data for the playground: a start, a style for drawings, and random ones to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.graph.spec import DataSpec, FieldSpec
from gui.playground.strokes import ImageStyle, style_of

LOOKED_AT = 1000
"""Samples that medians and style are taken from; images on disk are decoded for it, so fewer of them."""
DECODED = 60


@dataclass
class Samples:
    """An opened data set with the indices that the training never sees."""

    data: Any
    validation: np.ndarray
    start: dict[str, np.ndarray]
    style: ImageStyle | None

    def random(self, generator: np.random.Generator) -> tuple[dict[str, np.ndarray], str]:
        """One sample of the validation part, and in words what it really is."""
        index = int(generator.choice(self.validation))
        sample = self.data[index]
        target = next((field for field in self.data.fields if field.role == "target"), None)
        return sample, _words(target, sample) if target is not None else ""


def load(spec: DataSpec, base: Path | None, progress: Any) -> Samples:
    """Open the data; called in the background.

    Raises:
        DataError: it cannot be opened.
    """
    import engine.data  # NumPy and the readers: only when somebody has a project with data
    from engine.data.prepare import split

    data = engine.data.open(spec, base, progress=progress)
    train, validation = split(data, spec)
    images = [field for field in data.fields if field.role == "input" and field.kind == "image"]
    most = DECODED if images else LOOKED_AT
    taken = data.take(train[np.linspace(0, len(train) - 1, min(most, len(train))).astype(int)])
    style = None
    if images and images[0].shape[0] == 1:
        style = style_of(taken[images[0].name], data.maxima.get(images[0].name))
    elif images:
        style = ImageStyle(0.0, float(data.maxima.get(images[0].name, taken[images[0].name].max())))
    start = {field.name: _middle(field, taken) for field in data.fields if field.role == "input"}
    return Samples(data, validation if len(validation) else train, start, style)


def _middle(field: FieldSpec, taken: Mapping[str, np.ndarray]) -> np.ndarray:
    """The median of each number, the commonest category."""
    values = taken[field.name]
    if field.kind == "category":
        return np.bincount(values.astype(np.int64)).argmax()
    return np.nanmedian(values, axis=0)


def _words(target: FieldSpec, sample: Mapping[str, np.ndarray]) -> str:
    value = np.ravel(sample[target.name])[0]
    if target.kind == "category" and int(value) < len(target.classes):
        return target.classes[int(value)]
    return f"{float(value):.4g}"
