"""Images mixed while a project trains, and their targets with them, for the losses that take shares."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from engine.data.spec import Choice, DataSpec
from engine.errors import DataError
from engine.graph import edit
from engine.graph.script import to_script
from engine.graph.spec import TrainingSpec
from engine.train.task import Task
from tests.engine.projects import project
from tests.engine.test_train_augmented import StopAfter, trained

MIXED = (Choice("RandomHorizontalFlip", {"p": 0.5}), Choice("MixUp", {"alpha": 0.4}), Choice("CutMix", {"p": 0.5}))


def augmented(*choices, epochs=2, batch_size=256):
    """Digits and a network that is quickly compiled, with dropout, which draws beside the mixing."""
    layers = [
        ("Input", {}), ("Flatten", {}), ("Dropout", {"p": 0.1}), ("Linear", {"out_features": 10}),
        ("CrossEntropyLoss", {}),
    ]  # fmt: skip
    source = DataSpec("bundled:digits", batch_size=batch_size, scaling="unit", augment=choices)
    return project(layers, source, TrainingSpec(Choice("Adam", {"lr": 0.01}), epochs=epochs))


def with_loss(told, type):
    """The same network under another loss."""
    return msgspec.structs.replace(told, graph=edit.replace(told.graph, told.graph.nodes[-1].id, type))


@pytest.mark.parametrize("type", ["MixUp", "CutMix"])
def test_classes_are_mixed_in_the_share_of_the_pixels(type):
    task = Task(augmented(Choice(type)))
    batch = next(task.to_learn_from(0))
    plain = task.batch(task.batches(0)[0])
    images, shares = batch.inputs["image"].numpy(), next(iter(batch.targets.values())).numpy()
    before, labels = plain.inputs["image"].numpy(), plain.true
    assert shares.shape == (len(labels), 10)
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    same = labels == np.roll(labels, 1)
    share = float(shares[~same][0, labels[~same][0]])
    np.testing.assert_allclose(shares[np.arange(len(labels)), labels][~same], share, atol=1e-6)
    if type == "MixUp":
        np.testing.assert_allclose(images, share * before + (1 - share) * np.roll(before, 1, axis=0), atol=1e-5)
    else:
        own = np.isclose(images, before, atol=1e-5)
        assert (own | np.isclose(images, np.roll(before, 1, axis=0), atol=1e-5)).all()
        assert own.mean() >= share - 1e-6
    assert (batch.true == shares.argmax(axis=1)).all()


def test_what_is_only_looked_at_is_not_mixed():
    task, without = Task(augmented(*MIXED)), Task(augmented())
    ours, theirs = (each.batch(each.validation[:9]) for each in (task, without))
    np.testing.assert_array_equal(ours.inputs["image"].numpy(), theirs.inputs["image"].numpy())
    assert next(iter(ours.targets.values())).numpy().dtype == np.int64


def test_a_mixed_training_that_goes_on_is_the_one_that_never_stopped(tmp_path):
    whole = trained(tmp_path / "whole", augmented(*MIXED))
    broken = trained(tmp_path / "broken", augmented(*MIXED), StopAfter(8))
    resumed = trained(tmp_path / "resumed", augmented(*MIXED), checkpoint=broken.checkpoint())
    other = resumed.task.model.state_dict()
    for name, values in whole.task.model.state_dict().items():
        np.testing.assert_array_equal(values.numpy(), other[name].numpy(), err_msg=name)
    assert resumed.train_figures == whole.train_figures


def test_mixing_still_teaches(tmp_path):
    trainer = trained(tmp_path / "run", augmented(Choice("MixUp", {"alpha": 0.2}), epochs=6, batch_size=64))
    assert trainer.validation_figures["accuracy"] > 0.9


@pytest.mark.parametrize("choices", [(Choice("CutMix"),), MIXED])
def test_the_script_mixes_as_the_project_does(choices, tmp_path, capsys):
    told, script = augmented(*choices, epochs=1), {"__name__": "script"}
    exec(to_script(told), script)
    script["train"]()
    trainer = trained(tmp_path / "run", told)
    assert f"validation {trainer.validation_figures['loss']:.4f}" in capsys.readouterr().out


@pytest.mark.parametrize("type", ["NLLLoss", "FocalLoss", "MultiMarginLoss"])
def test_a_loss_that_takes_one_class_alone_says_so_and_the_mends_mend_it(type):
    told = with_loss(augmented(*MIXED), type)
    with pytest.raises(DataError, match="mixed images are of several classes, which the loss 'loss1' does not") as no:
        Task(told)
    make, take_out = no.value.fixes
    Task(msgspec.structs.replace(told, graph=edit.apply_fix(told.graph, make)))
    assert [choice.type for choice in take_out.value] == ["RandomHorizontalFlip"]
    Task(msgspec.structs.replace(told, data=msgspec.structs.replace(told.data, augment=take_out.value)))


def test_one_of_two_classes_and_values_are_mixed_too(tmp_path):
    values = np.random.default_rng(0).random((64, 1, 6, 6), np.float32)
    for y, name, layers in (
        (values.mean(axis=(1, 2, 3)) * 100, "numbers", "MSELoss"),
        ((values[:, 0, 0, 0] > 0.5).astype(np.int64), "two", "BCEWithLogitsLoss"),
    ):
        np.savez(tmp_path / f"{name}.npz", image=values, y=y)
        on_them = on_images(tmp_path / f"{name}.npz", layers)
        task = Task(on_them)
        batch = next(task.to_learn_from(0))
        (target,) = batch.targets.values()
        assert target.numpy().shape == (len(batch.true), 1)
        assert (batch.true.dtype == np.int64) == (layers == "BCEWithLogitsLoss")
        assert np.isfinite(trained(tmp_path / name, on_them).train_figures["loss"])


def test_a_loss_of_signs_says_that_it_takes_no_mixed_images(tmp_path):
    values = np.random.default_rng(0).random((64, 1, 6, 6), np.float32)
    np.savez(tmp_path / "two.npz", image=values, y=(values[:, 0, 0, 0] > 0.5).astype(np.int64))
    told = on_images(tmp_path / "two.npz", "SoftMarginLoss")
    with pytest.raises(DataError, match="mixed images are of several classes") as no:
        Task(told)
    Task(msgspec.structs.replace(told, graph=edit.apply_fix(told.graph, no.value.fixes[0])))


def on_images(path, loss):
    layers = [("Input", {"field": "image"}), ("Flatten", {}), ("Linear", {"out_features": 1}), (loss, {})]
    spec = DataSpec(str(path), "npz", batch_size=16, augment=(Choice("MixUp"),))
    return project(layers, spec, TrainingSpec(epochs=1))


def test_inputs_beside_the_images_cannot_be_mixed(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "both.npz", image=rng.random((40, 1, 4, 4), np.float32), x=rng.random((40, 3)),
             y=np.arange(40) % 2)  # fmt: skip
    with pytest.raises(DataError, match="images are mixed, but 'x' would not be") as refused:
        Task(on_images(tmp_path / "both.npz", "BCEWithLogitsLoss"))
    assert refused.value.fixes[0].value == ()
