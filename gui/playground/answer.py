"""What the network says: bars of probabilities, or a number."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.train.events import Prediction
from gui.i18n import tr
from gui.plots import figures
from gui.theme import theme

ROW, TALL_ROW = 24, 36
LARGE, SMALL = 24, 11
"""Pixels of a value's figures, where there is room and where there is none."""


class AnswerView(QWidget):
    """The likeliest classes with their bars, the likeliest in green; or the value in large figures."""

    def __init__(self):
        super().__init__()
        self.setObjectName("try-answer")
        self.setAccessibleName(tr("Answer"))
        self.setMinimumSize(70, 40)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.ranked: list[tuple[str, float]] = []
        self.value: float | None = None
        self.unit = ""
        self.truth = ""
        self.message = ""
        theme.changed.connect(self.update)

    def show_prediction(self, prediction: Prediction) -> None:
        """An answer, or the sentence why there is none."""
        self.ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
        self.value, self.message = prediction.value, prediction.error
        self.setAccessibleDescription(self.text())
        self.update()

    def show_message(self, message: str) -> None:
        """A sentence in place of an answer."""
        self.ranked, self.value, self.message = [], None, message
        self.setAccessibleDescription(message)
        self.update()

    def set_truth(self, text: str) -> None:
        """What the sample from the data really is; "" for a drawing."""
        self.truth = text
        self.update()

    def text(self) -> str:
        """The answer in words."""
        if self.message:
            return self.message
        if self.value is not None:
            return f"{figures.figure(self.value)} {self.unit}".strip()
        return ", ".join(f"{name} {100 * share:.0f} %" for name, share in self.ranked[:3])

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        field = QRectF(self.rect())
        if self.truth and not self.message:
            painter.setFont(theme.font(11))
            painter.setPen(theme.color("secondary"))
            below = QRectF(0, field.bottom() - 16, field.width(), 16)
            text = painter.fontMetrics().elidedText(
                tr("really: {truth}", truth=self.truth), Qt.TextElideMode.ElideRight, int(field.width())
            )
            painter.drawText(below, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
            field.setBottom(field.bottom() - 18)
        if self.message:
            self._paint_message(painter, field)
        elif self.value is not None:
            self._paint_value(painter, field)
        else:
            self._paint_bars(painter, field)

    def _paint_message(self, painter: QPainter, field: QRectF) -> None:
        painter.setFont(theme.font(11))
        painter.setPen(theme.color("secondary"))
        painter.drawText(field, Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap, self.message)

    def _paint_value(self, painter: QPainter, field: QRectF) -> None:
        font = theme.mono_numbers(14, bold=True)
        text = figures.figure(self.value)
        font.setPixelSize(figure_size(text, font, field.width()))
        painter.setFont(font)
        painter.setPen(theme.color("text"))
        number = QRectF(field.left(), field.center().y() - 22, field.width(), 30)
        painter.drawText(number, Qt.AlignmentFlag.AlignCenter, text)
        painter.setFont(theme.font(11))
        painter.setPen(theme.color("secondary"))
        unit = painter.fontMetrics().elidedText(self.unit, Qt.TextElideMode.ElideRight, int(field.width()))
        painter.drawText(number.translated(0, 26), Qt.AlignmentFlag.AlignCenter, unit)

    def _paint_bars(self, painter: QPainter, field: QRectF) -> None:
        if not self.ranked:
            return
        painter.setFont(theme.font(12))
        widest = max(painter.fontMetrics().horizontalAdvance(name) for name, _ in self.ranked) + 8.0
        is_narrow = widest > 0.4 * field.width()  # then the names stand over their bars
        height = TALL_ROW if is_narrow else ROW
        for index, (name, share) in enumerate(self.ranked[: max(1, int(field.height() // height))]):
            row = QRectF(field.left(), field.top() + index * height, field.width(), height)
            color = theme.color("good" if index == 0 else "faint")
            self._paint_bar(painter, row, 0.0 if is_narrow else widest, name, share, color)

    def _paint_bar(self, painter: QPainter, row: QRectF, words: float, name: str, share: float, color: QColor) -> None:
        """The name in the first `words` pixels and the bar behind it; with 0 the bar below it."""
        line = row if words else row.adjusted(0, 0, 0, -(row.height() - 18))
        painter.setFont(theme.font(12))
        painter.setPen(theme.color("text"))
        short = painter.fontMetrics().elidedText(
            name, Qt.TextElideMode.ElideRight, int((words or row.width() - 28) - 4)
        )
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, short)
        room = max(8.0, row.width() - words - (28 if words else 0))
        middle = row.center().y() if words else line.bottom() + 5
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawRoundedRect(QRectF(row.left() + words, middle - (6 if words else 4), max(5.0, room * share),
                                       12 if words else 8), 3, 3)  # fmt: skip
        painter.setFont(theme.mono_numbers(11))
        painter.setPen(theme.color("secondary"))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{100 * share:.0f}")


def figure_size(text: str, font: QFont, width: float) -> int:
    """The largest size of the font in pixels in which a value stands whole in that width."""
    font = QFont(font)
    for size in range(LARGE, SMALL, -1):
        font.setPixelSize(size)
        if QFontMetricsF(font).horizontalAdvance(text) <= width:
            return size
    return SMALL
