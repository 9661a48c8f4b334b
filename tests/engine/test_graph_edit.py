"""Edits of a network: each keeps it whole."""

from __future__ import annotations

import contextlib
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Fix, GraphError
from engine.graph import catalogue, edit, spec
from engine.graph.build import GraphModule
from engine.graph.spec import Graph, Node, Project, Wire
from engine.graph.templates import chain

CHAIN = chain([("Input", {}), ("Linear", {"out_features": 8}), ("ReLU", {}), ("Linear", {"out_features": 2})])


def wires(graph: Graph) -> set[tuple[str, str]]:
    return {(wire.source, wire.target) for wire in graph.wires}


def check_whole(graph: Graph) -> None:
    """Every id once, wires between ports that are there, one wire into an input, no circle, and it can be saved."""
    assert spec.decode(spec.encode(Project(graph=graph))).graph == graph
    types = {node.id: node.type for node in graph.nodes}
    for wire in graph.wires:
        assert wire.source_port in catalogue.entry(types[wire.source]).outputs
        assert wire.target_port in catalogue.entry(types[wire.target]).inputs
        assert wire.source not in edit.downstream(graph, wire.target)


@pytest.mark.parametrize(
    ("type", "id"),
    [("Conv2d", "conv1"), ("Linear", "fc3"), ("MaxPool2d", "pool1"), ("ReLU", "relu2"), ("CrossEntropyLoss", "loss1"),
     ("9 Лс", "node1")],
)  # fmt: skip
def test_a_new_node_gets_the_name_that_a_person_would_give_it(type, id):
    assert edit.unique_id(CHAIN, type) == id


def test_no_node_may_be_called_what_a_module_has_already():
    taken = {name for name in dir(GraphModule({}, {}, {}, {})) if not name.startswith("_")}
    assert taken <= spec.RESERVED


def test_adding_a_name_twice_is_refused():
    with pytest.raises(GraphError, match="already"):
        edit.add(CHAIN, Node("fc1", "Linear"))


def test_removing_takes_the_wires_along():
    assert wires(edit.remove(CHAIN, ["relu1"])) == {("input1", "fc1")}


def test_removing_with_rejoin_leads_the_wires_on():
    assert wires(edit.remove(CHAIN, ["fc1", "relu1"], rejoin=True)) == {("input1", "fc2")}


def test_rejoin_follows_the_first_input_of_a_joining_layer():
    graph = edit.add(CHAIN, Node("add1", "Add"))
    graph = edit.add(graph, Node("end", "ReLU"))
    for wire in (Wire("fc1", "add1", target_port="b"), Wire("relu1", "add1", target_port="a"), Wire("add1", "end")):
        graph = edit.connect(graph, wire)
    assert ("relu1", "end") in wires(edit.remove(graph, ["add1"], rejoin=True))


def test_removing_the_first_node_leaves_the_second_open():
    assert wires(edit.remove(CHAIN, ["input1"], rejoin=True)) == {("fc1", "relu1"), ("relu1", "fc2")}


def test_a_second_wire_into_an_input_replaces_the_first():
    assert wires(edit.connect(CHAIN, Wire("input1", "fc2"))) == {("input1", "fc1"), ("fc1", "relu1"), ("input1", "fc2")}


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        (Wire("fc2", "fc1"), "circle"),
        (Wire("fc1", "fc1"), "circle"),
        (Wire("gone", "fc1"), "not in the network"),
        (Wire("fc1", "input1"), "no input"),
        (Wire("fc1", "fc2", target_port="b"), "no input 'b', expected 'x'"),
    ],
)
def test_a_wire_that_cannot_be_is_refused(wire, says):
    with pytest.raises(GraphError, match=says):
        edit.connect(CHAIN, wire)


def test_replacing_keeps_shared_parameters_and_wires():
    graph = chain([("Input", {}), ("MaxPool2d", {"kernel_size": 3}), ("Flatten", {})])
    new = edit.replace(graph, "pool1", "AvgPool2d")
    assert new.node("pool1").type == "AvgPool2d"
    assert new.node("pool1").params["kernel_size"] == 3
    assert new.wires == graph.wires


def test_replacing_by_a_loss_drops_the_wires_out_of_it():
    new = edit.replace(CHAIN, "relu1", "MSELoss")
    assert {(w.source, w.target, w.target_port) for w in new.wires} == {
        ("input1", "fc1", "x"),
        ("fc1", "relu1", "input"),
    }


def test_inserting_makes_room_in_the_row():
    wire = next(wire for wire in CHAIN.wires if wire.target == "relu1")
    graph = edit.insert(CHAIN, wire, "Dropout")
    assert wires(graph) == {("input1", "fc1"), ("fc1", "dropout1"), ("dropout1", "relu1"), ("relu1", "fc2")}
    assert [graph.node(id).x for id in ("fc1", "dropout1", "relu1", "fc2")] == [160.0, 320.0, 480.0, 640.0]


