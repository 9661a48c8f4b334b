"""What a project says: network, data, training. Plain data with a schema version; nothing in it runs.

Unknown fields and wrong types are refused with the path of the fault; older schemas are migrated step by step.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from engine.errors import ProjectError

SCHEMA = 1

Identifier = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
"""A node's name: the attribute in the script and the prefix of its keys in the state dict."""


class Node(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One layer on the canvas. `params` holds only what differs from the catalogue's defaults; x and y are pixels."""

    id: Identifier
    type: str
    params: dict[str, Any] = {}
    x: float = 0.0
    y: float = 0.0
    title: str = ""


class Wire(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, order=True):
    """From an output port to an input port. An input port takes one wire, an output port any number."""

    source: Identifier
    target: Identifier
    source_port: str = "out"
    target_port: str = "x"


class Graph(Struct, frozen=True, forbid_unknown_fields=True):
    """The network: nodes in the order of their making, and wires. Input and loss are nodes too."""

    nodes: tuple[Node, ...] = ()
    wires: tuple[Wire, ...] = ()

    def node(self, id: str) -> Node:
        """The node of that id; KeyError where there is none."""
        for node in self.nodes:
            if node.id == id:
                return node
        raise KeyError(id)


class FieldSpec(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A named, typed field that the data set yields; `shape` is without the batch axis.

    kind: "image" (C, H, W float32), "vector" (F float32), "number" (float32 (1,)), "category" (int64 ()).
    `columns` are the table columns gathered in a vector; `classes` the names of a category's values.
    """

    name: str
    kind: Literal["image", "vector", "number", "category"]
    shape: tuple[int, ...]
    role: Literal["input", "target", "unused"]
    dtype: Literal["float32", "int64"] = "float32"
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


class DataSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the samples come from and how they are dealt out.

    source: "bundled:digits", or the path of a file or folder, relative to the project file where it lies below it.
    reader: "bundled", "csv", "images" (a folder of class folders) or "npz".
    roles: for a table, column -> "input", "target" or "unused"; columns not named keep the reader's guess.
    fields: what the reader found; kept here so that shapes are known without opening the data.
    scaling: how inputs are scaled, fitted on the training part only: "none", "standard" ((x - mean) / deviation), "unit" (to 0..1).
    """

    source: str = ""
    reader: Literal["bundled", "csv", "images", "npz"] = "bundled"
    options: dict[str, Any] = {}
    roles: dict[str, Literal["input", "target", "unused"]] = {}
    fields: tuple[FieldSpec, ...] = ()
    samples: int = 0
    batch_size: Annotated[int, Meta(ge=1)] = 32
    validation: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.2
    shuffle: bool = True
    seed: int = 0
    scaling: Literal["none", "standard", "unit"] = "standard"


class Choice(Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of the catalogue with its parameters: an optimizer or a schedule."""

    type: str
    params: dict[str, Any] = {}


class EarlyStopping(Struct, frozen=True, forbid_unknown_fields=True):
    """Stop when the watched validation figure has not bettered by `min_delta` for `patience` epochs."""

    patience: Annotated[int, Meta(ge=1)] = 10
    min_delta: Annotated[float, Meta(ge=0.0)] = 0.0


class TrainingSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """How the network is trained. The loss is a node of the graph."""

    optimizer: Choice = Choice("Adam", {"lr": 0.001})
    schedule: Choice | None = None
    epochs: Annotated[int, Meta(ge=1, le=1_000_000)] = 20
    device: Annotated[str, Meta(pattern=r"^(cpu|cuda:\d+)$")] = "cpu"
    seed: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    early_stopping: EarlyStopping | None = None
    clip_norm: Annotated[float, Meta(gt=0.0)] | None = None


class Project(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole project, as `project.json` in a project file holds it."""

    schema: int = SCHEMA
    name: str = "Untitled"
    graph: Graph = Graph()
    data: DataSpec = DataSpec()
    training: TrainingSpec = TrainingSpec()
    notes: str = ""


_MIGRATIONS: dict[int, Any] = {}
"""schema n -> a function from the plain dict of schema n to that of n + 1."""


def encode(project: Project) -> bytes:
    """The project as indented JSON, stable for version control."""
    return msgspec.json.format(msgspec.json.encode(project), indent=2)


def decode(content: bytes, where: str = "project.json") -> Project:
    """Read a project, migrating older schemas.

    Raises:
        ProjectError: broken JSON, a newer schema, an unknown field, a wrong type, a duplicate id, a wire to nowhere.
    """
    try:
        plain = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise ProjectError(where, got=f"it is not readable as JSON ({error})", expected="a Layerloom project",
                           mend="the file may be cut off; open its autosave or a copy") from None  # fmt: skip
    if not isinstance(plain, dict) or not isinstance(plain.get("schema"), int):
        raise ProjectError(where, got="there is no schema number", expected="a Layerloom project")
    version = plain["schema"]
    if version > SCHEMA:
        raise ProjectError(where, got=f"it was written by a newer Layerloom (schema {version})",
                           expected=f"schema {SCHEMA} or older", mend="update Layerloom to open it")  # fmt: skip
    while version < SCHEMA:
        if version not in _MIGRATIONS:
            raise ProjectError(where, got=f"schema {version} is unknown", expected=f"1 to {SCHEMA}")
        plain = _MIGRATIONS[version](plain)
        version = plain["schema"]
    try:
        project = msgspec.convert(plain, Project)
    except msgspec.ValidationError as error:
        raise ProjectError(where, got=_plain_words(str(error))) from None
    _check_graph(project.graph, where)
    return project


def _plain_words(message: str) -> str:
    """msgspec's "Expected `int`, got `str` - at `$.training.epochs`" -> our order: place first."""
    match = re.fullmatch(r"(.*?) - at `\$\.?(.*?)`", message)
    text, path = (match[1], match[2]) if match else (message, "")
    text = text.replace("`", "'")
    return f"at {path}: {text[0].lower()}{text[1:]}" if path else text


def _check_graph(graph: Graph, where: str) -> None:
    seen: set[str] = set()
    for node in graph.nodes:
        if node.id in seen:
            raise ProjectError(where, got=f"two nodes are called {node.id!r}", expected="every node's id once")
        seen.add(node.id)
    inputs: set[tuple[str, str]] = set()
    for wire in graph.wires:
        for end in (wire.source, wire.target):
            if end not in seen:
                raise ProjectError(where, got=f"a wire ends at {end!r}, which is no node of the network")
        if (wire.target, wire.target_port) in inputs:
            raise ProjectError(where, got=f"two wires enter {wire.target!r} at {wire.target_port!r}",
                               expected="one wire for an input")  # fmt: skip
        inputs.add((wire.target, wire.target_port))
