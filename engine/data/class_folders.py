"""A folder of class folders: whatever lies in one belongs to the class of the folder's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.data.source import CHOOSE_FOLDER, reading
from engine.data.table import one_class_only
from engine.errors import DataError, Fix


@dataclass(frozen=True)
class Kind:
    """What lies in the folders: a word for one, a word for the files that are expected, and how their names end."""

    thing: str
    files: str
    suffixes: frozenset[str]

    def holds(self, path: Path) -> bool:
        """Whether it is such a file, by its ending; hidden ones are none."""
        return path.suffix.lower() in self.suffixes and not path.name.startswith(".") and path.is_file()


def list_files(folder: Path, kind: Kind, without: Sequence[str] = ()) -> tuple[list[Path], np.ndarray, tuple[str, ...]]:
    """The files except those named in `without`, the class of each (N,) int64, and the names of the classes.

    Raises:
        DataError: there are no class folders, a class folder is empty, there is one class only, or one may not be read.
    """
    with reading(folder):
        return _list_files(folder, kind, frozenset(without))


def _list_files(folder: Path, kind: Kind, left_out: frozenset[str]) -> tuple[list[Path], np.ndarray, tuple[str, ...]]:
    folders = _class_folders(folder)
    if not folders:
        got = f"the {kind.thing}s lie loose in it" if any(map(kind.holds, folder.iterdir())) else "the folder is empty"
        raise DataError(
            str(folder),
            got=got,
            expected=f"one folder of {kind.thing}s per class, named as the class",
            mend=f"sort the {kind.thing}s into class folders",
            fixes=(CHOOSE_FOLDER,),
        )
    files: list[Path] = []
    labels: list[int] = []
    for label, each in enumerate(folders):
        inside = [f for f in sorted(filter(kind.holds, each.iterdir())) if f"{each.name}/{f.name}" not in left_out]
        if not inside:
            raise _nothing_in(each, kind)
        files += inside
        labels += [label] * len(inside)
    if len(folders) < 2:
        raise one_class_only(str(folder), "label", folders[0].name)
    return files, np.array(labels, dtype=np.int64), tuple(f.name for f in folders)


def _class_folders(folder: Path) -> list[Path]:
    """The folders in a folder, by number or by name, but for hidden ones."""
    return sorted((f for f in folder.iterdir() if f.is_dir() and not f.name.startswith((".", "__"))), key=_natural)


def _nothing_in(folder: Path, kind: Kind) -> DataError:
    deeper = [f for f in folder.iterdir() if f.is_dir() and any(map(kind.holds, f.iterdir()))]
    if deeper:
        return DataError(
            str(folder),
            got=f"it holds folders of {kind.thing}s, not {kind.thing}s",
            expected=f"one folder of {kind.thing}s per class",
            mend=f"choose the folder {folder.name!r} itself",
            fixes=(CHOOSE_FOLDER,),
        )
    return DataError(
        str(folder),
        got=f"the class folder holds no {kind.thing}",
        expected=kind.files,
        mend=f"put {kind.thing}s in or remove the folder",
        fixes=(CHOOSE_FOLDER,),
    )


def _natural(path: Path) -> tuple[bool, int, str]:
    """Folders "0" to "10" by number, others by name."""
    is_number = path.name.isdecimal()
    return not is_number, int(path.name) if is_number else 0, path.name


def without_them(faults: list[tuple[Path, DataError]], kind: Kind, options: dict[str, Any]) -> DataError:
    """The first of the faults in files, with the mend of leaving all of these files out."""
    names = [f"{path.parent.name}/{path.name}" for path, _ in faults]
    label = "Leave it out" if len(names) == 1 else f"Leave out {len(names)} such {kind.thing}s"
    left_out = sorted({*options.get("without", ()), *names})
    first = faults[0][1]
    fix = Fix(label, "set_data", name="options", value={**options, "without": left_out})
    return DataError(first.where, first.got, first.expected, first.mend, fixes=(fix, CHOOSE_FOLDER))
