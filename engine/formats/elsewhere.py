"""Runs of a project that lie in the user's own folder, since they began before it had a file. A note names them."""

from __future__ import annotations

from pathlib import Path

from engine import folders
from engine.formats.project_file import PROJECT
from engine.formats.regular import is_folder, is_regular, read_regular

NOTE = "elsewhere.txt"
"""Beside a project's runs: the folders of those that live in another place, a path a line."""
LONGEST_NOTE = 1 << 16


def unsaved_runs() -> Path:
    """Where runs of projects that have no file yet lie, by project."""
    return folders.state() / "runs"


def is_run(folder: Path) -> bool:
    """Whether a run is there; a link leads to somewhere else, which is not this project's."""
    return is_folder(folder) and is_regular(folder / PROJECT)


def noted(runs: Path) -> list[Path]:
    """The runs of a project that could not be moved beside it yet.

    Whatever else than a run in the user's own folder a note names, as one may that somebody sent, is none.
    """
    note = runs / NOTE
    if not is_regular(note) or note.stat().st_size > LONGEST_NOTE:
        return []
    lines = read_regular(note, LONGEST_NOTE).decode("utf-8", "replace").splitlines()
    own = unsaved_runs().resolve()
    return [folder for folder in map(Path, lines) if is_run(folder) and folder.resolve().parent.parent == own]
