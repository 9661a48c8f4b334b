"""The loop by itself: what it puts away and takes up again, how it deals out batches, how rates change."""

from __future__ import annotations

import itertools
import threading

import msgspec
import numpy as np
import pytest

import engine
from engine import nn, optim
from engine.data.dataset import FieldDataset
from engine.errors import DataError, EngineError, ProjectError
from engine.formats import checkpoint
from engine.graph import catalogue, edit
from engine.graph.spec import Choice, DataSpec, Node, Project, TrainingSpec, Wire
from engine.metrics import METRICS
from engine.nn.functional import cross_entropy
from engine.train.reporting import Reporter
from engine.train.run import prepare_project
from engine.train.run_folder import RunFolder
from engine.train.task import Task, cut
from engine.train.trainer import Extension, Trainer
from tests.engine.projects import project, small_digits

OPTIMIZERS = [
    Choice("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    Choice("Adam", {"lr": 0.01, "amsgrad": True}),
    Choice("AdamW", {"lr": 0.01}),
    Choice("RMSprop", {"lr": 0.001, "momentum": 0.5, "centered": True}),
]
SCHEDULES = [
    None,
    Choice("StepLR", {"step_size": 1, "gamma": 0.5}),
    Choice("CosineAnnealingLR", {"T_max": 4}),
    Choice("ReduceLROnPlateau", {"patience": 0, "factor": 0.5}),
]
SGD = Choice("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.1})
ALSO = [
    *((Choice(name, {"lr": lr}), None) for name, lr in [
        ("Adamax", 0.01), ("NAdam", 0.01), ("RAdam", 0.01), ("Rprop", 0.001), ("Adagrad", 0.01), ("Adadelta", 1.0),
        ("ASGD", 0.01), ("Lion", 0.001), ("Muon", 0.01)]),
    (Choice("LBFGS", {"max_iter": 4}), None),
    *((SGD, Choice(name, options)) for name, options in [
        ("MultiStepLR", {"milestones": [1, 2]}), ("ConstantLR", {"total_iters": 2}), ("LinearLR", {"total_iters": 2}),
        ("ExponentialLR", {}), ("PolynomialLR", {"total_iters": 3}), ("CosineAnnealingWarmRestarts", {"T_0": 2}),
        ("CyclicLR", {"step_size_up": 2, "cycle_momentum": True}), ("OneCycleLR", {"total_steps": 2}),
        ("SWALR", {"anneal_epochs": 2})]),
    (SGD, Choice("SequentialLR", {"milestones": [1]}, (
        Choice("LinearLR", {"total_iters": 2}), Choice("MultiStepLR", {"milestones": [1]})))),
    (SGD, Choice("ChainedScheduler", {}, (Choice("ConstantLR", {"total_iters": 2}), Choice("ExponentialLR")))),
]  # fmt: skip
"""Each of the other optimizers, and each of the other schedules."""


class StopAt(Extension):
    def __init__(self, step: int):
        self.step = step

    def before_step(self, trainer):
        if trainer.steps == self.step:
            trainer.stop("stopped")


def run(folder: RunFolder, made, stop_at: int | None = None, start: bytes | None = None) -> Trainer:
    extensions = [Reporter(), *([StopAt(stop_at)] if stop_at is not None else [])]
    trainer = Trainer(Task(made), folder, made.training.epochs, extensions)
    if start is not None:
        trainer.load(checkpoint.decode(start))
    trainer.run()
    return trainer


@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [*itertools.product(OPTIMIZERS, SCHEDULES), *ALSO],
    ids=lambda choice: choice.type if choice else "constant",
)
def test_a_checkpoint_in_the_middle_of_an_epoch_brings_everything_back(tmp_path, optimizer, schedule):
    made = small_digits(3, batch_size=256, optimizer=optimizer, schedule=schedule)
    with RunFolder(tmp_path) as folder:
        whole = run(folder, made).checkpoint()
        half = checkpoint.encode(run(folder, made, stop_at=9).checkpoint())
        rest = run(folder, made, start=half).checkpoint()
    for part in ("model", "optimizer", "preparation"):
        one, other = (checkpoint.decode(checkpoint.encode(c)) for c in (whole, rest))
        np.testing.assert_equal(getattr(one, part), getattr(other, part))
    for name in ("steps", "epoch", "batch", "random", "schedule", "figures", "train_figures", "validation_figures"):
        assert whole.state[name] == rest.state[name], name


def test_the_checkpoints_are_tried_with_every_optimizer_and_schedule_that_can_be_picked():
    tried = [choice.type for pair in (*itertools.product(OPTIMIZERS, SCHEDULES), *ALSO) for choice in pair if choice]
    assert {*catalogue.entries("optimizer"), *catalogue.entries("schedule")} == {*tried}


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 100, 101, 1000])
def test_an_epoch_deals_out_every_training_sample_once_and_no_batch_of_one(batch_size):
    batches = cut(np.random.default_rng(0).permutation(101), batch_size)
    assert sorted(np.concatenate(batches)) == list(range(101))
    assert all(len(batch) > 1 for batch in batches) or batch_size == 1
    assert max(map(len, batches)) <= batch_size + 1


