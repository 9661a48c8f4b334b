"""The folder of a run: making one, finding those of a project, and what a list says of each."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from engine.formats import elsewhere
from engine.formats.atomic import write_atomic
from engine.formats.project_file import PROJECT, WEIGHTS
from engine.formats.regular import is_regular, make_folder, open_regular
from engine.graph import spec
from engine.graph.spec import Project
from engine.train.events import AnyEvent, EpochEnded, Failed, RunEnded, RunStarted, decode_event
from gui.run import process

TAIL = 1 << 16


def create(runs: Path, project: Project, base: Path, weights: bytes | None = None, name: str = "") -> Path:
    """A new folder below `runs` with the project in it, its data found from anywhere.

    `base` is the folder that a relative data source counts from.

    Raises:
        OSError: the folder cannot be written.
    """
    if name:
        folder = runs / name
        make_folder(folder)
    else:
        folder = _make_new(runs)
    write_atomic(folder / PROJECT, spec.encode(stands_alone(project, base)))
    if weights is not None:
        write_atomic(folder / WEIGHTS, weights)
    return folder


def _make_new(runs: Path) -> Path:
    """A folder of its own, whoever begins a run in the same moment: they are named by when they began, in order."""
    runs.mkdir(parents=True, exist_ok=True)
    while True:
        folder = _free(runs, time.strftime("%Y-%m-%d %H-%M-%S"))
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder


def _free(runs: Path, stem: str) -> Path:
    folder, count = runs / stem, 2
    while os.path.lexists(folder):
        folder, count = runs / f"{stem} {count}", count + 1
    return folder


def stands_alone(project: Project, base: Path) -> Project:
    """The project with its data named by a whole path, so that it can be trained from the run's folder."""
    data = project.data
    if data.reader == "bundled" or not data.source or Path(data.source).is_absolute():
        return project
    source = str((base / data.source).resolve())
    return msgspec.structs.replace(project, data=msgspec.structs.replace(data, source=source))


def find(runs: Path) -> list[Path]:
    """The run folders of a project, newest first."""
    if not runs.is_dir():
        return []
    folders = [folder for folder in runs.iterdir() if elsewhere.is_run(folder) and not folder.name.startswith(".")]
    return sorted(folders + elsewhere.noted(runs), key=lambda folder: (_began(folder), folder.name), reverse=True)


def adopt(folders: Iterable[Path], runs: Path) -> dict[Path, Path]:
    """Move runs that have ended below `runs`; what lives, or lies on another disk, is noted there and found by `find`.

    Returns where each that moved has gone.
    """
    folders = list(folders)
    if not folders:
        return {}
    moved: dict[Path, Path] = {}
    left = []
    runs.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        if process.is_alive(folder):
            left.append(folder)
            continue
        try:
            moved[folder] = folder.rename(_free(runs, folder.name))
        except OSError:
            left.append(folder)  # where it is it can still be found
    noted = [folder for folder in elsewhere.noted(runs) if folder not in moved]
    lines = "".join(f"{folder}\n" for folder in dict.fromkeys([*noted, *left]))
    if lines or os.path.lexists(runs / elsewhere.NOTE):
        write_atomic(runs / elsewhere.NOTE, lines.encode())
    return moved


def _began(folder: Path) -> float:
    """When the run said its first word; before that, when its project was written."""
    first = _head(folder)
    return first.time if first is not None and first.time else (folder / PROJECT).stat().st_mtime


def _head(folder: Path) -> RunStarted | None:
    path = folder / process.EVENTS
    if not is_regular(path):
        return None
    try:
        with open_regular(path, "rb") as file:
            event = parse(file.readline(TAIL))
    except PermissionError:  # somebody else's: it stands in the list by its folder's name
        return None
    return event if isinstance(event, RunStarted) else None


def parse(line: bytes) -> AnyEvent | None:
    """The event of a line. None for a line that was torn when its writer was killed.

    What a later process wrote behind the torn piece, on the same line, is found.
    """
    whole = line[line.rfind(b'{"event"') :] if line.count(b'{"event"') > 1 else line
    try:
        return decode_event(whole)
    except msgspec.DecodeError:
        return None


HEADLINES = ("accuracy", "r2", "f1", "roc_auc", "recall", "precision", "top3", "top5")
"""Metrics of which more is better, the most telling first."""


@dataclass(frozen=True)
class Summary:
    """One line of the list of runs. `figure` is the best value of `metric`, None before the first epoch ended."""

    folder: Path
    title: str
    state: str
    metric: str = "loss"
    figure: float | None = None


def headline(metrics: Iterable[str]) -> str:
    """The metric by which a run is named.

    >>> headline(("mae", "rmse", "r2")), headline(iter(("f1",))), headline(())
    ('r2', 'f1', 'loss')
    """
    known = set(metrics)
    return next((name for name in HEADLINES if name in known), "loss")


def summarise(folder: Path) -> Summary:
    """Read the head and the tail of the run's events; a few milliseconds however long the run was."""
    head = _head(folder)
    if head is None:
        return Summary(folder, folder.name, "starting" if process.is_alive(folder) else "failed")
    events = _last_events(folder)
    ended = next((event for event in reversed(events) if isinstance(event, RunEnded)), None)
    started = next((event for event in reversed(events) if isinstance(event, RunStarted) and not event.serving), None)
    if ended is not None and started is not None and started.seq > ended.seq:
        ended = None
    failed = any(isinstance(event, Failed) for event in events)
    epochs = [event for event in events if isinstance(event, EpochEnded)]
    metric = headline(head.metrics)
    return Summary(folder, _title(head.time), _state(folder, ended, failed), metric, _figure(metric, ended, epochs))


def _state(folder: Path, ended: RunEnded | None, failed: bool) -> str:
    if ended is not None:
        return ended.reason if ended.reason in ("failed", "stopped") else "finished"
    if process.is_alive(folder):
        return "running"
    return "failed" if failed else "lost"


def _figure(metric: str, ended: RunEnded | None, epochs: list[EpochEnded]) -> float | None:
    if ended is not None and metric in ended.best:
        return ended.best[metric]
    best = min if metric == "loss" else max
    return best((event.validation[metric] for event in epochs if metric in event.validation), default=None)


def summarise_title(folder: Path) -> str:
    """When the run began, as people say it."""
    head = _head(folder)
    return _title(head.time) if head is not None else folder.name


def _title(began: float) -> str:
    moment = datetime.fromtimestamp(began)
    today = moment.date() == datetime.now().date()
    return moment.strftime("%H:%M:%S" if today else "%d %b %H:%M")


def _last_events(folder: Path) -> list[AnyEvent]:
    path = folder / process.EVENTS
    with open_regular(path, "rb") as file:
        start = max(0, file.seek(0, 2) - TAIL)
        file.seek(start)
        lines = file.read().splitlines()
    events = [parse(line) for line in (lines[1:] if start else lines)]
    return [event for event in events if event is not None]
