"""Nodes on the clipboard: JSON under a mime type of its own, checked on paste as any other input."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from msgspec import Struct

from engine.errors import GraphError, ProjectError
from engine.graph import catalogue, edit
from engine.graph.sharing import owner, settled
from engine.graph.spec import SCHEMA, Graph, Node, Wire
from engine.wording import format_size

MIME = "application/x-layerloom-nodes"
LARGEST = 8 * 1024 * 1024
STEP = 24.0
"""How far a paste moves aside when it would land exactly on other nodes, in pixels."""


class Clip(Struct, frozen=True, forbid_unknown_fields=True):
    """Some nodes and the wires among them."""

    schema: int
    nodes: tuple[Node, ...]
    wires: tuple[Wire, ...]


def copy(graph: Graph, ids: list[str]) -> bytes:
    """The nodes and the wires among them."""
    chosen = set(ids)
    nodes = tuple(n for n in graph.nodes if n.id in chosen)
    wires = tuple(w for w in graph.wires if w.source in chosen and w.target in chosen)
    return msgspec.json.encode(Clip(SCHEMA, nodes, wires))


def read(content: bytes) -> Clip:
    """The nodes on the clipboard.

    Raises:
        ProjectError: too long, not ours, a newer schema, a wire to nowhere.
        GraphError: a layer that the catalogue does not know.
    """
    where = "the clipboard"
    if len(content) > LARGEST:
        got, most = format_size(len(content)), format_size(LARGEST)
        raise ProjectError(where, got=f"it holds {got}", expected=f"{most} at most")
    try:
        clip = msgspec.json.decode(content, type=Clip)
    except msgspec.DecodeError:
        raise ProjectError(where, got="what it holds is no layers", expected="layers copied from a network") from None
    if clip.schema != SCHEMA:
        raise ProjectError(where, got=f"the layers come from another version (schema {clip.schema})",
                           expected=f"schema {SCHEMA}")  # fmt: skip
    for node in clip.nodes:
        catalogue.entry(node.type)
    ids = [node.id for node in clip.nodes]
    ends = [end for wire in clip.wires for end in (wire.source, wire.target)]
    if len(set(ids)) != len(ids) or not set(ends) <= set(ids):
        raise ProjectError(where, got="its wires and layers do not belong together")
    return clip


def paste(graph: Graph, clip: Clip, x: float, y: float, sharing: Collection[str] = ()) -> tuple[Graph, list[str]]:
    """The graph with the clip's nodes under new ids, the upper left one at (x, y) or a step beside it.

    Those of `sharing` use the weights of the nodes that they were copied from.
    """
    if not clip.nodes:
        raise GraphError("the clipboard", got="it holds no layers")
    left, top = min(n.x for n in clip.nodes), min(n.y for n in clip.nodes)
    taken = {(round(n.x), round(n.y)) for n in graph.nodes}
    while any((round(n.x - left + x), round(n.y - top + y)) in taken for n in clip.nodes):
        x, y = x + STEP, y + STEP
    names: dict[str, str] = {}
    for node in clip.nodes:
        names[node.id] = edit.unique_id(graph, node.type)
        moved = msgspec.structs.replace(node, id=names[node.id], x=node.x - left + x, y=node.y - top + y)
        graph = edit.add(graph, moved)
    for wire in clip.wires:
        graph = edit.connect(graph, msgspec.structs.replace(wire, source=names[wire.source], target=names[wire.target]))
    nodes = {node.id: node for node in graph.nodes}
    for node in clip.nodes:
        source = owner(node) if node.id in sharing else names.get(node.shares, node.shares)
        nodes[names[node.id]] = msgspec.structs.replace(nodes[names[node.id]], shares=source)
    return settled(Graph(tuple(nodes.values()), graph.wires)), list(names.values())
