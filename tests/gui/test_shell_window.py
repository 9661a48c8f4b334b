"""The window as a whole: start page, one click to training, the bar, search, budgets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.graph.spec import Choice
from gui.plots.run_bar import words as words_of
from gui.run import folder as run_folder
from tests.gui.on_panels import drop
from tests.gui.shell_window import find, open_template

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
ROOT = Path(__file__).parent.parent.parent
Key = Qt.Key


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
    drop(window.start_page, path)
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
