"""Losses that compare several outputs, layers that share their weights, and data without a target."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from msgspec.structs import replace

import engine
from engine import data, nn
from engine.errors import DataError, GraphError, ProjectError
from engine.graph import catalogue, edit, sharing
from engine.graph.answers import ANSWERS, answer
from engine.graph.build import build, losses
from engine.graph.infer import infer
from engine.graph.network import Network
from engine.graph.spec import (
    Choice,
    DataSpec,
    FieldSpec,
    Graph,
    Node,
    Project,
    TrainingSpec,
    Wire,
    decode,
    encode,
)
from engine.train.task import Predictor, Task
from tests.engine.projects import learned_twice

ROWS = 60
SAME = FieldSpec("same", "category", (), "target", "int64", classes=("no", "yes"))
PRICE = FieldSpec("price", "number", (1,), "target")


def field(name: str, size: int = 6) -> FieldSpec:
    return FieldSpec(name, "vector", (size,), "input")


def twins(loss: str, width: int, ends: tuple[Node, ...] = (), ports: tuple[str, ...] = ()) -> Graph:
    """An Input and a Linear for each of the loss's outputs, or of `ports` of the layers between; one set of weights."""
    between = ends[0] if ends else Node("loss1", loss)
    ports = ports or catalogue.entry(between.type).inputs
    nodes, wires = [], []
    for n, port in enumerate(ports):
        nodes.append(Node(f"in{n}", "Input", {"field": f"x{n}"}))
        nodes.append(Node(f"fc{n}", "Linear", {"out_features": width}, shares="fc0" if n else ""))
        wires += [Wire(f"in{n}", f"fc{n}"), Wire(f"fc{n}", between.id, target_port=port)]
    if ends:
        wires.append(Wire(between.id, "loss1", target_port=catalogue.entry(loss).inputs[0]))
    return Graph((*nodes, *ends, Node("loss1", loss)), tuple(wires))


def gaussian(*variance: str) -> Graph:
    """A mean, and a variance behind these layers."""
    nodes = [Node("x", "Input", {"field": "x0"}), Node("mean", "Linear", {"out_features": 1}),
             Node("var", "Linear", {"out_features": 1}), *(Node(f"v{n}", type) for n, type in enumerate(variance)),
             Node("loss1", "GaussianNLLLoss")]  # fmt: skip
    chain = ["var", *(f"v{n}" for n in range(len(variance)))]
    wires = [Wire("x", "mean"), Wire("x", "var"), Wire("mean", "loss1", target_port="input")]
    wires += [Wire(one, other) for one, other in pairwise(chain)]
    return Graph(tuple(nodes), (*wires, Wire(chain[-1], "loss1", target_port="var")))


DISTANCE = (Node("apart", "PairwiseDistance", {"keepdim": True}),)
NETWORKS = {
    "MarginRankingLoss": twins("MarginRankingLoss", 1),
    "CosineEmbeddingLoss": twins("CosineEmbeddingLoss", 3),
    "HingeEmbeddingLoss": twins("HingeEmbeddingLoss", 3, DISTANCE),
    "TripletMarginLoss": twins("TripletMarginLoss", 3),
    "BPRLoss": twins("BPRLoss", 1),
    "GaussianNLLLoss": gaussian("Softplus"),
}


def project(loss: str, folder) -> Project:
    rng = np.random.default_rng(0)
    arrays = {f"x{n}": rng.standard_normal((ROWS, 6)).astype("f4") for n in range(3)}
    arrays["same"] = (arrays["x0"][:, 0] > arrays["x1"][:, 0]).astype("i8")
    arrays["price"] = rng.standard_normal(ROWS).astype("f4")
    np.savez(folder / "pairs.npz", **arrays)
    target = {"GaussianNLLLoss": "price"}.get(loss, "same" if "target" in catalogue.judged_with(
        catalogue.entry(loss).cls) else "")  # fmt: skip
    roles = dict.fromkeys(("x0", "x1", "x2"), "input") | dict.fromkeys(("same", "price"), "unused")
    roles |= {target: "target"} if target else {}
    source = DataSpec(source=str(folder / "pairs.npz"), reader="npz", roles=roles, batch_size=16)
    training = TrainingSpec(Choice("Adam", {"lr": 0.05}), epochs=2)
    return Project(graph=NETWORKS[loss], data=data.describe(source), training=training)


@pytest.mark.parametrize("loss", NETWORKS)
def test_a_network_of_several_outputs_learns_the_same_in_the_script_and_in_the_trainer(tmp_path, loss):
    trainer, said = learned_twice(decode(encode(project(loss, tmp_path))), tmp_path)
    figures = trainer.validation_figures
    figure = figures["mae" if loss == "GaussianNLLLoss" else "accuracy"]
    assert f"validation {figures['loss']:.4f}, score {figure:.4f}" in said


