"""Wires by hand: drag, fit, detach, replace, splice, cut."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from gui.canvas.view import LAYER_MIME
from tests.gui.on_canvas import ALT, CTRL, EMPTY, Held, Key, wires_of

RIGHT = Qt.MouseButton.RightButton


@pytest.fixture
def two(document):
    """An Input and a Flatten that are not wired."""
    return document.add_node("Input", 0, 0), document.add_node("Flatten", 300, 0)


def test_a_drag_from_an_output_to_an_input_wires_them(canvas, hand, document, two):
    hand.drag(hand.port(two[0], "out"), hand.port(two[1], "in"))
    assert wires_of(document) == {two}
    assert document.undo_stack.undoText() == "Connect"


def test_a_drag_from_an_input_back_to_an_output_wires_them_too(canvas, hand, document, two):
    hand.drag(hand.port(two[1], "in"), hand.port(two[0], "out"))
    assert wires_of(document) == {two}


def test_a_port_takes_the_mouse_from_twelve_pixels_away(canvas, hand, document, two):
    (x1, y1), (x2, y2) = hand.port(two[0], "out"), hand.port(two[1], "in")
    hand.drag((x1 + 8, y1 + 6), (x2 - 8, y2 - 6))
    assert wires_of(document) == {two}


def test_a_drop_on_a_nodes_body_takes_its_first_free_port_that_fits(canvas, hand, document, two):
    add = document.add_node("Add", 300, 200)
    hand.drag(hand.port(two[0], "out"), hand.node(add))
    hand.drag(hand.port(two[0], "out"), hand.node(add))
    first, second = document.entry(add).inputs
    assert document.wire_into(add, first).source == two[0]
    assert document.wire_into(add, second).source == two[0]


def test_while_a_wire_is_dragged_fitting_ports_light_and_others_dim_and_say_why(qtbot, canvas, hand, document, two):
    conv = document.add_node("Conv2d", 300, 150)
    flat = document.add_node("Flatten", 160, 300)
    late = document.add_node("MaxPool2d", 460, 300)
    document.connect(two[0], "out", flat, document.entry(flat).inputs[0])
    hand.press(hand.port(flat, "out"))
    hand.move((300, 300))
    hand.move(hand.port(late, "in"))
    states = canvas.canvas.node_items
    qtbot.waitUntil(lambda: bool(states[conv].port_states) and bool(states[late].port_states))
    assert set(states[conv].port_states.values()) == {"unfit"}
    assert canvas.hint.isVisible()
    assert "Max pool" in canvas.hint.text()
    hand.move(hand.port(two[1], "in"))
    assert states[two[1]].port_states["in", document.entry(two[1]).inputs[0]] == "hover"
    assert not canvas.hint.isVisible()
    hand.key(Key.Key_Escape)
    assert states[conv].port_states == {}
    assert states[two[1]].port_states == {}


def test_esc_drops_the_wire(canvas, hand, document, two):
    hand.drag(hand.port(two[0], "out"), hand.port(two[1], "in"), release=False)
    hand.key(Key.Key_Escape)
    hand.release(hand.port(two[1], "in"))
    assert not document.wires


def test_a_drop_on_empty_canvas_opens_the_search_with_what_fits_and_wires_it(canvas, hand, document, two):
    flat = two[1]
    document.connect(two[0], "out", flat, document.entry(flat).inputs[0])
    hand.drag(hand.port(flat, "out"), EMPTY)
    assert canvas.search.isVisible()
    found = {canvas.search.list.item(i).text() for i in range(canvas.search.list.count())}
    assert "Linear" in found
    assert "Conv 2-D" not in found
    hand.type("linear", canvas.search.field)
    hand.key(Key.Key_Return, to=canvas.search.field)
    new = list(document.nodes)[-1]
    assert document.nodes[new].type == "Linear"
    assert (flat, new) in wires_of(document)
    assert document.undo_stack.undoText() == "Add Linear"


def test_a_wire_from_an_input_let_go_on_empty_canvas_offers_what_feeds_it(canvas, hand, document, two):
    hand.drag(hand.port(two[1], "in"), (200, 350))
    hand.type("relu", canvas.search.field)
    hand.key(Key.Key_Return, to=canvas.search.field)
    new = list(document.nodes)[-1]
    assert (new, two[1]) in wires_of(document)


def test_pulling_at_an_input_detaches_its_wire(canvas, hand, document, chain):
    hand.drag(hand.port(chain[2], "in"), EMPTY)
    assert (chain[1], chain[2]) not in wires_of(document)
    assert not canvas.search.isVisible()
    document.undo_stack.undo()
    assert (chain[1], chain[2]) in wires_of(document)


def test_a_detached_wire_can_be_put_elsewhere_in_one_step(canvas, hand, document, chain):
    other = document.add_node("GELU", 320, 200)
    count = document.undo_stack.count()
    hand.drag(hand.port(chain[2], "in"), hand.port(other, "in"))
    assert (chain[1], other) in wires_of(document)
    assert (chain[1], chain[2]) not in wires_of(document)
    assert document.undo_stack.count() == count + 1


def test_a_pull_that_is_dropped_by_esc_or_put_back_changes_nothing(canvas, hand, document, chain):
    before = document.project
    hand.drag(hand.port(chain[2], "in"), EMPTY, release=False)
    hand.key(Key.Key_Escape)
    hand.release(EMPTY)
    hand.press(hand.port(chain[2], "in"))
    hand.move(EMPTY)
    hand.move(hand.port(chain[2], "in"))
    hand.release(hand.port(chain[2], "in"))
    assert document.project is before
    assert all(edge.isVisible() for edge in canvas.canvas.edge_items.values())


def test_a_click_on_an_input_detaches_nothing(canvas, hand, document, chain):
    before = document.project
    hand.click(hand.port(chain[2], "in"))
    assert document.project is before


def test_a_second_wire_to_an_input_replaces_the_first(canvas, hand, document, chain):
    other = document.add_node("Conv2d", 160, 200)
    document.connect(chain[0], "out", other, document.entry(other).inputs[0])
    hand.drag(hand.port(other, "out"), hand.port(chain[2], "in"))
    assert (other, chain[2]) in wires_of(document)
    assert (chain[1], chain[2]) not in wires_of(document)


def test_a_wire_that_would_close_a_circle_is_refused_with_the_reason(canvas, hand, document, chain):
    before = document.project
    hand.drag(hand.port(chain[3], "out"), hand.port(chain[2], "in"))
    assert document.project is before
    assert "circle" in canvas.hint.text()


def test_ctrl_drag_at_an_output_moves_all_its_wires(canvas, hand, document, chain):
    other = document.add_node("ReLU", 480, 250)
    document.connect(chain[1], "out", other, document.entry(other).inputs[0])
    new = document.add_node("Conv2d", 160, 250)
    hand.drag(hand.port(chain[1], "out"), hand.port(new, "out"), held=CTRL)
    assert {(new, chain[2]), (new, other)} <= wires_of(document)
    assert not [w for w in document.wires if w.source == chain[1]]
    assert document.undo_stack.undoText() == "Move wire"


@pytest.mark.parametrize("held", [Held.NoModifier, CTRL])
def test_an_undo_in_the_midst_of_a_drag_drops_the_drag(canvas, hand, document, chain, held):
    hand.drag(hand.port(chain[4], "out"), EMPTY, held=held, release=False)
    while document.undo_stack.canUndo():
        hand.key(Key.Key_Z, CTRL)
    hand.move((10, 10))
    hand.release((10, 10))
    assert not document.nodes
    assert not canvas.search.isVisible()


# Splice


def test_a_node_held_over_a_wire_makes_it_glow_and_dropping_inserts_it(canvas, hand, document, chain):
    free = document.add_node("GELU", 300, 250)
    x, y = hand.node(free)
    wire = document.wire_into(chain[2], document.entry(chain[2]).inputs[0])
    target = (299 + x - 359, 31 + y - 281)
    hand.drag((x, y), target, release=False)
    assert canvas.canvas.edge_items[wire].state == "glow"
    count = document.undo_stack.count()
    hand.release(target)
    assert {(chain[1], free), (free, chain[2])} <= wires_of(document)
    assert document.undo_stack.count() == count + 1
    assert document.nodes[chain[2]].x >= document.nodes[free].x + 118


def test_alt_suppresses_the_splice(canvas, hand, document, chain):
    free = document.add_node("GELU", 300, 250)
    x, y = hand.node(free)
    hand.drag((x, y), (299 + x - 359, 31 + y - 281), held=ALT)
    assert not document.wires_of(free)
    assert document.nodes[free].y < 100


def test_a_layer_dropped_from_the_palette_on_a_wire_goes_into_it(canvas, hand, document, chain):
    wire = document.wire_into(chain[2], document.entry(chain[2]).inputs[0])
    hand.carry(LAYER_MIME, "BatchNorm2d", (299, 33), drop=False)
    assert canvas.canvas.edge_items[wire].state == "glow"
    hand.carry(LAYER_MIME, "BatchNorm2d", (299, 33))
    new = list(document.nodes)[-1]
    assert {(chain[1], new), (new, chain[2])} <= wires_of(document)


def test_alt_suppresses_the_splice_of_a_drop_too(canvas, hand, document, chain):
    hand.carry(LAYER_MIME, "BatchNorm2d", (299, 33), held=ALT)
    assert not document.wires_of(list(document.nodes)[-1])


# Cut


def test_ctrl_right_drag_cuts_every_wire_it_crosses_in_one_step(canvas, hand, document, chain):
    count = document.undo_stack.count()
    hand.drag((139, -30), (139, 90), button=RIGHT, held=CTRL)
    assert (chain[0], chain[1]) not in wires_of(document)
    assert len(document.wires) == len(chain) - 2
    assert document.undo_stack.count() == count + 1


def test_esc_sheathes_the_knife(canvas, hand, document, chain):
    before = document.project
    hand.drag((139, -30), (139, 90), button=RIGHT, held=CTRL, release=False)
    hand.key(Key.Key_Escape)
    hand.release((139, 90), button=RIGHT, held=CTRL)
    assert document.project is before
    assert {edge.state for edge in canvas.canvas.edge_items.values()} == {"normal"}


def test_the_wire_under_the_cursor_shows_its_shape(canvas, hand, document, chain):
    wire = document.wire_into(chain[1], document.entry(chain[1]).inputs[0])
    hand.hover((139, 33))
    edge = canvas.canvas.edge_items[wire]
    assert edge.state == "hover"
    assert edge.label == "N x 1 x 8 x 8"
    QApplication.processEvents()
    hand.hover(EMPTY)
    assert edge.state == "normal"


def test_a_port_under_the_cursor_tells_the_shape_there(canvas, hand, document, chain):
    hand.hover(hand.port(chain[0], "out"))
    assert canvas.hint.text() == "N x 1 x 8 x 8"


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
def test_a_menu_on_a_wire_removes_it_or_puts_a_layer_into_it(canvas, hand, document, chain):
    menu = hand.context_menu((139, 31))
    menu.actions()[0].trigger()
    menu.close()
    hand.type("relu", canvas.search.field)
    hand.key(Key.Key_Return, to=canvas.search.field)
    new = list(document.nodes)[-1]
    assert {(chain[0], new), (new, chain[1])} <= wires_of(document)
    middle = canvas.canvas.edge_items[document.wire_into(new, document.entry(new).inputs[0])].line
    menu = hand.context_menu(((middle[0][0] + middle[-1][0]) / 2, middle[0][1]))
    menu.actions()[-1].trigger()
    menu.close()
    assert (chain[0], new) not in wires_of(document)
