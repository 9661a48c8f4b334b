"""The window's run model against a real process that keeps to the protocol."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine.errors import TrainingError
from engine.graph.spec import DataSpec, Project
from engine.train import events
from gui.run import folder as run_folder
from gui.run import process
from gui.run.model import Run

FAKE = Path(__file__).with_name("fake_engine.py")
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def fake_engine(monkeypatch):
    monkeypatch.setattr(process, "engine_command", lambda arguments: [sys.executable, str(FAKE), *arguments])
    return monkeypatch


@pytest.fixture
def run(qtbot, fake_engine):
    run = Run()
    yield run
    if run.folder is not None and process.is_alive(run.folder):
        run.stop()
    run.close()
    qtbot.waitUntil(lambda: process.reap() or not process._started, timeout=10_000)


@pytest.fixture
def runs(tmp_path):
    """A folder with a space and letters that are not Latin."""
    return tmp_path / "мои сети 图" / "digits.runs"


def begin(run: Run, runs: Path) -> None:
    run.start(Project(name="fake"), runs.parent, runs)


def until(qtbot, condition, timeout=10_000):
    qtbot.waitUntil(condition, timeout=timeout)


def pid_of(run: Run) -> int:
    return run.info.pid


def test_a_run_goes_from_starting_to_finished_and_keeps_every_step(run, runs, qtbot):
    states = []
    run.state_changed.connect(states.append)
    begin(run, runs)
    until(qtbot, lambda: run.state == "finished")
    assert states == ["starting", "running", "finished"]
    assert run.history.step.tolist() == list(range(1, 101))
    assert len(run.history.epochs) == 10
    steps, accuracy = run.history.metric("accuracy", "validation")
    assert steps.tolist() == list(range(10, 101, 10))
    assert np.all(np.diff(accuracy) > 0)


def test_runs_that_begin_in_the_same_instant_get_folders_of_their_own(tmp_path):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from engine.graph.spec import Project; from gui.run import folder\n"
        "time.sleep(max(0.0, float(sys.argv[2]) - time.time()))\n"
        "for _ in range(20): print(folder.create(Path(sys.argv[1]), Project(), Path()))"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "a.runs"), str(time.time() + 1.5)]
    makers = [subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    made = [line for maker in makers for line in maker.communicate(timeout=30)[0].splitlines()]
    assert len(made) == len(set(made)) == 60
    assert len(run_folder.find(tmp_path / "a.runs")) == 60


def test_the_engine_leaves_no_zombie(run, runs, qtbot, fake_engine):
    fake_engine.setenv("FAKE_STEPS", "10")
    begin(run, runs)
    until(qtbot, lambda: run.state == "finished")
    until(qtbot, lambda: run._process.poll() is not None)
    with pytest.raises(ProcessLookupError):
        os.kill(pid_of(run), 0)


def test_pause_holds_the_steps_one_step_takes_one_and_resume_goes_on(run, runs, qtbot):
    begin(run, runs)
    until(qtbot, lambda: run.last_step is not None)
    run.pause()
    until(qtbot, lambda: run.state == "paused")
    qtbot.wait(150)
    held = run.last_step.step
    qtbot.wait(200)
    assert run.last_step.step == held
    run.step()
    until(qtbot, lambda: run.last_step.step == held + 1)
    run.go_on()
    until(qtbot, lambda: run.state == "finished")


def test_a_stopped_run_can_be_resumed_and_goes_on_counting(run, runs, qtbot):
    begin(run, runs)
    until(qtbot, lambda: len(run.history) > 15)
    run.stop()
    until(qtbot, lambda: run.state == "finished")
    stopped_at = run.history.step[-1]
    assert run.can_resume
    run.resume()
    until(qtbot, lambda: run.state == "finished" and run.end is not None)
    assert stopped_at < 100
    assert run.history.step.tolist() == list(range(1, 101))


def test_a_killed_engine_is_lost_says_so_and_resumes(run, runs, qtbot):
    begin(run, runs)
    until(qtbot, lambda: len(run.history) > 25)
    os.kill(pid_of(run), signal.SIGKILL)
    until(qtbot, lambda: run.state == "lost")
    assert "SIGKILL" in run.message
    assert f"after step {run.last_step.step}" in run.message
    assert run.message.endswith("Resume goes on from the last checkpoint.")
    run.resume()
    until(qtbot, lambda: run.state == "finished")
    assert run.history.step.tolist() == list(range(1, 101)), "the steps after the checkpoint are there once"
    assert [epoch.epoch for epoch in run.history.epochs] == list(range(1, 11))


def test_a_paused_engine_that_is_killed_does_not_resume_paused(run, runs, qtbot):
    begin(run, runs)
    until(qtbot, lambda: len(run.history) > 12)
    os.kill(pid_of(run), signal.SIGKILL)
    run.pause()
    until(qtbot, lambda: run.state == "lost")
    run.resume()
    until(qtbot, lambda: run.state == "finished")


def test_taken_back_commands_leave_no_trace(tmp_path):
    process.send(tmp_path, events.Pause(request="r"))
    (tmp_path / process.HEARD).write_text("12 abc")
    process.unsay(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_never_started_says_why_in_one_sentence(run, runs, qtbot, fake_engine):
    fake_engine.setenv("FAKE_FAULT", "at start")
    with qtbot.waitSignal(run.failed, timeout=5000) as failed:
        begin(run, runs)
    assert run.state == "failed"
    sentence = "The engine did not start: Data 'flowers.csv': the file is not there; choose it again."
    assert failed.args[0].message == run.message == sentence


def test_a_folder_that_cannot_be_written_is_a_sentence_not_an_exception(run, tmp_path, qtbot):
    (tmp_path / "file").write_text("in the way")
    with qtbot.waitSignal(run.failed):
        run.start(Project(), tmp_path, tmp_path / "file")
    assert run.state == "failed"
    assert run.message.startswith(f"The run could not start in {tmp_path / 'file'}: ")


def test_training_twice_at_once_is_refused(run, runs, qtbot):
    begin(run, runs)
    with pytest.raises(TrainingError, match="is training"):
        begin(run, runs)


def test_a_changed_learning_rate_is_answered_and_marked(run, runs, qtbot):
    begin(run, runs)
    until(qtbot, lambda: run.state == "running")
    with qtbot.waitSignal(run.edited, timeout=3000) as edited:
        run.set_learning_rate(0.01)
    assert (edited.args[0].before, edited.args[0].after) == (0.1, 0.01)
    assert run.history.edits == [edited.args[0]]


def test_a_prediction_is_answered_while_it_trains_and_after(run, runs, qtbot, fake_engine):
    fake_engine.setenv("FAKE_STEPS", "50")
    answers = []
    run.prediction.connect(answers.append)
    begin(run, runs)
    until(qtbot, lambda: run.state == "running")
    first = run.predict({"image": [[0.0]]})
    until(qtbot, lambda: [answer.request for answer in answers] == [first])
    until(qtbot, lambda: run.state == "finished")
    second = run.predict({"image": [[1.0]]})
    until(qtbot, lambda: [answer.request for answer in answers] == [first, second])
    assert run.state == "finished", "an engine that only answers does not train"
    third = run.predict({"image": [[1.0]]})
    until(qtbot, lambda: [answer.request for answer in answers] == [first, second, third])
    assert len(run.history) == 50


def test_a_new_run_dismisses_the_engine_that_only_answers(run, runs, qtbot, fake_engine):
    fake_engine.setenv("FAKE_STEPS", "10")
    begin(run, runs)
    until(qtbot, lambda: run.state == "finished")
    old = run.folder
    with qtbot.waitSignal(run.prediction, timeout=5000):
        run.predict({"image": [[1.0]]})
    begin(run, runs)
    until(qtbot, lambda: run.state == "finished" and run.folder != old)
    until(qtbot, lambda: not process.is_alive(old))


def test_a_project_without_a_run_can_be_asked(run, runs, qtbot):
    run.serve(Project(name="fake"), runs.parent, runs)
    with qtbot.waitSignal(run.prediction, timeout=5000):
        run.predict({"image": [[1.0]]})
    assert run.state == "idle"
    assert run.find(runs) == [], "it is no run of the list"


def test_snapshots_arrive_with_their_arrays(run, runs, qtbot):
    shown = []
    run.snapshot.connect(lambda event, arrays: shown.append((event.step, arrays["confusion"][0, 0])))
    begin(run, runs)
    until(qtbot, lambda: run.state == "finished")
    assert shown[-1] == (100, 11)
    assert run.arrays["histogram/fc.weight"].shape == (40,)


def test_a_finished_run_shows_its_history_when_it_is_followed(run, runs, qtbot):
    begin(run, runs)
    until(qtbot, lambda: run.state == "finished")
    folder = run.folder
    states, later = [], Run()
    later.state_changed.connect(states.append)
    with qtbot.waitSignal(later.loaded, timeout=5000):
        later.follow_newest(runs)
    assert later.folder == folder
    assert states == ["finished"], "the past does not flicker by"
    assert len(later.history) == 100
    assert later.arrays["confusion"][0, 0] == 11
    later.close()


WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from engine.graph.spec import Project
from gui.run import process
from gui.run.model import Run
process.engine_command = lambda arguments: [sys.executable, sys.argv[1], *arguments]
app, runs = QCoreApplication([]), Path(sys.argv[2])
run = Run()
run.stepped.connect(lambda: print(run.folder, flush=True))
run.start(Project(name="fake"), runs.parent, runs)
app.exec()
"""


