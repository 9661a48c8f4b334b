"""Layers that are used in several places with one set of weights, as the twins of a siamese network.

One node has the weights; the others name it in `shares`. All of them have the same parameters.
"""

from __future__ import annotations

from msgspec.structs import replace

from engine.errors import GraphError
from engine.graph import catalogue
from engine.graph.network import Network
from engine.graph.spec import Graph, Node, may_share


def owner(node: Node) -> str:
    """The id of the node that has the weights."""
    return node.shares or node.id


def group(graph: Graph, id: str) -> tuple[str, ...]:
    """All nodes that use the same weights as this one, itself among them.

    >>> group(Graph((Node("a", "Linear"), Node("b", "Linear", shares="a"), Node("c", "Linear"))), "b")
    ('a', 'b')
    """
    whose = owner(graph.node(id))
    return tuple(node.id for node in graph.nodes if owner(node) == whose)


def read_alike(network: Network) -> list[tuple[str, ...]]:
    """The fields of one kind and shape that go into layers with the same weights, and are to be scaled as one."""
    fields = {field.name: (field.kind, field.shape) for field in network.fields if field.role == "input"}
    alike: dict[str, set[str]] = {name: {name} for name in fields}
    for node in network.graph.nodes:
        if node.shares:
            here, there = (_field_behind(network, id) for id in (node.id, node.shares))
            if here and there and fields[here] == fields[there]:
                alike[here] |= alike[there]
                alike |= dict.fromkeys(alike[here], alike[here])
    groups = {tuple(name for name in fields if name in group) for group in alike.values() if len(group) > 1}
    return sorted(groups)


def _field_behind(network: Network, id: str) -> str:
    """The one field that reaches a node; "" where there are several."""
    inputs = [network.nodes[other] for other in network.upstream(id) if network.nodes[other].type == "Input"]
    only = [field.name for field in network.fields if field.role == "input"]
    names = {node.params.get("field") or (only[0] if len(only) == 1 else "") for node in inputs}
    name = names.pop() if len(names) == 1 else ""
    return name if name in only else ""


def share(graph: Graph, id: str, other: str) -> Graph:
    """The network where a node uses the weights of another, and has its parameters.

    Raises:
        GraphError: they are layers of different kinds, or such as have no weights to share.
    """
    node, source = graph.node(id), graph.node(owner(graph.node(other)))
    if node.id == source.id:
        return graph
    if node.type != source.type or catalogue.entry(node.type).kind != "layer" or node.type == "Input":
        raise GraphError(f"{node.type} {id!r}", got=f"it cannot use the weights of {source.type} {source.id!r}",
                         expected="a layer of the same kind, with weights")  # fmt: skip
    return _with(own(graph, id), {id: replace(node, shares=source.id, params=source.params)})


def own(graph: Graph, id: str) -> Graph:
    """The network where a node has weights of its own again; those that used its weights share among themselves."""
    node = graph.node(id)
    if node.shares:
        return _with(graph, {id: replace(node, shares="")})
    twins = [other for other in graph.nodes if other.shares == id]
    return _with(graph, {other.id: replace(other, shares="" if other is twins[0] else twins[0].id) for other in twins})


def settled(graph: Graph) -> Graph:
    """The network where every node that shares names one of its kind that has the weights.

    Where the one it names is gone, or has become another layer, the first that named it takes its place.
    """
    nodes, heirs, changed = {node.id: node for node in graph.nodes}, {}, {}
    for node in graph.nodes:
        if node.shares and not may_share(node, nodes.get(node.shares)):
            heir = heirs.setdefault((node.shares, node.type), node.id)
            changed[node.id] = replace(node, shares="" if heir == node.id else heir)
    return _with(graph, changed) if changed else graph


def _with(graph: Graph, changed: dict[str, Node]) -> Graph:
    return Graph(tuple(changed.get(node.id, node) for node in graph.nodes), graph.wires)