def test_epochs_are_shuffled_each_in_its_own_way_by_the_seed_alone():
    one, again = Task(small_digits(1)), Task(small_digits(1))
    for epoch in (0, 1, 7):
        for batch, same in zip(one.batches(epoch), again.batches(epoch), strict=True):
            np.testing.assert_array_equal(batch, same)
    assert not np.array_equal(one.batches(0)[0], one.batches(1)[0])
    other = Task(small_digits(1, seed=5))
    assert not np.array_equal(one.batches(0)[0], other.batches(0)[0])
    np.testing.assert_array_equal(one.validation, other.validation)


def test_batch_norm_trains_where_a_single_sample_is_left_over(tmp_path):
    made = small_digits(1, batch_size=479)
    assert Task(made).train.size % 479 == 1
    with RunFolder(tmp_path) as folder:
        assert run(folder, made).steps == 3


def test_a_rate_set_by_hand_scales_the_rest_of_the_schedule(tmp_path):
    made = small_digits(4, schedule=Choice("StepLR", {"step_size": 1, "gamma": 0.5}), lr=0.08)
    with RunFolder(tmp_path) as folder:
        trainer = run(folder, made, stop_at=46)  # two epochs: 0.08 -> 0.02
        assert trainer.step.learning_rate == pytest.approx(0.02)
        assert trainer.set_learning_rate(0.01) == pytest.approx(0.02)
        trainer._advance_schedule()
        assert trainer.step.learning_rate == pytest.approx(0.005)


def test_a_cosine_goes_on_from_a_rate_set_by_hand_in_proportion(tmp_path):
    made = small_digits(4, schedule=Choice("CosineAnnealingLR", {"T_max": 4}), lr=0.08)
    with RunFolder(tmp_path) as folder:
        plain, halved = Trainer(Task(made), folder, 4, []), Trainer(Task(made), folder, 4, [])
        halved.set_learning_rate(0.04)
        for trainer in (plain, halved):
            for _ in range(2):
                trainer._advance_schedule()
        assert halved.step.learning_rate == pytest.approx(plain.step.learning_rate / 2)


WARMED_UP = Choice("SequentialLR", {"milestones": [2]}, (
    Choice("LinearLR", {"start_factor": 0.25, "total_iters": 2}), Choice("ExponentialLR", {"gamma": 0.5})))  # fmt: skip


def rates(schedule: Choice, epochs: int, by_hand: dict[int, float]) -> list[float]:
    """Of each epoch; before those in `by_hand` the rate is set to that."""
    task = Task(small_digits(epochs, optimizer=Choice("SGD", {"lr": 0.1}), schedule=schedule))
    trainer, found = Trainer(task, None, epochs, []), []
    for epoch in range(epochs):
        if epoch in by_hand:
            trainer.set_learning_rate(by_hand[epoch])
        found.append(round(trainer.step.learning_rate, 6))
        trainer._advance_schedule()
    return found


