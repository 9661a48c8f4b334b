"""Masks and flags are learned, boxes by generalised IoU, distributions by the divergence from them."""

from __future__ import annotations

import numpy as np
import pytest

from engine.data import DataSpec, FieldSpec, describe
from engine.graph import edit
from engine.graph.infer import infer
from engine.graph.script import to_script
from engine.graph.spec import Choice, Graph, Node, Project, TrainingSpec, Wire
from engine.train.run import train
from engine.train.run_folder import RunFolder
from engine.train.task import Predictor

ROWS, SIDE = 300, 6


def samples(loss):
    """A bar, and where it is lit, or how much; or a row of numbers, and the box that they span."""
    rng = np.random.default_rng(0)
    if loss != "GIoULoss":
        x = rng.standard_normal((ROWS, SIDE)).astype(np.float32)
        if loss == "KLDivLoss":
            return x, (np.exp(x) / np.exp(x).sum(1, keepdims=True)).astype(np.float32)
        return x, (x > 0.3).astype(np.float32)
    corner, size = rng.uniform(0, 1, (ROWS, 2)), rng.uniform(0.3, 1, (ROWS, 2))
    box = np.concatenate([corner, corner + size], 1).astype(np.float32)
    return (box @ rng.standard_normal((4, SIDE))).astype(np.float32), box


def chain(loss, outputs):
    nodes = (Node("x", "Input", {"field": "x"}), Node("out", "Linear", {"out_features": outputs}),
             Node("loss", loss, {"target": "y"}))  # fmt: skip
    wires = (Wire("x", "out"), Wire("out", "loss", target_port="input"))
    if loss == "KLDivLoss":  # which takes logarithms
        nodes = (*nodes, Node("logs", "LogSoftmax"))
        wires = (wires[0], Wire("out", "logs"), Wire("logs", "loss", target_port="input"))
    if loss == "GIoULoss":  # which only draws boxes together that are boxes already
        nodes = (*nodes, Node("sides", "L1Loss", {"target": "y"}))
        wires = (*wires, Wire("out", "sides", target_port="input"))
    return Graph(nodes, wires)


@pytest.fixture(scope="module", params=["DiceLoss", "TverskyLoss", "GIoULoss", "KLDivLoss", "MultiLabelSoftMarginLoss"])
def trained(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("regions")
    x, y = samples(request.param)
    np.savez(folder / "data.npz", x=x, y=y)
    source = DataSpec(source=str(folder / "data.npz"), reader="npz", roles={"x": "input", "y": "target"}, batch_size=30)
    project = Project(graph=chain(request.param, y.shape[1]), data=describe(source),
                      training=TrainingSpec(Choice("Adam", {"lr": 0.05}), epochs=30))  # fmt: skip
    with RunFolder(folder / "run") as run:
        ended = train(project, run)
    return project, ended, x, y


def test_the_loss_is_learned_and_figures_are_of_what_it_answers(trained):
    _, result, _, y = trained
    alone = np.abs(y - y.mean(0)).mean()  # what the mean misses by
    assert result.ended.validation["mae"] < alone / 2


def test_the_network_answers_with_shares_and_with_sides_of_a_box(trained):
    project, _, x, _ = trained
    predictor = Predictor(project)
    inputs = predictor.prepared({"x": x[:5]})
    plain = predictor.judged(predictor.model(inputs)).detach().numpy()
    read = {"GIoULoss": lambda sides: sides, "KLDivLoss": np.exp}
    wanted = read.get(project.graph.nodes[2].type, lambda logits: 1 / (1 + np.exp(-logits)))(plain)
    np.testing.assert_allclose(predictor.scores(inputs), wanted, rtol=1e-5)


def test_the_script_measures_the_same(trained):
    text = to_script(trained[0])
    answer = {"GIoULoss": "outputs[0]", "KLDivLoss": "outputs[0].exp()"}.get(
        trained[0].graph.nodes[2].type, "outputs[0].sigmoid()"
    )
    assert f"({answer} - targets[0]).abs()" in text


def test_boxes_are_asked_for_where_the_target_is_none():
    fields = FieldSpec("x", "vector", (SIDE,), "input"), FieldSpec("y", "vector", (3,), "target")
    (problem,) = (p for p in infer(chain("GIoULoss", 3), fields).problems if p.node == "loss")
    assert "compares boxes, left, top, right and bottom, but 'y' is N x 3" in problem.message
    assert [fix.label for fix in problem.fixes] == ["Make it Mean squared error", "Make it Mean absolute error"]


def test_a_loss_of_distributions_takes_no_single_number():
    numbers = (FieldSpec("x", "vector", (4,), "input"), FieldSpec("y", "number", (1,), "target"))
    (problem,) = [p for p in infer(chain("KLDivLoss", 1), numbers).problems if p.severity == "error"]
    assert "compares distributions, a share for each of several values, but 'y' is one number" in problem.message


@pytest.mark.parametrize("loss", ["DiceLoss", "TverskyLoss"])
def test_a_loss_of_masks_takes_no_single_number(loss):
    numbers = (FieldSpec("x", "vector", (4,), "input"), FieldSpec("price", "number", (1,), "target"))
    graph = edit.set_parameter(chain(loss, 1), "loss", "target", "price")
    (problem,) = [p for p in infer(graph, numbers).problems if p.severity == "error"]
    assert "compares masks, a share for each place, but 'price' is a single number" in problem.message
    assert problem.fixes[0].label == "Make it Mean squared error"
