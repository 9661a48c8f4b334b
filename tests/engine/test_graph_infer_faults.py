"""Faults of a network, each at its node, with a fix that mends it."""

from __future__ import annotations

import pytest

from engine.errors import Fix
from engine.graph import catalogue, edit, trial
from engine.graph.infer import infer
from engine.graph.spec import FieldSpec, Graph, Node, Wire
from engine.graph.templates import chain
from tests.engine.inference import DIGITS, IMAGE, LABEL, PRICE, SIDE, VECTOR, classifier, mended, only


def test_an_open_input_names_the_layer_to_connect_to():
    graph = chain([("Input", {}), ("Flatten", {}), ("Linear", {"out_features": 10}), ("CrossEntropyLoss", {})])
    graph = edit.disconnect(graph, [wire for wire in graph.wires if wire.target == "fc1"])
    problem = only(infer(graph, DIGITS))
    assert problem.message == "Linear 'fc1' has no input: connect it to Flatten 'flatten1'."
    assert infer(mended(graph, DIGITS), DIGITS).ok


def test_what_lies_behind_a_fault_waits_and_has_no_fault_of_its_own():
    graph = chain([("Input", {}), ("Conv2d", {"out_channels": 4, "kernel_size": 20}), ("ReLU", {}), ("Flatten", {}),
                   ("Linear", {"out_features": 10}), ("CrossEntropyLoss", {})])  # fmt: skip
    found = infer(graph, DIGITS)
    assert only(found).node == "conv1"
    assert [found.nodes[id].waiting_for for id in ("relu1", "flatten1", "fc1", "loss1")] == ["conv1"] * 4
    assert all(found.nodes[id].problems == () for id in ("relu1", "flatten1", "fc1", "loss1"))


def test_a_linear_layer_behind_an_image_offers_flatten():
    graph = chain([("Input", {}), ("Conv2d", {"out_channels": 4, "kernel_size": 3}), ("Linear", {"out_features": 10}),
                   ("CrossEntropyLoss", {})])  # fmt: skip
    problem = only(infer(graph, DIGITS))
    assert problem.node == "fc1"
    assert problem.fixes[0].label == "Insert Flatten before Linear"
    after = infer(mended(graph, DIGITS), DIGITS)
    assert after.ok
    assert after.nodes["fc1"].params["in_features"] == 4 * 6 * 6


def test_in_features_that_the_flattened_image_would_have_offer_flatten():
    graph = chain([("Input", {}), ("Linear", {"in_features": 64, "out_features": 10}), ("CrossEntropyLoss", {})])
    problem = only(infer(graph, DIGITS))
    assert problem.message == "Linear 'fc1': 8 features arrive, but in_features is 64."
    assert problem.fixes[0].label == "Insert Flatten before Linear"
    assert infer(mended(graph, DIGITS), DIGITS).ok


def test_a_channel_mismatch_offers_to_leave_it_to_the_wire():
    graph = chain([("Input", {}), ("Conv2d", {"in_channels": 3, "out_channels": 4, "kernel_size": 8}), ("Flatten", {}),
                   ("Linear", {"out_features": 10}), ("CrossEntropyLoss", {})])  # fmt: skip
    problem = only(infer(graph, DIGITS))
    assert problem.node == "conv1"
    assert problem.message == "Conv 2-D 'conv1': 1 channel arrives, but in_channels is 3."
    assert infer(mended(graph, DIGITS, "Leave in_channels to the wire"), DIGITS).ok


@pytest.mark.parametrize("layer", ["Conv2d", "MaxPool2d", "AvgPool2d"])
def test_a_kernel_larger_than_the_image_offers_a_smaller_one(layer):
    params = {"kernel_size": 9} | ({"out_channels": 2} if layer == "Conv2d" else {})
    graph = chain([("Input", {}), (layer, params), ("Flatten", {}), ("Linear", {"out_features": 10}),
                   ("CrossEntropyLoss", {})])  # fmt: skip
    problem = only(infer(graph, DIGITS))
    assert "its kernel of 9 x 9 is larger than the image of 8 x 8" in problem.message
    assert "Set kernel_size to 8" in [fix.label for fix in problem.fixes]
    for fix in problem.fixes:
        assert infer(edit.apply_fix(graph, fix), DIGITS).ok, fix.label


