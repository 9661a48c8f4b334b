"""The catalogue: everything that can be dragged or picked, read off the classes themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from engine import lazy
from engine.describe import Kind, registered
from engine.errors import GraphError
from engine.graph.described import judged_with, read, read_docstring
from engine.graph.entry import MISSING, OF_TWO, PREDICTIONS, Entry, Parameter, ParameterKind

__all__ = [
    "COMMON", "FAMILIES", "MISSING", "OF_TWO", "PREDICTIONS", "CodeFault", "Entry", "Parameter", "ParameterKind",
    "custom", "entries", "entry", "faults", "judged_with", "read_docstring", "search", "set_custom",
]  # fmt: skip

FAMILIES = ("engine.nn", "engine.optim.lr_scheduler", "engine.optim")
"""Where the classes are that the catalogue shows."""

COMMON = (
    "Input", "Linear", "Conv2d", "Conv1d", "MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d", "MaxPool1d", "AvgPool1d",
    "ReLU", "LeakyReLU", "GELU", "SiLU", "Sigmoid", "Tanh", "Softmax", "BatchNorm2d", "BatchNorm1d", "LayerNorm",
    "Dropout", "LSTM", "GRU", "RNN", "LastStep", "MultiheadAttention", "TransformerEncoderLayer", "Embedding",
    "Flatten", "Reshape", "Permute", "Upsample", "Add", "Concat", "Multiply",
    "CrossEntropyLoss", "BCEWithLogitsLoss", "MSELoss", "L1Loss", "Adam", "AdamW", "SGD", "RMSprop",
    "CosineAnnealingLR", "StepLR", "OneCycleLR", "ReduceLROnPlateau",
    "RandomCrop", "RandomResizedCrop", "RandomHorizontalFlip", "RandomVerticalFlip", "RandomRotation", "RandomAffine",
)  # fmt: skip
"""What people reach for first: it stands first in each list that is offered, and first among what a search finds."""


def entries(kind: Kind | None = None) -> dict[str, Entry]:
    """Every entry by type, or those of one kind: "layer", "loss", "optimizer", "schedule"; "transform" if named."""
    if not _custom or kind not in (None, "layer"):
        return _built_in(kind)
    return _with_custom[kind]


@cache
def _built_in(kind: Kind | None) -> dict[str, Entry]:
    for family in FAMILIES:
        lazy.load(family)  # which registers its classes
    if kind == "transform":
        import engine.data.transforms.offered  # noqa: F401
    kinds = (kind,) if kind else ("layer", "loss", "optimizer", "schedule")
    found = {name: read(cls) for of in kinds for name, cls in registered(of).items()}
    common = {name: found[name] for name in COMMON if name in found}
    return {**common, **found}


_custom: dict[str, Entry] = {}
_with_custom: dict[Kind | None, dict[str, Entry]] = {}
_faults: tuple[CodeFault, ...] = ()


@dataclass(frozen=True)
class CodeFault:
    """What is wrong with a file of layers, read and not run. `types` are the layers that are missing for it."""

    file: str
    line: int
    message: str
    types: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.message}."


def set_custom(custom: Iterable[Entry], faults: Iterable[CodeFault] = ()) -> None:
    """From now on these layers of one's own are known in this process, and no others."""
    global _custom, _with_custom, _faults
    known = {entry.type: entry for entry in custom}
    _with_custom = {kind: {**_built_in(kind), **known} for kind in (None, "layer")}
    _custom, _faults = known, tuple(faults)


def custom() -> dict[str, Entry]:
    """The layers of one's own that are known, by type."""
    return _custom


def faults() -> tuple[CodeFault, ...]:
    """What is wrong with the files of layers."""
    return _faults


def entry(type: str) -> Entry:
    """The entry of a type. Raises GraphError, with the nearest name, where there is none."""
    found = entries().get(type)
    if found is None:
        near = search(type)
        mend = f"the nearest is {near[0].type}" if near else "see `layerloom doctor` for the version"
        raise GraphError(f"layer {type!r}", got="no such layer is known", expected="one of the catalogue", mend=mend)
    return found


def search(text: str, kinds: tuple[Kind, ...] = ("layer", "loss")) -> list[Entry]:
    """Entries whose title, type, synonym or category holds every word, best first; all of them for an empty text."""
    words = text.casefold().split()
    scored = []
    for order, found in enumerate(e for e in entries().values() if e.kind in kinds):
        names, synonyms = [found.title.casefold(), found.type.casefold()], [s.casefold() for s in found.synonyms]
        haystack = " ".join([*names, *synonyms, found.category.casefold()])
        if all(word in haystack for word in words):
            scored.append((_rank(" ".join(words), names, synonyms), order, found))
    return [found for _, _, found in sorted(scored, key=lambda s: s[:2])]


def _rank(text: str, names: list[str], synonyms: list[str]) -> int:
    """How well an entry is what was asked for, 0 best: its own names count before its synonyms."""
    fits = (
        text in names,
        any(name.startswith(text) for name in names),
        f" {text}" in names[0],
        text in synonyms,
        any(synonym.startswith(text) for synonym in synonyms),
        True,
    )
    return fits.index(True)
