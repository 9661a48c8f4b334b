"""What a network says all over the plane of its two inputs, with the samples on it."""

from __future__ import annotations

import numpy as np
import pyqtgraph
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor

from engine.train.events import Snapshot
from gui.i18n import counted, tr
from gui.plots import figures
from gui.plots.painting import class_color
from gui.plots.scatter import PointsView
from gui.plots.snapshot_card import SnapshotCard
from gui.run.model import Run
from gui.theme import mix, theme

GROUND = 0.45
"""How strongly the plane is coloured."""
ALIKE = 3
"""Up to this ratio of their spans two inputs are taken as of one unit, and a step is as long on both axes."""


class BoundaryView(PointsView):
    """The plane coloured by class, by probability of the second class, or by value; `task` says which."""

    def __init__(self):
        super().__init__("plot-boundary", tr("Decision boundary"), "x", "y")
        self.task = "classification"
        self.names: tuple[str, ...] = ()
        self.of = np.empty(0)  # class or value of each point
        self.surface = np.empty((0, 0), np.float32)
        self.extent = (0.0, 1.0, 0.0, 1.0)
        self._image = pyqtgraph.ImageItem(axisOrder="row-major")
        self._image.setZValue(-10)
        self.plot.addItem(self._image, ignoreBounds=True)
        self._axes["left"].setGrid(False)

    def set_surface(self, surface: np.ndarray, extent: np.ndarray, points: np.ndarray) -> None:
        """surface (rows, columns) from the bottom up; extent: left, right, bottom, top; points (n, 3): x, y, class."""
        self.surface = surface
        self.extent = tuple(float(value) for value in extent)
        self.of = points[:, 2]
        left, right, bottom, top = self.extent
        spans = sorted((right - left, top - bottom))
        self._box.setAspectLocked(spans[1] <= ALIKE * spans[0])
        self.set_points(points[:, 0], points[:, 1])

    def ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        left, right, bottom, top = self.extent
        return (left, right), (bottom, top)

    def _draw_points(self) -> None:
        super()._draw_points()
        self._dots.setPen(pyqtgraph.mkPen(theme.color("panel"), width=0.5))

    def refresh(self) -> None:
        if self.surface.size:
            left, right, bottom, top = self.extent
            self._image.setImage(self._picture(), autoLevels=False, levels=None)
            self._image.setRect(QRectF(left, bottom, right - left, top - bottom))
        super().refresh()

    def _picture(self) -> np.ndarray:
        """(rows, columns, 3) uint8"""
        panel = theme.color("panel")
        if self.task == "classification" and len(self.names) != 2:
            shades = _rgb([mix(class_color(index), panel, GROUND) for index in range(max(1, self._class_count()))])
            return shades[np.nan_to_num(self.surface).astype(int) % len(shades)]
        share = self.surface if self.task != "regression" else _to_unit(self.surface, self.of)
        share = np.clip(np.nan_to_num(share, nan=0.5), 0, 1)[..., None]
        one, other = _rgb([mix(class_color(index), panel, GROUND + 0.15) for index in (0, 1)]).astype(np.float32)
        middle = _rgb([panel]).astype(np.float32)[0]
        low = one + (middle - one) * np.minimum(2 * share, 1)
        return np.where(share < 0.5, low, middle + (other - middle) * (2 * share - 1)).astype(np.uint8)

    def _class_count(self) -> int:
        return max(len(self.names), int(np.nanmax(self.surface)) + 1)

    def brushes(self) -> list[QColor]:
        if self.task == "regression":
            share = np.clip(_to_unit(self.of, self.of), 0, 1)
            return [mix(class_color(1), class_color(0), float(value)) for value in share]
        colors = [class_color(index) for index in range(int(self.of.max(initial=0)) + 1)]
        return [colors[int(index)] for index in self.of]

    def words(self, index: int) -> str:
        value = float(self.of[index])
        known = self.task != "regression" and int(value) < len(self.names)
        first = self.names[int(value)] if known else figures.figure(value)
        return f"{first}\n{super().words(index)}"


def _to_unit(values: np.ndarray, of: np.ndarray) -> np.ndarray:
    low, high = float(np.min(of)), float(np.max(of))
    return (values - low) / ((high - low) or 1.0)


def _rgb(colors: list[QColor]) -> np.ndarray:
    """(colors, 3) uint8"""
    return np.array([[color.red(), color.green(), color.blue()] for color in colors], np.uint8)


class BoundaryCard(SnapshotCard):
    """The decision boundary while it bends."""

    needs = "boundary"

    def __init__(self, run: Run):
        super().__init__(run, "boundary", tr("Boundary"), tr("The boundary bends around the points here."))
        self.view = BoundaryView()
        self.set_body(self.view)

    def set_names(self, x: str, y: str) -> None:
        """What the two inputs are called."""
        self.view.x_label, self.view.y_label = x, y
        self.view.viewport().update()

    def show_snapshot(self, event: Snapshot, arrays: dict[str, np.ndarray]) -> None:
        if self.run.info is not None:
            self.view.task, self.view.names = self.run.info.task, self.run.info.classes
        self.view.set_surface(arrays["boundary"], arrays["extent"], arrays["points"])
        self.set_value(counted(len(arrays["points"]), tr("point"), tr("points")))

    def columns(self) -> dict[str, np.ndarray]:
        left, right, bottom, top = self.view.extent
        rows, columns = self.view.surface.shape
        x, y = np.meshgrid(np.linspace(left, right, columns), np.linspace(bottom, top, rows))
        return {"x": x.ravel(), "y": y.ravel(), "says": self.view.surface.ravel(),
                "point_x": self.view.xs, "point_y": self.view.ys, "point_is": self.view.of}  # fmt: skip
