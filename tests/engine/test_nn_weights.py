"""save and load: round trips, files that lie, saves that fail."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine
from engine import nn
from engine.errors import EngineError
from engine.formats import weights


def file_of(header, data=b""):
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    return len(text).to_bytes(8, "little") + text + data


def test_a_state_dict_comes_back_and_others_can_read_it(tmp_path):
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    path = tmp_path / "模型 one.safetensors"
    engine.save(model.state_dict(), path)
    theirs = safetensors.numpy.load_file(path)
    ours = engine.load(path)
    assert list(ours) == list(model.state_dict())
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(theirs[key], value.numpy())
        np.testing.assert_array_equal(ours[key].numpy(), value.numpy())
        assert ours[key].dtype == value.dtype
        assert ours[key].shape == value.shape


def test_files_of_others_are_read(tmp_path):
    safetensors.numpy.save_file({"a": np.arange(6.0).reshape(2, 3)}, tmp_path / "x", metadata={"format": "pt"})
    assert engine.load(tmp_path / "x")["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_transposed_weight_is_saved_as_it_reads(tmp_path):
    weight = engine.arange(6).reshape(2, 3).float().t()
    engine.save({"weight": weight, "every other": engine.arange(10)[::2]}, tmp_path / "x")
    loaded = engine.load(tmp_path / "x")
    assert loaded["weight"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert loaded["every other"].tolist() == [0, 2, 4, 6, 8]
    np.testing.assert_array_equal(safetensors.numpy.load_file(tmp_path / "x")["weight"], weight.numpy())


@pytest.mark.parametrize("make", [engine.optim.SGD, engine.optim.Adam, engine.optim.RMSprop])
def test_an_optimizers_state_comes_back_nested(make, tmp_path):
    layer = nn.Linear(3, 2)
    optimizer = make(layer.parameters(), lr=0.1, **({"momentum": 0.9} if make is engine.optim.SGD else {}))
    layer(engine.ones(1, 3)).sum().backward()
    optimizer.step()
    saved = {"optimizer": optimizer.state_dict(), "epoch": 3}
    engine.save(saved, tmp_path / "x")
    loaded = engine.load(tmp_path / "x")
    assert loaded["epoch"] == 3
    assert loaded["optimizer"]["param_groups"] == saved["optimizer"]["param_groups"]
    assert list(loaded["optimizer"]["state"]) == [0, 1]
    for name, value in saved["optimizer"]["state"][0].items():
        got = loaded["optimizer"]["state"][0][name]
        np.testing.assert_array_equal(np.asarray(got), np.asarray(value))
    make(layer.parameters(), lr=0.5).load_state_dict(loaded["optimizer"])


def test_every_kind_of_plain_value_comes_back_as_it_was():
    value = {
        "none": None, "yes": True, "n": -3, "x": 0.1, "text": "汉字", "inf": math.inf, "-inf": -math.inf,
        "pair": (1, (2.5, "a")), "list": [1, [engine.ones(1)], {}], "numbers": {0: {1: 2}, (1, 2): "b"},
        "$odd": {"$tensor": "x"}, "a.b": engine.zeros(1), "a": {"b": engine.ones(1)},
    }  # fmt: skip
    back = weights.unpack(weights.pack(value))
    assert back["list"][1][0].tolist() == [1.0]
    assert back["a.b"].tolist() == [0.0]
    assert back["a"]["b"].tolist() == [1.0]
    for key in value.keys() - {"list", "a.b", "a"}:
        assert back[key] == value[key], key
        assert type(back[key]) is type(value[key]), key
    assert math.isnan(weights.unpack(weights.pack([math.nan]))[0])
    assert weights.unpack(weights.pack(engine.tensor(2.5))).item() == 2.5


def test_every_dtype_and_shape_comes_back():
    for dtype in (np.float32, np.float64, np.int64, np.bool_):
        for shape in ((), (0,), (3, 0), (2, 3)):
            array = np.ones(shape, dtype)
            back = weights.unpack(weights.pack({"x": engine.from_numpy(array)}))["x"].numpy()
            assert back.dtype == dtype
            assert back.shape == shape
            np.testing.assert_array_equal(back, array)


def test_bfloat16_is_widened():
    bits = np.array([0x3F80, 0xC000], np.uint16)  # 1, -2
    content = file_of({"x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}, bits.tobytes())
    assert weights.unpack(content)["x"].tolist() == [1.0, -2.0]


def test_loaded_tensors_can_be_changed():
    loaded = weights.unpack(weights.pack({"x": engine.zeros(2)}))
    loaded["x"].add_(1)
    assert loaded["x"].tolist() == [1.0, 1.0]


def test_open_files_are_written_and_read():
    file = io.BytesIO()
    engine.save({"x": engine.ones(1)}, file)
    file.seek(0)
    assert engine.load(file, map_location="cpu", weights_only=True)["x"].tolist() == [1.0]


def test_a_value_that_cannot_be_kept_is_named_by_its_key(tmp_path):
    with pytest.raises(EngineError, match=r"'a\.b'.*object cannot be kept"):
        engine.save({"a": {"b": object()}}, tmp_path / "x")
    with pytest.raises(EngineError, match=r"save its state_dict\(\)"):
        engine.save(nn.Linear(1, 1), tmp_path / "x")
    with pytest.raises(EngineError, match="'words'"):
        engine.save({"words": np.array(["a"])}, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "x"
    engine.save({"x": engine.ones(1)}, path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        engine.save({"x": engine.zeros(1)}, path)
    monkeypatch.undo()
    assert engine.load(path)["x"].tolist() == [1.0]
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def entry(begin=0, end=8, shape=(2,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cut off"),
        (b"\xff" * 20, "cut off"),
        (file_of({"x": entry()}, b"12345678")[:-1], "the file may be cut off"),
        (file_of({"x": entry()}, b"123456789"), "9 bytes of data"),
        (file_of(b"[1, 2]"), "no table"),
        (file_of(b"{oops"), "header is not readable"),
        (file_of(b"[" * 100_000), "header is not readable"),
        (file_of(b'{"x": 1, "x": 2}'), "header is not readable"),
        (file_of({"x": 3}), "'x': its entry"),
        (file_of({"x": entry(dtype="F8")}, b"12345678"), "'x': values of type F8"),
        (file_of({"x": entry(shape=[3])}, b"12345678"), r"'x': 8 bytes, expected 12 for shape \(3,\)"),
        (file_of({"x": entry(shape=[-1, -2])}, b"12345678"), "'x': its shape"),
        (file_of({"x": entry(shape=[2**40, 2**40])}, b"12345678"), "'x': 8 bytes, expected"),
        (file_of({"x": entry(shape=[True, 2])}, b"12345678"), "'x': its shape"),
        (file_of({"x": entry(4, 12)}, b"1" * 12), "'x': its data begin at byte 4"),
        (file_of({"x": entry(), "y": entry(4, 12)}, b"1" * 12), "'y': its data begin at byte 4, expected byte 8"),
        (file_of({"x": entry(8, 0)}), "'x': -8 bytes"),
        (file_of({"__metadata__": {"layerloom": "{"}}), "not readable"),
        (file_of({"__metadata__": {"layerloom": '{"$tensor": "gone"}'}}), "'gone' is missing"),
        (file_of({"__metadata__": {"layerloom": '{"$tensor": []}'}}), "is missing"),
        (file_of({"__metadata__": {"layerloom": '{"$dict": [1]}'}}), "not readable"),
        (file_of({"__metadata__": {"layerloom": '{"$dict": [[[], 1]]}'}}), "not readable"),
        (file_of({"__metadata__": {"layerloom": 3}}), "not readable"),
        (file_of({"__metadata__": {"layerloom": "[" * 990 + "]" * 990}}), "nested too deeply"),
        (b"PK\x03\x04" + b"0" * 50, "torch.save"),
    ],
)
def test_a_file_whose_header_lies_is_refused_by_name(content, words, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(EngineError, match=words) as fault:
        engine.load(path)
    assert str(path) in str(fault.value)


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        engine.load(tmp_path / "nothing")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.integers(), st.text()), inner)
    ),
    max_leaves=12,
)


@given(PLAIN)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_nesting_of_plain_values_comes_back(value):
    back = weights.unpack(weights.pack(value))
    assert back == value
    assert repr(back) == repr(value)


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_damaged_file_is_refused_or_read_but_never_breaks_the_reader(data):
    content = bytearray(weights.pack({"w": np.ones((2, 3), np.float32), "state": {0: (1.5, "x")}, "n": [np.zeros(2)]}))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(0, len(content)))]) if data.draw(st.booleans()) else bytes(content)
    with contextlib.suppress(EngineError):
        weights.unpack(content)
