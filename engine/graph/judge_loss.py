"""Whether a loss suits the outputs that it is given, and the target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.errors import Fix
from engine.graph import catalogue
from engine.graph.catalogue import OF_TWO, PREDICTIONS, judged_with
from engine.graph.network import Network, Problem
from engine.graph.spec import FieldSpec, Node
from engine.ops import Spec
from engine.wording import counted

APPLIED = {
    "CrossEntropyLoss": "Softmax",
    "FocalLoss": "Softmax",
    "BCEWithLogitsLoss": "Sigmoid",
    "BinaryFocalLoss": "Sigmoid",
    "DiceLoss": "Sigmoid",
    "TverskyLoss": "Sigmoid",
    "SoftMarginLoss": "Sigmoid",
    "MultiLabelSoftMarginLoss": "Sigmoid",
}
"""Loss -> the activation that is part of it."""
TAKEN = {
    "NLLLoss": ("log probabilities", ("LogSoftmax",), "CrossEntropyLoss"),
    "KLDivLoss": ("log probabilities", ("LogSoftmax",), ""),
    "BCELoss": ("probabilities", ("Sigmoid", "Hardsigmoid"), "BCEWithLogitsLoss"),
}
"""Loss -> what it takes, the activations that give it, and the loss that they are part of."""


VECTORS = ("CosineEmbeddingLoss", "TripletMarginLoss")
"""Losses of vectors that are compared: all of one length, whatever it is."""
SCORES = ("MarginRankingLoss", "BPRLoss", "HingeEmbeddingLoss")
"""Losses of one number a sample."""
VARIANCE = {"GaussianNLLLoss": "var"}
"""Loss -> the output that has to be above 0."""
ABOVE_ZERO = ("Softplus", "Sigmoid", "Hardsigmoid", "Softmax", "ReLU", "ReLU6")


def judge_loss(network: Network, loss: Node, specs: Mapping[str, Spec]) -> Iterator[Problem]:
    """What does not suit a loss; `specs` are the outputs that it judges, by port."""
    target = target_field(network.fields, loss)
    if has_target(loss.type):
        problem = _no_target(network, loss) if target is None else _unsuited(network, loss, target, specs)
        if problem is not None:
            yield problem
            return
    yield from _applied_twice(network, loss)
    yield from _not_activated(network, loss)
    yield from _not_above_zero(network, loss)
    if loss.type in VECTORS:
        yield from _no_vectors(network, loss, specs)
        return
    wanted = expected_output(loss.type, target, specs)
    for port, spec in specs.items():
        if len(spec.shape) > len(wanted):
            yield _too_many_axes(network, loss, port, spec, wanted)
        elif spec.shape != wanted:
            yield _wrong_width(network, loss, port, target, spec, wanted)


def has_target(loss_type: str) -> bool:
    """Whether a field says what is right; where none does, the order of the inputs does."""
    return "target" in judged_with(catalogue.entry(loss_type).cls)


def target_field(fields: tuple[FieldSpec, ...], loss: Node) -> FieldSpec | None:
    """The field that a loss is judged against: the one it names, else the only target."""
    name = loss.params.get("target", "")
    targets = [f for f in fields if (f.name == name if name else f.role == "target")]
    return targets[0] if len(targets) == 1 and targets[0].role != "unused" else None


def expected_output(loss_type: str, target: FieldSpec | None, specs: Mapping[str, Spec]) -> tuple[int, ...]:
    """The shape, without the batch axis, that a loss needs of each output, for this target and what arrives."""
    kind = PREDICTIONS.get(loss_type, "value")
    if loss_type in SCORES:
        return () if next(iter(specs.values())).shape == () else (1,)
    return (len(target.classes),) if kind == "classes" else (1,) if kind in OF_TWO else target.shape


def target_shape(loss_type: str, target: FieldSpec, specs: Mapping[str, Spec]) -> tuple[int, ...]:
    """The shape, without the batch axis, in which a loss takes its target."""
    return () if loss_type in VECTORS else expected_output(loss_type, target, specs)


def _no_target(network: Network, loss: Node) -> Problem:
    who, name = network.name(loss), loss.params.get("target", "")
    targets = [f for f in network.fields if f.role == "target"]
    fixes = tuple(Fix(f"Judge by {f.name}", "set_parameter", loss.id, "target", f.name) for f in targets[:5])
    if not targets:
        text = f"{who}: the data have no target to judge by; choose data, or give a field the role of the target."
        return Problem(loss.id, text, fixes=(Fix("Choose data", "choose_data"),))
    if name:
        return Problem(loss.id, f"{who}: the data have no target field {name!r}.", fixes=fixes)
    return Problem(loss.id, f"{who}: the data have {len(targets)} targets; say which one it is.", fixes=fixes)


def _unsuited(network: Network, loss: Node, target: FieldSpec, specs: Mapping[str, Spec]) -> Problem | None:
    """The kind of loss against the kind of target."""
    kind, who, count = PREDICTIONS.get(loss.type), network.name(loss), len(target.classes)
    if kind is None:
        return None
    one_alone, spec = len(specs) == 1 and loss.type != "HingeEmbeddingLoss", next(iter(specs.values()))

    def instead(*types: str) -> tuple[Fix, ...]:
        fixes = (Fix(f"Make it {catalogue.entry(t).title}", "replace", loss.id, t) for t in types)
        return tuple(fixes) if one_alone else (Fix("Choose data", "choose_data"),)

    of_classes = kind == "classes" or kind in OF_TWO
    if not of_classes and target.kind == "category":
        two = count == 2 and spec.shape == (1,)
        text = f"{who} measures distances between numbers, but '{target.name}' names {counted(count, 'class')}."
        fixes = instead("BCEWithLogitsLoss", "CrossEntropyLoss") if two else instead("CrossEntropyLoss")
        return Problem(loss.id, text, fixes=fixes)
    if of_classes and target.kind != "category":
        text = f"{who} tells classes apart, but '{target.name}' is no category: its values are numbers."
        return Problem(loss.id, text, fixes=instead("MSELoss", "L1Loss"))
    if of_classes and count < 2:
        text = f"{who}: '{target.name}' has only {count} class, so there is nothing to tell apart."
        return Problem(loss.id, text, fixes=(Fix("Choose data", "choose_data"),))
    if kind == "box" and target.shape != (4,):
        text = f"{who} compares boxes, left, top, right and bottom, but '{target.name}' is {_times(target.shape)}."
        return Problem(loss.id, text, fixes=instead("MSELoss", "L1Loss"))
    if kind == "mask" and target.shape == (1,):
        text = f"{who} compares masks, a share for each place, but '{target.name}' is a single number."
        return Problem(loss.id, text, fixes=instead("MSELoss", "L1Loss"))
    if kind == "distribution" and target.shape == (1,):
        text = f"{who} compares distributions, a share for each of several values, but '{target.name}' is one number."
        return Problem(loss.id, text, fixes=instead("MSELoss", "L1Loss"))
    if kind in OF_TWO and count > 2:
        text = f"{who} tells two classes apart, but '{target.name}' has {count}."
        return Problem(loss.id, text, fixes=instead("CrossEntropyLoss"))
    return None


def _applied_twice(network: Network, loss: Node) -> Iterator[Problem]:
    if loss.type not in APPLIED:
        return
    before = _before(network, loss, "input")
    if APPLIED[loss.type] == before.type:
        text = f"{network.name(before)} is applied twice: {network.name(loss)} applies it itself."
        fix = Fix(f"Remove {network.entry(before).title}", "remove", before.id)
        yield Problem(before.id, text, "warning", (fix,))


def _not_activated(network: Network, loss: Node) -> Iterator[Problem]:
    if loss.type not in TAKEN:
        return
    taken, activations, whole = TAKEN[loss.type]
    if _before(network, loss, "input").type in activations:
        return
    title, activation = network.entry(loss).title, activations[0]
    text, fixes = f"{network.name(loss)} takes {taken}: put {activation} before it", []
    if whole:
        text += f", or make it {catalogue.entry(whole).title}"
        fixes.append(Fix(f"Make it {catalogue.entry(whole).title}", "replace", loss.id, whole))
    fixes.append(Fix(f"Insert {activation} before {title}", "insert_before", loss.id, activation))
    yield Problem(loss.id, f"{text}.", "warning", tuple(fixes))


def _not_above_zero(network: Network, loss: Node) -> Iterator[Problem]:
    port = VARIANCE.get(loss.type)
    if port is not None and _before(network, loss, port).type not in ABOVE_ZERO:
        text = f"{network.name(loss)} takes variances, which are above 0, at {port!r}: put Softplus before it."
        yield Problem(loss.id, text, "warning", (_inserted(network, loss, port, "Softplus"),))


def _no_vectors(network: Network, loss: Node, specs: Mapping[str, Spec]) -> Iterator[Problem]:
    """Vectors of one length go together; the first of another shape is told."""
    who = network.name(loss)
    for port, spec in specs.items():
        if len(spec.shape) != 1:
            fixes = (_inserted(network, loss, port, "Flatten"),) if len(spec.shape) > 1 else ()
            yield Problem(
                loss.id, f"{who} compares vectors, but {_times(spec.shape)} arrives at {port!r}.", fixes=fixes
            )
            return
    (first, spec), *others = specs.items()
    for port, other in others:
        if other.shape != spec.shape:
            found = giver(network, network.into[loss.id][port].source)
            text = f"{who} compares vectors of one length, but is given {counted(spec.shape[0], 'number')} "
            text += f"at {first!r} and {other.shape[0]} at {port!r}."
            yield Problem(loss.id, text, fixes=(widen(*found, spec.shape[0]),) if found else ())
            return


def _before(network: Network, loss: Node, port: str) -> Node:
    return network.nodes[network.into[loss.id][port].source]


def _inserted(network: Network, loss: Node, port: str, type: str, params: dict[str, int] | None = None) -> Fix:
    """A layer on the wire into a port."""
    what = f"{type} with {params['out_features']} outputs" if params else type
    label, port = f"Insert {what} before {network.entry(loss).title}", port if len(network.into[loss.id]) > 1 else ""
    return Fix(label, "insert_before", loss.id, type, params, port)


def _too_many_axes(network: Network, loss: Node, port: str, spec: Spec, wanted: tuple[int, ...]) -> Problem:
    """On the first dense layer that is fed an image and keeps its axes; else on the loss."""
    needs = f"{network.name(loss)} needs {_times(wanted)}"
    first = None
    id = network.into[loss.id][port].source
    while network.into[id]:
        node = network.nodes[id]
        if network.entry(node).category == "Dense" and len(network.results[id].inputs["x"].shape) > 1:
            first = node
        id = next(iter(network.into[id].values())).source
    if first is None:
        fix = _inserted(network, loss, port, "Flatten")
        return Problem(loss.id, f"{needs}, but {_times(spec.shape)} arrives.", fixes=(fix,))
    arriving = _times(network.results[first.id].inputs["x"].shape)
    text = f"{network.name(first)} gets {arriving} and changes only the last axis, but {needs}."
    fix = Fix(f"Insert Flatten before {network.entry(first).title}", "insert_before", first.id, "Flatten")
    return Problem(first.id, text, fixes=(fix,))


def _wrong_width(
    network: Network, loss: Node, port: str, target: FieldSpec | None, spec: Spec, wanted: tuple[int, ...]
) -> Problem:
    source = _before(network, loss, port)
    found = giver(network, source.id) if len(spec.shape) == len(wanted) == 1 else None
    fixes: list[Fix] = []
    if len(wanted) == 1 and found is not None:
        fixes.append(widen(*found, wanted[0]))
    elif len(wanted) == 1:
        fixes.append(_inserted(network, loss, port, "Linear", {"out_features": wanted[0]}))
    swap = {
        ("CrossEntropyLoss", 1): "BCEWithLogitsLoss",
        ("BCEWithLogitsLoss", 2): "CrossEntropyLoss",
        ("FocalLoss", 1): "BinaryFocalLoss",
        ("BinaryFocalLoss", 2): "FocalLoss",
        ("SoftMarginLoss", 2): "CrossEntropyLoss",
    }
    other = swap.get((loss.type, spec.shape[0] if len(spec.shape) == 1 else 0))
    if other and target is not None and len(target.classes) == 2:
        fixes.append(Fix(f"Make the loss {catalogue.entry(other).title}", "replace", loss.id, other))
    blamed = found[0] if found is not None else loss
    gives = network.name(found[0] if found is not None else source)
    return Problem(blamed.id, f"{gives} gives {_outputs(spec.shape)}, but {_reason(loss, target, wanted)}.",
                   fixes=tuple(fixes))  # fmt: skip


def _reason(loss: Node, target: FieldSpec | None, wanted: tuple[int, ...]) -> str:
    kind = PREDICTIONS.get(loss.type)
    if loss.type in SCORES:
        return "this loss takes one number a sample"
    if kind == "classes":
        return f"'{target.name}' has {counted(len(target.classes), 'class')}"
    if kind in OF_TWO:
        return "this loss takes one output, which tells the two classes apart"
    return f"'{target.name}' is {_times(wanted)}"


def _outputs(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} output{'s' if shape[0] != 1 else ''}" if len(shape) == 1 else _times(shape)


def giver(network: Network, id: str) -> tuple[Node, str] | None:
    """The layer upstream whose parameter sets the channels or features that leave `id`, and that parameter's name."""
    while True:
        node = network.nodes[id]
        entry = network.entry(node)
        names = {p.name for p in entry.parameters} if entry else set()
        for name in ("out_features", "out_channels"):
            if name in names:
                return node, name
        specs = [spec for spec in network.results[id].inputs.values() if spec is not None]
        out = network.results[id].outputs.get("out")
        if len(specs) != 1 or out is None or not out.shape or specs[0].shape[:1] != out.shape[:1]:
            return None
        if len(specs[0].shape) != len(out.shape) or not network.into[id]:
            return None
        id = next(iter(network.into[id].values())).source


def widen(node: Node, name: str, value: int) -> Fix:
    return Fix(f"Set {name} of '{node.id}' to {value}", "set_parameter", node.id, name, value)


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(["N", *map(str, shape)])
