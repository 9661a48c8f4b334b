"""Whatever is wrong with what comes in: one sentence that names the place, exit code 1, and nothing lost."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.formats import checkpoint, project_file
from engine.graph.spec import Choice, DataSpec, TrainingSpec
from engine.train.events import Checkpoint, Diagnosis, EpochEnded, Failed, RunEnded
from tests.bad_files import BAD, csv, cyclic, good_rows, missing_file, on_table, truncated
from tests.engine.projects import (
    ROOT,
    a_folder_to_read_only,
    a_small_disk,
    environment,
    events,
    here,
    last_object,
    layerloom,
    project,
    small_digits,
    small_line,
)  # fmt: skip


def assert_one_sentence(done: subprocess.CompletedProcess[str], words: str) -> None:
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    assert done.stderr.endswith((".\n", "?\n"))
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "unexpected fault" not in done.stderr
    assert words in done.stderr


@pytest.mark.parametrize("case", BAD)
def test_training_refuses_in_one_sentence(capsys, tmp_path, case):
    make, words = BAD[case]
    path = make(tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    done = here(capsys, "train", path)
    assert_one_sentence(done, words)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("command", ["summary", "evaluate", "export"])
def test_other_commands_refuse_a_project_that_is_cut_off(capsys, tmp_path, command):
    path = truncated(tmp_path)
    more = ["--format", "python"] if command == "export" else []
    assert_one_sentence(here(capsys, command, path, *more), "cut.loom: it is damaged")


def test_with_json_the_sentence_is_an_object_too(capsys, tmp_path):
    done = here(capsys, "train", truncated(tmp_path), "--json")
    assert json.loads(done.stdout)["error"] == done.stderr.strip()


def test_with_debug_the_traceback_is_shown(capsys, tmp_path):
    done = layerloom("train", truncated(tmp_path), "--debug")
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("engine.errors.ProjectError: cut.loom")


def test_a_project_of_nearly_that_name_is_proposed(capsys, tmp_path):
    project_file.write(tmp_path / "my digits.loom", small_digits(1))
    done = here(capsys, "summary", tmp_path / "my digit.loom")
    assert_one_sentence(done, f"did you mean '{tmp_path}/my digits.loom'?")


def test_a_template_of_nearly_that_name_is_proposed(capsys, tmp_path):
    done = here(capsys, "new", "digit-cnn", tmp_path / "x.loom")
    assert done.returncode == 1
    assert "did you mean 'digits-cnn'?" in done.stderr


def test_an_untrained_project_says_so(capsys, tmp_path):
    path = tmp_path / "p.loom"
    project_file.write(path, small_digits(1))
    assert_one_sentence(here(capsys, "evaluate", path), "it has not been trained yet")
    assert_one_sentence(here(capsys, "export", path, "--format", "weights"), "it has not been trained yet")


def test_weights_of_another_network_are_refused(capsys, tmp_path):
    path = tmp_path / "p.loom"
    project_file.write(path, small_digits(1))
    assert here(capsys, "train", path).returncode == 0
    graph = small_digits(1).graph
    nodes = tuple(msgspec.structs.replace(n, params={"out_features": 16}) if n.id == "fc1" else n for n in graph.nodes)
    changed = msgspec.structs.replace(small_digits(1), graph=msgspec.structs.replace(graph, nodes=nodes))
    project_file.write(path, changed)
    done = here(capsys, "evaluate", path)
    assert_one_sentence(done, "best.safetensors: its weights are of another network than the project's")
    assert "fc1.weight" in done.stderr


def test_samples_that_do_not_fit_are_refused_with_file_and_column(capsys, tmp_path):
    path = on_table(tmp_path, csv(*good_rows(40)))
    assert here(capsys, "train", path).returncode == 0
    new = tmp_path / "new.csv"
    assert_one_sentence(here(capsys, "predict", path, "--input", new), "new.csv: the file is not there")
    new.write_text("x,z\n1,2\n")
    assert_one_sentence(here(capsys, "predict", path, "--input", new), "no column is called 'y'")
    new.write_text("x,y\n1,two\n")
    assert_one_sentence(here(capsys, "predict", path, "--input", new), "'two'")
    new.write_text("y,x\n2,1.5\n0,0.1\n")
    assert len(last_object(here(capsys, "predict", path, "--input", new, "--json"))["predictions"]) == 2


def test_summary_of_a_faulty_network_shows_what_is_known_and_names_the_fault(capsys, tmp_path):
    done = here(capsys, "summary", cyclic(tmp_path))
    assert_one_sentence(done, "circle")
    assert "relu1" in done.stdout


def test_a_checkpoint_that_is_cut_off_is_named(capsys, tmp_path):
    path, out = tmp_path / "p.loom", tmp_path / "run"
    project_file.write(path, small_digits(1))
    assert here(capsys, "train", path, "--out", out).returncode == 0
    for file in (out / "checkpoints").iterdir():
        file.write_bytes(file.read_bytes()[:500])
    assert_one_sentence(here(capsys, "train", path, "--out", out, "--resume"), "last.safetensors: it is cut off")
    assert_one_sentence(here(capsys, "evaluate", path, "--run", out), "best.safetensors: it is cut off")


def test_a_run_folder_that_cannot_be_made_is_named(capsys, tmp_path):
    path = tmp_path / "p.loom"
    project_file.write(path, small_digits(1))
    (tmp_path / "p.runs").write_text("in the way")
    assert_one_sentence(here(capsys, "train", path), f"run folder {tmp_path}/p.runs: it cannot be made")
    assert_one_sentence(here(capsys, "train", path, "--out", path / "run"), "it cannot be written to")


SETTINGS = {
    "--epochs": ("0", "-3", "99999999999"), "--seed": ("-1", "99999999999999"), "--device": ("gpu", "cuda", ""),
}  # fmt: skip


@pytest.mark.parametrize(("option", "value"), [(option, value) for option in SETTINGS for value in SETTINGS[option]])
def test_a_setting_that_cannot_be_is_refused_in_words(capsys, tmp_path, option, value):
    path = tmp_path / "line.loom"
    project_file.write(path, small_line())
    done = here(capsys, "train", path, f"{option}={value}")
    assert_one_sentence(done, f"{option}: {value if option != '--device' else repr(value)} cannot be used, expected ")
    assert not any(sign in done.stderr for sign in "`$^"), "that is a program's word, not a person's"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "arguments",
    [("train", ""), ("train", "line.loom", "--out", ""), ("new", "spirals", ""), ("evaluate", "line.loom", "--run", ""),
     ("predict", "line.loom", "--input", ""), ("export", "line.loom", "--format", "python", "--output", "")],
)  # fmt: skip
def test_an_empty_name_does_not_mean_the_folder_one_is_in(capsys, tmp_path, monkeypatch, arguments):
    project_file.write(tmp_path / "line.loom", small_line())
    monkeypatch.chdir(tmp_path)
    done = here(capsys, *arguments)
    assert done.returncode == 2
    assert "the name of a file or folder is expected" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["line.loom"]


@pytest.mark.parametrize("output", [".", "/", "a folder"])
def test_a_folder_is_no_place_for_a_script(capsys, tmp_path, monkeypatch, output):
    (tmp_path / "a folder").mkdir()
    project_file.write(tmp_path / "line.loom", small_line())
    monkeypatch.chdir(tmp_path)
    done = here(capsys, "export", "line.loom", "--format", "python", "--output", output)
    assert_one_sentence(done, f"{output}: it could not be written (is a directory)")


READ_ONLY = {
    "train": (("train", "p.loom"), "p.runs: it cannot be made (permission denied); choose another folder with --out."),
    "train --out": (("train", "p.loom", "--out", "run"), "run: it cannot be written to (permission denied)"),
    "new": (("new", "spirals", "s.loom"), "s.loom: it could not be saved"),
    "new, a folder": (("new", "spirals", "spirals"), "spirals: it could not be saved"),
    "export": (("export", "p.loom", "--format", "python"), "p.py: it could not be written (permission denied)"),
}  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="folder permissions are POSIX's")
@pytest.mark.parametrize("command", READ_ONLY)
def test_a_read_only_folder_is_named(capsys, monkeypatch, command):
    arguments, words = READ_ONLY[command]
    with a_folder_to_read_only(lambda folder: project_file.write(folder / "p.loom", small_digits(1))) as folder:
        monkeypatch.chdir(folder)
        before = sorted(folder.iterdir())
        assert_one_sentence(here(capsys, *arguments), words)
        assert sorted(folder.iterdir()) == before
        monkeypatch.undo()


def filled(disk: Path, left: int) -> Path:
    """The disk with room for so many bytes."""
    room = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / "filling").write_bytes(bytes(room - left))
    return disk


FULL = {
    "new": (("new", "spirals", "s.loom"), "s.loom: it could not be saved: the disk is full"),
    "export": (("export", "p.loom", "--format", "python"), "p.py: it could not be written (no space left on device)"),
    "train": (("train", "p.loom"), "no space left on device"),
}  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="mounts a file system as POSIX systems do")
@pytest.mark.parametrize("command", FULL)
def test_a_full_disk_is_named_and_nothing_half_written_stays(capsys, tmp_path, monkeypatch, command):
    arguments, words = FULL[command]
    with a_small_disk(tmp_path, 256 * 1024) as disk:
        project_file.write(disk / "p.loom", small_digits(1))
        filled(disk, 0)
        monkeypatch.chdir(disk)
        assert_one_sentence(here(capsys, *arguments), words)
        assert sorted(path.name for path in disk.iterdir()) == ["filling", "p.loom"]
        monkeypatch.undo()


@pytest.mark.skipif(os.name != "posix", reason="mounts a file system as POSIX systems do")
def test_a_run_whose_disk_fills_up_goes_on_and_says_so(capsys, tmp_path):
    """Room for the events, none for another checkpoint beside the one that is there."""
    with a_small_disk(tmp_path, 512 * 1024) as disk:
        path, out = disk / "p.loom", disk / "run"
        project_file.write(path, small_digits(1))
        assert here(capsys, "train", path, "--out", out).returncode == 0
        before = (out / "checkpoints" / "last.safetensors").read_bytes()
        filled(disk, 32 * 1024)
        done = here(capsys, "train", path, "--out", out, "--resume", "--epochs", 3)
        assert done.returncode == 0, done.stderr
        kinds = {event.kind for event in events(out, Diagnosis)}
        assert kinds == {"checkpoint_failed"}
        assert (out / "checkpoints" / "last.safetensors").read_bytes() == before
        (disk / "filling").unlink()
        assert here(capsys, "train", path, "--out", out, "--resume", "--epochs", 3).returncode == 0
        assert (out / "checkpoints" / "last.safetensors").read_bytes() != before


def test_a_fault_in_a_named_run_folder_is_said_in_its_events_too(capsys, tmp_path):
    path, out = missing_file(tmp_path), tmp_path / "run"
    done = here(capsys, "train", path, "--out", out)
    failed, ended = events(out)
    assert isinstance(failed, Failed)
    assert failed.message + "\n" == done.stderr
    assert failed.fix["action"] == "choose_data"
    assert isinstance(ended, RunEnded)
    assert ended.reason == "failed"
    (tmp_path / "table.csv").write_text(csv(*good_rows(40)))
    assert here(capsys, "train", path, "--out", out).returncode == 0  # nothing was trained there: it may begin anew
    assert [event.seq for event in events(out)] == list(range(1, len(events(out)) + 1))


def test_a_rate_far_too_high_stops_the_run_and_proposes_a_tenth(capsys, tmp_path):
    path, out = tmp_path / "p.loom", tmp_path / "run"
    made = project(
        [("Input", {}), ("Linear", {"out_features": 8}), ("Linear", {"out_features": 1}), ("MSELoss", {})],
        DataSpec(source="bundled:diabetes", batch_size=32), TrainingSpec(Choice("SGD", {"lr": 5.0}), epochs=5),
    )  # fmt: skip
    project_file.write(path, made)
    done = here(capsys, "train", path, "--out", out)
    assert_one_sentence(done, "try a learning rate of 0.5")
    diagnosis = events(out, Diagnosis)[0]
    assert diagnosis.kind == "not_finite"
    assert diagnosis.node == "fc2"
    assert diagnosis.message.startswith(f"The output of {diagnosis.node!r} became so large that the loss is inf at a ")
    assert diagnosis.fix == {
        "label": "Set the learning rate to 0.5", "action": "set_training", "node": "", "name": "lr", "value": 0.5,
        "port": "",
    }  # fmt: skip
    assert events(out, Failed)[0].node == diagnosis.node
    assert events(out)[-1].reason == "failed"
    for values in checkpoint.read(out / "checkpoints" / "last.safetensors").model.values():
        assert np.isfinite(values).all()


def test_memory_that_runs_out_is_explained_and_half_the_batch_proposed(capsys, tmp_path, monkeypatch):
    path, out = tmp_path / "p.loom", tmp_path / "run"
    project_file.write(path, small_digits(1, batch_size=64))
    monkeypatch.setattr("engine.train.steps.SupervisedStep.train", lambda self, batch: np.empty(2**50))
    done = here(capsys, "train", path, "--out", out)
    assert_one_sentence(
        done, "memory: there is not enough for this network with a batch of 64; set the batch size to 32."
    )
    assert events(out, Failed)[0].fix["value"] == 32
    assert isinstance(events(out)[-1], RunEnded)


def test_a_fault_of_the_engine_itself_is_one_sentence_that_asks_for_a_report(capsys, tmp_path, monkeypatch):
    path, out = tmp_path / "p.loom", tmp_path / "run"
    project_file.write(path, small_digits(1))
    monkeypatch.setattr("engine.train.steps.SupervisedStep.train", lambda self, batch: {}["nothing"])
    done = here(capsys, "train", path, "--out", out)
    assert done.returncode == 1
    assert done.stderr.startswith("An unexpected fault, KeyError: 'nothing'; run it again with --debug")
    assert done.stderr.count("\n") == 1
    assert "Traceback" in events(out, Failed)[0].details
    assert "Traceback" not in events(out, Failed)[0].message


def test_a_full_disk_costs_a_warning_and_the_older_checkpoint_stays_whole(capsys, tmp_path):
    """The limit on a file's size stands for the disk: events fit, the checkpoint does not."""
    path, out = tmp_path / "p.loom", tmp_path / "run"
    layers = [
        ("Input", {}), ("Flatten", {}), ("Linear", {"out_features": 512}), ("ReLU", {}),
        ("Linear", {"out_features": 10}), ("CrossEntropyLoss", {}),
    ]  # fmt: skip
    source = DataSpec(source="bundled:digits", batch_size=64, scaling="unit")
    project_file.write(path, project(layers, source, TrainingSpec(epochs=2)))
    assert here(capsys, "train", path, "--out", out, "--epochs", 1).returncode == 0
    before = (out / "checkpoints" / "last.safetensors").read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "engine", "train", str(path), "--out", str(out), "--resume", "--epochs", "3", "--json"],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, len(before) // 2)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert last_object(done)["epochs"] == 3
    warnings = [event for event in events(out, Diagnosis) if event.kind == "checkpoint_failed"]
    assert len(warnings) == 1
    assert warnings[0].severity == "warning"
    assert "training goes on and the earlier checkpoint is whole" in warnings[0].message
    assert (out / "checkpoints" / "last.safetensors").read_bytes() == before
    assert len(events(out, EpochEnded)) == 3
    assert [event.epoch for event in events(out, Checkpoint)][-1] == 1
