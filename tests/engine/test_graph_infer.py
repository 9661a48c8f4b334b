"""Inference: shapes, costs and where a wire may go, of a network without data."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.graph import catalogue, edit, templates, trial
from engine.graph.build import build, losses
from engine.graph.infer import fits, format_count, format_shape, infer, infer_steps
from engine.graph.spec import FieldSpec, Graph, Node, Wire
from engine.graph.templates import chain
from engine.ops import Spec
from tests.engine.inference import DIGITS, IMAGE, LABEL, PRICE, SIDE, VECTOR, classifier

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
