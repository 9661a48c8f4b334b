"""Bad input at the window: one sentence on the screen names the place, what was open stays, and work goes on."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel

from engine.formats import project_file
from tests.bad_files import BAD, csv, emptied, good_rows, on_images, on_table
from tests.engine.projects import ROOT, environment, small_digits

REFUSED_AT_OPENING = {
    "a project file that is cut off", "a newer schema", "text where a number belongs", "an unknown field",
    "a project that is not there", "a folder that is no project",
}  # fmt: skip
"""The rest opens, so that it can be mended, and is refused when one trains."""


def sentence(person, words: str) -> str:
    """What a label on the screen says, once one says this: a single plain sentence."""
    said: list[str] = []

    def is_said() -> None:
        labels = [label for label in person.window.findChildren(QLabel) if not label.visibleRegion().isEmpty()]
        shown = [label.text().replace("\u200b", "") for label in labels]  # places where a long name may break
        said[:] = [text for text in shown if words in text]
        assert said, f"{words!r} is not among {[text for text in shown if text.endswith('.')]}"

    person.until(is_said, 5)
    assert said[0].endswith((".", "?"))
    assert "\n" not in said[0]
    assert ". " not in said[0]
    assert "Traceback" not in said[0]
    return said[0]


def assert_work_goes_on(person) -> None:
    """The window is what it was: a layer can be put on the canvas, and taken back."""
    before = person.document.project
    new = person.drop_layer("ReLU", 40, 900)
    assert new in person.canvas.canvas.node_items
    assert person.window.isVisible()
    person.press("Ctrl+Z")
    assert person.document.project == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".runs" not in str(path)}


@pytest.mark.parametrize("case", BAD)
def test_a_faulty_project_is_refused_in_one_sentence_and_nothing_is_lost(person, tmp_path, case):
    person.open_template("digits-mlp")
    make, words = BAD[case]
    words = {"a project that is not there": "digits.loom: it could not be opened"}.get(case, words)
    path = make(tmp_path)
    files, before = contents(tmp_path), person.document.project
    person.window.projects.open(path)
    if case not in REFUSED_AT_OPENING:
        person.until(lambda: person.document.path == path and not person.document.is_inferring)
        before = person.document.project
        person.click("train")
    sentence(person, words)
    person.until(lambda: not person.run.is_training)
    assert person.document.project == before
    assert (person.document.path == path) == (case not in REFUSED_AT_OPENING)
    assert contents(tmp_path) == files
    assert_work_goes_on(person)


def table(folder: Path, text: str) -> Path:
    on_table(folder, text)
    return folder / "table.csv"


BAD_DATA: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a row that is too long": (lambda f: table(f, csv(*good_rows(), "1,2,a,4")), "row 22"),
    "a text in a column of numbers": (
        lambda f: table(f, csv(*good_rows(), "oops,2,a", *good_rows())), "'oops' is no number"
    ),
    "one class only": (lambda f: table(f, csv(*["1,2,a"] * 30)), "is of one class"),
    "an empty table": (lambda f: table(f, ""), "the file is empty"),
    "an empty folder": (lambda f: on_images(f, emptied).parent / "pictures", "cat: the class folder holds no image"),
    "a file of another kind": (lambda f: f / "letter.docx", "letter.docx: a file of the kind .docx"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_DATA)
def test_faulty_data_dropped_on_an_open_project_leave_it_as_it_was(person, tmp_path, case):
    make, words = BAD_DATA[case]
    person.open_template("digits-mlp")
    before = person.document.project
    person.press("Ctrl+2")
    person.drop_file(make(tmp_path), person.window.data)
    sentence(person, words)
    assert person.document.project == before
    assert person.document.inference.ok
    assert_work_goes_on(person)


@pytest.mark.parametrize("case", BAD_DATA)
def test_faulty_data_dropped_on_the_start_page_are_named(person, tmp_path, case):
    make, words = BAD_DATA[case]
    person.drop_file(make(tmp_path), person.window.start_page)
    sentence(person, words)
    assert person.window.is_working
    assert_work_goes_on(person)


def test_the_batch_is_mended_by_the_click_that_is_offered(person, tmp_path):
    make, words = BAD["a batch larger than the data"]
    person.window.projects.open(make(tmp_path))
    person.until(lambda: person.document.path is not None and not person.document.is_inferring)
    person.click("train")
    sentence(person, words)
    person.click("message-fix-0")
    assert person.document.project.data.batch_size <= 1438
    person.train_to_the_end()


def test_a_full_disk_while_saving_is_said_and_the_work_stays(person, tmp_path, monkeypatch):
    path = tmp_path / "digits.loom"
    project_file.write(path, small_digits(1))
    old = path.read_bytes()
    person.window.projects.open(path)
    person.until(lambda: person.document.path == path and person.window.is_working)
    added = person.drop_layer("ReLU", 40, 900)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    person.until(lambda: not person.window.files.is_busy)
    person.window.files._timer.stop()  # the autosave would fail too, and say so in its own words
    monkeypatch.setattr(os, "fsync", full)
    person.press("Ctrl+S")
    sentence(person, "digits.loom: it could not be saved: the disk is full")
    assert added in person.document.nodes
    assert person.document.is_dirty
    assert path.read_bytes() == old
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["digits.loom"]
    assert_work_goes_on(person)

    monkeypatch.undo()  # room again
    person.save()
    assert added in {node.id for node in project_file.read(path).project.graph.nodes}


SAVE_WITHOUT_LEAVE = """
import os, sys
from pathlib import Path
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from gui.app import open_window
app = QApplication(["layerloom"])
window = open_window(app)
told = []
window.projects.said.connect(lambda text, *_: told.append(text))
window.projects.open(Path(sys.argv[1]))
reading = (window.data._work, window.start_page._load_data)
while window.document.path is None or window.files.is_busy or any(work.is_busy for work in reading):
    app.processEvents()
