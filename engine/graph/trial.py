"""One layer tried on shapes alone: what comes out, what it costs, or what is wrong and which fix would mend it.

The layer is built on the meta device and called with meta tensors, so its own forward says what its shapes are.
A fix is offered only after it was tried as well.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec

from engine.device import device
from engine.errors import EngineError, Fix
from engine.graph import catalogue, custom
from engine.graph.catalogue import MISSING, Entry, Parameter
from engine.ops import Spec
from engine.ops.base import times
from engine.tensor import Tensor, empty, no_grad, record

BATCH = 7919
"""The samples in a trial: a prime, so that no other axis is mistaken for the batch and a lost batch axis is noticed."""

Inputs = tuple[Spec, ...]
"""The specs at the input ports, with the batch axis."""


@dataclass(frozen=True)
class Trial:
    """`output` is with the batch axis; flops and bytes are for one sample; `fault` is "" where all is well.

    `offered` are the fixes that the layer itself offered; `fixes` those that were tried and help. `pending`: another
    process tries it, and the answer is still to come. `others` are what further ports give.
    """

    params: dict[str, Any] = field(default_factory=dict)
    output: Spec | None = None
    parameter_count: int = 0
    flops: int = 0
    activation_bytes: int = 0
    fault: str = ""
    fixes: tuple[Fix, ...] = ()
    offered: tuple[Fix, ...] = ()
    pending: bool = False
    others: tuple[Spec, ...] = ()


def untrusted(entry: Entry, params: dict[str, Any], inputs: Inputs) -> Trial:
    """The answer for code that nobody here has trusted."""
    fault = f"its code in {entry.code.name} is not trusted yet, so it does not run"
    return Trial(params, fault=fault, fixes=(look_at(entry.code.name),))


def look_at(file: str) -> Fix:
    """The offer to look at a file of layers, and to trust it."""
    return Fix("Look at the code", "look_at_code", name=file)


ask_elsewhere: Callable[[Entry, dict[str, Any], Inputs], Trial] = untrusted
"""Who tries a layer of one's own that may not run in this process; the window puts its engine process here."""


def attempt(type: str, params: Mapping[str, Any], inputs: Inputs) -> Trial:
    """Try a layer of the catalogue; the same question is answered from memory.

    Fixes name no node yet: the caller knows which one it is.
    """
    entry = catalogue.entry(type)
    if entry.code is not None and not custom.may_run(entry.code):
        return _attempt_elsewhere(entry, params, inputs)
    return _attempt(entry, msgspec.json.encode(params), inputs)


def _attempt_elsewhere(entry: Entry, params: Mapping[str, Any], inputs: Inputs) -> Trial:
    """What can be told without running it is told at once."""
    values, fault, fixes = resolve(entry, params, inputs)
    return Trial(values, fault=fault, fixes=fixes) if fault else ask_elsewhere(entry, values, inputs)


@lru_cache(maxsize=8192)
def _attempt(entry: Entry, params: bytes, inputs: Inputs) -> Trial:
    given = msgspec.json.decode(params)
    found = _run(entry, params, inputs)
    if not found.fault or found.fixes:
        return found
    free = {p.name for p in entry.parameters if p.inferred is None}
    offered = (fix for fix in found.offered if fix.action == "set_parameter" and fix.name in free)
    candidates = {fix.label: fix for fix in (*offered, *_candidates(entry, given, inputs))}.values()
    fixes = (fix for fix in candidates if _mends(fix, entry, given, inputs))
    return replace(found, fixes=tuple(islice(fixes, 3)))


