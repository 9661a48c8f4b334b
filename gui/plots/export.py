"""A plot as a file: PNG and SVG as drawn, CSV with every value that it was drawn from."""

from __future__ import annotations

import csv
import io
from itertools import zip_longest
from pathlib import Path

import numpy as np
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QRect, QSize
from PySide6.QtGui import QImage, QPainter, QRegion
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from engine.formats.atomic import write_atomic
from gui.theme import theme

SCALE = 3
"""Pixels of the PNG for one of the screen."""
FORMATS = ("png", "svg", "csv")


def write(kind: str, widget: QWidget, columns: dict[str, np.ndarray], path: Path) -> None:
    """Write the widget's picture, or its numbers, to `path`.

    Raises:
        OSError: the file cannot be written; an older one stays whole.
    """
    content = {"png": lambda: png(widget), "svg": lambda: svg(widget), "csv": lambda: csv_text(columns)}[kind]()
    write_atomic(path, content)


def png(widget: QWidget) -> bytes:
    """The widget at three times the screen's resolution."""
    image = QImage(widget.size() * SCALE, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(SCALE)
    image.fill(theme.color("panel"))
    painter = QPainter(image)
    _draw(widget, painter)
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return bytes(buffer.data())


def svg(widget: QWidget) -> bytes:
    """The widget as lines and text."""
    content = QByteArray()
    buffer = QBuffer(content)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(QSize(widget.width(), widget.height()))
    generator.setViewBox(QRect(0, 0, widget.width(), widget.height()))
    generator.setTitle(widget.accessibleName())
    painter = QPainter(generator)
    painter.fillRect(widget.rect(), theme.color("panel"))
    _draw(widget, painter)
    painter.end()
    return bytes(content)


def _draw(widget: QWidget, painter: QPainter) -> None:
    """As a widget: a graphics view's own `render` would draw its scene alone."""
    QWidget.render(widget, painter, QPoint(), QRegion(), QWidget.RenderFlag.DrawChildren)


def csv_text(columns: dict[str, np.ndarray]) -> bytes:
    """A table with a column for each array; shorter ones end earlier.

    >>> csv_text({"step": np.array([1, 2]), "loss": np.array([0.5])}).decode()
    'step,loss\\n1,0.5\\n2,\\n'
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip_longest(*(array.tolist() for array in columns.values()), fillvalue=""))
    return text.getvalue().encode()
