"""From strokes on a pad to the pixels that the network knows: as large, as central and as thick as in the data."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QImage, QPainter, QPen, QPolygonF

from gui.reading.style import ImageStyle

Stroke = list[tuple[float, float]]
"""Points (x, y), in any unit, y downwards."""
FINE = 8
"""Rendered so many times finer than the image, then averaged: as the digits were made, from blocks of a bitmap."""


def to_pixels(strokes: list[Stroke], shape: tuple[int, int], style: ImageStyle) -> np.ndarray:
    """(H, W) float32 in the data's own units. The pen is as wide as it takes for the data's amount of ink."""
    height = shape[0]
    if style.ink is None:
        share = _render(strokes, shape, style, 0.12 * height)
    else:
        share = _matched(strokes, shape, style)
    return (style.background + share * (style.foreground - style.background)).astype(np.float32)


def _matched(strokes: list[Stroke], shape: tuple[int, int], style: ImageStyle) -> np.ndarray:
    thin, thick = 0.06 * shape[0], 0.32 * shape[0]
    for _ in range(6):
        pen = (thin + thick) / 2
        share = _render(strokes, shape, style, pen)
        if share.sum() > style.ink:
            thick = pen
        else:
            thin = pen
    return share


def _render(strokes: list[Stroke], shape: tuple[int, int], style: ImageStyle, pen: float) -> np.ndarray:
    """(H, W) in 0..1: fitted into the box of the data, centred, drawn with a round pen of that many pixels."""
    height, width = shape
    image = QImage(width * FINE, height * FINE, QImage.Format.Format_Grayscale8)
    image.fill(0)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(Qt.GlobalColor.white, pen * FINE, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap,
                        Qt.PenJoinStyle.RoundJoin))  # fmt: skip
    for points in _fitted(strokes, shape, style, pen):
        polygon = QPolygonF([QPointF(x * FINE, y * FINE) for x, y in points])
        if len(points) == 1:
            painter.drawPoint(polygon[0])
        else:
            painter.drawPolyline(polygon)
    painter.end()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(height * FINE, image.bytesPerLine())
    fine = rows[:, : width * FINE].reshape(height, FINE, width, FINE)
    return fine.mean(axis=(1, 3)) / 255.0


def _fitted(strokes: list[Stroke], shape: tuple[int, int], style: ImageStyle, pen: float) -> list[np.ndarray]:
    """The strokes scaled and moved into the middle of the image; each (points, 2)."""
    arrays = [np.asarray(stroke, np.float64) for stroke in strokes]
    every = np.concatenate(arrays)
    low, high = every.min(axis=0), every.max(axis=0)
    room = np.array([style.width * shape[1], style.height * shape[0]]) - pen
    extent = high - low
    scale = min((max(room[axis], 1.0) / extent[axis] for axis in (0, 1) if extent[axis] > 1e-9), default=1.0)
    middle = np.array([shape[1], shape[0]]) / 2
    return [(array - (low + high) / 2) * scale + middle for array in arrays]
