"""Edits of a network as pure functions, Graph -> Graph, shared by the window and the command line.

Each keeps the network whole: every id once, wires between nodes and ports that are there, one wire into an input,
no circle.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace as changed

from engine.errors import Fix, GraphError
from engine.graph import catalogue
from engine.graph.sharing import group, own, settled
from engine.graph.spec import MAX_NODES, RESERVED, Graph, Node, Wire

PITCH = 160.0
"""Pixels from one node of a row to the next."""
LETTER, AROUND = 7.5, 44.0
"""Pixels of a title's letter, and of all else from the left edge of a node to that of the next."""
ROW = 62.0
"""Nodes whose y differs by less stand in one row."""
_STEMS = {
    "Linear": "fc",
    "MaxPool1d": "pool",
    "MaxPool2d": "pool",
    "AvgPool1d": "pool",
    "AvgPool2d": "pool",
    "AdaptiveAvgPool1d": "pool",
    "AdaptiveAvgPool2d": "pool",
    "BatchNorm1d": "bn",
    "BatchNorm2d": "bn",
    "ConvTranspose1d": "deconv",
    "ConvTranspose2d": "deconv",
    "LastStep": "last",
    "MultiheadAttention": "attention",
    "TransformerEncoderLayer": "encoder",
    "PositionalEncoding": "position",
    "LearnedPositionalEncoding": "position",
}


def unique_id(graph: Graph, type: str) -> str:
    """A free id for a new node of that type, as a person would name it.

    >>> unique_id(Graph((Node("conv1", "Conv2d"),)), "Conv2d")
    'conv2'
    """
    taken = {node.id for node in graph.nodes} | RESERVED
    stem = "loss" if type.endswith("Loss") else _STEMS.get(type, re.sub(r"\d+d$", "", type).lower())
    stem = re.sub(r"[^a-z0-9_]", "", stem).lstrip("0123456789_")[:48] or "node"
    return next(id for n in range(1, len(taken) + 2) if (id := f"{stem}{n}") not in taken)


def add(graph: Graph, node: Node) -> Graph:
    """The network with one more node."""
    if any(other.id == node.id for other in graph.nodes):
        raise GraphError(f"node {node.id!r}", got="there is one of that name already")
    if len(graph.nodes) >= MAX_NODES:
        raise GraphError("network", got=f"it has {MAX_NODES} nodes already", expected="no more than that")
    return Graph((*graph.nodes, node), graph.wires)


def remove(graph: Graph, ids: Iterable[str], rejoin: bool = False) -> Graph:
    """The network without these nodes and their wires; `rejoin` leads what came in on to where it went out."""
    gone = set(ids)
    wires = [wire for wire in graph.wires if not {wire.source, wire.target} & gone]
    if rejoin:
        for wire in graph.wires:
            start = _origin(graph, wire, gone) if wire.source in gone and wire.target not in gone else None
            if start is not None:
                wires.append(Wire(start.source, wire.target, start.source_port, wire.target_port))
    return settled(Graph(tuple(node for node in graph.nodes if node.id not in gone), tuple(wires)))


def connect(graph: Graph, wire: Wire) -> Graph:
    """The network with a wire; one that already enters the port gives way.

    Raises:
        GraphError: an end is not there, or the wire would close a circle.
    """
    _check_end(graph, wire.source, wire.source_port, "outputs")
    _check_end(graph, wire.target, wire.target_port, "inputs")
    if wire.source in downstream(graph, wire.target):
        raise GraphError(f"wire from {wire.source!r} to {wire.target!r}", got="it would close a circle",
                         expected="a network that flows one way")  # fmt: skip
    others = (w for w in graph.wires if (w.target, w.target_port) != (wire.target, wire.target_port))
    return Graph(graph.nodes, (*others, wire))


def disconnect(graph: Graph, wires: Iterable[Wire]) -> Graph:
    """The network without these wires."""
    gone = set(wires)
    return Graph(graph.nodes, tuple(wire for wire in graph.wires if wire not in gone))


