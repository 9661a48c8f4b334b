"""The catalogue: everything that can be dragged or picked, read off the classes themselves."""

from __future__ import annotations

import inspect
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Any, Literal, TypeVar

from engine import lazy
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
from engine.errors import GraphError
from engine.graph.spec import CodeFile

ParameterKind = Literal["int", "float", "bool", "choice", "text", "pair", "ints", "floats", "field"]
MISSING: Any = inspect.Parameter.empty
T = TypeVar("T")
N = TypeVar("N")


@dataclass(frozen=True)
class Parameter:
    """One argument of a layer, as a form shows it and a project file checks it.

    `kind`: "pair" is an int or a tuple of two; "ints" an int or a tuple of any length; "field" a data field's name.
    `default` is the signature's (MISSING where it has none), `start` what a new node begins with.
    `inferred` is the axis of the input at `port` that fills it in when it is None; `optional`: None is a value.
    """

    name: str
    kind: ParameterKind
    default: Any
    start: Any
    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()
    inferred: int | None = None
    optional: bool = False
    role: str = ""
    port: int = 0

    @property
    def label(self) -> str:
        """`kernel_size` -> "Kernel size"."""
        return self.name.replace("_", " ").strip().capitalize()

    def check(self, value: Any) -> str:
        """What is wrong with `value`, in words; "" when nothing is."""
        if value is None:
            return "" if self.optional or self.inferred is not None else "nothing is given"
        if self.kind == "choice":
            return "" if value in self.choices else f"{value!r} is none of {', '.join(map(str, self.choices))}"
        if self.kind in ("pair", "ints", "floats"):
            return self._check_sequence(value)
        expected = {"int": int, "float": (int, float), "bool": bool, "text": str, "field": str}[self.kind]
        if not isinstance(value, expected) or (self.kind != "bool" and isinstance(value, bool)):
            return f"{value!r} is no {_WORDS[self.kind]}"
        return self._check_range(value)

    def _check_sequence(self, value: Any) -> str:
        if isinstance(value, str) and value in self.choices:
            return ""
        values = value if isinstance(value, list | tuple) else (value,)
        whole = self.kind in ("pair", "ints")
        if not all(isinstance(v, int if whole else int | float) and not isinstance(v, bool) for v in values):
            return f"{value!r} is no {_WORDS[self.kind]}"
        if self.kind == "pair" and len(values) not in (1, 2):
            return f"{value!r} has {len(values)} numbers instead of 1 or 2"
        return next(filter(None, map(self._check_range, values)), "")

    def _check_range(self, value: Any) -> str:
        if isinstance(value, float) and not math.isfinite(value):
            return f"{value} is no number"
        if self.minimum is not None and value < self.minimum:
            return f"{value} is under {self.minimum:g}"
        if self.maximum is not None and value > self.maximum:
            return f"{value} is over {self.maximum:g}"
        return ""


_WORDS = {
    "int": "whole number",
    "float": "number",
    "bool": "switch (true or false)",
    "text": "text",
    "field": "name of a field",
    "pair": "whole number or pair of them",
    "ints": "whole number or list of them",
    "floats": "number or list of them",
}