def test_twins_have_one_set_of_weights_that_both_teach(tmp_path):
    made = project("TripletMarginLoss", tmp_path)
    network = build(made.graph, made.data.fields)
    assert sorted(network.state_dict()) == ["fc0.bias", "fc0.weight"]
    assert infer(made.graph, made.data.fields).parameter_count == 21
    outputs = network({f"x{n}": engine.ones(2, 6) for n in range(3)})
    assert len(outputs) == 3
    assert outputs[0].tolist() == outputs[2].tolist()
    sum(output.sum() for output in outputs).backward()
    assert network.fc0.bias.grad.tolist() == [6.0, 6.0, 6.0]


def test_what_needs_no_target_answers_whether_its_inputs_are_in_order(tmp_path):
    made = project("BPRLoss", tmp_path)
    (loss,) = losses(made.graph, made.data.fields)
    assert not loss.has_target
    task = Task(made)
    assert task.classes == ("out of order", "in order")
    assert task.batch(np.arange(4)).targets == {}
    said = Predictor(made)
    said.load_preparation(task.preparation.state())
    probabilities = said.predict({f"x{n}": [1.0] * 6 for n in range(3)}).probabilities
    assert probabilities == {"out of order": pytest.approx(0.5), "in order": pytest.approx(0.5)}  # of twins


ONE, FAR = engine.tensor([[1.0, 0.0]]), engine.tensor([[0.0, 3.0]])


@pytest.mark.parametrize(
    ("type", "outputs", "expected"),
    [
        ("MarginRankingLoss", (engine.tensor([[3.0]]), engine.tensor([[1.0]])), 2.0),
        ("CosineEmbeddingLoss", (ONE, ONE), 0.5),
        ("CosineEmbeddingLoss", (ONE, FAR), -0.5),
        ("HingeEmbeddingLoss", (engine.tensor([[0.2]]),), 0.3),
        ("TripletMarginLoss", (ONE, ONE, FAR), 10**0.5),
        ("BPRLoss", (engine.tensor([[1.0]]), engine.tensor([[2.5]])), -1.5),
        ("GaussianNLLLoss", (engine.tensor([[7.0]]), engine.tensor([[2.0]])), 7.0),
        ("MSELoss", (engine.tensor([[4.0]]),), 4.0),
    ],
)  # fmt: skip
def test_an_answer_above_0_means_together_or_in_order(type, outputs, expected):
    assert answer(type, getattr(nn, type)(), outputs).item() == pytest.approx(expected, abs=1e-5)


def test_every_loss_of_several_outputs_has_an_answer():
    several = {type for type, entry in catalogue.entries("loss").items() if len(entry.inputs) > 1}
    assert several | {"HingeEmbeddingLoss"} == {*ANSWERS} == {*NETWORKS}


TWO = (field("x0"), field("x1"), SAME)


@pytest.mark.parametrize(
    ("graph", "fields", "says", "fix"),
    [
        (twins("MarginRankingLoss", 2), TWO, "gives 2 outputs, but this loss takes one number a sample",
         "Set out_features of 'fc0' to 1"),
        (twins("CosineEmbeddingLoss", 3), (*TWO[:2], PRICE), "tells classes apart, but 'price' is no category",
         "Choose data"),
        (edit.set_parameter(sharing.own(twins("CosineEmbeddingLoss", 3), "fc1"), "fc1", "out_features", 4), TWO,
         "compares vectors of one length, but is given 3 numbers at 'input1' and 4 at 'input2'",
         "Set out_features of 'fc1' to 3"),
        (gaussian(), (field("x0"), PRICE), "takes variances, which are above 0, at 'var': put Softplus before it",
         "Insert Softplus before Gaussian likelihood"),
        (edit.set_parameter(gaussian("Softplus"), "var", "out_features", 2), (field("x0"), PRICE),
         "gives 2 outputs, but 'price' is N x 1", "Set out_features of 'var' to 1"),
        (twins("MarginRankingLoss", 1), (field("x0"), field("x1", 7), SAME),
         "uses the weights of Linear 'fc0', whose in_features is 6, but what arrives here needs 7",
         "Give it weights of its own"),
    ],
)  # fmt: skip
def test_what_does_not_suit_is_said_with_a_fix_that_mends_it(graph, fields, says, fix):
    problem = infer(graph, fields).problems[0]
    assert says in problem.message
    assert problem.fixes[0].label == fix
    if problem.fixes[0].action != "choose_data":
        assert infer(edit.apply_fix(graph, problem.fixes[0]), fields).problems == ()


def test_images_are_laid_out_before_vectors_are_compared():
    images = (FieldSpec("x0", "image", (1, 4, 4), "input"), FieldSpec("x1", "image", (1, 4, 4), "input"), SAME)
    nodes = (
        Node("in0", "Input", {"field": "x0"}),
        Node("in1", "Input", {"field": "x1"}),
        Node("loss1", "CosineEmbeddingLoss"),
    )
    graph = Graph(nodes, (Wire("in0", "loss1", target_port="input1"), Wire("in1", "loss1", target_port="input2")))
    for port in ("input1", "input2"):
        (problem,) = infer(graph, images).problems
        assert f"compares vectors, but N x 1 x 4 x 4 arrives at '{port}'" in problem.message
        graph = edit.apply_fix(graph, problem.fixes[0])
    assert infer(graph, images).ok


