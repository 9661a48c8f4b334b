"""From the drawing to what computes: a Module, its losses, and the script, all saying the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from safetensors.numpy import load_file

import engine
from engine import nn
from engine.data import describe
from engine.errors import GraphError, TypeMismatch
from engine.formats import project_file
from engine.graph import edit, templates
from engine.graph.build import build, losses
from engine.graph.infer import infer
from engine.graph.script import to_script
from engine.graph.spec import Choice, DataSpec, EarlyStopping, FieldSpec, Graph, Node, Project, TrainingSpec, Wire
from engine.graph.templates import chain

ROOT = Path(__file__).parents[2]
IMAGE = FieldSpec("image", "image", (1, 8, 8), "input")
LABEL = FieldSpec("label", "category", (), "target", "int64", tuple("0123456789"))
POINT = FieldSpec("point", "vector", (4,), "input")
SIDE = FieldSpec("side", "category", (), "target", "int64", ("left", "right"))


def two_headed() -> Graph:
    """point -> fc1 -> add(fc2, fc1) -> two heads, two losses."""
    graph = chain([("Input", {}), ("Linear", {"out_features": 6}), ("Linear", {"out_features": 6})])
    for id, type, params in (
        ("add1", "Add", {}), ("fc3", "Linear", {"out_features": 2}), ("fc4", "Linear", {"out_features": 4}),
        ("loss1", "CrossEntropyLoss", {"target": "side"}),
        ("loss2", "MSELoss", {"target": "point2", "loss_weight": 0.5}),
    ):  # fmt: skip
        graph = edit.add(graph, Node(id, type, params))
    for wire in (
        Wire("fc1", "add1", target_port="b"), Wire("fc2", "add1", target_port="a"), Wire("add1", "fc3"),
        Wire("add1", "fc4"), Wire("fc3", "loss1", target_port="input"), Wire("fc4", "loss2", target_port="input"),
    ):  # fmt: skip
        graph = edit.connect(graph, wire)
    return graph


def reader() -> Graph:
    """An image read row by row by an LSTM in both directions."""
    return chain([("Input", {}), ("Reshape", {"shape": [8, 8]}), ("LSTM", {"hidden_size": 6, "bidirectional": True}),
                  ("LastStep", {"bidirectional": True}), ("Linear", {"out_features": 10}),
                  ("CrossEntropyLoss", {})])  # fmt: skip


def attentive() -> Graph:
    """The rows of an image as tokens that attend to each other: by hand, in encoder layers, and in decoder layers."""
    graph = chain([("Input", {}), ("Reshape", {"shape": [8, 8]}), ("LearnedPositionalEncoding", {})])
    graph = edit.add(graph, Node("attention", "MultiheadAttention", {"num_heads": 2}))
    for port in ("query", "key", "value"):
        graph = edit.connect(graph, Wire(graph.nodes[2].id, "attention", target_port=port))
    rest = (
        ("encoder", "TransformerEncoderLayer", {"nhead": 4, "dim_feedforward": 16, "activation": "gelu"}),
        ("stack", "TransformerEncoder", {"nhead": 2, "dim_feedforward": 16, "num_layers": 2}),
        ("decoder", "TransformerDecoder", {"nhead": 2, "dim_feedforward": 16, "num_layers": 1, "norm_first": True}),
        ("last", "LastStep", {}), ("fc", "Linear", {"out_features": 10}), ("loss", "CrossEntropyLoss", {}),
    )  # fmt: skip
    ports = {"loss": "input", "stack": "src", "decoder": "memory"}
    for id, type, params in rest:
        before = graph.nodes[-1].id
        graph = edit.add(graph, Node(id, type, params))
        graph = edit.connect(graph, Wire(before, id, target_port=ports.get(id, "x")))
    return edit.connect(graph, Wire("attention", "decoder", target_port="tgt"))


def remembering() -> Graph:
    """A point read in two steps: what the first says of it is the state that the second changes."""
    graph = chain([("Input", {}), ("Linear", {"out_features": 6})])
    for id, type, params in (
        ("cell1", "RNNCell", {}), ("cell2", "GRUCell", {}), ("fc2", "Linear", {"out_features": 2}),
        ("loss", "CrossEntropyLoss", {}),
    ):  # fmt: skip
        graph = edit.add(graph, Node(id, type, params))
    wires = (("input1", "cell1", "x"), ("fc1", "cell1", "hx"), ("input1", "cell2", "x"), ("cell1", "cell2", "hx"),
             ("cell2", "fc2", "x"), ("fc2", "loss", "input"))  # fmt: skip
    for source, target, port in wires:
        graph = edit.connect(graph, Wire(source, target, target_port=port))
    return graph


TWO_HEADED = (POINT, SIDE, FieldSpec("point2", "vector", (4,), "target"))


def test_keys_of_the_state_dict_are_node_ids_and_the_layers_own_names():
    network = build(templates.create("digits-cnn").graph, (IMAGE, LABEL))
    assert list(network.state_dict()) == [
        f"{id}.{name}" for id in ("conv1", "conv2", "fc1") for name in ("weight", "bias")
    ]


def test_the_built_network_computes_what_its_layers_do():
    engine.manual_seed(0)
    network = build(templates.create("digits-mlp").graph, (IMAGE, LABEL))
    x = engine.randn(5, 1, 8, 8)
    expected = network.fc2(nn.functional.relu(network.fc1(x.flatten(1))))
    np.testing.assert_array_equal(network(x).detach().numpy(), expected.detach().numpy())
    np.testing.assert_array_equal(network({"image": x}).detach().numpy(), expected.detach().numpy())


def test_inferred_shapes_are_those_that_come_out():
    graph = templates.create("digits-cnn").graph
    found, network = infer(graph, (IMAGE, LABEL)), build(graph, (IMAGE, LABEL))
    for id, value in network.values(engine.zeros(3, 1, 8, 8)).items():
        assert tuple(value.shape) == (3, *found.nodes[id].outputs["out"].shape), id
    assert sum(p.numel() for p in network.parameters()) == found.parameter_count


def test_several_losses_give_an_output_each():
    network = build(two_headed(), TWO_HEADED)
    outputs = network(engine.randn(3, 4))
    assert {id: tuple(value.shape) for id, value in outputs.items()} == {"loss1": (3, 2), "loss2": (3, 4)}


def test_losses_know_target_weight_and_how_to_read_the_output():
    bound = losses(two_headed(), TWO_HEADED)
    assert [(b.id, b.output, b.target.name, b.weight, b.prediction) for b in bound] == [
        ("loss1", "fc3", "side", 1.0, "classes"),
        ("loss2", "fc4", "point2", 0.5, "value"),
    ]
    value = bound[1](engine.ones(2, 4), engine.zeros(2, 4))
    assert value.item() == 0.5


@pytest.mark.parametrize(
    ("loss", "outputs", "field", "values", "shape", "dtype"),
    [
        ("CrossEntropyLoss", 2, SIDE, np.array([0, 1, 1]), (3,), "int64"),
        ("BCEWithLogitsLoss", 1, SIDE, np.array([0, 1, 1]), (3, 1), "float32"),
        ("SoftMarginLoss", 1, SIDE, np.array([0, 1, 1]), (3, 1), "float32"),
        ("MSELoss", 1, FieldSpec("y", "number", (1,), "target"), np.ones((3, 1)), (3, 1), "float32"),
        ("L1Loss", 1, FieldSpec("y", "number", (1,), "target"), np.ones(3), (3, 1), "float32"),
    ],
)
def test_targets_get_the_shape_that_the_loss_takes(loss, outputs, field, values, shape, dtype):
    graph = chain([("Input", {}), ("Linear", {"out_features": outputs}), (loss, {})])
    fields = (POINT, field)
    (bound,), network = losses(graph, fields), build(graph, fields)
    target = bound.shape_target(values)
    assert (target.shape, str(target.dtype)) == (shape, dtype)
    assert bound(network(engine.randn(3, 4)), engine.from_numpy(target)).shape == ()


def test_a_layer_that_reaches_no_loss_is_left_out():
    graph = edit.add(templates.create("digits-mlp").graph, Node("spare", "Linear", {"out_features": 3}))
    graph = edit.connect(graph, Wire("flatten1", "spare"))
    assert not any(key.startswith("spare") for key in build(graph, (IMAGE, LABEL)).state_dict())


def test_a_faulty_network_is_refused_with_its_fix():
    graph = edit.set_parameter(templates.create("digits-mlp").graph, "fc2", "out_features", 7)
    with pytest.raises(GraphError, match=r"gives 7 outputs.*; set out_features of 'fc2' to 10\.") as caught:
        build(graph, (IMAGE, LABEL))
    assert infer(edit.apply_fix(graph, caught.value.fixes[0]), (IMAGE, LABEL)).ok


def test_a_missing_field_is_named():
    network = build(templates.create("digits-mlp").graph, (IMAGE, LABEL))
    with pytest.raises(TypeMismatch, match="field 'image' is missing"):
        network({"picture": engine.zeros(1, 1, 8, 8)})


def test_the_same_seed_gives_the_same_weights():
    graph = templates.create("digits-mlp").graph
    engine.manual_seed(1)
    first = build(graph, (IMAGE, LABEL)).fc1.weight.detach().numpy().copy()
    engine.manual_seed(1)
    np.testing.assert_array_equal(build(graph, (IMAGE, LABEL)).fc1.weight.detach().numpy(), first)


# --- the script -----------------------------------------------------------------------------------------------------


def run_script(project: Project, folder: Path, *, then: str = "", only_network: bool = False) -> str:
    """Run the project's script in a process of its own, in `folder`; `then` is code behind it."""
    text = to_script(project)
    if only_network:
        text = text[: text.index('if __name__ == "__main__"')]
    (folder / "network.py").write_text(text + then, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "network.py"], cwd=folder, text=True, capture_output=True, timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def bundled(name: str, **training) -> Project:
    project = templates.create(name)
    return replace(project, training=replace(project.training, **training))


