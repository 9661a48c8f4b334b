"""Which cards a project wants on its dashboard."""

from __future__ import annotations

import math
from typing import NamedTuple

from engine.graph.purpose import target_of, task_of
from engine.graph.spec import FieldSpec, Project


class Wanted(NamedTuple):
    """Names of the cards in their order, and the names that go on their axes."""

    cards: tuple[str, ...]
    metric: str
    inputs: tuple[str, ...] = ()
    target: str = ""
    has_image: bool = False

    @property
    def noun(self) -> tuple[str, str]:
        """What a sample is called."""
        return ("image", "images") if self.has_image else ("sample", "samples")


def wanted(project: Project) -> Wanted:
    """Read off the loss and the fields of the data; before there are any, those that every run has."""
    fields = project.data.fields
    task = task_of(project)
    inputs = [field for field in fields if field.role == "input"]
    target = target_of(project)
    numbers = _numbers(inputs)
    if task == "regression":
        pictures = ["line", "scatter"] if len(numbers) == 1 else ["scatter"]
    else:
        pictures = ["boundary", "confusion"] if len(numbers) == 2 else ["confusion"]
    has_image = any(field.kind == "image" for field in inputs)
    cards = ("loss", "metric", *pictures[:1], "try", *pictures[1:], "weights", "learning-rate", "gradient-norm")
    return Wanted(
        cards, "r2" if task == "regression" else "accuracy", numbers, target.name if target else "", has_image
    )


def _numbers(inputs: list[FieldSpec]) -> tuple[str, ...]:
    """Names of the single numbers that go in; none where an image, a text or a category is among them."""
    if any(field.kind in ("image", "category", "text") for field in inputs):
        return ()
    names: list[str] = []
    for field in inputs:
        size = math.prod(field.shape)
        names += field.columns or ([field.name] if size == 1 else [f"{field.name} {i + 1}" for i in range(size)])
    return tuple(names)
