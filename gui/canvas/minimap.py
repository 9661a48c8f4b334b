"""The whole network small in a corner, with a frame around what is on the screen; drag to go there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from gui.i18n import tr
from gui.theme import CARD_RADIUS, SPACE, theme

if TYPE_CHECKING:
    from gui.canvas.view import CanvasView

SIZE = (120, 84)
INSET = 7


class Minimap(QWidget):
    """Every node as a mark in its family's colour."""

    def __init__(self, view: CanvasView):
        super().__init__(view.viewport())
        self._view = view
        self.setObjectName("minimap")
        self.setAccessibleName(tr("Minimap"))
        self.setFixedSize(*SIZE)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._redraw = QTimer(self, interval=40, singleShot=True)
        self._redraw.timeout.connect(self.update)
        view.viewport().installEventFilter(self)
        view.canvas.changed.connect(self.refresh)
        view.moved.connect(self.refresh)
        theme.changed.connect(self.update)
        self._settle()

    def refresh(self) -> None:
        """Draw anew soon; many changes in a row are one drawing."""
        if self.isVisible() and not self._redraw.isActive():
            self._redraw.start()

    def eventFilter(self, watched: QWidget, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._settle()
        return False

    def _settle(self) -> None:
        room = self.parentWidget().rect()
        self.move(room.width() - self.width() - SPACE[2], room.height() - self.height() - SPACE[2])

    def _area(self) -> QRectF:
        """What is shown of the scene: every node and the screen's frame, in the widget's proportions."""
        area = self._view.canvas.bounds().united(self._view.visible_rect())
        inner = QRectF(self.rect()).adjusted(INSET, INSET, -INSET, -INSET)
        scale = max(area.width() / inner.width(), area.height() / inner.height(), 1e-6)
        grown = QRectF(0, 0, inner.width() * scale, inner.height() * scale)
        grown.moveCenter(area.center())
        return grown

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("line"), 1))
        painter.setBrush(theme.color("panel"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), CARD_RADIUS, CARD_RADIUS)
        area = self._area()
        scale = (self.width() - 2 * INSET) / area.width()

        def small(rect: QRectF) -> QRectF:
            x, y = (rect.left() - area.left()) * scale + INSET, (rect.top() - area.top()) * scale + INSET
            return QRectF(x, y, rect.width() * scale, rect.height() * scale)

        painter.setPen(Qt.PenStyle.NoPen)
        for item in self._view.canvas.node_items.values():
            mark = small(QRectF(item.x(), item.y(), item.width, item.height))
            mark.setWidth(max(2.0, mark.width()))
            mark.setHeight(max(2.0, mark.height()))
            painter.setBrush(theme.family(item.card.category))
            painter.drawRoundedRect(mark, 1.5, 1.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.color("accent"), 1))
        painter.drawRoundedRect(small(self._view.visible_rect()), 3, 3)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            area = self._area()
            scale = area.width() / (self.width() - 2 * INSET)
            at = event.position()
            self._view.centerOn(QPointF(area.left() + (at.x() - INSET) * scale, area.top() + (at.y() - INSET) * scale))
            self._view.moved.emit()
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        event.accept()
