"""Which classes a network takes for which."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter

from engine.train.events import Snapshot
from gui.i18n import counted, tr
from gui.plots.painting import Picture
from gui.plots.snapshot_card import SnapshotCard
from gui.run.model import Run
from gui.theme import mix, theme

NAMES = 14
"""Up to that many classes have their names at the side."""


class ConfusionMatrix(Picture):
    """Rows are the true classes, columns the predicted ones; a cell is as strong as its share of its row."""

    def __init__(self):
        super().__init__()
        self.setObjectName("plot-confusion")
        self.setAccessibleName(tr("Confusion matrix"))
        self.setMinimumSize(90, 80)
        self.counts = np.zeros((0, 0), np.int64)
        self.names: tuple[str, ...] = ()
        self.noun = ("sample", "samples")

    def set_counts(self, counts: np.ndarray, names: tuple[str, ...]) -> None:
        """counts (classes, classes): true by predicted."""
        self.counts = counts
        self.names = names if len(names) == len(counts) else tuple(str(index) for index in range(len(counts)))
        right = int(np.trace(counts))
        self.setAccessibleDescription(tr("{right} of {all} are right", right=right, all=int(counts.sum())))
        self.update()

    def _field(self) -> QRectF:
        """The matrix without its names."""
        left = 14.0 + (self._name_width() if len(self.names) <= NAMES else 0)
        bottom = 14.0 + (12 if len(self.names) <= NAMES else 0)
        return QRectF(left, 2, max(1.0, self.width() - left - 4), max(1.0, self.height() - 2 - bottom))

    def _name_width(self) -> float:
        metrics = self.fontMetrics()
        return min(60.0, max((metrics.horizontalAdvance(name) for name in self.names), default=0) + 4.0)

    def cell_at(self, place: QPointF) -> tuple[int, int] | None:
        """(true, predicted) of the cell at a pixel."""
        field, count = self._field(), len(self.counts)
        if not count or not field.contains(place):
            return None
        row = int((place.y() - field.top()) / field.height() * count)
        column = int((place.x() - field.left()) / field.width() * count)
        return min(row, count - 1), min(column, count - 1)

    def cell(self, true: int, predicted: int) -> QRectF:
        """Where a cell is, in pixels."""
        field, count = self._field(), len(self.counts)
        width, height = field.width() / count, field.height() / count
        return QRectF(field.left() + predicted * width, field.top() + true * height, width, height)

    def reading_text(self) -> str:
        found = self.cell_at(self._pointer) if self._pointer is not None else None
        if found is None:
            return ""
        true, predicted = found
        number = counted(int(self.counts[true, predicted]), *(tr(word) for word in self.noun))
        return tr("true {true}, predicted {predicted}: {number}", true=self.names[true],
                  predicted=self.names[predicted], number=number)  # fmt: skip

    def paint(self, painter: QPainter) -> None:
        if len(self.counts):
            self._paint_cells(painter)
            self._paint_names(painter)

    def _paint_cells(self, painter: QPainter) -> None:
        shares = self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        ground = mix(theme.color("raised"), theme.color("panel"), 0.6)
        painter.setPen(Qt.PenStyle.NoPen)
        count = len(self.counts)
        gap = 1.0 if count <= 30 else 0.0
        painter.setFont(theme.mono_numbers(10))
        for true in range(count):
            for predicted in range(count):
                share = float(shares[true, predicted])
                color = theme.color("accent" if true == predicted else "warn")
                strength = 0.12 + 0.88 * share**0.6 if share else 0.0
                cell = self.cell(true, predicted).adjusted(gap / 2, gap / 2, -gap / 2, -gap / 2)
                fill = mix(color, ground, strength)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(fill)
                painter.drawRoundedRect(cell, 2, 2)
                if share and cell.width() > 20 and cell.height() > 11:
                    dark = fill.lightnessF() > 0.5
                    painter.setPen(Qt.GlobalColor.black if dark else Qt.GlobalColor.white)
                    painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, str(int(self.counts[true, predicted])))

    def _paint_names(self, painter: QPainter) -> None:
        field = self._field()
        painter.setFont(theme.font(10))
        painter.setPen(theme.color("faint"))
        below = QRectF(field.left(), self.height() - 14, field.width(), 14)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, tr("predicted"))
        painter.save()
        painter.translate(0, field.bottom())
        painter.rotate(-90)
        painter.drawText(QRectF(0, 0, field.height(), 13), Qt.AlignmentFlag.AlignCenter, tr("true"))
        painter.restore()
        if len(self.names) > NAMES:
            return
        metrics = painter.fontMetrics()
        painter.setPen(theme.color("secondary"))
        for index, name in enumerate(self.names):
            cell = self.cell(index, index)
            beside = QRectF(13, cell.top(), field.left() - 16, cell.height())
            short = metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(beside.width()))
            painter.drawText(beside, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, short)
            under = QRectF(cell.left(), field.bottom() + 1, cell.width(), 12)
            short = metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(under.width()))
            painter.drawText(under, Qt.AlignmentFlag.AlignCenter, short)


class ConfusionCard(SnapshotCard):
    """The confusion matrix over the validation part."""

    needs = "confusion"

    def __init__(self, run: Run):
        super().__init__(run, "confusion", tr("Confusion"), tr("Which classes are taken for which stands here."))
        self.matrix = ConfusionMatrix()
        self.set_body(self.matrix)

    def set_noun(self, one: str, many: str) -> None:
        """What a sample is called: image, row."""
        self.matrix.noun = (one, many)

    def show_snapshot(self, event: Snapshot, arrays: dict[str, np.ndarray]) -> None:
        counts = arrays["confusion"]
        self.matrix.set_counts(counts, self.run.info.classes if self.run.info is not None else ())
        self.set_value(counted(int(counts.sum()), *(tr(word) for word in self.matrix.noun)))

    def columns(self) -> dict[str, np.ndarray]:
        names, counts = self.matrix.names, self.matrix.counts
        return {"true": np.array(names), **{f"predicted {name}": counts[:, i] for i, name in enumerate(names)}}
