"""The figures that a project names beside its loss: gathered, told, kept, resumed."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from engine.errors import ProjectError
from engine.formats import project_file
from engine.graph import templates
from engine.graph.spec import DataSpec, TrainingSpec, decode, encode
from engine.metrics import F1, ROC, Perplexity, TopK, evaluate
from engine.metrics.offers import OFFERS, offered
from engine.train.events import RunStarted
from engine.train.task import Task
from engine.train.trainer import Extension, judged
from tests.engine.projects import events, here, last_object, project, small_line
from tests.engine.test_train_augmented import StopAfter, trained


def with_metrics(plain, *names, epochs=2):
    training = msgspec.structs.replace(plain.training, metrics=names, epochs=epochs, early_stopping=None)
    return msgspec.structs.replace(plain, training=training)


def project_of(kind):
    return {"digits": plain_digits, "two": lambda: templates.create("breast-cancer"),
            "line": small_line}[kind]()  # fmt: skip


def plain_digits():
    layers = [("Input", {}), ("Flatten", {}), ("Linear", {"out_features": 10}), ("CrossEntropyLoss", {})]
    return project(layers, DataSpec("bundled:digits", batch_size=256), TrainingSpec(epochs=2))


class Epochs(Extension):
    """Notes what the training part gave in every epoch."""

    def __init__(self):
        self.told = []

    def epoch_ended(self, trainer):
        self.told.append(trainer.train_figures)


@pytest.mark.parametrize("kind", ["digits", "two", "line"])
def test_every_figure_that_is_offered_is_gathered_of_both_parts(kind, tmp_path):
    plain = project_of(kind)
    task = Task(plain)
    names = offered(task.kind, len(task.classes))
    epochs = Epochs()
    trainer = trained(tmp_path / "run", with_metrics(plain, *names), epochs)
    assert tuple(trainer.validation_figures) == tuple(trainer.train_figures) == ("loss", *names)
    assert all(np.isfinite(list(trainer.validation_figures.values())))
    assert [set(figures) for figures in epochs.told] == [{"loss", *names}] * 2


def test_all_figures_stand_in_a_project_of_their_kind():
    assert {name for kind in ("digits", "two", "line") for task in [Task(project_of(kind))]
            for name in offered(task.kind, len(task.classes))} == set(OFFERS)  # fmt: skip


def test_figures_are_those_of_the_metrics_over_the_whole_part(tmp_path):
    task = trained(tmp_path / "run", with_metrics(project_of("two"), "f1", "roc_auc", "perplexity")).task
    found = judged(task, task.validation).values()
    raw = task.raw(task.validation)
    second = np.concatenate([each[None] for each in task.all_scores(raw)])
    true, both = raw["diagnosis"], np.concatenate([1 - second, second], axis=1)
    for name, metric, given in (
        ("f1", F1(2), both.argmax(axis=1)), ("roc_auc", ROC(), second[:, 0]), ("perplexity", Perplexity(), np.log(both))
    ):  # fmt: skip
        metric.update(given, true)
        assert found[name] == pytest.approx(metric.compute(), rel=1e-5), name


def test_the_three_likeliest_of_ten(tmp_path):
    task = trained(tmp_path / "run", with_metrics(plain_digits(), "top3", "accuracy", epochs=2)).task
    raw = task.raw(task.validation)
    metric = TopK(3)
    metric.update(np.stack(list(task.all_scores(raw))), raw["label"])
    found = judged(task, task.validation).values()
    assert found["top3"] == pytest.approx(metric.compute())
    assert found["top3"] > found["accuracy"]
    assert list(found) == ["loss", "accuracy", "top3"]


@pytest.mark.parametrize("at", [5, 15])
def test_figures_of_a_training_that_goes_on_are_those_of_one_that_never_stopped(at, tmp_path):
    told = with_metrics(project_of("two"), "accuracy", "roc_auc", "f1", "perplexity")
    whole = trained(tmp_path / "whole", told)
    broken = trained(tmp_path / "broken", told, StopAfter(at))
    kept = broken.checkpoint()
    state = json.loads(json.dumps(kept.state["figures"]))
    kept = replace(kept, state={**kept.state, "figures": state})
    resumed = trained(tmp_path / "resumed", told, checkpoint=kept)
    assert resumed.train_figures == whole.train_figures
    assert resumed.validation_figures == whole.validation_figures


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("digits", "f2", "'f2' is unknown, expected one of accuracy, top3"),
        ("digits", "roc_auc", "'roc_auc' tells nothing of a network for 10 classes"),
        ("line", "accuracy", "'accuracy' tells nothing of a network for values, expected one of mae, rmse, r2, mape"),
    ],
)
def test_a_figure_that_tells_nothing_is_refused_before_anything_is_learned(kind, name, words):
    with pytest.raises(ProjectError, match=words) as refused:
        Task(with_metrics(project_of(kind), name))
    assert (refused.value.fixes[0].name, refused.value.fixes[0].value) == ("metrics", ())


def test_a_project_keeps_its_figures_and_one_from_before_has_the_usual():
    told = with_metrics(plain_digits(), "f1")
    assert decode(encode(told)).training.metrics == ("f1",)
    plain = json.loads(encode(told))
    del plain["training"]["metrics"]
    assert Task(decode(json.dumps(plain).encode())).metrics == ("accuracy",)


def test_the_command_line_gathers_what_it_is_told(tmp_path, capsys):
    path = tmp_path / "cancer.loom"
    project_file.write(path, with_metrics(project_of("two"), "accuracy"))
    run = tmp_path / "run"
    done = last_object(here(capsys, "train", path, "--out", run, "--epochs", 1, "--metrics", "f1,roc_auc", "--json"))
    assert set(done["best"]["validation"]) == {"loss", "f1", "roc_auc"}
    assert events(run, RunStarted)[0].metrics == ("f1", "roc_auc")
    more = last_object(here(capsys, "train", path, "--out", run, "--epochs", 2, "--resume", "--json"))
    assert set(more["final"]["train"]) == {"loss", "f1", "roc_auc"}
    figures = last_object(here(capsys, "evaluate", path, "--run", run, "--metrics", "recall", "--json"))
    assert set(figures["validation"]) == {"loss", "recall"}
    refused = here(capsys, "evaluate", path, "--run", run, "--metrics", "mae")
    assert refused.returncode != 0
    assert "'mae' tells nothing of a network for 2 classes" in refused.stderr


def test_relative_errors_are_told_of_values(tmp_path):
    task = trained(tmp_path / "run", with_metrics(small_line(), "mape", epochs=1)).task
    raw = task.raw(task.validation)
    predicted = np.stack(list(task.all_scores(raw)))
    true = raw["progression"]
    assert judged(task, task.validation).values()["mape"] == pytest.approx(float(np.mean(abs(predicted - true) / true)))
    assert evaluate("mae", predicted, true) > 0


def test_a_run_from_before_a_figure_was_known_goes_on_and_tells_it_from_the_next_epoch_on(tmp_path):
    plain = with_metrics(plain_digits(), "accuracy")
    broken = trained(tmp_path / "broken", plain, StopAfter(2))
    more = with_metrics(plain_digits(), "accuracy", "f1")
    epochs = Epochs()
    trained(tmp_path / "resumed", more, epochs, checkpoint=broken.checkpoint())
    assert [set(figures) for figures in epochs.told] == [{"loss", "accuracy"}, {"loss", "accuracy", "f1"}]
