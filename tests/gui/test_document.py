"""The document: every gesture is one named step, checked before it is made."""

from __future__ import annotations

import itertools
import json
from time import perf_counter

import msgspec
import pytest
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QApplication

from engine.errors import EngineError, Fix, GraphError, ProjectError
from engine.graph.spec import EarlyStopping, Graph, Node, Project, Wire
from gui.document import clipboard
from tests.gui.on_canvas import wires_of


def test_a_new_node_is_there_at_once_with_its_shape(document):
    id = document.add_node("Input", 10, 20)
    assert (document.nodes[id].x, document.nodes[id].y) == (10, 20)
    assert document.result(id).outputs["out"].shape == (1, 8, 8)


def test_every_gesture_is_undone_to_empty_and_redone(document, chain):
    document.move({chain[0]: (5, 5)})
    document.set_parameter([chain[4]], "out_features", 10)
    document.rename(chain[1], "Edges")
    document.delete([chain[2]], rejoin=True)
    document.arrange()
    document.set_training("epochs", 7)
    document.duplicate([chain[1], chain[4]])
    full = document.project
    while document.undo_stack.canUndo():
        document.undo_stack.undo()
    assert document.graph == Graph()
    assert document.project.training.epochs == 20
    while document.undo_stack.canRedo():
        document.undo_stack.redo()
    assert document.project == full


def test_signals_say_by_id_what_an_undo_changed(document, chain):
    document.delete([chain[1]])
    added, wired = QSignalSpy(document.node_added), QSignalSpy(document.wire_added)
    document.undo_stack.undo()
    assert added.at(0) == [chain[1]]
    assert {wired.at(i)[0] for i in range(wired.count())} == set(document.wires_of(chain[1]))


@pytest.mark.parametrize(("part", "name"), [("data", "batch_size"), ("training", "epochs")])
def test_a_fix_for_the_settings_is_one_step(document, part, name):
    before = document.project
    document.apply_fix(Fix("", f"set_{part}", name=name, value=8))
    assert getattr(getattr(document.project, part), name) == 8
    document.undo_stack.undo()
    assert document.project == before


@pytest.mark.parametrize(("action", "signal"), [("choose_data", "data_wanted"), ("look_at_code", "code_wanted")])
def test_a_fix_that_only_a_person_can_make_asks_for_one(document, action, signal):
    asked = QSignalSpy(getattr(document, signal))
    document.apply_fix(Fix("", action, name="swish.py"))
    assert asked.count() == 1
    assert not document.undo_stack.canUndo()


def test_the_undo_step_is_named_after_the_gesture(document):
    id = document.add_node("Conv2d", 0, 0)
    assert document.undo_stack.undoText() == "Add Conv 2-D"
    document.move({id: (9, 9)})
    assert document.undo_stack.undoText() == "Move Conv 2-D"


def test_edits_of_one_scrub_merge_into_one_step(document):
    id = document.add_node("Linear", 0, 0)
    for value in (65, 70, 80):
        document.set_parameter([id], "out_features", value, gesture=1)
    document.set_parameter([id], "out_features", 90, gesture=2)
    assert document.undo_stack.count() == 3
    document.undo_stack.undo()
    assert document.nodes[id].params["out_features"] == 80
    document.undo_stack.undo()
    assert document.nodes[id].params.get("out_features") == document.entry(id).starts().get("out_features")


def test_a_scrub_back_to_where_it_began_leaves_no_step(document):
    id = document.add_node("Linear", 0, 0)
    before, count = document.result(id).params.get("out_features", 64), document.undo_stack.count()
    start = document.entry(id).parameter("out_features").start
    document.set_parameter([id], "out_features", start + 1, gesture=1)
    document.set_parameter([id], "out_features", start, gesture=1)
    assert document.undo_stack.count() == count
    assert before


def test_several_nodes_are_edited_in_one_step(document):
    ids = [document.add_node("Linear", 0, 90 * n) for n in range(3)]
    document.set_parameter(ids, "out_features", 7)
    assert [document.nodes[id].params["out_features"] for id in ids] == [7, 7, 7]
    document.undo_stack.undo()
    assert all(document.nodes[id].params.get("out_features") != 7 for id in ids)


@pytest.mark.parametrize("value", ["many", -3, 2.5, True])
def test_a_value_that_the_parameter_does_not_take_is_refused_and_nothing_changes(document, value):
    id = document.add_node("Linear", 0, 0)
    before = document.project
    with pytest.raises(GraphError):
        document.set_parameter([id], "out_features", value)
    assert document.project is before


