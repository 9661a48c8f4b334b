"""Actions, shortcuts, panels and where they stand."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPushButton,
    QTabBar,
    QWidget,
)

from gui import settings
from gui.actions import GROUPS, TABLE
from gui.theme import theme
from tests.gui.shell_window import end, find, open_template, open_window

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key, Held = Qt.Key, Qt.KeyboardModifier


# Actions and shortcuts


def test_every_action_is_in_a_menu_and_does_something(window):
    listed = set()
    for group in GROUPS:
        listed |= {action.objectName() for action in find(window, f"menu-{group.lower()}").actions()}
    for entry in TABLE:
        assert f"action-{entry.id}" in listed
        action = window.actions_table[entry.id]
        assert action.receivers("2triggered(bool)") + action.receivers("2toggled(bool)") > 0, entry.id


def test_no_two_actions_share_their_keys():
    keys = [QKeySequence(entry.shortcut).toString() for entry in TABLE if entry.shortcut]
    assert len(keys) == len(set(keys))
    assert all(keys)


def test_f1_shows_every_shortcut_and_escape_closes_the_sheet(qtbot, window):
    window.activateWindow()
    QTest.keyClick(window, Key.Key_F1)
    assert window.sheet.isVisible()
    shown = {label.text() for label in window.sheet.findChildren(QWidget) if hasattr(label, "text")}
    for entry in TABLE:
        if entry.shortcut:
            assert QKeySequence(entry.shortcut).toString(QKeySequence.SequenceFormat.NativeText) in shown
    QTest.keyClick(window.sheet, Key.Key_Escape)
    assert not window.sheet.isVisible()


def test_a_shortcut_of_the_canvas_leaves_text_fields_alone(qtbot, digits):
    nodes = dict(digits.document.nodes)
    digits.selection.set(list(nodes)[:1])
    field = digits.palette_panel.search
    field.setFocus()
    QTest.keyClicks(field, "lc.")
    QTest.keyClick(field, Key.Key_Backspace)
    QTest.keyClick(field, Key.Key_Delete)
    assert field.text() == "lc"
    assert dict(digits.document.nodes) == nodes


def test_delete_on_the_canvas_removes_the_selected_layer(qtbot, digits):
    victim = list(digits.document.nodes)[2]
    digits.selection.set([victim])
    digits.activateWindow()
    digits.canvas.setFocus()
    qtbot.waitUntil(lambda: digits.canvas.hasFocus(), timeout=3000)
    QTest.keyClick(digits.canvas, Key.Key_Delete)
    assert victim not in digits.document.nodes


# Panels and layout


@pytest.mark.parametrize(("id", "keys"), [("view.palette", Key.Key_B), ("view.dashboard", Key.Key_J)])
def test_panels_collapse_by_their_keys(digits, id, keys):
    digits.activateWindow()
    QTest.keyClick(digits, keys, Held.ControlModifier)
    assert not digits.docks.by_action[id].isVisible()
    QTest.keyClick(digits, keys, Held.ControlModifier)
    assert digits.docks.by_action[id].isVisible()


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)])
def test_everything_fits_the_window(qtbot, digits, size):
    digits.resize(*size)
    digits.docks._size()
    qtbot.wait(50)
    assert (digits.width(), digits.height()) == size
    palette, side, dashboard = digits.docks.by_action.values()
    assert palette.width() == pytest.approx(208, abs=2)
    assert side.width() == pytest.approx(308, abs=2)
    assert dashboard.height() == pytest.approx(248, abs=2)
    assert digits.top_bar.height() == 48
    right = digits.top_bar.train.mapTo(digits, digits.top_bar.train.rect().topRight())
    assert right.x() < size[0]


@pytest.mark.parametrize("problems", [0, 12])
def test_every_title_of_the_side_panel_is_whole_whichever_is_chosen(qtbot, digits, problems):
    tabs = digits.side.tabs
    digits.problems.counted.emit(problems)
    for number in range(tabs.count()):
        tabs.setCurrentIndex(number)
        qtbot.wait(20)
        assert tabs.tabRect(0).left() >= 0
        assert tabs.tabRect(tabs.count() - 1).right() <= tabs.width()


def test_the_layout_is_remembered(qtbot):
    first = open_window(qtbot)
    open_template(qtbot, first, "digits-mlp")
    first.actions_table["view.dashboard"].setChecked(False)
    first.resizeDocks([first.docks.by_action["view.palette"]], [260], Qt.Orientation.Horizontal)
    first.side.show_panel(2)
    qtbot.wait(50)
    end(first)
    first.close()
    second = open_window(qtbot)
    open_template(qtbot, second, "digits-mlp")
    qtbot.wait(50)
    assert not second.docks.by_action["view.dashboard"].isVisible()
    assert second.docks.by_action["view.palette"].width() == pytest.approx(260, abs=3)
    assert second.side.tabs.currentIndex() == 2


def test_the_look_is_chosen_and_remembered(window):
    window.actions_table["look.light"].trigger()
    assert not theme.is_dark
    assert settings.look.get() == "light"
    assert window.actions_table["look.light"].isChecked()
    assert not window.actions_table["look.dark"].isChecked()
    window.actions_table["look.dark"].trigger()
    assert theme.is_dark


def test_a_look_that_does_not_exist_is_the_system_s(qtbot):
    settings.look.set("purple")
    assert open_window(qtbot).isVisible()
    assert theme.mode == "system"


def test_panels_can_be_moved_and_put_back(qtbot, digits):
    digits.actions_table["view.unlock"].setChecked(True)
    assert digits.docks.by_action["view.palette"].titleBarWidget() is None
    digits.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, digits.docks.by_action["view.palette"])
    digits.actions_table["view.unlock"].setChecked(False)
    digits.actions_table["view.reset"].trigger()
    assert digits.dockWidgetArea(digits.docks.by_action["view.palette"]) == Qt.DockWidgetArea.LeftDockWidgetArea


def test_everything_that_can_be_clicked_has_a_name(qtbot, digits):
    qtbot.waitUntil(lambda: bool(digits.dashboard.cards), timeout=20_000)
    kinds = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QAbstractSlider, QTabBar)
    digits.selection.set(list(digits.document.nodes)[1:2])
    nameless = []
    for widget in digits.findChildren(QWidget):
        own = not (widget.objectName().startswith("qt_") or type(widget).__name__ in ("QScrollBar", "QLineEdit"))
        if isinstance(widget, kinds) and own and widget.isVisible() and not _is_part(widget):
            spoken = widget.accessibleName() or getattr(widget, "text", lambda: "")()
            if not widget.objectName() or not spoken:
                nameless.append(f"{type(widget).__name__} {widget.objectName()} in {widget.parent().objectName()}")
    assert nameless == []


def test_the_script_is_one_click_away(qtbot, digits):
    digits.actions_table["view.script"].trigger()
    text = find(digits, "script-text")
    qtbot.waitUntil(lambda: "class Network" in text.toPlainText(), timeout=10_000)
    digits.actions_table["view.script"].trigger()
    assert digits.canvas.isVisible()


def _is_part(widget) -> bool:
    """Whether it belongs to another control: the field of a spin box, the tab of a menu."""
    parent = widget.parent()
    return isinstance(parent, QAbstractSpinBox | QComboBox | QLineEdit) or (
        isinstance(widget, QPushButton) and (parent is None)
    )
