"""What a project says: network, data, training, and the text of layers of one's own. Plain data; nothing in it runs.

Unknown fields and wrong types are refused with the path of the fault; older schemas are migrated step by step.
"""

from __future__ import annotations

import hashlib
import keyword
import math
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from engine.data.spec import Choice, DataSpec, FieldSpec
from engine.errors import ProjectError
from engine.wording import format_size, plain_words

SCHEMA = 1

__all__ = [
    "SCHEMA", "Choice", "CodeFile", "DataSpec", "EarlyStopping", "FieldSpec", "Graph", "Identifier", "Node", "Project",
    "TrainingSpec", "Wire", "decode", "encode",
]  # fmt: skip

MAX_BYTES = 64 << 20
MAX_NODES = 10_000
MAX_WIRES = 50_000
MAX_VALUES = 4_096  # numbers and texts in the parameters of one node
MAX_ELEMENTS = 2**31  # of one sample of one field
MAX_CODE_FILES = 100
MAX_CODE_LETTERS = 200_000  # of one file

RESERVED = frozenset(keyword.kwlist) | {
    "F", "Network", "add_module", "apply", "bool", "buffers", "children", "compile", "cpu", "cuda", "double",
    "engine", "eval", "extra_repr", "float", "forward", "get_buffer", "get_extra_state", "get_parameter",
    "get_submodule", "half", "input_fields", "inputs", "load_state_dict", "modules", "named_buffers",
    "named_children", "named_modules", "named_parameters", "nn", "parameters", "register_buffer",
    "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook", "register_load_state_dict_post_hook", "register_load_state_dict_pre_hook",
    "register_module", "register_parameter", "register_state_dict_post_hook", "register_state_dict_pre_hook",
    "requires_grad_", "self", "set_extra_state", "set_submodule", "state_dict", "super", "to", "to_empty", "train",
    "training", "type", "values", "zero_grad",
}  # fmt: skip
"""Names that a node may not have: in the script and in the built module they mean something else."""

Pixel = Annotated[float, Meta(ge=-1e7, le=1e7)]
Text = Annotated[str, Meta(max_length=1_000)]
Identifier = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
"""A node's name: the attribute in the script and the prefix of its keys in the state dict."""

CODE_NAME = r"^(?!(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])\.)[A-Za-z0-9_][A-Za-z0-9_-]{0,60}\.py\Z"
CodeName = Annotated[str, Meta(pattern=CODE_NAME)]
"""The name of a file with layers: no folder before it, and one that every system can hold."""


