"""What the window shows for the moment in which everything else is still loaded: the start page, not yet filled in."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from gui.i18n import tr
from gui.theme import CARD_RADIUS, SPACE, theme

BAR, WIDTH, CARD = 48, 1180, (200, 204)


class FirstPicture(QWidget):
    """Bar, heading and empty cards, where the start page will have them."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("first-picture")
        self.was_painted = False

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillRect(self.rect(), theme.color("background"))
            self._paint_bar(painter)
            width = min(self.width() - 2 * SPACE[2], WIDTH) - 2 * SPACE[3]
            left = (self.width() - width) / 2
            painter.setPen(theme.color("text"))
            painter.setFont(theme.font(22, bold=True))
            painter.drawText(QPointF(left, BAR + 60), tr("What shall it learn?"))
            self._paint_cards(painter, left, width)
        self.was_painted = True

    def _paint_bar(self, painter: QPainter) -> None:
        painter.fillRect(0, 0, self.width(), BAR, theme.color("panel"))
        painter.fillRect(0, BAR, self.width(), 1, theme.color("line"))
        painter.setPen(theme.color("text"))
        painter.setFont(theme.font(14, bold=True))
        painter.drawText(QRectF(SPACE[3], 0, 200, BAR), Qt.AlignmentFlag.AlignVCenter, "Layerloom")

    def _paint_cards(self, painter: QPainter, left: float, width: float) -> None:
        columns = max(1, int((width + SPACE[3]) // (CARD[0] + SPACE[3])))
        each = (width - (columns - 1) * SPACE[3]) / columns
        painter.setPen(theme.color("line"))
        painter.setBrush(theme.color("panel"))
        for column in range(min(columns, 5)):
            card = QRectF(left + column * (each + SPACE[3]), BAR + 127, each, CARD[1])
            painter.drawRoundedRect(card.adjusted(0.5, 0.5, -0.5, -0.5), CARD_RADIUS, CARD_RADIUS)
