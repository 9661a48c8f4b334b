"""A project with weights and a picture, for the tests of its file."""

from __future__ import annotations

import numpy as np
from safetensors.numpy import save

from engine.graph.spec import Choice, DataSpec, FieldSpec, Graph, Node, Project, TrainingSpec, Wire

PROJECT = Project(
    name="Digits ü 数字",
    graph=Graph(
        (Node("input1", "Input"), Node("fc1", "Linear", {"out_features": 10}, 160.0, 0.0, "last")),
        (Wire("input1", "fc1"),),
    ),
    data=DataSpec(source="bundled:digits", fields=(FieldSpec("image", "image", (1, 8, 8), "input"),), samples=1797),
    training=TrainingSpec(Choice("SGD", {"lr": 0.1}), Choice("StepLR", {"step_size": 3}), 7, clip_norm=1.0),
)
WEIGHTS = save({"fc1.weight": np.arange(20, dtype="f4").reshape(10, 2), "fc1.bias": np.ones(10, "f4")})
PICTURE = b"\x89PNG\r\n\x1a\n not looked into"
