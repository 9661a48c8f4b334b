"""Lines over steps that grow while one looks: drawn at most 20 times a second, however much comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyqtgraph
from PySide6.QtCore import QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPen

from gui.plots import decimate, figures
from gui.plots.plot_view import PlotView, nearest, step_reading
from gui.theme import theme

INTERVAL, SPREAD = 50, 9
"""Milliseconds between two drawings; and what plots differ by, so that one frame does not draw them all."""
COLUMNS = (200, 1600)
"""Fewest and most columns that a line is brought down to: one a pixel."""
SMOOTHING = {"none": 0.0, "light": 0.02, "strong": 0.1}
"""Width of the running mean as a share of what is shown."""
NAME = 62
"""Pixels for the name of a line at its end."""
WORDY = 220
"""Pixels of width from which on marks have words."""
FAINT = 80
"""Opacity, of 255, of the raw values under a smoothed line."""


class Mark(NamedTuple):
    """Something that happened at a step: a vertical line with its words, or a ring on a line."""

    x: float
    text: str
    token: str = "accent"
    y: float | None = None


@dataclass
class Line:
    """One series. `token` names its colour; a raw series is smoothed and shown faintly beneath."""

    name: str
    token: str
    is_raw: bool
    top: pyqtgraph.PlotCurveItem
    under: pyqtgraph.PlotCurveItem
    x: np.ndarray
    y: np.ndarray
    end: tuple[float, float] | None = None


class LivePlot(PlotView):
    """Several lines over the same steps."""

    _made = 0

    def __init__(self, name: str, title: str, y_label: str, x_label: str, scale: float = 1.0):
        super().__init__(name, title, x_label, y_label)
        self._axes["bottom"].whole_numbers = True
        self._box.setMouseEnabled(x=True, y=True)
        self._scale = scale
        self._lines: dict[str, Line] = {}
        self._marks: list[Mark] = []
        self._most, self._is_growing = 0.0, False
        self._is_log = False
        self._smoothing = "light"
        self._y_range: tuple[float, float] | None = None
        self._is_stale = False
        LivePlot._made += 1
        self._clock = QTimer(self, singleShot=True, interval=INTERVAL + SPREAD * (LivePlot._made % 4))
        self._clock.timeout.connect(self._draw_if_stale)
        self.drawings = 0  # how often it was drawn: tests and measurements read it

    def add_line(self, key: str, name: str, token: str, is_raw: bool = False) -> None:
        """A line named `name` in the colour of that token; a raw one has a value per step and is smoothed."""
        under, top = (
            pyqtgraph.PlotCurveItem(connect="finite", antialias=True, segmentedLineMode="on") for _ in range(2)
        )
        for item in (under, top):
            self.plot.addItem(item, ignoreBounds=True)
        self._lines[key] = Line(name, token, is_raw, top, under, np.empty(0), np.empty(0))
        self._color(self._lines[key])

    def _color(self, line: Line) -> None:
        color = QColor(theme.color(line.token))
        line.top.setPen(pyqtgraph.mkPen(color, width=2 if not line.is_raw else 1.5))
        color.setAlpha(FAINT)
        line.under.setPen(pyqtgraph.mkPen(color, width=1))

    def dress(self) -> None:
        super().dress()
        for line in self._lines.values():
            self._color(line)

    def set_line(self, key: str, x: np.ndarray, y: np.ndarray) -> None:
        """The whole series, ascending in x; it is not copied."""
        self._lines[key].x, self._lines[key].y = x, y
        self.touch()

    def set_marks(self, marks: list[Mark]) -> None:
        """What happened at which step."""
        if marks != self._marks:
            self._marks = marks
            self.touch()

    def set_end(self, most: float, is_growing: bool) -> None:
        """The step at which the run will end or ended, 0 where nobody knows."""
        if (most, is_growing) != (self._most, self._is_growing):
            self._most, self._is_growing = most, is_growing
            self.touch()

    def set_quantity(self, y_label: str, scale: float) -> None:
        """What the lines are of, and by how much values are multiplied for the eye (100 for percent)."""
        self.y_label, self._scale, self._y_range = y_label, scale, None
        self.touch()

    @property
    def is_log(self) -> bool:
        """Whether the values are shown by their logarithm."""
        return self._is_log

    def set_log(self, is_log: bool) -> None:
        """Show the values by their logarithm; what is not above 0 is left out."""
        self._is_log = self._axes["left"].is_log = is_log
        self._y_range = None
        self._axes["left"].picture = None
        self.refresh()

    @property
    def smoothing(self) -> str:
        """A key of SMOOTHING."""
        return self._smoothing

    def set_smoothing(self, smoothing: str) -> None:
        """How wide the running mean of raw lines is, a key of SMOOTHING."""
        self._smoothing = smoothing
        self.refresh()

    def clear_lines(self) -> None:
        """Another run begins."""
        for line in self._lines.values():
            line.x = line.y = np.empty(0)
        self._marks, self._y_range, self._follows = [], None, True
        self.touch()

    # Drawing

    @property
    def is_current(self) -> bool:
        """Whether what is drawn is all that came."""
        return self.drawings > 0 and not self._is_stale

    def touch(self) -> None:
        """Something changed: draw with the next beat, or when the plot comes into sight."""
        self._is_stale = True
        if not self._clock.isActive() and self.isVisible():
            self._clock.start()

    def showEvent(self, event) -> None:
        super().showEvent(event)
        self._draw_if_stale()

    def _draw_if_stale(self) -> None:
        if self._is_stale and self.isVisible() and not self.visibleRegion().isEmpty():
            self.refresh()

    def paintEvent(self, event) -> None:
        if self._is_stale and not self._clock.isActive():
            self._clock.start(0)  # it was scrolled into sight
        super().paintEvent(event)

    def refresh(self) -> None:
        """Bring the lines down to the columns on the screen, and the range to the lines."""
        self._is_stale = False
        self.drawings += 1
        left, right = self._x_range() if self._follows else self._box.viewRange()[0]
        lows, highs = [], []
        for line in self._lines.values():
            for values in self._draw_line(line, left, right):
                finite = values[np.isfinite(values)]
                if len(finite):
                    lows.append(float(finite.min()))
                    highs.append(float(finite.max()))
        if self._follows:
            if lows:
                self._y_range = decimate.grown(self._y_range, min(lows), max(highs))
            bottom, top = self._y_range or (0.0, 1.0)
            self._box.setRange(xRange=(left, right), yRange=(bottom, top), padding=0, disableAutoRange=True)
        self.viewport().update()

    def _x_range(self) -> tuple[float, float]:
        ends = [line.x[-1] for line in self._lines.values() if len(line.x)]
        starts = [line.x[0] for line in self._lines.values() if len(line.x)]
        last = float(max(ends, default=0))
        return min(0.0, float(min(starts, default=0))), float(
            decimate.grown_end(last, self._most, self._is_growing, self._room())
        )

    def _room(self) -> float:
        """How much farther than the data the axis goes, so that the lines' names stand beside their ends."""
        width = self.area().width()
        return 1.0 if len(self._lines) < 2 or width < 2 * NAME else width / (width - NAME)

    def _draw_line(self, line: Line, left: float, right: float) -> list[np.ndarray]:
        """Set the two curves of a line; returns the values that the range must hold."""
        columns = int(np.clip(self.area().width(), *COLUMNS))
        parts = decimate.blocks(line.x, line.y, left, right, columns)
        window = int(len(parts.x) * SMOOTHING[self._smoothing]) if line.is_raw else 0
        if window >= 2:
            x, raw = decimate.peaks(parts)
            raw = self._shown(raw)
            line.under.setData(x, raw)
            y = self._shown(decimate.smooth(parts.mean, window))
            x = parts.x
            values = [y, _without_spikes(raw)]
        else:
            line.under.setData([], [])
            x, y = decimate.peaks(parts)
            y = self._shown(y)
            values = [y]
        line.top.setData(x, y)
        finite = np.flatnonzero(np.isfinite(y))
        line.end = (float(x[finite[-1]]), float(y[finite[-1]])) if len(finite) else None
        return values

    def _shown(self, y: np.ndarray) -> np.ndarray:
        y = np.asarray(y, np.float64) * self._scale
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.log10(y) if self._is_log else y
        return np.where(np.isfinite(y), y, np.nan)

    # Over the lines

    def draw_over(self, painter: QPainter, area: QRectF) -> None:
        painter.setClipRect(area.adjusted(-6, -6, 6, 6))
        for mark in self._marks:
            self._draw_mark(painter, area, mark)
        self._draw_names(painter, area)
        painter.setClipping(False)

    def _draw_mark(self, painter: QPainter, area: QRectF, mark: Mark) -> None:
        color = theme.color(mark.token)
        if mark.y is not None:
            place = self.to_pixel(mark.x, float(self._shown(np.array([mark.y]))[0]))
            painter.setPen(QPen(color, 1.5))
            painter.setBrush(theme.color("panel"))
            painter.drawEllipse(place, 3.5, 3.5)
            return
        x = self.to_pixel(mark.x, 0).x()
        painter.setPen(QPen(color, 1))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        painter.setBrush(color)
        painter.drawEllipse(QPointF(x, area.top()), 3, 3)
        if area.width() < WORDY:
            return
        painter.setPen(theme.color("secondary"))
        painter.setFont(theme.font(10))
        width = painter.fontMetrics().horizontalAdvance(mark.text)
        left = x + 6 if x + 6 + width < area.right() else x - 6 - width
        painter.drawText(QPointF(left, area.top() + 22), mark.text)

    def _draw_names(self, painter: QPainter, area: QRectF) -> None:
        """Each line's name at its end, moved apart where two ends meet."""
        shown = [line for line in self._lines.values() if line.end is not None]
        if len(shown) < 2:
            return
        painter.setFont(theme.font(10))
        height = painter.fontMetrics().height()
        ends = sorted(((self.to_pixel(*line.end), line) for line in shown), key=lambda end: end[0].y())
        below = area.top() - height
        for index, (place, line) in enumerate(ends):
            width = painter.fontMetrics().horizontalAdvance(line.name)
            y = max(below + height, min(place.y() - height / 2, area.bottom() - height * (len(ends) - index)))
            x = min(place.x() + 5, area.right() - width)
            if x < place.x() + 4:
                y = max(below + height, min(place.y() - height - 4, y))
            painter.setPen(theme.color(line.token))
            painter.drawText(QRectF(x, y, width + 2, height), Qt.AlignmentFlag.AlignCenter, line.name)
            below = y

    def reading(self, x: float, y: float, pixel: tuple[float, float]):
        shown = [line for line in self._lines.values() if len(line.x)]
        if not shown:
            return None
        dense = max(shown, key=lambda line: len(line.x))
        step = float(dense.x[nearest(dense.x, x)])
        rows, points = [], []
        for line in shown:
            index = nearest(line.x, step)
            value = float(line.y[index])
            rows.append((line.name, figures.figure(value * self._scale)))
            points.append((float(line.x[index]), float(self._shown(np.array([value]))[0]), theme.color(line.token)))
        return step_reading(step, rows), step, [point for point in points if np.isfinite(point[1])]


def _without_spikes(y: np.ndarray) -> np.ndarray:
    """The bulk of the raw values: single spikes may leave the plot rather than flatten the line."""
    finite = y[np.isfinite(y)]
    return np.percentile(finite, [1, 99]) if len(finite) > 50 else finite
