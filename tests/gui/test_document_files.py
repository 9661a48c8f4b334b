"""Saving, opening, autosave and recovery: real files, a real kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from PySide6.QtTest import QSignalSpy

from engine.errors import ProjectError
from engine.formats import project_file
from engine.graph.spec import Project
from gui.document.document import Document
from gui.document.files import Files, state_folder


@pytest.fixture
def files(qtbot, document):
    files = Files(document)
    yield files
    files.close()


def test_save_as_and_open_give_the_same_project_with_its_weights(files, document, chain, tmp_path):
    weights = safetensors_bytes()
    document.set_weights(weights)
    path = tmp_path / "Ziffern 数字 net.loom"
    files.save_as(path)
    files.wait()
    assert document.path == path
    assert not document.is_dirty
    other = Document()
    again = Files(other)
    again.open(path)
    again.wait()
    assert other.graph == document.graph
    assert other.weights == weights
    assert other.undo_stack.count() == 0
    again.close()


def safetensors_bytes():
    import numpy as np
    from safetensors.numpy import save

    return save({"fc1.weight": np.ones((2, 3), np.float32)})


def test_save_without_a_file_asks_for_one(files):
    with pytest.raises(ProjectError, match="no file"):
        files.save()


def test_edits_made_while_a_save_is_under_way_stay_unsaved(files, document, chain, tmp_path):
    files.save_as(tmp_path / "net.loom")
    document.rename(chain[0], "Later")
    files.wait()
    assert document.is_dirty
    document.undo_stack.undo()
    assert not document.is_dirty


def test_a_save_that_fails_says_why_and_leaves_everything(files, document, chain, tmp_path):
    path = tmp_path / "net.loom"
    files.save_as(path)
    files.wait()
    kept = path.read_bytes()
    document.rename(chain[0], "Changed")
    failed = QSignalSpy(files.failed)
    missing = tmp_path / "gone" / "net.loom"
    files.save_as(missing)
    files.wait()
    assert failed.count() == 1
    assert "net.loom" in failed.at(0)[0]
    assert document.path == path
    assert document.is_dirty
    assert path.read_bytes() == kept


def test_opening_a_cut_off_file_says_so_and_keeps_the_open_project(files, document, chain, tmp_path):
    path = tmp_path / "net.loom"
    files.save_as(path)
    files.wait()
    broken = tmp_path / "broken.loom"
    broken.write_bytes(path.read_bytes()[:200])
    before, failed = document.project, QSignalSpy(files.failed)
    files.open(broken)
    files.wait()
    assert failed.count() == 1
    assert "broken.loom" in failed.at(0)[0]
    assert document.project is before
    assert document.path == path


def test_recents_are_newest_first_and_forget_what_is_gone(files, document, chain, tmp_path):
    one, two = tmp_path / "one.loom", tmp_path / "two.loom"
    for path in (one, two, one):
        files.save_as(path)
        files.wait()
    assert files.recents == [one, two]
    one.unlink()
    assert files.recents == [two]


def test_a_template_opens_without_a_file_and_clean(files, document):
    files.new_from_template("digits-cnn")
    files.wait()
    assert document.path is None
    assert not document.is_dirty
    assert len(document.nodes) > 4


def test_runs_lie_beside_the_project_or_in_the_users_state(files, document, chain, tmp_path):
    assert state_folder() in files.runs_folder().parents
    files.save_as(tmp_path / "net.loom")
    files.wait()
    assert files.runs_folder() == tmp_path / "net.runs"


def test_the_runs_of_a_project_without_a_file_are_found_by_another_window(files, document):
    files.new_from_template("digits-cnn")
    files.wait()
    other = Files(Document())
    other.new_from_template("digits-cnn")
    other.wait()
    assert other.runs_folder() == files.runs_folder()
    files.new_from_template("spirals")
    files.wait()
    assert other.runs_folder() != files.runs_folder()
    other.close()


def test_autosave_keeps_what_no_file_holds_and_a_save_clears_it(files, document, chain, tmp_path):
    files.autosave()
    files.wait()
    kept = list((state_folder() / "autosave").glob("*/project.loom"))
    assert len(kept) == 1
    assert project_file.read(kept[0]).project.graph == document.graph
    files.save_as(tmp_path / "net.loom")
    files.wait()
    assert not list((state_folder() / "autosave").glob("*/project.loom"))


def test_the_work_of_a_living_window_is_not_offered_to_another(files, document, chain):
    files.autosave()
    files.wait()
    other = Files(Document())
    assert other.recoverable() == []
    other.close()


def test_work_is_recovered_after_the_window_was_killed(files, document, tmp_path):
    script = """
        import os, sys
        from PySide6.QtWidgets import QApplication
        app = QApplication([])
        from gui.document.document import Document
        from gui.document.files import Files
        from pathlib import Path
        document = Document()
        files = Files(document)
        document.add_node("Linear", 1, 2)
        files.save_as(Path(sys.argv[1]))
        files.wait()
        document.add_node("ReLU", 3, 4)
        files.autosave()
        files.wait()
        print("ready", flush=True)
        app.exec()
    """
    path = tmp_path / "killed.loom"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(path)],
        stdout=subprocess.PIPE, cwd=os.getcwd(), env=dict(os.environ), text=True,
    )  # fmt: skip
    assert process.stdout.readline().strip() == "ready"
    assert files.recoverable() == []
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    (work,) = files.recoverable()
    assert work.path == path
    files.recover(work)
    files.wait()
    assert [node.type for node in document.nodes.values()] == ["Linear", "ReLU"]
    assert document.path == path
    assert document.is_dirty
    assert [node.type for node in project_file.read(path).project.graph.nodes] == ["Linear"]
    assert files.recoverable() == []


def test_discarded_work_is_gone(files, document, chain):
    other = Files(document)
    other.autosave()
    other.wait()
    other._lock.release()
    (work,) = files.recoverable()
    files.discard(work)
    assert files.recoverable() == []
    other.close()


@pytest.mark.parametrize("writing", ["its first autosave", "another one"])
def test_what_a_window_killed_within_an_autosave_left_half_written_is_swept(files, writing):
    script = """
        import os
        from PySide6.QtWidgets import QApplication
        app = QApplication([])
        from gui.document.document import Document
        from gui.document.files import Files
        document = Document()
        files = Files(document)
        document.add_node("Linear", 1, 2)
        if FIRST_LASTS:
            files.autosave()
            files.wait()
            document.add_node("ReLU", 3, 4)
        os.fsync = lambda descriptor: os.kill(os.getpid(), 9)
        files.autosave()
        files.wait()
    """
    script = textwrap.dedent(script).replace("FIRST_LASTS", repr(writing == "another one"))
    subprocess.run([sys.executable, "-c", script], timeout=30)
    kept = state_folder() / "autosave"
    assert len(list(kept.rglob("*.part"))) == 1
    found = files.recoverable()
    assert list(kept.rglob("*.part")) == []
    if writing == "another one":
        (work,) = found
        files.discard(work)
    assert list(kept.iterdir()) == []


def test_a_change_by_another_program_is_noticed_and_ones_own_save_is_not(qtbot, files, document, chain, tmp_path):
    path = tmp_path / "net.loom"
    files.save_as(path)
    files.wait()
    noticed = QSignalSpy(files.changed_outside)
    document.rename(chain[0], "Mine")
    files.save()
    files.wait()
    qtbot.wait(100)
    assert noticed.count() == 0
    with qtbot.waitSignal(files.changed_outside, timeout=5000):
        project_file.write(path, Project(name="Another's"))
    with qtbot.waitSignal(files.changed_outside, timeout=5000), path.open("ab") as file:
        file.write(b"written in place")


def test_a_project_folder_opens_and_saves_as_a_file_does(files, document, chain, tmp_path):
    folder = tmp_path / "as folder"
    folder.mkdir()
    files.save_as(folder)
    files.wait()
    assert (folder / "project.json").is_file()
    files.open(folder)
    files.wait()
    assert len(document.nodes) == len(chain)


@pytest.fixture
def two_files(files, document, tmp_path):
    """old.loom with a Linear, which is open, and new.loom with a ReLU."""
    old, new = tmp_path / "old.loom", tmp_path / "new.loom"
    document.add_node("ReLU", 0, 0)
    files.save_as(new)
    files.wait()
    document.new(Project())
    document.add_node("Linear", 0, 0)
    files.save_as(old)
    files.wait()
    return old, new


def types_in(path):
    return [node.type for node in project_file.read(path).project.graph.nodes]


def test_a_save_that_ends_after_another_project_was_opened_leaves_that_one_its_file(files, document, two_files):
    old, new = two_files
    files.open(new)
    files.save()  # of the old project, which is still on the screen
    files.wait()
    assert document.path == new
    document.add_node("Tanh", 0, 0)
    files.save()
    files.wait()
    assert types_in(old) == ["Linear"]
    assert types_in(new) == ["ReLU", "Tanh"]


def test_the_runs_of_a_project_first_saved_while_another_opens_come_along(files, document, two_files, tmp_path):
    document.new(Project(name="Unsaved"))
    before = files.runs_folder()
    told = QSignalSpy(files.first_saved)
    files.open(two_files[1])
    files.save_as(tmp_path / "first.loom")
    files.wait()
    assert told.at(0) == [before, tmp_path / "first.runs"]
    assert document.path == two_files[1]


def test_an_edit_made_while_another_project_is_read_is_kept_and_said(files, document, two_files):
    old, new = two_files
    failed = QSignalSpy(files.failed)
    files.open(new)
    document.add_node("ReLU", 0, 0)
    files.wait()
    assert [node.type for node in document.nodes.values()] == ["Linear", "ReLU"]
    assert document.path == old
    assert document.is_dirty
    sentence = "new.loom: it was not opened, as the project here was changed meanwhile; open it again."
    assert failed.at(0) == [sentence]
    document.undo_stack.undo()
    files.open(new)
    files.wait()
    assert document.path == new


def test_a_template_does_not_take_the_place_of_edits_either(files, document):
    files.new_from_template("spirals")
    document.add_node("Linear", 0, 0)
    files.wait()
    assert [node.type for node in document.nodes.values()] == ["Linear"]


def test_of_two_openings_the_last_one_stays(files, document, two_files):
    old, new = two_files
    failed = QSignalSpy(files.failed)
    files.open(new)
    files.open(old)
    files.open(new)
    files.wait()
    assert document.path == new
    assert failed.count() == 0


def test_an_opening_does_not_take_the_place_of_a_project_begun_since(files, document, two_files):
    files.open(two_files[1])
    document.new(Project(name="from data"))
    files.wait()
    assert document.project.name == "from data"


def no_memory(*_):
    raise MemoryError


@pytest.mark.parametrize("fault", ["memory", "unknown"])
def test_whatever_stops_a_save_is_said_and_loses_nothing(files, document, chain, tmp_path, monkeypatch, fault):
    files.autosave()
    files.wait()
    path, failed = tmp_path / "net.loom", QSignalSpy(files.failed)
    with monkeypatch.context() as patch:
        if fault == "memory":
            patch.setattr(project_file, "write", no_memory)
        else:
            patch.setattr(project_file, "write", lambda *_: 1 / 0)
        files.save_as(path)
        files.wait()
    assert failed.count() == 1
    assert failed.at(0)[0].startswith("net.loom: ")
    assert not files.is_busy
    assert document.is_dirty
    assert document.path is None
    assert list((state_folder() / "autosave").glob("*/project.loom"))
    files.save_as(path)
    files.wait()
    assert not document.is_dirty
    assert project_file.read(path).project.graph == document.graph


def test_the_window_is_free_again_after_a_save_that_failed(qtbot, files, document, chain, tmp_path, monkeypatch):
    monkeypatch.setattr(project_file, "write", no_memory)
    with qtbot.waitSignal(files.failed, timeout=5000) as failed:
        files.save_as(tmp_path / "net.loom")
    assert failed.args == ["net.loom: there is not enough memory; close other programs and try again."]
    qtbot.waitUntil(lambda: not files.is_busy, timeout=1000)


def test_a_save_does_not_take_the_place_of_what_another_program_wrote(files, document, chain, tmp_path):
    path, saved, asked = tmp_path / "net.loom", QSignalSpy(files.saved), QSignalSpy(files.would_overwrite)
    files.save_as(path)
    files.wait()
    project_file.write(path, Project(name="Another's"))
    document.rename(chain[0], "Mine")
    files.save()
    files.wait()
    assert asked.at(0) == [path]
    assert saved.count() == 1
    assert document.is_dirty
    assert project_file.read(path).project.name == "Another's"
    files.save_as(path)
    files.save()
    files.wait()
    assert asked.count() == 1
    assert not document.is_dirty
    assert project_file.read(path).project.graph == document.graph


def test_a_file_that_was_deleted_is_written_again_without_a_question(files, document, chain, tmp_path):
    path = tmp_path / "net.loom"
    files.save_as(path)
    files.wait()
    path.unlink()
    document.rename(chain[0], "Mine")
    files.save()
    files.wait()
    assert path.exists()
    assert not document.is_dirty


@pytest.mark.parametrize("is_changed", [False, True])
def test_recovered_work_asks_only_where_its_file_was_written_since(files, document, chain, tmp_path, is_changed):
    path = tmp_path / "net.loom"
    other = Files(document)
    other.save_as(path)
    other.wait()
    document.rename(chain[0], "Mine")
    other.autosave()
    other.wait()
    other._lock.release()
    if is_changed:
        project_file.write(path, Project(name="Another's"))
    asked = QSignalSpy(files.would_overwrite)
    files.recover(files.recoverable()[0])
    files.wait()
    files.save()
    files.wait()
    assert asked.count() == is_changed
    assert document.is_dirty == is_changed
    other.close()
