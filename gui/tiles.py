"""The pictures of the start page: each project's own data, moving the way its network learns them. Pure painting."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPixmap

from gui.theme import mix, theme

Arrays = dict[str, np.ndarray]


def tell_nothing(painter: QPainter, rect: QRectF, data: Arrays, time: float) -> None:
    """Before the data are there, and for a template that has no picture: layers in a row."""
    families = ("Data", "Convolution", "Activation", "Dense", "Loss")
    step = rect.width() / len(families)
    for number, family in enumerate(families):
        box = QRectF(rect.left() + number * step + 6, rect.center().y() - 10, step - 12, 20)
        painter.setPen(QPen(theme.family(family), 1))
        painter.setBrush(theme.tint(family))
        painter.drawRoundedRect(box, 4, 4)


def digits_grid(painter: QPainter, rect: QRectF, data: Arrays, time: float) -> None:
    """Handwritten digits in rows, with a 3 x 3 filter that slides over one of them.

    data: images (n, 8, 8) 0..1.
    """
    images = data["images"]
    side = rect.height() / 3
    columns = max(1, math.ceil(rect.width() / side))
    left = rect.left()
    for row in range(3):
        for column in range(columns):
            number = (row * columns + column) % len(images)
            place = QRectF(left + column * side, rect.top() + row * side, side, side).adjusted(3, 3, -3, -3)
            painter.drawImage(place, _grey(images[number]))
    cells = 6 * 6
    at = int(time * 9) % cells
    row, column = divmod(at, 6)
    focus = min(2, columns - 1)
    cell = (side - 6) / 8
    window = QRectF(left + focus * side + 3 + column * cell, rect.top() + side + 3 + row * cell, 3 * cell, 3 * cell)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme.family("Convolution"), 2))
    painter.drawRect(window)


def digit_and_bars(painter: QPainter, rect: QRectF, data: Arrays, time: float) -> None:
    """One digit at a time, wired to ten bars of which its own grows.

    data: images (n, 8, 8) 0..1, labels (n,).
    """
    images, labels = data["images"], data["labels"]
    turn, within = divmod(time, 2.2)
    number = int(turn) % len(images)
    grown = min(1.0, within / 0.8)
    side = rect.height() - 32
    place = QRectF(rect.left() + 16, rect.top() + 16, side, side)
    painter.drawImage(place, _grey(images[number]))
    left = place.right() + 44
    bars = QRectF(left, rect.top() + 6, rect.right() - left - 14, rect.height() - 12)
    height = bars.height() / 10
    painter.setFont(theme.font(10))
    for digit in range(10):
        line = QRectF(bars.left(), bars.top() + digit * height, bars.width(), height)
        own = digit == int(labels[number])
        share = (0.1 + 0.86 * grown) if own else 0.10 * (1 - grown) + 0.03
        wire = mix(theme.color("line"), theme.color("panel"), 0.9)
        painter.setPen(QPen(theme.color("good") if own and grown > 0.3 else wire, 1))
        painter.drawLine(QPointF(place.right() + 6, place.center().y()), QPointF(line.left() - 4, line.center().y()))
        painter.setPen(theme.color("text" if own else "faint"))
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, str(digit))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("good") if own else theme.color("line"))
        length = (line.width() - 14) * share
        painter.drawRoundedRect(QRectF(line.left() + 14, line.center().y() - 3, length, 6), 3, 3)


def boundary(painter: QPainter, rect: QRectF, data: Arrays, time: float) -> None:
    """Points of two kinds, and the ground between them that bends from a straight cut to their arms and back.

    data: points (n, 2) -1..1, labels (n,) 0 or 1, field (rows, columns) -1..1 as the points' neighbourhood says.
    """
    points, labels, field = data["points"], data["labels"], data["field"]
    learnt = 0.5 - 0.5 * math.cos(min(time, 1e9) * 0.9)
    rows, columns = field.shape
    straight = np.linspace(-1, 1, columns, dtype=np.float32)[None, :] * np.ones((rows, 1), np.float32)
    share = 1 / (1 + np.exp(-6 * ((1 - learnt) * straight * 0.6 + learnt * field)))
    one, other, ground = theme.color("train"), theme.color("validation"), theme.color("panel")
    ends = [np.array(mix(c, ground, 0.34).getRgb()[:3], np.float32) for c in (one, other)]
    pixels = (ends[0] * (1 - share[..., None]) + ends[1] * share[..., None]).astype(np.uint8)
    pixels = np.ascontiguousarray(pixels)
    image = QImage(pixels.data, columns, rows, columns * 3, QImage.Format.Format_RGB888)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawImage(rect, image)
    reach = min(rect.width(), rect.height()) / 2 - 6
    square = QRectF(0, 0, 2 * reach, 2 * reach)
    square.moveCenter(rect.center())
    _draw_dots(painter, square, points, labels, outlined=True)


def fitted_line(painter: QPainter, rect: QRectF, data: Arrays, time: float) -> None:
    """Points and a line that turns into the best fit and begins anew.

    data: points (n, 2) -1..1, fit (2,): slope and offset.
    """
    slope, offset = data["fit"]
    phase = time % 5.0
    learnt = 1 - math.exp(-1.6 * phase)
    place = rect.adjusted(14, 10, -14, -10)

    def at(x: float, y: float) -> QPointF:
        return QPointF(place.center().x() + x * place.width() / 2, place.center().y() - y * place.height() / 2)

    _draw_dots(painter, place, data["points"], np.zeros(len(data["points"]), int))
    now, start = learnt * slope, -0.35 * (1 - learnt)
    painter.setPen(QPen(theme.color("validation"), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawLine(at(-1, learnt * offset + start - now), at(1, learnt * offset + start + now))


def two_classes(painter: QPainter, rect: QRectF, data: Arrays, time: float) -> None:
    """Two measures of every sample coloured by class, and a cut that finds its place between them.

    data: points (n, 2) -1..1, labels (n,) 0 or 1, cut (3,): a x + b y + c = 0.
    """
    place = rect.adjusted(10, 8, -10, -8)
    phase = time % 5.0
    learnt = 1 - math.exp(-1.5 * phase)
    a, b, c = data["cut"]
    angle = math.atan2(b, a)
    begun = 0.15 + (1 - learnt) * 1.3
    normal = (math.cos(angle + begun - 0.15), math.sin(angle + begun - 0.15))
    shift = c / math.hypot(a, b)

    def at(x: float, y: float) -> QPointF:
        return QPointF(place.center().x() + x * place.width() / 2, place.center().y() - y * place.height() / 2)

    _draw_dots(painter, place, data["points"], data["labels"])
    painter.save()
    painter.setClipRect(rect)
    along = (-normal[1], normal[0])
    foot = (-normal[0] * shift, -normal[1] * shift)
    painter.setPen(QPen(theme.color("text"), 1.6))
    painter.drawLine(
        at(foot[0] - 3 * along[0], foot[1] - 3 * along[1]), at(foot[0] + 3 * along[0], foot[1] + 3 * along[1])
    )
    painter.restore()


Paint = Callable[[QPainter, QRectF, Arrays, float], None]

PICTURES: dict[str, Paint] = {
    "digits-cnn": digits_grid,
    "digits-mlp": digit_and_bars,
    "spirals": boundary,
    "linear-regression": fitted_line,
    "breast-cancer": two_classes,
}


_drawn: dict[int, tuple[tuple, QPixmap]] = {}
"""By the id of the points: what their picture depends on, and the picture. There are as many as tiles with points."""


def _draw_dots(
    painter: QPainter, place: QRectF, points: np.ndarray, labels: np.ndarray, outlined: bool = False
) -> None:
    """Points -1..1 in their classes' colours; drawn once, since only what lies over or under them moves."""
    ratio = painter.device().devicePixelRatioF()
    colors = [QColor(theme.color(name)) for name in ("train", "validation")]
    key = (place.width(), place.height(), ratio, *(color.rgba() for color in colors))
    if _drawn.get(id(points), (None, None))[0] != key:
        edge = 4
        picture = QPixmap(((place.size() + QSizeF(2 * edge, 2 * edge)) * ratio).toSize())
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        with QPainter(picture) as dots:
            dots.setRenderHint(QPainter.RenderHint.Antialiasing)
            dots.setPen(QPen(theme.color("panel"), 0.7) if outlined else Qt.PenStyle.NoPen)
            for (x, y), label in zip(points, labels, strict=True):
                colors[int(label > 0)].setAlphaF(1.0 if outlined else 0.7)
                dots.setBrush(colors[int(label > 0)])
                across, down = (x + 1) * place.width() / 2 + edge, (1 - y) * place.height() / 2 + edge
                dots.drawEllipse(QPointF(across, down), 2.1, 2.1)
        _drawn[id(points)] = (key, picture)
    painter.drawPixmap(place.topLeft() - QPointF(4, 4), _drawn[id(points)][1])


