"""What a project's network is for: to tell classes, one of two, or values; read off its loss, or its data."""

from __future__ import annotations

from typing import Literal

from engine.graph.catalogue import PREDICTIONS
from engine.graph.spec import FieldSpec, Project

TaskKind = Literal["classification", "binary", "regression"]
TASKS: dict[str, TaskKind] = {
    "classes": "classification",
    "binary": "binary",
    "probability": "binary",
    "sign": "binary",
    "order": "binary",
    "value": "regression",
    "count": "regression",
    "distribution": "regression",
    "mask": "regression",
    "box": "regression",
}
"""What a loss says that the network predicts -> what it is for."""


def target_of(project: Project) -> FieldSpec | None:
    """What the network is to predict; None before there are data."""
    return next((field for field in project.data.fields if field.role == "target"), None)


def task_of(project: Project) -> TaskKind:
    """By the first loss, or by the data where there is none yet.

    >>> from engine.graph.templates import create
    >>> task_of(create("digits-cnn")), task_of(create("breast-cancer")), task_of(create("linear-regression"))
    ('classification', 'binary', 'regression')
    """
    found = next((PREDICTIONS[node.type] for node in project.graph.nodes if node.type in PREDICTIONS), None)
    if found is not None:
        return TASKS[found]
    target = target_of(project)
    return "regression" if target is not None and target.kind == "number" else "classification"