def test_what_comes_behind_a_wide_node_stands_clear_of_it():
    layers = [("Input", {}), ("AdaptiveAvgPool1d", {}), ("Flatten", {}), ("Linear", {"out_features": 2})]
    graph = edit.apply_fix(chain(layers), Fix("", "insert_after", "pool1", "Dropout"))
    long = {"fc1": "the layer that decides it all"}
    graph = Graph(tuple(msgspec.structs.replace(n, title=long.get(n.id, "")) for n in graph.nodes), graph.wires)
    graph = edit.apply_fix(graph, Fix("", "add_loss", "", "MSELoss"))
    row = ("input1", "pool1", "dropout1", "flatten1", "fc1", "loss1")
    assert [behind.x - node.x >= edit.pitch(node) for node, behind in pairwise(map(graph.node, row))] == [True] * 5
    assert graph.node("dropout1").x - graph.node("pool1").x > edit.PITCH


def test_a_node_of_an_unknown_layer_has_a_width_too():
    narrow, wide = edit.pitch(Node("a", "HyperConv9d")), edit.pitch(Node("b", "HyperConvolutionOfNineDimensions"))
    assert wide > narrow == edit.PITCH


def test_a_default_value_is_not_written_down():
    graph = edit.set_parameter(edit.set_parameter(CHAIN, "fc1", "bias", False), "fc1", "bias", True)
    assert graph == CHAIN


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("out_features", 0, "under"), ("out_features", "8", "no whole number"), ("colour", 1, "no parameter")],
)
def test_a_value_that_a_parameter_does_not_take_is_refused(name, value, says):
    with pytest.raises(GraphError, match=says):
        edit.set_parameter(CHAIN, "fc1", name, value)


@pytest.mark.parametrize(
    ("fix", "expected"),
    [
        (Fix("", "remove", "relu1"), {("input1", "fc1"), ("fc1", "fc2")}),
        (Fix("", "disconnect", "relu1"), {("input1", "fc1"), ("relu1", "fc2")}),
        (Fix("", "insert_before", "fc1", "Flatten"), wires(CHAIN) - {("input1", "fc1")}
         | {("input1", "flatten1"), ("flatten1", "fc1")}),
        (Fix("", "insert_after", "fc1", "Dropout"), wires(CHAIN) - {("fc1", "relu1")}
         | {("fc1", "dropout1"), ("dropout1", "relu1")}),
        (Fix("", "insert_after", "fc2", "Dropout"), wires(CHAIN) | {("fc2", "dropout1")}),
        (Fix("", "add_loss", "", "MSELoss"), wires(CHAIN) | {("fc2", "loss1")}),
    ],
)  # fmt: skip
def test_a_fix_does_what_it_says(fix, expected):
    graph = edit.apply_fix(CHAIN, fix)
    assert wires(graph) == expected
    check_whole(graph)


def test_an_input_inserted_before_an_open_layer_is_wired_to_it():
    graph = edit.apply_fix(chain([("Linear", {"out_features": 2})]), Fix("", "insert_before", "fc1", "Input"))
    assert wires(graph) == {("input1", "fc1")}


TYPES = st.sampled_from(["Input", "Linear", "Conv2d", "ReLU", "Add", "Concat", "Flatten", "MSELoss", "BatchNorm1d"])


GESTURES = ["add", "remove", "connect", "disconnect", "replace", "set", "insert_before", "insert_after", "add_loss"]


def any_edit(draw, graph: Graph) -> Graph:
    ids = st.sampled_from([node.id for node in graph.nodes] or ["none"])
    gesture, type, id = draw(st.sampled_from(GESTURES)), draw(TYPES), draw(ids)
    match gesture:
        case "add":
            return edit.add(graph, Node(edit.unique_id(graph, type), type, catalogue.entry(type).starts(), 1.0, 2.0))
        case "remove":
            return edit.remove(graph, draw(st.lists(ids)), draw(st.booleans()))
        case "connect":
            return edit.connect(graph, Wire(id, draw(ids), "out", draw(st.sampled_from(["x", "a", "b", "input"]))))
        case "disconnect":
            return edit.disconnect(graph, graph.wires[: draw(st.integers(0, 2))])
        case "replace":
            return edit.replace(graph, id, type)
        case "set":
            return edit.set_parameter(graph, id, "out_features", draw(st.integers(-1, 9)))
    return edit.apply_fix(graph, Fix("", gesture, "" if gesture == "add_loss" else id, type))


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_sequence_of_edits_keeps_the_network_whole(data):
    graph = CHAIN
    for _ in range(data.draw(st.integers(1, 12))):
        with contextlib.suppress(GraphError):
            graph = any_edit(data.draw, graph)
        check_whole(graph)
