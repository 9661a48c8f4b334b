"""A pyqtgraph plot in the look of the window: quiet axes with units, a reading under the pointer."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen

from gui.i18n import tr
from gui.plots import figures
from gui.plots.decimate import nice_step
from gui.plots.painting import draw_bubble
from gui.theme import theme


class Axis(pyqtgraph.AxisItem):
    """Few ticks at round numbers, written shortly; the lines of the grid are its ticks."""

    PIXELS = {"left": 34, "bottom": 70}  # noqa: RUF012  (of one tick at least)

    def __init__(self, orientation: str):
        super().__init__(orientation, maxTickLength=0)
        self.enableAutoSIPrefix(False)
        self.is_log = False
        self.setStyle(tickTextOffset=4, hideOverlappingLabels=orientation == "bottom", autoExpandTextSpace=False)
        if orientation == "left":
            self.setGrid(255)
            self.setWidth(38)
        else:
            self.setHeight(18)
        self.dress()

    def boundingRect(self):
        return super().boundingRect().adjusted(-8, -8, 8, 8)  # numbers at the ends reach beyond the axis

    def dress(self) -> None:
        """Take on the theme's colours."""
        self.setStyle(tickFont=theme.mono_numbers(10))
        self.setTextPen(theme.color("faint"))
        self.setPen(QColor(Qt.GlobalColor.transparent))
        self.setTickPen(theme.color("line"))

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        low, high = sorted((minVal, maxVal))
        if not high > low or not math.isfinite(high - low):
            return []
        room = max(1.0, size / self.PIXELS[self.orientation])
        if self.is_log:
            return [(1.0, _log_ticks(low, high, room))]
        step = nice_step(high - low, max(1.0, room))
        if self.orientation == "bottom":
            step = max(step, 1.0) if self.whole_numbers else step
        first = math.ceil(low / step - 1e-6)
        return [(step, [step * index for index in range(first, math.floor(high / step + 1e-6) + 1)])]

    whole_numbers = False

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        if self.is_log:
            return [figures.short(float(f"{10**value:.3g}")) for value in values]
        words = [figures.short(round(value, 10)) for value in values]
        return words if self.orientation == "left" else self._without_the_last(values, words)

    def _without_the_last(self, values: list[float], words: list[str]) -> list[str]:
        """The axis' name stands at its end: a number that would run into it is left out."""
        low, high = self.range
        room = self.width() - self.name_width - 8
        return [
            word if (value - low) / (high - low) * self.width() + 4 * len(word) < room else ""
            for value, word in zip(values, words, strict=True)
        ]

    name_width = 0


def _log_ticks(low: float, high: float, room: float) -> list[float]:
    """Powers of ten, or 1-2-5 where there are few; as logarithms."""
    factors = (1.0,) if high - low > 0.5 * room else (1.0, 2.0, 5.0)
    every = max(1, math.ceil((high - low) / room)) if factors == (1.0,) else 1
    powers = range(math.floor(low), math.ceil(high) + 1, every)
    ticks = [power + math.log10(factor) for power in powers for factor in factors]
    return [tick for tick in ticks if low - 1e-9 <= tick <= high + 1e-9]


class Box(pyqtgraph.ViewBox):
    """Drag pans, Ctrl and wheel zoom, a double click shows everything again; the bare wheel scrolls the dashboard."""

    def __init__(self, view: PlotView):
        super().__init__(enableMenu=False, defaultPadding=0.0)
        self._view = view

    def wheelEvent(self, event, axis=None) -> None:
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()
            return
        super().wheelEvent(event, axis)

    def mouseDoubleClickEvent(self, event) -> None:
        self._view.reset()
        event.accept()


