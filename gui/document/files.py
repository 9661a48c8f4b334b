"""Opening, saving and never losing a project: atomic saves in the background, autosave, recovery after a kill."""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout
from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from engine.errors import ProjectError
from engine.formats import project_file
from engine.formats.atomic import sweep, write_atomic
from engine.formats.elsewhere import unsaved_runs
from engine.graph import templates
from engine.graph.spec import Project
from gui.document.document import Document
from gui.document.job import Job
from gui.i18n import tr
from gui.settings import state_folder

AUTOSAVE_MS = 4000
RECENTS = 12
Stamp = tuple[int, int] | None
"""When a file was written, in nanoseconds, and how long it is; None where there is none."""


@dataclass(frozen=True)
class Recoverable:
    """Work that was not saved when its window died. `path` is the file that it belongs to, if any."""

    session: Path
    name: str
    path: Path | None
    saved_at: float


class Files(QObject):
    """The file of a Document. Reading and writing go on in a thread; `wait` lets them end."""

    opened = Signal(object)
    """The path of a project now in the document; None for a new or recovered one."""
    first_saved = Signal(object, object)
    """The project got its first file: where its runs went until now, and where they go from here on."""
    saved = Signal(object)
    """The path that holds the project now."""
    failed = Signal(str)
    """What could not be opened or saved, and why; everything is as it was."""
    busy_changed = Signal(bool)
    recents_changed = Signal()
    changed_outside = Signal(object)
    """Another program wrote the project's file."""
    would_overwrite = Signal(object)
    """Nothing was saved, since it would have taken the place of what another program wrote into this path."""

    def __init__(self, document: Document, parent: QObject | None = None):
        super().__init__(parent)
        self.document = document
        self._jobs: list[Job] = []
        self._stamps: dict[Path, Stamp] = {}  # of each file as it was when it was read or written here
        self._told_stamp: Stamp = None  # of the shown project's file, as `changed_outside` told it last
        self._left = 0  # `changes` of the document when the person agreed to leave it
        self._autosaved: tuple[Project, bytes | None] | None = None
        self._session = state_folder() / "autosave" / uuid.uuid4().hex
        self._lock: FileLock | None = None
        self._recents: list[Path] | None = None  # None until the list was read or written here
        self._watcher = QFileSystemWatcher(self)
        self._watcher.fileChanged.connect(self._look)
        self._watcher.directoryChanged.connect(self._look)
        self._timer = QTimer(self, interval=AUTOSAVE_MS)
        self._timer.timeout.connect(self.autosave)
        self._timer.start()
        document.path_changed.connect(self._watch)

    # Opening

    def open(self, path: str | Path) -> None:
        """Read a project file or folder into the document; `opened` or `failed` follows."""
        path = Path(path).absolute()

        def read() -> tuple[Stamp, project_file.ProjectFile]:
            return _stamp_of(path), project_file.read(path)

        def show(read: tuple[Stamp, project_file.ProjectFile]) -> None:
            self._stamps[path], found = read
            self._forget_autosave()
            self.document.new(found.project, found.weights, path)
            self._watch(path)
            self.opened.emit(path)
            self._remember(path)

        self._take_up(path.name, read, show)

    def new_from_template(self, name: str) -> None:
        """Take up a project from the start page, without a file; "" is an empty one."""

        def show(project: Project) -> None:
            self._forget_autosave()
            self.document.new(project)
            self.opened.emit(None)

        self._take_up(name or tr("The new project"), (lambda: templates.create(name)) if name else Project, show)

    def _take_up(self, name: str, read: Callable[[], Any], show: Callable[[Any], None]) -> None:
        """Read, then show: unless the person went on working here, who agreed to leave what was there at this moment.

        Of several openings the last one stays.
        """
        self._left = self.document.changes

        def show_unless_changed(found: Any) -> None:
            if self.document.changes != self._left:
                raise ProjectError(name, got=tr("it was not opened, as the project here was changed meanwhile"),
                                   mend=tr("open it again"))  # fmt: skip
            show(found)
            self._left = self.document.changes

        self._start(name, read, show_unless_changed)

    # Saving

    def save(self, thumbnail: bytes | None = None) -> None:
        """Write the project to its file; `saved`, `failed` or `would_overwrite` follows.

        Raises:
            ProjectError: it has no file yet: ask for one and call `save_as`.
        """
        if self.document.path is None:
            raise ProjectError(self.document.project.name, got=tr("it has no file yet"), mend=tr("choose one"))
        self._save(self.document.path, thumbnail, overwrites=False)

    def save_as(self, path: str | Path, thumbnail: bytes | None = None) -> None:
        """Write the project to this file, whatever it holds; it is the project's own from then on.

        `saved` or `failed` follows.
        """
        self._save(path, thumbnail, overwrites=True)

    def _save(self, path: str | Path, thumbnail: bytes | None, overwrites: bool) -> None:
        path = Path(path).absolute()
        if not path.suffix and not path.is_dir():
            path = path.with_suffix(project_file.SUFFIX)
        document = self.document
        before, weights, loads = document.project, document.weights, document.loads
        had_file, runs = document.path is not None, self.runs_folder()
        project = before if path == document.path else msgspec.structs.replace(before, name=path.stem)

        def write() -> bool:
            """False where the file is another one than this program knows."""
            if not overwrites and _stamp_of(path) not in (None, self._stamps.get(path)):
                return False
            project_file.write(path, project, weights, thumbnail)
            self._stamps[path] = _stamp_of(path)
            return True

        def done(was_written: bool) -> None:
            if not was_written:
                self._told_stamp = _stamp_of(document.path)  # the question tells it too
                self.would_overwrite.emit(path)
                return
            if document.loads == loads:  # else another project is open by now, which this file has nothing to do with
                document.mark_saved(before, weights)
                document.set_path(path)
                self._watch(path)  # the file is another one now: the old watch went with the old file
                if not document.is_dirty:
                    self._forget_autosave()
            if not had_file:
                self.first_saved.emit(runs, project_file.runs_folder(path))
            self._remember(path)
            self.saved.emit(path)

        self._start(path.name, write, done)

    @property
    def is_busy(self) -> bool:
        """Whether something is being read or written."""
        return bool(self._jobs)

    def wait(self) -> None:
        """Let what is being read or written come to its end, with its signals."""
        while self._jobs:
            self._jobs[0].wait()

    def close(self) -> None:
        """The window closes in good order: nothing is left to recover."""
        self._timer.stop()
        self.wait()
        self._forget_autosave()

    def _start(self, name: str, work: Callable[[], Any], done: Callable[[Any], None] = lambda _: None) -> None:
        job = Job(name, work, done, self._end)
        self._jobs.append(job)
        if len(self._jobs) == 1:
            self.busy_changed.emit(True)
            job.start()

    def _end(self, job: Job) -> None:
        self._jobs.remove(job)
        if job.error is not None:
            self.failed.emit(job.error)
        if self._jobs:
            self._jobs[0].start()
        else:
            self.busy_changed.emit(False)

    # Runs

    def runs_folder(self) -> Path:
        """Where runs go: beside the project's file, or in the state folder, under its name, while it has none.

        The name finds a run again whose window was killed before the project was ever saved.
        """
        if self.document.path is not None:
            return project_file.runs_folder(self.document.path)
        name = re.sub(r"\W+", "-", self.document.project.name).strip("-")[:64]
        return unsaved_runs() / (name or "untitled")

    # Recents

    @property
    def recents(self) -> list[Path]:
        """The projects used last, newest first, that still exist."""
        return [path for path in self._read_recents() if path.exists()]

    def forget(self, path: Path) -> None:
        """Take a project off the list."""
        self._write_recents([other for other in self._read_recents() if other != path])

    def _remember(self, path: Path) -> None:
        self._write_recents([path, *(other for other in self._read_recents() if other != path)])

    def _read_recents(self) -> list[Path]:
        if self._recents is not None:
            return self._recents
        file = state_folder() / "recents.json"
        try:
            return [Path(path) for path in msgspec.json.decode(file.read_bytes(), type=list[str])]
        except (FileNotFoundError, msgspec.DecodeError):
            return []  # the list is a convenience: none yet, or not ours, is an empty one

    def _write_recents(self, paths: list[Path]) -> None:
        self._recents = paths[:RECENTS]
        content = json.dumps([str(path) for path in self._recents]).encode()
        self._start(tr("The list of recent projects"), lambda: _keep_recents(content))
        self.recents_changed.emit()

    # Autosave

    def autosave(self) -> None:
        """Keep what no file holds where a new window finds it after a kill."""
        document = self.document
        state = document.project, document.weights
        if not document.is_dirty or self._is_same(state, self._autosaved) or self.is_busy:
            return
        own = Recoverable(self._session, state[0].name, document.path, 0.0)
        self._autosaved = state  # also where it fails: said once, tried again after the next edit
        self._start(own.name, lambda: self._keep(own, project_file.ProjectFile(*state)))

    @staticmethod
    def _is_same(one: tuple, other: tuple | None) -> bool:
        return other is not None and one[0] is other[0] and one[1] is other[1]

    def _hold_session(self) -> Path:
        """The session's folder, locked as long as this process lives."""
        self._session.mkdir(parents=True, exist_ok=True)
        if self._lock is None:
            self._lock = FileLock(self._session / "lock", thread_local=False)
            self._lock.acquire(blocking=False)
        return self._session

    def _forget_autosave(self) -> None:
        self._autosaved = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        _discard(self._session)

    def recoverable(self) -> list[Recoverable]:
        """Work whose window died before it was saved, newest first; what a kill left half written is swept."""
        found = []
        kept = state_folder() / "autosave"
        for folder in {path.parent for name in ("lock", "project.loom") for path in kept.glob(f"*/{name}")}:
            session = folder / "project.loom"
            if folder == self._session or not _is_abandoned(folder):
                continue
            sweep(folder)
            if not session.exists():  # killed before anything was kept
                _discard(folder)
                continue
            about = _read_about(folder)
            path = Path(about["path"]) if about.get("path") else None
            found.append(Recoverable(folder, str(about.get("name", "")), path, session.stat().st_mtime))
        return sorted(found, key=lambda work: -work.saved_at)

    def recover(self, work: Recoverable) -> None:
        """Take it up again, unsaved as it was; its own file is not touched until one saves."""

        def show(found: project_file.ProjectFile) -> None:
            self._forget_autosave()
            self.document.new(found.project, found.weights, work.path)
            self.document.mark_unsaved()
            stamp = _stamp_of(work.path)
            if stamp is not None and stamp[0] <= work.saved_at * 1e9:  # else another one wrote it since
                self._stamps[work.path] = stamp
            self.opened.emit(work.path)
            self._start(work.name, lambda: self._keep(work, found), lambda _: _discard(work.session))

        self._take_up(work.name, lambda: project_file.read(work.session / "project.loom"), show)

    def _keep(self, work: Recoverable, found: project_file.ProjectFile) -> None:
        """Write work into this window's own place for recovery."""
        about = {"path": str(work.path) if work.path else None, "name": work.name}
        write_atomic(self._hold_session() / "about.json", json.dumps(about).encode())
        project_file.write(self._session / "project.loom", found.project, found.weights)

    def discard(self, work: Recoverable) -> None:
        """Throw unsaved work away, as the person asked."""
        _discard(work.session)

    # Changes from outside

    def _watch(self, path: Path | None) -> None:
        watched = self._watcher.files() + self._watcher.directories()
        if watched:
            self._watcher.removePaths(watched)
        self._told_stamp = _stamp_of(path)
        if path is not None and path.exists():
            self._watcher.addPaths([str(path), str(path.parent)])

    def _look(self) -> None:
        path = self.document.path
        stamp = _stamp_of(path)
        if path is None or self.is_busy or stamp is None:
            return
        if str(path) not in self._watcher.files():
            self._watcher.addPath(str(path))
        if stamp != self._told_stamp:
            self._told_stamp = stamp
            self.changed_outside.emit(path)


def _keep_recents(content: bytes) -> None:
    try:
        write_atomic(state_folder() / "recents.json", content)
    except OSError as error:
        raise ProjectError(tr("The list of recent projects"), got=tr("it could not be kept: {reason}",
                           reason=error.strerror)) from None  # fmt: skip


def _stamp_of(path: Path | None) -> Stamp:
    """When a file or project folder was written and how long it is; None where there is none."""
    if path is None:
        return None
    file = path / project_file.PROJECT if path.is_dir() else path
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _is_abandoned(folder: Path) -> bool:
    """Whether the process that kept it is gone."""
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    lock.release()
    return True


def _read_about(folder: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode((folder / "about.json").read_bytes(), type=dict[str, str | None])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}  # killed between the two files: the project itself is whole


def _discard(folder: Path) -> None:
    for name in ("project.loom", "about.json", "lock"):
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):  # another window did the same
        if not any(folder.iterdir()):
            folder.rmdir()
