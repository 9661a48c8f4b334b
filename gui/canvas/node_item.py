"""A node as it is drawn: family strip, name, main parameters, shape and count, ports, ring and badge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QStaticText, QTransform
from PySide6.QtWidgets import QGraphicsItem, QGraphicsRectItem, QStyleOptionGraphicsItem, QWidget

from gui.canvas import geometry
from gui.theme import CARD_RADIUS, SMALL, mix, theme

TEXT_LEFT, TEXT_RIGHT, COUNT_GAP = 11.0, 8.0, 14.0
LINE_Y, SHAPE_Y = 33.0, 49.0
"""Middle of the line of parameters and of the line of shape and count."""
MARGIN = 12.0
"""What ports, ring and badge reach beyond the node's edge."""
PLAIN_BELOW = 0.4
"""Under this zoom a node is a plain box in its family's colour."""

OFF = 0.45
"""How much is seen of a node that is off."""

PortState = Literal["normal", "fits", "unfit", "hover"]


@dataclass(frozen=True)
class Card:
    """What a node shows."""

    title: str
    category: str
    line: str = ""
    shape: str = ""
    count: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    severity: Literal["", "error", "warning"] = ""
    accessible_name: str = ""
    is_off: bool = False
    """It may not run: shown, but pale."""


class NodeItem(QGraphicsRectItem):
    """Draws a Card; knows nothing of the document and takes no events. Its rectangle is all that it draws upon."""

    def __init__(self, id: str, card: Card):
        super().__init__()
        self.id = id
        self.card = card
        self.width, self.height = geometry.WIDTH, geometry.HEIGHT
        self.is_chosen = False
        self.is_coarse = False
        """Drawn as a plain box for a while, as when far away: many nodes are being zoomed."""
        self.port_states: dict[tuple[str, str], PortState] = {}
        self.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self.setZValue(2)
        self.setPen(QPen(Qt.PenStyle.NoPen))
        self._texts: list[tuple[QStaticText, QPointF, QFont, str]] = []
        self._measure()

    def show_card(self, card: Card) -> bool:
        """Show another card; whether the node's size or ports changed with it."""
        if card == self.card:
            return False
        before = self.width, self.height, self.card.inputs, self.card.outputs
        self.card = card
        self._measure()
        self.update()
        return before != (self.width, self.height, card.inputs, card.outputs)

    def choose(self, chosen: bool) -> None:
        """Draw the ring, or no longer."""
        if chosen != self.is_chosen:
            self.is_chosen = chosen
            self.setZValue(3 if chosen else 2)
            self.update()

    def set_coarse(self, coarse: bool) -> None:
        """Draw it plainly for the time being, or in full again."""
        if coarse != self.is_coarse:
            self.is_coarse = coarse
            self.update()

    def set_far(self, far: bool) -> None:
        """Far away a picture kept of each node costs more than the plain box that it shows."""
        mode = QGraphicsItem.CacheMode.NoCache if far else QGraphicsItem.CacheMode.DeviceCoordinateCache
        if mode != self.cacheMode():
            self.setCacheMode(mode)

    def set_port_states(self, states: dict[tuple[str, str], PortState]) -> None:
        """How the ports look, by (side, name); "normal" where nothing is said."""
        if states != self.port_states:
            self.port_states = states
            self.update()

    @property
    def box(self) -> geometry.Box:
        """Its rectangle in the scene."""
        return geometry.Box(self.x(), self.y(), self.x() + self.width, self.y() + self.height)

    @property
    def badge_rect(self) -> QRectF:
        """The badge, in its own coordinates."""
        return QRectF(self.width - 12, -6, 16, 16)

    def ports(self) -> list[tuple[str, str, QPointF]]:
        """(side, name, centre in its own coordinates) of every port."""
        sides = (("in", self.card.inputs), ("out", self.card.outputs))
        return [
            (side, name, QPointF(*geometry.port_place(side, index, self.width)))
            for side, names in sides
            for index, name in enumerate(names)
        ]

    def port_centre(self, side: str, name: str) -> geometry.Point:
        """The centre of a port in the scene."""
        names = self.card.inputs if side == "in" else self.card.outputs
        index = names.index(name) if name in names else 0
        x, y = geometry.port_place(side, index, self.width)
        return self.x() + x, self.y() + y

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        zoom = option.levelOfDetailFromTransform(painter.worldTransform())
        body = QRectF(0, 0, self.width, self.height)
        if zoom < PLAIN_BELOW or self.is_coarse:
            self._paint_plain(painter, body)
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.is_chosen:
            painter.setPen(QPen(theme.color("accent"), 2))
            painter.setBrush(theme.color("background"))
            painter.drawRoundedRect(body.adjusted(-3, -3, 3, 3), CARD_RADIUS + 3, CARD_RADIUS + 3)
        painter.setOpacity(OFF if self.card.is_off else 1.0)
        self._paint_body(painter)
        for text, place, font, token in self._texts:
            painter.setFont(font)
            painter.setPen(theme.color(token))
            painter.drawStaticText(place, text)
        for side, name, centre in self.ports():
            self._paint_port(painter, centre, self.port_states.get((side, name), "normal"))
        painter.setOpacity(1.0)
        if self.card.severity:
            self._paint_badge(painter)

    def _paint_plain(self, painter: QPainter, body: QRectF) -> None:
        painter.fillRect(body, _plain_colour(self.card.category, theme.color("panel").rgb()))
        if self.card.severity:
            painter.fillRect(QRectF(self.width - 24, 0, 24, 24), _severity_colour(self.card.severity))
        if self.is_chosen:
            painter.setPen(QPen(theme.color("accent"), 6))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(body.adjusted(-3, -3, 3, 3))

    def _paint_body(self, painter: QPainter) -> None:
        outline, header = _paths(self.width, self.height)
        painter.fillPath(outline, theme.color("panel"))
        painter.fillPath(header, theme.tint(self.card.category))
        painter.strokePath(outline, QPen(theme.color("line"), 1))
        painter.fillRect(QRectF(0, 7, 3, 10), theme.family(self.card.category))

    def _paint_port(self, painter: QPainter, centre: QPointF, state: PortState) -> None:
        colour, radius = theme.family(self.card.category), geometry.PORT / 2
        fill = theme.color("panel")
        if state == "unfit":
            colour = theme.color("line")
        elif state in ("fits", "hover"):
            fill, radius = colour, radius + 1.5
            halo = QColor(colour)
            halo.setAlphaF(0.3)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(halo)
            painter.drawEllipse(centre, radius + 4, radius + 4)
        painter.setPen(QPen(colour, 2))
        painter.setBrush(fill)
        painter.drawEllipse(centre, radius, radius)

    def _paint_badge(self, painter: QPainter) -> None:
        colour = _severity_colour(self.card.severity)
        painter.setPen(QPen(theme.color("background"), 1.5))
        painter.setBrush(colour)
        painter.drawEllipse(self.badge_rect)
        painter.setPen(theme.color("on_accent"))
        painter.setFont(theme.font(SMALL, bold=True))
        painter.drawText(self.badge_rect, Qt.AlignmentFlag.AlignCenter, "!")

    def _measure(self) -> None:
        card, (bold, body, numbers) = self.card, _fonts()
        count = numbers[1].horizontalAdvance(card.count)
        last = numbers[1].horizontalAdvance(card.shape) + (count + COUNT_GAP if card.count else 0)
        needed = max(bold[1].horizontalAdvance(card.title), body[1].horizontalAdvance(card.line), last)
        self.width = geometry.node_width(needed + TEXT_LEFT + TEXT_RIGHT)
        self.height = geometry.node_height(max(len(card.inputs), len(card.outputs)))
        self.setRect(QRectF(0, 0, self.width, self.height).adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN))
        room = self.width - TEXT_LEFT - TEXT_RIGHT
        beside = room - (count + COUNT_GAP if card.count else 0)
        lines = (
            (card.title, bold, room, TEXT_LEFT, geometry.HEADER / 2, "text"),
            (card.line, body, room, TEXT_LEFT, LINE_Y, "secondary"),
            (card.shape, numbers, beside, TEXT_LEFT, SHAPE_Y, "text"),
            (card.count, numbers, room, self.width - TEXT_RIGHT - count, SHAPE_Y, "faint"),
        )
        self._texts = [_text(*line) for line in lines if line[0]]