COMPARE = """
network = Network()
network.load_state_dict(engine.load("weights.safetensors"))
network.eval()
outputs = network(engine.from_numpy(np.load("x.npy")))
outputs = outputs if isinstance(outputs, tuple) else (outputs,)
np.savez("outputs.npz", *[output.detach().numpy() for output in outputs])
"""


@pytest.mark.parametrize(
    ("graph", "fields", "shape"),
    [(templates.create(name).graph, templates.create(name).data.fields, None) for name in templates.names()]
    + [(two_headed(), TWO_HEADED, (7, 4)), (reader(), (IMAGE, LABEL), None), (attentive(), (IMAGE, LABEL), None)]
    + [(remembering(), (POINT, SIDE), None)],
)
def test_the_script_has_the_same_weights_and_outputs_as_the_built_network(tmp_path, graph, fields, shape):
    project = Project(graph=graph, data=DataSpec(source="bundled:digits", fields=fields))
    network = build(graph, fields)
    network.eval()
    field = next(f for f in fields if f.role == "input")
    x = np.random.default_rng(0).standard_normal(shape or (7, *field.shape)).astype("f4")
    np.save(tmp_path / "x.npy", x)
    engine.save(network.state_dict(), tmp_path / "weights.safetensors")
    run_script(project, tmp_path, then=COMPARE, only_network=True)
    expected = network(engine.from_numpy(x))
    expected = list(expected.values()) if isinstance(expected, dict) else [expected]
    with np.load(tmp_path / "outputs.npz") as found:
        assert len(found.files) == len(expected)
        for name, value in zip(found.files, expected):
            np.testing.assert_array_equal(found[name], value.detach().numpy())


