"""What each column of a table is for: a row of the panel for each, with a choice."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout, QWidget

from gui.i18n import tr
from gui.panels.controls import clear, label
from gui.panels.editors import ChoiceBox
from gui.plain_words import ShortLabel
from gui.turns import Turns

MOST = 60
"""Columns that have a row."""
TEXT = "text"
"""An input that is read token by token."""


class RolesView(QWidget):
    """`chosen(column, role)` when a person gave a column another role: "input", "text", "target" or "unused"."""

    chosen = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(label(tr("Columns"), "caps"))
        self._frame = QFrame()
        self._frame.setObjectName("data-roles")
        self._grid = QGridLayout(self._frame)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(0, 1)
        column.addWidget(self._frame)
        self._shown: tuple[tuple[str, str, str], ...] = ()
        self.making = Turns(self)

    def show_columns(self, columns: tuple[tuple[str, str, str], ...]) -> None:
        """Show each column by its name, its role and its kind; nothing is made anew where they stand already."""
        self.setVisible(bool(columns))
        if columns == self._shown:
            return
        self._shown = columns
        clear(self._grid)
        self.making.start(self._make(columns[:MOST]))

    def forget(self) -> None:
        """What stands there was changed by hand and is not so."""
        self._shown = ()

    def _make(self, columns: tuple[tuple[str, str, str], ...]) -> Iterator[None]:
        for row, (name, role, kind) in enumerate(columns):
            self._grid.addWidget(ShortLabel(name), row, 0)
            words = {"input": tr("Input"), "target": tr("Target"), "unused": tr("Unused")}
            if kind != "number":
                words = {"input": tr("Input"), TEXT: tr("Text"), "target": tr("Target"), "unused": tr("Unused")}
            box = ChoiceBox(list(words), list(words.values()))
            box.setObjectName(f"data-role-{name}")
            box.setAccessibleName(tr("Role of {column}", column=name))
            box.setToolTip(
                tr("Input: a number, or one of some classes. Text: read word by word.") if TEXT in words else ""
            )
            box.setFixedWidth(110)
            box.show_value(TEXT if role == "input" and kind == "text" else role)
            box.edited.connect(lambda value, gesture, name=name: self.chosen.emit(name, value))
            self._grid.addWidget(box, row, 1)
            yield