def set_parameter(graph: Graph, id: str, name: str, value: Any) -> Graph:
    """The network with one parameter of a node set; a default is left out, and so is None for one that is unknown.

    Nodes that use the same weights get it, too.

    Raises:
        GraphError: there is no such node or parameter, or it does not take that value.
    """
    node = _node(graph, id)
    params = {key: old for key, old in node.params.items() if key != name}
    known = {parameter.name: parameter for parameter in catalogue.entry(node.type).parameters}
    if name in known:
        fault = known[name].check(value)
        if fault:
            raise GraphError(f"{node.type} {id!r}, {known[name].label.lower()}", got=fault)
        if value != known[name].default:
            params[name] = list(value) if isinstance(value, tuple) else value
    elif value is not None:
        raise GraphError(f"{node.type} {id!r}", got=f"it has no parameter {name!r}")
    for twin in group(graph, id):
        graph = _with_node(graph, changed(_node(graph, twin), params=params))
    return graph


def replace(graph: Graph, id: str, type: str) -> Graph:
    """The network with another layer in a node's place, keeping the parameters and wires that both have."""
    node, new = _node(graph, id), catalogue.entry(type)
    old = catalogue.entries().get(node.type)
    kept = {p.name: node.params[p.name] for p in new.parameters if p.name in node.params}
    kept = {name: value for name, value in kept.items() if not new.parameter(name).check(value)}
    graph = settled(_with_node(graph, changed(node, type=type, params=new.starts() | kept, shares="")))
    outputs = new.outputs_of(new.starts() | kept)
    wires = [_fitted(wire, id, old, new.inputs, outputs) for wire in graph.wires]
    return Graph(graph.nodes, tuple(wire for wire in wires if wire is not None))


def insert(graph: Graph, wire: Wire, type: str, params: dict[str, Any] | None = None) -> Graph:
    """The network with a new node in the midst of a wire; what stands behind it in the row makes room."""
    target = _node(graph, wire.target)
    graph, id = _new(graph, type, params, target.x, target.y)
    graph = _make_room(graph, id, wire.target)
    graph = disconnect(graph, [wire])
    graph = connect(graph, Wire(wire.source, id, wire.source_port, _first_port(type, "inputs")))
    return connect(graph, Wire(id, wire.target, _first_port(type, "outputs"), wire.target_port))


def apply_fix(graph: Graph, fix: Fix) -> Graph:
    """The network mended as the fix says.

    Raises:
        GraphError: the fix speaks of a node that is gone, or of data or training instead of the network.
    """
    match fix.action:
        case "set_parameter":
            return set_parameter(graph, fix.node, fix.name, fix.value)
        case "replace":
            return replace(graph, fix.node, fix.name)
        case "remove":
            return remove(graph, [_node(graph, fix.node).id], rejoin=True)
        case "disconnect":
            wires = [w for w in graph.wires if w.target == fix.node and fix.name in ("", w.target_port)]
            return disconnect(graph, wires)
        case "connect":
            source = _node(graph, fix.value)
            graph, port = _with_output(graph, source, fix.port or _first_port(source.type, "outputs"))
            return connect(graph, Wire(source.id, fix.node, port, fix.name))
        case "splice":
            return _splice(graph, fix)
        case "insert_before":
            return _insert_before(graph, fix)
        case "insert_after":
            return _insert_after(graph, fix)
        case "own_weights":
            return own(graph, fix.node)
        case "add_loss":
            return _add_loss(graph, fix)
    raise GraphError("fix", got=f"{fix.label!r} changes no network")


def downstream(graph: Graph, id: str) -> set[str]:
    """The node and all that its outputs lead to."""
    following: dict[str, list[str]] = {}
    for wire in graph.wires:
        following.setdefault(wire.source, []).append(wire.target)
    found, waiting = {id}, [id]
    while waiting:
        new = set(following.get(waiting.pop(), ())) - found
        found |= new
        waiting.extend(new)
    return found


