"""A folder of class folders with text files: every file is a sample of the class that its folder is named as.

Options: those of `engine.data.tokens`; "without" (["ham/17.txt"]) names files that are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from engine.data.class_folders import Kind, class_folders, list_files, without_them
from engine.data.dataset import FieldDataset
from engine.data.images import IMAGES
from engine.data.source import CHOOSE_FOLDER, Progress, no_progress, report, unreadable
from engine.data.spec import DataSpec, FieldSpec
from engine.data.tokens import text_fields
from engine.errors import DataError
from engine.wording import format_size

TEXTS = Kind("text file", "files that end in .txt", frozenset((".txt",)))
MOST_BYTES = 10 * 2**20  # of one file
MOST_TOGETHER = 2 * 2**30  # of all that are kept in memory
LOOKED_AT = 20  # class folders, and entries of each


def holds_texts(folder: Path) -> bool:
    """Whether more text files than images lie in the class folders, by the first few in each."""
    found = [path for each in class_folders(folder)[:LOOKED_AT] for path in islice(each.iterdir(), LOOKED_AT)]
    return sum(map(TEXTS.holds, found)) > sum(map(IMAGES.holds, found))


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
    letters = 0
    for number, path in enumerate(files):
        try:
            texts[number] = read_text(path)
            letters += len(texts[number])
        except DataError as fault:
            faults.append((path, fault))
        if letters > MOST_TOGETHER:
            raise DataError(str(path.parent.parent), got=f"its texts have over {format_size(MOST_TOGETHER)}",
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
