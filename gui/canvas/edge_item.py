"""A wire as it is drawn: an even curve; and the label with the shape that it carries."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QGraphicsPathItem, QStyleOptionGraphicsItem, QWidget

from engine.graph.spec import Wire
from gui.canvas import geometry
from gui.theme import SMALL, mix, theme

EdgeState = Literal["normal", "hover", "chosen", "glow", "cut", "hidden"]


class EdgeItem(QGraphicsPathItem):
    """One wire between two points; takes no events. Qt paints it: hundreds of them cost no Python."""

    def __init__(self, wire: Wire):
        super().__init__()
        self.wire = wire
        self.label = ""
        """The shape that it carries."""
        self.state: EdgeState = "normal"
        self._curves: list[geometry.Curve] = []
        self._line: list[geometry.Point] | None = None
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self.setZValue(1)
        self.recolour()

    def run(self, start: geometry.Point, end: geometry.Point) -> None:
        """Go from here to there."""
        self._curves, self._line = geometry.wire_curves(start, end), None
        self.setPath(painter_path(self._curves))

    @property
    def line(self) -> list[geometry.Point]:
        """Its way as points."""
        if self._line is None:
            self._line = geometry.sample(self._curves)
        return self._line

    def set_state(self, state: EdgeState) -> None:
        """How it looks."""
        if state != self.state:
            self.state = state
            self.setVisible(state != "hidden")
            self.recolour()

    def recolour(self) -> None:
        """Take the colours of the theme that is in force."""
        plain = mix(theme.color("secondary"), theme.color("background"), 0.7)
        colour = {"hover": theme.color("text"), "cut": theme.color("bad"), "normal": plain}.get(
            self.state, theme.color("accent")
        )
        width = 3.5 if self.state == "glow" else 2.0
        self.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))


class ShapeLabel(QGraphicsItem):
    """The shape on the wire beneath the cursor, in pixels of the screen."""

    def __init__(self):
        super().__init__()
        self._text, self._rect = "", QRectF()
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIgnoresTransformations)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self.setZValue(8)
        self.hide()

    def tell(self, edge: EdgeItem | None) -> None:
        """Show what a wire carries; nothing for None or an unknown shape."""
        self._text = edge.label if edge is not None else ""
        self.setVisible(bool(self._text))
        if self._text:
            self.prepareGeometryChange()
            metrics = QFontMetricsF(theme.font(SMALL))
            width, height = metrics.horizontalAdvance(self._text) + 14, metrics.height() + 6
            self._rect = QRectF(-width / 2, -height / 2, width, height)
            self.setPos(*geometry.middle(edge.line))

    def boundingRect(self) -> QRectF:
        return self._rect

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("line"), 1))
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(self._rect.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setPen(theme.color("text"))
        painter.setFont(theme.mono_numbers(SMALL))
        painter.drawText(self._rect, Qt.AlignmentFlag.AlignCenter, self._text)


def painter_path(curves: list[geometry.Curve]) -> QPainterPath:
    """Bezier curves as a path."""
    path = QPainterPath(QPointF(*curves[0][0]))
    for start, one, two, end in curves:
        if start == one and two == end:
            path.lineTo(QPointF(*end))
        else:
            path.cubicTo(QPointF(*one), QPointF(*two), QPointF(*end))
    return path
