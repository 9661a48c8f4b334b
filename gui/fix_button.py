"""A mend to click, in a card of the width of a panel."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QPushButton, QWidget

from gui.plain_words import in_plain_words
from gui.theme import theme

TEXT_WIDTH = 220
"""Pixels that a text has in a button in such a card."""


class FixButton(QPushButton):
    """Says what the mend does, over several lines where one has no room; `kind` is accent, quiet or ""."""

    def __init__(self, text: str, object_name: str, kind: str, parent: QWidget | None = None) -> None:
        lines = in_lines(text, TEXT_WIDTH)
        super().__init__("\n".join(lines), parent)
        self.setObjectName(object_name)
        self.setAccessibleName(text)
        self.setToolTip(in_plain_words(text) if text not in " ".join(lines) else "")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setProperty("kind", kind)
        self.setProperty("lines", "several" if len(lines) > 1 else "one")


def in_lines(text: str, width: int) -> list[str]:
    """A text in lines of at most so many pixels; a word that is longer loses its middle."""
    metrics = QFontMetrics(theme.font(bold=True))
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and metrics.horizontalAdvance(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(metrics.elidedText(word, Qt.TextElideMode.ElideMiddle, width))
    return lines
