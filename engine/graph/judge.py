"""What is wrong with a network as a whole: circles, open ends, and whether the loss suits outputs and target."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nsmallest
from itertools import pairwise

from engine.errors import Fix
from engine.graph import catalogue, edit
from engine.graph.catalogue import OF_TWO, PREDICTIONS
from engine.graph.network import Network, Problem, with_batch, without_batch
from engine.graph.spec import FieldSpec, Node, Wire
from engine.graph.trial import attempt
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


def judge(network: Network) -> Iterator[Problem]:
    """Every problem that no layer has by itself."""
    if not network.nodes:
        yield Problem("", "The network is empty: drag an Input and layers onto the canvas.")
        return
    yield from _circles(network)
    yield from _open_inputs(network)
    yield from _too_few_rows(network)
    if not any(node.type == "Input" for node in network.nodes.values()):
        yield _no_input(network)
    if not network.losses():
        yield _no_loss(network)
    else:
        yield from _unused(network)
    for loss in network.losses():
        spec = network.results[loss.id].inputs.get("input")
        if spec is not None and not network.results[loss.id].problems:
            yield from _judge_loss(network, loss, spec)


def target_field(fields: tuple[FieldSpec, ...], loss: Node) -> FieldSpec | None:
    """The field that a loss is judged against: the one it names, else the only target."""
    name = loss.params.get("target", "")
    targets = [f for f in fields if (f.name == name if name else f.role == "target")]
    return targets[0] if len(targets) == 1 and targets[0].role != "unused" else None


def expected_output(loss_type: str, target: FieldSpec) -> tuple[int, ...]:
    """The shape, without the batch axis, that a loss needs of the network for this target."""
    kind = PREDICTIONS.get(loss_type, "value")
    return (len(target.classes),) if kind == "classes" else (1,) if kind in OF_TWO else target.shape


def matching_fixes(network: Network, node: Node, inputs: dict[str, Spec | None]) -> Iterator[Fix]:
    """For two branches that do not match: give one as many channels as the other has."""
    specs = [spec for spec in inputs.values() if spec is not None]
    if len(specs) != 2 or node.type not in ("Add", "Subtract", "Multiply", "Dot"):
        return
    a, b = (spec.shape for spec in specs)
    if len(a) == len(b) and a[1:] == b[1:]:
        ports = list(inputs)
        for port, wanted in ((ports[1], a[0]), (ports[0], b[0])):
            giver = _giver(network, network.into[node.id][port].source)
            if giver is not None:
                yield _widen(*giver, wanted)


# --- circles and ends -----------------------------------------------------------------------------------------------


def _circles(network: Network) -> Iterator[Problem]:
    seen: set[frozenset[str]] = set()
    place = {node.id: n for n, node in enumerate(network.graph.nodes)}
    for start in network.order:
        if start not in network.circular:
            continue
        path = [start]
        while path.count(path[-1]) == 1:  # backwards; every node here has one before it that is here too
            wires = network.into[path[-1]].values()
            path.append(next(wire.source for wire in wires if wire.source in network.circular))
        circle = path[path.index(path[-1]) :][::-1]  # first and last are the same node
        if frozenset(circle) in seen:
            continue
        seen.add(frozenset(circle))
        last = max(pairwise(circle), key=lambda ends: place[ends[1]])
        port = next(port for port, wire in network.into[last[1]].items() if wire.source == last[0])
        names = " -> ".join(circle)
        fix = Fix(f"Cut the wire from '{last[0]}' to '{last[1]}'", "disconnect", last[1], port)
        yield Problem(last[1], f"{network.name(network.nodes[last[1]])} is part of a circle: {names}.", fixes=(fix,))


def _open_inputs(network: Network) -> Iterator[Problem]:
    givers = [node for node in network.graph.nodes if network.results[node.id].outputs]
    for node in network.graph.nodes:
        entry = network.entry(node)
        for port in entry.inputs if entry else ():
            if port in network.into[node.id]:
                continue
            where = "input" if len(entry.inputs) == 1 else f"input {port!r}"
            who = network.name(node)
            likely = _likely_sources(network, givers, node)
            source = next((other for other in likely if _takes(network, node, entry, port, other)), None)
            if source is not None and _would_be_a_dead_end(network, node, source):
                yield _stray(network, node, port, likely)
            elif source is not None:
                fix = Fix(f"Connect it to '{source.id}'", "connect", node.id, port, source.id)
                text = f"{who} has no {where}: connect it to {network.name(source)}."
                yield Problem(node.id, text, fixes=(fix,))
            else:
                yield Problem(node.id, f"{who} has no {where}: connect it to the layer before it.")


def _likely_sources(network: Network, givers: list[Node], node: Node) -> list[Node]:
    """The likeliest layers to feed an open input: an open end before a wired one, a near one before a far one."""
    behind = network.downstream(node.id)

    def distance(other: Node) -> tuple[bool, float]:
        return bool(network.out_of[other.id]), abs(other.x - node.x) + abs(other.y - node.y)

    return nsmallest(8, (other for other in givers if other.id not in behind), key=distance)


def _takes(network: Network, node: Node, entry: catalogue.Entry, port: str, source: Node) -> bool:
    if entry.kind == "loss":
        return True
    arriving = {**network.results[node.id].inputs, port: network.results[source.id].outputs["out"]}
    specs = [arriving.get(p) for p in entry.inputs]
    return None in specs or not attempt(node.type, node.params, tuple(with_batch(s) for s in specs if s)).fault


def _would_be_a_dead_end(network: Network, node: Node, source: Node) -> bool:
    """Whether a wire from there would only make a branch that reaches no loss, beside the way that is there."""
    kinds = [entry.kind for id in network.downstream(node.id) if (entry := network.entry(network.nodes[id]))]
    return bool(network.out_of[source.id] and network.losses()) and "loss" not in kinds


def _stray(network: Network, node: Node, port: str, likely: list[Node]) -> Problem:
    """A layer outside the network: it may go into the way behind the nearest layer where it fits, or away."""
    who, entry = network.name(node), network.entry(node)
    removal = Fix("Remove it", "remove", node.id)
    behind = next((other for other in likely if len(entry.inputs) == 1 and _suits_behind(network, node, other)), None)
    if behind is None:
        text = f"{who} has no input and reaches no loss: wire it into the network, or remove it."
        return Problem(node.id, text, fixes=(removal,))
    fix = Fix(f"Put it behind '{behind.id}'", "splice", node.id, port, behind.id)
    text = f"{who} has no input: put it behind {network.name(behind)}, or remove it."
    return Problem(node.id, text, fixes=(fix, removal))


def _suits_behind(network: Network, node: Node, source: Node) -> bool:
    """Whether what `source` feeds takes what comes when it goes through `node`, and what hangs on it, instead."""
    spec = network.results[source.id].outputs["out"]
    for id in (chain := edit.tail(network.graph, node.id)):
        layer = network.nodes[id]
        entry = network.entry(layer)
        if entry is None or len(entry.inputs) != 1 or not entry.outputs:
            return False
        output = attempt(layer.type, layer.params, (with_batch(spec),)).output
        if output is None:
            return False
        spec = without_batch(output)
    leaving = network.out_of[source.id]
    return bool(chain and leaving) and all(_still_takes(network, wire, spec) for wire in leaving)


def _still_takes(network: Network, wire: Wire, spec: Spec) -> bool:
    target = network.nodes[wire.target]
    entry, inputs = network.entry(target), network.results[target.id].inputs
    if entry is None or entry.kind == "loss":
        return inputs.get(wire.target_port) == spec
    arriving = [{**inputs, wire.target_port: spec}.get(port) for port in entry.inputs]
    return None in arriving or not attempt(target.type, target.params, tuple(map(with_batch, arriving))).fault


def _too_few_rows(network: Network) -> Iterator[Problem]:
    """A table that is looked up by the tokens of a text, or by classes, needs a row for each."""
    counts = {field.name: field.vocabulary or len(field.classes) for field in network.fields}
    for node in network.graph.nodes:
        result = network.results[node.id]
        rows, wire = result.params.get("num_embeddings"), network.into[node.id].get("x")
        if not result.outputs or not isinstance(rows, int) or wire is None:
            continue
        field = network.results[wire.source].params.get("field", "")
        count = counts.get(field, 0) if network.nodes[wire.source].type == "Input" else 0
        if count > rows:
            has = f"{network.name(node)} has {counted(f'{rows:,}', 'row')}"
            text = f"{has}, but '{field}' holds {count:,} different tokens."
            fix = Fix(
                f"Set num_embeddings of '{node.id}' to {count}", "set_parameter", node.id, "num_embeddings", count
            )
            yield Problem(node.id, text, fixes=(fix,))


def _no_input(network: Network) -> Problem:
    fed = [n for n in network.graph.nodes if (entry := network.entry(n)) is not None and entry.inputs]
    first = next((node for node in fed if not network.into[node.id]), None)
    fixes = ()
    if first is not None:
        fixes = (Fix(f"Insert Input before {network.entry(first).title}", "insert_before", first.id, "Input"),)
    return Problem("", "The network has no Input: add one, so that data can enter.", fixes=fixes)


def _no_loss(network: Network) -> Problem:
    ends = [id for id in network.order if network.results[id].outputs and not network.out_of[id]]
    targets = [f for f in network.fields if f.role == "target"]
    if not ends or not targets:
        return Problem("", "The network has no loss: add one behind its last layer, so that it can learn.")
    classes = targets[0].kind == "category"
    one = network.results[ends[-1]].outputs["out"].shape == (1,) and len(targets[0].classes) == 2
    type = "BCEWithLogitsLoss" if classes and one else "CrossEntropyLoss" if classes else "MSELoss"
    title = catalogue.entry(type).title
    fix = Fix(f"Add {title} behind '{ends[-1]}'", "add_loss", ends[-1], type)
    return Problem("", f"The network has no loss: add {title} behind '{ends[-1]}', so that it can learn.", fixes=(fix,))


def _unused(network: Network) -> Iterator[Problem]:
    used = network.used()
    for node in network.graph.nodes:
        if node.id not in used and network.into[node.id] and not network.out_of[node.id]:
            text = f"{network.name(node)} is not used: what it gives reaches no loss."
            yield Problem(node.id, text, "warning", (Fix("Remove it", "remove", node.id),))
        elif node.id not in used and node.type == "Input" and not network.out_of[node.id]:
            text = f"{network.name(node)} is not used: nothing is connected to it."
            yield Problem(node.id, text, "warning", (Fix("Remove it", "remove", node.id),))


# --- the loss -------------------------------------------------------------------------------------------------------


def _judge_loss(network: Network, loss: Node, spec: Spec) -> Iterator[Problem]:
    target = target_field(network.fields, loss)
    if target is None:
        yield _no_target(network, loss)
        return
    unsuited = _unsuited(network, loss, target, spec)
    if unsuited is not None:
        yield unsuited
        return
    yield from _applied_twice(network, loss)
    yield from _not_activated(network, loss)
    wanted = expected_output(loss.type, target)
    if len(spec.shape) > len(wanted):
        yield _too_many_axes(network, loss, spec, wanted)
    elif spec.shape != wanted:
        yield _wrong_width(network, loss, target, spec, wanted)


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


def _unsuited(network: Network, loss: Node, target: FieldSpec, spec: Spec) -> Problem | None:
    """The kind of loss against the kind of target."""
    kind, who, count = PREDICTIONS.get(loss.type), network.name(loss), len(target.classes)
    if kind is None:
        return None

    def instead(*types: str) -> tuple[Fix, ...]:
        return tuple(Fix(f"Make it {catalogue.entry(t).title}", "replace", loss.id, t) for t in types)

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
    before = network.nodes[network.into[loss.id]["input"].source]
    if APPLIED.get(loss.type) == before.type:
        text = f"{network.name(before)} is applied twice: {network.name(loss)} applies it itself."
        fix = Fix(f"Remove {network.entry(before).title}", "remove", before.id)
        yield Problem(before.id, text, "warning", (fix,))


def _not_activated(network: Network, loss: Node) -> Iterator[Problem]:
    before = network.nodes[network.into[loss.id]["input"].source]
    taken, activations, whole = TAKEN.get(loss.type, ("", (before.type,), ""))
    if before.type in activations:
        return
    title, activation = network.entry(loss).title, activations[0]
    text, fixes = f"{network.name(loss)} takes {taken}: put {activation} before it", []
    if whole:
        text += f", or make it {catalogue.entry(whole).title}"
        fixes.append(Fix(f"Make it {catalogue.entry(whole).title}", "replace", loss.id, whole))
    fixes.append(Fix(f"Insert {activation} before {title}", "insert_before", loss.id, activation))
    yield Problem(loss.id, f"{text}.", "warning", tuple(fixes))


def _too_many_axes(network: Network, loss: Node, spec: Spec, wanted: tuple[int, ...]) -> Problem:
    """On the first dense layer that is fed an image and keeps its axes; else on the loss."""
    needs = f"{network.name(loss)} needs {_times(wanted)}"
    first = None
    id = network.into[loss.id]["input"].source
    while network.into[id]:
        node = network.nodes[id]
        if network.entry(node).category == "Dense" and len(network.results[id].inputs["x"].shape) > 1:
            first = node
        id = next(iter(network.into[id].values())).source
    if first is None:
        title = network.entry(loss).title
        fix = Fix(f"Insert Flatten before {title}", "insert_before", loss.id, "Flatten")
        return Problem(loss.id, f"{needs}, but {_times(spec.shape)} arrives.", fixes=(fix,))
    arriving = _times(network.results[first.id].inputs["x"].shape)
    text = f"{network.name(first)} gets {arriving} and changes only the last axis, but {needs}."
    fix = Fix(f"Insert Flatten before {network.entry(first).title}", "insert_before", first.id, "Flatten")
    return Problem(first.id, text, fixes=(fix,))


def _wrong_width(network: Network, loss: Node, target: FieldSpec, spec: Spec, wanted: tuple[int, ...]) -> Problem:
    source = network.nodes[network.into[loss.id]["input"].source]
    giver = _giver(network, source.id) if len(spec.shape) == len(wanted) == 1 else None
    fixes: list[Fix] = []
    if len(wanted) == 1 and giver is not None:
        fixes.append(_widen(*giver, wanted[0]))
    elif len(wanted) == 1:
        title = f"Insert Linear with {wanted[0]} outputs before {network.entry(loss).title}"
        fixes.append(Fix(title, "insert_before", loss.id, "Linear", {"out_features": wanted[0]}))
    swap = {
        ("CrossEntropyLoss", 1): "BCEWithLogitsLoss",
        ("BCEWithLogitsLoss", 2): "CrossEntropyLoss",
        ("FocalLoss", 1): "BinaryFocalLoss",
        ("BinaryFocalLoss", 2): "FocalLoss",
        ("SoftMarginLoss", 2): "CrossEntropyLoss",
    }
    other = swap.get((loss.type, spec.shape[0] if len(spec.shape) == 1 else 0))
    if other and len(target.classes) == 2:
        fixes.append(Fix(f"Make the loss {catalogue.entry(other).title}", "replace", loss.id, other))
    blamed = giver[0] if giver is not None else loss
    gives = network.name(giver[0] if giver is not None else source)
    return Problem(blamed.id, f"{gives} gives {_outputs(spec.shape)}, but {_reason(loss, target, wanted)}.",
                   fixes=tuple(fixes))  # fmt: skip


def _reason(loss: Node, target: FieldSpec, wanted: tuple[int, ...]) -> str:
    kind = PREDICTIONS.get(loss.type)
    if kind == "classes":
        return f"'{target.name}' has {counted(len(target.classes), 'class')}"
    if kind in OF_TWO:
        return "this loss takes one output, which tells the two classes apart"
    return f"'{target.name}' is {_times(wanted)}"


def _outputs(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} output{'s' if shape[0] != 1 else ''}" if len(shape) == 1 else _times(shape)


def _giver(network: Network, id: str) -> tuple[Node, str] | None:
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


def _widen(node: Node, name: str, value: int) -> Fix:
    return Fix(f"Set {name} of '{node.id}' to {value}", "set_parameter", node.id, name, value)


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(["N", *map(str, shape)])
