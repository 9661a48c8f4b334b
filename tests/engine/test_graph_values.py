"""Layers that give more than one value: a cell's two states, a pooling's maxima and their places."""

from __future__ import annotations

import pytest

from engine.graph import edit, templates
from engine.graph.infer import infer
from engine.graph.script import to_script
from engine.graph.spec import Choice, FieldSpec, Graph, Node, Project, TrainingSpec, Wire, decode, encode
from tests.engine.projects import learned_twice

IMAGE = FieldSpec("image", "image", (1, 8, 8), "input")
LABEL = FieldSpec("label", "category", (), "target", "int64", classes=tuple("0123456789"))


def unrolled() -> Graph:
    """Two steps of one LSTM cell, whose states begin as what a dense layer makes of the image."""
    nodes = [
        Node("x", "Input"), Node("rows", "Reshape", {"shape": [8, 8]}), Node("flat", "Flatten"),
        Node("first", "Select", {"dim": 1, "index": 0}), Node("second", "Select", {"dim": 1, "index": 1}),
        Node("h", "Linear", {"out_features": 6}), Node("c", "Linear", {"out_features": 6}),
        Node("cell", "LSTMCell"), Node("again", "LSTMCell", shares="cell"), Node("both", "Concat"),
        Node("end", "Linear", {"out_features": 10}), Node("loss1", "CrossEntropyLoss"),
    ]  # fmt: skip
    wires = [
        Wire("x", "rows"), Wire("x", "flat"), Wire("rows", "first"), Wire("rows", "second"), Wire("flat", "h"),
        Wire("flat", "c"), Wire("first", "cell"), Wire("h", "cell", target_port="h"),
        Wire("c", "cell", target_port="c"), Wire("second", "again"), Wire("cell", "again", target_port="h"),
        Wire("cell", "again", "c", "c"),
        Wire("again", "both", target_port="a"), Wire("again", "both", "c", "b"), Wire("both", "end"),
        Wire("end", "loss1", target_port="input"),
    ]  # fmt: skip
    return Graph(tuple(nodes), tuple(wires))


def there_and_back(size: int = 2, indices: bool = True) -> Graph:
    """Pooled, changed and put back to where the maxima stood."""
    nodes = [
        Node("x", "Input"), Node("conv1", "Conv2d", {"out_channels": 4, "kernel_size": 3, "padding": 1}),
        Node("pool1", "MaxPool2d", {"kernel_size": size} | ({"return_indices": True} if indices else {})),
        Node("conv2", "Conv2d", {"out_channels": 4, "kernel_size": 3, "padding": 1}),
        Node("back", "MaxUnpool2d", {"kernel_size": size}), Node("flat", "Flatten"),
        Node("end", "Linear", {"out_features": 10}), Node("loss1", "CrossEntropyLoss"),
    ]  # fmt: skip
    wires = [
        Wire("x", "conv1"), Wire("conv1", "pool1"), Wire("pool1", "conv2"), Wire("conv2", "back"), Wire("back", "flat"),
        Wire("flat", "end"), Wire("end", "loss1", target_port="input"),
    ]  # fmt: skip
    if indices:
        wires.append(Wire("pool1", "back", "indices", "indices"))
    return Graph(tuple(nodes), tuple(wires))


@pytest.mark.parametrize(
    ("graph", "line"),
    [
        (unrolled(), "again, again_c = self.cell(second, (cell, cell_c))"),
        (there_and_back(), "back = self.back(conv2, pool1_indices)"),
        (edit.connect(unrolled(), Wire("h", "both", target_port="b")), "again = self.cell(second, (cell, cell_c))[0]"),
    ],
)
def test_further_values_go_on_by_ports_the_same_in_the_script_and_in_the_trainer(tmp_path, graph, line):
    data = templates.create("digits-mlp").data
    made = Project(graph=graph, data=data, training=TrainingSpec(Choice("Adam", {"lr": 0.01}), epochs=1))
    made = decode(encode(made))
    assert line in to_script(made)
    learned_twice(made, tmp_path)


def test_indices_are_wired_by_a_click_that_lets_the_pool_give_them():
    graph = there_and_back(indices=False)
    (problem,) = [p for p in infer(graph, (IMAGE, LABEL)).problems if p.node == "back"]
    assert problem.message.endswith("has no input 'indices': Max pool 'pool1' can give it.")
    mended = edit.apply_fix(graph, problem.fixes[0])
    assert infer(mended, (IMAGE, LABEL)).ok
    without = edit.set_parameter(mended, "pool1", "return_indices", False)
    (problem,) = [p for p in infer(without, (IMAGE, LABEL)).problems if p.node == "back"]
    assert "a wire comes from 'indices' of Max pool 'pool1', which has no such output" in problem.message
    assert [fix.label for fix in problem.fixes] == ["Let 'pool1' give its indices", "Cut that wire"]
    assert infer(edit.apply_fix(without, problem.fixes[0]), (IMAGE, LABEL)).ok


def test_indices_that_no_layer_gives_are_told_with_the_layer_that_would():
    graph = edit.replace(there_and_back(), "pool1", "AvgPool2d")
    (problem,) = [p for p in infer(graph, (IMAGE, LABEL)).problems if p.node == "back"]
    assert problem.message.endswith("has no input 'indices': put a max pool before it, which gives them.")


@pytest.mark.parametrize(
    ("graph", "says", "fix"),
    [
        (there_and_back(3), "gives 6 x 6, but its indices are places of 8 x 8, which 'pool1' pooled",
         "Insert ZeroPad2d with [0, 1, 0, 1] before Max pool"),
        (edit.set_parameter(there_and_back(), "back", "kernel_size", 3), "gives 12 x 12, but its indices are places of",
         "Set kernel_size of 'back' to 2"),
    ],
)  # fmt: skip
def test_the_way_back_leads_to_as_many_places_as_were_pooled(graph, says, fix):
    (problem,) = infer(graph, (IMAGE, LABEL)).problems
    assert says in problem.message
    assert problem.fixes[0].label == fix
    assert infer(edit.apply_fix(graph, problem.fixes[0]), (IMAGE, LABEL)).problems == ()


def test_a_pool_that_becomes_another_keeps_the_wire_of_its_indices():
    graph = edit.replace(there_and_back(), "pool1", "MaxPool1d")
    assert Wire("pool1", "back", "indices", "indices") in graph.wires
    assert Wire("pool1", "back", "indices", "indices") not in edit.replace(graph, "pool1", "AvgPool2d").wires
