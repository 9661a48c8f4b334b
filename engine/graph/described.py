"""An entry of the catalogue read off a class: its decorator, signature, annotations and docstring."""

from __future__ import annotations

import inspect
import re
import types
import typing
from typing import Any, TypeVar

from engine.describe import (
    Choice,
    FieldName,
    Fixed,
    Hidden,
    Inferred,
    Kind,
    Members,
    Outputs,
    Part,
    Port,
    Range,
    Start,
    registered,
)
from engine.graph.entry import MISSING, PREDICTIONS, Entry, Parameter, ParameterKind

N = TypeVar("N")


def read(cls: type) -> Entry:
    """The entry of a class, with all that its decorator, annotations and docstring say."""
    description = cls.__description__
    summary, formula, shape, helps = read_docstring(inspect.getdoc(cls) or "")
    hints = typing.get_type_hints(cls.__init__, include_extras=True)
    skipped = {"self", "params", "optimizer", "device", "dtype"}
    arguments = [p for p in inspect.signature(cls.__init__).parameters.values() if p.name not in skipped]
    parameters = [_read_parameter(a, hints.get(a.name, Any), helps.get(a.name, "")) for a in arguments]
    notes = {name: typing.get_args(hint)[1:] for name, hint in hints.items() if hasattr(hint, "__metadata__")}
    fixed = {name: note.value for name, some in notes.items() for note in some if isinstance(note, Fixed)}
    parts = {name: read(note.cls) for name, some in notes.items() for note in some if isinstance(note, Part)}
    parameters += [parameter for part in parts.values() for parameter in part.parameters]
    members = [note for some in notes.values() for note in some if isinstance(note, Members)]
    (inputs, sizes), outputs = _inputs(cls, description.kind), _outputs(cls, description.kind)
    if description.kind == "loss":
        if "target" in judged_with(cls):
            parameters.append(
                Parameter("target", "field", "", "", "The field it is judged against; empty: the data's only target.",
                          role="target")
            )  # fmt: skip
        parameters += [
            Parameter("loss_weight", "float", 1.0, 1.0, "How much it counts beside other losses.", minimum=0.0),
        ]  # fmt: skip
        if PREDICTIONS.get(description.type, "value") == "value":
            parameters.append(
                Parameter("scale_target", "bool", False, False, "Whether the network learns the target with mean 0 and "
                          "deviation 1, as large or small numbers need it; answers and figures stay in its own units.")
            )  # fmt: skip
    return Entry(
        description.type, description.title, description.kind, description.category, description.synonyms,
        summary, formula, shape, tuple(p for p in parameters if p is not None), inputs, outputs.names, cls,
        fixed, description.axes, _gives_tuple(cls), parts,
        tuple(type for note in members for type in registered(description.kind) if type not in note.without),
        sizes, outputs.when,
    )  # fmt: skip


def _inputs(cls: type, kind: Kind) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The input ports, and how many of them make each argument."""
    if kind == "loss":
        outputs = tuple(name for name in judged_with(cls) if name != "target")
        return outputs if len(outputs) > 1 else ("input",), ()
    if kind != "layer" or cls.__name__ == "Input":
        return (), ()
    hints = typing.get_type_hints(cls.forward, include_extras=True)
    names, sizes = [], []
    for argument in list(inspect.signature(cls.forward).parameters.values())[1:]:
        port = _note(hints.get(argument.name), Port)
        if argument.default is MISSING or port is not None:
            parts = (port.parts if port is not None else ()) or (argument.name,)
            names += parts
            sizes.append(len(parts))
    return tuple(names), tuple(sizes)


def _outputs(cls: type, kind: Kind) -> Outputs:
    if kind != "layer":
        return Outputs(())
    return _note(typing.get_type_hints(cls.forward, include_extras=True).get("return"), Outputs) or Outputs(("out",))


def _note(hint: Any, kind: type[N]) -> N | None:
    """The note of that kind about a type."""
    return next((note for note in getattr(hint, "__metadata__", ()) if isinstance(note, kind)), None)


def judged_with(cls: type) -> tuple[str, ...]:
    """What a loss takes, in its order: outputs of the network, and "target" where there is one."""
    return tuple(inspect.signature(cls.forward).parameters)[1:]


def _gives_tuple(cls: type) -> bool:
    forward = getattr(cls, "forward", None)
    return typing.get_origin(typing.get_type_hints(forward).get("return")) is tuple if forward else False


def _read_parameter(argument: inspect.Parameter, hint: Any, help: str) -> Parameter | None:
    notes: tuple[Any, ...] = ()
    if typing.get_origin(hint) is typing.Annotated:
        hint, *rest = typing.get_args(hint)
        notes = tuple(rest)
    noted = {type(note): note for note in notes}
    if noted.keys() & {Hidden, Fixed, Part, Members}:
        return None
    kind, optional = _kind_of(hint, noted)
    limits = noted.get(Range, Range())
    inferred = noted[Inferred].axis if Inferred in noted else None
    start = noted[Start].value if Start in noted else None if inferred is not None else argument.default
    return Parameter(
        argument.name, kind, argument.default, start, help, limits.minimum, limits.maximum, limits.log,
        noted[Choice].values if Choice in noted else (), inferred, optional,
        noted[FieldName].role if FieldName in noted else "",
        noted[Inferred].port if Inferred in noted else 0,
    )  # fmt: skip


def _kind_of(hint: Any, noted: dict[type, Any]) -> tuple[ParameterKind, bool]:
    parts = set(typing.get_args(hint)) if typing.get_origin(hint) in (typing.Union, types.UnionType) else {hint}
    optional = type(None) in parts
    parts.discard(type(None))
    if FieldName in noted:
        return "field", optional
    sequences = [p for p in parts if typing.get_origin(p) in (tuple, list)]
    if sequences:
        arguments = typing.get_args(sequences[0])
        if float in arguments:
            return "floats", optional
        return ("pair" if arguments == (int, int) else "ints"), optional
    if Choice in noted:
        return "choice", optional
    for scalar, kind in ((bool, "bool"), (float, "float"), (int, "int"), (str, "text")):
        if scalar in parts:
            return kind, optional
    raise TypeError(f"a form cannot show an argument of type {hint}; annotate it with Hidden()")


def read_docstring(doc: str) -> tuple[str, str, str, dict[str, str]]:
    """-> summary, formula (the paragraphs up to the first section), text of Shape:, help by argument."""
    lines = doc.splitlines()
    summary = lines[0].strip() if lines else ""
    sections: dict[str, list[str]] = {"": []}
    current = ""
    for line in lines[1:]:
        heading = re.fullmatch(r"(Args|Shape|Raises|Returns|Example|Source):", line.strip())
        if heading and not line.startswith(" "):
            current = heading[1]
            sections[current] = []
        else:
            sections[current].append(line)
    helps: dict[str, str] = {}
    name = ""
    for line in sections.get("Args", []):
        start = re.match(r" {4}(\w+): (.*)", line)
        if start:
            name, helps[start[1]] = start[1], start[2].strip()
        elif name and line.strip():
            helps[name] += " " + line.strip()
    clean = inspect.cleandoc
    return summary, clean("\n".join(sections[""])).strip(), clean("\n".join(sections.get("Shape", []))).strip(), helps