def test_a_run_survives_its_window_and_is_found_again(run, runs, qtbot):
    environment = dict(os.environ, PYTHONPATH=str(ROOT), FAKE_STEPS="200")
    window = subprocess.Popen(
        [sys.executable, "-c", WINDOW, str(FAKE), str(runs)], env=environment, stdout=subprocess.PIPE, text=True
    )
    folder = Path(window.stdout.readline().strip())
    window.kill()
    window.wait()
    window.stdout.close()
    assert process.is_alive(folder), "the engine goes on by itself"
    run.follow_newest(runs)
    until(qtbot, lambda: run.state == "running")
    assert run.folder == folder
    until(qtbot, lambda: run.state == "finished")
    assert run.history.step.tolist() == list(range(1, 201))


def test_runs_are_found_newest_first_and_summed_up(run, runs, qtbot, fake_engine):
    fake_engine.setenv("FAKE_STEPS", "10")
    folders = []
    for _ in range(2):
        begin(run, runs)
        until(qtbot, lambda: run.state == "finished")
        folders.append(run.folder)
    assert run.find(runs) == folders[::-1]
    summary = run_folder.summarise(folders[0])
    assert (summary.state, summary.metric, summary.figure) == ("finished", "accuracy", 0.9)


def test_a_relative_data_source_is_found_from_the_run(tmp_path):
    project = Project(data=DataSpec(source="data/flowers.csv", reader="csv"))
    moved = run_folder.stands_alone(project, tmp_path)
    assert moved.data.source == str(tmp_path / "data" / "flowers.csv")
    bundled = Project(data=DataSpec(source="bundled:digits"))
    assert run_folder.stands_alone(bundled, tmp_path) is bundled