def test_a_wire_that_closes_a_circle_is_refused_before_it_is_pushed(document):
    one, two = document.add_node("ReLU", 0, 0), document.add_node("ReLU", 160, 0)
    document.connect(one, "out", two, document.entry(two).inputs[0])
    count = document.undo_stack.count()
    with pytest.raises(GraphError, match="circle"):
        document.connect(two, "out", one, document.entry(one).inputs[0])
    assert document.undo_stack.count() == count


def test_a_second_wire_to_an_input_replaces_the_first_in_one_step(document, chain):
    other = document.add_node("Conv2d", 0, 200)
    port = document.entry(chain[2]).inputs[0]
    document.connect(other, "out", chain[2], port)
    assert (chain[1], chain[2]) not in wires_of(document)
    assert (other, chain[2]) in wires_of(document)
    document.undo_stack.undo()
    assert (chain[1], chain[2]) in wires_of(document)


def test_delete_with_rejoin_leads_the_chain_on(document, chain):
    document.delete([chain[1], chain[2]], rejoin=True)
    assert (chain[0], chain[3]) in wires_of(document)


def test_a_node_put_into_a_wire_pushes_the_row_behind_it(document, chain):
    wire = document.wire_into(chain[2], document.entry(chain[2]).inputs[0])
    id = document.insert_on_wire("BatchNorm2d", wire, 240, 0)
    assert {(chain[1], id), (id, chain[2])} <= wires_of(document)
    xs = [document.nodes[n].x for n in (chain[1], id, chain[2], chain[3])]
    assert all(after - before >= 118 for before, after in itertools.pairwise(xs))
    assert document.undo_stack.undoText().startswith("Insert")
    document.undo_stack.undo()
    assert document.nodes[chain[2]].x == 320


def test_copy_and_paste_keep_parameters_and_the_wires_among_them(document, chain):
    document.set_parameter([chain[1]], "out_channels", 5)
    new = document.paste(document.copy(chain[1:3]), 0, 300)
    assert (new[0], new[1]) in wires_of(document)
    assert document.nodes[new[0]].params["out_channels"] == 5
    assert not set(new) & set(chain)


def test_paste_never_lands_exactly_on_the_original(document, chain):
    node = document.nodes[chain[1]]
    one = document.paste(document.copy([chain[1]]), node.x, node.y)
    two = document.paste(document.copy([chain[1]]), node.x, node.y)
    places = {(document.nodes[id].x, document.nodes[id].y) for id in (chain[1], *one, *two)}
    assert len(places) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{not json",
        b'{"schema": 99, "nodes": [], "wires": []}',
        b'{"schema": 1, "nodes": [{"id": "a", "type": "os.system"}], "wires": []}',
        b'{"schema": 1, "nodes": [{"id": "../a", "type": "ReLU"}], "wires": []}',
        b'{"schema": 1, "nodes": [{"id": "a", "type": "ReLU"}], "wires": [{"source": "a", "target": "b"}]}',
        b'{"schema": 1, "nodes": [{"id": "a", "type": "ReLU"}, {"id": "a", "type": "ReLU"}], "wires": []}',
        b'{"schema": 1, "nodes": [], "wires": []}',
    ],
)
def test_a_strange_clipboard_is_refused_in_one_sentence(document, content):
    with pytest.raises(EngineError) as caught:
        document.paste(content, 0, 0)
    assert "\n" not in str(caught.value)
    assert document.graph == Graph()


def test_a_clipboard_that_is_too_long_is_not_read(document):
    with pytest.raises(ProjectError, match="MiB"):
        document.paste(b" " * (clipboard.LARGEST + 1), 0, 0)


def test_the_clipboard_is_plain_json(document, chain):
    held = json.loads(document.copy(chain[:2]))
    assert [node["type"] for node in held["nodes"]] == ["Input", "Conv2d"]
    assert len(held["wires"]) == 1


def test_replace_keeps_what_both_have(document, chain):
    document.replace(chain[2], "GELU")
    assert document.nodes[chain[2]].type == "GELU"
    assert {(chain[1], chain[2]), (chain[2], chain[3])} <= wires_of(document)


def test_set_loss_replaces_the_loss_or_adds_one_behind_the_open_output(document, row):
    ids = row("Input", "Flatten", "Linear")
    document.set_loss("MSELoss")
    loss = next(id for id in document.nodes if document.entry(id).kind == "loss")
    assert (ids[-1], loss) in wires_of(document)
    document.set_loss("CrossEntropyLoss")
    assert [n.type for n in document.nodes.values()].count("MSELoss") == 0
    assert document.nodes[loss].type == "CrossEntropyLoss"