def tail(graph: Graph, id: str) -> list[str]:
    """The node and what follows it one by one up to an open end; nothing where the way parts."""
    chain = [id]
    while leaving := [wire.target for wire in graph.wires if wire.source == chain[-1]]:
        if len(leaving) > 1 or leaving[0] in chain:
            return []
        chain.append(leaving[0])
    return chain


def open_ends(graph: Graph) -> list[Node]:
    """The nodes whose output goes nowhere: wired ones before lone ones, and of each the last made first."""
    used = {wire.source for wire in graph.wires}
    fed = {wire.target for wire in graph.wires}
    known = catalogue.entries()
    ends = [n for n in reversed(graph.nodes) if n.id not in used and n.type in known and known[n.type].outputs]
    return sorted(ends, key=lambda node: node.id not in fed)


def _with_output(graph: Graph, node: Node, port: str) -> tuple[Graph, str]:
    """The network where a node gives what it gives at that port only if it is told to."""
    entry = catalogue.entry(node.type)
    if port in entry.outputs and port not in entry.outputs_of(node.params):
        graph = set_parameter(graph, node.id, entry.switch, True)
    return graph, port


def _node(graph: Graph, id: str) -> Node:
    for node in graph.nodes:
        if node.id == id:
            return node
    raise GraphError(f"node {id!r}", got="it is not in the network")


def _with_node(graph: Graph, new: Node) -> Graph:
    return Graph(tuple(new if node.id == new.id else node for node in graph.nodes), graph.wires)


def _new(graph: Graph, type: str, params: dict[str, Any] | None, x: float, y: float) -> tuple[Graph, str]:
    id = unique_id(graph, type)
    graph = add(graph, Node(id, type, catalogue.entry(type).starts(), x, y))
    for name, value in (params or {}).items():
        graph = set_parameter(graph, id, name, value)
    return graph, id


def _origin(graph: Graph, wire: Wire, gone: set[str]) -> Wire | None:
    """The wire that feeds, through the first inputs of nodes about to go, what this wire carries."""
    entering: dict[str, list[Wire]] = {}
    for other in graph.wires:
        entering.setdefault(other.target, []).append(other)
    seen: set[str] = set()
    while wire.source in gone and wire.source not in seen:
        seen.add(wire.source)
        if wire.source not in entering:
            return None
        wire = min(entering[wire.source], key=lambda w: _port_rank(_node(graph, w.target).type, w.target_port))
    return None if wire.source in gone else wire


def _port_rank(type: str, port: str) -> int:
    known = catalogue.entries().get(type)
    return known.inputs.index(port) if known and port in known.inputs else 99


def _check_end(graph: Graph, id: str, port: str, side: str) -> None:
    node = _node(graph, id)
    entry = catalogue.entry(node.type)
    ports = entry.inputs if side == "inputs" else entry.outputs_of(node.params)
    if port not in ports:
        raise GraphError(f"{node.type} {id!r}", got=f"it has no {side[:-1]} {port!r}",
                         expected=" or ".join(map(repr, ports)) or f"no {side[:-1]} at all")  # fmt: skip