def test_a_damaged_snapshot_is_skipped_and_the_run_is_shown(run, runs, qtbot):
    begin(run, runs)
    until(qtbot, lambda: run.state == "finished")
    newest = run.folder / run.history.snapshots[-1].file
    newest.write_bytes(newest.read_bytes()[:100])
    later, states = Run(), []
    later.state_changed.connect(states.append)
    with qtbot.waitSignal(later.loaded, timeout=5000):
        later.follow(run.folder)
    assert states == ["finished"]
    assert len(later.history) == 100
    assert later.arrays == {}
    assert later.read_snapshot(later.history.snapshots[0])["confusion"].shape == (3, 3)
    later.close()


def test_a_failed_run_goes_on_from_its_checkpoint_where_it_has_one(run, runs, qtbot):
    begin(run, runs)
    until(qtbot, lambda: len(run.history) > 25)
    os.kill(pid_of(run), signal.SIGKILL)
    until(qtbot, lambda: run.state == "lost")
    folder = run.folder
    with (folder / "events.jsonl").open("ab") as file:
        file.write(events.encode(events.Failed(message="The loss is not a number.")))
        file.write(events.encode(events.RunEnded(reason="failed", step=26, epoch=2, seconds=1.0)))
    run.follow(None)
    run.follow(folder)
    until(qtbot, lambda: run.state == "failed")
    assert run.can_resume
    run.resume()
    until(qtbot, lambda: run.state == "finished")
    assert run.history.step[-1] == 100


def test_a_run_that_failed_before_its_first_checkpoint_cannot_be_resumed(run, runs, qtbot, fake_engine):
    fake_engine.setenv("FAKE_FAULT", "at start")
    begin(run, runs)
    until(qtbot, lambda: run.state == "failed")
    assert not run.can_resume
