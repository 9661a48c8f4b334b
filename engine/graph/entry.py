"""What the catalogue holds: an entry for each layer, loss, optimizer, schedule or transform, and its parameters."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, TypeVar

from engine.describe import Kind
from engine.graph.spec import CodeFile

ParameterKind = Literal["int", "float", "bool", "choice", "text", "pair", "ints", "floats", "field"]
MISSING: Any = inspect.Parameter.empty
T = TypeVar("T")


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
