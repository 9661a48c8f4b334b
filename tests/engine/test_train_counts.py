"""Counts are learned by Poisson's loss: the network gives log rates, everybody else sees rates."""

from __future__ import annotations

import numpy as np
import pytest

from engine.data import DataSpec, describe
from engine.graph.script import to_script
from engine.graph.spec import Choice, Graph, Node, Project, TrainingSpec, Wire
from engine.train.run import train
from engine.train.run_folder import RunFolder
from engine.train.task import Predictor

ROWS = 400


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Visits at a rate of exp(3 + 1.5 x), learned by a single layer."""
    folder, rng = tmp_path_factory.mktemp("visits"), np.random.default_rng(0)
    x = rng.uniform(-1, 1, ROWS)
    rows = [f"{a:.4f},{n}" for a, n in zip(x, rng.poisson(np.exp(3 + 1.5 * x)))]
    (folder / "visits.csv").write_text("\n".join(["x,visits", *rows]) + "\n")
    roles = {"x": "input", "visits": "target"}
    data = describe(DataSpec(source=str(folder / "visits.csv"), reader="csv", roles=roles, batch_size=40))
    nodes = (Node("x", "Input", {"field": data.fields[0].name}), Node("rate", "Linear", {"out_features": 1}),
             Node("loss", "PoissonNLLLoss", {"target": "visits"}))  # fmt: skip
    graph = Graph(nodes, (Wire("x", "rate"), Wire("rate", "loss", target_port="input")))
    project = Project(graph=graph, data=data, training=TrainingSpec(Choice("Adam", {"lr": 0.05}), epochs=30))
    with RunFolder(folder / "run") as run:
        ended = train(project, run)
    return project, ended


def test_figures_are_of_rates_and_not_of_their_logarithms(trained):
    _, result = trained
    assert result.ended.validation["r2"] > 0.8
    assert result.ended.validation["mae"] < 6  # the rate alone is off by about 4


def test_the_network_answers_with_a_rate(trained):
    project, _ = trained
    predictor = Predictor(project)
    inputs = predictor.prepared({project.data.fields[0].name: np.zeros((1, 1), np.float32)})
    assert predictor.scores(inputs)[0, 0] == pytest.approx(np.exp(predictor.model(inputs).item()), rel=1e-6)


def test_the_script_measures_rates(trained):
    project, _ = trained
    text = to_script(project)
    assert "nn.PoissonNLLLoss(log_input=True)" in text
    assert "(outputs[0].exp() - targets[0]).abs()" in text
