"""kill -9, of the engine and of the window: nothing is lost, and somebody says so."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from PySide6.QtWidgets import QApplication

from engine.train.events import RunEnded
from gui.run.folder import parse
from tests.journeys.person import kill

WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from gui.app import open_window
app = QApplication(["layerloom"])
window = open_window(app)
window.projects.open(Path(sys.argv[1]))
window.files.opened.connect(lambda path: window.top_bar.train.click())
def look():
    if window.run.last_step is not None and window.run.last_step.step > 5:
        print(window.run.folder, flush=True)
        poll.stop()
poll = QTimer(interval=20)
poll.timeout.connect(look)
poll.start()
app.exec()
"""


def test_an_engine_killed_in_mid_run_is_noticed_and_resumes_where_it_was(person):
    person.open_template("digits-mlp")
    person.train()
    person.until(lambda: len(person.run.history.epochs) >= 2)
    kill(person.run.info.pid)
    person.until(lambda: person.run.state == "lost")
    message = person.window.workspace.message
    assert message.isVisible()
    assert "SIGKILL" in message.text.text()
    reached = person.run.history.epochs[-1].epoch
    person.fix_button("Resume").click()
    person.until(lambda: person.run.state == "finished", 120)
    assert person.run.end.reason == "finished"
    epochs = [event.epoch for event in person.run.history.epochs]
    assert epochs == list(range(1, len(epochs) + 1))
    assert len(epochs) == person.document.project.training.epochs
    assert reached < len(epochs)


def test_a_run_outlives_a_killed_window_and_is_found_again(open_window, tmp_path):
    path = tmp_path / "with spaces" / "digits.loom"
    path.parent.mkdir()
    subprocess.run([sys.executable, "-m", "engine", "new", "digits-mlp", str(path)], check=True, capture_output=True)
    window = subprocess.Popen([sys.executable, "-c", WINDOW, str(path)], stdout=subprocess.PIPE, text=True)
    folder = Path(window.stdout.readline().strip())
    assert folder.name, "the window did not come to train"
    window.kill()
    window.wait()
    window.stdout.close()
    deadline = time.monotonic() + 60
    while not has_ended(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert has_ended(folder)

    person = open_window()
    person.window.projects.open(path)
    person.until(lambda: person.run.end is not None)
    assert person.run.folder == folder
    assert person.run.end.reason == "finished"
    assert person.run.end.validation["accuracy"] > 0.9
    person.until(lambda: person.document.weights is not None)


def has_ended(folder: Path) -> bool:
    events = folder / "events.jsonl"
    return any(isinstance(parse(line), RunEnded) for line in events.read_bytes().splitlines()[-3:])


def test_unsaved_work_of_a_killed_window_is_recovered(open_window, user_folders):
    code = (
        "import sys\nfrom PySide6.QtWidgets import QApplication\nfrom gui.app import open_window\n"
        "app = QApplication(['layerloom'])\nwindow = open_window(app)\nwindow.document.add_node('Linear', 10, 20)\n"
        "window.files.autosave()\nwindow.files.wait()\nprint('kept', flush=True)\napp.exec()\n"
    )
    window = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert window.stdout.readline().strip() == "kept"
    window.kill()
    window.wait()
    window.stdout.close()
    person = open_window()
    assert not person.window.is_working
    person.fix_button("Recover").click()
    person.until(lambda: set(person.document.nodes) == {"fc1"})
    assert person.document.is_dirty
    QApplication.processEvents()


def test_a_run_that_lives_while_its_project_is_first_saved_belongs_to_the_file(
    person, open_window, tmp_path, monkeypatch
):
    person.open_template("digits-mlp")
    person.train()
    person.until(lambda: person.run.last_step is not None)
    path = tmp_path / "digits.loom"
    person.save_as(path, monkeypatch)
    assert person.run.state == "running"
    person.until(lambda: person.run.state == "finished", 120)
    before = person.run.folder
    person.until(lambda: person.document.weights is not None)
    person.save()
    person.close()

    again = open_window()
    again.window.projects.open(path)
    again.until(lambda: again.run.end is not None)
    assert again.run.folder == tmp_path / "digits.runs" / before.name
    assert not before.exists()
