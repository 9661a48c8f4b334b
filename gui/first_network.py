"""A small network that fits given data: what stands on the canvas after one's own file was dropped."""

from __future__ import annotations

from engine.graph import templates
from engine.graph.spec import DataSpec, FieldSpec, Graph


def first_network(data: DataSpec) -> Graph:
    """Convolutions for images, a table of words for texts, two dense layers for all else, and the target's loss.

    >>> from engine.data import describe
    >>> [node.type for node in first_network(describe(DataSpec("bundled:breast-cancer"))).nodes]
    ['Input', 'Linear', 'ReLU', 'Linear', 'CrossEntropyLoss']
    """
    inputs = sorted((f for f in data.fields if f.role == "input"), key=lambda f: f.kind not in _LAYERS)
    source = inputs[0] if inputs else None
    target = next((f for f in data.fields if f.role == "target"), None)
    if source is None:
        return Graph()
    chain = [("Input", {"field": source.name}), *_LAYERS.get(source.kind, _dense)(source)]
    if target is not None:
        is_class = target.kind == "category"
        chain.append(("Linear", {"out_features": max(2, len(target.classes)) if is_class else 1}))
        if is_class:
            chain.append(("CrossEntropyLoss", {"target": target.name}))
        else:  # prices of 200,000 are as good as rates of 0.01
            chain.append(("MSELoss", {"target": target.name, "scale_target": True}))
    return templates.chain(chain)


def _dense(field: FieldSpec) -> list:
    return [("Linear", {"out_features": 32}), ("ReLU", {})]


def _images(field: FieldSpec) -> list:
    layers: list = []
    side = min(field.shape[1:])
    for channels in (16, 32):
        layers += [("Conv2d", {"out_channels": channels, "kernel_size": 3, "padding": 1}), ("ReLU", {})]
        if side >= 4:
            layers.append(("MaxPool2d", {"kernel_size": 2}))
            side //= 2
    return [*layers, ("Flatten", {})]


def _texts(field: FieldSpec) -> list:
    """The mean of what each token means: of few texts this learns more than what knows their order."""
    return [("EmbeddingBag", {"num_embeddings": field.vocabulary, "embedding_dim": 32, "padding_idx": 0})]


_LAYERS = {"image": _images, "text": _texts}
"""Kind of the field -> the layers that read it; of several inputs such a one comes first."""
