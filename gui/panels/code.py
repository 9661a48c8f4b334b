"""The code that a project brings, to be read before it is trusted, or opened to be changed."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from engine.graph.spec import CodeFile
from engine.wording import legible
from gui.i18n import tr
from gui.panels.controls import label, push, tabs
from gui.panels.script import PythonColors
from gui.theme import SPACE, theme


class CodeDialog(QDialog):
    """One tab a file. `trusted(files)` and `edit_wanted(name)` are what the person decides."""

    trusted = Signal(object)
    edit_wanted = Signal(str)

    def __init__(self, files: tuple[CodeFile, ...], untrusted: tuple[CodeFile, ...], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("code")
        self.setProperty("role", "ground")
        self.setWindowTitle(tr("Custom layers"))
        self.resize(760, 560)
        self._files, self._untrusted = files, untrusted
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE[3], SPACE[2], SPACE[3], SPACE[3])
        column.setSpacing(SPACE[2])
        self._about = label("", wrap=True)
        self._about.setObjectName("code-about")
        self._about.setText(self._advice())
        column.addWidget(self._about)
        self.tabs = tabs("code-tabs", tr("Files"), tuple(file.name for file in files))
        self.tabs.currentChanged.connect(self._show)
        column.addWidget(self.tabs)
        self.text = QPlainTextEdit()
        self.text.setObjectName("code-text")
        self.text.setAccessibleName(tr("Code of the layers"))
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)  # nothing hides behind the right edge
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPixelSize(12)
        self.text.setFont(font)
        self._colors = PythonColors(self.text.document())
        theme.changed.connect(self._colors.rehighlight)
        column.addWidget(self.text, 1)
        row = QHBoxLayout()
        row.addWidget(push(tr("Edit"), "code-edit", self._edit, icon="pencil"))
        row.addStretch(1)
        row.addWidget(push(tr("Close"), "code-close", self.reject))
        if untrusted:
            row.addWidget(push(tr("Trust this project"), "code-trust", self._trust, "accent"))
        column.addLayout(row)
        self._show(0)

    def show_file(self, name: str) -> None:
        """Bring this file to the front."""
        names = [file.name for file in self._files]
        if name in names:
            self.tabs.setCurrentIndex(names.index(name))

    def _advice(self) -> str:
        if not self._untrusted:
            return tr("These files may run: you trust them, or they are your own.")
        names = ", ".join(file.name for file in self._untrusted)
        return tr("Once you trust it, the code in {names} can do whatever you can do on this computer. "
                  "Trust it if you know who wrote it.", names=names)  # fmt: skip

    def _show(self, number: int) -> None:
        if 0 <= number < len(self._files):
            self.text.setPlainText(legible(self._files[number].source))

    def _edit(self) -> None:
        self.edit_wanted.emit(self._files[self.tabs.currentIndex()].name)

    def _trust(self) -> None:
        self.trusted.emit(self._untrusted)
        self.accept()
