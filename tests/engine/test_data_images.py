"""A folder of class folders: sizes, modes, thumbnails, and a plain sentence for every fault."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from engine import data
from engine.data import DataSpec, images
from engine.errors import DataError


def folder_of(root, classes=("cat", "dog"), count=3, size=(6, 8), mode="L"):
    """`count` images of each class, their grey the class's number times 100; -> the folder."""
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(count):
            Image.new(mode, size[::-1], label * 100 if mode == "L" else (label * 100, i, 7)).save(
                root / name / f"{i}.png"
            )
    return root


def spec(root, **rest):
    return DataSpec(source=str(root), reader="images", batch_size=1, **rest)


def fault(root, **rest):
    with pytest.raises(DataError) as caught:
        data.open(spec(root, **rest))
    return caught.value


def test_class_folders_become_images_and_labels(tmp_path):
    dataset = data.open(spec(folder_of(tmp_path)))
    image, label = dataset.fields
    assert (image.shape, image.role) == ((1, 6, 8), "input")
    assert (label.classes, label.role) == (("cat", "dog"), "target")
    batch = dataset.take(np.arange(6))
    assert batch["image"].shape == (6, 1, 6, 8)
    assert batch["image"].dtype == np.float32
    assert batch["image"][:, 0, 0, 0].tolist() == [0, 0, 0, 100, 100, 100]
    assert batch["label"].tolist() == [0, 0, 0, 1, 1, 1]


def test_describe_reads_no_pixels_and_agrees_with_open(tmp_path):
    root = folder_of(tmp_path, mode="RGB")
    described = data.describe(spec(root))
    assert described.samples == 6
    assert described.fields[0].shape == (3, 6, 8)
    assert data.open(described).fields == described.fields


def test_numbered_folders_are_classes_in_the_order_of_their_numbers(tmp_path):
    root = folder_of(tmp_path, classes=("10", "9", "2"))
    assert data.describe(spec(root)).fields[1].classes == ("2", "9", "10")


def test_size_and_mode_can_be_told(tmp_path):
    root = folder_of(tmp_path, mode="RGB")
    dataset = data.open(spec(root, options={"size": [4, 5], "mode": "L"}))
    assert dataset.fields[0].shape == (1, 4, 5)


def test_large_images_are_shrunk_to_256_pixels_and_others_to_the_commonest_size(tmp_path):
    root = folder_of(tmp_path, size=(512, 1024))
    Image.new("L", (30, 30)).save(root / "cat" / "small.png")
    assert data.open(spec(root)).take(np.arange(7))["image"].shape == (7, 1, 128, 256)


def test_images_of_every_mode_are_read(tmp_path):
    root = folder_of(tmp_path)
    for mode in ("1", "P", "LA", "RGBA", "I;16", "CMYK"):
        Image.new(mode, (8, 6)).save(
            root / "dog" / f"mode {mode.replace(';', '')}.{'tif' if mode == 'CMYK' else 'png'}"
        )
    assert data.open(spec(root)).take(np.arange(12))["image"].shape == (12, 3, 6, 8)


def test_transparent_pixels_are_white(tmp_path):
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert images.read_image(tmp_path / "clear.png", None, "L").tolist() == [[[255, 255], [255, 255]]]


def test_a_corrupt_image_is_named(tmp_path):
    root = folder_of(tmp_path)
    whole = (root / "dog" / "1.png").read_bytes()
    (root / "dog" / "1.png").write_bytes(whole[: len(whole) // 2])
    error = fault(root)
    assert str(error).startswith(f"{root / 'dog' / '1.png'}: the image is corrupt or no image")
    (root / "dog" / "1.png").write_text("this is a letter")
    assert str(fault(root)).startswith(f"{root / 'dog' / '1.png'}: the image is corrupt or no image")
    shown = data.preview(spec(root))
    assert "the image is corrupt" in str(shown.problem)
    assert len(shown.thumbnails) == 6


def test_a_corrupt_image_still_lets_the_others_be_previewed(tmp_path):
    root = folder_of(tmp_path, count=40)
    whole = (root / "cat" / "1.png").read_bytes()
    (root / "cat" / "1.png").write_bytes(whole[:40] + b"\0" * 20)
    shown = data.preview(spec(root), rows=10)
    assert len(shown.thumbnails) == 10
    assert str(root / "cat" / "1.png") in str(shown.problem)


@pytest.mark.parametrize("side", [11_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path, side):
    root = folder_of(tmp_path)
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    (root / "dog" / "2.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    )
    assert str(fault(root)).startswith(f"{root / 'dog' / '2.png'}: the image is huge")


def test_an_empty_folder_is_refused(tmp_path):
    assert str(fault(tmp_path)).startswith(f"{tmp_path}: the folder is empty, expected one folder of images per class")


def test_an_empty_class_folder_is_named(tmp_path):
    root = folder_of(tmp_path)
    (root / "bird").mkdir()
    assert str(fault(root)).startswith(f"{root / 'bird'}: the class folder holds no image")


def test_a_folder_of_parts_is_refused_and_says_which_to_choose(tmp_path):
    for part in ("train", "test"):
        folder_of(tmp_path / part)
    error = fault(tmp_path)
    assert str(error).startswith(f"{tmp_path / 'test'}: it holds folders of images, not images")
    assert "choose the folder 'test' itself" in str(error)


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    root = folder_of(tmp_path)
    (root / "cat" / "._0.png").write_bytes(b"resource fork")
    (root / ".cache").mkdir()
    (root / "__MACOSX").mkdir()
    assert len(data.open(spec(root))) == 6


def test_loose_images_are_refused(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    assert "the images lie loose in it" in str(fault(tmp_path))


def test_one_class_only_is_refused(tmp_path):
    assert "of one class, 'cat', expected two classes" in str(fault(folder_of(tmp_path, classes=("cat",))))


def test_a_missing_folder_and_a_file_instead_are_refused(tmp_path):
    error = fault(tmp_path / "gone")
    assert "is not there" in str(error)
    assert error.fixes[0].action == "choose_data"
    (tmp_path / "file").write_text("")
    assert "this is a file, expected a folder" in str(fault(tmp_path / "file"))


def test_the_preview_shows_thumbnails_of_all_classes_in_turn(tmp_path):
    shown = data.preview(spec(folder_of(tmp_path, size=(100, 200), mode="RGB")), rows=4)
    assert shown.captions == ("cat", "dog", "cat", "dog")
    assert shown.class_counts == {"label": {"cat": 3, "dog": 3}}
    assert all(each.dtype == np.uint8 and each.shape == (32, 64, 3) for each in shown.thumbnails)


def test_other_letters_and_spaces_in_the_path_work(tmp_path):
    root = folder_of(tmp_path / "мои фото", classes=("кот", "собака 狗"))
    assert data.open(spec(root)).fields[1].classes == ("кот", "собака 狗")


def test_more_images_than_fit_are_decoded_when_needed(tmp_path, monkeypatch):
    root = folder_of(tmp_path)
    kept = data.open(spec(root)).take(np.array([5, 0]))
    monkeypatch.setattr(images, "KEPT_BYTES", 0)
    lazy = data.open(spec(root))
    assert isinstance(lazy.arrays["image"], images.ImageFiles)
    np.testing.assert_array_equal(lazy.take(np.array([5, 0]))["image"], kept["image"])


def test_opening_images_can_be_cancelled(tmp_path):
    with pytest.raises(data.Cancelled):
        data.open(spec(folder_of(tmp_path)), progress=lambda fraction: fraction < 0.5)