@lru_cache(maxsize=8192)
def _run(entry: Entry, params: bytes, inputs: Inputs) -> Trial:
    """The trial itself, without a search for fixes."""
    given = msgspec.json.decode(params)
    values, fault, fixes = resolve(entry, given, inputs)
    fault = fault or _other_axes(entry, inputs)
    if fault:
        return Trial(values, fault=fault, fixes=fixes)
    try:
        with device("meta"), no_grad():
            layer = custom.make(entry, values)
            arrays = [empty(*spec.shape, dtype=spec.dtype) for spec in inputs]
            with record() as calls:
                given = layer(*entry.packed(arrays))
    except (Exception, SystemExit) as error:
        return _failed(entry, values, inputs, error)
    output = first_value(given)
    if not isinstance(output, Tensor):
        return Trial(values, fault=f"{_place(entry)}its forward gives {_named(output)}, expected a tensor")
    spec = Spec(tuple(output.shape), output.dtype)
    if spec.shape[:1] != (BATCH,):
        return Trial(
            values, fault=f"it mixes the samples of a batch: {_times(spec)} comes out, which does not begin with N"
        )
    others = given[1 : len(entry.outputs_of(values))] if isinstance(given, tuple) else ()
    return Trial(
        values,
        spec,
        sum(math.prod(p.shape) for p in layer.parameters()),
        sum(call.op.flops(*call.inputs) for call in calls) // BATCH,
        sum(out.nbytes for call in calls if not call.op.view for out in call.outputs) // BATCH,
        others=tuple(Spec(tuple(other.shape), other.dtype) for other in others),
    )


def _failed(entry: Entry, values: dict[str, Any], inputs: Inputs, error: BaseException) -> Trial:
    """A layer is anyone's code: whatever it says is shown on its node."""
    offered = error.fixes if isinstance(error, EngineError) else ()
    if entry.code is not None:
        place = custom.place_of(error)
        return Trial(values, fault=_without_batch(f"{place}: {custom.sentence(error)}" if place else str(error)))
    said = _sentence(error) if isinstance(error, EngineError) else _without_batch(str(error) or repr(error))
    return Trial(values, fault=_explain(entry, values, inputs) or said, offered=offered)


def _place(entry: Entry) -> str:
    return f"{entry.code.name}, line {entry.line}: " if entry.code is not None else ""