def branches(joining: str, left: int, right: int) -> Graph:
    graph = chain([("Input", {}), ("Conv2d", {"out_channels": left, "kernel_size": 1})])
    graph = edit.add(graph, Node("conv2", "Conv2d", {"out_channels": right, "kernel_size": 1}))
    graph = edit.add(graph, Node("join", joining))
    for wire in (Wire("input1", "conv2"), Wire("conv1", "join", target_port="a"), Wire("conv2", "join", "out", "b")):
        graph = edit.connect(graph, wire)
    for before, type, params in (("join", "Flatten", {}), ("flat", "Linear", {"out_features": 10})):
        graph = edit.add(graph, Node({"Flatten": "flat", "Linear": "fc"}[type], type, params))
        graph = edit.connect(graph, Wire(before, graph.nodes[-1].id))
    graph = edit.add(graph, Node("loss", "CrossEntropyLoss"))
    return edit.connect(graph, Wire("fc", "loss", target_port="input"))


def test_adding_branches_of_other_widths_offers_to_match_them():
    graph = branches("Add", 4, 6)
    problem = only(infer(graph, DIGITS))
    assert problem.node == "join"
    assert problem.message == "Add 'join': N x 4 x 8 x 8 and N x 6 x 8 x 8 do not go together."
    assert [fix.label for fix in problem.fixes][:2] == [
        "Set out_channels of 'conv2' to 4",
        "Set out_channels of 'conv1' to 6",
    ]
    for fix in problem.fixes:
        assert infer(edit.apply_fix(graph, fix), DIGITS).ok, fix.label


def test_concatenating_images_of_other_sizes_is_a_fault_of_the_joint():
    graph = edit.set_parameter(branches("Concat", 4, 6), "conv2", "kernel_size", 3)
    problem = only(infer(graph, DIGITS))
    assert problem.node == "join"
    assert "N x 4 x 8 x 8 and N x 6 x 6 x 6" in problem.message


@pytest.mark.parametrize("outputs", [1, 3, 7])
def test_a_last_layer_of_another_width_than_the_classes_offers_theirs(outputs):
    fields = (VECTOR, LABEL)
    problem = only(infer(classifier(outputs), fields))
    assert problem.node == "fc2"
    assert problem.message == (
        f"Linear 'fc2' gives {outputs} output{'s' if outputs > 1 else ''}, but 'label' has 10 classes."
    )
    assert problem.fixes[0].label == "Set out_features of 'fc2' to 10"
    assert infer(mended(classifier(outputs), fields), fields).ok


def test_the_width_is_mended_through_an_activation():
    graph = classifier(5, "CrossEntropyLoss", "Dropout")
    assert only(infer(graph, (VECTOR, LABEL))).node == "fc2"


def test_a_network_without_a_last_layer_is_offered_one():
    graph = chain([("Input", {}), ("Flatten", {}), ("CrossEntropyLoss", {})])
    assert infer(mended(graph, DIGITS, "Insert Linear with 10 outputs before Cross-entropy"), DIGITS).ok


@pytest.mark.parametrize(
    ("graph", "field", "labels"),
    [
        (classifier(2, "BCEWithLogitsLoss"), SIDE, ["Set out_features of 'fc2' to 1", "Make the loss Cross-entropy"]),
        (classifier(1), SIDE, ["Set out_features of 'fc2' to 2"]),
        (classifier(10, "MSELoss"), LABEL, ["Make it Cross-entropy"]),
        (classifier(1, "MSELoss"), SIDE, []),
        (classifier(1), PRICE, ["Make it Mean squared error", "Make it Mean absolute error"]),
        (classifier(10, "BCEWithLogitsLoss"), LABEL, ["Make it Cross-entropy"]),
        (classifier(2, "SoftMarginLoss"), SIDE, ["Set out_features of 'fc2' to 1", "Make the loss Cross-entropy"]),
        (classifier(3, "MSELoss"), PRICE, ["Set out_features of 'fc2' to 1"]),
    ],
)
def test_a_loss_that_does_not_suit_outputs_or_target_offers_one_that_does(graph, field, labels):
    fields = (VECTOR, field)
    problem = only(infer(graph, fields))
    offered = [fix.label for fix in problem.fixes]
    assert offered
    assert offered[: len(labels)] == labels
    for fix in problem.fixes:
        after = edit.apply_fix(graph, fix)
        assert infer(after, fields).ok or len(infer(after, fields).problems) == 1, fix.label
    assert infer(edit.apply_fix(graph, problem.fixes[0]), fields).ok