PREDICTIONS = {
    "CrossEntropyLoss": "classes",
    "NLLLoss": "classes",
    "MultiMarginLoss": "classes",
    "FocalLoss": "classes",
    "BCEWithLogitsLoss": "binary",
    "BinaryFocalLoss": "binary",
    "BCELoss": "probability",
    "SoftMarginLoss": "sign",
    "MarginRankingLoss": "sign",
    "CosineEmbeddingLoss": "sign",
    "HingeEmbeddingLoss": "sign",
    "TripletMarginLoss": "order",
    "BPRLoss": "order",
    "MSELoss": "value",
    "L1Loss": "value",
    "SmoothL1Loss": "value",
    "HuberLoss": "value",
    "GaussianNLLLoss": "value",
    "PoissonNLLLoss": "count",
    "KLDivLoss": "distribution",
    "DiceLoss": "mask",
    "TverskyLoss": "mask",
    "MultiLabelSoftMarginLoss": "mask",
    "GIoULoss": "box",
}
"""Loss -> what the network predicts under it.

Scores of classes; of one of two the logit ("binary", and "sign" where the loss takes it as -1 or 1) or the probability;
which of two comes first ("order": no target says it, the inputs do); values, log rates, the logarithms of a
distribution, the logits of a mask, or the four sides of a box.
"""
OF_TWO = ("binary", "probability", "sign", "order")
"""What is predicted where one of two classes is."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One layer, loss, optimizer, schedule or transform, with all that palette, inspector, project and script need.

    `inputs` and `outputs` are port names; a loss has no outputs, an Input node no inputs. `fixed` are the arguments
    that are always the same on the canvas. `axes` names an input's axes behind N where other numbers of them are
    refused. Of a layer that gives a tuple (`gives_tuple`) the first value goes on, and the others by `outputs` of their
    own: those behind the first only where the parameter `switch` is on. `sizes` says how many ports make an argument of
    its call, where that is more than one. `parts` are the layers that it is made of, by the argument that takes them;
    their parameters stand behind its own. `members` are the types that a schedule is made of, as many as one likes. A
    layer of one's own has no `cls` but the `code` that it stands in, from `line` on.
    """

    type: str
    title: str
    kind: Kind
    category: str
    synonyms: tuple[str, ...]
    summary: str
    formula: str
    shape: str
    parameters: tuple[Parameter, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    cls: type | None
    fixed: dict[str, Any] = field(default_factory=dict)
    axes: tuple[str, ...] = ()
    gives_tuple: bool = False
    parts: dict[str, Entry] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    switch: str = ""
    code: CodeFile | None = None
    line: int = 0

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name; KeyError where there is none."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(name)

    def outputs_of(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The output ports of a node with these parameters."""
        return self.outputs if not self.switch or params.get(self.switch) else self.outputs[:1]

    def packed(self, arriving: Iterable[T]) -> list[T | tuple[T, ...]]:
        """What arrives at the ports, as arguments of the layer's call."""
        left = iter(arriving)
        sizes = self.sizes or (1,) * len(self.inputs)
        return [next(left) if size == 1 else tuple(islice(left, size)) for size in sizes]

    def starts(self) -> dict[str, Any]:
        """The parameters of a new node, without those left to the wire or the signature."""
        return {p.name: p.start for p in self.parameters if p.start is not MISSING and p.start != p.default}

    def make(self, params: Mapping[str, Any]) -> Any:
        """One of it, with these parameters, and with its parts made first."""
        shared = {p.name for part in self.parts.values() for p in part.parameters}
        made = {name: part.make(part.given(params) | part.fixed) for name, part in self.parts.items()}
        return self.cls(**made, **{name: value for name, value in params.items() if name not in shared})

    def given(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Those of `params` that are parameters of it."""
        return {p.name: params[p.name] for p in self.parameters if p.name in params}


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
    found = {name: _read(cls) for of in kinds for name, cls in registered(of).items()}
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


def _read(cls: type) -> Entry:
    description = cls.__description__
    summary, formula, shape, helps = read_docstring(inspect.getdoc(cls) or "")
    hints = typing.get_type_hints(cls.__init__, include_extras=True)
    skipped = {"self", "params", "optimizer", "device", "dtype"}
    arguments = [p for p in inspect.signature(cls.__init__).parameters.values() if p.name not in skipped]
    parameters = [_read_parameter(a, hints.get(a.name, Any), helps.get(a.name, "")) for a in arguments]
    notes = {name: typing.get_args(hint)[1:] for name, hint in hints.items() if hasattr(hint, "__metadata__")}
    fixed = {name: note.value for name, some in notes.items() for note in some if isinstance(note, Fixed)}
    parts = {name: _read(note.cls) for name, some in notes.items() for note in some if isinstance(note, Part)}
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
