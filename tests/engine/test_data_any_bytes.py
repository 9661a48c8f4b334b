"""Whatever bytes a file holds, a reader opens it or says one sentence: no other exception ever comes out."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine import data
from engine.data import DataSpec, images
from engine.errors import DataError

pieces = st.sampled_from(
    [b"1", b"2.5", b"-3e4", b"nan", b"inf", b"1e999", b"a", b"b", b",", b";", b"\t", b"|", b'"', b"'", b"\n", b"\r\n",
     b"\r", b" ", b"\\", b"\xff", b"\xfe", b"\xef\xbb\xbf", b"\x00", "ä字".encode(), b"id", b"1_0", b"#", b"=", b"--"]
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(content=st.one_of(st.binary(max_size=200), st.lists(pieces, max_size=80).map(b"".join)))
def test_any_bytes_as_a_table(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "table.csv"
    path.write_bytes(content)
    spec = DataSpec(source=str(path), reader="csv", batch_size=1, validation=0.0)
    refused: list[DataError] = []
    try:
        dataset = data.open(spec)
    except DataError as error:
        refused.append(error)
    else:
        assert len(dataset) > 0
        values = dataset.take(np.arange(len(dataset)))
        assert all(values[field.name].shape == (len(dataset), *field.shape) for field in dataset.fields)
        described = data.describe(spec)
        assert data.open(described).fields == dataset.fields
    try:
        shown = data.preview(spec)
    except DataError as error:
        refused.append(error)
    else:
        assert shown.rows or shown.problem
    assert all(str(path) in str(error) for error in refused)


def damaged(content: bytes, seed: int) -> bytes:
    """Some bytes changed, most of them in the header, and sometimes the end cut off."""
    choose = random.Random(seed)
    changed = bytearray(content)
    for _ in range(choose.randint(1, 6)):
        changed[choose.randrange(min(len(changed), choose.choice([40, 200, len(changed)])))] = choose.randrange(256)
    return bytes(changed[: choose.randrange(len(changed))] if choose.random() < 0.3 else changed)


@pytest.mark.parametrize("kind", ["npz", "npy", "packed"])
def test_damaged_arrays(tmp_path, kind):
    x, y = np.random.default_rng(0).random((30, 4)), np.arange(30) % 3
    content = io.BytesIO()
    if kind == "npy":
        np.save(content, x)
    elif kind == "npz":
        np.savez(content, x=x, y=y)
    else:
        np.savez_compressed(content, x=x, y=y)
    path = tmp_path / ("a.npy" if kind == "npy" else "a.npz")
    outcomes = set()
    for seed in range(300):
        path.write_bytes(damaged(content.getvalue(), seed))
        try:
            data.open(DataSpec(source=str(path), reader="npz", batch_size=1))
            outcomes.add("opened")
        except DataError as error:
            outcomes.add("refused" if str(path) in str(error) else f"a sentence without the file: {error}")
    assert outcomes - {"opened"} == {"refused"}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "PPM"])
def test_damaged_images(tmp_path, kind):
    pixels = np.random.default_rng(0).integers(0, 255, (12, 15, 3)).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    path = tmp_path / "a.img"
    outcomes = set()
    for seed in range(150):
        path.write_bytes(damaged(content.getvalue(), seed))
        try:
            assert images.read_image(path, (4, 5), "RGB").shape == (3, 4, 5)
            outcomes.add("opened")
        except DataError as error:
            outcomes.add("refused" if str(path) in str(error) else f"a sentence without the file: {error}")
    assert outcomes == {"opened", "refused"}
