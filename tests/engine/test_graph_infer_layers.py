"""Inference layer by layer: shapes, counts and costs as one computes them by hand, and what each layer refuses."""

from __future__ import annotations

import pytest

from engine.graph import catalogue, edit
from engine.graph.infer import format_shape, infer
from engine.graph.spec import FieldSpec, Graph, Node, Wire
from engine.graph.templates import chain
from engine.ops import Spec
from tests.engine.inference import DIGITS, LABEL, VECTOR, mended, only

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
