"""How the weights of each layer are spread, and how that changed: one ridge for each snapshot, the newest in front."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QPainter, QPen, QPolygonF

from engine.train.events import Snapshot
from gui.i18n import counted, tr
from gui.plots import figures
from gui.plots.painting import Picture
from gui.plots.snapshot_card import SnapshotCard
from gui.run.model import Run
from gui.theme import mix, theme

KEPT = 16
"""Ridges of one layer; when there are more, every other one goes."""
FEW = 8
"""Weights below which there is no spread to show."""
CELL = 112
"""Pixels of width for one layer."""


@dataclass(frozen=True)
class Ridge:
    """Spread of one parameter at a step: counts (bins,) between low and high."""

    step: int
    counts: np.ndarray
    low: float
    high: float


class Ridges(Picture):
    """Small hills for each parameter, the older the further back."""

    def __init__(self):
        super().__init__()
        self.setObjectName("plot-histograms")
        self.setAccessibleName(tr("Weights of each layer"))
        self.setMinimumSize(100, 70)
        self.parameters: dict[str, list[Ridge]] = {}

    def clear(self) -> None:
        """Another run begins."""
        self.parameters = {}
        self.update()

    def add(self, step: int, arrays: dict[str, np.ndarray]) -> None:
        """The histograms of a snapshot, in order of steps."""
        for key in sorted(arrays, key=_by_number):  # a file keeps no order
            kind, _, name = key.partition("/")
            if kind != "histogram" or f"range/{name}" not in arrays:
                continue
            low, high = (float(value) for value in arrays[f"range/{name}"])
            ridges = [ridge for ridge in self.parameters.get(name, []) if ridge.step < step]
            self.parameters[name] = _thinned([*ridges, Ridge(step, arrays[key], low, high)])
        self.update()

    def shown(self) -> list[str]:
        """Weights before biases, as many as there is room for."""
        names = sorted(self.parameters, key=lambda name: not name.endswith("weight"))
        columns, rows = self._grid(len(names))
        return [name for name in self.parameters if name in names[: columns * rows]]

    def _grid(self, count: int) -> tuple[int, int]:
        columns = max(1, self.width() // CELL)
        rows = max(1, min(self.height() // 64, -(-count // columns)))
        return columns, rows

    def _cells(self) -> list[tuple[str, QRectF]]:
        names = self.shown()
        columns, rows = self._grid(len(self.parameters))
        columns = max(1, min(columns, -(-len(names) // rows) if names else 1))
        width, height = self.width() / columns, self.height() / rows
        return [
            (name, QRectF(index % columns * width, index // columns * height, width, height).adjusted(2, 0, -6, -2))
            for index, name in enumerate(names)
        ]

    def reading_text(self) -> str:
        for name, cell in self._cells():
            if self._pointer is not None and cell.contains(self._pointer):
                last = self.parameters[name][-1]
                number = counted(int(last.counts.sum()), tr("weight"), tr("weights"))
                return f"{name}: {number}\n{figures.figure(last.low)} – {figures.figure(last.high)}"
        return ""

    def paint(self, painter: QPainter) -> None:
        for name, cell in self._cells():
            self._paint(painter, name, cell)

    def _paint(self, painter: QPainter, name: str, cell: QRectF) -> None:
        ridges = self.parameters[name]
        low, high = min(ridge.low for ridge in ridges), max(ridge.high for ridge in ridges)
        span = (high - low) or 1.0
        field = cell.adjusted(0, 14, 0, -13)
        hill = field.height() * 0.45
        if ridges[-1].counts.sum() < FEW:
            self._paint_track(painter, ridges, field, low, span)
            ridges = []
        for depth, ridge in enumerate(ridges):
            age = depth / max(1, len(ridges) - 1) if len(ridges) > 1 else 1.0
            base = field.top() + hill + (field.height() - hill) * age
            left = field.left() + (ridge.low - low) / span * field.width()
            width = (ridge.high - ridge.low) / span * field.width()
            color = mix(theme.color("train"), theme.color("panel"), 0.25 + 0.75 * age)
            painter.setPen(QPen(color, 1.5 if age == 1.0 else 1))
            painter.setBrush(mix(color, theme.color("panel"), 0.35))
            painter.drawPolygon(_outline(ridge.counts, left, width, base, hill))
        self._paint_words(painter, name, cell, low, high)

    def _paint_track(self, painter: QPainter, ridges: list[Ridge], field: QRectF, low: float, span: float) -> None:
        """The way of a few weights: their middle at each snapshot, the newest at the bottom."""
        rows = np.linspace(field.top() + 4, field.bottom() - 4, len(ridges))
        middles = [((ridge.low + ridge.high) / 2 - low) / span * (field.width() - 8) + 4 for ridge in ridges]
        points = [QPointF(field.left() + x, y) for x, y in zip(middles, rows, strict=True)]
        painter.setPen(QPen(theme.color("train"), 1.5))
        painter.setBrush(theme.color("train"))
        painter.drawPolyline(points)
        painter.drawEllipse(points[-1], 3, 3)

    def _paint_words(self, painter: QPainter, name: str, cell: QRectF, low: float, high: float) -> None:
        painter.setFont(theme.font(10))
        painter.setPen(theme.color("secondary"))
        short = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, int(cell.width()))
        painter.drawText(cell, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, short)
        painter.setPen(theme.color("faint"))
        painter.setFont(theme.mono_numbers(10))
        for value, side in ((low, Qt.AlignmentFlag.AlignLeft), (high, Qt.AlignmentFlag.AlignRight)):
            painter.drawText(cell, side | Qt.AlignmentFlag.AlignBottom, figures.short(float(f"{value:.2g}")))


def _by_number(key: str) -> list[tuple[int, str]]:
    """What orders names as people count.

    >>> sorted(["conv10.weight", "conv2.weight"], key=_by_number)
    ['conv2.weight', 'conv10.weight']
    """
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", key)]


def _thinned(ridges: list[Ridge]) -> list[Ridge]:
    """Every other one and the newest, when there are too many: the whole past stays in sight."""
    return ridges if len(ridges) <= KEPT else ridges[:-1][::2] + ridges[-1:]


def _outline(counts: np.ndarray, left: float, width: float, base: float, height: float) -> QPolygonF:
    tops = base - counts / max(1, int(counts.max())) * height
    xs = np.linspace(left, left + max(width, 1.0), len(counts))
    points = [QPointF(xs[0], base), *(QPointF(x, y) for x, y in zip(xs, tops, strict=True)), QPointF(xs[-1], base)]
    return QPolygonF(points)


class HistogramCard(SnapshotCard):
    """Weights per layer over time."""

    def __init__(self, run: Run):
        super().__init__(run, "weights", tr("Weights"), tr("How each layer's weights spread out stands here."))
        self.ridges = Ridges()
        self.set_body(self.ridges)
        self._past: list[Snapshot] = []
        self._reader = QTimer(self, interval=15)
        self._reader.timeout.connect(self._read_one)
        run.loaded.connect(self.catch_up)

    def begin_anew(self) -> None:
        super().begin_anew()
        self._reader.stop()
        self._past = []
        self.ridges.clear()

    def _take(self, event: Snapshot, arrays: dict[str, np.ndarray]) -> None:
        if not self._past:  # else the past comes first, and the newest with it
            self._add(event, arrays)

    def _add(self, event: Snapshot, arrays: dict[str, np.ndarray]) -> None:
        if any(key.startswith("histogram/") for key in arrays):
            self.ridges.add(event.step, arrays)
            self.show_empty(False)
            self.set_value(tr("step {step}", step=f"{event.step:,}"))

    def catch_up(self) -> None:
        """The snapshots of a run that was found: some of them, one at a time, so that nothing waits."""
        past = self.run.history.snapshots
        picked = np.unique(np.linspace(0, len(past) - 1, min(len(past), KEPT)).round().astype(int)) if past else []
        self._past = [past[index] for index in picked]
        self.ridges.clear()
        self._reader.start()

    def _read_one(self) -> None:
        if not self._past:
            self._reader.stop()
            return
        event = self._past.pop(0)
        self._add(event, self.run.read_snapshot(event))

    def columns(self) -> dict[str, np.ndarray]:
        table: dict[str, np.ndarray] = {}
        for name, ridges in self.ridges.parameters.items():
            last = ridges[-1]
            edges = np.linspace(last.low, last.high, len(last.counts) + 1)
            table[f"{name} from"], table[f"{name} count"] = edges[:-1], last.counts
        return table
