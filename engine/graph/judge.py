"""What is wrong with a network as a whole: circles, open ends, unused layers; judge_loss looks at its losses."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nsmallest
from itertools import pairwise

from engine.errors import Fix
from engine.graph import catalogue, edit
from engine.graph.judge_loss import giver, judge_loss, widen
from engine.graph.network import Network, Problem, with_batch, without_batch
from engine.graph.spec import Node, Wire
from engine.graph.trial import attempt
from engine.ops import Spec
from engine.ops.base import times
from engine.wording import counted


def judge(network: Network) -> Iterator[Problem]:
    """Every problem that no layer has by itself."""
    if not network.nodes:
        yield Problem("", "The network is empty: drag an Input and layers onto the canvas.")
        return
    yield from _circles(network)
    yield from _open_inputs(network)
    yield from _too_few_rows(network)
    yield from _other_weights(network)
    yield from _other_places(network)
    if not any(node.type == "Input" for node in network.nodes.values()):
        yield _no_input(network)
    if not network.losses():
        yield _no_loss(network)
    else:
        yield from _unused(network)
    for loss in network.losses():
        specs = network.results[loss.id].inputs
        if None not in specs.values() and not network.results[loss.id].problems:
            yield from judge_loss(network, loss, specs)


def matching_fixes(network: Network, node: Node, inputs: dict[str, Spec | None]) -> Iterator[Fix]:
    """For two branches that do not match: give one as many channels as the other has."""
    specs = [spec for spec in inputs.values() if spec is not None]
    if len(specs) != 2 or node.type not in ("Add", "Subtract", "Multiply", "Dot"):
        return
    a, b = (spec.shape for spec in specs)
    if len(a) == len(b) and a[1:] == b[1:]:
        ports = list(inputs)
        for port, wanted in ((ports[1], a[0]), (ports[0], b[0])):
            found = giver(network, network.into[node.id][port].source)
            if found is not None:
                yield widen(*found, wanted)


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
            if (found := _giver_of(network, port, node)) is not None:
                yield _unpooled(network, node, port, found)
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
                kind = _giving(port, node)
                mend = f"put a {kind.title.lower()} before it, which gives them" if kind else None
                yield Problem(node.id, f"{who} has no {where}: {mend or 'connect it to the layer before it'}.")


def _giver_of(network: Network, port: str, node: Node) -> Node | None:
    """The nearest layer that gives, by an output of that name, what a layer of its kind takes by an input of it."""
    behind, rank = network.downstream(node.id), node.type[-2:]
    givers = [
        other for other in network.graph.nodes
        if (entry := network.entry(other)) is not None and entry.switch and port in entry.outputs
        and other.id not in behind and other.type[-2:] == rank
    ]  # fmt: skip
    return min(givers, key=lambda other: abs(other.x - node.x) + abs(other.y - node.y), default=None)


def _giving(port: str, node: Node) -> catalogue.Entry | None:
    """The first kind of layer that gives, where it is told to, what a layer of its rank takes by that input."""
    layers = catalogue.entries("layer").items()
    return next((e for type, e in layers if e.switch and port in e.outputs and type[-2:] == node.type[-2:]), None)


def _unpooled(network: Network, node: Node, port: str, source: Node) -> Problem:
    fix = Fix(f"Connect it to the {port} of '{source.id}'", "connect", node.id, port, source.id, port)
    return Problem(node.id, f"{network.name(node)} has no input {port!r}: {network.name(source)} can give it.",
                   fixes=(fix,))  # fmt: skip


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


def _other_weights(network: Network) -> Iterator[Problem]:
    """What uses another layer's weights has to be given what fits them."""
    for node in network.graph.nodes:
        if not node.shares or not (network.results[node.id].outputs and network.results[node.shares].outputs):
            continue
        here, there = network.results[node.id].params, network.results[node.shares].params
        name = next((name for name, value in here.items() if value != there.get(name)), None)
        if name is not None:
            source = network.name(network.nodes[node.shares])
            text = f"{network.name(node)} uses the weights of {source}, whose {name} is {there[name]}, but "
            text += f"what arrives here needs {here[name]}."
            yield Problem(node.id, text, fixes=(Fix("Give it weights of its own", "own_weights", node.id),))


def _other_places(network: Network) -> Iterator[Problem]:
    """Indices are places of what was pooled: the way back has to lead to as many."""
    for node in network.graph.nodes:
        wire, result = network.into[node.id].get("indices"), network.results[node.id]
        if wire is None or wire.source_port != "indices" or not result.outputs:
            continue
        pool = network.results[wire.source]
        before, after = pool.inputs["x"].shape[1:], result.outputs["out"].shape[1:]
        if before != after:
            text = f"{network.name(node)} gives {times(after)}, but its indices are places of {times(before)}, "
            text += f"which '{wire.source}' pooled."
            yield Problem(
                node.id, text, fixes=(_as_pooled(network, node, wire.source) or _padded(network, wire.source),)
            )


def _as_pooled(network: Network, node: Node, pool: str) -> Fix | None:
    here, there = network.results[node.id].params, network.results[pool].params
    for name in ("kernel_size", "stride", "padding"):
        if here[name] != there[name]:
            value = list(there[name]) if isinstance(there[name], tuple) else there[name]
            return Fix(f"Set {name} of '{node.id}' to {value}", "set_parameter", node.id, name, value)
    return None


def _padded(network: Network, pool: str) -> Fix:
    """Zeros at the far borders, so that windows cover all of what is pooled, and come out even."""
    params, lengths = network.results[pool].params, network.results[pool].inputs["x"].shape[1:]
    kernel, stride, border = (
        value if isinstance(value, tuple) else (value,) * len(lengths)
        for value in (params["kernel_size"], params["stride"] or params["kernel_size"], params["padding"])
    )
    missing = [-(n + 2 * p - k) % s for n, k, s, p in zip(lengths, kernel, stride, border)]
    padding = [side for more in reversed(missing) for side in (0, more)]
    title, type = network.entry(network.nodes[pool]).title, f"ZeroPad{len(lengths)}d"
    return Fix(f"Insert {type} with {padding} before {title}", "insert_before", pool, type, {"padding": padding})


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
