"""A small network that fits given data: what stands on the canvas after one's own file was dropped."""

from __future__ import annotations

from engine.graph import templates
from engine.graph.spec import DataSpec, FieldSpec, Graph


def first_network(data: DataSpec) -> Graph:
    """Convolutions for images, two dense layers for everything else, and the loss that the target asks for.

    >>> from engine.data import describe
    >>> [node.type for node in first_network(describe(DataSpec("bundled:breast-cancer"))).nodes]
    ['Input', 'Linear', 'ReLU', 'Linear', 'CrossEntropyLoss']
    """
    source = next((f for f in data.fields if f.role == "input"), None)
    target = next((f for f in data.fields if f.role == "target"), None)
    if source is None:
        return Graph()
    chain = [("Input", {"field": source.name}), *(_images(source) if source.kind == "image" else _dense())]
    if target is not None:
        is_class = target.kind == "category"
        chain.append(("Linear", {"out_features": max(2, len(target.classes)) if is_class else 1}))
        if is_class:
            chain.append(("CrossEntropyLoss", {"target": target.name}))
        else:  # prices of 200,000 are as good as rates of 0.01
            chain.append(("MSELoss", {"target": target.name, "scale_target": True}))
    return templates.chain(chain)


def _dense() -> list:
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