def _named(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def first_value(output: Any) -> Any:
    """What goes on of a layer's output: of a tuple its first value."""
    return output[0] if isinstance(output, tuple) else output


def _other_axes(entry: Entry, inputs: Inputs) -> str:
    """A fault where a layer would take N for an axis of a single sample."""
    wrong = [spec for spec in inputs if entry.axes and spec.ndim != 1 + len(entry.axes)]
    return f"{_times(wrong[0])} arrives, but it takes {' x '.join(('N', *entry.axes))}" if wrong else ""


def resolve(entry: Entry, given: Mapping[str, Any], inputs: Inputs) -> tuple[dict[str, Any], str, tuple[Fix, ...]]:
    """Every argument of the layer: what is given, else what the wire says, else the default; and what is wrong."""
    values: dict[str, Any] = {}
    unknown = sorted(given.keys() - {p.name for p in entry.parameters})
    if unknown:
        fix = Fix(f"Remove {unknown[0]}", "set_parameter", name=unknown[0], value=None)
        return dict(given), f"it has no parameter {unknown[0]!r}", (fix,)
    for parameter in entry.parameters:
        value = given.get(parameter.name, None if parameter.default is MISSING else parameter.default)
        if value is None and parameter.inferred is not None:
            value = _from_wire(parameter, inputs)
        if isinstance(value, list):
            value = tuple(value)
        values[parameter.name] = value
    for parameter in entry.parameters:
        value = values[parameter.name]
        if value is None and parameter.inferred is not None:
            shape = _times(inputs[parameter.port]) if inputs else "nothing"
            return values, f"{shape} arrives, which has no axis {parameter.inferred} to read {parameter.name} from", ()
        wrong = parameter.check(value)
        if wrong:
            return values, f"{parameter.name}: {wrong}", _mended_values(parameter, value)
    return values | entry.fixed, "", ()


def _from_wire(parameter: Parameter, inputs: Inputs) -> int | None:
    axis = parameter.inferred
    if parameter.port >= len(inputs) or axis is None:
        return None
    x = inputs[parameter.port]
    return x.shape[axis] if -x.ndim <= axis < x.ndim else None


def _mended_values(parameter: Parameter, value: Any) -> tuple[Fix, ...]:
    """The nearest end of the range, the value a new layer starts with, the default: whichever the parameter takes."""
    offers = [parameter.start, parameter.default]
    if isinstance(value, int | float) and parameter.minimum is not None and value < parameter.minimum:
        offers.insert(0, parameter.minimum)
    if isinstance(value, int | float) and parameter.maximum is not None and value > parameter.maximum:
        offers.insert(0, parameter.maximum)
    for offer in offers:
        if offer is not MISSING and offer is not None and not parameter.check(offer):
            offer = list(offer) if isinstance(offer, tuple) else offer
            return (Fix(f"Set {parameter.name} to {offer}", "set_parameter", name=parameter.name, value=offer),)
    return ()


# --- what is wrong --------------------------------------------------------------------------------------------------


_THINGS = {"in_channels": "channels", "num_channels": "channels", "max_len": "steps"}
"""What a parameter that is read off the wire counts, where it is not features."""


def _explain(entry: Entry, values: Mapping[str, Any], inputs: Inputs) -> str:
    """The usual mistakes in words of the canvas; "" for others, where the op's own sentence is shown."""
    x = inputs[0]
    for parameter, axis in _read_off(entry, inputs):
        x = inputs[parameter.port]
        if values[parameter.name] != x.shape[axis]:
            count, things = x.shape[axis], _THINGS.get(parameter.name, "features")
            arriving = f"{count} {things} arrive" if count != 1 else f"1 {things.removesuffix('s')} arrives"
            return f"{arriving}, but {parameter.name} is {values[parameter.name]}"
    x = inputs[0]
    if entry.type in ("Embedding", "EmbeddingBag") and x.dtype.kind == "f":
        return f"it looks up whole numbers, but {_times(x)} of {x.dtype} arrives"
    lengths = x.shape[2:]
    kernel = _each(values.get("kernel_size"), len(lengths))
    if (
        kernel
        and "Transpose" not in entry.type
        and "Unpool" not in entry.type
        and entry.type.endswith(f"{len(lengths)}d")
    ):
        dilation, padding = _each(values.get("dilation", 1), len(lengths)), _each(values.get("padding"), len(lengths))
        reach = [d * (k - 1) + 1 - 2 * p for k, d, p in zip(kernel, dilation, padding or (0,) * len(lengths))]
        if any(r > length for r, length in zip(reach, lengths)):
            thing = {1: "sequence", 2: "image"}.get(len(lengths), "volume")
            return f"its kernel of {times(kernel)} is larger than the {thing} of {times(lengths)} that arrives"
    if len(inputs) == 2 and entry.category == "Combine":
        return f"{_times(inputs[0])} and {_times(inputs[1])} do not go together"
    return ""


def _read_off(entry: Entry, inputs: Inputs) -> Iterator[tuple[Parameter, int]]:
    for parameter in entry.parameters:
        axis = parameter.inferred
        if axis is not None and -inputs[parameter.port].ndim <= axis < inputs[parameter.port].ndim:
            yield parameter, axis


def _each(value: Any, count: int) -> tuple[int, ...] | None:
    """A number, or one for each of `count` axes, as so many; None for anything else."""
    if isinstance(value, int):
        return (value,) * count
    return tuple(value) if isinstance(value, tuple | list) and len(value) == count else None


def _sentence(error: EngineError) -> str:
    text = error.got
    if error.expected:
        text += f", expected {error.expected}"
    return _without_batch(f"{text}; {error.mend}" if error.mend else text)


def _without_batch(text: str) -> str:
    return re.sub(rf"\b{BATCH}\b", "N", text).rstrip(".")


def _times(spec: Spec) -> str:
    axes = [f"{n // BATCH}·N" if n > BATCH and n % BATCH == 0 else "N" if n == BATCH else str(n) for n in spec.shape]
    return " x ".join(axes) or "a single number"


# --- what would mend it ---------------------------------------------------------------------------------------------


def _candidates(entry: Entry, given: Mapping[str, Any], inputs: Inputs) -> Iterator[Fix]:
    """Fixes that might help, the likeliest first."""
    x = inputs[0]
    if x.ndim > 2 and entry.category in ("Dense", "Normalisation"):
        yield Fix(f"Insert Flatten before {entry.title}", "insert_before", name="Flatten")
    for parameter, _ in _read_off(entry, inputs):
        if given.get(parameter.name) is not None:
            yield Fix(f"Leave {parameter.name} to the wire", "set_parameter", name=parameter.name, value=None)
    yield from _kernel_fixes(given, x)
    for other in _relatives(entry):
        yield Fix(f"Make it {other.title}", "replace", name=other.type)
    if x.ndim > 2:
        yield Fix(f"Insert Flatten before {entry.title}", "insert_before", name="Flatten")
    if x.ndim == 2 and len(entry.axes) == 2 and x.dtype.kind == "f":  # a vector can be read as a series of numbers
        shape = [-1, 1] if entry.axes[-1] == "features" else [1, -1]
        yield Fix(f"Insert Reshape before {entry.title}", "insert_before", name="Reshape", value={"shape": shape})
    if x.dtype.kind == "i":
        yield Fix(f"Insert Embedding before {entry.title}", "insert_before", name="Embedding")
    for parameter in entry.parameters:
        if parameter.name in given and parameter.default is not MISSING and parameter.default is not None:
            default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
            yield Fix(f"Set {parameter.name} to {default}", "set_parameter", name=parameter.name, value=default)


def _kernel_fixes(given: Mapping[str, Any], x: Spec) -> Iterator[Fix]:
    lengths = x.shape[2:]
    kernel = _each(given.get("kernel_size"), len(lengths))
    if not kernel:
        return
    padding = max(kernel) // 2
    yield Fix(f"Set padding to {padding}", "set_parameter", name="padding", value=padding)
    if min(lengths) >= 1:
        yield Fix(f"Set kernel_size to {min(lengths)}", "set_parameter", name="kernel_size", value=min(lengths))


def _relatives(entry: Entry) -> Iterator[Entry]:
    """The same layer for another number of axes (BatchNorm1d, BatchNorm2d), and what people mistake for it."""
    stem = re.sub(r"\d+d$", "", entry.type)
    pairs = {"Add": ("Concat",), "Embedding": ("Linear",)}
    for other in catalogue.entries("layer").values():
        if other.type != entry.type and (
            (stem != entry.type and re.sub(r"\d+d$", "", other.type) == stem) or other.type in pairs.get(entry.type, ())
        ):
            yield other


def _mends(fix: Fix, entry: Entry, given: Mapping[str, Any], inputs: Inputs) -> bool:
    """Whether the layer takes its inputs once the fix is done."""
    if fix.action == "set_parameter":
        mended = {name: value for name, value in given.items() if name != fix.name}
        if fix.value is not None:
            mended[fix.name] = fix.value
        return _works(entry.type, mended, inputs)
    if fix.action == "replace":
        other = catalogue.entry(fix.name)
        kept = {p.name: given[p.name] for p in other.parameters if p.name in given and not p.check(given[p.name])}
        return len(other.inputs) == len(inputs) and _works(other.type, other.starts() | kept, inputs)
    starts = catalogue.entry(fix.name).starts() | (fix.value or {})
    inserted = _run(catalogue.entry(fix.name), msgspec.json.encode(starts), inputs[:1])
    return inserted.output is not None and _works(entry.type, given, (inserted.output, *inputs[1:]))


def _works(type: str, params: Mapping[str, Any], inputs: Inputs) -> bool:
    return not _run(catalogue.entry(type), msgspec.json.encode(params), inputs).fault
