"""`layerloom warm`: what a run would compile is there before it, and nothing else is another afterwards."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("llvmlite", reason="there are no kernels to compile without it")

import msgspec

from engine.formats import project_file
from engine.graph import templates
from engine.graph.spec import Choice, DataSpec, TrainingSpec
from tests.engine.projects import last_object, layerloom, project, small_digits


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    """The folder in which kernels are kept."""
    monkeypatch.setenv("LAYERLOOM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kernels"


@pytest.fixture
def path(tmp_path):
    """A project whose batches come in two sizes, in training as in validation."""
    path = tmp_path / "small.loom"
    project_file.write(path, small_digits(2, clip_norm=1e-3))
    return path


def test_the_picture_of_a_plane_is_compiled_for_too(kernels, tmp_path):
    path = tmp_path / "spirals.loom"
    project_file.write(path, templates.create("spirals"))
    assert layerloom("warm", path).returncode == 0
    there = set(kernels.iterdir())
    assert layerloom("train", path, "--epochs", 2, "--out", tmp_path / "run").returncode == 0
    assert set(kernels.iterdir()) == there


def test_mixed_images_are_compiled_for_too(kernels, tmp_path):
    layers = [("Input", {}), ("Flatten", {}), ("Linear", {"out_features": 10}), ("CrossEntropyLoss", {})]
    source = DataSpec("bundled:digits", batch_size=512, augment=(Choice("MixUp"),))
    path = tmp_path / "mixed.loom"
    project_file.write(path, project(layers, source, TrainingSpec(Choice("SGD", {"lr": 0.1}), epochs=1)))
    assert layerloom("warm", path).returncode == 0
    there = set(kernels.iterdir())
    assert layerloom("train", path, "--out", tmp_path / "run").returncode == 0
    assert set(kernels.iterdir()) == there


@pytest.mark.parametrize("spare", [0, 1])
def test_a_run_after_it_compiles_nothing(path, kernels, tmp_path, spare):
    before = path.read_bytes()
    done = layerloom("warm", path, "--spare", spare, "--json")
    assert done.returncode == 0, done.stderr
    there = set(kernels.iterdir())
    assert last_object(done) == {"compiled": len(there)}
    assert there
    out = tmp_path / "run"
    assert layerloom("train", path, "--spare", spare, "--out", out).returncode == 0
    assert set(kernels.iterdir()) == there
    assert path.read_bytes() == before
    assert last_object(layerloom("warm", path, "--spare", spare, "--json")) == {"compiled": 0}


def test_it_needs_no_data(path, kernels):
    project = project_file.read(path).project
    gone = msgspec.structs.replace(project.data, source="nowhere.npz", reader="npz")
    project_file.write(path, msgspec.structs.replace(project, data=gone))
    assert last_object(layerloom("warm", path, "--json"))["compiled"] > 0


def test_where_nothing_can_be_kept_nothing_is_done(path, kernels):
    kernels.parent.write_text("in the way")
    done = layerloom("warm", path, "--json")
    assert (done.returncode, last_object(done)) == (0, {"compiled": 0})


def test_the_doctor_says_what_is_kept_and_takes_it_away(path, kernels):
    assert layerloom("warm", path).returncode == 0
    found = last_object(layerloom("doctor", "--json"))["kernels"]
    assert found["folder"] == str(kernels)
    assert found["kept"] == len(list(kernels.iterdir())) > 0
    assert found["megabytes"] > 0
    assert "compiled for" in found["compiled_for"]
    assert found["fault"] == ""
    there = len(list(kernels.iterdir()))
    assert last_object(layerloom("doctor", "--clear-cache", "--json")) == {"cleared": there}
    assert not list(kernels.iterdir())


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows keeps files by folders")
def test_the_doctor_says_that_kept_kernels_are_not_used_and_what_helps(kernels):
    kernels.mkdir(parents=True)
    (kernels / "shared.o").write_bytes(b"code")
    (kernels / "shared.o").chmod(0o660)  # as some file systems show all files
    done = layerloom("doctor")
    assert "1 of them are never run, as others can write to the files" in done.stdout
    assert "set LAYERLOOM_CACHE" in done.stdout
