"""The command line, run as people and programs run it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine import data
from engine.formats import project_file
from engine.graph import templates
from engine.graph.spec import Choice, DataSpec, TrainingSpec
from engine.train.events import EpochEnded, decode_event
from tests.engine.projects import (
    ROOT,
    environment,
    events,
    here,
    last_object,
    layerloom,
    project,
    small_digits,
    started,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small project with one run beside it."""
    path = tmp_path_factory.mktemp("trained") / "small.loom"
    project_file.write(path, small_digits(3))
    done = layerloom("train", path, "--json")
    assert done.returncode == 0, done.stderr
    return path, last_object(done)


def test_train_prints_a_line_an_epoch_and_gives_all_figures_as_json(trained):
    path, figures = trained
    assert figures.keys() >= {"run", "seconds", "steps", "epochs", "reason", "final", "best", "seed", "device"}
    for which in ("final", "best"):
        for part in ("train", "validation"):
            assert figures[which][part].keys() == {"loss", "accuracy"}
    assert figures["run"].startswith(str(path.with_name("small.runs")))
    last = events(project_file.Path(figures["run"]), EpochEnded)[-1]
    assert figures["final"] == {"train": last.train, "validation": last.validation}
    assert figures["steps"] == last.step


def test_without_json_the_epochs_are_plain_lines_on_standard_output(capsys, tmp_path):
    path = tmp_path / "small.loom"
    project_file.write(path, small_digits(2))
    done = here(capsys, "train", path, "--out", tmp_path / "run")
    lines = [line for line in done.stdout.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2   train loss ")
    assert "validation loss" in lines[0]
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_on_a_terminal_a_bar_moves(tmp_path):
    path = tmp_path / "small.loom"
    project_file.write(path, small_digits(8))
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", "train", str(path), "--out", str(tmp_path / "run")],
        cwd=ROOT, stdout=follower, stderr=follower, env=environment(),
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the other end was closed
            break
        if not part:
            break
        shown += part
    os.close(leader)
    assert process.wait(timeout=20) == 0
    text = shown.decode()
    assert "█" in text
    assert " left" in text
    assert "\r\x1b[K" in text
    assert "epoch 8/8   train loss" in text


def test_events_go_to_standard_output_and_json_still_ends_it(tmp_path):
    path = tmp_path / "small.loom"
    project_file.write(path, small_digits(1))
    done = layerloom("train", path, "--out", tmp_path / "run", "--events", "-", "--json")
    *lines, last = done.stdout.encode().splitlines()
    kinds = [type(decode_event(line)).__name__ for line in lines]
    assert kinds[0] == "RunStarted"
    assert kinds[-1] == "RunEnded"
    assert "EpochEnded" in kinds
    assert json.loads(last)["epochs"] == 1


def test_a_reader_that_leaves_early_does_not_end_the_run(tmp_path):
    path, out = tmp_path / "small.loom", tmp_path / "run"
    project_file.write(path, small_digits(4))
    process = started("train", path, "--out", out, "--events", "-", "--json")
    assert "RunStarted" in process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=30) == 0, errors
    assert "Error" not in errors
    assert [event.seq for event in events(out)] == list(range(1, len(events(out)) + 1))
    assert events(out)[-1].reason == "finished"


def test_settings_on_the_command_line_replace_those_of_the_project(capsys, tmp_path):
    path = tmp_path / "small.loom"
    project_file.write(path, small_digits(9))
    done = last_object(here(capsys, "train", path, "--epochs", 1, "--seed", 7, "--device", "cpu", "--json"))
    assert (done["epochs"], done["seed"], done["device"]) == (1, 7, "cpu")
    other = last_object(here(capsys, "train", path, "--epochs", 1, "--seed", 8, "--json"))
    assert other["final"] != done["final"]


def test_evaluate_gives_the_figures_that_training_ended_with(capsys, trained):
    path, figures = trained
    done = last_object(here(capsys, "evaluate", path, "--json"))
    assert done["run"] == figures["run"]
    assert done["validation"] == pytest.approx(figures["best"]["validation"], rel=1e-5)
    named = last_object(here(capsys, "evaluate", path, "--run", figures["run"], "--json"))
    assert named["validation"] == done["validation"]