def test_a_warm_up_comes_before_another_schedule_and_takes_a_rate_set_by_hand_along():
    assert rates(WARMED_UP, 5, {}) == [0.025, 0.0625, 0.1, 0.05, 0.025]
    assert rates(WARMED_UP, 5, {1: 0.125}) == [0.025, 0.125, 0.2, 0.1, 0.05]
    chained = Choice(
        "ChainedScheduler", {}, (Choice("ConstantLR", {"factor": 0.5, "total_iters": 2}), *WARMED_UP.members[1:])
    )
    assert rates(chained, 4, {}) == [0.05, 0.025, 0.025, 0.0125]


@pytest.mark.parametrize(
    ("schedule", "fault"),
    [
        (Choice("SequentialLR"), "SequentialLR has no members, expected one or more schedules; add one, such as "),
        (Choice("StepLR", {}, WARMED_UP.members), "StepLR is given members, expected none"),
        (Choice("SequentialLR", {"milestones": []}, WARMED_UP.members),
         "0 epochs for 2 schedules, expected 1 epoch, where each but the first begins"),
        (Choice("SequentialLR", {"milestones": [3, 3]}, (*WARMED_UP.members, Choice("StepLR"))),
         "3, 3, expected each epoch later than the one before"),
        (Choice("SequentialLR", {"milestones": 3}, WARMED_UP.members), r"3 alone, expected a list, such as \[3\]"),
        (Choice("SequentialLR", {}, (Choice("LinearLR", {"end_factor": 2.0}), Choice("StepLR"))),
         r"members\[0\], end_factor: 2.0 is over 1"),
        (Choice("ChainedScheduler", {}, (Choice("OneCycleLR"),)), r"members\[0\]: 'OneCycleLR' is unknown, expected"),
    ],
)  # fmt: skip
def test_a_schedule_of_schedules_that_cannot_be_is_refused_with_its_place(schedule, fault):
    with pytest.raises(ProjectError, match=fault):
        Task(small_digits(1, schedule=schedule)).make_schedule(optim.SGD([nn.Parameter(engine.ones(1))], lr=0.1))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 0}, "--epochs: 0 cannot be used, expected a whole number of at least 1."),
        ({"seed": -1}, "--seed: -1 cannot be used, expected a whole number of at least 0."),
        ({"device": "tpu"}, "--device: 'tpu' cannot be used, expected cpu or cuda:0."),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_the_name_of_its_option(settings, words):
    with pytest.raises(EngineError) as refused:
        prepare_project(small_digits(1), **settings)
    assert str(refused.value) == words


@pytest.mark.parametrize("ends", [("BCEWithLogitsLoss",), ("Sigmoid", "BCELoss"), ("SoftMarginLoss",)])
def test_one_of_two_classes_is_judged_and_named(tmp_path, ends):
    layers = [("Input", {}), ("Linear", {"out_features": 1}), *((type, {}) for type in ends)]
    source = DataSpec(source="bundled:breast-cancer", batch_size=32)
    training = TrainingSpec(Choice("Adam", {"lr": 0.02}), epochs=5, metrics=("accuracy", "roc_auc"))
    made = project(layers, source, training)
    with RunFolder(tmp_path) as folder:
        trainer = run(folder, made)
    task = trainer.task
    assert task.kind == "binary"
    assert trainer.validation_figures["accuracy"] > 0.9
    assert trainer.validation_figures["roc_auc"] > 0.95
    sample = task.raw(task.validation[:1])
    said = task.predict({name: values[0].tolist() for name, values in sample.items()})
    assert set(said.probabilities) == set(task.classes)
    assert sum(said.probabilities.values()) == pytest.approx(1.0)
    decided = task.decided(task.model(task.batch(task.validation[:1]).inputs))[0]
    assert max(said.probabilities, key=said.probabilities.get) == task.classes[decided]