@pytest.mark.parametrize(
    ("loss", "field", "outputs", "activation", "takes"),
    [
        ("NLLLoss", SIDE, 2, "LogSoftmax", "log probabilities"),
        ("BCELoss", SIDE, 1, "Sigmoid", "probabilities"),
        ("KLDivLoss", FieldSpec("shares", "vector", (3,), "target"), 3, "LogSoftmax", "log probabilities"),
    ],
)
def test_a_loss_of_probabilities_is_warned_of_without_them(loss, field, outputs, activation, takes):
    graph, fields = classifier(outputs, loss), (VECTOR, field)
    problem = only(infer(graph, fields), "warning")
    assert f"takes {takes}: put {activation} before it" in problem.message
    for fix in problem.fixes:
        assert not infer(edit.apply_fix(graph, fix), fields).problems
    assert not infer(classifier(outputs, loss, activation), fields).problems


@pytest.mark.parametrize(
    ("activation", "loss", "outputs"),
    [
        ("Softmax", "CrossEntropyLoss", 2),
        ("Sigmoid", "BCEWithLogitsLoss", 1),
        ("Softmax", "FocalLoss", 2),
        ("Sigmoid", "BinaryFocalLoss", 1),
        ("Sigmoid", "SoftMarginLoss", 1),
    ],
)
def test_an_activation_that_the_loss_applies_itself_is_warned_of(activation, loss, outputs):
    graph, fields = classifier(outputs, loss, activation), (VECTOR, SIDE)
    found = infer(graph, fields)
    problem = only(found, "warning")
    assert found.ok
    assert "is applied twice" in problem.message
    assert infer(mended(graph, fields, severity="warning"), fields).problems == ()


def test_a_category_of_one_class_cannot_be_learned():
    only_one = FieldSpec("kind", "category", (), "target", "int64", ("same",))
    assert "only 1 class" in only(infer(classifier(1), (VECTOR, only_one))).message


def test_a_circle_names_its_nodes_and_offers_the_cut():
    graph = classifier(10)
    graph = Graph(graph.nodes, (*(w for w in graph.wires if w.target != "fc1"), Wire("relu1", "fc1")))
    found = infer(graph, (VECTOR, LABEL))
    errors = [p for p in found.problems if "circle" in p.message]
    assert len(errors) == 1
    assert "relu1 -> fc1 -> relu1" in errors[0].message or "fc1 -> relu1 -> fc1" in errors[0].message
    assert not found.ok
    after = infer(edit.apply_fix(graph, errors[0].fixes[0]), (VECTOR, LABEL))
    assert not any("circle" in p.message for p in after.problems)


def test_a_layer_wired_to_itself_is_a_circle():
    graph = Graph((Node("input1", "Input"), Node("relu1", "ReLU")), (Wire("relu1", "relu1"),))
    assert any("relu1 -> relu1" in problem.message for problem in infer(graph, DIGITS).problems)


def test_a_network_without_an_input_is_offered_one():
    graph = chain([("Linear", {"out_features": 10}), ("CrossEntropyLoss", {})])
    problem = next(p for p in infer(graph, (VECTOR, LABEL)).problems if p.node == "")
    assert "no Input" in problem.message
    assert infer(edit.apply_fix(graph, problem.fixes[0]), (VECTOR, LABEL)).ok


@pytest.mark.parametrize(
    ("target", "outputs", "loss"),
    [
        (LABEL, 10, "CrossEntropyLoss"),
        (SIDE, 2, "CrossEntropyLoss"),
        (SIDE, 1, "BCEWithLogitsLoss"),
        (PRICE, 1, "MSELoss"),
    ],
)
def test_a_network_without_a_loss_is_offered_the_one_that_suits(target, outputs, loss):
    graph = chain([("Input", {}), ("Linear", {"out_features": outputs})])
    problem = only(infer(graph, (VECTOR, target)))
    assert "has no loss" in problem.message
    assert problem.fixes[0].name == loss
    assert infer(edit.apply_fix(graph, problem.fixes[0]), (VECTOR, target)).ok


def test_an_empty_network_says_what_to_do():
    assert "is empty" in only(infer(Graph(), ())).message


def test_an_unused_layer_is_a_warning_and_stops_nobody():
    graph = edit.add(classifier(10), Node("extra", "Tanh"))
    graph = edit.connect(graph, Wire("fc1", "extra"))
    found = infer(graph, (VECTOR, LABEL))
    assert found.ok
    assert only(found, "warning").message == "Tanh 'extra' is not used: what it gives reaches no loss."


def test_a_lone_new_layer_stops_nobody():
    graph = edit.add(classifier(10), Node("conv1", "Conv2d", {"out_channels": 4, "kernel_size": 3}))
    found = infer(graph, (VECTOR, LABEL))
    assert found.ok
    assert only(found, "warning").node == "conv1"


