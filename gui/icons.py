"""Icons by name: our own SVGs first, Phosphor's for all else; in a colour of the theme, whatever look is on."""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from gui.theme import ICONS, theme


class _Drawn(QIconEngine):
    """One SVG in a colour of the theme, looked up at every painting, so that a new look needs no new icons."""

    def __init__(self, name: str, color: str | QColor) -> None:
        super().__init__()
        self._name, self._color = name, color

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        color = theme.color(self._color) if isinstance(self._color, str) else self._color
        if mode == QIcon.Mode.Disabled:
            color = theme.color("faint")
        elif mode == QIcon.Mode.Selected and self._color == "text":
            color = theme.color("on_accent")
        side = min(rect.width(), rect.height())
        square = QRectF(0, 0, side, side)
        square.moveCenter(QRectF(rect).center())
        _renderer(self._name, color.name()).render(painter, square)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap


@cache
def _renderer(name: str, color: str) -> QSvgRenderer:
    drawing = (ICONS / f"{name}.svg").read_text(encoding="utf-8").replace("currentColor", color)
    return QSvgRenderer(QByteArray(drawing.encode()))


def icon(name: str, color: str | QColor = "text") -> QIcon:
    """The icon of that name in a token's colour, or in a colour of its own."""
    if (ICONS / f"{name}.svg").is_file():
        return QIcon(_Drawn(name, color))
    import qtawesome  # half a second: only for a name that has no drawing of ours

    return qtawesome.icon(f"ph.{name}", color=theme.color(color) if isinstance(color, str) else color)


def pixmap(name: str, size: int = 16, color: str | QColor = "text") -> QPixmap:
    """The same as a pixmap of `size` points, sharp on the screen at hand."""
    return icon(name, color).pixmap(QSize(size, size))


def family_icon(category: str) -> QIcon:
    """The drawing of a layer family in its colour."""
    name = f"family-{category.lower()}"
    return icon(name if (ICONS / f"{name}.svg").is_file() else "family-shape", theme.family(category))
