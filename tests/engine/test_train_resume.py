"""An interrupted run that goes on equals one that was never interrupted, bit for bit."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from engine.formats import checkpoint, project_file
from engine.graph.spec import EarlyStopping
from engine.train.events import Checkpoint, EpochEnded, RunEnded, Step, Stop
from tests.engine.projects import command, events, here, last_object, layerloom, small_digits, started, wait_for

EPOCHS = 40


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> tuple[Path, Path]:
    """A project and its run from beginning to end."""
    folder = tmp_path_factory.mktemp("whole")
    path, out = folder / "small.loom", folder / "run"
    project_file.write(path, small_digits(EPOCHS))
    done = layerloom("train", path, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    return path, out


def figures(out: Path) -> dict[int, tuple[dict[str, float], dict[str, float]]]:
    """Metrics by epoch; what a resumed run says again replaces what was said before."""
    return {event.epoch: (event.train, event.validation) for event in events(out, EpochEnded)}


def losses(out: Path) -> dict[int, tuple[float, float, float]]:
    return {event.step: (event.loss, event.gradient_norm, event.learning_rate) for event in events(out, Step)}


def wait_until(test, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def assert_same_run(one: Path, other: Path) -> None:
    for kind in ("last", "best"):
        first = checkpoint.read(one / "checkpoints" / f"{kind}.safetensors")
        second = checkpoint.read(other / "checkpoints" / f"{kind}.safetensors")
        assert first.model.keys() == second.model.keys()
        for name, values in first.model.items():
            np.testing.assert_array_equal(values, second.model[name], err_msg=f"{kind}: {name}")
        np.testing.assert_equal(first.optimizer, second.optimizer)
        assert {k: v for k, v in first.state.items() if k != "seconds"} == {
            k: v for k, v in second.state.items() if k != "seconds"
        }
    assert figures(one) == figures(other)
    first, second = losses(one), losses(other)
    said = first.keys() & second.keys()  # events of the last 50 ms before a kill may be lost
    assert said
    assert {step: first[step] for step in said} == {step: second[step] for step in said}


def test_the_same_project_trains_to_the_same_weights_twice(uninterrupted, tmp_path):
    path, out = uninterrupted
    again = tmp_path / "again"
    assert layerloom("train", path, "--out", again).returncode == 0
    assert_same_run(out, again)


@pytest.mark.parametrize("kills", [1, 2])
def test_a_run_killed_at_any_time_and_resumed_equals_an_uninterrupted_one(uninterrupted, tmp_path, kills):
    path, out = uninterrupted
    killed = tmp_path / "killed"
    for number in range(kills):
        begun = len(events(killed, Checkpoint))
        process = started("train", path, "--out", killed, *(["--resume"] if number else []))
        wait_until(lambda begun=begun: len(events(killed, Checkpoint)) >= begun + 2)  # one is written at the start
        delay = random.uniform(0.0, 0.25)
        time.sleep(delay)
        print(f"killed {delay:.3f} s after a checkpoint")
        process.kill()
        process.communicate()
    assert not events(killed, RunEnded)
    assert checkpoint.read(killed / "checkpoints" / "last.safetensors").state["steps"] > 0
    done = layerloom("train", path, "--out", killed, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert last_object(done)["reason"] == "finished"
    assert_same_run(out, killed)
    assert [event.seq for event in events(killed)] == list(range(1, len(events(killed)) + 1))


def test_a_run_stopped_in_the_middle_of_an_epoch_and_resumed_equals_an_uninterrupted_one(uninterrupted, tmp_path):
    path, out = uninterrupted
    stopped = tmp_path / "stopped"
    process = started("train", path, "--out", stopped)
    wait_for(stopped, Step, lambda event: event.step > 40)
    command(stopped, Stop(request="enough"))
    process.communicate(timeout=20)
    assert process.returncode == 0
    ended = events(stopped)[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason == "stopped"
    kept = checkpoint.read(stopped / "checkpoints" / "last.safetensors")
    assert kept.state["steps"] == ended.step
    assert layerloom("train", path, "--out", stopped, "--resume").returncode == 0
    assert_same_run(out, stopped)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 130), (signal.SIGINT, 130)])
def test_a_signal_ends_a_run_cleanly_with_a_checkpoint(uninterrupted, tmp_path, number, code):
    path, _ = uninterrupted
    out = tmp_path / "run"
    process = started("train", path, "--out", out)
    wait_for(out, Step)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (code, "")
    ended = events(out)[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason == "stopped"
    assert checkpoint.read(out / "checkpoints" / "last.safetensors").state["steps"] == ended.step


def test_more_epochs_prolong_a_finished_run(capsys, tmp_path):
    path, out = tmp_path / "p.loom", tmp_path / "run"
    project_file.write(path, small_digits(2))
    assert here(capsys, "train", path, "--out", out).returncode == 0
    done = here(capsys, "train", path, "--out", out, "--resume", "--epochs", 4, "--json")
    assert last_object(done)["epochs"] == 4
    whole = tmp_path / "whole"
    assert here(capsys, "train", path, "--out", whole, "--epochs", 4).returncode == 0
    assert_same_run(whole, out)


def test_a_finished_run_resumed_without_more_epochs_ends_at_once_and_changes_nothing(capsys, tmp_path):
    path, out = tmp_path / "p.loom", tmp_path / "run"
    project_file.write(path, small_digits(2))
    assert here(capsys, "train", path, "--out", out).returncode == 0
    before = checkpoint.read(out / "checkpoints" / "last.safetensors").state["steps"]
    done = here(capsys, "train", path, "--out", out, "--resume", "--json")
    assert last_object(done)["reason"] == "finished"
    assert checkpoint.read(out / "checkpoints" / "last.safetensors").state["steps"] == before


def test_early_stopping_ends_the_run_keeps_the_best_and_stays_ended(capsys, tmp_path):
    path, out = tmp_path / "p.loom", tmp_path / "run"
    stopping = EarlyStopping(patience=2, min_delta=10.0)
    project_file.write(path, small_digits(50, early_stopping=stopping))
    done = last_object(here(capsys, "train", path, "--out", out, "--json"))
    assert (done["reason"], done["epochs"]) == ("early_stopped", 3)
    best = checkpoint.read(out / "checkpoints" / "best.safetensors")
    assert best.state["epoch"] == done["best"]["epoch"]
    validation = [event.validation["loss"] for event in events(out, EpochEnded)]
    assert done["best"]["validation"]["loss"] == min(validation)
    again = last_object(here(capsys, "train", path, "--out", out, "--resume", "--json"))
    assert (again["reason"], again["epochs"]) == ("early_stopped", 3)


def test_a_fresh_run_refuses_a_folder_with_a_run_in_it(uninterrupted):
    path, out = uninterrupted
    before = (out / "events.jsonl").stat().st_size
    done = layerloom("train", path, "--out", out)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "there is a run in it already; add --resume to go on with it, or choose another --out." in done.stderr
    assert (out / "checkpoints" / "last.safetensors").exists()
    assert (out / "events.jsonl").stat().st_size >= before
