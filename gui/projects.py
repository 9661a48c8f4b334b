"""Opening, saving and leaving a project: the dialogs, and the one question before work could be lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QBuffer, QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from engine.formats import project_file
from engine.graph.script import to_script
from engine.graph.spec import Project
from gui import settings
from gui.background import Background
from gui.canvas.view import CanvasView
from gui.document.document import Document
from gui.document.files import Files
from gui.first_network import first_network
from gui.i18n import tr
from gui.panels.data import DataPanel
from gui.turns import Turns, in_own_turn


class Projects(QObject):
    """`said(text, kind, fixes)` for what happened; `shown` when a project stands on the canvas."""

    said = Signal(str, str, object)
    shown = Signal()

    def __init__(self, document: Document, files: Files, canvas: CanvasView, data: DataPanel, window: QWidget) -> None:
        super().__init__(window)
        self._document, self._files, self._canvas, self._data, self._window = document, files, canvas, data, window
        self._export = Background(self)
        self._export.done.connect(lambda path: self.said.emit(tr("Script written to {path}", path=path), "good", ()))
        self._export.failed.connect(lambda error: self.said.emit(str(error), "bad", ()))
        self._wants_network = False
        self._choosing = Turns(self)
        files.opened.connect(in_own_turn(self, self.shown.emit))
        files.failed.connect(lambda text: self.said.emit(text, "bad", ()))
        files.changed_outside.connect(self._tell_change)
        files.would_overwrite.connect(self._ask_overwrite)
        document.data_changed.connect(in_own_turn(self, self._meet_data))

    # Opening

    def new(self) -> None:
        """An empty project."""
        self._leave(lambda: self._files.new_from_template(""))

    def from_template(self, name: str) -> None:
        """A project of the start page."""
        self._leave(lambda: self._files.new_from_template(name))

    def ask_open(self) -> None:
        """Let the person choose a project file."""
        path, _ = QFileDialog.getOpenFileName(
            self._window, tr("Open project"), settings.project_folder.get(),
            tr("Layerloom projects (*{suffix});;All files (*)", suffix=project_file.SUFFIX),
        )  # fmt: skip
        if path:
            self.open(Path(path))

    def open(self, path: Path) -> None:
        """Open a project file or folder."""
        settings.project_folder.set(str(path.parent))
        self._leave(lambda: self._files.open(path))

    def from_data(self, path: Path) -> None:
        """A new project around one's own file or folder, with a small network that fits it."""

        def begin() -> None:
            self._document.new(Project(name=path.stem))
            self.shown.emit()
            self._wants_network = True
            self._choosing.start(self._data.choose(path) for path in [path])  # once the window has shown itself

        self._leave(begin)

    def _meet_data(self) -> None:
        """The data that a new project was begun with are read."""
        if not self._wants_network or not self._document.project.data.fields:
            return
        self._wants_network = False
        if self.lay_out_first_network():
            self.said.emit(tr("A first network for these data: press Train, then change what you like."), "info", ())

    def lay_out_first_network(self) -> bool:
        """Put a small network that fits the data on the empty canvas, as one step. False where none fits."""
        graph = first_network(self._document.project.data)
        if self._document.nodes or not graph.nodes:
            return False
        self._document.lay_out(graph)
        self._canvas.fit_all_later()
        return True

    # Saving

    def save(self) -> None:
        """Save to the project's file, or ask for one."""
        if self._document.path is None:
            self.save_as()
        else:
            self._files.save(self._thumbnail())

    def save_as(self) -> bool:
        """Ask for a file and save there. False where the person thinks better of it."""
        folder = Path(settings.project_folder.get() or Path.home())
        suggested = self._document.path or folder / f"{self._document.project.name}{project_file.SUFFIX}"
        path, _ = QFileDialog.getSaveFileName(
            self._window, tr("Save project"), str(suggested),
            tr("Layerloom projects (*{suffix})", suffix=project_file.SUFFIX),
        )  # fmt: skip
        if not path:
            return False
        settings.project_folder.set(str(Path(path).parent))
        self._files.save_as(path, self._thumbnail())
        return True

    def export_script(self) -> None:
        """Ask for a file and write the project there as a Python script."""
        name = f"{self._document.project.name}.py"
        path, _ = QFileDialog.getSaveFileName(self._window, tr("Export script"), name, tr("Python (*.py)"))
        if not path:
            return
        project = self._document.project

        def write(progress) -> str:
            project_file.write_all_atomic({Path(path): to_script(project).encode()})
            return path

        self._export.start(write)

    def _thumbnail(self) -> bytes:
        """The canvas as a small PNG."""
        picture = self._canvas.viewport().grab().scaledToWidth(440, Qt.TransformationMode.SmoothTransformation)
        buffer = QBuffer()
        buffer.open(QBuffer.OpenModeFlag.WriteOnly)
        picture.save(buffer, "PNG")
        return bytes(buffer.data().data())

    # Leaving

    def _leave(self, then: Callable[[], object]) -> None:
        if self.may_leave():
            self._wants_network = False
            then()

    def may_leave(self) -> bool:
        """Whether the project may be given up: nothing is unsaved, or the person has decided."""
        if not self._document.is_dirty:
            return True
        question = QMessageBox(self._window)
        question.setObjectName("unsaved")
        question.setIcon(QMessageBox.Icon.NoIcon)
        question.setText(tr("Save the changes to {name}?", name=self._document.project.name))
        question.setInformativeText(tr("They are lost otherwise."))
        button = QMessageBox.StandardButton
        question.setStandardButtons(button.Save | button.Discard | button.Cancel)
        question.setDefaultButton(button.Save)
        answer = question.exec()
        if answer == button.Save:
            return self._save_now()
        return answer == button.Discard

    def _save_now(self) -> bool:
        if self._document.path is None:
            if not self.save_as():
                return False
        else:
            self.save()
        self._files.wait()
        return not self._document.is_dirty

    def _tell_change(self, path: Path) -> None:
        fixes = ((tr("Read it again"), lambda: self.open(path)),)
        self.said.emit(tr("Another program changed {name}.", name=path.name), "warn", fixes)

    def _ask_overwrite(self, path: Path) -> None:
        """Nothing was saved: what another program wrote is given up only where the person says so."""

        def overwrite() -> None:
            if self._document.path == path:
                self._files.save_as(path, self._thumbnail())

        text = tr("Another program changed {name} since it was read here; nothing was saved yet.", name=path.name)
        is_shown = self._document.path == path
        fixes = ((tr("Overwrite"), overwrite), (tr("Save as…"), self.save_as)) if is_shown else ()
        self.said.emit(text, "warn", fixes)

    def close_down(self) -> None:
        """The window goes away."""
        self._export.wait()
