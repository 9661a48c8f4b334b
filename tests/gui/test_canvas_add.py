"""Layers come onto the canvas: dropped, found by a search, by key, pasted."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtWidgets import QApplication

from gui.canvas.view import LAYER_MIME
from tests.gui.on_canvas import CTRL, EMPTY, SHIFT, Held, Key, assert_apart, wires_of


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
