"""The whole network small in a corner, with a frame around what is on the screen; drag to go there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRectF, Qt, QTimer
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from gui.i18n import tr
from gui.theme import CARD_RADIUS, SPACE, theme

if TYPE_CHECKING:
    from gui.canvas.view import CanvasView

SIZE = (120, 84)
INSET = 7
LARGE = 150
"""With more nodes than these the marks are plain: they are so small that nobody sees the difference."""
FARTHEST = 1200.0
"""So far beyond the nodes the screen is followed at least, in pixels of the scene."""


class Minimap(QWidget):
    """Every node as a mark in its family's colour."""

    def __init__(self, view: CanvasView):
        super().__init__(view)
        self._view = view
        self.setObjectName("minimap")
        self.setAccessibleName(tr("Minimap"))
        self.setFixedSize(*SIZE)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._redraw = QTimer(self, interval=40, singleShot=True)
        self._redraw.timeout.connect(self.update)
        view.installEventFilter(self)
        self._nodes: QPixmap | None = None
        self._shown = QRectF(0, 0, 1, 1)
        self._bounds = QRectF()
        """Of all nodes, as drawn last."""
        self._is_held = False
        """The mouse drags on it: the ground stays where it is meanwhile."""
        document = view.document
        for signal in (document.nodes_moved, document.node_added, document.node_removed, document.was_reset):
            signal.connect(self.refresh)
        view.canvas.populated.connect(self.refresh)
        view.moved.connect(self._show_frame)
        theme.changed.connect(self.refresh)
        self._settle()

    def refresh(self, *_: object) -> None:
        """Draw the nodes anew soon; many changes in a row are one drawing."""
        self._nodes = None
        self._show_frame()

    def _show_frame(self) -> None:
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
        """What is shown of the scene: every node with some room and what is on the screen, in the widget's proportions.

        Somebody who has gone far away sees the frame at the rim: else the nodes would shrink to nothing.
        """
        area = self._bounds.adjusted(-60, -60, 60, 60)
        reach = max(area.width(), area.height(), FARTHEST)
        area = area.united(self._view.visible_rect().intersected(area.adjusted(-reach, -reach, reach, reach)))
        inner = QRectF(self.rect()).adjusted(INSET, INSET, -INSET, -INSET)
        scale = max(area.width() / inner.width(), area.height() / inner.height(), 8.0)
        grown = QRectF(0, 0, inner.width() * scale, inner.height() * scale)
        grown.moveCenter(area.center())
        return grown

    def place_of(self, rect: QRectF) -> QRectF:
        """Where a part of the scene is on the map."""
        scale = self._scale
        x, y = (rect.left() - self._shown.left()) * scale + INSET, (rect.top() - self._shown.top()) * scale + INSET
        return QRectF(x, y, rect.width() * scale, rect.height() * scale)

    def frame(self) -> QRectF:
        """Around what is on the screen."""
        return self.place_of(self._view.visible_rect()).intersected(QRectF(self.rect()).adjusted(3, 3, -3, -3))

    def _draw_nodes(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        picture = QPixmap(self.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("line"), 1))
        painter.setBrush(theme.color("panel"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), CARD_RADIUS, CARD_RADIUS)
        painter.setPen(Qt.PenStyle.NoPen)
        self._draw_marks(painter)
        painter.end()
        return picture

    def _draw_marks(self, painter: QPainter) -> None:
        nodes, items = self._view.document.nodes, self._view.canvas.node_items
        marks: dict[str, list[QRectF]] = {}
        scale, left, top = self._scale, self._shown.left(), self._shown.top()
        for id, item in items.items():
            node = nodes[id]
            mark = QRectF(
                (node.x - left) * scale + INSET, (node.y - top) * scale + INSET,
                max(2.0, item.width * scale), max(2.0, item.height * scale),
            )  # fmt: skip
            marks.setdefault(item.card.category, []).append(mark)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, len(items) <= LARGE)
        for category, rects in marks.items():
            painter.setBrush(theme.family(category))
            if len(items) > LARGE:
                painter.drawRects(rects)
                continue
            for mark in rects:
                painter.drawRoundedRect(mark, 1.5, 1.5)

    @property
    def _scale(self) -> float:
        return (self.width() - 2 * INSET) / self._shown.width()

    def _picture(self) -> QPixmap:
        if self._nodes is None:
            self._bounds = self._view.final_bounds()
        shown = self._shown if self._is_held else self._area()
        if self._nodes is None or shown != self._shown:
            self._shown = shown
            self._nodes = self._draw_nodes()
        return self._nodes

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("accent"), 1))
        painter.drawRoundedRect(self.frame(), 3, 3)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._picture()  # what is shown must be what was pressed upon
        self._is_held = True
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            x, y = event.position().toTuple()
            left, top = self._shown.left(), self._shown.top()
            self._view.look_at(left + (x - INSET) / self._scale, top + (y - INSET) / self._scale)
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._is_held = False
        self.update()
        event.accept()
