"""The project as the Python script that it is: read only, one click away."""

from __future__ import annotations

import re
from itertools import accumulate

from PySide6.QtGui import QFontDatabase, QGuiApplication, QSyntaxHighlighter, QTextCharFormat
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from engine.errors import EngineError
from engine.graph.script import to_script
from gui.background import Background
from gui.document.document import Document
from gui.i18n import tr
from gui.panels.controls import label, push
from gui.theme import SPACE, theme

_WORDS = re.compile(
    r"\b(import|from|as|class|def|return|for|in|if|else|with|not|and|or|None|True|False|self|yield|while|pass)\b"
)
_NUMBERS = re.compile(r"\b\d[\d_.e-]*\b")
_LONG = ('"""', "'''")
_TEXTS = re.compile(r"""#.*|\"{3}|'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'""")
_ENDS = [re.compile(rf"(?:\\.|[^\\])*?{quotes}") for quotes in _LONG]
"""Up to the end of a text in three quotes."""


class ScriptView(QWidget):
    """Written anew whenever it is looked at and the project has changed."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self.setObjectName("script")
        self.setProperty("role", "ground")
        self._document = document
        self._written = None
        self._work = Background(self)
        self._work.done.connect(self._show)
        self._work.failed.connect(lambda error: self._show(f"# {error}"))
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE[3], SPACE[0], SPACE[3], SPACE[2])
        row = QHBoxLayout()
        row.addWidget(label(tr("Runs without the window: python script.py"), "secondary"), 1)
        row.addWidget(push(tr("Copy"), "script-copy", self._copy, icon="copy"))
        column.addLayout(row)
        self.text = QPlainTextEdit()
        self.text.setObjectName("script-text")
        self.text.setAccessibleName(tr("Python script"))
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPixelSize(12)
        self.text.setFont(font)
        self._colors = PythonColors(self.text.document())
        theme.changed.connect(self._colors.rehighlight)
        column.addWidget(self.text)
        for signal in (document.was_reset, document.data_changed, document.training_changed,
                       document.inference_changed):  # fmt: skip
            signal.connect(self._write)

    def showEvent(self, event) -> None:
        super().showEvent(event)
        self._write()

    def _write(self, *_: object) -> None:
        project = self._document.project
        if self.isVisible() and project is not self._written:
            self._written = project
            self._work.start(lambda progress: _script(project))

    def _show(self, text: str) -> None:
        place = self.text.verticalScrollBar().value()
        self.text.setPlainText(text)
        self.text.verticalScrollBar().setValue(place)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())

    def close_down(self) -> None:
        """The window goes away."""
        self._work.wait()


def _script(project) -> str:
    try:
        return to_script(project)
    except EngineError as error:
        return f"# The script can be written once the network is whole.\n# {error}\n"


class PythonColors(QSyntaxHighlighter):
    """Keywords, numbers, comments and texts in the theme's colours; a text in three quotes over all its lines."""

    def highlightBlock(self, text: str) -> None:
        beyond = (1 + (letter > "\uffff") for letter in text)  # such a letter counts twice for Qt
        self._places = list(accumulate(beyond, initial=0))
        for pattern, color in ((_WORDS, "accent"), (_NUMBERS, "warn")):
            for match in pattern.finditer(text):
                self._colour(match.start(), match.end(), color)
        self.setCurrentBlockState(self._colour_texts(text, max(0, self.previousBlockState())))

    def _colour_texts(self, line: str, opened: int) -> int:
        """Comments and texts; `opened`, and what is returned, says which long text goes on: 0 none, 1 the first."""
        start = 0
        while True:
            if opened:
                end = _ENDS[opened - 1].match(line, start)
                self._colour(start, end.end() if end else len(line), "good")
                if end is None:
                    return opened
                opened, start = 0, end.end()
            found = _TEXTS.search(line, start)
            if found is None:
                return 0
            opened = _LONG.index(found.group()) + 1 if found.group() in _LONG else 0
            self._colour(found.start(), found.end(), "faint" if found.group().startswith("#") else "good")
            start = found.end()

    def _colour(self, start: int, end: int, color: str) -> None:
        form = QTextCharFormat()
        form.setForeground(theme.color(color))
        self.setFormat(self._places[start], self._places[end] - self._places[start], form)