def test_an_open_port_of_a_loss_is_named_with_the_layer_to_connect():
    graph = edit.disconnect(NETWORKS["BPRLoss"], [Wire("fc1", "loss1", target_port="negative")])
    (problem,) = [p for p in infer(graph, TWO).problems if p.severity == "error"]
    assert "has no input 'negative': connect it to Linear 'fc1'" in problem.message


# --- sharing --------------------------------------------------------------------------------------------------------


def test_a_parameter_is_set_for_all_that_share_and_a_layer_may_have_its_own_again():
    graph = edit.set_parameter(twins("TripletMarginLoss", 3), "fc2", "out_features", 5)
    assert [graph.node(f"fc{n}").params["out_features"] for n in range(3)] == [5, 5, 5]
    assert sharing.group(graph, "fc1") == ("fc0", "fc1", "fc2")
    alone = sharing.own(graph, "fc0")
    assert [alone.node(f"fc{n}").shares for n in range(3)] == ["", "", "fc1"]
    assert sharing.own(graph, "fc2").node("fc2").shares == ""
    assert sharing.share(alone, "fc1", "fc0").node("fc1").shares == "fc0"


@pytest.mark.parametrize("change", [lambda g: edit.remove(g, ["fc0"]), lambda g: edit.replace(g, "fc0", "ReLU")])
def test_where_the_layer_with_the_weights_goes_the_next_takes_its_place(change):
    graph = change(twins("TripletMarginLoss", 3))
    assert [graph.node(f"fc{n}").shares for n in (1, 2)] == ["", "fc1"]
    assert decode(encode(Project(graph=graph))).graph == graph


def test_layers_of_different_kinds_share_nothing():
    graph = Graph((Node("fc1", "Linear", {"out_features": 2}), Node("conv1", "Conv2d"), Node("loss1", "MSELoss")))
    with pytest.raises(GraphError, match="it cannot use the weights of Linear 'fc1'"):
        sharing.share(graph, "conv1", "fc1")
    with pytest.raises(GraphError, match="it cannot use the weights of MSELoss"):
        sharing.share(edit.add(graph, Node("loss2", "MSELoss")), "loss2", "loss1")


@pytest.mark.parametrize("shares", ["gone", "fc1", "conv1", "fc3"])
def test_a_file_whose_layers_share_what_they_cannot_is_refused(shares):
    nodes = [{"id": "fc1", "type": "Linear", "shares": shares}, {"id": "conv1", "type": "Conv2d"},
             {"id": "fc3", "type": "Linear", "params": {"bias": False}}]  # fmt: skip
    with pytest.raises(ProjectError, match=f"'fc1' shares the weights of '{shares}', expected a layer of the same"):
        decode(json.dumps({"schema": 1, "graph": {"nodes": nodes}}).encode())


def test_inputs_have_no_weights_to_share():
    nodes = [{"id": "in1", "type": "Input"}, {"id": "in2", "type": "Input", "shares": "in1"}]
    with pytest.raises(ProjectError, match="'in2' shares the weights of 'in1', expected a layer of the same kind"):
        decode(json.dumps({"schema": 1, "graph": {"nodes": nodes}}).encode())


def test_what_the_same_weights_read_is_scaled_as_one(tmp_path):
    made = project("TripletMarginLoss", tmp_path)
    assert sharing.read_alike(Network(made.graph, made.data.fields)) == [("x0", "x1", "x2")]
    task = Task(made)
    scaled = task.preparation.scaling
    everything = np.concatenate([task.data.take(task.train)[name] for name in ("x0", "x1", "x2")])
    for name in ("x0", "x1", "x2"):
        np.testing.assert_allclose(scaled[name]["offset"], everything.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(scaled[name]["scale"], everything.std(axis=0), rtol=1e-5)
    for one in ("fc1", "fc2"):
        made = replace(made, graph=sharing.own(made.graph, one))
    assert sharing.read_alike(Network(made.graph, made.data.fields)) == []


# --- data without a target ------------------------------------------------------------------------------------------


def test_two_inputs_need_no_target(tmp_path):
    np.savez(tmp_path / "t.npz", anchor=np.zeros((9, 4, 4)), positive=np.ones((9, 4, 4)), negative=np.ones((9, 4, 4)))
    found = data.describe(DataSpec(source=str(tmp_path / "t.npz"), reader="npz")).fields
    assert [(each.name, each.role) for each in found] == [(n, "input") for n in ("anchor", "positive", "negative")]
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    spec = DataSpec(source=str(tmp_path / "t.csv"), reader="csv", roles={"a": "input", "b": "input"})
    assert [each.role for each in data.describe(spec).fields] == ["input"]
    with pytest.raises(DataError, match="no column is the target"):
        data.describe(DataSpec(source=spec.source, reader="csv", roles={"a": "input", "b": "unused"}))
