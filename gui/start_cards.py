"""The cards of the start page: an example whose data move, a project opened before, a place to drop one's own data."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QImage,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QAbstractButton

from engine.graph import templates
from gui import icons, tiles
from gui.i18n import tr
from gui.panels.source import dropped
from gui.theme import CARD_RADIUS, theme


class Card(QAbstractButton):
    """A picture above, two lines of text below; the whole is one button."""

    PICTURE = 116

    def __init__(self, object_name: str, title: str, text: str, caps: str = "") -> None:
        super().__init__()
        self.setObjectName(object_name)
        self.setAccessibleName(f"{title}. {text}")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.title, self.text, self.caps = title, text, caps
        self.setMinimumSize(200, 204)
        self.setMaximumHeight(204)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(220, 204)

    def paint_picture(self, painter: QPainter, rect: QRectF) -> None:
        """Draw what stands in the upper part."""

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            whole = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            card = QPainterPath()
            card.addRoundedRect(whole, CARD_RADIUS, CARD_RADIUS)
            lit = self.underMouse() or self.isDown()
            painter.fillPath(card, theme.color("raised" if lit else "panel"))
            picture = QRectF(whole.left(), whole.top(), whole.width(), self.PICTURE)
            painter.save()
            painter.setClipPath(card)
            painter.fillRect(picture, theme.color("background"))
            painter.setClipRect(picture, Qt.ClipOperation.IntersectClip)
            self.paint_picture(painter, picture)
            painter.restore()
            painter.setPen(QPen(theme.color("line"), 1))
            painter.drawLine(picture.bottomLeft(), picture.bottomRight())
            self._paint_words(painter, QRectF(whole.left() + 12, picture.bottom() + 9, whole.width() - 24, 78))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(
                QPen(theme.color("accent" if self.hasFocus() or lit else "line"), 1.6 if self.hasFocus() else 1)
            )
            painter.drawPath(card)

    def _paint_words(self, painter: QPainter, rect: QRectF) -> None:
        painter.setPen(theme.color("text"))
        painter.setFont(theme.font(12, bold=True))
        title = painter.fontMetrics().elidedText(self.title, Qt.TextElideMode.ElideRight, int(rect.width()))
        painter.drawText(rect, Qt.AlignmentFlag.AlignTop, title)
        painter.setPen(theme.color("secondary"))
        painter.setFont(theme.font(11))
        below = rect.adjusted(0, 19, 0, 0)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextWordWrap), self.text)


class Tile(Card):
    """A template with its data in motion."""

    def __init__(self, template: templates.Template) -> None:
        super().__init__(f"tile-{template.name}", tr(template.title), tr(template.summary), tr(template.application))
        self.name = template.name
        self._data: tiles.Arrays | None = None
        self._began = monotonic()
        self.still: float | None = None
        """The moment shown where nothing may move."""

    def show_data(self, data: tiles.Arrays) -> None:
        """From now on the picture shows these."""
        self._data = data
        self.update()

    def paint_picture(self, painter: QPainter, rect: QRectF) -> None:
        time = monotonic() - self._began if self.still is None else self.still
        paint = tiles.PICTURES.get(self.name, tiles.tell_nothing) if self._data is not None else tiles.tell_nothing
        paint(painter, rect, self._data or {}, time)


class RecentCard(Card):
    """A project opened before, with the picture kept in its file."""

    def __init__(self, path: Path, number: int) -> None:
        super().__init__(f"recent-{number}", path.stem, str(path.parent))
        self.path = path
        self._thumbnail, self._ground = QPixmap(), QColor()
        self.setToolTip(str(path))

    def show_thumbnail(self, content: bytes) -> None:
        """The picture from the project file, as PNG."""
        picture = QImage.fromData(content)
        self._thumbnail, self._ground = QPixmap.fromImage(picture), picture.pixelColor(0, 0)
        self.update()

    def paint_picture(self, painter: QPainter, rect: QRectF) -> None:
        if self._thumbnail.isNull():
            tiles.tell_nothing(painter, rect, {}, 0.0)
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(rect, self._ground)  # it is of the look that the project was saved in
        scale = min(rect.width() / self._thumbnail.width(), rect.height() / self._thumbnail.height())
        size = self._thumbnail.size() * scale
        place = QRectF(0, 0, size.width(), size.height())
        place.moveCenter(rect.center())
        painter.drawPixmap(place, self._thumbnail, QRectF(self._thumbnail.rect()))


class DropCard(Card):
    """Where one's own file or folder is dropped; a click asks for one."""

    dropped = Signal(object)

    def __init__(self) -> None:
        super().__init__(
            "drop-data",
            tr("Your own data"),
            tr(
                "A table, an NPZ file, or a folder with a folder of images or texts per class. A click asks for a file."
            ),
        )
        self.setAcceptDrops(True)
        self._is_over = False

    def paint_picture(self, painter: QPainter, rect: QRectF) -> None:
        color = theme.color("accent" if self._is_over or self.underMouse() else "faint")
        painter.setPen(QPen(color, 1.4, Qt.PenStyle.DashLine))
        painter.setBrush(theme.tint("Convolution") if self._is_over else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect.adjusted(14, 14, -14, -14), 6, 6)
        icon = icons.icon("drop", color)
        icon.paint(painter, int(rect.center().x()) - 12, int(rect.center().y()) - 30, 24, 24)
        painter.setFont(theme.font(12))
        painter.setPen(theme.color("text"))
        words = rect.adjusted(22, rect.height() / 2 + 2, -22, -16)
        flags = int(Qt.AlignmentFlag.AlignHCenter) | int(Qt.TextFlag.TextWordWrap)
        painter.drawText(words, flags, tr("Drop your own CSV or folder here"))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped(event.mimeData()) is not None:
            event.acceptProposedAction()
            self._over(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._over(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._over(False)
        path = dropped(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            self.dropped.emit(path)

    def _over(self, is_over: bool) -> None:
        self._is_over = is_over
        self.update()