def test_predict_answers_for_every_sample_of_a_file(capsys, trained, tmp_path):
    path, _ = trained
    digits = data.open(small_digits().data, None).take(np.arange(200))
    np.savez(tmp_path / "new.npz", image=digits["image"])
    done = last_object(here(capsys, "predict", path, "--input", tmp_path / "new.npz", "--json"))
    said = [int(p["class"]) for p in done["predictions"]]
    assert np.mean(np.array(said) == digits["label"]) > 0.8
    assert sum(done["predictions"][0]["probabilities"].values()) == pytest.approx(1.0)
    plain = here(capsys, "predict", path, "--input", tmp_path / "new.npz")
    assert len(plain.stdout.splitlines()) == 201


def test_exported_weights_are_the_state_dict_and_serve_a_project_by_themselves(capsys, trained, tmp_path):
    path, figures = trained
    out = tmp_path / "weights.safetensors"
    assert here(capsys, "export", path, "--format", "weights", "--output", out).returncode == 0
    arrays = load_file(out)
    assert arrays["fc1.weight"].shape == (32, 64)
    assert any(name.startswith("preparation/") for name in arrays)
    alone = tmp_path / "alone.loom"
    project_file.write(alone, project_file.read(path).project, weights=out.read_bytes())
    done = last_object(here(capsys, "evaluate", alone, "--json"))
    assert done["run"] is None
    assert done["validation"] == pytest.approx(figures["best"]["validation"], rel=1e-5)


def test_export_python_writes_a_script_beside_the_project(capsys, trained, tmp_path):
    path, _ = trained
    out = tmp_path / "network.py"
    done = last_object(here(capsys, "export", path, "--format", "python", "--output", out, "--json"))
    assert done["output"] == str(out)
    assert "class Network(nn.Module)" in out.read_text()
    assert here(capsys, "export", path, "--format", "python", "--output", "-").stdout.count("class Network") == 1


def test_summary_lists_layers_with_shapes_and_costs(capsys, tmp_path):
    path = tmp_path / "digits.loom"
    assert here(capsys, "new", "digits-mlp", path).returncode == 0
    done = here(capsys, "summary", path, "--json")
    figures = last_object(done)
    assert figures["parameters"] == 64 * 64 + 64 + 64 * 10 + 10
    assert [layer["type"] for layer in figures["layers"]][:3] == ["Input", "Flatten", "Linear"]
    assert "N × 64" in done.stderr or "N x 64" in done.stderr
    assert here(capsys, "summary", path).stdout.splitlines()[0].startswith("Digits")


@pytest.mark.parametrize("name", templates.names())
def test_every_template_becomes_a_project_whose_network_is_whole(capsys, tmp_path, name):
    path = tmp_path / "made.loom"
    assert last_object(here(capsys, "new", name, path, "--json"))["template"] == name
    assert here(capsys, "summary", path).returncode == 0


def test_new_keeps_its_hands_off_what_is_there(capsys, tmp_path):
    path = tmp_path / "mine.loom"
    path.write_text("precious")
    done = here(capsys, "new", "digits-mlp", path)
    assert done.returncode == 1
    assert done.stderr.endswith("there is something of that name already; choose another name.\n")
    assert path.read_text() == "precious"