def _grey(image: np.ndarray) -> QImage:
    """0..1 pixels as ink on the theme's ground."""
    ink, ground = theme.color("text"), theme.color("background")
    ends = [np.array(c.getRgb()[:3], np.float32) for c in (ground, ink)]
    pixels = ends[0] + (ends[1] - ends[0]) * image[..., None]
    pixels = np.ascontiguousarray(pixels.astype(np.uint8))
    height, width = image.shape
    return QImage(pixels.data, width, height, width * 3, QImage.Format.Format_RGB888).copy()


def prepare(name: str, fields: Arrays) -> Arrays:
    """What a picture needs, from the first samples of the template's data (fields by name)."""
    inputs = [values for values in fields.values() if values.dtype == np.float32 and values.ndim > 1]
    targets = [values for values in fields.values() if values.ndim == 1 or values.shape[1:] == (1,)]
    if name in ("digits-cnn", "digits-mlp"):
        images = inputs[0].reshape(len(inputs[0]), 8, 8)
        return {"images": images / max(1e-9, float(images.max())), "labels": targets[-1].ravel()}
    if name == "linear-regression":
        points = _spread(np.stack([inputs[0][:, 0], targets[-1].ravel()], axis=1))
        return {"points": points, "fit": np.polyfit(points[:, 0], points[:, 1], 1)}
    if name == "breast-cancer":
        points, labels = _spread(inputs[0][:, [0, 1]]), targets[-1].ravel().astype(int)
        return {"points": points, "labels": labels, "cut": _cut(points, labels)}
    points, labels = _spread(inputs[0]), targets[-1].ravel().astype(int)
    return {"points": points, "labels": labels, "field": _field(points, labels)}


