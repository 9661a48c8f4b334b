"""The start page: examples that move, recent projects, one's own data."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

import engine.data
from engine.errors import EngineError
from engine.formats import project_file
from engine.graph import templates
from gui import tiles
from gui.background import Background
from gui.i18n import tr
from gui.panels.controls import label, push
from gui.panels.message import Message
from gui.panels.source import dropped
from gui.start_cards import DropCard, RecentCard, Tile
from gui.theme import SPACE, theme

_WIDTH = 1180
_SAMPLES = 240


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
        column = self._build_page()
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

    def _build_page(self) -> QVBoxLayout:
        """A column in the middle that scrolls."""
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
        return column

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
