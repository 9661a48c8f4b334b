"""A small network that fits given data: what stands on the canvas after one's own file was dropped."""

from __future__ import annotations

from engine.graph import catalogue, edit, templates
from engine.graph.spec import DataSpec, FieldSpec, Graph, Node, Wire

Layers = list[tuple[str, dict]]
TOGETHER = ("text", "vector")
"""Kinds of fields that are read side by side and joined."""


def first_network(data: DataSpec) -> Graph:
    """Convolutions for images, a table of words for texts, two dense layers for all else, and the target's loss.

    >>> from engine.data import describe
    >>> [node.type for node in first_network(describe(DataSpec("bundled:breast-cancer"))).nodes]
    ['Input', 'Linear', 'ReLU', 'Linear', 'CrossEntropyLoss']
    """
    inputs = sorted((f for f in data.fields if f.role == "input"), key=lambda f: f.kind not in _LAYERS)
    if not inputs:
        return Graph()
    end = _end(next((f for f in data.fields if f.role == "target"), None))
    joined = [field for field in inputs if field.kind in TOGETHER]
    if inputs[0].kind not in TOGETHER or len(joined) < 2:
        return templates.chain([*_branch(inputs[0]), *end])
    return _joined([_branch(field) for field in joined], end)


def _joined(branches: list[Layers], end: Layers) -> Graph:
    """Each branch in a row of its own, one Concat fewer than there are branches, and the end."""
    graph, last, columns = Graph(), [], max(map(len, branches))
    for row, layers in enumerate(branches):
        graph = _append(graph, layers, columns - len(layers), row)
        last.append(graph.nodes[-1].id)
    for row, other in enumerate(last[1:]):
        graph = _append(graph, [("Concat", {})], columns + row, row, last[0] if row == 0 else graph.nodes[-1].id)
        graph = edit.connect(graph, Wire(other, graph.nodes[-1].id, target_port="b"))
    return _append(graph, end, columns + len(last) - 1, len(last) - 2, graph.nodes[-1].id)


def _append(graph: Graph, layers: Layers, column: int, row: int, source: str | None = None) -> Graph:
    """Layers one behind the other from a place on, the first of them behind `source`."""
    for place, (type, params) in enumerate(layers, column):
        node = Node(edit.unique_id(graph, type), type, params, place * templates.PITCH_X, row * templates.PITCH_Y)
        graph = edit.add(graph, node)
        if source is not None:
            graph = edit.connect(graph, Wire(source, node.id, target_port=catalogue.entry(type).inputs[0]))
        source = node.id
    return graph


def _branch(field: FieldSpec) -> Layers:
    return [("Input", {"field": field.name}), *_LAYERS.get(field.kind, _dense)(field)]


def _end(target: FieldSpec | None) -> Layers:
    if target is None:
        return []
    if target.kind == "category":
        outputs = ("Linear", {"out_features": max(2, len(target.classes))})
        return [outputs, ("CrossEntropyLoss", {"target": target.name})]
    # prices of 200,000 are as good as rates of 0.01
    return [("Linear", {"out_features": 1}), ("MSELoss", {"target": target.name, "scale_target": True})]


def _dense(field: FieldSpec) -> Layers:
    return [("Linear", {"out_features": 32}), ("ReLU", {})]


def _images(field: FieldSpec) -> Layers:
    layers: Layers = []
    side = min(field.shape[1:])
    for channels in (16, 32):
        layers += [("Conv2d", {"out_channels": channels, "kernel_size": 3, "padding": 1}), ("ReLU", {})]
        if side >= 4:
            layers.append(("MaxPool2d", {"kernel_size": 2}))
            side //= 2
    return [*layers, ("Flatten", {})]


def _texts(field: FieldSpec) -> Layers:
    """The mean of what each token means: of few texts this learns more than what knows their order."""
    return [("EmbeddingBag", {"num_embeddings": field.vocabulary, "embedding_dim": 32, "padding_idx": 0})]


_LAYERS = {"image": _images, "text": _texts}
"""Kind of the field -> the layers that read it; of several inputs such a one comes first."""