@pytest.mark.parametrize("stray", [["ReLU"], ["ReLU", "Dropout"]], ids=" ".join)
def test_a_stray_layer_goes_into_the_way_behind_the_nearest_layer_and_nothing_is_left_to_mend(stray):
    graph = classifier(10)
    nearest = graph.node("fc1")
    for number, type in enumerate(stray):
        graph = edit.add(graph, Node(f"stray{number}", type, {}, nearest.x + 10, nearest.y + 200))
        if number:
            graph = edit.connect(graph, Wire(f"stray{number - 1}", f"stray{number}"))
    last = f"stray{len(stray) - 1}"
    fed = {(wire.target, wire.target_port) for wire in graph.wires if wire.source == "fc1"}
    found = infer(graph, (VECTOR, LABEL))
    problem = next(p for p in found.problems if p.node == "stray0")
    assert problem.message == "ReLU 'stray0' has no input: put it behind Linear 'fc1', or remove it."
    assert [fix.label for fix in problem.fixes] == ["Put it behind 'fc1'", "Remove it"]
    mended_graph = edit.apply_fix(graph, problem.fixes[0])
    assert not infer(mended_graph, (VECTOR, LABEL)).problems
    assert {wire.target for wire in mended_graph.wires if wire.source == "fc1"} == {"stray0"}
    assert {(wire.target, wire.target_port) for wire in mended_graph.wires if wire.source == last} == fed
    assert mended_graph.node("stray0").y == nearest.y
    places = [(node.x, node.y) for node in mended_graph.nodes]
    assert len(set(places)) == len(places)


def test_a_stray_layer_that_fits_nowhere_may_only_go():
    graph = edit.add(classifier(10), Node("add1", "Add"))
    problem = next(p for p in infer(graph, (VECTOR, LABEL)).problems if p.node == "add1")
    assert [fix.label for fix in problem.fixes] == ["Remove it"]
    assert edit.apply_fix(graph, problem.fixes[0]) == classifier(10)


def test_a_field_that_does_not_exist_offers_those_that_do():
    graph = edit.set_parameter(classifier(10), "input1", "field", "pixels")
    problem = only(infer(graph, (VECTOR, LABEL)))
    assert problem.message == "Input 'input1': the data have no input field 'pixels'; there is features."
    assert infer(mended(graph, (VECTOR, LABEL), "Read features"), (VECTOR, LABEL)).ok


def test_a_target_that_does_not_exist_offers_those_that_do():
    graph = edit.set_parameter(classifier(10), "loss1", "target", "digit")
    assert infer(mended(graph, (VECTOR, LABEL), "Judge by label"), (VECTOR, LABEL)).ok


def test_several_inputs_must_be_told_apart():
    fields = (VECTOR, FieldSpec("more", "vector", (3,), "input"), LABEL)
    problem = only(infer(classifier(10), fields))
    assert [fix.label for fix in problem.fixes] == ["Read features", "Read more"]


def test_no_data_asks_for_data():
    problem = only(infer(classifier(10), ()))
    assert problem.node == "input1"
    assert problem.fixes[0].action == "choose_data"


def test_an_unknown_layer_offers_the_nearest_and_keeps_what_it_says():
    graph = edit.replace(classifier(10), "relu1", "Tanh")
    nodes = tuple(Node("relu1", "Relu6000", {"a": [1]}) if n.id == "relu1" else n for n in graph.nodes)
    found = infer(Graph(nodes, graph.wires), (VECTOR, LABEL))
    problem = only(found)
    assert problem.node == "relu1"
    assert "'Relu6000' is no layer that is known here" in problem.message
    assert found.nodes["relu1"].params == {"a": [1]}
    assert infer(edit.apply_fix(Graph(nodes, graph.wires), problem.fixes[-1]), (VECTOR, LABEL)).ok


@pytest.mark.parametrize(
    ("params", "says", "label"),
    [
        ({"out_features": 0}, "out_features: 0 is under 1", "Set out_features to 1"),
        ({"out_features": "many"}, "'many' is no whole number", "Set out_features to 64"),
        ({}, "out_features: nothing is given", "Set out_features to 64"),
        ({"out_features": 4, "bias": "yes"}, "'yes' is no switch", "Set bias to True"),
        ({"out_features": 4, "colour": 3}, "it has no parameter 'colour'", "Remove colour"),
    ],
)
def test_a_parameter_with_a_wrong_value_offers_a_right_one(params, says, label):
    graph = chain([("Input", {}), ("Linear", params), ("MSELoss", {})])
    fields = (VECTOR, FieldSpec("y", "vector", (4,), "target"))
    problem = only(infer(graph, fields))
    assert says in problem.message
    assert problem.fixes[0].label == label
    after = infer(edit.apply_fix(graph, problem.fixes[0]), fields)
    assert not any("fc1': " in p.message for p in after.problems)


