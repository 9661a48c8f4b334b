"""What is typed, drawn or read from a file without targets becomes a batch of inputs."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from engine import data
from engine.data import DataSpec, FieldSpec, read_inputs, sample_from_inputs
from engine.errors import DataError

DIGITS = data.describe(DataSpec("bundled:digits"))
IMAGE = DIGITS.fields
TABLE = (
    FieldSpec("features", "vector", (4,), "input", columns=("age", "town=Köln", "town=Rome", "a=b")),
    FieldSpec("y", "number", (1,), "target"),
)


def test_an_image_comes_as_nested_lists_with_or_without_channel():
    drawn = [[float(x) for x in range(8)] for _ in range(8)]
    for given in ({"image": drawn}, {"image": [drawn]}):
        batch = sample_from_inputs(IMAGE, given)["image"]
        assert (batch.shape, batch.dtype) == ((1, 1, 8, 8), np.float32)
        assert batch[0, 0, 3].tolist() == drawn[3]


@pytest.mark.parametrize("nested", [True, False])
def test_a_row_comes_as_values_by_column(nested):
    row = {"age": "40", "town": "Rome", "a=b": 2}
    batch = sample_from_inputs(TABLE, {"features": row} if nested else row)["features"]
    assert batch.tolist() == [[40.0, 0.0, 1.0, 2.0]]


def test_a_row_comes_as_a_list_too():
    assert sample_from_inputs(TABLE, {"features": [1, 0, 1, 2]})["features"].tolist() == [[1, 0, 1, 2]]


def test_an_empty_value_is_a_gap():
    batch = sample_from_inputs(TABLE, {"age": "", "town": None, "a=b": 0})["features"]
    assert np.isnan(batch[0, 0])
    assert batch[0, 1:].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"features": [1, 2]}, "values of shape (2,) came, expected shape (4,)"),
        ({"features": [[1], [2, 3]]}, "no numbers in rows of one length"),
        ({"features": ["a", "b", "c", "d"]}, "no numbers"),
        ({"features": [1, 2, 3, float("nan")]}, "NaN or infinite"),
        ({"age": 3, "a=b": 1}, "no column is called 'town'"),
        ({"age": "old", "town": "Rome", "a=b": 1}, "column 'age': 'old' is no number"),
        ({"age": "inf", "town": "Rome", "a=b": 1}, "column 'age': 'inf' is no finite number"),
        ({"age": 3, "town": "Paris", "a=b": 1}, "'Paris' is no category of it, expected one of 'Köln', 'Rome'"),
        ({}, "no column is called 'age'; there are none"),
    ],
)
def test_a_faulty_sample_is_refused_with_its_place(inputs, sentence):
    with pytest.raises(DataError) as caught:
        sample_from_inputs(TABLE, inputs)
    assert str(caught.value).startswith("Input 'features'")
    assert sentence in str(caught.value)


def test_an_image_of_another_size_is_refused():
    with pytest.raises(DataError, match=r"values of shape \(2, 2\) came, expected shape \(1, 8, 8\)"):
        sample_from_inputs(IMAGE, {"image": [[1, 2], [3, 4]]})


def trained(tmp_path):
    path = tmp_path / "train.csv"
    rows = [f"{i};p {i};{i},5;{('Köln', 'Rome')[i % 2]};{i},25" for i in range(1200)]
    path.write_text("\n".join(["id;name;age;town;y", *rows]), "utf-8")
    return data.describe(DataSpec(source=str(path), reader="csv"))


def test_a_table_without_target_is_read_by_the_names_of_its_columns(tmp_path):
    spec = trained(tmp_path)
    assert spec.fields[0].columns == ("age", "town=Köln", "town=Rome")
    path = tmp_path / "new data.csv"
    path.write_text("town;comment;age\nRome;hello;3,5\n;;4,5\nKöln;;\n", "utf-8")
    batch = read_inputs(path, spec)["features"]
    np.testing.assert_array_equal(batch, np.array([[3.5, 0, 1], [4.5, 0, 0], [np.nan, 1, 0]], np.float32))


def test_reading_the_training_file_gives_the_training_inputs(tmp_path):
    spec = trained(tmp_path)
    np.testing.assert_array_equal(read_inputs(spec.source, spec)["features"], data.open(spec).arrays["features"])


def test_one_row_is_enough_and_a_category_may_look_like_a_number(tmp_path):
    fields = (FieldSpec("features", "vector", (3,), "input", columns=("x", "class=1", "class=2")),)
    (tmp_path / "one.csv").write_text("x,class\n0.5,2\n")
    batch = read_inputs(tmp_path / "one.csv", DataSpec(source="train.csv", reader="csv", fields=fields))["features"]
    assert batch.tolist() == [[0.5, 0.0, 1.0]]


def test_a_column_that_is_lacking_or_a_category_never_seen_is_named(tmp_path):
    spec = trained(tmp_path)
    path = tmp_path / "new.csv"
    path.write_text("town;size\nRome;1\n")
    with pytest.raises(DataError, match="no column is called 'age'"):
        read_inputs(path, spec)
    path.write_text("town;age\nRome;1\nParis;1\n")
    with pytest.raises(DataError, match=r"new\.csv, column 'town': 'Paris' is no category"):
        read_inputs(path, spec)


def test_an_image_file_and_a_folder_are_read_in_the_units_of_the_data(tmp_path):
    Image.new("RGB", (16, 16), "white").save(tmp_path / "b.png")
    Image.new("L", (8, 8), 51).save(tmp_path / "a.png")
    assert read_inputs(tmp_path / "b.png", DIGITS)["image"].tolist() == [[[[16.0] * 8] * 8]]
    batch = read_inputs(tmp_path, DIGITS)["image"]
    assert batch.shape == (2, 1, 8, 8)
    np.testing.assert_allclose(batch[0], 51 * 16 / 255, rtol=1e-6)


def test_arrays_are_read_by_name_or_as_the_only_one(tmp_path):
    values = np.random.default_rng(0).random((3, 8, 8))
    np.savez(tmp_path / "a.npz", image=values, other=np.ones(2))
    np.savez(tmp_path / "b.npz", whatever=values[:, None])
    np.save(tmp_path / "c.npy", values[0][None])
    for name, count in (("a.npz", 3), ("b.npz", 3), ("c.npy", 1)):
        batch = read_inputs(tmp_path / name, DIGITS)["image"]
        assert (batch.shape, batch.dtype) == ((count, 1, 8, 8), np.float32)
    np.savez(tmp_path / "d.npz", image=np.ones((3, 7, 7)))
    with pytest.raises(DataError, match=r"the array has shape \(3, 7, 7\), expected \(N, 1, 8, 8\)"):
        read_inputs(tmp_path / "d.npz", DIGITS)


def test_json_holds_one_sample_or_several(tmp_path):
    spec = DataSpec(source="train.csv", reader="csv", fields=TABLE)
    (tmp_path / "one.json").write_text('{"age": 1, "town": "Rome", "a=b": 0}')
    (tmp_path / "two.json").write_text('[{"features": [1, 0, 0, 1]}, {"features": [2, 0, 0, 1]}]')
    assert read_inputs(tmp_path / "one.json", spec)["features"].shape == (1, 4)
    assert read_inputs(tmp_path / "two.json", spec)["features"][:, 0].tolist() == [1, 2]
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DataError, match="not readable as JSON"):
        read_inputs(tmp_path / "bad.json", spec)


def test_a_file_of_another_kind_is_refused(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="it holds images, expected what the network takes: 'features"):
        read_inputs(tmp_path / "a.png", DataSpec(fields=TABLE))
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="it holds a table, expected what the network takes: 'image"):
        read_inputs(tmp_path / "t.csv", DIGITS)
    with pytest.raises(DataError, match="is not there"):
        read_inputs(tmp_path / "gone.png", DIGITS)
