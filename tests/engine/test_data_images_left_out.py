"""Images that cannot be read are named, and may be left out."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

import engine.data
from engine.data import DataSpec
from engine.errors import DataError


@pytest.fixture
def pets(tmp_path):
    """Two classes of thirty images each, three of them corrupt, one class folder with a name of its own."""
    for name in ("cats", "Löwen"):
        folder = tmp_path / name
        folder.mkdir()
        for number in range(30):
            Image.fromarray(np.full((6, 6), 8 * number, np.uint8)).save(folder / f"{number}.png")
    for name in ("cats/7.png", "Löwen/3.png", "Löwen/21.png"):
        (tmp_path / name).write_bytes(b"GIF89a and nothing more")
    return DataSpec(str(tmp_path), reader="images", options={"size": [6, 6], "mode": "L"})


def test_one_click_leaves_all_corrupt_images_out(pets):
    with pytest.raises(DataError, match="corrupt") as caught:
        engine.data.open(pets)
    fix, again = caught.value.fixes
    assert (fix.label, again.label) == ("Leave out 3 such images", "Choose the folder again")
    assert set(fix.value["without"]) == {"cats/7.png", "Löwen/3.png", "Löwen/21.png"}
    mended = engine.data.describe(replace(pets, options=fix.value))
    assert mended.samples == 57
    assert len(engine.data.open(mended)) == 57


def test_what_was_left_out_before_stays_out(pets):
    spec = replace(pets, options={**pets.options, "without": ["cats/7.png", "cats/8.png"]})
    with pytest.raises(DataError) as caught:
        engine.data.open(spec)
    assert set(caught.value.fixes[0].value["without"]) == {"cats/7.png", "cats/8.png", "Löwen/3.png", "Löwen/21.png"}


def test_a_folder_that_went_away_is_called_a_folder(tmp_path):
    with pytest.raises(DataError, match="the folder is not there") as caught:
        engine.data.open(DataSpec(str(tmp_path / "gone"), reader="images"))
    assert caught.value.fixes[0].label == "Choose the folder again"
