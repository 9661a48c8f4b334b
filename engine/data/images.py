"""A folder of class folders: every image in a folder belongs to the class of the folder's name.

Options: "size" ([height, width]) and "mode" ("L" grey or "RGB"), else both are read off the first images; "without"
(["cats/17.png"]) names images that are left out.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from engine.data.class_folders import Kind, list_files, without_them
from engine.data.dataset import FieldDataset
from engine.data.source import CHOOSE_FOLDER, Progress, no_progress, report, unreadable
from engine.data.spec import DataSpec, FieldSpec
from engine.errors import DataError

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm"))
IMAGES = Kind("image", "PNG or JPEG files", SUFFIXES)
LOOKED_AT = 20  # images whose size and mode are looked at
LARGEST_SIDE = 256  # of the size that is guessed
MOST_PIXELS = 100_000_000  # of one file: more is a decompression bomb
KEPT_BYTES = 2**30  # up to here all images are kept decoded; beyond, they are decoded when needed


def list_images(folder: Path, without: Sequence[str] = ()) -> tuple[list[Path], np.ndarray, tuple[str, ...]]:
    """The image files except those named in `without`, the class of each (N,) int64, and the names of the classes.

    Raises:
        DataError: there are no class folders, a class folder is empty, or there is one class only.
    """
    return list_files(folder, IMAGES, without)


def is_image(path: Path) -> bool:
    """By its ending; hidden files are none."""
    return IMAGES.holds(path)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The image of a file, its size checked before a pixel is decoded.

    Raises:
        DataError: the file is no image, is cut off, or is larger than can be meant; inside the block too.
    """
    from PIL import Image

    try:
        # what Pillow warns of is checked here, or harmless (odd EXIF data); not catch_warnings(), which would take the
        # warnings of other threads too
        warnings.filterwarnings("ignore", module=r"PIL\b")
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise huge(path, f"the image is huge: {image.width:,} x {image.height:,} pixels")
            yield image
    except DataError:
        raise
    except Image.DecompressionBombError:
        raise huge(path, "the image is huge") from None
    except (PermissionError, FileNotFoundError) as error:
        raise unreadable(path, error, CHOOSE_FOLDER) from None
    except (OSError, SyntaxError, ValueError, EOFError):  # all of these come from Pillow for bytes that are no image
        raise DataError(
            str(path),
            got="the image is corrupt or no image",
            expected="a whole image file",
            mend="replace it or remove it",
            fixes=(CHOOSE_FOLDER,),
        ) from None


def huge(path: Path, got: str) -> DataError:
    """An image that would fill the memory when it is decoded."""
    return DataError(
        str(path),
        got=got,
        expected=f"at most {MOST_PIXELS // 1_000_000} million pixels",
        mend="scale it down or remove it",
        fixes=(CHOOSE_FOLDER,),
    )


def read_image(path: Path, size: tuple[int, int] | None, mode: str) -> np.ndarray:
    """One image as (C, H, W) uint8, resized to `size` (height, width) where it differs; raises as `opened`."""
    from PIL import Image

    with opened(path) as image:
        pixels = _upright(image, mode)
        if size is not None and pixels.size != (size[1], size[0]):
            pixels = pixels.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        values = np.asarray(pixels)
    return values[None] if values.ndim == 2 else np.ascontiguousarray(values.transpose(2, 0, 1))


def _upright(image: Any, mode: str) -> Any:
    """Turned as the camera was held, transparency on white, in `mode`."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode in ("I;16", "I;16B", "I"):  # 16 bits: keep the upper eight
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image.convert(mode)


def guess_shape(files: list[Path], options: dict[str, Any]) -> tuple[tuple[int, int], str]:
    """Height and width and mode: told, else the commonest of images spread over the files, longest side at most 256.

    Raises:
        DataError: none of the images can be read.
    """
    size, mode = options.get("size"), options.get("mode")
    if size is not None and mode is not None:
        return tuple(size), mode
    sizes: list[tuple[int, int]] = []
    colours = False
    fault: DataError | None = None
    for path in files[:: max(1, len(files) // LOOKED_AT)][:LOOKED_AT]:
        try:
            with opened(path) as image:
                sizes.append((image.height, image.width))
                colours |= image.mode not in ("1", "L", "LA", "I", "I;16", "I;16B", "F")
        except DataError as error:  # opening all of them will say so, if others tell the size
            fault = fault or error
    if not sizes and fault is not None:
        raise fault
    height, width = Counter(sizes).most_common(1)[0][0]
    shrink = min(1.0, LARGEST_SIDE / max(height, width))
    guessed = (max(1, round(height * shrink)), max(1, round(width * shrink)))
    return tuple(size or guessed), mode or ("RGB" if colours else "L")


class ImageFiles:
    """Images that are decoded when they are asked for: indexed like an array (N, C, H, W) uint8."""

    def __init__(self, files: list[Path], size: tuple[int, int], mode: str):
        self.files, self.size, self.mode = files, size, mode
        self.shape = (len(files), 3 if mode == "RGB" else 1, *size)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        return np.stack([read_image(self.files[i], self.size, self.mode) for i in np.asarray(indices).tolist()])


def fields_of(classes: tuple[str, ...], size: tuple[int, int], mode: str) -> tuple[FieldSpec, FieldSpec]:
    """The fields "image" and "label"."""
    image = FieldSpec("image", "image", (3 if mode == "RGB" else 1, *size), "input")
    return image, FieldSpec("label", "category", (), "target", "int64", classes=classes)


def _known(spec: DataSpec) -> dict[str, Any]:
    """Size and mode that the project was made with, so that images may be added later."""
    for field in spec.fields:
        if field.kind == "image":
            return {"size": list(field.shape[1:]), "mode": "L" if field.shape[0] == 1 else "RGB"}
    return {}


def open_images(folder: Path, spec: DataSpec, progress: Progress = no_progress) -> FieldDataset:
    """All images, decoded once and kept as bytes while they fit in 1 GB, else decoded when they are needed.

    Raises:
        DataError: see `list_images` and `read_image`.
    """
    files, labels, classes = list_images(folder, spec.options.get("without", ()))
    size, mode = guess_shape(files, {**_known(spec), **spec.options})
    images: Any = ImageFiles(files, size, mode)
    if np.prod(images.shape, dtype=np.int64) <= KEPT_BYTES:
        kept = np.empty(images.shape, dtype=np.uint8)
        faults = []
        for i, path in enumerate(files):
            try:
                kept[i] = read_image(path, size, mode)
            except DataError as fault:
                faults.append((path, fault))
            report(progress, (i + 1) / len(files))
        if faults:
            raise without_them(faults, IMAGES, spec.options)
        images = kept
    return FieldDataset(
        fields_of(classes, size, mode),
        {"image": images, "label": labels},
        maxima={"image": 255.0},
        notes=(f"Images are read as {size[0]} x {size[1]} pixels, {'colour' if mode == 'RGB' else 'grey'}.",),
    )