class PlotView(pyqtgraph.PlotWidget):
    """Axes named with their units; subclasses put items in `plot` and answer `reading` under the pointer."""

    def __init__(self, name: str, title: str, x_label: str, y_label: str):
        self._box = Box(self)
        self._axes = {side: Axis(side) for side in ("left", "bottom")}
        super().__init__(viewBox=self._box, axisItems=self._axes, background=None)
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setFrameShape(self.Shape.NoFrame)
        self.setStyleSheet("background: transparent")
        self.x_label, self.y_label = x_label, y_label
        self.plot = self.getPlotItem()
        self.plot.hideButtons()
        for axis in self._axes.values():
            axis.setZValue(-1000)  # the grid lies under the data
        self.plot.setContentsMargins(0, 22, 6, 0)
        self.plot.disableAutoRange()
        self.setMinimumSize(80, 60)
        self.setMouseTracking(True)
        self._pointer: QPointF | None = None
        self._follows = True  # shows everything as it grows, until somebody zooms
        self._box.sigRangeChangedManually.connect(self._keep_range)
        theme.changed.connect(self.dress)

    # Look

    def dress(self) -> None:
        """Take on the theme's colours."""
        for axis in self._axes.values():
            axis.dress()
        self.viewport().update()

    def reset(self) -> None:
        """Show everything again."""
        self._follows = True
        self.refresh()

    def _keep_range(self) -> None:
        self._follows = False
        self.refresh()

    def refresh(self) -> None:
        """Draw what is known now; subclasses set their items here."""

    # What lies over the items

    def area(self) -> QRectF:
        """Where the data are drawn, in pixels."""
        return self._box.sceneBoundingRect()

    def to_pixel(self, x: float, y: float) -> QPointF:
        """Where a point of the data stands, in pixels."""
        return self._box.mapViewToScene(QPointF(x, y))

    def drawForeground(self, painter: QPainter, rect: QRectF) -> None:
        super().drawForeground(painter, rect)
        area = self.area()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_axis_names(painter, area)
        self.draw_over(painter, area)
        if self._pointer is not None and area.contains(self._pointer):
            self._draw_reading(painter, area)

    def _draw_axis_names(self, painter: QPainter, area: QRectF) -> None:
        """Above the one axis and at the end of the other, clear of the data."""
        painter.setFont(theme.font(10))
        painter.setPen(theme.color("faint"))
        above = QRectF(area.left() - 34, area.top() - 21, area.width() + 34, 14)
        painter.drawText(above, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self.y_label)
        self._axes["bottom"].name_width = painter.fontMetrics().horizontalAdvance(self.x_label)
        below = QRectF(area.left(), area.bottom() + 3, area.width(), 14)
        painter.drawText(below, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self.x_label)

    def draw_over(self, painter: QPainter, area: QRectF) -> None:
        """Words and marks that go over the items, in pixels."""

    def reading(self, x: float, y: float, pixel: tuple[float, float]) -> tuple[str, float | None, list] | None:
        """What stands under the pointer: a text, the x of a line to it (or None), points (x, y, colour)."""
        return None

    def _draw_reading(self, painter: QPainter, area: QRectF) -> None:
        place = self._box.mapSceneToView(self._pointer)
        (width, height) = self._box.viewPixelSize()
        said = self.reading(place.x(), place.y(), (width, height))
        if said is None:
            return
        text, line, points = said
        if line is not None:
            x = self.to_pixel(line, 0).x()
            painter.setPen(QPen(theme.color("faint"), 1, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        for point_x, point_y, color in points:
            painter.setPen(QPen(theme.color("panel"), 1.5))
            painter.setBrush(color)
            painter.drawEllipse(self.to_pixel(point_x, point_y), 4, 4)
        draw_bubble(painter, area, self._pointer, text)

    # The pointer

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._pointer = event.position()
        self.viewport().update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._pointer = None
        self.viewport().update()

    def reading_text(self) -> str:
        """What the bubble under the pointer says now; "" for none."""
        if self._pointer is None or not self.area().contains(self._pointer):
            return ""
        place = self._box.mapSceneToView(self._pointer)
        said = self.reading(place.x(), place.y(), self._box.viewPixelSize())
        return said[0] if said else ""


def nearest(x: np.ndarray, value: float) -> int:
    """The index of the entry of ascending `x` next to `value`.

    >>> nearest(np.array([0, 10, 20]), 14)
    1
    """
    right = int(np.clip(np.searchsorted(x, value), 0, len(x) - 1))
    left = max(0, right - 1)
    return left if abs(x[left] - value) < abs(x[right] - value) else right


def step_reading(step: float, rows: list[tuple[str, str]]) -> str:
    """A reading at a step: one row a line."""
    return "\n".join([tr("step {step}", step=f"{int(step):,}"), *(f"{name}  {value}" for name, value in rows)])