if os.getuid() == 0:
    os.setuid(65534)  # permissions do not bind the superuser
new = window.document.add_node("ReLU", 40, 900)
told.clear()
QTest.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
while not told:
    app.processEvents()
text = window.workspace.message.text
assert text.isVisible() and text.text() == told[0], (text.text(), told)
assert window.document.is_dirty and new in window.document.nodes
another = window.document.add_node("ReLU", 40, 1000)
assert another in window.canvas.canvas.node_items
print(told[0])
os._exit(0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="folder permissions are POSIX's")
def test_a_read_only_folder_is_named_when_one_saves_there():
    place = Path(tempfile.mkdtemp())  # outside pytest's own folder, which other users may not enter
    folder, home = place / "given to read", place / "home"
    folder.mkdir()
    home.mkdir()
    path = folder / "digits.loom"
    project_file.write(path, small_digits(1))
    old = path.read_bytes()
    path.chmod(0o644)
    place.chmod(0o755)
    home.chmod(0o777)
    folder.chmod(0o555)
    own = {"LAYERLOOM_HOME": str(home), "HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
    own |= {name: str(home) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    try:
        done = subprocess.run(
            [sys.executable, "-c", SAVE_WITHOUT_LEAVE, str(path)],
            cwd=ROOT, env=environment() | own, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout.startswith("digits.loom: it could not be saved:")
        assert "may not be written" in done.stdout
        assert done.stdout.count("\n") == 1
        assert path.read_bytes() == old
        assert [file.name for file in folder.iterdir() if file.is_file()] == ["digits.loom"]
    finally:
        folder.chmod(0o755)


def test_a_path_with_spaces_and_letters_of_any_script_works(person, open_window, tmp_path, monkeypatch):
    folder = tmp_path / "Мои сети – 我的 網絡"
    folder.mkdir()
    data = folder / "blätter und ζωή.csv"
    data.write_text(csv(*good_rows(60)))
    person.drop_file(data, person.window.start_page)
    person.until(lambda: person.document.inference.ok and person.document.project.data.samples == 60)
    path = folder / "Ağaç 木.loom"
    person.save_as(path, monkeypatch)
    person.train_to_the_end()
    assert person.run.folder.parent == folder / "Ağaç 木.runs"
    person.until(lambda: person.document.weights is not None)
    person.save()
    person.close()

    again = open_window()
    again.open(path, monkeypatch)
    again.until(lambda: again.run.end is not None)
    assert again.document.path == path
    assert again.document.project.data.samples == 60
    again.train()
    again.until(lambda: again.run.state == "finished", 60)