def _fitted(
    wire: Wire, id: str, old: catalogue.Entry | None, inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> Wire | None:
    """The wire at the port of the new layer that has the same name, else the same place; None where there is none."""
    if wire.target == id:
        port = _same_port(wire.target_port, old.inputs if old else (), inputs)
        return changed(wire, target_port=port) if port else None
    if wire.source == id:
        port = _same_port(wire.source_port, old.outputs if old else (), outputs)
        return changed(wire, source_port=port) if port else None
    return wire


def _same_port(port: str, old: tuple[str, ...], new: tuple[str, ...]) -> str:
    place = old.index(port) if port in old else 0
    return port if port in new else new[place] if place < len(new) else ""


def pitch(node: Node) -> float:
    """Pixels from a node to the next in its row: more behind one with a long title, which is wider.

    >>> pitch(Node("relu1", "ReLU")), pitch(Node("pool1", "AdaptiveMaxPool1d"))
    (160.0, 201.5)
    """
    known = catalogue.entries().get(node.type)
    title = node.title or (known.title if known is not None else node.type)
    return max(PITCH, LETTER * len(title) + AROUND)


def _make_room(graph: Graph, new: str, target: str) -> Graph:
    place = _node(graph, target)
    behind = downstream(graph, target)
    row = {n.id for n in graph.nodes if n.id in behind and abs(n.y - place.y) < ROW and n.x >= place.x} - {new}
    return Graph(tuple(changed(n, x=n.x + PITCH) if n.id in row else n for n in graph.nodes), graph.wires)


def _first_port(type: str, side: str) -> str:
    ports = getattr(catalogue.entry(type), side)
    if not ports:
        raise GraphError(type, got=f"it has no {side[:-1]} to wire")
    return ports[0]


def _insert_before(graph: Graph, fix: Fix) -> Graph:
    """On the wire into the named input, else the first; where none enters, the new node is wired to it alone."""
    node = _node(graph, fix.node)
    into = {w.target_port: w for w in graph.wires if w.target == node.id and fix.port in ("", w.target_port)}
    wire = min(into.values(), key=lambda w: _port_rank(node.type, w.target_port), default=None)
    if wire is not None and catalogue.entry(fix.name).inputs:
        return insert(graph, wire, fix.name, fix.value)
    graph, id = _new(graph, fix.name, fix.value, node.x - PITCH, node.y)
    port = fix.port or _first_port(node.type, "inputs")
    return connect(graph, Wire(id, node.id, _first_port(fix.name, "outputs"), port))


def _insert_after(graph: Graph, fix: Fix) -> Graph:
    node = _node(graph, fix.node)
    graph, id = _new(graph, fix.name, fix.value, node.x + pitch(node), node.y)
    leaving = [wire for wire in graph.wires if wire.source == node.id]
    for target in {wire.target for wire in leaving}:
        graph = _make_room(graph, id, target) if abs(_node(graph, target).y - node.y) < ROW else graph
    graph = disconnect(graph, leaving)
    source_port = leaving[0].source_port if leaving else _first_port(node.type, "outputs")
    graph = connect(graph, Wire(node.id, id, source_port, _first_port(fix.name, "inputs")))
    for wire in leaving:
        graph = connect(graph, Wire(id, wire.target, _first_port(fix.name, "outputs"), wire.target_port))
    return graph


def _splice(graph: Graph, fix: Fix) -> Graph:
    """A node with what hangs on it goes behind another and feeds what that one fed; it moves there."""
    source, chain = _node(graph, fix.value), tail(graph, fix.node)
    if not chain or source.id in chain:
        raise GraphError(f"node {fix.node!r}", got=f"it cannot go behind {source.id!r}")
    leaving = [wire for wire in graph.wires if wire.source == source.id]
    graph = disconnect(graph, leaving)
    for place, id in enumerate(chain, start=1):
        for target in {wire.target for wire in leaving}:
            graph = _make_room(graph, id, target) if abs(_node(graph, target).y - source.y) < ROW else graph
        graph = _with_node(graph, changed(_node(graph, id), x=source.x + place * PITCH, y=source.y))
    graph = connect(graph, Wire(source.id, fix.node, _first_port(source.type, "outputs"), fix.name))
    for wire in leaving:
        output = _first_port(_node(graph, chain[-1]).type, "outputs")
        graph = connect(graph, Wire(chain[-1], wire.target, output, wire.target_port))
    return graph


def _add_loss(graph: Graph, fix: Fix) -> Graph:
    ends = [_node(graph, fix.node)] if fix.node else open_ends(graph)
    x, y = (ends[0].x + pitch(ends[0]), ends[0].y) if ends else (0.0, 0.0)
    graph, id = _new(graph, fix.name, fix.value, x, y)
    if not ends:
        return graph
    return connect(graph, Wire(ends[0].id, id, _first_port(ends[0].type, "outputs"), _first_port(fix.name, "inputs")))