def test_samples_prepared_each_time_train_the_same_as_those_kept_in_memory(tmp_path, monkeypatch):
    made = small_digits(1)
    with RunFolder(tmp_path) as folder:
        kept = run(folder, made).checkpoint()
        monkeypatch.setattr("engine.train.task.CACHED_BYTES", 0)
        fresh = run(folder, made).checkpoint()
    for name, values in kept.model.items():
        np.testing.assert_array_equal(values.numpy(), fresh.model[name].numpy())


def test_samples_not_kept_are_read_in_the_background_while_the_network_learns(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.train.task.CACHED_BYTES", 0)
    readers, take = [], FieldDataset.take

    def noted(data, indices):
        readers.append(threading.current_thread())
        return take(data, indices)

    monkeypatch.setattr(FieldDataset, "take", noted)
    with RunFolder(tmp_path) as folder:
        trainer = run(folder, small_digits(1))
    behind = [reader for reader in readers if reader is not threading.main_thread()]
    assert len(behind) > trainer.steps
    assert not any(reader.is_alive() for reader in behind)


def test_a_sample_that_cannot_be_read_ends_the_run_with_its_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.train.task.CACHED_BYTES", 0)
    take = FieldDataset.take

    def torn(data, indices):
        if threading.current_thread() is not threading.main_thread():
            raise DataError("cat/7.png", got="the image is corrupt")
        return take(data, indices)

    monkeypatch.setattr(FieldDataset, "take", torn)
    with RunFolder(tmp_path) as folder, pytest.raises(DataError, match=r"cat/7\.png: the image is corrupt"):
        run(folder, small_digits(1))


def two_heads() -> Project:
    made = small_digits(2, schedule=None)
    graph = edit.add(made.graph, Node("head2", "Linear", {"out_features": 10}))
    graph = edit.add(graph, Node("loss2", "CrossEntropyLoss", {"loss_weight": 0.5, "target": "label"}))
    graph = edit.connect(graph, Wire("flatten1", "head2"))
    graph = edit.connect(graph, Wire("head2", "loss2", target_port="input"))
    return msgspec.structs.replace(made, graph=graph)


def test_two_losses_are_added_with_their_weights_and_the_first_one_is_measured(tmp_path):
    task = Task(two_heads())
    batch = task.batch(task.train[:32])
    with task.evaluating():
        output = task.model(batch.inputs)
        first, second = (cross_entropy(output[loss.id], batch.targets[loss.id]).item() for loss in task.losses)
        assert task.loss(output, batch.targets).item() == pytest.approx(first + 0.5 * second, rel=1e-5)
        assert (task.decided(output) == output[task.losses[0].id].numpy().argmax(axis=1)).all()
    with RunFolder(tmp_path) as folder:
        assert run(folder, two_heads()).validation_figures["accuracy"] > 0.7


def test_without_a_validation_part_the_training_figures_decide_what_is_best(tmp_path):
    made = small_digits(2)
    made = msgspec.structs.replace(made, data=msgspec.structs.replace(made.data, validation=0.0))
    with RunFolder(tmp_path) as folder:
        trainer = run(folder, made)
    assert trainer.validation_figures == {}
    assert trainer.extensions[0].best == trainer.train_figures


def test_metrics_agree_with_their_formulas_however_they_are_cut_into_batches():
    rng = np.random.default_rng(1)
    true = rng.normal(1e4, 3.0, (500, 1))
    predicted = true + rng.normal(0, 1.0, (500, 1))
    expected = {
        "mae": np.abs(true - predicted).mean(),
        "rmse": np.sqrt(np.square(true - predicted).mean()),
        "r2": 1 - np.square(true - predicted).sum() / np.square(true - true.mean()).sum(),
        "accuracy": (np.rint(true) == np.rint(predicted)).mean(),
    }
    for name, value in expected.items():
        metric = METRICS[name]()
        for part in np.split(np.arange(500), [1, 30, 31, 400]):
            pair = (predicted[part], true[part])
            metric.update(*(map(np.rint, pair) if name == "accuracy" else pair))
            metric.load(metric.state())
        assert metric.compute() == pytest.approx(value, rel=1e-9), name
    assert METRICS["r2"]().compute() is None
    assert METRICS["mae"]().compute() is None
