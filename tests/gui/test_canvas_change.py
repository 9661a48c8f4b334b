"""Layers on the canvas are moved, deleted, copied, renamed, arranged and mended, and have menus."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton

from engine.graph import templates
from gui.canvas.view import LAYER_MIME
from tests.gui.on_canvas import CTRL, EMPTY, SHIFT, Key, assert_apart, menus, wires_of

# Move


def test_a_drag_is_one_step_made_on_release(canvas, hand, document, chain):
    count = document.undo_stack.count()
    hand.drag(hand.node(chain[0]), (hand.node(chain[0])[0] + 33, 333), release=False)
    assert document.undo_stack.count() == count
    assert canvas.canvas.node_items[chain[0]].y() > 200
    hand.release((hand.node(chain[0])[0], 333))
    assert document.undo_stack.count() == count + 1
    document.undo_stack.undo()
    assert canvas.canvas.node_items[chain[0]].y() == 0


def test_esc_in_a_drag_puts_the_node_back(canvas, hand, document, chain):
    count = document.undo_stack.count()
    hand.drag(hand.node(chain[0]), EMPTY, release=False)
    hand.key(Key.Key_Escape)
    assert canvas.canvas.node_items[chain[0]].x() == 0
    hand.release(EMPTY)
    assert document.undo_stack.count() == count


def test_all_selected_nodes_move_together(canvas, hand, document, chain):
    canvas.selection.set(chain[:2])
    x, y = hand.node(chain[1])
    hand.drag((x, y), (x + 7, y + 300))
    assert document.nodes[chain[0]].y == document.nodes[chain[1]].y > 250
    assert document.nodes[chain[1]].x - document.nodes[chain[0]].x == 160


def test_a_node_snaps_to_its_neighbours_and_with_shift_to_the_grid(canvas, hand, document, chain):
    x, y = hand.node(chain[0])
    hand.drag((x, y), (x + 163, y + 204))
    assert document.nodes[chain[0]].x == 160
    x, y = hand.node(chain[0])
    canvas.selection.clear()
    hand.drag((x, y), (x + 47, y + 31), held=SHIFT)
    assert document.nodes[chain[0]].x % 20 == 0
    assert document.nodes[chain[0]].y % 20 == 0


def test_wires_follow_a_dragged_node(canvas, hand, document, chain):
    x, y = hand.node(chain[1])
    hand.drag((x, y), (x, y + 200), release=False)
    wire = document.wire_into(chain[1], "x") or next(iter(document.wires_of(chain[1])))
    line = canvas.canvas.edge_items[wire].line
    assert line[-1] == pytest.approx(hand.port(wire.target, "in"))
    hand.key(Key.Key_Escape)


def test_a_drag_to_the_rim_pans_on(qtbot, canvas, hand, document, chain):
    x, y = hand.node(chain[0])
    before = canvas.visible_rect().center().x()
    hand.press((x, y))
    rim = canvas.mapToScene(QPoint(4, 300)).toTuple()
    hand.move((x - 20, y))
    hand.move(rim)
    qtbot.waitUntil(lambda: canvas.visible_rect().center().x() < before - 100)
    hand.release(canvas.mapToScene(QPoint(4, 300)).toTuple())
    assert document.nodes[chain[0]].x < rim[0] - 100


# Delete, copy


def test_del_removes_and_backspace_rejoins(canvas, hand, document, chain):
    hand.click(hand.node(chain[2]))
    hand.key(Key.Key_Delete)
    assert chain[2] not in document.nodes
    assert (chain[1], chain[3]) not in wires_of(document)
    hand.key(Key.Key_Z, CTRL)
    canvas.selection.set([chain[2]])
    hand.key(Key.Key_Backspace)
    assert (chain[1], chain[3]) in wires_of(document)


def test_a_clicked_wire_is_removed_by_del(canvas, hand, document, chain):
    hand.click((139, 31))
    assert canvas.chosen_wire is not None
    hand.key(Key.Key_Delete)
    assert (chain[0], chain[1]) not in wires_of(document)
    assert len(document.nodes) == len(chain)


def test_copy_paste_cut_and_duplicate(canvas, hand, document, chain):
    canvas.selection.set(chain[1:3])
    hand.key(Key.Key_C, CTRL)
    hand.key(Key.Key_V, CTRL)
    assert len(document.nodes) == 8
    pasted = canvas.selection.ids
    assert len(pasted) == 2
    assert pasted in wires_of(document)
    hand.key(Key.Key_X, CTRL)
    assert len(document.nodes) == 6
    hand.key(Key.Key_V, CTRL)
    assert len(document.nodes) == 8
    hand.key(Key.Key_D, CTRL)
    assert len(document.nodes) == 10
    while document.undo_stack.canUndo():
        hand.key(Key.Key_Z, CTRL)
    assert not document.nodes


def test_layers_are_duplicated_with_the_same_weights_and_say_so(canvas, hand, document):
    document.new(templates.create("digits-cnn"))
    document.finish_inference()
    canvas.selection.set(["conv1", "relu1"])
    hand.key(Key.Key_D, CTRL | SHIFT)
    twin, plain = canvas.selection.ids
    assert (document.nodes[twin].shares, document.nodes[plain].shares) == ("conv1", "")
    canvas.selection.set([twin])
    hand.key(Key.Key_D, CTRL | SHIFT)
    (third,) = canvas.selection.ids
    assert document.nodes[third].shares == "conv1"
    canvas.canvas.finish()
    assert canvas.canvas.node_items[twin].card.count == "= conv1"
    assert "the weights of conv1" in canvas.canvas.node_items[twin].card.accessible_name
    document.set_parameter([twin], "out_channels", 8)
    assert document.nodes["conv1"].params["out_channels"] == 8
    hand.key(Key.Key_C, CTRL)
    hand.key(Key.Key_V, CTRL)
    assert document.nodes[canvas.selection.ids[0]].shares == "conv1"
    document.delete(["conv1"])
    assert (document.nodes[twin].shares, document.nodes[third].shares) == ("", twin)
    for _ in range(5):
        hand.key(Key.Key_Z, CTRL)
    assert document.nodes.keys() == {node.id for node in templates.create("digits-cnn").graph.nodes}


def test_a_pool_that_gives_indices_gets_a_port_for_them_that_an_unpool_is_wired_to(canvas, hand, document):
    document.new(templates.create("digits-cnn"))
    back = document.add_node("MaxUnpool2d", 480, 300)
    items = canvas.canvas.node_items
    canvas.canvas.finish()
    assert [name for side, name, _ in items["pool1"].ports() if side == "out"] == ["out"]
    document.finish_inference()
    (problem,) = [p for p in document.result(back).problems if "indices" in p.message]
    document.apply_fix(problem.fixes[0])
    canvas.canvas.finish()
    assert [name for side, name, _ in items["pool1"].ports() if side == "out"] == ["out", "indices"]
    (wire,) = [w for w in document.wires if w.target == back]
    assert (wire.source, wire.source_port, wire.target_port) == ("pool1", "indices", "indices")
    edge = canvas.canvas.edge_items[wire]
    assert edge.line[0] == pytest.approx(items["pool1"].port_centre("out", "indices"))
    document.undo_stack.undo()
    canvas.canvas.finish()
    assert [name for side, name, _ in items["pool1"].ports() if side == "out"] == ["out"]


def test_a_foreign_clipboard_is_refused_with_a_word(canvas, hand, document):
    QApplication.clipboard().setText("hello")
    hand.key(Key.Key_V, CTRL)
    assert canvas.hint.isVisible()
    assert "no layers" in canvas.hint.text()


@menus
def test_paste_from_the_menu_lands_where_the_menu_was_opened(qtbot, canvas, hand, document, chain):
    canvas.selection.set(chain[1:2])
    hand.key(Key.Key_C, CTRL)
    menu = hand.context_menu(EMPTY)
    next(action for action in menu.actions() if action.text() == "Paste").trigger()
    menu.close()
    node = document.nodes[canvas.selection.current]
    assert (node.x, node.y) == EMPTY
    qtbot.waitUntil(lambda: canvas.asked_at is None)


# Change


def test_a_double_click_on_the_title_renames(canvas, hand, document, chain):
    hand.double_click(hand.title(chain[1]))
    editor = canvas.findChild(QLineEdit, "titleEditor")
    assert editor.hasFocus()
    hand.type("Edges", editor)
    hand.key(Key.Key_Return, to=editor)
    assert document.nodes[chain[1]].title == "Edges"
    assert canvas.canvas.node_items[chain[1]].card.title == "Edges"


def test_esc_leaves_the_title_as_it_was(canvas, hand, document, chain):
    canvas.selection.set([chain[1]])
    hand.key(Key.Key_F2)
    editor = canvas.findChild(QLineEdit, "titleEditor")
    hand.type("Other", editor)
    hand.key(Key.Key_Escape, to=editor)
    assert document.nodes[chain[1]].title == ""


def test_a_double_click_on_the_body_asks_for_the_form(canvas, hand, chain):
    asked = QSignalSpy(canvas.edit_requested)
    hand.double_click(hand.node(chain[1]))
    assert asked.at(0) == [chain[1]]


def test_ctrl_shift_l_arranges_in_one_step_and_glides_there(qtbot, canvas, hand, document, chain):
    for n, id in enumerate(chain):
        document.move({id: (37.0 * (n * 7 % 5), 91.0 * (n * 3 % 4))})
    count = document.undo_stack.count()
    hand.key(Key.Key_L, CTRL | SHIFT)
    assert document.undo_stack.count() == count + 1
    item = canvas.canvas.node_items[chain[1]]
    qtbot.waitUntil(lambda: (item.x(), item.y()) == (document.nodes[chain[1]].x, document.nodes[chain[1]].y))
    xs = [document.nodes[id].x for id in chain[:5]]
    assert xs == sorted(xs)
    assert len({document.nodes[id].y for id in chain[:5]}) == 1


def test_a_problem_sits_on_the_node_and_a_click_mends_it(canvas, hand, document, chain):
    document.set_parameter([chain[4]], "in_features", 3)
    item = canvas.canvas.node_items[chain[4]]
    assert item.card.severity == "error"
    centre = item.mapToScene(item.badge_rect.center()).toTuple()
    hand.hover(centre)
    assert canvas.popover.isVisible()
    button = canvas.popover.findChild(QPushButton, "fix0_0")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not document.result(chain[4]).problems
    assert not canvas.popover.isVisible()
    assert item.card.severity == ""


def test_a_mend_that_uncovers_the_next_problem_shows_it_in_full_and_leaves_the_focus_on_the_canvas(
    qtbot, canvas, hand, document, row
):
    ids = row("Input", "Linear", "CrossEntropyLoss")
    document.set_parameter([ids[1]], "in_features", 3)
    hand.click(hand.node(ids[1]))
    first = canvas.popover.accessibleName()
    height = canvas.popover.height()
    button = canvas.popover.findChild(QPushButton, "fix0_0")
    button.setFocus()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert canvas.popover.isVisible()
    assert canvas.popover.accessibleName() != first
    assert canvas.hasFocus()
    assert canvas.popover.height() > height / 2
    for child in [*canvas.popover.findChildren(QLabel), *canvas.popover.findChildren(QPushButton)]:
        if child.isVisible():
            assert canvas.popover.rect().contains(child.geometry())
            assert child.height() >= child.minimumSizeHint().height()
    assert any(child.isVisible() for child in canvas.popover.findChildren(QPushButton, "fix0_0"))


def test_a_problem_is_told_above_what_covers_the_foot_of_the_canvas(canvas, hand, document, chain):
    document.set_parameter([chain[4]], "in_features", 3)
    hand.click(hand.node(chain[4]))
    below = canvas.popover.geometry()
    canvas.cover(canvas.height() - below.bottom() + 4)
    above = canvas.popover.geometry()
    assert above.bottom() < below.top()
    canvas.cover(0)
    assert canvas.popover.geometry() == below


def test_esc_closes_a_problem_and_leaves_the_focus_on_the_canvas(canvas, hand, document, chain):
    document.set_parameter([chain[4]], "in_features", 3)
    hand.click(hand.node(chain[4]))
    canvas.popover.findChild(QPushButton, "fix0_0").setFocus()
    canvas.popover.close_popover()
    assert canvas.hasFocus()


def test_a_stray_layer_is_put_into_the_network_by_one_click(canvas, hand, document, chain):
    hand.carry(LAYER_MIME, "ReLU", (700, 300))
    stray = canvas.selection.current
    hand.click(hand.node(stray))
    labels = [b.text() for b in canvas.popover.findChildren(QPushButton)]
    assert labels[0].startswith("Put it behind")
    assert labels[1] == "Remove it"
    QTest.mouseClick(canvas.popover.findChild(QPushButton, "fix0_0"), Qt.MouseButton.LeftButton)
    assert document.inference.ok
    assert not document.inference.problems
    assert not canvas.popover.isVisible()
    assert_apart(canvas)


def test_the_view_goes_along_when_a_splice_pushes_the_last_layer_off_the_screen(qtbot, canvas, hand, document, chain):
    canvas.resize(1000, 600)
    canvas.show_rect(canvas.canvas.bounds())
    before = canvas.visible_rect()
    hand.carry(LAYER_MIME, "ReLU", (139, 31))
    assert len(document.wires) == 6
    assert not before.contains(canvas.final_bounds())
    qtbot.waitUntil(lambda: canvas.visible_rect().contains(canvas.final_bounds()), timeout=2000)


def test_the_view_stays_when_not_all_was_on_the_screen(qtbot, canvas, hand, document, chain):
    canvas.zoom_at(hand.place((0, 31)), 2.5)
    before = canvas.visible_rect()
    hand.carry(LAYER_MIME, "ReLU", (139, 31))
    assert len(document.wires) == 6
    qtbot.wait(300)
    assert canvas.visible_rect() == before


def test_a_click_on_a_node_with_a_problem_tells_it(canvas, hand, document, chain):
    document.set_parameter([chain[4]], "in_features", 3)
    hand.click(hand.node(chain[4]))
    assert canvas.popover.isVisible()
    assert canvas.popover.node == chain[4]
    hand.key(Key.Key_Escape)
    assert not canvas.popover.isVisible()


@menus
@pytest.mark.parametrize(
    ("kind", "point"),
    [("canvas", EMPTY), ("node", (60, 45)), ("wire", (139, 31))],
)
def test_the_context_menu_is_that_of_what_lies_there_and_shows_the_keys(canvas, hand, document, chain, kind, point):
    menu = hand.context_menu(point)
    assert menu.objectName() == f"{kind}Menu"
    assert any(not action.shortcut().isEmpty() for action in menu.actions())
    menu.close()


@menus
def test_the_menu_of_several_nodes_works_on_all(canvas, hand, document, chain):
    canvas.selection.set(chain[:3])
    menu = hand.context_menu(hand.node(chain[1]))
    assert menu.objectName() == "selectionMenu"
    next(action for action in menu.actions() if action.text() == "Delete").trigger()
    menu.close()
    assert len(document.nodes) == len(chain) - 3


@menus
def test_the_menu_key_opens_the_menu_of_the_selected_node(canvas, hand, document, chain):
    canvas.selection.set([chain[2]])
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(1, 1), QPoint(1, 1))
    QApplication.sendEvent(canvas.viewport(), event)
    assert canvas.menu.objectName() == "nodeMenu"
    canvas.menu.close()


@menus
def test_the_windows_own_actions_take_the_place_of_the_canvas_s(canvas, hand, document, chain):
    from PySide6.QtGui import QAction

    mine = QAction("Remove it", canvas)
    canvas.use_actions({"edit.delete": mine})
    canvas.selection.set([chain[0]])
    hand.key(Key.Key_Delete)
    assert chain[0] in document.nodes
    menu = hand.context_menu(hand.node(chain[0]))
    assert mine in menu.actions()
    menu.close()
