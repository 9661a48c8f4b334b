"""The data that ships: what it holds, that it is what its index says, and that its licences are named."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from engine import data
from engine.data import DataSpec, shipped
from engine.errors import DataError


def spec(name, **rest):
    return DataSpec(source=f"bundled:{name}", **rest)


def test_the_sentences_are_as_many_of_praise_as_of_complaint_and_none_twice():
    reviews = data.open(data.describe(spec("reviews")))
    assert reviews.fields == data.bundled()["reviews"].fields
    assert np.bincount(reviews.arrays["sentiment"]).tolist() == [1492, 1490]
    assert len(set(reviews.arrays["text"])) == len(reviews) == 2982
    assert all(text.isprintable() for text in reviews.arrays["text"])


@pytest.mark.parametrize("name", ["digits", "breast-cancer", "diabetes", "spirals"])
def test_a_bundled_set_holds_what_its_index_says(name):
    entry = data.bundled()[name]
    dataset = data.open(spec(name))
    assert dataset.fields == entry.fields
    assert len(dataset) == entry.samples
    for field in dataset.fields:
        values = dataset.take(np.arange(len(dataset)))[field.name]
        assert values.shape == (entry.samples, *field.shape)
        assert values.dtype == field.dtype
        assert np.isfinite(values).all()
    described = data.describe(spec(name))
    assert (described.fields, described.samples) == (entry.fields, entry.samples)


def test_digits_are_the_uci_digits():
    digits = data.open(spec("digits"))
    image, label = digits.arrays["image"], digits.arrays["label"]
    assert (image.min(), image.max(), image.sum()) == (0, 16, 561718)
    assert np.bincount(label).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert image[0, 0, 0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert digits.maxima == {"image": 16.0}


def test_breast_cancer_has_212_malignant_samples():
    dataset = data.open(spec("breast-cancer"))
    field = dataset.field("diagnosis")
    assert np.bincount(dataset.arrays["diagnosis"])[field.classes.index("malignant")] == 212
    assert dataset.arrays["features"].shape == (569, 30)
    assert float(dataset.arrays["features"][0, 0]) == pytest.approx(17.99)
    assert field.classes[dataset.arrays["diagnosis"][0]] == "malignant"


def test_diabetes_can_be_opened_with_one_column():
    one = data.open(data.describe(spec("diabetes", options={"columns": ["bmi"]})))
    whole = data.open(spec("diabetes"))
    assert one.fields[0].columns == ("bmi",)
    at = whole.fields[0].columns.index("bmi")
    np.testing.assert_array_equal(one.arrays["features"][:, 0], whole.arrays["features"][:, at])
    np.testing.assert_array_equal(one.arrays["progression"], whole.arrays["progression"])
    assert (one.arrays["progression"].min(), one.arrays["progression"].max()) == (25, 346)


def test_a_column_that_is_not_there_is_refused():
    with pytest.raises(DataError, match="Data set 'diabetes': there is no column 'weight'"):
        data.open(spec("diabetes", options={"columns": ["weight"]}))


def test_spirals_are_two_balanced_arms_and_labelled_as_generated():
    dataset = data.open(spec("spirals"))
    assert np.bincount(dataset.arrays["arm"]).tolist() == [250, 250]
    assert np.abs(dataset.arrays["features"]).max() < 1.2
    assert "generated" in data.bundled()["spirals"].title
    assert any("generated" in note for note in data.preview(spec("spirals")).notes)


def test_an_unknown_set_is_refused_with_the_names_there_are():
    with pytest.raises(DataError, match="no bundled set is called 'mnist', expected one of 'digits'"):
        data.open(spec("mnist"))


def test_a_damaged_file_is_refused(tmp_path, monkeypatch):
    for file in shipped.FOLDER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    content = bytearray((tmp_path / "digits.npz").read_bytes())
    content[1000] ^= 1
    (tmp_path / "digits.npz").write_bytes(content)
    with pytest.raises(DataError, match="the bundled file is missing or changed"):
        data.open(spec("digits"))
    (tmp_path / "digits.npz").unlink()
    with pytest.raises(DataError, match="the bundled file is missing or changed"):
        data.preview(spec("digits"))


def test_every_bundled_file_is_named_with_licence_and_sha256():
    text = (shipped.FOLDER / "LICENSES.md").read_text(encoding="utf-8")
    files = {file.name for file in shipped.FOLDER.iterdir()} - {"index.json", "LICENSES.md"}
    assert files == {entry.file for entry in data.bundled().values()}
    for entry in data.bundled().values():
        assert hashlib.sha256((shipped.FOLDER / entry.file).read_bytes()).hexdigest() == entry.sha256
        section = text.split(f"## {entry.file}")[1].split("## ")[0]
        assert entry.sha256 in section
        assert f"Licence: {entry.licence}" in section
        assert "Attribution: " in section


def test_a_table_explains_each_of_its_columns():
    for entry in data.bundled().values():
        for field in entry.fields:
            for column in field.columns or (field.name,):
                assert entry.columns[column]


def test_previews_show_digits_as_thumbnails_and_tables_as_rows():
    shown = data.preview(spec("digits"), rows=10)
    assert shown.captions == tuple("0123456789")
    assert all(each.shape == (8, 8) and each.dtype == np.uint8 for each in shown.thumbnails)
    assert max(int(each.max()) for each in shown.thumbnails) == 255
    shown = data.preview(spec("diabetes"), rows=3)
    assert len(shown.rows) == 3
    assert shown.columns[-1] == "progression"
    assert shown.roles[-1] == "target"
    assert shown.samples == 442
