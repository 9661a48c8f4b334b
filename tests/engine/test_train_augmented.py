"""A project that augments its images: in training alone, drawn anew in every epoch, resumed bit for bit."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import numpy as np
import pytest

from engine import data
from engine.data.spec import Choice, DataSpec
from engine.errors import DataError, EngineError
from engine.graph.catalogue import entries
from engine.graph.script import to_script
from engine.graph.spec import decode, encode
from engine.train.run_folder import RunFolder
from engine.train.task import Task
from engine.train.trainer import Extension, Trainer
from tests.engine.projects import small_digits, small_line

AUGMENT = (
    Choice("RandomCrop", {"padding": [1]}),
    Choice("RandomRotation", {"degrees": [10.0], "interpolation": "bilinear"}),
    Choice("ColorJitter", {"brightness": [0.2]}),
)


def augmented(*choices, epochs=2, batch_size=256):
    project = small_digits(epochs, batch_size)
    return msgspec.structs.replace(project, data=msgspec.structs.replace(project.data, augment=choices or AUGMENT))


@pytest.fixture(scope="module")
def task():
    return Task(augmented())


def images(batches):
    return [batch.inputs["image"].numpy().copy() for batch in batches]


def test_an_epoch_is_drawn_anew_and_the_same_wherever_it_is_taken_up(task):
    first, again, next_epoch = (images(task.to_learn_from(epoch)) for epoch in (0, 0, 1))
    plain = images(task.each(task.batches(0)))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(first[2:], images(task.to_learn_from(0, 2)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert all((one != other).mean() > 0.1 for one, other in zip(first, plain, strict=True))
    assert all(one.shape == other.shape and one.dtype == np.float32 for one, other in zip(first, plain, strict=True))
    assert (first[0] != next_epoch[0]).any()
    assert 0 <= min(map(np.min, first)) < max(map(np.max, first)) <= 1 + 1e-6


def test_what_is_only_looked_at_stays_as_it_is(task):
    without = Task(small_digits(2, 256))
    ours, theirs = (each.batch(task.validation[:9]).inputs["image"] for each in (task, without))
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_labels_stay_with_their_images(task):
    assert [batch.true.tolist() for batch in task.to_learn_from(1)] == [
        batch.true.tolist() for batch in task.each(task.batches(1))
    ]


class StopAfter(Extension):
    """Ends a training after so many steps."""

    def __init__(self, steps):
        self.steps = steps

    def before_step(self, trainer):
        if trainer.steps >= self.steps:
            trainer.stopping = "stopped"


def trained(folder, project, *extensions, checkpoint=None):
    with RunFolder(folder) as run:
        trainer = Trainer(Task(project), run, project.training.epochs, list(extensions))
        if checkpoint is not None:
            trainer.load(checkpoint)
        trainer.run()
    return trainer


def test_a_training_that_goes_on_is_the_one_that_never_stopped(tmp_path):
    whole = trained(tmp_path / "whole", augmented())
    broken = trained(tmp_path / "broken", augmented(), StopAfter(8))
    assert broken.steps == 8 < whole.steps
    resumed = trained(tmp_path / "resumed", augmented(), checkpoint=broken.checkpoint())
    other = resumed.task.model.state_dict()
    for name, values in whole.task.model.state_dict().items():
        np.testing.assert_array_equal(values.numpy(), other[name].numpy(), err_msg=name)


def test_the_project_file_keeps_it():
    project = augmented()
    assert decode(encode(project)).data.augment == project.data.augment


def test_the_script_augments_as_the_project_does(tmp_path, capsys):
    project, script = augmented(Choice("RandomCrop", {"padding": [1]}), epochs=1), {"__name__": "script"}
    exec(to_script(project), script)
    script["train"]()
    trainer = trained(tmp_path / "run", project)
    assert f"validation {trainer.validation_figures['loss']:.4f}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice("Mirror"), "Data, augment: 'Mirror' is unknown, expected one of "),
        (Choice("RandomCrop", {"wide": 3}), "Data, augment, RandomCrop: got an unexpected keyword argument 'wide'"),
        (Choice("RandomHorizontalFlip", {"p": 3}), "RandomHorizontalFlip: p is 3, expected a probability from 0 to 1."),
        (Choice("RandomHorizontalFlip", {"p": "often"}), "Data, augment, RandomHorizontalFlip: "),
    ],
)
def test_a_transform_that_cannot_be_is_named_before_anything_is_learned(choice, words):
    with pytest.raises(EngineError, match=words):
        Task(augmented(choice))


def test_a_process_that_has_asked_for_no_catalogue_knows_all_transforms():
    script = "from engine.data import augment, spec\naugment.made(spec.Choice('?'))"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stderr.strip()
    assert sorted(said.removesuffix(".").rpartition("one of ")[2].split(", ")) == sorted(entries("transform"))


def test_another_size_and_data_without_images_are_refused():
    with pytest.raises(DataError, match=r"images \(8, 8\) become \(4, 4\), expected the shape that the network"):
        Task(augmented(Choice("RandomCrop", {"size": [4, 4]})))
    line = small_line()
    with pytest.raises(DataError, match="Data, augment: no image goes into the network") as refused:
        Task(msgspec.structs.replace(line, data=msgspec.structs.replace(line.data, augment=AUGMENT)))
    assert [(fix.name, fix.value) for fix in refused.value.fixes] == [("augment", ())]


def test_images_whose_white_is_not_known_go_by_the_training_part():
    values = np.random.default_rng(0).random((6, 1, 3, 3), np.float32) * 50
    values[4:] = 900
    dataset = data.FieldDataset((data.FieldSpec("image", "image", (1, 3, 3), "input"),), {"image": values})
    spec = DataSpec(augment=(Choice("RandomVerticalFlip"),))
    preparation = data.Preparation.fit(dataset, np.arange(4), spec)
    assert data.Augmentation.of(dataset, np.arange(4), spec, preparation).maxima == {"image": values[:4].max()}
