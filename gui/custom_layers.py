"""What a person does with custom layers: make one, open one in the editor, look at a project's code and trust it."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QInputDialog, QWidget

from engine.errors import EngineError
from engine.formats import trust
from engine.graph import catalogue
from gui import editor
from gui.document.document import Document
from gui.document.layers import Layers
from gui.i18n import counted, tr
from gui.panels.code import CodeDialog
from gui.panels.message import Message
from gui.turns import in_own_turn


class CustomLayers(QObject):
    """Between the actions, the bar that asks for trust, and the files. `said(text, kind, fixes)`."""

    said = Signal(str, str, object)

    def __init__(self, document: Document, layers: Layers, bar: Message, window: QWidget) -> None:
        super().__init__(window)
        self._document, self._layers, self._bar, self._window = document, layers, bar, window
        self._dialog: CodeDialog | None = None
        self._declined: tuple = ()
        bar.dismissed.connect(self._decline)
        layers.said.connect(lambda text, kind: self.said.emit(text, kind, ()))
        ask = in_own_turn(self, self.ask)
        for changed in (layers.trust_changed, document.was_reset, document.node_added, document.node_removed):
            changed.connect(ask)
        document.was_reset.connect(self._forget)
        document.code_wanted.connect(self.show_code)

    def ask(self) -> None:
        """Show the bar where the network needs code that nobody here trusts."""
        strange = self._layers.untrusted()
        if not strange or strange == self._declined:
            self._bar.hide()
            return
        names = ", ".join(
            f"{file.name} ({counted(len(file.source.splitlines()), tr('line'), tr('lines'))})" for file in strange
        )
        text = tr("This project brings Python code of its own: {names}, {origin}. Its layers stay off until you "
                  "trust it; everything else works.", names=names, origin=self._origin())  # fmt: skip
        self._bar.say(text, "warn", (
            (tr("Look at the code"), lambda: self.show_code(strange[0].name)),
            (tr("Trust this project"), lambda: self._layers.trust(strange)),
        ))  # fmt: skip

    def _decline(self) -> None:
        """The bar was closed: it stays away as long as the code is the same."""
        self._declined = self._layers.untrusted()

    def _origin(self) -> str:
        """By whom the project is stored, as far as the system says."""
        path = self._document.path
        if path is None or not path.exists():
            return tr("not stored yet")
        day = f"{datetime.fromtimestamp(path.stat().st_mtime):%Y-%m-%d}"
        try:
            return tr("stored by {owner} on {day}", owner=path.owner(), day=day)
        except (KeyError, NotImplementedError, OSError):  # a user that this system has no name for
            return tr("stored on {day}", day=day)

    def show_code(self, name: str = "") -> None:
        """The files of the project's layers to read, this one in front."""
        known = {file.name: file for file in self._document.layer_files}
        carried = self._document.project.code
        files = carried if any(file.name == name for file in carried) else tuple(filter(None, [known.get(name)]))
        if not files:
            return
        if self._dialog is not None:
            self._dialog.close()
        dialog = self._dialog = CodeDialog(files, self._layers.untrusted(), self._window)
        dialog.trusted.connect(self._layers.trust)
        dialog.edit_wanted.connect(self.edit)
        dialog.finished.connect(self._ask_again)
        dialog.show_file(name)
        dialog.show()

    def _forget(self) -> None:
        self._declined = ()

    def _ask_again(self, result: int) -> None:
        self._declined = ()
        self.ask()

    def make(self) -> None:
        """Ask for a name, make a file from the template and open it."""
        name, agreed = QInputDialog.getText(
            self._window, tr("New custom layer"), tr("Name of the layer, as a Python class:"), text="MySwish"
        )
        name = name.strip()
        if not agreed or not name:
            return
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]{0,40}", name) or name in catalogue.entries():
            self.said.emit(tr("“{name}” cannot be used: a layer's name begins with a capital, holds letters and "
                              "digits only, and is not taken.", name=name), "bad", ())  # fmt: skip
            return
        self._do(lambda: self._open(self._layers.new(name)))

    def edit(self, name: str) -> None:
        """Open the file of a layer in the user's editor; what is saved there is taken up at once."""
        self._do(lambda: self._open(self._layers.file_to_edit(name)))

    def open_folder(self) -> None:
        """Show the user's own folder of layers."""
        folder = trust.user_folder()
        folder.mkdir(parents=True, exist_ok=True)
        self._open(folder)

    def _open(self, path: Path) -> None:
        opened = editor.open_text(path)
        text = tr("{path} is open in your editor; what you save shows here at once.", path=path)
        if not opened:
            text = tr("Open {path} in an editor; what you save shows here at once.", path=path)
        self.said.emit(text, "info", ())

    def _do(self, work) -> None:
        try:
            work()
        except EngineError as error:
            self.said.emit(str(error), "bad", ())

    def close_down(self) -> None:
        """The window goes away."""
        self._layers.close_down()
