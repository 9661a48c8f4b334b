"""The trained network comes to the project when its run ends, and the window goes on meanwhile."""

from __future__ import annotations

import time

import numpy as np
import pytest
from PySide6.QtCore import QTimer
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QMainWindow

from engine.errors import ProjectError
from engine.formats import checkpoint as checkpoints
from engine.graph import spec, templates
from engine.graph.spec import Project
from engine.train import events
from gui.actions import Actions
from gui.document.document import Document
from gui.document.files import Files
from gui.run.model import Run
from gui.top_bar import TopBar
from gui.training_control import TrainingControl

LARGE = 5_000_000


@pytest.fixture
def control(qtbot, themed):
    """The control of a document with the spirals, without its window."""
    document, run = Document(), Run()
    document.new(templates.create("spirals"))
    files = Files(document)
    window = QMainWindow()
    qtbot.addWidget(window)
    actions = Actions(window)
    bar = TopBar(actions, run)
    window.setMenuWidget(bar)
    control = TrainingControl(document, files, run, actions, bar)
    yield control
    control.close_down()
    run.close()
    files.close()


def ended_run(folder, project: Project, checkpoint: bytes):
    """The folder of a run that has ended, with its best network."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "project.json").write_bytes(spec.encode(project))
    (folder / "checkpoints" / "best.safetensors").write_bytes(checkpoint)
    started = events.RunStarted(
        run="r", project="p", pid=1, device="cpu", threads=1, seed=0, epochs=1, steps_per_epoch=1, train_samples=1,
        validation_samples=1, parameters=1, task="regression", metrics=("r2",),
    )  # fmt: skip
    ended = events.RunEnded(reason="finished", step=1, epoch=1, seconds=1.0, time=time.time())
    (folder / "events.jsonl").write_bytes(events.encode(started) + events.encode(ended))
    return folder


def checkpoint_of(count: int) -> checkpoints.Checkpoint:
    """A network of `count` parameters with what Adam keeps of each."""
    weight = np.arange(count, dtype=np.float32)
    adam = {"state": {0: {"exp_avg": weight, "exp_avg_sq": weight}}, "param_groups": [{"lr": 0.1}]}
    return checkpoints.Checkpoint({"fc.weight": weight}, adam, {"mean": np.ones(2)}, {"epoch": 1})


def test_a_large_network_is_taken_up_without_holding_the_window(qtbot, control, tmp_path):
    document, run = control._document, control._run
    folder = ended_run(tmp_path / "run", document.project, checkpoints.encode(checkpoint_of(LARGE)))
    beats: list[float] = []
    heart = QTimer(interval=2)
    heart.timeout.connect(lambda: beats.append(time.perf_counter()))
    heart.start()
    qtbot.wait(100)
    beats[:] = [time.perf_counter()]
    with qtbot.waitSignal(document.weights_changed, timeout=20_000):
        run.follow(folder)
    qtbot.wait(20)
    heart.stop()
    longest = max(np.diff(beats))
    print(f"longest pause of the window's thread: {longest * 1e3:.1f} ms")
    assert longest < 0.050
    model, preparation = checkpoints.split_weights(document.weights)
    assert model["fc.weight"].shape == (LARGE,)
    assert model["fc.weight"][-1] == LARGE - 1
    assert list(preparation) == ["mean"]


def test_what_is_kept_is_what_the_checkpoint_gives_to_the_byte(tmp_path):
    made = checkpoint_of(10)
    checkpoints.write(tmp_path / "c.safetensors", made)
    assert checkpoints.read_weights(tmp_path / "c.safetensors") == made.weights()


@pytest.mark.parametrize("length", [0, 4, 100, 600])
def test_a_checkpoint_that_is_cut_off_is_a_sentence(tmp_path, length):
    path = tmp_path / "c.safetensors"
    path.write_bytes(checkpoints.encode(checkpoint_of(100))[:length])
    with pytest.raises(ProjectError, match="cut off or no checkpoint"):
        checkpoints.read_weights(path)


def test_a_damaged_network_is_said_and_the_project_stays(qtbot, control, tmp_path):
    document, run = control._document, control._run
    folder = ended_run(tmp_path / "run", document.project, checkpoints.encode(checkpoint_of(100))[:300])
    with qtbot.waitSignal(control.said, timeout=5000) as said:
        run.follow(folder)
    assert said.args[0].startswith("The trained weights could not be read: ")
    assert document.weights is None


def test_the_network_of_a_project_that_was_left_does_not_come_to_the_next(qtbot, control, tmp_path):
    document, run = control._document, control._run
    folder = ended_run(tmp_path / "run", document.project, checkpoints.encode(checkpoint_of(LARGE)))
    changed = QSignalSpy(document.weights_changed)
    with qtbot.waitSignal(run.loaded, timeout=5000):
        run.follow(folder)
    document.new(document.project)
    qtbot.wait(400)
    assert changed.count() == 0
    assert document.weights is None


def test_why_a_run_failed_stays_told_when_try_it_gets_no_answer(control):
    said = QSignalSpy(control.said)
    for state, told in (("failed", 0), ("running", 1)):
        control._run.state = state
        control._run.refused.emit(events.Refused(request="", message="it has not been trained yet."))
        assert said.count() == told
