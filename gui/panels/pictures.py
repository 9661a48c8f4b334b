"""Pictures of data: thumbnails side by side, and how many samples each class has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.theme import theme


def to_image(pixels: np.ndarray) -> QImage:
    """uint8 pixels (H, W), (H, W, C) or (C, H, W), grey or RGB -> a picture that owns its bytes."""
    pixels = np.asarray(pixels, dtype=np.uint8)
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3) and pixels.shape[-1] not in (1, 3):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    form = QImage.Format.Format_Grayscale8 if pixels.ndim == 2 else QImage.Format.Format_RGB888
    return QImage(pixels.data, width, height, pixels.strides[0], form).copy()


class Thumbnails(QWidget):
    """A grid of small pictures with a caption under each."""

    SIDE, GAP = 40, 6

    def __init__(self) -> None:
        super().__init__()
        self._images: list[QImage] = []
        self._captions: list[str] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_pictures(self, pictures: Sequence[np.ndarray], captions: Sequence[str] = ()) -> None:
        """Show these, uint8."""
        self._images = [to_image(p) for p in pictures]
        self._captions = [*captions, *[""] * (len(self._images) - len(captions))]
        self._fit()
        self.update()

    @property
    def _pitch(self) -> tuple[int, int]:
        return self.SIDE + self.GAP, self.SIDE + (16 if any(self._captions) else self.GAP)

    def _columns(self) -> int:
        return max(1, (self.width() + self.GAP) // self._pitch[0])

    def _fit(self) -> None:
        rows = -(-len(self._images) // self._columns())
        self.setFixedHeight(max(1, rows * self._pitch[1]))

    def resizeEvent(self, event) -> None:
        self._fit()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setFont(theme.font(10))
            columns = self._columns()
            for number, image in enumerate(self._images):
                row, column = divmod(number, columns)
                place = QRectF(column * self._pitch[0], row * self._pitch[1], self.SIDE, self.SIDE)
                small = max(image.width(), image.height()) < self.SIDE
                painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not small)
                painter.drawImage(place, image)
                painter.setPen(theme.color("line"))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(place)
                if self._captions[number]:
                    painter.setPen(theme.color("secondary"))
                    under = QRectF(place.left(), place.bottom(), self.SIDE, 14)
                    text = painter.fontMetrics().elidedText(
                        self._captions[number], Qt.TextElideMode.ElideRight, self.SIDE
                    )
                    painter.drawText(under, Qt.AlignmentFlag.AlignCenter, text)


class ClassCounts(QWidget):
    """A bar for each class, as long as it has samples; at most twelve, the rest in one line."""

    ROW, MOST = 18, 12

    def __init__(self) -> None:
        super().__init__()
        self._counts: list[tuple[str, int]] = []
        self._more = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_counts(self, counts: Mapping[str, int]) -> None:
        """Show these counts."""
        self._counts = [(str(name), int(count)) for name, count in list(counts.items())[: self.MOST]]
        self._more = len(counts) - len(self._counts)
        self.setFixedHeight(self.ROW * (len(self._counts) + bool(self._more)) + 2)
        self.setAccessibleName(", ".join(f"{name}: {count}" for name, count in self._counts))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._counts:
            return
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(theme.mono_numbers(11))
            metrics = painter.fontMetrics()
            most = max(1, max(count for _, count in self._counts))
            widest = max(metrics.horizontalAdvance(name) for name, _ in self._counts)
            names = min(self.width() // 2, widest + 2 + 8)  # to the right, figures that are wider than they say
            figures = max(metrics.horizontalAdvance(f"{count:,}") for _, count in self._counts) + 8
            for row, (name, count) in enumerate(self._counts):
                line = QRectF(0, row * self.ROW, self.width(), self.ROW)
                painter.setPen(theme.color("secondary"))
                shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, names - 8)
                painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, shown)
                painter.setPen(theme.color("text"))
                painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, f"{count:,}")
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.color("train"))
                length = max(2.0, (self.width() - names - figures) * count / most)
                painter.drawRoundedRect(QRectF(names, line.center().y() - 4, length, 8), 3, 3)
            if self._more:
                painter.setPen(theme.color("faint"))
                line = QRectF(0, len(self._counts) * self.ROW, self.width(), self.ROW)
                painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, f"+ {self._more}")
