"""What a project says of its data: fields and where they come from. Plain data, part of the project file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Role = Literal["input", "target", "unused"]


class FieldSpec(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A named, typed field that the data set yields.

    name: what inputs and losses of a network call it.
    kind: "image" (C, H, W float32), "vector" (F float32), "number" (float32 (1,)), "category" (int64 ()), "text" (L
        int64: the numbers of its tokens, as the network takes it; in the data it is a text).
    shape: of one sample, without the batch axis.
    role: "input", "target" or "unused".
    dtype: "float32" or "int64".
    classes: the names of a category's values, in the order of their numbers.
    columns: the table columns gathered in a vector.
    vocabulary: how many tokens a text may be of: their numbers are below it.

    >>> FieldSpec("picture", "image", (1, 8, 8), "input").dtype
    'float32'
    """

    name: str
    kind: Literal["image", "vector", "number", "category", "text"]
    shape: tuple[int, ...]
    role: Role
    dtype: Literal["float32", "int64"] = "float32"
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    vocabulary: Annotated[int, Meta(ge=0, le=10_000_000)] = 0


class Choice(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An entry of the catalogue with its parameters: an optimizer, a schedule or a transform.

    type: its name, as of the class.
    params: its arguments by name.
    members: the schedules that a schedule is made of.

    >>> Choice("SGD", {"lr": 0.1}).params["lr"]
    0.1
    """

    type: str
    params: dict[str, Any] = {}
    members: Annotated[tuple[Choice, ...], Meta(max_length=100)] = ()


class DataSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the samples come from and how they are dealt out.

    source: "bundled:digits", or the path of a file or folder, relative to the project file where it lies below it.
    reader: "bundled", "csv", "images" or "texts" (a folder of class folders) or "npz".
    options: what the reader is told instead of guessing; each reader's docstring lists its own.
    roles: for a table, column -> "input", "target" or "unused"; columns not named keep the reader's guess.
    fields: what the reader found; kept here so that shapes are known without opening the data.
    samples: how many it found.
    batch_size: samples in a batch, 1 or more.
    validation: share of the samples to validate with, from 0 up to, without, 1.
    shuffle: whether every epoch deals the samples in another order.
    seed: of the split and of the order.
    scaling: how inputs are scaled, fitted on the training part only: "none", "standard" ((x - mean) / deviation),
        "unit" (to 0..1) or "robust" ((x - median) / distance of the quartiles).
    augment: what is done at random to the images of every batch to learn from, in this order: transforms of
        `engine.data.transforms` with their parameters.

    >>> DataSpec("bundled:digits", batch_size=64).scaling
    'standard'
    """

    source: str = ""
    reader: Literal["bundled", "csv", "images", "npz", "texts"] = "bundled"
    options: dict[str, Any] = {}
    roles: dict[str, Role] = {}
    fields: tuple[FieldSpec, ...] = ()
    samples: int = 0
    batch_size: Annotated[int, Meta(ge=1)] = 32
    validation: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.2
    shuffle: bool = True
    seed: int = 0
    scaling: Literal["none", "standard", "unit", "robust"] = "standard"
    augment: Annotated[tuple[Choice, ...], Meta(max_length=100)] = ()
