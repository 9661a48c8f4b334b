"""What is saved, opened, found again after a crash, and asked before one leaves."""

from __future__ import annotations

import faulthandler
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QWidget

from engine.formats import project_file
from engine.graph.spec import Project
from gui import app as application
from tests.gui.shell_window import find, open_template

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
ROOT = Path(__file__).parent.parent.parent


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
        QTest.keyClick(digits.canvas, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
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
