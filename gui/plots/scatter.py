"""Points on a plane: predicted against true, and the fitted line of one input."""

from __future__ import annotations

import numpy as np
import pyqtgraph
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from engine.train.events import Snapshot
from gui.i18n import counted, tr
from gui.plots import figures
from gui.plots.decimate import grown
from gui.plots.plot_view import PlotView
from gui.plots.snapshot_card import SnapshotCard
from gui.run.model import Run
from gui.theme import theme

REACH = 12
"""Pixels within which the pointer finds a point."""


class PointsView(PlotView):
    """A cloud of points with a line or a picture; it reads the nearest point under the pointer."""

    def __init__(self, name: str, title: str, x_label: str, y_label: str):
        super().__init__(name, title, x_label, y_label)
        self.xs = self.ys = np.empty(0)
        self._ranges: tuple[tuple[float, float], tuple[float, float]] | None = None
        self._dots = pyqtgraph.ScatterPlotItem(pxMode=True, size=5, pen=None)
        self.plot.addItem(self._dots, ignoreBounds=True)

    def set_points(self, x: np.ndarray, y: np.ndarray) -> None:
        """x, y (n,)"""
        if np.array_equal(x, self.xs) and np.array_equal(y, self.ys):
            self.refresh()
            return
        self.xs, self.ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
        self._draw_points()
        self.refresh()

    def _draw_points(self) -> None:
        self._dots.setData(self.xs, self.ys, brush=self.brushes())

    def brushes(self) -> QColor | list[QColor]:
        """The colour of the points, one or one each."""
        color = QColor(theme.color("train"))
        color.setAlpha(150)
        return color

    def refresh(self) -> None:
        if not len(self.xs):
            return
        if self._follows:
            x_range, y_range = self.ranges()
            self._box.setRange(xRange=x_range, yRange=y_range, padding=0.02, disableAutoRange=True)
        self.viewport().update()

    def ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The x and y range that show everything, held still while it fits."""
        old = self._ranges or (None, None)
        self._ranges = tuple(
            grown(shown, *_finite_span(values)) for shown, values in zip(old, (self.xs, self.ys), strict=True)
        )
        return self._ranges

    def dress(self) -> None:
        super().dress()
        if len(self.xs):
            self._draw_points()
        self.refresh()

    def reading(self, x: float, y: float, pixel: tuple[float, float]):
        if not len(self.xs):
            return None
        away = np.hypot((self.xs - x) / pixel[0], (self.ys - y) / pixel[1])
        index = int(np.argmin(away))
        if not away[index] < REACH:
            return None
        point = (float(self.xs[index]), float(self.ys[index]), theme.color("accent"))
        return self.words(index), None, [point]

    def words(self, index: int) -> str:
        """What the bubble says of a point."""
        return f"{self.x_label} {figures.figure(self.xs[index])}\n{self.y_label} {figures.figure(self.ys[index])}"


def _finite_span(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)


class AgreementView(PointsView):
    """Predicted against true; on the diagonal they agree."""

    def __init__(self):
        super().__init__("plot-scatter", tr("Predicted against true"), tr("true"), tr("predicted"))

    def ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        both = np.concatenate([self.xs, self.ys])
        shown = grown(self._ranges[0] if self._ranges else None, *_finite_span(both))
        self._ranges = (shown, shown)
        return self._ranges

    def draw_over(self, painter: QPainter, area: QRectF) -> None:
        (left, right), (bottom, top) = self._box.viewRange()
        low, high = max(left, bottom), min(right, top)
        if high <= low:
            return
        painter.setPen(QPen(theme.color("secondary"), 1, Qt.PenStyle.DashLine))
        painter.drawLine(self.to_pixel(low, low), self.to_pixel(high, high))
        painter.setPen(theme.color("faint"))
        painter.setFont(theme.font(10))
        end = self.to_pixel(high, high)
        painter.drawText(QPointF(end.x() - 62, end.y() + 12), tr("agreement"))


class LineView(PointsView):
    """The fitted curve of one input over the points."""

    def __init__(self):
        super().__init__("plot-line", tr("Fitted line"), "x", "y")
        self._curve = pyqtgraph.PlotCurveItem(antialias=True, connect="finite")
        self.plot.addItem(self._curve, ignoreBounds=True)
        self.dress()

    def set_curve(self, x: np.ndarray, y: np.ndarray) -> None:
        """x, y (n,), ascending in x"""
        self._curve.setData(np.asarray(x, np.float64), np.asarray(y, np.float64))

    def dress(self) -> None:
        super().dress()
        if hasattr(self, "_curve"):
            self._curve.setPen(pyqtgraph.mkPen(theme.color("validation"), width=2))


class ScatterCard(SnapshotCard):
    """Predicted against true values over the validation part."""

    needs = "predicted"

    def __init__(self, run: Run):
        super().__init__(run, "scatter", tr("Predicted"), tr("Each prediction stands here over its true value."))
        self.view = AgreementView()
        self.set_body(self.view)

    def show_snapshot(self, event: Snapshot, arrays: dict[str, np.ndarray]) -> None:
        self.view.set_points(arrays["true"], arrays["predicted"])
        self.set_value(counted(len(arrays["true"]), tr("sample"), tr("samples")))

    def columns(self) -> dict[str, np.ndarray]:
        return {"true": self.view.xs, "predicted": self.view.ys}


class LineCard(SnapshotCard):
    """The fitted line over the points, for one input."""

    needs = "line_x"

    def __init__(self, run: Run):
        super().__init__(run, "line", tr("Fitted line"), tr("The line finds its way through the points here."))
        self.view = LineView()
        self.set_body(self.view)
        self._line = (np.empty(0), np.empty(0))

    def set_names(self, x: str, y: str) -> None:
        """What the input and the target are called."""
        self.view.x_label, self.view.y_label = x, y
        self.view.viewport().update()

    def show_snapshot(self, event: Snapshot, arrays: dict[str, np.ndarray]) -> None:
        self._line = (arrays["line_x"], arrays["line_y"])
        self.view.set_curve(*self._line)
        self.view.set_points(arrays["points"][:, 0], arrays["points"][:, 1])
        self.set_value(counted(len(arrays["points"]), tr("point"), tr("points")))

    def columns(self) -> dict[str, np.ndarray]:
        return {"x": self.view.xs, "y": self.view.ys, "line_x": self._line[0], "line_y": self._line[1]}
