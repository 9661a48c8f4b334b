"""Splitting and scaling: fixed by the seed, stratified, fitted on the training part alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import data
from engine.data import DataSpec, FieldDataset, FieldSpec, Preparation, part_sizes, split
from engine.errors import DataError


def labelled(labels, classes=3):
    labels = np.asarray(labels, np.int64)
    fields = (
        FieldSpec("features", "vector", (2,), "input", columns=("a", "b")),
        FieldSpec("kind", "category", (), "target", "int64", classes=tuple("abcdefgh"[:classes])),
    )
    features = np.stack([np.arange(len(labels)), np.ones(len(labels))], axis=1).astype(np.float32)
    return FieldDataset(fields, {"features": features, "kind": labels})


def images(values, maxima=None):
    fields = (FieldSpec("image", "image", values.shape[1:], "input"),)
    return FieldDataset(fields, {"image": values}, maxima=maxima)


def test_the_parts_are_disjoint_and_together_the_whole():
    digits = data.open(DataSpec("bundled:digits"))
    train, validation = split(digits, DataSpec("bundled:digits", validation=0.3))
    assert sorted([*train, *validation]) == list(range(1797))
    assert len(validation) == round(1797 * 0.3)


def test_classes_keep_their_proportions():
    cancer = data.open(DataSpec("bundled:breast-cancer"))
    labels = cancer.arrays["diagnosis"]
    train, validation = split(cancer, DataSpec("bundled:breast-cancer", validation=0.2))
    assert abs(labels[validation].sum() - 212 * len(validation) / 569) < 1
    assert len(train) + len(validation) == 569


def test_a_seed_fixes_the_split_and_another_gives_another():
    digits = data.open(DataSpec("bundled:digits"))
    parts = [split(digits, DataSpec("bundled:digits", seed=seed))[1].tolist() for seed in (0, 0, 1)]
    assert parts[0] == parts[1] != parts[2]


@settings(deadline=None)
@given(labels=st.lists(st.integers(0, 4), min_size=2, max_size=60), fraction=st.floats(0.01, 0.9))
def test_every_class_gets_its_share_within_one_sample(labels, fraction):
    train_count, count = part_sizes(len(labels), fraction)
    dataset = labelled(labels, 5)
    if train_count == 0:
        with pytest.raises(DataError, match="none is left to train with"):
            split(dataset, DataSpec(validation=fraction))
        return
    train, validation = split(dataset, DataSpec(validation=fraction))
    assert (len(train), len(validation)) == (train_count, count)
    for label in set(labels):
        share = labels.count(label) * count / len(labels)
        assert abs(sum(labels[i] == label for i in validation) - share) < 1


def test_no_validation_part_is_possible():
    train, validation = split(labelled([0, 1, 2]), DataSpec(validation=0.0))
    assert (len(train), len(validation)) == (3, 0)


def test_standard_scaling_looks_at_the_training_part_only():
    dataset = labelled([0, 1] * 50)
    dataset.arrays["features"][80:, 0] = 1e6
    scaled = Preparation.fit(dataset, np.arange(80), DataSpec(scaling="standard")).apply(dataset.take(np.arange(80)))
    assert scaled["features"][:, 0].mean() == pytest.approx(0, abs=1e-6)
    assert scaled["features"][:, 0].std() == pytest.approx(1, abs=1e-6)
    assert scaled["features"].dtype == np.float32
    assert scaled["kind"].tolist() == [0, 1] * 40


def test_a_constant_column_becomes_zero():
    dataset = labelled([0, 1] * 5)
    for how in ("standard", "unit"):
        scaled = Preparation.fit(dataset, np.arange(10), DataSpec(scaling=how)).apply(dataset.take(np.arange(10)))
        assert scaled["features"][:, 1].tolist() == [0.0] * 10


def test_unit_scaling_maps_the_training_part_to_0_and_1():
    dataset = labelled([0, 1] * 5)
    scaled = Preparation.fit(dataset, np.arange(10), DataSpec(scaling="unit")).apply(dataset.take(np.arange(10)))
    assert (scaled["features"][:, 0].min(), scaled["features"][:, 0].max()) == (0.0, 1.0)


def test_an_image_is_divided_by_the_largest_value_it_can_hold():
    dark = images(np.full((4, 1, 2, 2), 8, np.uint8), maxima={"image": 16.0})
    scaled = Preparation.fit(dark, np.arange(4), DataSpec(scaling="unit")).apply(dark.take(np.arange(4)))
    assert np.unique(scaled["image"]).tolist() == [0.5]


def test_images_are_standardised_by_channel(monkeypatch):
    from engine.data import prepare

    monkeypatch.setattr(prepare, "CHUNK_BYTES", 4 * 3 * 5 * 4 * 7)  # seven images in one go
    values = np.random.default_rng(0).normal([[[5]], [[50]], [[500]]], [[[1]], [[2]], [[3]]], (40, 3, 5, 4))
    dataset = images(values.astype(np.float32))
    preparation = Preparation.fit(dataset, np.arange(40), DataSpec(scaling="standard"))
    scaling = preparation.scaling["image"]
    assert scaling["offset"].shape == (3, 1, 1)
    np.testing.assert_allclose(scaling["offset"].ravel(), values.mean(axis=(0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(scaling["scale"].ravel(), values.std(axis=(0, 2, 3)), rtol=1e-5)


def test_without_scaling_the_values_stay_as_they_are():
    dataset = labelled([0, 1] * 5)
    raw = dataset.take(np.arange(10))
    scaled = Preparation.fit(dataset, np.arange(10), DataSpec(scaling="none")).apply(raw)
    np.testing.assert_array_equal(scaled["features"], raw["features"])


def test_gaps_are_filled_with_the_mean_of_the_training_part():
    dataset = labelled([0, 1] * 3)
    dataset.arrays["features"][:, 0] = [1, 3, np.nan, 100, np.nan, 100]
    for how, filled in (("none", 2.0), ("standard", 0.0), ("unit", 0.5)):
        scaled = Preparation.fit(dataset, np.arange(3), DataSpec(scaling=how)).apply(dataset.take(np.arange(6)))
        assert scaled["features"][[2, 4], 0].tolist() == [filled, filled]
        assert np.isfinite(scaled["features"]).all()


def test_marks_of_categories_stay_0_and_1(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("colour,size,y\n" + "red,1,0.5\nblue,2,0.25\nblue,4,0.75\n" * 5)
    spec = DataSpec(source=str(path), reader="csv", batch_size=1)
    dataset = data.open(spec)
    scaled = Preparation.fit(dataset, np.arange(15), spec).apply(dataset.take(np.arange(15)))["features"]
    assert set(scaled[:, :2].ravel()) == {0.0, 1.0}
    assert scaled[:, 2].std() == pytest.approx(1, abs=1e-6)


def test_a_state_that_is_not_whole_is_named():
    with pytest.raises(DataError, match="Scaling of 'x': there are offset, expected fill, offset, scale"):
        Preparation.from_state({"x/offset": np.ones(2)})


def test_the_state_brings_back_the_same_scaling_bit_for_bit(tmp_path):
    from safetensors.numpy import load_file, save_file

    cancer = data.open(DataSpec("bundled:breast-cancer"))
    preparation = Preparation.fit(cancer, np.arange(400), DataSpec(scaling="standard"))
    assert all(values.dtype == np.float32 for values in preparation.state().values())
    save_file(preparation.state(), tmp_path / "state.safetensors")
    again = Preparation.from_state(load_file(tmp_path / "state.safetensors"))
    raw = cancer.take(np.arange(569))
    np.testing.assert_array_equal(again.apply(raw)["features"], preparation.apply(raw)["features"])


def test_robust_scaling_takes_median_and_quartiles_of_the_training_part_only():
    dataset = labelled([0, 1] * 50)
    dataset.arrays["features"][:, 0] = [*range(79), 1e6, *[-1e6] * 20]
    spec = DataSpec(scaling="robust")
    scaling = Preparation.fit(dataset, np.arange(80), spec).scaling["features"]
    assert (scaling["offset"][0], scaling["scale"][0], scaling["scale"][1]) == (39.5, 39.5, 1.0)
    values = np.random.default_rng(0).random((20, 3, 5, 4), np.float32)
    scaling = Preparation.fit(images(values), np.arange(10), spec).scaling["image"]
    np.testing.assert_allclose(scaling["offset"].ravel(), np.median(values[:10], axis=(0, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "filled"),
    [
        ({}, 4.0), ({"missing": "median"}, 3.0), ({"missing": "mode"}, 1.0), ({"missing": "constant"}, 0.0),
        ({"missing": "constant", "missing_value": -7.5}, -7.5),
    ],
)  # fmt: skip
def test_gaps_are_filled_as_told_from_the_training_part_only(options, filled):
    dataset = labelled([0] * 10)
    dataset.arrays["features"][:, 0] = [1, 1, 3, 5, 10, np.nan, np.nan, 900, 900, 900]
    spec = DataSpec(reader="csv", options=options, scaling="none")
    preparation = Preparation.fit(dataset, np.arange(6), spec)
    assert preparation.apply(dataset.take(np.arange(10)))["features"][5:7, 0].tolist() == [filled, filled]
    assert Preparation.from_state(preparation.state()).scaling["features"]["fill"][0] == filled


def test_nothing_of_the_validation_part_says_anything_about_the_preparation():
    for how in ("standard", "unit", "robust"):
        for gaps in ("mean", "median", "mode"):
            spec = DataSpec(scaling=how, options={"missing": gaps})
            states = []
            for seed in (1, 2):
                dataset = labelled([0, 1] * 20)
                dataset.arrays["features"][30:] = np.random.default_rng(seed).normal(100, 50, (10, 2))
                states.append(Preparation.fit(dataset, np.arange(30), spec).state())
            np.testing.assert_equal(*states)


def test_a_table_says_with_what_its_gaps_are_filled(tmp_path):
    path = tmp_path / "gaps.csv"
    path.write_text("a,b,y\n" + "".join(f"{i if i % 3 else ''},{i},{i % 2}\n" for i in range(12)))
    for options, words in (({"missing": "median"}, "the median of the training part"),
                           ({"missing": "constant", "missing_value": 9}, "filled with 9")):  # fmt: skip
        shown = data.preview(DataSpec(str(path), reader="csv", options=options))
        assert any(words in note for note in shown.notes)
    with pytest.raises(DataError, match="missing"):
        data.open(DataSpec(str(path), reader="csv", options={"missing": "guess"}))
