"""What a class says of itself for the catalogue: annotations for its parameters and a decorator for its entry.

A layer is written once: palette, inspector, project schema, summary, script and help are all read off the class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Kind = Literal["layer", "loss", "optimizer", "schedule", "transform"]
CATEGORIES = (
    "Custom",
    "Data",
    "Dense",
    "Convolution",
    "Pooling",
    "Activation",
    "Normalisation",
    "Regularisation",
    "Recurrent",
    "Attention",
    "Text",
    "Shape",
    "Combine",
    "Loss",
)


@dataclass(frozen=True)
class Range:
    """The values that make sense, ends included; `log` where a factor, not a step, is the natural change."""

    minimum: float | None = None
    maximum: float | None = None
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Inferred:
    """Filled in from the shape that arrives at a port: the length of `axis`, counted with the batch axis as 0."""

    axis: int
    port: int = 0


@dataclass(frozen=True)
class Start:
    """What a new node on the canvas starts with, where the signature has no default or another one."""

    value: Any


@dataclass(frozen=True)
class FieldName:
    """The name of a field of the data set, in this role."""

    role: Literal["input", "target"]


@dataclass(frozen=True)
class Hidden:
    """An argument for scripts that has no place in a form (a tensor, a callback)."""


@dataclass(frozen=True)
class Fixed:
    """What an argument always is on the canvas, where samples are the first axis; a form does not show it."""

    value: Any


@dataclass(frozen=True)
class Part:
    """A layer that this one is made of: a form shows its parameters, and it is made of them. Parts come first."""

    cls: type


@dataclass(frozen=True)
class Members:
    """A list of others of the same kind that it is made of; it does not take those named in `without`."""

    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Port:
    """An argument of `forward` that a script may leave out and that is wired on the canvas.

    Of a tuple each part comes by a port of its own, so named.
    """

    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outputs:
    """What of a tuple that `forward` returns goes on, by ports of these names, the first called "out".

    `when` is the argument that has to be true for the others to be there.
    """

    names: tuple[str, ...]
    when: str = ""


@dataclass(frozen=True)
class Description:
    """What the decorator noted; `engine.graph.catalogue` reads it together with signature and docstring.

    `axes` names the axes that an input has behind N, for layers that would take fewer for a single sample.
    """

    type: str
    title: str
    kind: Kind
    category: str
    synonyms: tuple[str, ...]
    axes: tuple[str, ...] = ()


_registered: dict[tuple[Kind, str], type] = {}

C = TypeVar("C", bound=type)


def describe(
    title: str, *, kind: Kind, category: str = "", synonyms: tuple[str, ...] = (), axes: tuple[str, ...] = ()
) -> Callable[[C], C]:
    """Register a class for the catalogue under its own name."""
    if kind in ("layer", "loss") and category not in CATEGORIES:
        raise ValueError(f"{category!r} is no category; one of {', '.join(CATEGORIES)}")

    def note(cls: C) -> C:
        cls.__description__ = Description(cls.__name__, title, kind, category, synonyms, axes)
        _registered[kind, cls.__name__] = cls
        return cls

    return note


def layer(title: str, *, category: str, synonyms: tuple[str, ...] = (), axes: tuple[str, ...] = ()) -> Callable[[C], C]:
    """A layer that can be dragged: `@layer("Conv 2-D", category="Convolution", synonyms=("convolution",))`."""
    return describe(title, kind="layer", category=category, synonyms=synonyms, axes=axes)


def loss(title: str, *, synonyms: tuple[str, ...] = ()) -> Callable[[C], C]:
    """A loss; on the canvas a node that also names its target field and weight."""
    return describe(title, kind="loss", category="Loss", synonyms=synonyms)


def optimizer(title: str, *, synonyms: tuple[str, ...] = ()) -> Callable[[C], C]:
    """An optimizer that the training panel offers."""
    return describe(title, kind="optimizer", synonyms=synonyms)


def schedule(title: str, *, synonyms: tuple[str, ...] = ()) -> Callable[[C], C]:
    """A learning-rate schedule that the training panel offers."""
    return describe(title, kind="schedule", synonyms=synonyms)


def transform(title: str, *, synonyms: tuple[str, ...] = ()) -> Callable[[C], C]:
    """A transform of images that keeps their size where it is told none: the data panel may offer it."""
    return describe(title, kind="transform", synonyms=synonyms)


def registered(kind: Kind) -> dict[str, type]:
    """Every class of that kind by its name, in order of definition."""
    return {name: cls for (of, name), cls in _registered.items() if of == kind}