class Node(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One layer on the canvas. `params` holds only what differs from the catalogue's defaults; x and y are pixels.

    `shares` is the node whose weights it uses, instead of its own; both have the same parameters.
    """

    id: Identifier
    type: Text
    params: dict[Text, Any] = {}
    x: Pixel = 0.0
    y: Pixel = 0.0
    title: Text = ""
    shares: Text = ""


class Wire(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, order=True):
    """From an output port to an input port. An input port takes one wire, an output port any number."""

    source: Identifier
    target: Identifier
    source_port: Text = "out"
    target_port: Text = "x"


class Graph(Struct, frozen=True, forbid_unknown_fields=True):
    """The network: nodes in the order of their making, and wires. Input and loss are nodes too."""

    nodes: Annotated[tuple[Node, ...], Meta(max_length=MAX_NODES)] = ()
    wires: Annotated[tuple[Wire, ...], Meta(max_length=MAX_WIRES)] = ()

    def node(self, id: str) -> Node:
        """The node of that id; KeyError where there is none."""
        for node in self.nodes:
            if node.id == id:
                return node
        raise KeyError(id)


class CodeFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A Python file with layers of one's own, as text: reading a project never runs it."""

    name: CodeName
    source: Annotated[str, Meta(max_length=MAX_CODE_LETTERS)] = ""

    @property
    def digest(self) -> str:
        """The SHA-256 of the source: what trust is given to."""
        return hashlib.sha256(self.source.encode()).hexdigest()


class EarlyStopping(Struct, frozen=True, forbid_unknown_fields=True):
    """Stop when the watched validation figure has not bettered by `min_delta` for `patience` epochs."""

    patience: Annotated[int, Meta(ge=1)] = 10
    min_delta: Annotated[float, Meta(ge=0.0)] = 0.0


class TrainingSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """How the network is trained. The loss is a node of the graph.

    metrics: the figures beside it, by the names of `engine.metrics.offers`; none for those that suit the task.
    """

    optimizer: Choice = Choice("Adam", {"lr": 0.001})
    schedule: Choice | None = None
    epochs: Annotated[int, Meta(ge=1, le=1_000_000)] = 20
    device: Annotated[str, Meta(pattern=r"^(cpu|cuda:\d+)$")] = "cpu"
    seed: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    early_stopping: EarlyStopping | None = None
    clip_norm: Annotated[float, Meta(gt=0.0)] | None = None
    metrics: Annotated[tuple[Text, ...], Meta(max_length=100)] = ()


class Project(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole project, as `project.json` in a project file holds it."""

    schema: int = SCHEMA
    name: Text = "Untitled"
    graph: Graph = Graph()
    data: DataSpec = DataSpec()
    training: TrainingSpec = TrainingSpec()
    notes: str = ""
    code: Annotated[tuple[CodeFile, ...], Meta(max_length=MAX_CODE_FILES)] = ()


_MIGRATIONS: dict[int, Any] = {}
"""schema n -> a function from the plain dict of schema n to that of n + 1."""


def encode(project: Project) -> bytes:
    """The project as indented JSON, stable for version control.

    Raises:
        ProjectError: something in it could not be read again: a NaN, a broken letter, a value that is no JSON.
    """
    try:
        content = msgspec.json.format(msgspec.json.encode(project), indent=2)
    except (TypeError, ValueError) as error:
        raise ProjectError("project", got=f"it holds a value that cannot be written ({error})") from None
    decode(content, "project")
    return content


def decode(content: bytes, where: str = "project.json") -> Project:
    """Read a project, migrating older schemas.

    Raises:
        ProjectError: broken JSON, a newer schema, an unknown field, a wrong type, a duplicate id, a wire to nowhere.
    """
    plain = _parse(content, where)
    if not isinstance(plain, dict) or type(plain.get("schema")) is not int:
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
        place, words = plain_words(str(error))
        raise ProjectError(where, got=f"at {place}: {words}" if place else words) from None
    _check_graph(project.graph, where)
    check_code(project.code, where)
    _check_values(project, where)
    return project


def _parse(content: bytes, where: str) -> Any:
    if len(content) > MAX_BYTES:
        got, most = format_size(len(content)), format_size(MAX_BYTES)
        raise ProjectError(where, got=f"it has {got}", expected=f"at most {most}")
    try:
        return msgspec.json.decode(content)
    except RecursionError:
        raise ProjectError(where, got="its brackets are nested too deeply", expected="a Layerloom project") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProjectError(where, got=f"it is not readable as JSON ({error})", expected="a Layerloom project",
                           mend="the file may be cut off; open its autosave or a copy") from None  # fmt: skip


def _check_graph(graph: Graph, where: str) -> None:
    seen: set[str] = set()
    for node in graph.nodes:
        if node.id in seen:
            raise ProjectError(where, got=f"two nodes are called {node.id!r}", expected="every node's id once")
        if node.id in RESERVED:
            raise ProjectError(where, got=f"a node is called {node.id!r}, a word that the script needs itself")
        seen.add(node.id)
    nodes = {node.id: node for node in graph.nodes}
    for node in graph.nodes:
        if node.shares and not may_share(node, nodes.get(node.shares)):
            raise ProjectError(where, got=f"{node.id!r} shares the weights of {node.shares!r}",
                               expected="a layer of the same kind and parameters, with weights of its own")  # fmt: skip
    inputs: set[tuple[str, str]] = set()
    for wire in graph.wires:
        for end in (wire.source, wire.target):
            if end not in seen:
                raise ProjectError(where, got=f"a wire ends at {end!r}, which is no node of the network")
        if (wire.target, wire.target_port) in inputs:
            raise ProjectError(where, got=f"two wires enter {wire.target!r} at {wire.target_port!r}",
                               expected="one wire for an input")  # fmt: skip
        inputs.add((wire.target, wire.target_port))


def may_share(node: Node, source: Node | None) -> bool:
    """Whether a node may use the weights of another; an Input has none."""
    if source is None or node.type == "Input":
        return False
    return (source.type, source.params, source.shares) == (node.type, node.params, "")


def check_code(code: tuple[CodeFile, ...], where: str) -> None:
    """Every name once, as a disk counts names that knows no capitals.

    Raises:
        ProjectError: two files of one name.
    """
    names = [file.name.lower() for file in code]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise ProjectError(where, got=f"two files of code are called {twice!r}", expected="every name once")


def _check_values(project: Project, where: str) -> None:
    """Parameters and options hold JSON's scalars and lists, as forms can show them; nothing deeper, nothing endless."""
    places = [(f"graph.nodes[{n}].params", node.params) for n, node in enumerate(project.graph.nodes)]
    places.append(("data.options", project.data.options))
    places += [(f"data.augment[{n}].params", choice.params) for n, choice in enumerate(project.data.augment)]
    places.append(("training.optimizer.params", project.training.optimizer.params))
    schedule = project.training.schedule
    if schedule is not None:
        places.append(("training.schedule.params", schedule.params))
        places += [(f"training.schedule.members[{n}].params", each.params) for n, each in enumerate(schedule.members)]
    _check_members(project, where)
    for place, values in places:
        fault = next(filter(None, map(_fault, values.values())), "")
        if not fault and sum(len(v) if isinstance(v, list | tuple) else 1 for v in values.values()) > MAX_VALUES:
            fault = f"there are more than {MAX_VALUES} values"
        if fault:
            raise ProjectError(where, got=f"at {place}: {fault}", expected="numbers, texts, switches or lists of them")
    for n, field in enumerate(project.data.fields):
        if len(field.shape) > 8 or min(field.shape, default=0) < 0 or math.prod(field.shape) > MAX_ELEMENTS:
            raise ProjectError(where, got=f"at data.fields[{n}].shape: no sample has {list(field.shape)} numbers",
                               expected="at most 8 axes and 2³¹ numbers")  # fmt: skip


def _check_members(project: Project, where: str) -> None:
    """Only a schedule is made of others, and those of no more."""
    schedule = project.training.schedule
    within = schedule.members if schedule is not None else ()
    for choice in (project.training.optimizer, *project.data.augment, *within):
        if choice.members:
            raise ProjectError(where, got=f"{choice.type} has members", expected="members of the schedule alone")


def _fault(value: Any, inside_list: bool = False) -> str:
    if isinstance(value, list | tuple) and not inside_list:
        return next((f for f in (_fault(v, True) for v in value) if f), "")
    if isinstance(value, str):
        return "" if len(value) <= 10_000 else "a text is longer than 10,000 letters"
    if isinstance(value, int | float):
        return "" if abs(value) < 2**63 else f"the number {float(value):g} is too large"
    return "" if value is None else f"a {type(value).__name__} stands where a number or text belongs"