def compare_with_trainer(project: Project, folder: Path) -> None:
    """The weights that the script ends with are those of the trainer's last checkpoint, bit for bit."""
    run_script(project, folder)
    project_file.write(folder / "p.loom", project)
    run = [sys.executable, "-m", "engine", "train", str(folder / "p.loom"), "--out", str(folder / "run")]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    trained = load_file(folder / "run" / "checkpoints" / "last.safetensors")
    by_script = load_file(folder / "weights.safetensors")
    assert set(by_script) == set(build(project.graph, project.data.fields).state_dict())
    for key, values in by_script.items():
        np.testing.assert_array_equal(values, trained[f"model/{key}"])


@pytest.mark.parametrize("name", ["linear-regression", "breast-cancer", "digits-mlp"])
def test_the_script_learns_bit_for_bit_what_the_trainer_does(tmp_path, name):
    compare_with_trainer(bundled(name, epochs=3, schedule=Choice("StepLR", {"step_size": 2}), clip_norm=0.5), tmp_path)


@pytest.mark.parametrize("ends", [("Sigmoid", "BCELoss"), ("SoftMarginLoss",)])
def test_one_of_two_classes_is_learned_the_same_in_the_script_and_in_the_trainer(tmp_path, ends):
    graph = chain([("Input", {}), ("Linear", {"out_features": 1}), *((type, {}) for type in ends)])
    compare_with_trainer(replace(bundled("breast-cancer", epochs=2), graph=graph), tmp_path)


@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [
        (Choice("LBFGS", {"max_iter": 3}), None),
        (Choice("Muon", {"lr": 0.01}), Choice("OneCycleLR", {"total_steps": 2})),
    ],
)
def test_the_script_learns_the_same_by_looks_at_the_loss_and_with_two_groups(tmp_path, optimizer, schedule):
    project = bundled("breast-cancer", epochs=3, optimizer=optimizer, schedule=schedule, clip_norm=0.5)
    compare_with_trainer(project, tmp_path)


