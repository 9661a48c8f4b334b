"""From strokes on a pad to the pixels that the network knows: as large, as central and as thick as in the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QImage, QPainter, QPen, QPolygonF

Stroke = list[tuple[float, float]]
"""Points (x, y), in any unit, y downwards."""
FINE = 8
"""Rendered so many times finer than the image, then averaged: as the digits were made, from blocks of a bitmap."""
THRESHOLD = 0.15


@dataclass(frozen=True)
class ImageStyle:
    """How what is drawn sits in the images of a data set; shares of the image's height, width and full ink.

    `background` and `foreground` are pixel values in the data's own units; `ink` is the sum of all pixels where
    full ink counts 1, None where nothing is known.
    """

    background: float = 0.0
    foreground: float = 1.0
    height: float = 0.9
    width: float = 0.75
    ink: float | None = None


def style_of(images: np.ndarray, maximum: float | None = None) -> ImageStyle:
    """Learn it from samples (N, 1, H, W).

    >>> images = np.zeros((3, 1, 8, 8)); images[:, :, :, 3:5] = 16
    >>> style_of(images)
    ImageStyle(background=0.0, foreground=16.0, height=1.0, width=0.25, ink=16.0)
    """
    planes = images[:, 0].astype(np.float64)
    lowest, highest = min(0.0, float(planes.min())), float(maximum or planes.max())
    border = np.concatenate([planes[:, 0], planes[:, -1], planes[:, :, 0], planes[:, :, -1]], axis=1)
    background = lowest if np.median(border) < (lowest + highest) / 2 else highest
    foreground = highest if background == lowest else lowest
    share = (planes - background) / ((foreground - background) or 1.0)
    on = share > THRESHOLD
    return ImageStyle(
        background,
        foreground,
        float(np.median(_spans(on.any(axis=2)))) / planes.shape[1],
        float(np.percentile(_spans(on.any(axis=1)), 75)) / planes.shape[2],
        float(np.median(share.sum(axis=(1, 2)))),
    )


def _spans(on: np.ndarray) -> np.ndarray:
    """(N, L) -> (N): from the first to the last that is on."""
    first, last = on.argmax(axis=1), on.shape[1] - 1 - on[:, ::-1].argmax(axis=1)
    return np.where(on.any(axis=1), last - first + 1, on.shape[1])


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
