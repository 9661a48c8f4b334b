"""The window as a whole: start page, one click to training, panels, search, shortcuts, saving, recovery, budgets."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QTabBar,
    QWidget,
)

from engine.formats import project_file
from engine.graph.spec import Choice, Project
from gui import app as application
from gui import settings
from gui.actions import GROUPS, TABLE
from gui.plots.run_bar import words as words_of
from gui.run import folder as run_folder
from gui.theme import theme
from tests.gui.shell_window import end, find, open_template, open_window

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
ROOT = Path(__file__).parent.parent.parent
Key, Held = Qt.Key, Qt.KeyboardModifier


@pytest.fixture
def window(qtbot):
    return open_window(qtbot)


@pytest.fixture
def digits(qtbot, window):
    open_template(qtbot, window, "digits-mlp")
    return window


# The start page


def test_the_start_page_comes_first_with_a_tile_for_every_template(window):
    from engine.graph import templates

    assert not window.is_working
    assert [tile.name for tile in window.start_page.tiles] == list(templates.names())
    assert not any(dock.isVisible() for dock in window.docks.by_action.values())


def test_every_tile_shows_its_own_data_in_motion(qtbot, window):
    page = window.start_page
    qtbot.waitUntil(lambda: all(tile._data is not None for tile in page.tiles), timeout=15_000)
    for tile in page.tiles:
        tile.still = 0.4
        early = tile.grab().toImage()
        tile.still = 1.9
        assert tile.grab().toImage() != early, tile.name


def test_one_click_lays_a_project_out_with_shapes_and_a_second_one_trains_it(qtbot, window):
    open_template(qtbot, window, "digits-mlp")
    assert window.is_working
    assert window.document.inference.ok
    assert window.canvas.isVisible()
    window.document.set_training("epochs", 2000)  # long enough to be looked at
    with qtbot.waitSignal(window.run.stepped, timeout=60_000):
        QTest.mouseClick(find(window, "train"), Qt.MouseButton.LeftButton)
    assert find(window, "train").text() == "Training"
    assert find(window, "epoch").text().startswith("epoch ")
    assert find(window, "epoch").text().endswith(f"/ {window.document.project.training.epochs}")


def test_the_whole_network_is_in_view_beside_the_minimap_once_the_panels_stand(qtbot, digits):
    qtbot.waitUntil(lambda: all(dock.isVisible() for dock in digits.docks.by_action.values()))
    canvas = digits.canvas
    qtbot.waitUntil(lambda: canvas.viewport().height() < 500)
    shown = canvas.mapFromScene(canvas.final_bounds()).boundingRect()
    assert canvas.viewport().rect().contains(shown)
    assert not shown.intersects(canvas.minimap.geometry())


def test_a_dropped_table_becomes_a_project_that_can_train(qtbot, window, tmp_path):
    path = tmp_path / "flowers.csv"
    path.write_text("a,b,kind\n" + "".join(f"{i},{i % 5},{'x' if i % 3 else 'y'}\n" for i in range(90)))
    _drop(window.start_page, path)
    qtbot.waitUntil(lambda: bool(window.document.nodes), timeout=10_000)
    window.document.finish_inference()
    assert window.is_working
    assert window.document.inference.ok
    assert window.document.project.name == "flowers"
    assert window.document.is_dirty


# The bar


def test_undo_and_redo_name_their_step(digits):
    window = digits
    linear = next(id for id, node in window.document.nodes.items() if node.type == "Linear")
    undo, redo = window.actions_table["edit.undo"], window.actions_table["edit.redo"]
    assert not undo.isEnabled()
    window.document.delete([linear])
    assert undo.isEnabled()
    assert undo.text().startswith("Undo delete")
    undo.trigger()
    assert linear in window.document.nodes
    assert redo.isEnabled()


def test_the_name_carries_a_dot_while_there_is_something_to_save(digits):
    name = find(digits, "project-name")
    assert "•" not in name.text()
    digits.document.set_training("epochs", 3)
    assert name.text().endswith("•")
    digits.document.undo_stack.undo()
    assert "•" not in name.text()


def test_train_says_what_is_missing_instead_of_starting(qtbot, window):
    with qtbot.waitSignal(window.projects.shown):
        find(window, "start-new").click()
    QTest.mouseClick(find(window, "train"), Qt.MouseButton.LeftButton)
    assert window.run.state == "idle"
    assert "nothing to train" in find(window, "message-text").text()


def test_train_on_a_broken_network_shows_the_problem_and_its_fix(digits):
    flatten = next(id for id, node in digits.document.nodes.items() if node.type == "Flatten")
    digits.document.delete([flatten], rejoin=True)
    QTest.mouseClick(find(digits, "train"), Qt.MouseButton.LeftButton)
    assert digits.run.state == "idle"
    assert find(digits, "message").isVisible()
    assert digits.side.tabs.tabText(3) == "Problems 1"
    find(digits, "message-fix-0").click()
    digits.document.finish_inference()
    assert digits.document.inference.ok


def test_pause_step_and_stop_do_what_they_say(qtbot, digits):
    run, actions = digits.run, digits.actions_table
    digits.document.set_training("epochs", 100_000)
    assert not actions["train.pause"].isEnabled()
    with qtbot.waitSignal(run.stepped, timeout=60_000):
        actions["train.start"].trigger()
    actions["train.pause"].trigger()
    qtbot.waitUntil(lambda: run.state == "paused", timeout=20_000)
    assert find(digits, "train").text() == "Resume"
    for words in (find(digits, "epoch"), find(digits, "time-left")):
        assert words.width() >= words.sizeHint().width(), f"{words.text()} is cut off"
    at = run.last_step.step
    actions["train.step"].trigger()
    qtbot.waitUntil(lambda: run.last_step.step == at + 1, timeout=20_000)
    actions["train.stop"].trigger()
    qtbot.waitUntil(lambda: run.state == "finished", timeout=20_000)
    assert find(digits, "train").text() == "Resume"
    (chip,) = digits.dashboard.bar.buttons.values()
    qtbot.waitUntil(lambda: "stopped" in words_of(chip.summary), timeout=5_000)
    assert run_folder.summarise(run.folder).state == "stopped"
    qtbot.waitUntil(lambda: digits.document.weights is not None, timeout=5_000)  # they belong to the project now
    digits.document.set_training("epochs", 401)
    assert find(digits, "train").text() == "Train"


def test_a_run_that_fails_before_its_first_word_is_listed_as_failed(qtbot, digits):
    digits.document.set_training("optimizer", Choice("SGD", {"lr": 1000.0}))  # as a file may say; no form allows it
    find(digits, "train").click()
    qtbot.waitUntil(lambda: digits.run.state == "failed", timeout=60_000)
    qtbot.waitUntil(lambda: [b.summary.state for b in digits.dashboard.bar.buttons.values()] == ["failed"])


@pytest.mark.parametrize(("project", "figure"), [("digits-mlp", "accuracy"), ("linear-regression", "R²")])
def test_the_end_of_a_run_is_told_with_its_best_figure(qtbot, window, project, figure):
    open_template(qtbot, window, project)
    window.document.set_training("epochs", 2)
    find(window, "train").click()
    qtbot.waitUntil(lambda: window.run.state == "finished", timeout=60_000)
    assert f"best validation {figure} " in find(window, "message-text").text()
    assert find(window, "train").text() == "Train"
    qtbot.waitUntil(lambda: window.document.weights is not None, timeout=5_000)


def test_a_killed_engine_is_told_and_one_click_resumes_it(qtbot, digits):
    digits.document.set_training("epochs", 400)
    with qtbot.waitSignal(digits.run.checkpoint, timeout=60_000):
        find(digits, "train").click()
    qtbot.waitUntil(lambda: digits.run.last_step is not None, timeout=60_000)  # a checkpoint is there before any step
    os.kill(digits.run.info.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: digits.run.state == "lost", timeout=20_000)
    assert find(digits, "message").isVisible()
    assert find(digits, "train").text() == "Resume"
    step = digits.run.last_step.step
    find(digits, "message-fix-0").click()
    qtbot.waitUntil(lambda: digits.run.state == "running" and digits.run.last_step.step > step, timeout=60_000)


# Search


def test_ctrl_k_finds_commands_and_layers(qtbot, digits):
    window = digits
    window.canvas.setFocus()
    window.actions_table["help.commands"].trigger()
    search = find(window, "search")
    QTest.keyClicks(search, "relu")
    listed = find(window, "command-list")
    assert listed.item(0).text() == "ReLU"
    before = len(window.document.nodes)
    QTest.keyClick(search, Key.Key_Return)
    assert len(window.document.nodes) == before + 1
    assert not window.commands.isVisible()
    window.actions_table["help.commands"].trigger()
    QTest.keyClicks(search, "data settings")
    QTest.keyClick(search, Key.Key_Return)
    assert window.side.tabs.currentIndex() == 1
    window.actions_table["help.commands"].trigger()
    QTest.keyClicks(search, "nonsense")
    assert "nonsense" in listed.item(0).text()
    QTest.keyClick(search, Key.Key_Escape)
    assert not window.commands.isVisible()


def test_the_search_goes_to_a_layer_on_the_canvas(digits):
    target = list(digits.document.nodes)[-2]
    digits.commands.open()
    QTest.keyClicks(find(digits, "search"), target)
    rows = digits.commands.rows(target)
    number = next(n for n, row in enumerate(rows) if row.detail == f"Go to {target}")
    for _ in range(number):
        QTest.keyClick(find(digits, "search"), Key.Key_Down)
    QTest.keyClick(find(digits, "search"), Key.Key_Return)
    assert digits.selection.ids == (target,)


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


# Saving, opening, leaving


def test_save_and_open_bring_the_same_project_back(qtbot, digits, tmp_path):
    path = tmp_path / "Äpfel mit Birnen.loom"
    project = digits.document.project
    with qtbot.waitSignal(digits.files.saved, timeout=10_000):
        digits.files.save_as(path, digits.projects._thumbnail())
    assert find(digits, "project-name").text() == path.name
    digits.show_start()
    assert not digits.is_working
    qtbot.waitUntil(lambda: len(digits.start_page.recents) == 1, timeout=5000)
    qtbot.waitUntil(lambda: not digits.start_page.recents[0]._thumbnail.isNull(), timeout=5000)
    card = digits.start_page.recents[0]
    with qtbot.waitSignal(digits.projects.shown, timeout=10_000):
        QTest.mouseClick(card, Qt.MouseButton.LeftButton)
    assert digits.is_working
    assert digits.document.project.graph == project.graph


@pytest.mark.parametrize("answer", ["Overwrite", "Save as…"])
def test_ctrl_s_asks_before_it_overwrites_what_another_program_wrote(qtbot, digits, tmp_path, monkeypatch, answer):
    path, other = tmp_path / "net.loom", tmp_path / "mine.loom"
    digits.files.save_as(path)
    digits.files.wait()
    project_file.write(path, Project(name="Another's"))
    digits.document.set_training("epochs", 3)
    with qtbot.waitSignal(digits.files.would_overwrite, timeout=5_000):
        QTest.keyClick(digits.canvas, Key.Key_S, Held.ControlModifier)
    assert "nothing was saved yet" in find(digits, "message-text").text()
    assert project_file.read(path).project.name == "Another's"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(other), ""))
    buttons = [find(digits, f"message-fix-{number}") for number in (0, 1)]
    with qtbot.waitSignal(digits.files.saved, timeout=5_000):
        next(button for button in buttons if button.text() == answer).click()
    written = path if answer == "Overwrite" else other
    assert project_file.read(written).project.training.epochs == 3
    assert (project_file.read(path).project.name == "Another's") == (written == other)
    assert not digits.document.is_dirty


def test_a_truncated_project_is_a_sentence_and_the_start_page_stays(qtbot, window, tmp_path):
    path = tmp_path / "broken.loom"
    path.write_bytes(b"PK\x03\x04 cut off")
    window.projects.open(path)
    qtbot.waitUntil(lambda: find(window, "start-message").isVisible(), timeout=10_000)
    assert "broken.loom" in find(window, "start-message-text").text()
    assert not window.is_working


def test_the_start_page_leads_back_to_the_open_project(digits):
    digits.document.set_training("epochs", 3)
    digits.show_start()
    find(digits, "start-back").click()
    assert digits.is_working
    assert digits.document.project.training.epochs == 3


def test_a_mistake_of_ours_is_logged_and_told_in_a_sentence(digits, monkeypatch, user_folders):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    log = application.write_crashes(digits)
    try:
        raise ValueError("a mistake")
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    assert "ValueError" in find(digits, "message-text").text()
    assert "Traceback" not in find(digits, "message-text").text()
    assert "a mistake" in (user_folders / "state" / "crash.log").read_text()
    faulthandler.disable()
    log.close()


def test_data_chosen_on_an_empty_canvas_offer_a_first_network_as_one_step(qtbot, window):
    with qtbot.waitSignal(window.projects.shown):
        find(window, "start-new").click()
    box = find(window, "data-source")
    with qtbot.waitSignal(window.document.data_changed, timeout=10_000):
        box.setCurrentIndex(0)
        box.activated.emit(0)
    qtbot.waitUntil(lambda: window.findChild(QWidget, "message-fix-0") is not None)
    find(window, "message-fix-0").click()
    window.document.finish_inference()
    assert window.document.inference.ok
    assert len(window.document.nodes) > 3
    assert window.document.undo_stack.undoText() == "Lay out a first network"
    window.document.undo_stack.undo()
    assert not window.document.nodes


@pytest.mark.parametrize("since", ["", "Something else happened."])
def test_the_offer_of_a_first_network_goes_with_the_first_layer_and_takes_no_later_word_along(qtbot, window, since):
    with qtbot.waitSignal(window.projects.shown):
        find(window, "start-new").click()
    with qtbot.waitSignal(window.document.data_changed, timeout=10_000):
        find(window, "data-source").activated.emit(0)
    qtbot.waitUntil(lambda: window.findChild(QWidget, "message-fix-0") is not None)
    if since:
        window.say(since, "warn")
    window.document.add_node("Input", 0.0, 0.0)
    assert window.workspace.message.isVisible() == bool(since)


def test_an_edit_during_a_run_is_answered_once_that_the_run_goes_on_as_it_was(qtbot, window):
    open_template(qtbot, window, "digits-mlp")
    window.document.set_training("epochs", 2000)
    with qtbot.waitSignal(window.run.stepped, timeout=60_000):
        find(window, "train").click()
    window.document.add_node("ReLU", 0.0, 400.0)
    assert "as it was" in find(window, "message-text").text()
    window.workspace.message.dismiss()
    window.document.undo_stack.undo()
    assert not window.workspace.message.isVisible()


def test_what_is_said_covers_neither_nodes_nor_map_nor_a_line_of_the_script(qtbot, digits):
    def place(widget):
        return QRect(widget.mapToGlobal(QPoint()), widget.size())

    fixes = (("Overwrite", lambda: None), ("Save as…", lambda: None))
    digits.say("Another program changed my network.loom since it was read here; nothing was saved yet.", "warn", fixes)
    qtbot.wait(50)
    said, view = place(digits.workspace.message), digits.canvas
    nodes = view.mapFromScene(view.final_bounds()).boundingRect()
    assert not said.intersects(nodes.translated(view.viewport().mapToGlobal(QPoint())))
    assert not said.intersects(place(view.minimap))
    digits.show_page(1)
    qtbot.wait(50)
    assert not place(digits.workspace.message).intersects(place(digits.script.text))
    height = digits.script.text.height()
    digits.workspace.message.dismiss()
    qtbot.waitUntil(lambda: digits.script.text.height() > height)


def test_a_project_around_own_data_does_not_show_the_runs_of_the_one_before(qtbot, window, tmp_path):
    open_template(qtbot, window, "breast-cancer")
    window.document.set_training("epochs", 1)
    with qtbot.waitSignal(window.run.ended, timeout=60_000):
        find(window, "train").click()
    window.document.undo_stack.setClean()
    window.document.mark_saved(window.document.project, window.document.weights)
    path = tmp_path / "points.csv"
    path.write_text("a,b,kind\n" + "".join(f"{i},{-i},{'x' if i % 2 else 'y'}\n" for i in range(60)))
    window.projects.from_data(path)
    qtbot.waitUntil(lambda: len(window.document.nodes) > 2, timeout=10_000)
    qtbot.waitUntil(lambda: window.run.folder is None, timeout=5_000)
    assert len(window.run.history) == 0


def test_main_opens_the_project_it_is_given_and_ends_with_zero(tmp_path):
    code = (
        "import os, sys; os.environ['QT_QPA_PLATFORM'] = 'offscreen'\n"
        "from engine.formats import project_file; from engine.graph import templates\n"
        "from pathlib import Path; path = Path(sys.argv[1]) / 'my project.loom'\n"
        "project_file.write(path, templates.create('spirals'))\n"
        "from PySide6.QtWidgets import QApplication; app = QApplication([])\n"
        "from PySide6.QtCore import QTimer\n"
        "def look():\n"
        "    window = next((w for w in app.topLevelWidgets() if w.objectName() == 'window'), None)\n"
        "    if window is not None and window.is_working:\n"
        "        print(window.windowTitle(), len(window.document.nodes)); clock.stop(); window.close()\n"
        "clock = QTimer(interval=50); clock.timeout.connect(look); clock.start()\n"
        "from main import main; sys.exit(main([str(path)]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, timeout=60, capture_output=True,
                          text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("my project.loom")
    assert done.stdout.strip().endswith("7")


@pytest.mark.parametrize("answer", ["Cancel", "Discard"])
def test_leaving_with_unsaved_changes_asks(qtbot, digits, answer):
    digits.document.set_training("epochs", 3)
    asked = []

    def decide():
        question = QApplication.activeModalWidget()
        assert isinstance(question, QMessageBox)
        asked.append(question.text())
        question.button(getattr(QMessageBox.StandardButton, answer)).click()

    QTimer.singleShot(200, digits, decide)
    closed = digits.close()
    assert asked
    assert "Digits" in asked[0]
    assert closed == (answer == "Discard")


def test_a_saved_project_closes_without_a_question(digits):
    assert digits.close()


def test_work_of_a_window_that_died_is_offered(qtbot, window, tmp_path):
    code = (
        "import os, sys; os.environ['QT_QPA_PLATFORM'] = 'offscreen'\n"
        "from PySide6.QtWidgets import QApplication; app = QApplication([])\n"
        "from gui.document.document import Document; from gui.document.files import Files\n"
        "from engine.graph import templates\n"
        "document = Document(); files = Files(document); document.new(templates.create('spirals'))\n"
        "document.set_training('epochs', 7); files.autosave(); files.wait(); os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False)
    window.show_start()
    assert find(window, "start-message").isVisible()
    assert "spirals" in find(window, "start-message-text").text()
    with qtbot.waitSignal(window.projects.shown, timeout=10_000):
        find(window, "start-message-fix-0").click()
    assert window.document.project.training.epochs == 7
    assert window.is_working
    assert window.document.is_dirty


# Budgets


def test_the_window_loads_nothing_heavy_before_it_stands():
    code = (
        "import os, sys; os.environ['QT_QPA_PLATFORM'] = 'offscreen'\n"
        "from PySide6.QtWidgets import QApplication; app = QApplication([])\n"
        "from gui.app import open_window; window = open_window(app); app.processEvents()\n"
        "heavy = ('llvmlite', 'scipy', 'cupy', 'pyqtgraph', 'qtawesome', 'engine.train.trainer')\n"
        "print([name for name in heavy if name in sys.modules])\n"
        "window.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_the_first_picture_stands_before_anything_heavy_is_loaded():
    code = (
        "import os, sys; os.environ['QT_QPA_PLATFORM'] = 'offscreen'\n"
        "from PySide6.QtWidgets import QApplication; app = QApplication([])\n"
        "from gui.app import open_window; from gui.window import Window\n"
        "furnish = Window.furnish\n"
        "def look(window):\n"
        "    heavy = [name for name in ('numpy', 'engine', 'pyqtgraph') if name in sys.modules]\n"
        "    print(window.centralWidget().was_painted, heavy)\n"
        "    furnish(window)\n"
        "Window.furnish = look; open_window(app).close()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, capture_output=True, text=True)
    assert done.stdout.strip() == "True []", done.stdout + done.stderr


def _is_part(widget) -> bool:
    """Whether it belongs to another control: the field of a spin box, the tab of a menu."""
    parent = widget.parent()
    return isinstance(parent, QAbstractSpinBox | QComboBox | QLineEdit) or (
        isinstance(widget, QPushButton) and (parent is None)
    )


def _drop(widget, path):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    given = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Held.NoModifier)
    QApplication.sendEvent(widget, QDragEnterEvent(widget.rect().center(), *given))
    QApplication.sendEvent(widget, QDropEvent(QPointF(widget.rect().center()), *given))
