"""The canvas by hand: navigate, select, add, move, delete, copy, rename, menus, keys."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QContextMenuEvent, QNativeGestureEvent, QPointingDevice
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton

from gui.canvas.view import LAYER_MIME

menus = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
"""Opening a menu without a screen warns of what such a screen cannot do."""
Key, Held = Qt.Key, Qt.KeyboardModifier
CTRL, SHIFT, ALT = Held.ControlModifier, Held.ShiftModifier, Held.AltModifier
EMPTY = (600.0, 350.0)


def wires_of(document):
    return {(w.source, w.target) for w in document.wires}


# Navigate


def test_the_wheel_zooms_at_the_cursor(canvas, hand, chain):
    point = hand.node(chain[2])
    before, zoom = hand.place(point), canvas.zoom
    hand.wheel(point, notches=2)
    assert canvas.zoom > zoom
    assert (hand.place(point) - before).manhattanLength() <= 2


def test_zoom_keeps_within_its_limits(canvas, hand):
    hand.wheel(EMPTY, notches=60)
    assert canvas.zoom == pytest.approx(3.0)
    hand.wheel(EMPTY, notches=-60)
    assert canvas.zoom == pytest.approx(0.1)


def test_two_fingers_on_a_trackpad_pan(canvas, hand):
    zoom, before = canvas.zoom, hand.place((0, 0))
    hand.wheel(EMPTY, notches=0, pixels=QPoint(30, -20), phase=Qt.ScrollPhase.ScrollUpdate)
    assert canvas.zoom == zoom
    assert hand.place((0, 0)) - before == QPoint(30, -20)


def test_a_pinch_zooms_at_the_fingers(canvas, hand, chain):
    point = hand.node(chain[2])
    at, zoom = QPointF(hand.place(point)), canvas.zoom
    where = QPointF(canvas.viewport().mapToGlobal(at.toPoint()))
    pinch, pad = Qt.NativeGestureType.ZoomNativeGesture, QPointingDevice.primaryPointingDevice()
    event = QNativeGestureEvent(pinch, pad, 2, at, at, where, 0.25, QPointF())
    QApplication.sendEvent(canvas.viewport(), event)
    assert canvas.zoom == pytest.approx(zoom * 1.25)
    assert (hand.place(point) - at.toPoint()).manhattanLength() <= 2


@pytest.mark.parametrize("way", ["middle", "space"])
def test_middle_drag_and_space_drag_pan(canvas, hand, chain, way):
    before = hand.place((0, 0))
    start, end = hand.place(EMPTY), hand.place(EMPTY) + QPoint(-80, 40)
    if way == "middle":
        hand.press(EMPTY, Qt.MouseButton.MiddleButton)
    else:
        QTest.keyPress(canvas, Key.Key_Space)
        hand.press(EMPTY)
    hand.move(canvas.mapToScene(start + QPoint(-40, 20)).toTuple())
    hand.move(canvas.mapToScene(end + QPoint(40, -20)).toTuple())
    assert canvas.interaction is not None
    hand.release(EMPTY)
    QTest.keyRelease(canvas, Key.Key_Space)
    assert hand.place((0, 0)) != before
    assert canvas.selection.ids == ()


def test_home_fits_all_and_full_stop_the_selection(canvas, hand, document, chain):
    document.move({chain[-1]: (5000, 3000)})
    hand.key(Key.Key_Home)
    assert canvas.visible_rect().contains(canvas.canvas.bounds())
    canvas.selection.set([chain[0]])
    hand.key(Key.Key_Period)
    assert canvas.zoom == 1.0
    assert canvas.visible_rect().contains(canvas.canvas.bounds([chain[0]]))


def test_a_network_seen_whole_stays_whole_in_a_smaller_view(canvas, hand, document, chain):
    hand.key(Key.Key_Home)
    canvas.resize(500, 320)
    assert canvas.visible_rect().contains(canvas.canvas.bounds())


def test_a_place_that_somebody_chose_to_see_stays_when_the_view_gets_smaller(canvas, hand, chain):
    hand.key(Key.Key_Home)
    hand.wheel((0, 0))
    zoom, corner = canvas.zoom, canvas.mapToScene(QPoint(0, 0))
    canvas.resize(500, 320)
    assert (canvas.zoom, canvas.mapToScene(QPoint(0, 0))) == (zoom, corner)


def test_ctrl_f_finds_a_node_and_brings_it_on_the_screen(canvas, hand, document, chain):
    document.rename(chain[4], "Head")
    document.move({chain[4]: (4000, 0)})
    hand.key(Key.Key_F, CTRL)
    hand.type("head", canvas.search.field)
    hand.key(Key.Key_Return, to=canvas.search.field)
    assert canvas.selection.ids == (chain[4],)
    assert canvas.visible_rect().contains(canvas.canvas.bounds([chain[4]]))


def test_alt_m_shows_the_minimap_and_dragging_on_it_pans(canvas, hand, document, chain):
    document.move({chain[-1]: (4000, 2000)})
    hand.key(Key.Key_M, ALT)
    assert canvas.minimap.isVisible()
    before = canvas.visible_rect().center()
    QTest.mousePress(canvas.minimap, Qt.MouseButton.LeftButton, pos=QPoint(110, 75))
    QTest.mouseRelease(canvas.minimap, Qt.MouseButton.LeftButton, pos=QPoint(110, 75))
    after = canvas.visible_rect().center()
    assert after.x() > before.x() + 500
    hand.key(Key.Key_M, ALT)
    assert not canvas.minimap.isVisible()


# Select


def test_the_minimap_s_frame_is_as_much_wider_than_the_nodes_as_the_screen(qtbot, canvas, hand, document, chain):
    canvas.resize(1900, 600)
    canvas.toggle_minimap()
    canvas.show_rect(canvas.canvas.bounds())
    canvas.minimap.grab()
    seen, nodes = canvas.visible_rect(), canvas.canvas.bounds()
    assert seen.width() > 1.5 * nodes.width()
    frame, marks = canvas.minimap.frame(), canvas.minimap.place_of(nodes)
    assert frame.width() / marks.width() == pytest.approx(seen.width() / nodes.width(), rel=0.05)
    assert QRectF(canvas.minimap.rect()).contains(frame)
    assert frame.contains(marks)


def test_click_selects_and_shift_or_ctrl_click_adds_and_takes_away(canvas, hand, chain):
    hand.click(hand.node(chain[0]))
    hand.click(hand.node(chain[1]), held=SHIFT)
    hand.click(hand.node(chain[2]), held=CTRL)
    assert canvas.selection.ids == tuple(chain[:3])
    hand.click(hand.node(chain[1]), held=SHIFT)
    assert canvas.selection.ids == (chain[0], chain[2])
    hand.click(hand.node(chain[0]))
    assert canvas.selection.ids == (chain[0],)
    hand.click(EMPTY)
    assert canvas.selection.ids == ()


def test_a_box_selects_what_it_touches_and_esc_drops_it(canvas, hand, chain):
    hand.drag((-20, -40), (300, 90))
    assert set(canvas.selection.ids) == set(chain[:2])
    hand.drag((700, -40), (900, 90), release=False)
    hand.key(Key.Key_Escape)
    assert set(canvas.selection.ids) == set(chain[:2])
    hand.release((900, 90))
    hand.drag((620, -40), (700, 90), held=SHIFT)
    assert set(canvas.selection.ids) == {*chain[:2], chain[4]}


def test_ctrl_a_ctrl_i_and_l_select(canvas, hand, chain):
    hand.key(Key.Key_A, CTRL)
    assert len(canvas.selection) == len(chain)
    hand.click(hand.node(chain[3]))
    hand.key(Key.Key_I, CTRL)
    assert set(canvas.selection.ids) == set(chain) - {chain[3]}
    hand.click(hand.node(chain[3]))
    hand.key(Key.Key_L)
    assert set(canvas.selection.ids) == set(chain[:4])
    hand.click(hand.node(chain[3]))
    hand.key(Key.Key_L, SHIFT)
    assert set(canvas.selection.ids) == set(chain[3:])


def test_a_selected_node_is_drawn_with_a_ring(canvas, hand, chain):
    def ring():
        QApplication.processEvents()
        at = hand.place((160 + 59, -3))
        return canvas.grab().toImage().pixelColor(at).name()

    before = ring()
    canvas.selection.set([chain[1]])
    assert ring() != before
    assert ring() == "#4c9ffe"


# Add


def test_a_layer_dropped_from_the_palette_stands_under_the_cursor(canvas, hand, document):
    assert hand.carry(LAYER_MIME, "Linear", (400, 200))
    (node,) = document.nodes.values()
    assert (node.type, node.x + 59, node.y + 31) == ("Linear", 400, 200)
    assert canvas.selection.ids == (node.id,)


@pytest.mark.parametrize(
    "content", ["NoSuchLayer", "Adam", "\udcff".encode("utf-8", "surrogateescape").decode("latin1")]
)
def test_what_is_no_layer_is_not_taken(canvas, hand, document, content):
    assert not hand.carry(LAYER_MIME, content, (400, 200), drop=False)
    assert not document.nodes


def test_a_drag_that_leaves_again_leaves_nothing(canvas, hand, document):
    from PySide6.QtGui import QDragLeaveEvent

    count = len(canvas.canvas.items())
    hand.carry(LAYER_MIME, "Linear", (400, 200), drop=False)
    assert len(canvas.canvas.items()) == count + 1
    QApplication.sendEvent(canvas.viewport(), QDragLeaveEvent())
    assert len(canvas.canvas.items()) == count


@pytest.mark.parametrize("way", ["double click", "tab", "shift a"])
@pytest.mark.parametrize("word", ["fc", "dense", "fully connected"])
def test_a_search_opens_at_the_cursor_and_enter_places(canvas, hand, document, way, word):
    if way == "double click":
        hand.double_click(EMPTY)
    elif way == "tab":
        hand.key(Key.Key_Tab)
    else:
        hand.key(Key.Key_A, SHIFT)
    assert canvas.search.isVisible()
    assert canvas.search.field.hasFocus()
    hand.type(word, canvas.search.field)
    hand.key(Key.Key_Return, to=canvas.search.field)
    (node,) = document.nodes.values()
    assert node.type == "Linear"
    assert not canvas.search.isVisible()
    assert canvas.hasFocus()
    if way == "double click":
        assert (node.x + 59, node.y + 31) == EMPTY


@pytest.mark.parametrize(("key", "held"), [(Key.Key_Tab, Held.NoModifier), (Key.Key_A, SHIFT)], ids=["tab", "shift a"])
def test_layers_added_by_key_one_after_the_other_stand_in_a_row_and_are_wired(canvas, hand, document, key, held):
    for word in ("input", "flatten", "dense", "relu"):
        hand.key(key, held)
        hand.type(word, canvas.search.field)
        hand.key(Key.Key_Return, to=canvas.search.field)
        assert canvas.selection.ids == (list(document.nodes)[-1],)
    assert [node.type for node in document.nodes.values()] == ["Input", "Flatten", "Linear", "ReLU"]
    ids = list(document.nodes)
    assert wires_of(document) == set(pairwise(ids))
    assert_apart(canvas)
    assert len({node.y for node in document.nodes.values()}) == 1
    xs = [node.x for node in document.nodes.values()]
    assert xs == sorted(xs)
    hand.key(Key.Key_Z, CTRL)
    assert list(document.nodes) == ids[:3]


def test_what_is_added_by_key_beyond_the_rim_comes_on_the_screen(qtbot, canvas, hand, document):
    for word in ("input", "flatten", *["relu"] * 9):
        hand.key(Key.Key_Tab)
        hand.type(word, canvas.search.field)
        hand.key(Key.Key_Return, to=canvas.search.field)
    assert len(wires_of(document)) == 10
    qtbot.waitUntil(lambda: canvas.visible_rect().contains(canvas.canvas.bounds()), timeout=2000)


def test_what_is_added_by_key_behind_a_node_with_a_long_title_stands_clear_of_it(canvas, hand, document):
    for word in ("input", "adaptive average pool 1d", "flatten", "relu"):
        hand.key(Key.Key_Tab)
        hand.type(word, canvas.search.field)
        hand.key(Key.Key_Return, to=canvas.search.field)
    places = [item.box for item in canvas.canvas.node_items.values()]
    assert [right.left - left.left - left.width >= 24 for left, right in pairwise(places)] == [True] * 3


def test_layers_added_at_the_cursor_never_stand_upon_each_other(canvas, hand, document):
    for _ in range(6):
        hand.key(Key.Key_Escape)
        hand.key(Key.Key_Tab)
        hand.type("relu", canvas.search.field)
        hand.key(Key.Key_Return, to=canvas.search.field)
    assert len(document.nodes) == 6
    assert not document.wires
    assert_apart(canvas)


def test_a_node_whose_output_is_wired_takes_no_layer_added_by_key(canvas, hand, document, chain):
    before = wires_of(document)
    canvas.selection.set([chain[1]])
    hand.key(Key.Key_Tab)
    hand.type("relu", canvas.search.field)
    hand.key(Key.Key_Return, to=canvas.search.field)
    assert wires_of(document) == before
    assert_apart(canvas)


def test_what_is_pasted_twice_stands_upon_nothing(canvas, hand, document, chain):
    canvas.selection.set(chain[1:4])
    hand.key(Key.Key_C, CTRL)
    for _ in range(3):
        hand.key(Key.Key_V, CTRL)
    assert len(document.nodes) == 6 + 9
    assert_apart(canvas)


def assert_apart(canvas):
    boxes = [QRectF(b.left, b.top, b.width, b.height) for b in (i.box for i in canvas.canvas.node_items.values())]
    assert not any(one.intersects(other) for n, one in enumerate(boxes) for other in boxes[:n])


def test_arrows_walk_the_search_and_esc_leaves_it(canvas, hand, document):
    hand.key(Key.Key_Tab)
    hand.type("conv", canvas.search.field)
    first = canvas.search.list.currentRow()
    hand.key(Key.Key_Down, to=canvas.search.field)
    assert canvas.search.list.currentRow() == min(first + 1, canvas.search.list.count() - 1)
    hand.key(Key.Key_Escape, to=canvas.search.field)
    assert not canvas.search.isVisible()
    assert not document.nodes


def test_a_search_that_finds_nothing_says_so(canvas, hand, document):
    hand.key(Key.Key_Tab)
    hand.type("quux", canvas.search.field)
    assert "quux" in canvas.search.nothing.text()
    hand.key(Key.Key_Return, to=canvas.search.field)
    assert canvas.search.isVisible()
    assert not document.nodes


def test_an_empty_canvas_says_what_to_do_first(canvas, document):
    assert canvas.note.isVisible()
    assert "Tab" in canvas.note.text()
    document.add_node("ReLU", 0, 0)
    assert not canvas.note.isVisible()


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


# Keys


def test_arrows_walk_along_the_wires(canvas, hand, chain):
    hand.key(Key.Key_Right)
    assert canvas.selection.ids == (chain[0],)
    hand.key(Key.Key_Right)
    hand.key(Key.Key_Right)
    assert canvas.selection.ids == (chain[2],)
    hand.key(Key.Key_Left)
    assert canvas.selection.ids == (chain[1],)


def test_up_and_down_go_to_the_nearest_node_there(canvas, hand, document, chain):
    below = document.add_node("ReLU", 160, 200)
    canvas.selection.set([chain[1]])
    hand.key(Key.Key_Down)
    assert canvas.selection.ids == (below,)
    hand.key(Key.Key_Up)
    assert canvas.selection.ids == (chain[1],)


def test_a_network_is_built_wired_and_edited_without_a_mouse(canvas, hand, document):
    asked = QSignalSpy(canvas.edit_requested)
    for word in ("input", "flatten"):
        hand.key(Key.Key_Tab)
        hand.type(word, canvas.search.field)
        hand.key(Key.Key_Return, to=canvas.search.field)
    first, second = document.nodes
    canvas.selection.set([first])
    hand.key(Key.Key_C)
    hand.key(Key.Key_Return, to=canvas.search.field)
    assert (first, second) in wires_of(document)
    hand.key(Key.Key_Right)
    hand.key(Key.Key_Return)
    assert asked.at(0) == [second]
    hand.key(Key.Key_Down, CTRL)
    assert document.nodes[second].y == document.nodes[first].y + 10 or document.nodes[second].y != 0


def test_shift_tab_leaves_the_canvas(qtbot, canvas, hand):
    assert canvas.hasFocus()
    QTest.keyClick(canvas, Key.Key_Backtab, SHIFT)
    assert not canvas.search.isVisible()


def test_every_node_has_an_accessible_name_with_type_shape_and_error(canvas, document, chain):
    document.set_parameter([chain[4]], "in_features", 3)
    for id in chain:
        item = canvas.canvas.node_items[id]
        assert document.entry(id).title in item.card.accessible_name
    assert "N x 1 x 8 x 8" in canvas.accessible_name(chain[0])
    assert "error" in canvas.accessible_name(chain[4])
    canvas.selection.set([chain[0]])
    assert canvas.accessibleDescription() == canvas.accessible_name(chain[0])


def test_the_status_counts_nodes_parameters_and_cost(canvas, document, row):
    told = QSignalSpy(canvas.status_changed)
    row("Input", "Flatten", "Linear")
    assert told.count() >= 1
    assert canvas.status.startswith("3 nodes")
    assert "parameters" in canvas.status
    assert "FLOP" in canvas.status


def test_one_of_a_kind_is_told_in_the_singular(canvas, document, row):
    ids = row("Input", "Conv2d")
    document.set_parameter([ids[1]], "out_channels", 1)
    assert canvas.canvas.node_items[ids[1]].card.line == "1 filter 3 x 3"
    document.set_data(msgspec.structs.replace(document.project.data, samples=1))
    assert canvas.canvas.node_items[ids[0]].card.line == "1 image"


def test_a_node_shows_its_main_parameters_shape_and_count(canvas, document, chain):
    document.set_parameter([chain[1]], "out_channels", 16)
    document.set_parameter([chain[1]], "kernel_size", 3)
    card = canvas.canvas.node_items[chain[1]].card
    assert card.line == "16 filters 3 x 3"
    assert card.shape.startswith("16 x ")
    assert card.count == "160"
    assert canvas.canvas.node_items[chain[0]].card.line == "1,797 images"


def test_shapes_follow_as_one_types(canvas, document, chain):
    document.set_parameter([chain[1]], "out_channels", 7, gesture=1)
    assert canvas.canvas.node_items[chain[2]].card.shape.startswith("7 x")
    wire = document.wire_into(chain[3], document.entry(chain[3]).inputs[0])
    assert canvas.canvas.edge_items[wire].label.startswith("N x 7 x")