def test_a_fix_is_one_step_and_mends(document, chain):
    document.set_parameter([chain[4]], "in_features", 3)
    problem = document.result(chain[4]).problems[0]
    count = document.undo_stack.count()
    document.apply_fix(problem.fixes[0])
    assert document.undo_stack.count() == count + 1
    assert not document.result(chain[4]).problems


def test_training_settings_are_checked(document):
    document.set_training("early_stopping", EarlyStopping(3))
    with pytest.raises(ProjectError, match="epochs"):
        document.set_training("epochs", 0)
    with pytest.raises(ProjectError):
        document.set_training("learning_rat", 1)
    assert document.project.training.early_stopping == EarlyStopping(3)


def test_dirty_follows_what_the_file_holds_through_undo_and_redo(document):
    told = QSignalSpy(document.dirty_changed)
    id = document.add_node("ReLU", 0, 0)
    document.mark_saved(document.project, document.weights)
    document.rename(id, "A")
    document.undo_stack.undo()
    assert not document.is_dirty
    document.set_weights(b"weights")
    assert document.is_dirty
    assert [told.at(i)[0] for i in range(told.count())] == [True, False, True, False, True]


def test_a_title_is_trimmed_and_the_layers_own_name_is_no_title(document):
    id = document.add_node("ReLU", 0, 0)
    document.rename(id, "  Edge \n finder ")
    assert document.nodes[id].title == "Edge finder"
    document.rename(id, "ReLU")
    assert document.nodes[id].title == ""


def test_an_unknown_layer_is_shown_and_said_not_raised(document):
    strange = Graph((Node("old1", "Quantum"), Node("relu1", "ReLU")), (Wire("old1", "relu1"),))
    document.new(Project(graph=strange))
    assert document.entry("old1").title == "Quantum"
    assert "Quantum" in document.result("old1").problems[0].message
    document.delete(["old1"])
    assert list(document.nodes) == ["relu1"]


def big_network(count=500, extra=200):
    """A chain of layers with branches: `count` nodes, `count + extra` wires."""
    from engine.graph import edit

    nodes = [Node("input1", "Input")]
    wires = []
    for n in range(1, count):
        type = "Add" if n % 5 == 4 and n > 9 else ("Linear", "ReLU", "Dropout")[n % 3]
        id = f"n{n}"
        nodes.append(
            Node(id, type, {"out_features": 64} if type == "Linear" else {}, 160.0 * (n % 25), 120.0 * (n // 25))
        )
        ports = edit.catalogue.entry(type).inputs
        for place, port in enumerate(ports):
            wires.append(Wire(nodes[n - 1 - 3 * place].id, id, "out", port))
    return Graph(tuple(nodes), tuple(wires))


def test_five_hundred_nodes_are_inferred_without_holding_up_the_event_loop(qtbot, document):
    graph = big_network()
    assert len(graph.nodes) == 500
    document.new(msgspec.structs.replace(document.project, graph=graph))
    longest, done = 0.0, QSignalSpy(document.inference_changed)
    while document.is_inferring:
        start = perf_counter()
        QApplication.processEvents()
        longest = max(longest, perf_counter() - start)
    assert done.count() >= 1
    assert len(document.inference.nodes) == 500
    assert longest < 0.05


def test_an_edit_during_a_long_inference_starts_it_anew(document):
    document.new(msgspec.structs.replace(document.project, graph=big_network()))
    QApplication.processEvents()
    document.rename("n1", "First")
    document.finish_inference()
    assert set(document.inference.nodes) == set(document.nodes)


def test_a_move_needs_no_new_inference(document, chain):
    before = document.inference
    document.move({chain[0]: (99, 99)})
    assert document.inference is before


def test_half_of_a_character_is_refused_before_a_save_stumbles_over_it(document, chain):
    before = document.project
    with pytest.raises(ProjectError, match=r"^The title: it holds half of a character; write it anew\.$"):
        document.rename(chain[0], "broken \ud83d")
    with pytest.raises(EngineError, match="half of a character"):
        document.set_parameter([chain[0]], "field", "\ud83d")
    assert document.project is before
    document.rename(chain[0], "whole \U0001f600")
    assert document.nodes[chain[0]].title == "whole \U0001f600"
