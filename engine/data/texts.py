"""A folder of class folders with text files: every file is a sample of the class that its folder is named as.

Options: those of `engine.data.tokens`; "without" (["ham/17.txt"]) names files that are left out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from engine.data.class_folders import Kind, list_files, without_them
from engine.data.dataset import FieldDataset
from engine.data.images import IMAGES
from engine.data.source import CHOOSE_FOLDER, Progress, no_progress, reading, report, unreadable
from engine.data.spec import DataSpec, FieldSpec
from engine.data.tokens import text_fields
from engine.errors import DataError
from engine.wording import format_size

TEXTS = Kind("text file", "files that end in .txt", frozenset((".txt",)))
MOST_BYTES = 10 * 2**20  # of one file
MOST_TOGETHER = 2 * 2**30  # of all that are kept in memory
MOST_ENTRIES, MOST_FOLDERS, LOOKED_AT = 500, 20, 20  # of a folder, of class folders, of what lies in each of those


def holds_texts(folder: Path) -> bool:
    """Whether more text files than images lie in the class folders, by the first few in the first few.

    A window asks while it takes a drop: however much lies there, only so much is looked at.

    Raises:
        DataError: a folder cannot be read.
    """
    with reading(folder):
        folders = islice(filter(os.DirEntry.is_dir, _first(folder)), MOST_FOLDERS)
        found = [Path(each) for inside in folders for each in islice(_first(Path(inside)), LOOKED_AT)]
        return sum(map(TEXTS.holds, found)) > sum(map(IMAGES.holds, found))


def _first(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What lies in a folder, as far as it is looked at, in no order."""
    with os.scandir(folder) as entries:
        yield from islice(entries, MOST_ENTRIES)


def read_text(path: Path) -> str:
    """A file as text, in UTF-8 or else in Latin-1, as far as that is text.

    Raises:
        DataError: it cannot be read, is too large, or holds bytes that are no text.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise DataError(str(path), got=f"the text is huge: {format_size(size)}",
                            expected=f"at most {format_size(MOST_BYTES)}", mend="cut it in parts or remove it",
                            fixes=(CHOOSE_FOLDER,))  # fmt: skip
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error, CHOOSE_FOLDER) from None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace").strip()
    if b"\0" in content:
        raise DataError(str(path), got="it holds bytes that are no text", expected="a text file",
                        mend="replace it or remove it", fixes=(CHOOSE_FOLDER,))  # fmt: skip
    try:
        return content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return content.decode("latin-1").strip()


def fields_of(texts: np.ndarray, classes: Sequence[str], spec: DataSpec) -> tuple[FieldSpec, FieldSpec]:
    """The fields "text" and "label"."""
    (text,) = text_fields(["text"], [texts], spec)
    return text, FieldSpec("label", "category", (), "target", "int64", classes=tuple(classes))


def read_texts(files: Sequence[Path], spec: DataSpec, progress: Progress = no_progress) -> np.ndarray:
    """(N,) of str.

    Raises:
        DataError: a file is no text, with the mend of leaving such files out; or they do not fit in memory.
    """
    texts = np.empty(len(files), dtype=object)
    faults: list[tuple[Path, DataError]] = []
    size = 0
    for number, path in enumerate(files):
        try:
            texts[number] = read_text(path)
            size += sys.getsizeof(texts[number])  # one letter beyond Latin makes all of them wider
        except DataError as fault:
            faults.append((path, fault))
        if size > MOST_TOGETHER:
            raise DataError(str(path.parent.parent), got=f"its texts take over {format_size(MOST_TOGETHER)}",
                            expected="what fits in memory", mend="remove some of them",
                            fixes=(CHOOSE_FOLDER,))  # fmt: skip
        report(progress, (number + 1) / len(files))
    if faults:
        raise without_them(faults, TEXTS, spec.options)
    return texts


def open_texts(folder: Path, spec: DataSpec, progress: Progress = no_progress) -> FieldDataset:
    """All texts, in memory.

    Raises:
        DataError: see `list_files` and `read_texts`.
    """
    files, labels, classes = list_files(folder, TEXTS, spec.options.get("without", ()))
    texts = read_texts(files, spec, progress)
    return FieldDataset(fields_of(texts, classes, spec), {"text": texts, "label": labels})
