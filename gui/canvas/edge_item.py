"""A wire as it is drawn: an even curve, with the shape that it carries."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsPathItem, QStyleOptionGraphicsItem, QWidget

from engine.graph.spec import Wire
from gui.canvas import geometry
from gui.theme import SMALL, mix, theme

LABEL_FROM = 1.6
"""From this zoom on every wire shows its shape; under it only the one beneath the cursor."""

EdgeState = Literal["normal", "hover", "chosen", "glow", "cut", "hidden"]


class EdgeItem(QGraphicsPathItem):
    """Draws one wire between two points; takes no events."""

    def __init__(self, wire: Wire):
        super().__init__()
        self.wire = wire
        self.label = ""
        self.state: EdgeState = "normal"
        self.line: list[geometry.Point] = [(0.0, 0.0), (0.0, 0.0)]
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self.setZValue(1)
        self._label_rect = QRectF()
        self.recolour()

    def run(self, start: geometry.Point, end: geometry.Point) -> None:
        """Go from here to there."""
        curves = geometry.wire_curves(start, end)
        self.line = geometry.sample(curves)
        self.setPath(painter_path(curves))
        self._place_label()

    def set_label(self, label: str) -> None:
        """The shape that the wire carries."""
        if label != self.label:
            self.prepareGeometryChange()
            self.label = label
            self._place_label()

    def set_state(self, state: EdgeState) -> None:
        """How it looks."""
        if state != self.state:
            self.prepareGeometryChange()
            self.state = state
            self.setVisible(state != "hidden")
            self.setZValue(4 if state == "hover" else 1)
            self.recolour()

    def recolour(self) -> None:
        """Take the colours of the theme that is in force."""
        plain = mix(theme.color("secondary"), theme.color("background"), 0.7)
        colour = {"hover": theme.color("text"), "cut": theme.color("bad"), "normal": plain}.get(
            self.state, theme.color("accent")
        )
        self.setPen(QPen(colour, 3.5 if self.state == "glow" else 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))

    def boundingRect(self) -> QRectF:
        rect = super().boundingRect()
        return rect.united(self._label_rect) if self.label else rect

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        zoom = option.levelOfDetailFromTransform(painter.worldTransform())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, zoom > 0.2)
        painter.setPen(self.pen())
        painter.drawPath(self.path())
        if self.label and (self.state == "hover" or zoom >= LABEL_FROM):
            painter.setPen(QPen(theme.color("line"), 1))
            painter.setBrush(theme.color("raised"))
            painter.drawRoundedRect(self._label_rect.adjusted(1, 1, -1, -1), 4, 4)
            painter.setPen(theme.color("text"))
            painter.setFont(theme.mono_numbers(SMALL))
            painter.drawText(self._label_rect, Qt.AlignmentFlag.AlignCenter, self.label)

    def _place_label(self) -> None:
        if self.label:
            metrics = QFontMetricsF(theme.font(SMALL))
            width, height = metrics.horizontalAdvance(self.label) + 14, metrics.height() + 6
            x, y = geometry.middle(self.line)
            self._label_rect = QRectF(x - width / 2, y - height / 2, width, height)
            self.update()


def painter_path(curves: list[geometry.Curve]) -> QPainterPath:
    """Bezier curves as a path."""
    path = QPainterPath(QPointF(*curves[0][0]))
    for start, one, two, end in curves:
        if start == one and two == end:
            path.lineTo(QPointF(*end))
        else:
            path.cubicTo(QPointF(*one), QPointF(*two), QPointF(*end))
    return path
