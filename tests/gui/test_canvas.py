"""The canvas by hand: navigate, select, walk by keys, read what stands there."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QNativeGestureEvent, QPointingDevice
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication

from tests.gui.on_canvas import ALT, CTRL, EMPTY, SHIFT, Key, wires_of

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
