"""Files of custom layers on the disk: read, watched, taken up when they change, trusted or not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from engine.errors import EngineError
from engine.formats import trust
from engine.formats.atomic import write_atomic
from engine.formats.project_file import CODE, code_files_in
from engine.graph import catalogue, custom
from engine.graph.spec import CodeFile
from gui.document.document import Document
from gui.document.trying import Trying
from gui.i18n import tr
from gui.settings import state_folder

SETTLED = 120
"""Milliseconds after which an editor has finished writing."""

TEMPLATE = '''"""A layer of your own for Layerloom. Save the file, and the palette shows it as it is then."""

from typing import Annotated

from engine import nn
from engine.describe import Range


class {name}(nn.Module):
    """Swish with a steepness.

    y = x sigmoid(beta x)

    Args:
        beta: how steep the step at zero is.

    Shape:
        x: any -> the same
    """

    def __init__(self, beta: Annotated[float, Range(0.1, 10.0)] = 1.0):
        super().__init__()
        self.beta = beta

    def forward(self, x):
        return x * (self.beta * x).sigmoid()
'''


def _make_user_folder() -> None:
    """It is there from the first start on, so that a file that is put there is noticed."""
    try:
        trust.user_folder().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(str(trust.user_folder()), got=tr("it cannot be made ({why})", why=error.strerror)) from None


class Layers(QObject):
    """The custom layers of one document. `said(text, kind)`; `trust_changed` when code was trusted or came unasked."""

    said = Signal(str, str)
    trust_changed = Signal()

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._seen: dict[Path, CodeFile] = {}  # as each file was when it was read last
        self._edited: dict[Path, None] = {}  # opened from here for editing: what the person saves there is theirs
        self._trusted: dict[str, bool] = {}
        self._told = ""
        self.trying = Trying(self.may_run, self)
        self.trying.answered.connect(document.infer_again)
        self._watcher = QFileSystemWatcher(self)
        self._timer = QTimer(self, singleShot=True, interval=SETTLED)
        self._timer.timeout.connect(self.look)
        self._watcher.fileChanged.connect(lambda path: self._timer.start())
        self._watcher.directoryChanged.connect(lambda path: self._timer.start())
        document.was_reset.connect(self._begin)
        document.path_changed.connect(lambda path: self._timer.start())
        document.layers_changed.connect(self._keep_own)
        self._safely(_make_user_folder, None)
        self._begin()

    # Trust

    def may_run(self, file: CodeFile) -> bool:
        """Whether somebody here trusts this very text; asked of the disk once."""
        if file.digest not in self._trusted:
            self._trusted[file.digest] = not self._safely(lambda: trust.untrusted([file]), (file,))
        return self._trusted[file.digest]

    def untrusted(self) -> tuple[CodeFile, ...]:
        """The files that the network needs and nobody trusts."""
        return tuple(file for file in custom.used(self._document.graph) if not self.may_run(file))

    def trust(self, files: Iterable[CodeFile]) -> None:
        """Let these run, from now on."""
        files = tuple(files)
        self._trusted |= dict.fromkeys((file.digest for file in files), True)
        self._safely(lambda: trust.remember(files), None)
        self.trust_changed.emit()
        self._document.infer_again()

    def _keep_own(self) -> None:
        """The user's own code is trusted in projects too, also when its file has gone on since."""
        own = {file.digest for file in self._seen_in(trust.user_folder())}
        carried = [file for file in self._document.project.code if file.digest in own]
        if carried:
            self._safely(lambda: trust.remember(carried), None)
        self.trust_changed.emit()

    # Files

    def new(self, name: str) -> Path:
        """A file with a first layer of that name in the user's own folder.

        Raises:
            EngineError: there is one of that name, or it cannot be written.
        """
        path = trust.user_folder() / f"{name.lower()}.py"
        if path.exists():
            raise EngineError(path.name, got=tr("there is a file of that name already"), mend=tr("choose another name"))
        self._write(path, TEMPLATE.format(name=name))
        self.look()
        return path

    def file_to_edit(self, name: str) -> Path:
        """The file on the disk to change a layer in: the user's own, the project folder's, or a copy that is watched.

        Raises:
            EngineError: no such file is known, or the copy cannot be written.
        """
        known = {file.name: file for file in self._document.layer_files}
        if name not in known:
            raise EngineError(name, got=tr("there is no such file of layers any more"))
        own, beside = trust.user_folder() / name, self._beside()
        if self._seen.get(own) == known[name]:
            return own
        path = beside / name if beside is not None else state_folder() / CODE / known[name].digest[:16] / name
        if self._seen.get(path) != known[name]:
            self._write(path, known[name].source)
            self._seen[path] = known[name]
        if self.may_run(known[name]):
            self._edited[path] = None
        self._watch()
        return path

    def _write(self, path: Path, source: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, source.encode())
        except OSError as error:
            raise EngineError(str(path), got=tr("it cannot be written ({why})", why=error.strerror)) from None

    # Changes

    def look(self) -> None:
        """Read what there is, and take up what changed since the last time."""
        before = dict(self._seen)
        own = self._read(trust.user_folder())
        beside = self._read(self._beside()) if self._beside() is not None else ()
        copies = [file for path in self._edited for file in self._read(path.parent) if file.name == path.name]
        carried = {file.name: file for file in self._document.project.code}
        self._trusted |= {file.digest: True for file in own}
        for file in own:
            was = before.get(trust.user_folder() / file.name)
            if was is not None and was != file and carried.get(file.name) == was:
                self._document.take_code(file)
        for path, file in self._changed([*self._paths(beside), *self._paths_of_copies(copies)], before):
            if path in self._edited:
                self.trust([file])
            if carried.get(file.name) != file:
                self._document.take_code(file)
        self._document.set_own_layers(own)
        self._tell_faults()
        self._watch()

    def _changed(self, files: list[tuple[Path, CodeFile]], before: dict) -> list[tuple[Path, CodeFile]]:
        return [(path, file) for path, file in files if before.get(path) != file]

    def _paths(self, beside: Iterable[CodeFile]) -> list[tuple[Path, CodeFile]]:
        return [(self._beside() / file.name, file) for file in beside]

    def _paths_of_copies(self, copies: Iterable[CodeFile]) -> list[tuple[Path, CodeFile]]:
        found = {file.name: file for file in copies}
        return [(path, found[path.name]) for path in self._edited if path.name in found]

    def _begin(self) -> None:
        """Another project: what lies beside it is what it was read from."""
        self._edited.clear()
        for file in self._document.project.code:
            beside = self._beside()
            if beside is not None:
                self._seen[beside / file.name] = file
        self.look()

    def _beside(self) -> Path | None:
        """The folder of layers in a project that is a folder."""
        path = self._document.path
        return path / CODE if path is not None and path.is_dir() else None

    def _read(self, folder: Path) -> tuple[CodeFile, ...]:
        files = self._safely(lambda: code_files_in(folder), self._seen_in(folder))
        for path in [path for path in self._seen if path.parent == folder]:
            del self._seen[path]
        self._seen |= {folder / file.name: file for file in files}
        return files

    def _seen_in(self, folder: Path) -> tuple[CodeFile, ...]:
        return tuple(file for path, file in self._seen.items() if path.parent == folder)

    def _watch(self) -> None:
        folders = [trust.user_folder(), *([self._beside()] if self._beside() is not None else [])]
        folders += [path.parent for path in self._edited]
        wanted = {str(path) for path in [*folders, *self._seen] if path.exists()}
        watched = {*self._watcher.files(), *self._watcher.directories()}
        if watched - wanted:
            self._watcher.removePaths(sorted(watched - wanted))
        if wanted - watched:
            self._watcher.addPaths(sorted(wanted - watched))

    def _tell_faults(self) -> None:
        """Say the first fault of the files, once."""
        text = str(next(iter(catalogue.faults()), ""))
        if text and text != self._told:
            self.said.emit(text, "bad")
        self._told = text

    def _safely(self, work, otherwise):
        """What cannot be read is said; what was known stays."""
        try:
            return work()
        except EngineError as error:
            if str(error) != self._told:
                self._told = str(error)
                self.said.emit(str(error), "bad")
            return otherwise

    def close_down(self) -> None:
        """The window goes away."""
        self._timer.stop()
        self.trying.close_down()