def _spread(points: np.ndarray) -> np.ndarray:
    """To -1..1 on both axes."""
    low, high = points.min(axis=0), points.max(axis=0)
    return (2 * (points - low) / np.where(high > low, high - low, 1) - 1).astype(np.float32)


def _cut(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The line half-way between the two classes' means, across the pooled scatter (Fisher's discriminant)."""
    groups = [points[labels == value] for value in (0, 1)]
    means = [g.mean(axis=0) for g in groups]
    scatter = sum(np.cov(g.T) for g in groups)
    normal = np.linalg.solve(scatter, means[1] - means[0])
    normal /= np.linalg.norm(normal)
    return np.array([*normal, -normal @ (means[0] + means[1]) / 2])


def _field(points: np.ndarray, labels: np.ndarray, rows: int = 36, columns: int = 72) -> np.ndarray:
    """How much of each class is near every cell, -1..1, (rows, columns) for a tile twice as wide as high."""
    y, x = np.meshgrid(np.linspace(1.1, -1.1, rows), np.linspace(-2.2, 2.2, columns), indexing="ij")
    distance = (x[..., None] - points[:, 0]) ** 2 + (y[..., None] - points[:, 1]) ** 2
    weight = np.exp(-distance / 0.016) + 1e-9
    signs = np.where(labels > 0, 1.0, -1.0)
    return ((weight * signs).sum(-1) / (weight.sum(-1) + 2e-3)).astype(np.float32)
