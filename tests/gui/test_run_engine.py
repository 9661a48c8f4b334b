"""The window's run model with the real engine: kill, resume, ask while it trains and after."""

from __future__ import annotations

import os
import signal

import msgspec
import numpy as np
import pytest

from engine.graph import templates
from engine.graph.spec import DataSpec
from gui.playground.strokes import to_pixels
from gui.reading.style import style_of
from gui.run import process
from gui.run.model import Run

THREE = [(0.35, 0.25), (0.5, 0.17), (0.62, 0.25), (0.6, 0.38), (0.47, 0.47), (0.62, 0.55), (0.65, 0.7), (0.5, 0.82),
         (0.33, 0.74)]  # fmt: skip
ONE = [(0.4, 0.25), (0.52, 0.1), (0.52, 0.9)]
TWO = [(0.31, 0.27), (0.4, 0.15), (0.55, 0.13), (0.68, 0.22), (0.69, 0.35), (0.6, 0.47), (0.32, 0.85), (0.7, 0.85)]
ZERO = [(0.5, 0.1), (0.32, 0.3), (0.32, 0.7), (0.5, 0.9), (0.68, 0.7), (0.68, 0.3), (0.5, 0.1)]


@pytest.fixture
def run(qtbot):
    run = Run()
    yield run
    if run.is_training:
        run.stop()
    run.close()
    qtbot.waitUntil(lambda: process.reap() or not process._started, timeout=20_000)


def project(template: str, epochs: int):
    made = templates.create(template)
    return msgspec.structs.replace(made, training=msgspec.structs.replace(made.training, epochs=epochs))


def until(qtbot, condition, timeout=60_000):
    qtbot.waitUntil(condition, timeout=timeout)


def test_a_killed_engine_is_lost_and_resumes_to_the_end(run, tmp_path, qtbot):
    run.start(project("digits-mlp", 30), tmp_path, tmp_path / "runs")
    until(qtbot, lambda: len(run.history.epochs) >= 3)
    os.kill(run.info.pid, signal.SIGKILL)
    until(qtbot, lambda: run.state == "lost")
    assert "Resume goes on from the last checkpoint" in run.message
    run.resume()
    until(qtbot, lambda: run.state == "finished")
    assert np.array_equal(run.history.step, np.arange(1, run.history.step[-1] + 1))
    assert [epoch.epoch for epoch in run.history.epochs] == list(range(1, len(run.history.epochs) + 1))
    assert run.history.best().validation["accuracy"] > 0.9
    assert run.weights()


def test_strokes_on_the_pad_are_recognised_while_it_trains_and_after(run, tmp_path, qtbot):
    import engine.data

    digits = engine.data.open(DataSpec("bundled:digits"))
    style = style_of(digits.take(np.arange(500))["image"], 16)
    answers = []
    run.prediction.connect(answers.append)
    run.start(project("digits-cnn", 10), tmp_path, tmp_path / "runs")
    until(qtbot, lambda: run.last_step is not None)
    run.predict({"image": to_pixels([THREE], (8, 8), style)[None].tolist()})
    until(qtbot, lambda: len(answers) == 1)
    assert answers[0].probabilities.keys() == {str(digit) for digit in range(10)}
    until(qtbot, lambda: run.state == "finished")
    said = []
    for strokes in ([THREE], [ONE], [TWO], [ZERO]):
        before = len(answers)
        request = run.predict({"image": to_pixels(strokes, (8, 8), style)[None].tolist()})
        until(qtbot, lambda before=before: len(answers) > before)
        assert answers[-1].request == request
        said.append(max(answers[-1].probabilities.items(), key=lambda item: item[1])[0])
    assert said == ["3", "1", "2", "0"]
    assert run.state == "finished"


def test_snapshots_of_the_real_engine_hold_what_the_plots_need(run, tmp_path, qtbot):
    run.start(project("spirals", 5), tmp_path, tmp_path / "runs")
    until(qtbot, lambda: run.state == "finished" and "boundary" in run.arrays)
    assert run.arrays["boundary"].ndim == 2
    assert run.arrays["points"].shape[1] == 3
    assert any(key.startswith("histogram/") for key in run.arrays)


def test_missing_data_is_said_in_one_sentence(run, tmp_path, qtbot):
    made = project("breast-cancer", 2)
    data = msgspec.structs.replace(made.data, source="нет/flowers.csv", reader="csv")
    run.start(msgspec.structs.replace(made, data=data), tmp_path, tmp_path / "runs")
    until(qtbot, lambda: run.state == "failed")
    assert "flowers.csv" in run.message
    assert "the file is not there" in run.message
    assert "Traceback" not in run.message
    assert run.message.count("\n") == 0


def test_pause_and_a_new_rate_are_answered(run, tmp_path, qtbot):
    run.start(project("digits-mlp", 200), tmp_path, tmp_path / "runs")
    until(qtbot, lambda: run.last_step is not None)
    run.pause()
    until(qtbot, lambda: run.state == "paused")
    with qtbot.waitSignal(run.edited, timeout=10_000) as edited:
        run.set_learning_rate(0.0005)
    assert edited.args[0].after == 0.0005
    run.go_on()
    until(qtbot, lambda: run.state == "running")
    run.stop()
    until(qtbot, lambda: run.state == "finished")
    assert run.can_resume
