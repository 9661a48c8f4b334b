"""Samples of the project's data for the playground: a start, a style for drawings, and some to try; imports no Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import engine.data
from engine.data import FieldDataset, Progress
from engine.data.prepare import split
from engine.graph.spec import DataSpec, FieldSpec
from gui.reading.style import ImageStyle, style_of

LOOKED_AT = 1000
"""Samples that medians and style are taken from, and as many to try."""
DECODED = 60
"""The same for images, which are decoded for it."""
MOST_BYTES = 64 * 2**20
"""Of the samples to try."""
LETTERS = 20
"""Of a text for each token that the network reads; what goes beyond is not shown, however long the text."""


@dataclass(frozen=True)
class Samples:
    """Some samples that the training never sees, by field name: the first axis counts them."""

    fields: tuple[FieldSpec, ...]
    unseen: dict[str, np.ndarray]
    start: dict[str, np.ndarray]
    style: ImageStyle | None

    def random(self, generator: np.random.Generator) -> tuple[dict[str, np.ndarray], str]:
        """One of them, and in words what it really is."""
        index = int(generator.integers(len(next(iter(self.unseen.values())))))
        sample = {name: values[index] for name, values in self.unseen.items()}
        target = next((field for field in self.fields if field.role == "target"), None)
        return sample, _words(target, sample) if target is not None else ""


def load(spec: DataSpec, base: Path | None, progress: Progress) -> Samples:
    """Open the data and take what is to be shown of them.

    Raises:
        DataError: it cannot be opened.
    """
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
    taken = _shortened(data.fields, taken)
    start = {field.name: _middle(field, taken) for field in data.fields if field.role == "input"}
    return Samples(data.fields, _some(data, validation if len(validation) else train, spec), start, style)


def _some(data: FieldDataset, indices: np.ndarray, spec: DataSpec) -> dict[str, np.ndarray]:
    """Samples of these indices, from all over them, as many as are decoded quickly and held easily."""
    size = sum(int(np.prod(field.shape)) * _bytes_of_one(field) for field in data.fields)
    most = DECODED if spec.reader == "images" else LOOKED_AT
    count = max(1, min(most, MOST_BYTES // size, len(indices)))
    return _shortened(data.fields, data.take(indices[np.linspace(0, len(indices) - 1, count).astype(int)]))


def _bytes_of_one(field: FieldSpec) -> int:
    return LETTERS if field.kind == "text" else np.dtype(field.dtype).itemsize


def _shortened(fields: tuple[FieldSpec, ...], taken: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Texts cut off behind what the network reads of them."""
    cut = dict(taken)
    for field in (field for field in fields if field.kind == "text"):
        for row, text in enumerate(cut[field.name]):
            cut[field.name][row] = text[: LETTERS * field.shape[0]]
    return cut


def _middle(field: FieldSpec, taken: Mapping[str, np.ndarray]) -> np.ndarray:
    """The median of each number, the commonest category, the text of middling length."""
    values = taken[field.name]
    if field.kind == "text":
        return np.array(sorted(values.tolist(), key=len)[len(values) // 2], dtype=object)
    if field.kind == "category":
        return np.asarray(np.bincount(values.astype(np.int64)).argmax())
    return np.nanmedian(values, axis=0)


def _words(target: FieldSpec, sample: Mapping[str, np.ndarray]) -> str:
    value = np.ravel(sample[target.name])[0]
    if target.kind == "category" and int(value) < len(target.classes):
        return target.classes[int(value)]
    return f"{float(value):.4g}"
