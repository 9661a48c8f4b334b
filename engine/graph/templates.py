"""The projects of the start page: a network, real data and settings that train well as they stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

from engine import data
from engine.errors import ProjectError
from engine.graph import catalogue, edit
from engine.graph.spec import Choice, DataSpec, EarlyStopping, Graph, Node, Project, TrainingSpec, Wire

ROW_LENGTH = 6
"""Nodes in a row at most: so many are still legible across a window of 1366 pixels."""
PITCH_X, PITCH_Y = 160.0, 180.0
"""Pixels from a node to the next in its row, and from a row to the one below."""


@dataclass(frozen=True)
class Template:
    """What the start page shows of a template."""

    name: str
    title: str
    summary: str
    application: str


@dataclass(frozen=True)
class _Recipe:
    template: Template
    layers: tuple[tuple[str, dict[str, Any]], ...]
    data: DataSpec
    training: TrainingSpec


def names() -> tuple[str, ...]:
    """The templates' names in the order of the start page.

    >>> names()[0]
    'digits-cnn'
    """
    return tuple(_RECIPES)


def describe(name: str) -> Template:
    """Title and summary of a template. Raises ProjectError where there is none of that name."""
    return _recipe(name).template


def create(name: str) -> Project:
    """A new project from a template.

    Raises:
        ProjectError: there is no template of that name.

    >>> [node.type for node in create("linear-regression").graph.nodes]
    ['Input', 'Linear', 'MSELoss']
    """
    recipe = _recipe(name)
    return Project(
        name=recipe.template.title,
        graph=chain(recipe.layers),
        data=data.describe(recipe.data, None),
        training=recipe.training,
    )


def chain(layers: Iterable[tuple[str, dict[str, Any]]]) -> Graph:
    """Layers wired one behind the other, in as few rows as will do, each about as long as the others.

    >>> graph = chain([("Input", {}), ("Linear", {"out_features": 1})])
    >>> [wire.target for wire in graph.wires]
    ['fc1']
    """
    layers, graph = list(layers), Graph()
    rows = ceil(len(layers) / ROW_LENGTH)
    for place, (type, params) in enumerate(layers):
        y = place * rows // len(layers) * PITCH_Y
        previous = graph.nodes[-1] if graph.nodes else None
        x = previous.x + edit.pitch(previous) if previous is not None and previous.y == y else 0.0
        node = Node(edit.unique_id(graph, type), type, params, x, y)
        graph = edit.add(graph, node)
        if previous is not None:
            graph = edit.connect(graph, Wire(previous.id, node.id, target_port=catalogue.entry(type).inputs[0]))
    return graph


def _recipe(name: str) -> _Recipe:
    if name not in _RECIPES:
        raise ProjectError("template", got=f"there is none called {name!r}", expected=f"one of {', '.join(_RECIPES)}")
    return _RECIPES[name]


_RECIPES = {
    recipe.template.name: recipe
    for recipe in (
        _Recipe(
            Template(
                "digits-cnn",
                "Digits, with convolutions",
                "Small filters learn strokes and loops, and tell 1,797 handwritten digits apart.",
                "Image classification",
            ),
            (
                ("Input", {"field": "image"}),
                ("Conv2d", {"out_channels": 16, "kernel_size": 3, "padding": 1}),
                ("ReLU", {}),
                ("MaxPool2d", {"kernel_size": 2}),
                ("Conv2d", {"out_channels": 32, "kernel_size": 3, "padding": 1}),
                ("ReLU", {}),
                ("Dropout", {"p": 0.25}),
                ("Flatten", {}),
                ("Linear", {"out_features": 10}),
                ("CrossEntropyLoss", {"target": "label"}),
            ),
            DataSpec(source="bundled:digits", batch_size=64, scaling="unit"),
            TrainingSpec(Choice("Adam", {"lr": 0.005}), epochs=10),
        ),
        _Recipe(
            Template(
                "digits-mlp",
                "Digits, with dense layers",
                "The same digits read as a row of 64 numbers: the simplest network that can tell them apart.",
                "Image classification",
            ),
            (
                ("Input", {"field": "image"}),
                ("Flatten", {}),
                ("Linear", {"out_features": 64}),
                ("ReLU", {}),
                ("Linear", {"out_features": 10}),
                ("CrossEntropyLoss", {"target": "label"}),
            ),
            DataSpec(source="bundled:digits", batch_size=64, scaling="unit"),
            TrainingSpec(Choice("Adam", {"lr": 0.003}), epochs=30),
        ),
        _Recipe(
            Template(
                "breast-cancer",
                "Breast cancer",
                "30 measures of cell nuclei go in, benign or malignant comes out.",
                "Tabular classification",
            ),
            (
                ("Input", {"field": "features"}),
                ("Linear", {"out_features": 16}),
                ("ReLU", {}),
                ("Dropout", {"p": 0.25}),
                ("Linear", {"out_features": 1}),
                ("BCEWithLogitsLoss", {"target": "diagnosis"}),
            ),
            DataSpec(source="bundled:breast-cancer", batch_size=32, scaling="standard"),
            TrainingSpec(Choice("Adam", {"lr": 0.003}), epochs=40, early_stopping=EarlyStopping(patience=15)),
        ),
        _Recipe(
            Template(
                "spirals",
                "Two spirals",
                "Points of two entwined spirals (generated): watch the boundary bend between them.",
                "2-D points",
            ),
            (
                ("Input", {"field": "features"}),
                ("Linear", {"out_features": 32}),
                ("ReLU", {}),
                ("Linear", {"out_features": 32}),
                ("ReLU", {}),
                ("Linear", {"out_features": 2}),
                ("CrossEntropyLoss", {"target": "arm"}),
            ),
            DataSpec(source="bundled:spirals", batch_size=32, scaling="standard"),
            TrainingSpec(Choice("Adam", {"lr": 0.005}), epochs=150),
        ),
        _Recipe(
            Template(
                "linear-regression",
                "Linear regression",
                "One line through 442 patients: how body mass index goes with the progress of diabetes.",
                "Regression",
            ),
            (
                ("Input", {"field": "features"}),
                ("Linear", {"out_features": 1}),
                ("MSELoss", {"target": "progression"}),
            ),
            DataSpec(source="bundled:diabetes", options={"columns": ["bmi"]}, batch_size=32, scaling="standard"),
            TrainingSpec(Choice("SGD", {"lr": 0.01}), epochs=40),
        ),
    )
}