@pytest.mark.parametrize(
    ("params", "label"),
    [({"reduction": "product"}, "Set reduction to mean"), ({"colour": 1}, "Remove colour"),
     ({"loss_weight": -1.0}, "Set loss_weight to 0.0")],
)  # fmt: skip
def test_a_loss_with_a_wrong_parameter_offers_a_right_one(params, label):
    graph = chain([("Input", {}), ("Linear", {"out_features": 10}), ("CrossEntropyLoss", params)])
    fields = (VECTOR, LABEL)
    assert only(infer(graph, fields)).fixes[0].label == label
    assert infer(mended(graph, fields), fields).ok


def test_an_input_may_be_the_target_too_as_in_an_autoencoder():
    layers = [("Input", {}), ("Conv2d", {"out_channels": 1, "kernel_size": 3, "padding": 1})]
    graph = chain([*layers, ("MSELoss", {"target": "image"})])
    assert infer(graph, (IMAGE,)).ok


@pytest.mark.parametrize(
    "wire", [Wire("fc1", "relu1", "left"), Wire("fc1", "relu1", "out", "z"), Wire("loss1", "relu1", "out")]
)
def test_a_wire_between_ports_that_do_not_exist_offers_to_cut_it(wire):
    graph, fields = classifier(10), (VECTOR, LABEL)
    graph = Graph(graph.nodes, (*(w for w in graph.wires if w.target != "relu1"), wire))
    if wire.source == "loss1":
        graph = edit.apply_fix(graph, Fix("", "add_loss", "fc1", "CrossEntropyLoss"))
    problem = next(p for p in infer(graph, fields).problems if p.fixes and p.fixes[0].label == "Cut that wire")
    assert problem.node == "relu1"
    assert not any("Cut that wire" in f.label for p in infer(edit.apply_fix(graph, problem.fixes[0]), fields).problems
                   for f in p.fixes)  # fmt: skip


def test_embedding_fed_with_floats_is_told_so():
    graph = chain([("Input", {}), ("Embedding", {"num_embeddings": 9, "embedding_dim": 4}), ("Flatten", {}),
                   ("Linear", {"out_features": 10}), ("CrossEntropyLoss", {})])  # fmt: skip
    problem = only(infer(graph, (VECTOR, LABEL)))
    assert problem.message == "Embedding 'embedding1': it looks up whole numbers, but N x 30 of float32 arrives."


def test_linear_fed_with_a_category_is_offered_an_embedding():
    colour = FieldSpec("colour", "category", (), "input", "int64", ("red", "green"))
    graph = chain([("Input", {}), ("Linear", {"out_features": 10}), ("CrossEntropyLoss", {})])
    problem = only(infer(graph, (colour, LABEL)))
    assert problem.node == "fc1"
    assert "Insert Embedding before Linear" in [fix.label for fix in problem.fixes]
    assert infer(mended(graph, (colour, LABEL), "Insert Embedding before Linear"), (colour, LABEL)).ok


def test_a_layer_that_mixes_samples_is_refused():
    graph = chain([("Input", {}), ("Flatten", {"start_dim": 0}), ("Linear", {"out_features": 10}),
                   ("CrossEntropyLoss", {})])  # fmt: skip
    problem = only(infer(graph, DIGITS))
    assert problem.node == "flatten1"
    assert "samples" in problem.message
    assert infer(mended(graph, DIGITS, "Set start_dim to 1"), DIGITS).ok


def test_batch_norm_for_the_wrong_number_of_axes_offers_the_right_one():
    graph = chain([("Input", {}), ("BatchNorm1d", {}), ("Flatten", {}), ("Linear", {"out_features": 10}),
                   ("CrossEntropyLoss", {})])  # fmt: skip
    problem = only(infer(graph, DIGITS))
    assert problem.node == "bn1"
    assert infer(mended(graph, DIGITS, f"Make it {catalogue.entry('BatchNorm2d').title}"), DIGITS).ok


def test_a_layer_that_fails_in_its_own_way_shows_what_it_said(monkeypatch):
    entry = catalogue.entry("ReLU")

    def broken(self, x):
        raise ZeroDivisionError("my layer divides by zero")

    monkeypatch.setattr(entry.cls, "forward", broken)
    trial._run.cache_clear()
    trial._attempt.cache_clear()
    try:
        problem = next(p for p in infer(classifier(10), (VECTOR, LABEL)).problems if p.node == "relu1")
        assert problem.message == "ReLU 'relu1': my layer divides by zero."
    finally:
        monkeypatch.undo()
        trial._run.cache_clear()
        trial._attempt.cache_clear()
