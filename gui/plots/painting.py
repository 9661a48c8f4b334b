"""What every plot draws alike: the bubble under the pointer, the colours of classes."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from gui.theme import theme

CLASSES = ("#4c9ffe", "#e8a33d", "#3fb984", "#d977b8", "#9b7bea", "#2bb3c0", "#ef6461", "#8d99ae")
"""Blue and amber first: the pair that colour-blind people tell apart best."""


def class_color(index: int) -> QColor:
    """The colour of a class; they come round after eight."""
    return QColor(CLASSES[int(index) % len(CLASSES)])


class Picture(QWidget):
    """A painted picture that says in a bubble what lies under the pointer."""

    def __init__(self):
        super().__init__()
        self.setMouseTracking(True)
        self._pointer: QPointF | None = None
        theme.changed.connect(self.update)

    def paint(self, painter: QPainter) -> None:
        """All but the bubble."""
        raise NotImplementedError

    def reading_text(self) -> str:
        """What the bubble under the pointer says; nothing where there is none."""
        raise NotImplementedError

    def mouseMoveEvent(self, event) -> None:
        self._pointer = event.position()
        self.update()

    def leaveEvent(self, event) -> None:
        self._pointer = None
        self.update()

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint(painter)
        if text := self.reading_text():
            draw_bubble(painter, QRectF(self.rect()), self._pointer, text)


def draw_bubble(painter: QPainter, area: QRectF, at: QPointF, text: str) -> None:
    """A small text beside the pointer, kept inside the area."""
    painter.setFont(theme.mono_numbers(11))
    size = painter.fontMetrics().boundingRect(area.toRect(), Qt.AlignmentFlag.AlignLeft, text)
    bubble = QRectF(0, 0, size.width() + 14, size.height() + 8)
    x = at.x() + 12 if at.x() + 12 + bubble.width() < area.right() else at.x() - 12 - bubble.width()
    y = min(max(area.top(), at.y() - bubble.height() - 6), area.bottom() - bubble.height())
    bubble.moveTo(max(area.left(), x), y)
    painter.setPen(QPen(theme.color("line"), 1))
    painter.setBrush(theme.color("raised"))
    painter.drawRoundedRect(bubble, 4, 4)
    painter.setPen(theme.color("text"))
    painter.drawText(bubble, Qt.AlignmentFlag.AlignCenter, text)
