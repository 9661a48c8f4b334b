"""Fields, and the one problem of a network and its mend, for the tests of inference."""

from __future__ import annotations

from engine.graph import edit
from engine.graph.infer import Inference, Problem, infer
from engine.graph.spec import FieldSpec, Graph
from engine.graph.templates import chain

IMAGE = FieldSpec("image", "image", (1, 8, 8), "input")
LABEL = FieldSpec("label", "category", (), "target", "int64", tuple("0123456789"))
VECTOR = FieldSpec("features", "vector", (30,), "input")
SIDE = FieldSpec("side", "category", (), "target", "int64", ("left", "right"))
PRICE = FieldSpec("price", "number", (1,), "target")
DIGITS = (IMAGE, LABEL)


def only(inference: Inference, severity: str = "error") -> Problem:
    """The one problem of that severity; each is a sentence that ends in a full stop."""
    found = [problem for problem in inference.problems if problem.severity == severity]
    assert len(found) == 1, [problem.message for problem in inference.problems]
    assert found[0].message[0].isupper()
    assert found[0].message.endswith(".")
    assert "7919" not in found[0].message
    return found[0]


def mended(graph: Graph, fields, fix_label: str | None = None, severity: str = "error") -> Graph:
    """The graph after the fix of that label (or the first) of its one problem."""
    problem = only(infer(graph, fields), severity)
    assert problem.fixes, problem.message
    fix = next(f for f in problem.fixes if fix_label in (None, f.label))
    return edit.apply_fix(graph, fix)


def classifier(outputs: int, loss: str = "CrossEntropyLoss", *before_loss: str) -> Graph:
    return chain([("Input", {}), ("Linear", {"out_features": 8}), ("ReLU", {}), ("Linear", {"out_features": outputs}),
                  *((type, {}) for type in before_loss), (loss, {})])  # fmt: skip
