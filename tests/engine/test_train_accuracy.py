"""The projects of the start page learn what they promise, in the time that they promise."""

from __future__ import annotations

import pytest

from engine.train.events import EpochEnded, RunStarted
from tests.engine.projects import events, last_object, layerloom


@pytest.mark.parametrize(
    ("template", "accuracy", "seconds", "epochs"),
    [("digits-cnn", 0.95, 30, 6), ("digits-mlp", 0.90, 15, 6), ("breast-cancer", 0.95, 15, 20)],
)
def test_a_template_reaches_its_accuracy_in_its_time(tmp_path, monkeypatch, template, accuracy, seconds, epochs):
    monkeypatch.setenv("LAYERLOOM_CACHE", str(tmp_path / "cache"))  # the first run here, with nothing compiled
    path, out = tmp_path / "project.loom", tmp_path / "run"
    assert layerloom("new", template, path).returncode == 0
    done = layerloom("train", path, "--epochs", epochs, "--out", out, "--json", timeout=120)
    assert done.returncode == 0, done.stderr
    reached = next(event for event in events(out, EpochEnded) if event.validation["accuracy"] >= accuracy)
    took = reached.time - events(out, RunStarted)[0].time
    print(f"{template}: {reached.validation['accuracy']:.4f} in epoch {reached.epoch} after {took:.1f} s")
    assert took < seconds
    assert last_object(done)["best"]["validation"]["accuracy"] >= accuracy


def test_spirals_are_told_apart(tmp_path):
    path = tmp_path / "project.loom"
    assert layerloom("new", "spirals", path).returncode == 0
    figures = last_object(layerloom("train", path, "--json", timeout=120))
    print(f"spirals: {figures['best']['validation']['accuracy']:.4f}, {figures['seconds']:.1f} s")
    assert figures["best"]["validation"]["accuracy"] >= 0.9


def test_linear_regression_finds_the_line_of_least_squares(tmp_path):
    import numpy as np

    from engine import data
    from engine.formats import project_file

    path = tmp_path / "project.loom"
    assert layerloom("new", "linear-regression", path).returncode == 0
    done = last_object(layerloom("train", path, "--json", timeout=120))
    project = project_file.read(path).project
    samples = data.open(project.data, None)
    train, _ = data.split(samples, project.data)
    x, y = (samples.take(train)[field.name].ravel().astype(float) for field in project.data.fields)
    best = np.var(y - np.polyval(np.polyfit(x, y, 1), x))
    print(f"linear-regression: loss {done['final']['train']['loss']:.1f}, least squares {best:.1f}")
    assert done["final"]["train"]["loss"] < 1.05 * best
