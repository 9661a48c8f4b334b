"""Where nodes stand: pure functions from a Graph to a Graph."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from engine.graph import catalogue, edit
from engine.graph.spec import Graph, Node, Wire
from gui.document import layout

NODE = (118.0, 62.0)
"""Width and height of a node without a long text, in pixels."""


def with_nodes(graph: Graph, changed: Mapping[str, Node]) -> Graph:
    """The graph with these nodes instead of those of the same id."""
    return Graph(tuple(changed.get(node.id, node) for node in graph.nodes), graph.wires)


def moved(graph: Graph, positions: Mapping[str, tuple[float, float]]) -> Graph:
    """The graph with nodes at other places."""
    places = {id: (float(x), float(y)) for id, (x, y) in positions.items()}
    return Graph(
        tuple(
            replace(node, x=places[node.id][0], y=places[node.id][1])
            if node.id in places and places[node.id] != (node.x, node.y)
            else node
            for node in graph.nodes
        ),
        graph.wires,
    )


def arranged(graph: Graph, sizes: Mapping[str, tuple[float, float]], width: float) -> Graph:
    """The graph laid out anew, in rows of at most `width`."""
    every = {node.id: sizes.get(node.id, NODE) for node in graph.nodes}
    ports = {node.id: catalogue.entries()[node.type].inputs for node in graph.nodes if node.type in catalogue.entries()}

    def place(wire: Wire) -> int:
        inputs = ports.get(wire.target, ())
        return inputs.index(wire.target_port) if wire.target_port in inputs else 0

    wires = [(wire.source, wire.target) for wire in sorted(graph.wires, key=place)]
    return moved(graph, layout.arrange(every, wires, width=width))


def make_room(graph: Graph, id: str, wire: Wire) -> Graph:
    """Stand a node just put into `wire` in line with its neighbours, and push what comes behind it to the right."""
    node, source, target = graph.node(id), graph.node(wire.source), graph.node(wire.target)
    if abs(node.y - source.y) < NODE[1] and node.x < source.x + edit.pitch(source):
        graph = moved(graph, {id: (source.x + edit.pitch(source), source.y)})
        node = graph.node(id)
    missing = node.x + edit.pitch(node) - target.x
    if not 0 < missing < 2 * edit.pitch(node) or abs(target.y - node.y) >= NODE[1]:
        return graph
    downstream = edit.downstream(graph, wire.target)
    row = {n.id: (n.x + missing, n.y) for n in graph.nodes if n.id in downstream and abs(n.y - target.y) < NODE[1]}
    return moved(graph, row)
