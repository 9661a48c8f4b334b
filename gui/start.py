"""The start page: examples that move, recent projects, one's own data."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from time import monotonic

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
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
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractButton, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

import engine.data
from engine.errors import EngineError
from engine.formats import project_file
from engine.graph import templates
from gui import icons, tiles
from gui.background import Background
from gui.i18n import tr
from gui.panels.controls import label, push
from gui.panels.data import dropped
from gui.panels.message import Message
from gui.theme import CARD_RADIUS, SPACE, theme

_WIDTH = 1180
_SAMPLES = 240


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
            tr("A table, an NPZ file, or a folder with one folder of images per class. A click asks for a file."),
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


class StartPage(QWidget):
    """What one sees first. Everything on it is one click away from a project that trains."""

    template_wanted = Signal(str)
    project_wanted = Signal(object)
    data_wanted = Signal(object)
    data_asked = Signal()
    open_wanted = Signal()
    new_wanted = Signal()
    back_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("start-page")
        self.setProperty("role", "ground")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(tr("Start page"))
        self.setAcceptDrops(True)
        self._columns = 0
        self._load_data = Background(self)
        self._load_data.done.connect(self._take_data)
        self._load_pictures = Background(self)
        self._load_pictures.done.connect(self._take_pictures)
        self._clock = QTimer(self)
        self._clock.setInterval(50)
        self._clock.timeout.connect(self._move)
        self._build()
        self.show_recents([])

    def _build(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        scroll = QScrollArea()
        scroll.setObjectName("start-scroll")
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        inside = QWidget()
        inside.setProperty("role", "ground")
        middle = QHBoxLayout(inside)
        middle.addStretch(1)
        self._page = QWidget()
        self._page.setMaximumWidth(_WIDTH)
        middle.addWidget(self._page, 100)
        middle.addStretch(1)
        scroll.setWidget(inside)
        outer.addWidget(scroll)
        column = QVBoxLayout(self._page)
        column.setContentsMargins(SPACE[3], 28, SPACE[3], SPACE[4])
        column.setSpacing(SPACE[2])
        column.addLayout(self._heading())
        self.message = Message("start-message")
        column.addWidget(self.message)
        column.addSpacing(SPACE[1])
        column.addWidget(label(tr("Examples with real data"), "caps"))
        self._tile_grid = self._grid(column)
        self.tiles = [Tile(templates.describe(name)) for name in templates.names()]
        for tile in self.tiles:
            tile.clicked.connect(partial(self.template_wanted.emit, tile.name))
        column.addSpacing(SPACE[1])
        self._own_title = label("", "caps")
        column.addWidget(self._own_title)
        self._own_grid = self._grid(column)
        self._drop = DropCard()
        self._drop.clicked.connect(self.data_asked.emit)
        self._drop.dropped.connect(self.data_wanted.emit)
        self.recents: list[RecentCard] = []
        column.addStretch(1)

    def _heading(self) -> QHBoxLayout:
        row = QHBoxLayout()
        words = QVBoxLayout()
        words.setSpacing(4)
        title = label(tr("What shall it learn?"))
        title.setProperty("role", "display")
        words.addWidget(title)
        words.addWidget(label(tr("Pick an example and press Train, or bring data of your own."), "label"))
        row.addLayout(words, 1)
        self._back = push("", "start-back", self.back_wanted.emit, "quiet")
        self._back.hide()
        row.addWidget(self._back)
        row.addWidget(push(tr("New project"), "start-new", self.new_wanted.emit, icon="plus"))
        row.addWidget(push(tr("Open project"), "start-open", self.open_wanted.emit, icon="folder"))
        return row

    def _grid(self, column: QVBoxLayout) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(SPACE[3])
        column.addLayout(grid)
        return grid

    def show_open_project(self, name: str) -> None:
        """Offer the way back to the project that is open; "" where none is."""
        self._back.setVisible(bool(name))
        self._back.setText(tr("Back to {name}", name=name))
        self._back.setAccessibleName(self._back.text())

    # Recent projects

    def show_recents(self, paths: Iterable[Path]) -> None:
        """Show the projects opened before, newest first."""
        for card in self.recents:
            card.setParent(None)
            card.deleteLater()
        self.recents = [RecentCard(Path(path), number) for number, path in enumerate(list(paths)[:9])]
        for card in self.recents:
            card.clicked.connect(partial(self.project_wanted.emit, card.path))
        self._own_title.setText(
            (tr("Recent projects and your own data") if self.recents else tr("Your own data")).upper()
        )
        self._arrange(force=True)
        if self.recents:
            wanted = [card.path for card in self.recents]
            self._load_pictures.start(lambda progress: [_thumbnail(path) for path in wanted])

    def _take_pictures(self, pictures: list[bytes | None]) -> None:
        for card, picture in zip(self.recents, pictures, strict=False):
            if picture:
                card.show_thumbnail(picture)

    # Pictures

    def _take_data(self, found: dict[str, tiles.Arrays]) -> None:
        for tile in self.tiles:
            if tile.name in found:
                tile.show_data(found[tile.name])

    def _move(self) -> None:
        for tile in self.tiles:
            if not tile.visibleRegion().isEmpty():
                tile.update()

    def showEvent(self, event) -> None:
        super().showEvent(event)
        if theme.duration() > 0:
            self._clock.start()
        else:
            for tile in self.tiles:
                tile.still = 3.0
        if not self._load_data.is_busy:
            QTimer.singleShot(0, self, lambda: self._load_data.start(_load_tiles))

    def set_moving(self, is_moving: bool) -> None:
        """Whether the tiles move; they rest while a project is opened."""
        if is_moving and self.isVisible() and theme.duration() > 0:
            self._clock.start()
        else:
            self._clock.stop()

    def hideEvent(self, event) -> None:
        super().hideEvent(event)
        self._clock.stop()

    # Places

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self, force: bool = False) -> None:
        width = min(self.width() - 24, _WIDTH) - 2 * SPACE[3]
        columns = max(1, min(len(self.tiles), (width + SPACE[3]) // (200 + SPACE[3])))
        self._fit_cards(width - (columns - 1) * SPACE[3], columns)
        if columns == self._columns and not force:
            return
        self._columns = columns
        own: list[QWidget] = [self._drop, *self.recents]
        for grid, cards in ((self._tile_grid, self.tiles), (self._own_grid, own)):
            for column in range(grid.columnCount()):
                grid.setColumnStretch(column, 0)
            while grid.count():
                grid.takeAt(0)
            for number, card in enumerate(cards):
                grid.addWidget(card, *divmod(number, columns))
                card.show()
            grid.setColumnStretch(columns, 1)

    def _fit_cards(self, width: int, columns: int) -> None:
        """Cards of both rows are equally wide, to the pixel that is left over, however many stand there."""
        each, left = divmod(width, columns)
        for cards in (self.tiles, [self._drop, *self.recents]):
            for number, card in enumerate(cards):
                card.setFixedWidth(each + (number % columns < left))

    # Dropping anywhere on the page

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped(event.mimeData()) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = dropped(event.mimeData())
        if path is None:
            return
        event.acceptProposedAction()
        if path.suffix == ".loom" or (path / "project.json").is_file():
            self.project_wanted.emit(path)
        else:
            self.data_wanted.emit(path)

    def close_down(self) -> None:
        """The window goes away."""
        self._clock.stop()
        self._load_data.wait()
        self._load_pictures.wait()


def _load_tiles(progress) -> dict[str, tiles.Arrays]:
    found = {}
    for name in templates.names():
        if name not in tiles.PICTURES:
            continue
        dataset = engine.data.open(templates.create(name).data, None)
        chosen = _some(len(dataset))
        found[name] = tiles.prepare(name, dataset.take(chosen))
        if not progress(len(found) / len(tiles.PICTURES)):
            break
    return found


def _some(count: int) -> np.ndarray:
    return np.random.default_rng(3).permutation(count)[:_SAMPLES]


def _thumbnail(path: Path) -> bytes | None:
    try:
        return project_file.read(path).thumbnail
    except (EngineError, OSError):
        return None  # opening it will say what is wrong; here only its picture is missing