@pytest.mark.parametrize(("type", "params"), [("SequentialLR", {"milestones": [2]}), ("ChainedScheduler", {})])
def test_a_schedule_of_schedules_is_followed_the_same_in_the_script_and_in_the_trainer(tmp_path, type, params):
    members = (Choice("LinearLR", {"total_iters": 2}), Choice("ExponentialLR", {"gamma": 0.5}))
    project = bundled("breast-cancer", epochs=4, schedule=Choice(type, params, members))
    assert "        optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=2),\n" in to_script(project)
    compare_with_trainer(project, tmp_path)


def test_a_layer_that_gives_a_tuple_hands_on_its_first_value_in_the_script_and_in_the_trainer(tmp_path):
    project = replace(bundled("digits-mlp", epochs=1), graph=reader())
    text = to_script(project)
    assert "self.lstm1 = nn.LSTM(8, 6, bidirectional=True, batch_first=True)" in text
    assert "x = self.lstm1(x)[0] " in text
    compare_with_trainer(project, tmp_path)


def test_attention_wired_by_hand_learns_the_same_in_the_script_and_in_the_trainer(tmp_path):
    project = replace(bundled("digits-mlp", epochs=1), graph=attentive())
    text = to_script(project)
    assert "attention = self.attention(position1, position1, position1)[0] " in text
    layer = "nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)"
    assert f"self.stack = nn.TransformerEncoder({layer}, 2)" in text
    assert "decoder = self.decoder(attention, stack) " in text
    compare_with_trainer(project, tmp_path)


def test_the_script_stops_early(tmp_path):
    project = bundled("linear-regression", epochs=50, early_stopping=EarlyStopping(patience=2, min_delta=1e6))
    assert re.findall(r"epoch (\d+): loss", run_script(project, tmp_path)) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [
        (Choice("SGD", {"lr": 0.1, "momentum": 0.9}), Choice("StepLR", {"step_size": 1})),
        (Choice("AdamW", {"lr": 0.01}), Choice("CosineAnnealingLR", {"T_max": 2})),
        (Choice("RMSprop", {"lr": 0.01}), Choice("ReduceLROnPlateau", {"patience": 1})),
    ],
)
def test_the_script_uses_optimizer_schedule_and_clipping(tmp_path, optimizer, schedule):
    project = bundled("spirals", epochs=2, optimizer=optimizer, schedule=schedule, clip_norm=0.5)
    assert "epoch 2" in run_script(project, tmp_path)


def test_two_losses_train_the_same_in_the_script_and_in_the_trainer(tmp_path):
    rng = np.random.default_rng(0)
    points = rng.standard_normal((60, 2))
    rows = [f"{a:.4f},{b:.4f},{'left' if a < b else 'right'},{3 * a - b:.4f}" for a, b in points]
    (tmp_path / "points.csv").write_text("\n".join(["a,b,side,price", *rows]) + "\n")
    roles = {"a": "input", "b": "input", "side": "target", "price": "target"}
    data = describe(DataSpec(source=str(tmp_path / "points.csv"), reader="csv", roles=roles, batch_size=8))
    graph = two_headed()
    graph = edit.set_parameter(edit.set_parameter(graph, "loss2", "target", "price"), "fc4", "out_features", 1)
    project = Project(graph=graph, data=data, training=TrainingSpec(Choice("Adam", {"lr": 0.01}), epochs=2))
    assert "return fc3, fc4" in to_script(project)
    compare_with_trainer(project, tmp_path)


def test_names_in_a_project_cannot_smuggle_code_into_the_script(tmp_path):
    evil = '"""\nimport os; os.abort()\n# \r\nimport os; os.abort()\x0c\u2028'
    fields = (
        FieldSpec(evil, "vector", (4,), "input"),
        FieldSpec("'); import os; os.abort() #", "category", (), "target", "int64", ("a", evil)),
    )
    graph = chain([("Input", {}), ("Linear", {"out_features": 2}), ("CrossEntropyLoss", {})])
    nodes = tuple(replace(node, title=evil) for node in graph.nodes)
    data = DataSpec(source=f"bundled:{evil}", options={evil: [evil]}, fields=fields)
    project = Project(
        name=evil, notes=evil, graph=Graph(nodes, graph.wires), data=data, training=TrainingSpec(Choice("Adam"))
    )
    said = run_script(project, tmp_path, then='\nprint("reached the end")', only_network=True)
    assert said.strip() == "reached the end"


def test_the_script_reads_as_a_person_would_write_it():
    text = to_script(templates.create("digits-cnn"))
    assert "self.conv1 = nn.Conv2d(1, 16, 3, padding=1)" in text
    assert "self.fc1 = nn.Linear(512, 10)" in text
    assert re.search(r"x = self\.conv1\(x\) +# N x 16 x 8 x 8", text)
    assert "optimizer = optim.Adam(network.parameters(), lr=0.005)" in text
    assert max(map(len, text.splitlines())) <= 120
