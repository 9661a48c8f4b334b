"""Arrays from NPZ and NPY: roles by name and shape, and a plain sentence for every fault."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from engine import data
from engine.data import DataSpec
from engine.errors import DataError

RNG = np.random.default_rng(0)


def spec(path, **rest):
    return DataSpec(source=str(path), reader="npz", batch_size=1, **rest)


def saved(folder, **arrays):
    np.savez(folder / "set.npz", **arrays)
    return folder / "set.npz"


def fault(path, **rest):
    with pytest.raises(DataError) as caught:
        data.open(spec(path, **rest))
    return caught.value


def test_x_and_y_are_found_by_name(tmp_path):
    path = saved(tmp_path, x=RNG.normal(size=(40, 3)), y=np.arange(40) % 4, weights=np.ones(5))
    dataset = data.open(spec(path))
    assert [(f.name, f.kind, f.shape, f.role) for f in dataset.fields] == [
        ("x", "vector", (3,), "input"), ("y", "category", (), "target"),
    ]  # fmt: skip
    assert dataset.fields[1].classes == ("0", "1", "2", "3")
    assert data.describe(spec(path)).samples == 40


def test_names_that_say_nothing_are_told_apart_by_shape(tmp_path):
    path = saved(tmp_path, measured=RNG.normal(size=(30, 3)), grade=np.arange(30) % 3)
    assert {f.name: f.role for f in data.open(spec(path)).fields} == {"measured": "input", "grade": "target"}


def test_roles_replace_the_guess(tmp_path):
    path = saved(tmp_path, x=RNG.normal(size=(30, 3)), a=RNG.normal(size=30), b=RNG.normal(size=30))
    dataset = data.open(spec(path, roles={"b": "target", "a": "unused"}))
    assert [f.name for f in dataset.fields] == ["x", "b"]
    assert dataset.fields[1].kind == "number"
    assert dataset.arrays["b"].shape == (30, 1)
    assert "there is no array 'z'" in str(fault(path, roles={"z": "input"}))


@pytest.mark.parametrize("shape", [(20, 8, 9), (20, 8, 9, 1), (20, 1, 8, 9)])
def test_grey_images_become_channels_first(tmp_path, shape):
    images = RNG.integers(0, 255, shape).astype(np.uint8)
    dataset = data.open(spec(saved(tmp_path, images=images, labels=np.arange(20) % 2)))
    assert dataset.fields[0].shape == (1, 8, 9)
    np.testing.assert_array_equal(dataset.take(np.arange(20))["images"].ravel(), images.ravel().astype(np.float32))
    assert dataset.maxima == {"images": 255.0}


def test_one_hot_targets_become_classes(tmp_path):
    path = saved(tmp_path, x=RNG.normal(size=(20, 3)), y=np.eye(4)[np.arange(20) % 4])
    assert data.open(spec(path)).arrays["y"].tolist() == [i % 4 for i in range(20)]


def test_text_labels_become_classes(tmp_path):
    path = saved(tmp_path, x=RNG.normal(size=(20, 3)), y=np.array(["b", "a"] * 10))
    assert data.open(spec(path)).fields[1].classes == ("a", "b")


def test_a_npy_table_takes_its_last_column_as_the_target(tmp_path):
    np.save(tmp_path / "set.npy", RNG.normal(size=(20, 4)))
    assert [f.shape for f in data.open(spec(tmp_path / "set.npy")).fields] == [(3,), (1,)]
    np.save(tmp_path / "flat.npy", RNG.normal(size=20))
    assert "the array has shape (20,), expected (samples, columns)" in str(fault(tmp_path / "flat.npy"))


def test_pickled_objects_are_never_loaded(tmp_path):
    path = tmp_path / "objects.npz"
    np.savez(path, x=np.array([{"run": "me"}], dtype=object), y=np.zeros(1), allow_pickle=True)
    assert str(fault(path)).startswith(f"{path}: an array holds Python objects, which could run code")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_placed(tmp_path, value):
    x = np.ones((20, 3))
    x[7, 2] = value
    path = saved(tmp_path, x=x, y=np.arange(20) % 2)
    assert f"{path}, array 'x': 1 of its values are NaN or infinite, the first at [7, 2]" in str(fault(path))


def test_lengths_that_differ_are_told(tmp_path):
    path = saved(tmp_path, x=np.ones((20, 3)), y=np.zeros(19))
    assert "'x' has 20, 'y' has 19" in str(fault(path))


def test_one_class_only_is_refused(tmp_path):
    assert "of one class, '1'" in str(fault(saved(tmp_path, x=np.ones((20, 3)), y=np.ones(20, np.int64))))


def test_a_truncated_file_and_no_file_at_all_are_refused(tmp_path):
    path = saved(tmp_path, x=np.ones((20, 3)), y=np.arange(20) % 2)
    path.write_bytes(path.read_bytes()[:200])
    assert str(fault(path)).startswith(f"{path}: it is cut off or no NumPy file")
    (tmp_path / "text.npy").write_text("not an array")
    assert "it is cut off or no NumPy file" in str(fault(tmp_path / "text.npy"))
    assert "is not there" in str(fault(tmp_path / "gone.npz"))


def test_an_array_that_would_fill_the_memory_is_refused_unread(tmp_path, monkeypatch):
    from engine.data import npz

    monkeypatch.setattr(npz, "MOST_BYTES", 1000)
    assert "it unpacks to" in str(fault(saved(tmp_path, x=np.ones((200, 3)), y=np.arange(200) % 2)))


def test_a_header_that_lies_about_its_shape_is_refused(tmp_path):
    path = tmp_path / "lie.npz"
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 3), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 64)
    assert str(fault(path)).startswith(f"{path}: ")


def test_a_file_with_one_array_asks_for_the_other(tmp_path):
    assert "no array is the target; it holds 'x'" in str(fault(saved(tmp_path, x=np.ones((20, 3)))))


def test_the_preview_of_tables_and_images(tmp_path):
    path = saved(tmp_path, x=np.ones((20, 3)), y=np.arange(20) % 2)
    shown = data.preview(spec(path), rows=2)
    assert shown.rows == (("1", "1", "1", "0"), ("1", "1", "1", "1"))
    assert shown.class_counts == {"y": {"0": 10, "1": 10}}
    path = saved(tmp_path, x=np.full((20, 4, 4), 2.0), y=np.arange(20) % 2)
    shown = data.preview(spec(path), rows=3)
    assert shown.thumbnails[0].shape == (4, 4)
    assert shown.captions == ("0", "1", "0")
