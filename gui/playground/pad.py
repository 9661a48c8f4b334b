"""A pad to draw on; it can show a sample of the data as well."""

from __future__ import annotations

import itertools

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.i18n import tr
from gui.playground.strokes import Stroke, to_pixels
from gui.reading.style import ImageStyle
from gui.theme import RADIUS, theme

PEN = 0.085
"""Width of the pen on the screen, as a share of the pad."""


class DrawingPad(QWidget):
    """Draw with the pointer; `pixels` is what the network gets, in the data's own units."""

    changed = Signal()

    def __init__(self):
        super().__init__()
        self.setObjectName("try-pad")
        self.setAccessibleName(tr("Drawing pad"))
        self.setToolTip(tr("Draw here"))
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(72, 72)
        self.shape = (8, 8)
        self.style_of_data = ImageStyle()
        self.strokes: list[Stroke] = []
        self._sample: np.ndarray | None = None
        theme.changed.connect(self.update)

    def sizeHint(self):
        hint = super().sizeHint()
        hint.setWidth(112)
        return hint

    def set_image(self, shape: tuple[int, int], style: ImageStyle) -> None:
        """Size (H, W) of the data's images, and how things sit in them."""
        self.shape, self.style_of_data = shape, style
        if self.strokes:
            self.changed.emit()

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to ask about."""
        return not self.strokes and self._sample is None

    def pixels(self) -> np.ndarray:
        """(C, H, W) float32, in the data's own units."""
        if self._sample is not None:
            return self._sample
        return to_pixels(self.strokes, self.shape, self.style_of_data)[None]

    def clear(self) -> None:
        """A blank pad."""
        self.strokes, self._sample = [], None
        self.update()
        self.changed.emit()

    def show_sample(self, image: np.ndarray) -> None:
        """(C, H, W) in the data's own units, in place of a drawing."""
        self.strokes, self._sample = [], np.asarray(image, np.float32)
        self.update()
        self.changed.emit()

    def field(self) -> QRectF:
        """The square that is drawn on."""
        side = min(self.width(), self.height())
        return QRectF((self.width() - side) / 2, 0, side, side)

    # Drawing

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._sample = None
        self.strokes.append([self._place(event)])
        self._drawn()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton and self.strokes:
            self.strokes[-1].append(self._place(event))
            self._drawn()

    def _place(self, event: QMouseEvent) -> tuple[float, float]:
        field = self.field()
        return ((event.position().x() - field.left()) / field.width(), event.position().y() / field.height())

    def _drawn(self) -> None:
        self.update()
        self.changed.emit()

    # Painting

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        field = self.field().adjusted(0.5, 0.5, -0.5, -0.5)
        shape = QPainterPath()
        shape.addRoundedRect(field, RADIUS, RADIUS)
        painter.fillPath(shape, QColor("#0b0d10") if theme.is_dark else theme.color("panel"))
        painter.setClipPath(shape)
        if self._sample is not None:
            self._paint_sample(painter, field)
        self._paint_strokes(painter, field)
        painter.setClipping(False)
        painter.setPen(QPen(theme.color("line"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(shape)
        if self.is_blank:
            painter.setPen(theme.color("faint"))
            painter.setFont(theme.font(11))
            painter.drawText(field, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, tr("Draw here"))

    def _paint_strokes(self, painter: QPainter, field: QRectF) -> None:
        pen = QPen(theme.color("text"), PEN * field.width())
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for stroke in self.strokes:
            painter.drawPath(_smooth_path(stroke, field))

    def _paint_sample(self, painter: QPainter, field: QRectF) -> None:
        style = self.style_of_data
        low, high = sorted((style.background, style.foreground))
        scaled = np.clip((self._sample - low) / ((high - low) or 1.0), 0, 1)
        if len(scaled) == 1 and style.background > style.foreground:
            scaled = 1 - scaled  # ink is drawn in the colour of the text, on the ground of the pad
        if len(scaled) == 1:
            painter.drawImage(field, _inked(scaled[0]))
        else:
            painter.drawImage(field, _coloured(scaled[:3]))


def _smooth_path(stroke: Stroke, field: QRectF) -> QPainterPath:
    """Through the middles of the segments, with the points as handles: no corners of a slow pointer."""
    points = [QPointF(field.left() + x * field.width(), field.top() + y * field.height()) for x, y in stroke]
    path = QPainterPath(points[0])
    if len(points) == 1:
        path.lineTo(points[0] + QPointF(0.01, 0))
    for one, other in itertools.pairwise(points):
        path.quadTo(one, (one + other) / 2)
    path.lineTo(points[-1])
    return path


def _inked(share: np.ndarray) -> QImage:
    """(H, W) in 0..1 -> the colour of the text, as opaque as there is ink."""
    ink = theme.color("text")
    pixels = np.empty((*share.shape, 4), np.uint8)
    pixels[..., :3] = (ink.red(), ink.green(), ink.blue())
    pixels[..., 3] = (share * 255).round()
    return QImage(pixels.data, share.shape[1], share.shape[0], 4 * share.shape[1], QImage.Format.Format_RGBA8888).copy()


def _coloured(share: np.ndarray) -> QImage:
    """(3, H, W) in 0..1"""
    pixels = np.ascontiguousarray((share.transpose(1, 2, 0) * 255).round().astype(np.uint8))
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, pixels.strides[0], QImage.Format.Format_RGB888).copy()