def test_a_path_with_spaces_and_letters_of_other_scripts_works_throughout(tmp_path):
    folder = tmp_path / "mes réseaux 网络 ゼロ"
    folder.mkdir()
    path = folder / "числа и 数字.loom"
    project_file.write(path, small_digits(1))
    done = layerloom("train", path, "--json")
    assert done.returncode == 0, done.stderr
    assert last_object(done)["run"].startswith(str(folder / "числа и 数字.runs"))
    assert layerloom("evaluate", path).returncode == 0
    table = folder / "данные 表.csv"
    rng = np.random.default_rng(0)
    rows = [f"{x:.3f},{y:.3f},{'да' if x > y else 'нет'}" for x, y in rng.normal(size=(60, 2))]
    table.write_text("\n".join(["ширина,高さ,класс", *rows]), encoding="utf-8")
    layers = [("Input", {}), ("Linear", {"out_features": 2}), ("CrossEntropyLoss", {})]
    source = DataSpec(source=str(table), reader="csv", batch_size=16)
    project_file.write(folder / "表.loom", project(layers, source, TrainingSpec(Choice("SGD", {"lr": 0.1}), epochs=2)))
    done = layerloom("train", folder / "表.loom", "--json")
    assert done.returncode == 0, done.stderr
    assert "accuracy" in last_object(done)["final"]["validation"]


def test_doctor_says_what_is_here_and_why_a_device_is_not(tmp_path):
    done = layerloom("doctor", "--json", cwd=tmp_path)
    figures = last_object(done)
    assert figures["packages"]["numpy"] == np.__version__
    assert figures["devices"][0] | {"name": ""} == {
        "device": "cpu", "name": "", "usable": True, "reason": "", "mend": "",
    }  # fmt: skip
    assert all(device["usable"] or device["reason"] for device in figures["devices"])
    assert figures["threads"]["used"] >= 1
    assert {found["purpose"] for found in figures["folders"]} >= {"settings", "cache"}
    assert figures["step"]["milliseconds"] > 0
    assert (done.returncode, figures["ok"]) == (0, True)
    assert os.listdir(tmp_path) == []


def test_doctor_works_without_llvmlite_qt_and_cupy(tmp_path):
    names = ("llvmlite", "PySide6", "cupy", "pyqtgraph", "scipy")
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nfor name in {names}: sys.modules[name] = None\n")
    env = environment()
    env["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{env['PYTHONPATH']}"
    done = subprocess.run([sys.executable, "-m", "engine", "doctor", "--json"], cwd=ROOT, env=env,
                          capture_output=True, text=True, timeout=30)  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout


def test_two_runs_of_one_second_get_folders_of_their_own(tmp_path):
    path = tmp_path / "small.loom"
    project_file.write(path, small_digits(1))
    processes = [started("train", path, "--json") for _ in range(3)]
    runs = {json.loads(process.communicate(timeout=60)[0].splitlines()[-1])["run"] for process in processes}
    assert len(runs) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("train",),
        ("train", "x.loom", "--epochs", "many"),
        ("export", "x.loom", "--format", "word"),
        ("train", "x.loom", "--metrics", ""),
        ("evaluate", "x.loom", "--metrics", " , "),
    ],
)
def test_wrong_usage_ends_with_2(capsys, arguments):
    done = here(capsys, *arguments)
    assert done.returncode == 2
    assert "usage: layerloom" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("template", templates.names())
def test_every_command_does_its_work_on_every_template_in_a_folder_of_any_name(capsys, tmp_path, template):
    path = tmp_path / "Мои сети 木" / f"é {template} (1).loom"
    path.parent.mkdir()

    def said(command, *more) -> dict:
        done = here(capsys, command, *more, "--json")
        assert done.returncode == 0, done.stderr
        return last_object(done)

    assert said("new", template, path)["project"] == str(path)
    assert said("summary", path)["parameters"] > 0
    first, second = (said("train", path, "--epochs", 1, "--seed", 7) for _ in range(2))
    assert (first["final"], first["best"], first["seed"]) == (second["final"], second["best"], 7)
    assert said("train", path, "--epochs", 1, "--seed", 8)["final"] != first["final"]
    whole = said("train", path, "--epochs", 2, "--seed", 7)
    resumed = said("train", path, "--resume", "--out", first["run"], "--epochs", 2)
    assert (resumed["final"], resumed["best"]) == (whole["final"], whole["best"])
    evaluated = said("evaluate", path, "--run", first["run"])
    assert evaluated["validation"] == pytest.approx(resumed["best"]["validation"], rel=1e-5)
    for form in ("python", "weights"):
        assert Path(said("export", path, "--format", form)["output"]).stat().st_size > 100
