"""A run in a real process answers each command with one event that carries its request."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file

from engine import data
from engine.formats import project_file
from engine.graph.spec import Choice
from engine.train.events import (
    Edited,
    Pause,
    Predict,
    Prediction,
    Refused,
    Resume,
    RunEnded,
    RunStarted,
    Set,
    Snapshot,
    StateChanged,
    Step,
    StepOnce,
    Stop,
    TakeSnapshot,
    encode,
)
from tests.engine.projects import command, events, layerloom, small_digits, small_line, started, wait_for


def asked(request: str):
    return lambda event: event.request == request


@pytest.fixture
def run(tmp_path):
    """A long run that has begun, stopped in the end if the test did not."""
    path, out = tmp_path / "small.loom", tmp_path / "run"
    project_file.write(path, small_digits(100_000))
    process = started("train", path, "--out", out)
    wait_for(out, Step)
    yield out, process
    if process.poll() is None:
        process.kill()
    process.communicate()


def stop(out: Path, process: subprocess.Popen) -> None:
    command(out, Stop(request="the end"))
    process.communicate(timeout=20)


def test_a_paused_run_waits_answers_steps_once_and_goes_on(run):
    out, process = run
    command(out, Pause(request="1"))
    paused = wait_for(out, StateChanged, asked("1"))
    assert paused.state == "paused"
    time.sleep(0.3)
    assert events(out, Step)[-1].step == paused.step

    pixels = data.open(small_digits().data, None)[0]["image"]
    command(out, Predict(request="2", inputs={"image": pixels.tolist()}))
    said = wait_for(out, Prediction, asked("2"))
    assert list(said.probabilities) == [str(digit) for digit in range(10)]
    assert sum(said.probabilities.values()) == pytest.approx(1.0)
    assert said.step == paused.step

    command(out, StepOnce(request="3"))
    after = wait_for(out, StateChanged, asked("3"))
    assert (after.state, after.step) == ("paused", paused.step + 1)

    command(out, Resume(request="4"))
    assert wait_for(out, StateChanged, asked("4")).state == "running"
    wait_for(out, Step, lambda event: event.step > after.step + 20)
    stop(out, process)
    assert wait_for(out, StateChanged, asked("the end")).state == "stopping"
    assert events(out, RunEnded)[-1].reason == "stopped"
    assert process.returncode == 0


def test_steps_asked_for_at_once_are_taken_one_by_one_and_a_paused_run_can_be_stopped(run):
    out, process = run
    command(out, Pause(request="p"))
    paused = wait_for(out, StateChanged, asked("p"))
    lines = b"".join(encode(StepOnce(request=f"s{number}")) for number in range(3))
    command(out, lines)
    for number in range(3):
        assert wait_for(out, StateChanged, asked(f"s{number}")).step == paused.step + number + 1
    stop(out, process)
    assert process.returncode == 0
    assert events(out, RunEnded)[-1].step == paused.step + 3


def test_commands_that_come_too_late_are_answered_and_do_not_stop_the_next_process(run):
    out, process = run
    command(out, encode(Stop(request="1")) + encode(Stop(request="2")) + encode(Pause(request="3")))
    process.communicate(timeout=20)
    answered = {event.request for event in events(out) if isinstance(event, StateChanged | Refused)}
    assert answered >= {"1", "2", "3"}
    before = events(out, Step)[-1].step
    resumed = started("train", out, "--out", out, "--resume")
    wait_for(out, Step, lambda event: event.step > before + 20)
    command(out, Stop(request="4"))
    resumed.communicate(timeout=20)
    assert wait_for(out, StateChanged, asked("4")).state == "stopping"


def test_steps_that_are_still_to_be_taken_at_the_end_are_answered(run):
    out, process = run
    command(out, Pause(request="p"))
    wait_for(out, StateChanged, asked("p"))
    command(out, b"".join(encode(StepOnce(request=f"s{number}")) for number in range(3)) + encode(Stop(request="stop")))
    process.communicate(timeout=20)
    answers = {event.request: event for event in events(out) if isinstance(event, StateChanged | Refused)}
    assert answers.keys() >= {"s0", "s1", "s2", "stop"}
    assert answers["s2"].message == "The run has come to its end."


def test_what_was_asked_of_a_run_that_failed_is_answered(tmp_path):
    path, out = tmp_path / "small.loom", tmp_path / "run"
    made = small_line(epochs=5)
    training = msgspec.structs.replace(made.training, optimizer=Choice("SGD", {"lr": 1e18}))
    project_file.write(path, msgspec.structs.replace(made, training=training))
    out.mkdir()
    command(out, b"".join(encode(StepOnce(request=f"s{number}")) for number in range(50)))
    assert layerloom("train", path, "--out", out).returncode == 1
    answered = [event.request for event in events(out) if isinstance(event, StateChanged | Refused)]
    assert sorted(answered) == sorted(f"s{number}" for number in range(50))
    assert isinstance(events(out)[-1], RunEnded)


def test_what_was_asked_of_a_run_that_could_not_begin_is_answered(tmp_path):
    path, out = tmp_path / "small.loom", tmp_path / "run"
    made = small_line()
    project_file.write(path, msgspec.structs.replace(made, data=msgspec.structs.replace(made.data, source="bundled:x")))
    out.mkdir()
    command(out, Predict(request="q", inputs={}))
    assert layerloom("train", path, "--out", out).returncode == 1
    assert [event.request for event in events(out, Refused)] == ["q"]


def test_set_predict_and_snapshot_are_answered_while_it_trains(run):
    out, process = run
    command(out, Set(request="lr", name="lr", value=0.002))
    edited = wait_for(out, Edited, asked("lr"))
    assert (edited.name, edited.after) == ("lr", 0.002)
    assert wait_for(out, Step, lambda event: event.step > edited.step).learning_rate <= 0.002
    command(out, Predict(request="p", inputs={"image": np.zeros((1, 8, 8)).tolist()}))
    assert wait_for(out, Prediction, asked("p")).error == ""
    command(out, TakeSnapshot(request="s"))
    taken = wait_for(out, Snapshot, asked("s"))
    arrays = load_file(out / taken.file)
    assert set(taken.contents) == set(arrays)
    assert arrays["confusion"].sum() == events(out, RunStarted)[0].validation_samples
    stop(out, process)


def test_what_cannot_be_done_is_refused_with_a_sentence_and_the_run_goes_on(run):
    out, process = run
    command(out, b'{"command":"dance","request":"a"}\n')
    command(out, b"no json at all\n")
    command(out, Set(request="b", name="batch_size", value=3))
    command(out, Set(request="c", name="lr", value="fast"))
    command(out, Set(request="d", name="lr", value=-1.0))
    command(out, Predict(request="e", inputs={"image": [[1.0, 2.0]]}))
    command(out, Predict(request="f", inputs={"picture": 5}))
    assert wait_for(out, Refused, asked("a")).message == "The command 'dance' is unknown."
    assert "no command" in wait_for(out, Refused, asked("")).message
    assert "'batch_size' cannot be changed" in wait_for(out, Refused, asked("b")).message
    assert wait_for(out, Refused, asked("c")).message == "'fast' is no learning rate; it is a number above 0."
    assert "-1.0 is no learning rate" in wait_for(out, Refused, asked("d")).message
    assert "shape (1, 2)" in wait_for(out, Prediction, asked("e")).error
    assert "image" in wait_for(out, Prediction, asked("f")).error
    before = events(out, Step)[-1].step
    wait_for(out, Step, lambda event: event.step > before + 5)
    stop(out, process)


def test_steps_tell_progress_rate_and_time_left(run):
    out, process = run
    wait_for(out, Step, lambda event: event.step >= 200)
    stop(out, process)
    steps = events(out, Step)
    assert [event.step for event in steps] == list(range(1, len(steps) + 1))
    begun = events(out, RunStarted)[0]
    total = begun.epochs * begun.steps_per_epoch
    late = steps[-1]
    assert late.progress == pytest.approx(late.step / total)
    measured = (late.time - steps[0].time) / (late.step - 1)
    assert late.seconds_left == pytest.approx((total - late.step) * measured, rel=0.6)
    assert late.samples_per_second == pytest.approx(64 / measured, rel=0.6)
    assert all(event.gradient_norm > 0 for event in steps)


def test_serve_answers_from_the_best_weights_and_ends_when_idle(tmp_path):
    path, out = tmp_path / "small.loom", tmp_path / "run"
    project_file.write(path, small_digits(3))
    assert layerloom("train", path, "--out", out).returncode == 0
    before = len(events(out))
    process = started("serve", path, "--out", out, "--idle", 1.0)
    command(out, Predict(request="early", inputs={"image": np.zeros((1, 8, 8)).tolist()}))
    command(out, Pause(request="no"))
    command(out, TakeSnapshot(request="look"))
    assert sum(wait_for(out, Prediction, asked("early")).probabilities.values()) == pytest.approx(1.0)
    assert "Nothing is training" in wait_for(out, Refused, asked("no")).message
    assert (out / wait_for(out, Snapshot, asked("look")).file).exists()
    process.communicate(timeout=20)
    assert process.returncode == 0
    said = events(out)[before:]
    assert isinstance(said[0], RunStarted)
    assert said[0].serving
    assert isinstance(said[1], Snapshot)
    assert isinstance(said[-1], RunEnded)


def test_whatever_came_behind_a_stop_is_answered_by_an_engine_that_only_answers(tmp_path):
    path, out = tmp_path / "line.loom", tmp_path / "run"
    project_file.write(path, small_line())
    assert layerloom("train", path, "--out", out).returncode == 0
    command(out, encode(Stop(request="stop")) + encode(Pause(request="late")) + encode(Predict(request="q", inputs={})))
    assert layerloom("serve", path, "--out", out).returncode == 0
    assert {event.request for event in events(out) if hasattr(event, "request")} >= {"stop", "late", "q"}


def test_serve_without_any_weights_says_so(tmp_path):
    path = tmp_path / "small.loom"
    project_file.write(path, small_digits(3))
    done = layerloom("serve", path, "--out", tmp_path / "run")
    assert (done.returncode, done.stdout) == (1, done.stdout)
    assert done.stderr == "project 'Small': it has not been trained yet; train it first.\n"