@cache
def _fonts() -> tuple[tuple[QFont, QFontMetricsF], ...]:
    """Title, body and figures, each with its metrics."""
    fonts = theme.font(bold=True), theme.font(SMALL), theme.mono_numbers(SMALL)
    return tuple((font, QFontMetricsF(font)) for font in fonts)


@cache
def _paths(width: float, height: float) -> tuple[QPainterPath, QPainterPath]:
    """The outline of a node and of its header."""
    body = QRectF(0.5, 0.5, width - 1, height - 1)
    outline, top = QPainterPath(), QPainterPath()
    outline.addRoundedRect(body, CARD_RADIUS, CARD_RADIUS)
    top.addRect(QRectF(0, 0, width, geometry.HEADER))
    return outline, outline.intersected(top)


def _text(
    text: str, font: tuple[QFont, QFontMetricsF], room: float, left: float, middle: float, token: str
) -> tuple[QStaticText, QPointF, QFont, str]:
    """One line laid out once: drawing it again costs a fifth."""
    shown = QStaticText(font[1].elidedText(text, Qt.TextElideMode.ElideRight, room + 1))
    shown.setTextFormat(Qt.TextFormat.PlainText)
    shown.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
    shown.prepare(QTransform(), font[0])
    return shown, QPointF(left, round(middle - font[1].height() / 2)), font[0], token


@cache
def _plain_colour(category: str, panel: int) -> QColor:
    return mix(theme.family(category), QColor(panel), 0.55)


def _severity_colour(severity: str) -> QColor:
    return theme.color("bad" if severity == "error" else "warn")
