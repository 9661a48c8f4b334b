"""Inference: shapes, costs and faults of a network without data, and fixes that mend it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Fix
from engine.graph import catalogue, edit, templates, trial
from engine.graph.build import build, losses
from engine.graph.infer import Inference, Problem, fits, format_count, format_shape, infer, infer_steps
from engine.graph.spec import FieldSpec, Graph, Node, Wire
from engine.graph.templates import chain
from engine.ops import Spec

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


# --- shapes and costs -----------------------------------------------------------------------------------------------


def test_every_shape_parameter_count_and_cost_of_the_digits_cnn():
    graph = templates.create("digits-cnn").graph
    found = infer(graph, DIGITS)
    assert found.ok
    assert found.problems == ()
    shapes = [format_shape(found.nodes[id].outputs.get("out")) for id in found.order]
    assert shapes == [
        "N x 1 x 8 x 8", "N x 16 x 8 x 8", "N x 16 x 8 x 8", "N x 16 x 4 x 4", "N x 32 x 4 x 4",
        "N x 32 x 4 x 4", "N x 32 x 4 x 4", "N x 512", "N x 10", "?",
    ]  # fmt: skip
    assert [found.nodes[id].parameter_count for id in ("conv1", "conv2", "fc1")] == [160, 4640, 5130]
    assert found.parameter_count == 160 + 4640 + 5130
    multiply_adds = 16 * 64 * 9 + 32 * 16 * 16 * 9 + 512 * 10
    assert 2 * multiply_adds <= found.flops <= 2.3 * multiply_adds
    assert found.nodes["conv2"].activation_bytes == 32 * 4 * 4 * 4
    assert found.nodes["conv2"].params["in_channels"] == 16


@pytest.mark.parametrize("name", templates.names())
def test_every_template_is_sound(name):
    project = templates.create(name)
    found = infer(project.graph, project.data.fields)
    assert found.problems == ()
    assert found.parameter_count > 0


def test_a_branching_network_is_ordered_by_its_wires():
    graph = chain([("Input", {}), ("Conv2d", {"out_channels": 4, "kernel_size": 3, "padding": 1})])
    for node in (Node("add1", "Add"), Node("conv2", "Conv2d", {"out_channels": 4, "kernel_size": 1})):
        graph = edit.add(graph, node)
    graph = edit.connect(graph, Wire("conv1", "add1", target_port="a"))
    graph = edit.connect(graph, Wire("conv2", "add1", target_port="b"))
    graph = edit.connect(graph, Wire("input1", "conv2"))
    found = infer(graph, DIGITS)
    assert found.order.index("add1") > max(found.order.index("conv1"), found.order.index("conv2"))
    assert found.nodes["add1"].outputs["out"] == Spec((4, 8, 8))


def test_a_small_edit_of_500_nodes_asks_only_what_it_changes():
    layers = [("Linear", {"out_features": 8 + n % 90}) for n in range(498)]
    graph = chain([("Input", {}), *layers])
    infer(graph, (VECTOR, SIDE))
    trial._attempt.cache_clear()
    trial._run.cache_clear()
    before = infer(graph, (VECTOR, SIDE))
    asked = trial._run.cache_info().misses
    changed = edit.set_parameter(graph, "fc250", "out_features", 333)
    started = time.process_time()
    after = infer(changed, (VECTOR, SIDE))
    seconds = time.process_time() - started
    assert asked <= 190
    assert trial._run.cache_info().misses - asked == 2  # the node itself and the one behind it
    assert {id for id in after.nodes if after.nodes[id] != before.nodes[id]} == {"fc250", "fc251"}
    assert seconds < 0.5


def test_inference_in_steps_ends_with_the_same_as_in_one():
    graph = templates.create("digits-mlp").graph
    seen = []

    def follow():
        result = yield from infer_steps(graph, DIGITS)
        seen.append(result)

    ids = [id for id, _ in follow()]
    assert seen == [infer(graph, DIGITS)]
    assert tuple(dict.fromkeys(ids)) == seen[0].order


def test_inferring_draws_no_random_numbers():
    import engine

    engine.manual_seed(3)
    first = engine.randn(4).tolist()
    engine.manual_seed(3)
    trial._run.cache_clear()
    trial._attempt.cache_clear()
    infer(templates.create("digits-cnn").graph, DIGITS)
    assert engine.randn(4).tolist() == first


def test_one_and_true_are_not_the_same_value():
    for value, fine in ((True, True), (1, False)):
        graph = chain([("Input", {}), ("Linear", {"out_features": 2, "bias": value}), ("MSELoss", {})])
        fields = (VECTOR, FieldSpec("y", "vector", (2,), "target"))
        assert infer(graph, fields).ok is fine


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0 k"), (4640, "4.6 k"), (99_949, "99.9 k"), (99_951, "100 k"),
     (999_949, "1000 k"), (999_999, "1.0 M"), (1_234_567, "1.2 M"), (2.5e9, "2.5 G")],
)  # fmt: skip
def test_counts_are_short_and_have_a_unit(count, text):
    assert format_count(count) == text


# --- sequences ------------------------------------------------------------------------------------------------------

SERIES = FieldSpec("series", "vector", (20, 3), "input")
WORDS = FieldSpec("words", "vector", (12,), "input", "int64")


@pytest.mark.parametrize(
    ("type", "params", "shape", "parameters", "products"),
    [
        ("RNN", {"hidden_size": 8}, (20, 8), 8 * (3 + 8 + 2), 8 * (3 + 8)),
        ("GRU", {"hidden_size": 8}, (20, 8), 24 * (3 + 8 + 2), 24 * (3 + 8)),
        ("LSTM", {"hidden_size": 8}, (20, 8), 32 * (3 + 8 + 2), 32 * (3 + 8)),
        ("LSTM", {"hidden_size": 8, "bidirectional": True}, (20, 16), 64 * (3 + 8 + 2), 64 * (3 + 8)),
        ("LSTM", {"hidden_size": 8, "num_layers": 2}, (20, 8), 32 * (13 + 18), 32 * (11 + 16)),
        ("LSTM", {"hidden_size": 8, "proj_size": 4}, (20, 4), 32 * (3 + 4 + 2) + 32, 32 * (3 + 4) + 32),
    ],
)
def test_a_recurrent_layer_has_the_shape_parameters_and_cost_that_one_computes_by_hand(
    type, params, shape, parameters, products
):
    found = infer(chain([("Input", {}), (type, params)]), (SERIES,)).nodes[type.lower() + "1"]
    assert found.outputs["out"] == Spec(shape)
    assert found.parameter_count == parameters
    assert 2 * 20 * products <= found.flops <= 2 * 20 * (products + 20 * 16)
    assert found.params["input_size"] == 3


def test_words_are_read_by_an_lstm_and_the_last_step_is_classified():
    graph = chain([("Input", {}), ("Embedding", {"num_embeddings": 50, "embedding_dim": 6}),
                   ("LSTM", {"hidden_size": 8, "bidirectional": True}), ("LastStep", {"bidirectional": True}),
                   ("Linear", {"out_features": 10}), ("CrossEntropyLoss", {})])  # fmt: skip
    found = infer(graph, (WORDS, LABEL))
    assert found.problems == ()
    assert [format_shape(found.nodes[id].outputs.get("out")) for id in found.order][2:5] == [
        "N x 12 x 16", "N x 16", "N x 10",
    ]  # fmt: skip


@pytest.mark.parametrize("type", ["RNN", "GRU", "LSTM", "LastStep"])
def test_a_sequence_layer_does_not_take_the_samples_for_steps(type):
    graph = chain([("Input", {}), (type, catalogue.entry(type).starts()), ("Linear", {"out_features": 10}),
                   ("CrossEntropyLoss", {})])  # fmt: skip
    problem = only(infer(graph, (VECTOR, LABEL)))
    assert "N x 30 arrives, but it takes N x steps x features." in problem.message
    title = catalogue.entry(type).title
    after = mended(graph, (VECTOR, LABEL), f"Insert Reshape before {title}")
    assert infer(after, (VECTOR, LABEL)).nodes["reshape1"].outputs["out"] == Spec((30, 1))


def test_whole_numbers_before_an_lstm_are_offered_an_embedding():
    graph = chain([("Input", {}), ("LSTM", {"hidden_size": 8}), ("LastStep", {}), ("Linear", {"out_features": 10}),
                   ("CrossEntropyLoss", {})])  # fmt: skip
    assert only(infer(graph, (WORDS, LABEL))).fixes[0].label == "Insert Embedding before LSTM"
    assert infer(mended(graph, (WORDS, LABEL)), (WORDS, LABEL)).ok


# --- convolutions, pooling, resizing ----------------------------------------------------------------------------------

SIGNAL = FieldSpec("signal", "vector", (3, 20), "input")
PICTURE = FieldSpec("picture", "image", (3, 9, 12), "input")


@pytest.mark.parametrize(
    ("field", "type", "params", "shape", "parameters", "flops"),
    [
        (SIGNAL, "Conv1d", {"out_channels": 8, "kernel_size": 5, "stride": 2}, (8, 8), 8 * 15 + 8, 64 * 31),
        (SIGNAL, "Conv1d", {"out_channels": 8, "kernel_size": 4, "padding": "same"}, (8, 20), 8 * 13, 160 * 25),
        (SIGNAL, "ConvTranspose1d", {"out_channels": 2, "kernel_size": 4, "stride": 2, "padding": 1}, (2, 40), 26,
         60 * 2 * 8 + 80),
        (PICTURE, "ConvTranspose2d", {"out_channels": 2, "kernel_size": 4, "stride": 2, "padding": 1}, (2, 18, 24), 98,
         324 * 2 * 32 + 864),
        (SIGNAL, "MaxPool1d", {"kernel_size": 3}, (3, 6), 0, 54),
        (SIGNAL, "AvgPool1d", {"kernel_size": 3, "stride": 1}, (3, 18), 0, 162),
        (PICTURE, "AdaptiveAvgPool2d", {"output_size": 1}, (3, 1, 1), 0, 324),
        (PICTURE, "AdaptiveAvgPool2d", {"output_size": [2, 5]}, (3, 2, 5), 0, 210),
        (SIGNAL, "AdaptiveAvgPool1d", {"output_size": 4}, (3, 4), 0, 60),
        (PICTURE, "Upsample", {"scale_factor": 2.0}, (3, 18, 24), 0, 0),
        (PICTURE, "Upsample", {"size": [4, 20], "mode": "bilinear"}, (3, 4, 20), 0, 7 * 240),
        (SIGNAL, "Upsample", {"scale_factor": 1.5, "mode": "linear"}, (3, 30), 0, 7 * 90),
    ],
)  # fmt: skip
def test_a_sliding_layer_has_the_shape_parameters_and_cost_that_one_computes_by_hand(
    field, type, params, shape, parameters, flops
):
    graph = chain([("Input", {}), (type, params)])
    found = infer(graph, (field,)).nodes[graph.nodes[1].id]
    assert found.problems == ()
    assert found.outputs["out"] == Spec(shape)
    assert (found.parameter_count, found.flops) == (parameters, flops)


@pytest.mark.parametrize("layer", ["Conv1d", "MaxPool1d", "AvgPool1d"])
def test_a_kernel_longer_than_the_sequence_offers_a_smaller_one(layer):
    params = {"kernel_size": 23} | ({"out_channels": 2} if layer == "Conv1d" else {})
    graph = chain([("Input", {}), (layer, params), ("Flatten", {}), ("Linear", {"out_features": 10}),
                   ("CrossEntropyLoss", {})])  # fmt: skip
    problem = only(infer(graph, (SIGNAL, LABEL)))
    assert "its kernel of 23 is larger than the sequence of 20 that arrives" in problem.message
    assert "Set kernel_size to 20" in [fix.label for fix in problem.fixes]
    for fix in problem.fixes:
        assert infer(edit.apply_fix(graph, fix), (SIGNAL, LABEL)).ok, fix.label


@pytest.mark.parametrize(("layer", "other"), [("Conv1d", "Conv2d"), ("MaxPool1d", "MaxPool2d")])
def test_a_layer_for_sequences_that_gets_images_is_offered_its_relative(layer, other):
    graph = chain([("Input", {}), (layer, catalogue.entry(layer).starts()), ("Flatten", {}),
                   ("Linear", {"out_features": 10}), ("CrossEntropyLoss", {})])  # fmt: skip
    problem = only(infer(graph, DIGITS))
    assert "N x 1 x 8 x 8 arrives, but it takes N x channels x length" in problem.message
    assert infer(mended(graph, DIGITS, f"Make it {catalogue.entry(other).title}"), DIGITS).ok


@pytest.mark.parametrize(
    ("params", "label"),
    [
        ({"size": 12, "scale_factor": 2.0}, "Leave scale_factor out"),
        ({}, "Set scale_factor to 2"),
        ({"scale_factor": 2.0, "mode": "linear"}, "Set mode to bilinear"),
        ({"scale_factor": 2.0, "align_corners": True}, "Leave align_corners out"),
    ],
)
def test_options_of_a_resize_that_contradict_each_other_are_offered_a_way_out(params, label):
    graph = chain([("Input", {}), ("Upsample", params), ("Flatten", {}), ("Linear", {"out_features": 10}),
                   ("CrossEntropyLoss", {})])  # fmt: skip
    problem = only(infer(graph, DIGITS))
    assert problem.fixes[0].label == label
    assert infer(mended(graph, DIGITS), DIGITS).ok


# --- attention --------------------------------------------------------------------------------------------------------

TOKENS = FieldSpec("tokens", "vector", (12, 16), "input")


@pytest.mark.parametrize(
    ("type", "params", "shape", "parameters", "products"),
    [
        ("TransformerEncoderLayer", {"nhead": 4, "dim_feedforward": 32}, (12, 16), 4 * 272 + 544 + 528 + 64,
         12 * (4 * 256 + 2 * 512) + 2 * 12 * 12 * 16),
        ("PositionalEncoding", {}, (12, 16), 0, 0),
        ("LearnedPositionalEncoding", {}, (12, 16), 192, 0),
    ],
)  # fmt: skip
def test_a_layer_of_a_transformer_has_the_shape_parameters_and_cost_that_one_computes_by_hand(
    type, params, shape, parameters, products
):
    graph = chain([("Input", {}), (type, params)])
    found = infer(graph, (TOKENS,)).nodes[graph.nodes[1].id]
    assert found.problems == ()
    assert found.outputs["out"] == Spec(shape)
    assert found.parameter_count == parameters
    assert 2 * products <= found.flops <= 2 * products + 12 * 16 * 60


def three_wired(type: str, **params) -> Graph:
    """One Input that feeds all ports of a layer."""
    graph = edit.add(chain([("Input", {})]), Node("joined", type, params))
    for port in catalogue.entry(type).inputs:
        graph = edit.connect(graph, Wire("input1", "joined", target_port=port))
    return graph


def test_self_attention_is_one_layer_wired_three_times():
    found = infer(three_wired("MultiheadAttention", num_heads=4), (TOKENS,)).nodes["joined"]
    assert list(found.inputs) == ["query", "key", "value"]
    assert found.outputs == {"out": Spec((12, 16))}
    assert found.parameter_count == 4 * 16 * 17
    assert found.flops >= 2 * (12 * 4 * 256 + 2 * 12 * 12 * 16)
    assert found.params["embed_dim"] == 16


@pytest.mark.parametrize(("type", "name"), [("MultiheadAttention", "num_heads"), ("TransformerEncoderLayer", "nhead")])
def test_heads_that_do_not_divide_the_features_are_offered_as_many_as_do(type, name):
    graph = three_wired(type, **{name: 5})
    problem = next(p for p in infer(graph, (TOKENS,)).problems if p.node == "joined" and p.fixes)
    assert "16 features for 5 heads" in problem.message
    assert problem.fixes[0].label == f"Set {name} to 4"
    assert infer(edit.apply_fix(graph, problem.fixes[0]), (TOKENS,)).nodes["joined"].outputs["out"] == Spec((12, 16))


def test_groups_that_do_not_divide_the_channels_are_offered_as_many_as_do():
    graph = chain([("Input", {}), ("GroupNorm", {"num_groups": 2})])
    problem = next(p for p in infer(graph, (PICTURE,)).problems if p.node == graph.nodes[1].id and p.fixes)
    assert problem.fixes[0].label == "Set num_groups to 1"


@pytest.mark.parametrize(("type", "shape"), [("Multiply", (30,)), ("Dot", (1,))])
def test_two_branches_are_multiplied(type, shape):
    assert infer(three_wired(type), (VECTOR,)).nodes["joined"].outputs["out"] == Spec(shape)


# --- faults, each at its node, with a fix that mends it --------------------------------------------------------------


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


def classifier(outputs: int, loss: str = "CrossEntropyLoss", *before_loss: str) -> Graph:
    return chain([("Input", {}), ("Linear", {"out_features": 8}), ("ReLU", {}), ("Linear", {"out_features": outputs}),
                  *((type, {}) for type in before_loss), (loss, {})])  # fmt: skip


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


# --- where a wire may go ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "port", "says"),
    [
        ("input1", "fc2", "x", ""),
        ("relu1", "loss1", "input", ""),
        ("fc1", "fc1", "x", "feed itself"),
        ("fc2", "fc1", "x", "close a circle"),
        ("loss1", "fc1", "x", "no output"),
        ("fc1", "input1", "x", "no input"),
        ("fc1", "conv1", "x", "Conv 2-D 'conv1': "),
    ],
)
def test_whether_a_wire_fits_is_said_in_a_sentence(source, target, port, says):
    graph = edit.add(classifier(10), Node("conv1", "Conv2d", {"out_channels": 4, "kernel_size": 3}))
    fields = (VECTOR, LABEL)
    reason = fits(graph, fields, infer(graph, fields), source, "out", target, port)
    assert says in reason
    assert bool(reason) == bool(says)


def test_asking_every_port_of_500_nodes_takes_little_time():
    graph = chain([("Input", {}), *(("Linear", {"out_features": 8 + n % 50}) for n in range(499))])
    found = infer(graph, (VECTOR, LABEL))
    started = time.process_time()
    answers = [fits(graph, (VECTOR, LABEL), found, "fc9", "out", node.id, "x") for node in graph.nodes]
    assert time.process_time() - started < 1.0
    assert sum(answer == "" for answer in answers) == 490  # all but the Input, itself and the eight before it


# --- whatever is drawn -----------------------------------------------------------------------------------------------

VALUES = st.none() | st.booleans() | st.integers(-3, 70_000) | st.floats(-2, 2) | st.text(max_size=3)
TYPES = st.sampled_from([*catalogue.entries("layer"), *catalogue.entries("loss"), "Unknown3d"])
FIELDS = st.lists(st.sampled_from([IMAGE, LABEL, VECTOR, SIDE, PRICE]), unique=True, max_size=5).map(tuple)


@st.composite
def drawings(draw) -> Graph:
    """Anything that a project file may hold: wrong values, open ends, circles, ports that do not exist."""
    nodes = []
    for n in range(draw(st.integers(0, 7))):
        type = draw(TYPES)
        entry = catalogue.entries().get(type)
        names = st.sampled_from([p.name for p in entry.parameters] if entry and entry.parameters else ["colour"])
        given_values = draw(st.dictionaries(names, VALUES | st.lists(VALUES, max_size=3), max_size=2))
        nodes.append(Node(f"n{n}", type, (entry.starts() if entry else {}) | given_values, n * 160.0))
    ids = [node.id for node in nodes]
    wires = {}
    for n in range(draw(st.integers(0, 8)) if ids else 0):
        source, target = draw(st.sampled_from(ids)), draw(st.sampled_from(ids))
        if n % 3:  # mostly forwards
            source, target = sorted((source, target))
        port = draw(st.sampled_from(["x", "x", "a", "b", "input", "z"]))
        wires[target, port] = Wire(source, target, draw(st.sampled_from(["out", "out", "out", "y"])), port)
    return Graph(tuple(nodes), tuple(wires.values()))


@st.composite
def networks(draw) -> Graph:
    """Layers that are all wired, some with other parameters than they begin with, and a loss at the end."""
    layers = st.sampled_from([type for type in catalogue.entries("layer") if type != "Input"])
    graph = Graph((Node("input1", "Input", {"field": draw(st.sampled_from([IMAGE, VECTOR])).name}),))
    for n, type in enumerate(
        [*draw(st.lists(layers, max_size=6)), draw(st.sampled_from([*catalogue.entries("loss")]))]
    ):
        entry = catalogue.entry(type)
        params = entry.starts()
        changeable = [p.name for p in entry.parameters if p.kind in ("int", "pair") and p.name != "dtype"]
        if changeable and draw(st.booleans()):
            params[draw(st.sampled_from(changeable))] = draw(st.integers(-1, 12))
        graph = edit.add(graph, Node(f"n{n}", type, params, 160.0 * n))
        for port in entry.inputs:
            sources = [node.id for node in graph.nodes[:-1]]
            source = sources[-1] if draw(st.integers(0, 3)) else draw(st.sampled_from(sources))
            graph = edit.connect(graph, Wire(source, f"n{n}", "out", port))
    return graph


@settings(max_examples=200, deadline=None)
@given(graph=drawings() | networks(), fields=FIELDS | st.sampled_from([(IMAGE, VECTOR, LABEL), (IMAGE, VECTOR, PRICE)]))
def test_nothing_that_can_be_drawn_makes_inference_raise_and_every_fix_can_be_done(graph, fields):
    found = infer(graph, fields)
    assert set(found.order) == {node.id for node in graph.nodes} == set(found.nodes)
    for problem in found.problems:
        assert problem.message.endswith(".")
        assert "7919" not in problem.message
        assert problem.node == "" or problem.node in found.nodes
        for fix in problem.fixes:
            if fix.action != "choose_data":
                mended = edit.apply_fix(graph, fix)
                assert mended != graph, fix
                infer(mended, fields)
    if found.ok and graph.nodes:
        losses(graph, fields)
        build(graph, fields)
    for source in graph.nodes[:3]:
        for target in graph.nodes[:3]:
            assert isinstance(fits(graph, fields, found, source.id, "out", target.id, "x"), str)
