"""Snapshots show the network as it is, and leave the run as it was."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.graph import templates
from engine.train.run_folder import RunFolder
from engine.train.snapshots import BINS, GRID, LINE, Snapshots, collect, evenly
from engine.train.task import Task
from engine.train.trainer import Extension, Trainer, judged
from tests.engine.projects import small_digits


class EveryStep(Extension):
    """Looks at everything after each step."""

    def stepped(self, trainer, outcome):
        collect(trainer.task)


def weights_after(folder, extensions) -> dict[str, np.ndarray]:
    task = Task(small_digits(2))
    with RunFolder(folder) as run:
        Trainer(task, run, 2, extensions).run()
    return {name: value.detach().numpy().copy() for name, value in task.model.state_dict().items()}


def test_looking_after_every_step_changes_neither_weights_nor_statistics_nor_dropout(tmp_path):
    plain = weights_after(tmp_path / "a", [])
    watched = weights_after(tmp_path / "b", [EveryStep()])
    assert any("running_mean" in name for name in plain)
    for name, values in plain.items():
        np.testing.assert_array_equal(values, watched[name], err_msg=name)


def test_looking_leaves_random_state_and_mode(tmp_path):
    task = Task(small_digits(1))
    task.model.train()
    state = engine.get_rng_state()
    collect(task)
    assert engine.get_rng_state() == state
    assert task.model.training


def test_the_confusion_matrix_counts_the_validation_part(tmp_path):
    task = Task(small_digits(1))
    confusion = collect(task)["confusion"]
    assert confusion.sum() == len(task.validation)
    accuracy = judged(task, task.validation).values()["accuracy"]
    assert np.trace(confusion) / confusion.sum() == pytest.approx(accuracy)
    labels = task.raw(task.validation)["label"]
    np.testing.assert_array_equal(confusion.sum(axis=1), np.bincount(labels, minlength=10))


def test_histograms_hold_every_value_of_every_parameter():
    task = Task(small_digits(1))
    arrays = collect(task)
    for name, parameter in task.model.named_parameters():
        counts, ends = arrays[f"histogram/{name}"], arrays[f"range/{name}"]
        assert counts.shape == (BINS,)
        assert counts.sum() == parameter.numel()
        if np.ptp(parameter.detach().numpy()):
            assert ends.tolist() == [parameter.detach().numpy().min(), parameter.detach().numpy().max()]


def test_two_inputs_give_a_boundary_that_agrees_with_predictions_in_the_units_of_the_data():
    task = Task(templates.create("spirals"))
    arrays = collect(task)
    assert arrays["boundary"].shape == (GRID, GRID)
    left, right, bottom, top = arrays["extent"]
    points = arrays["points"]
    assert points.shape == (len(task.train), 3)
    assert left < points[:, 0].min() < points[:, 0].max() < right
    assert bottom < points[:, 1].min() < points[:, 1].max() < top
    field = task.inputs[0]
    for row, column in ((0, 0), (10, 50), (63, 63)):
        x = left + (right - left) * column / (GRID - 1)
        y = bottom + (top - bottom) * row / (GRID - 1)
        said = task.predict({field.name: [float(x), float(y)]})
        probability = list(said.probabilities.values())[1]
        assert arrays["boundary"][row, column] == pytest.approx(probability, abs=1e-4)


def test_one_input_gives_the_fitted_line_in_the_units_of_the_data():
    task = Task(templates.create("linear-regression"))
    arrays = collect(task)
    assert arrays["line_x"].shape == arrays["line_y"].shape == (LINE,)
    assert arrays["points"].shape == (len(task.train), 3)
    said = task.predict({task.inputs[0].name: [float(arrays["line_x"][7])]})
    assert arrays["line_y"][7] == pytest.approx(said.value, rel=1e-4)
    assert arrays["true"].shape == arrays["predicted"].shape == (len(task.validation),)


def test_large_parts_are_looked_at_in_samples_of_2000():
    assert len(evenly(np.arange(50_000))) == 2000
    assert evenly(np.arange(7)).tolist() == list(range(7))


def test_snapshots_come_twice_a_second_at_most_and_the_oldest_files_go(tmp_path, monkeypatch):
    monkeypatch.setattr(Snapshots, "KEPT", 2)
    task = Task(small_digits(1))
    snapshots = Snapshots()
    with RunFolder(tmp_path) as run:
        for step in range(5):
            snapshots.take(task, run, step, 0)
        assert [file.name for file in sorted((tmp_path / "snapshots").iterdir())] == [
            "00000003.safetensors", "00000004.safetensors",
        ]  # fmt: skip
        trainer = Trainer(task, run, 1, [snapshots])
        snapshots.stepped(trainer, None)
        assert len(list((tmp_path / "snapshots").iterdir())) == 2
