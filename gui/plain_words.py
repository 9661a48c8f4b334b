"""What others have written, shown as it stands: names that are shortened where room is short, and tooltips."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from gui.theme import theme


class ShortLabel(QLabel):
    """The name of a column or a parameter, or a sentence, shortened with an ellipsis where there is no room for all."""

    def __init__(self, column: str):
        super().__init__(column.replace("_", " "))
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setToolTip(in_plain_words(column))
        self.setMinimumWidth(60)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def shown(self) -> str:
        """What stands there."""
        return self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setPen(theme.color("secondary"))
            painter.drawText(self.rect(), self.alignment(), self.shown())


def in_plain_words(text: str, most: int = 600) -> str:
    """A tooltip that shows a stranger's text as it stands, wrapped: Qt would take "<b>" for a sign of its own.

    >>> in_plain_words("a < b")
    '<p>a &lt; b</p>'
    """
    shown = text if len(text) <= most else f"{text[:most]}…"
    return f"<p>{escape(shown)}</p>"
