"""The palette: every layer by family, found by name or synonym, dragged or sent to the canvas."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QMimeData, QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QDrag, QKeyEvent, QMouseEvent, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from engine.describe import CATEGORIES
from engine.errors import EngineError
from engine.graph import catalogue
from engine.graph.edit import PITCH, ROW, pitch
from gui import icons
from gui.document.document import Document
from gui.document.selection import Selection
from gui.i18n import tr
from gui.panels.controls import label, tool
from gui.plain_words import in_plain_words
from gui.theme import RADIUS, SPACE, theme

MIME = "application/x-layerloom-layer"
TYPE, CATEGORY = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
FAULTY = Qt.ItemDataRole.UserRole + 2
_ROW, _HEADER = 29, 26


class Palette(QWidget):
    """All layers and losses; `added(id)` when one was put on the canvas, `refused(EngineError)` when that failed."""

    added = Signal(str)
    refused = Signal(object)
    code_wanted = Signal(str)
    """A file of layers that is at fault was clicked."""

    def __init__(self, document: Document, selection: Selection, run: QObject | None = None) -> None:
        super().__init__()
        self.setObjectName("palette")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(tr("Layers"))
        self._document, self._selection = document, selection
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE[2], SPACE[2], 0, 0)
        column.setSpacing(SPACE[1])
        self.search = QLineEdit()
        self.search.setObjectName("palette-search")
        self.search.setAccessibleName(tr("Search layers"))
        self.search.setPlaceholderText(tr("Search layers"))
        self.search.textChanged.connect(self._fill)
        self._build_clear()
        self.search.installEventFilter(self)
        self.list = _Rows()
        self.list.setObjectName("palette-list")
        self.list.setAccessibleName(tr("Layers by family"))
        self.list.chosen.connect(lambda item: self.add(item.data(TYPE)))
        self.list.itemDoubleClicked.connect(lambda item: self.add(item.data(TYPE)))
        self.nothing = label("", "secondary", wrap=True)
        self.nothing.setObjectName("palette-nothing")
        top = QVBoxLayout()
        top.setContentsMargins(0, 0, SPACE[2], 0)
        top.addWidget(self.search)
        top.addWidget(self.nothing)
        column.addLayout(top)
        column.addWidget(self.list, 1)
        self.list.itemClicked.connect(lambda item: item.data(FAULTY) and self.code_wanted.emit(item.data(FAULTY)))
        document.layers_changed.connect(lambda: self._fill(self.search.text()))
        self._fill("")
        theme.changed.connect(self.list.viewport().update)

    def _build_clear(self) -> None:
        clear = tool("close", tr("Clear the search"), "palette-clear", self.search.clear)
        clear.setProperty("kind", "quiet")
        clear.setCursor(Qt.CursorShape.ArrowCursor)
        clear.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Esc does the same
        clear.hide()
        inside = QHBoxLayout(self.search)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addStretch(1)
        inside.addWidget(clear)
        self.search.setTextMargins(0, 0, 22, 0)
        self.search.textChanged.connect(lambda text: clear.setVisible(bool(text)))

    def _fill(self, text: str) -> None:
        found = catalogue.search(text)
        self.list.clear()
        for category in CATEGORIES:
            here = [entry for entry in found if entry.category == category]
            faults = catalogue.faults() if category == "Custom" and not text else ()
            if not here and not faults:
                continue
            header = QListWidgetItem(tr(category))
            header.setData(CATEGORY, category)
            header.setFlags(Qt.ItemFlag.ItemIsEnabled)
            header.setSizeHint(QSize(0, _HEADER))
            self.list.addItem(header)
            for entry in here:
                self.list.addItem(_row(entry))
            for fault in faults:
                self.list.addItem(_faulty_row(fault))
        self.nothing.setVisible(not found)
        self.nothing.setText(tr("No layer is called “{text}”. Try another word, such as dense or filter.", text=text))
        if text and found:
            self._select(found[0].type)

    def _select(self, type: str) -> None:
        for number in range(self.list.count()):
            if self.list.item(number).data(TYPE) == type:
                self.list.setCurrentRow(number)

    def add(self, type: str | None) -> None:
        """Put a layer on the canvas, wired behind the selected node."""
        if not type:
            return
        try:
            id = add_behind(self._document, self._selection, type)
        except EngineError as error:
            self.refused.emit(error)
            return
        self._selection.set([id])
        self.added.emit(id)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrows and Enter in the search field move in the list and add from it."""
        if watched is self.search and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                self.list.step(1 if event.key() == Qt.Key.Key_Down else -1)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.list.currentItem():
                self.add(self.list.currentItem().data(TYPE))
                return True
            if event.key() == Qt.Key.Key_Escape and self.search.text():
                self.search.clear()
                return True
        return False


def add_behind(document: Document, selection: Selection, type: str) -> str:
    """Add a layer behind the selected node: on its one wire, or at its open output; free where nothing is selected."""
    entry = catalogue.entry(type)
    behind = selection.current
    if behind is None or not document.entry(behind).outputs or not entry.inputs:
        return document.add_node(type, *free_place(document, None))
    node = document.nodes[behind]
    leaving = [wire for wire in document.wires if wire.source == behind]
    if len(leaving) == 1 and entry.outputs:
        return document.insert_on_wire(type, leaving[0], node.x + pitch(node), node.y)
    return document.add_node(
        type, *free_place(document, behind), connect_from=(behind, document.entry(behind).outputs[0])
    )


def free_place(document: Document, behind: str | None) -> tuple[float, float]:
    """To the right of a node, or of everything; farther where something stands there already."""
    nodes = document.nodes.values()
    if not nodes:
        return 0.0, 0.0
    node = document.nodes[behind] if behind is not None else max(nodes, key=lambda n: (n.y, n.x))
    x, y = node.x + pitch(node), node.y
    while any(abs(other.x - x) < PITCH * 0.75 and abs(other.y - y) < ROW for other in nodes):
        x += PITCH
    return x, y


def _row(entry: catalogue.Entry) -> QListWidgetItem:
    item = QListWidgetItem(entry.title)
    item.setData(TYPE, entry.type)
    item.setData(CATEGORY, entry.category)
    item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{entry.title}, {entry.category}")
    item.setToolTip(in_plain_words(entry.summary))
    item.setSizeHint(QSize(0, _ROW))
    return item


def _faulty_row(fault: catalogue.CodeFault) -> QListWidgetItem:
    """A file of layers that cannot be read: where, and in the tip what is wrong; a click opens it."""
    item = QListWidgetItem(tr("{file}, line {line}", file=fault.file, line=fault.line))
    item.setData(FAULTY, fault.file)
    item.setData(CATEGORY, "Custom")
    item.setData(Qt.ItemDataRole.AccessibleTextRole, str(fault))
    item.setToolTip(f"{fault}\n{tr('Click to open it.')}")
    item.setSizeHint(QSize(0, _ROW))
    return item


class _Rows(QListWidget):
    chosen = Signal(object)
    """Enter on a row; `itemActivated` would come with a double click too, and on some desktops with a single one."""

    def __init__(self) -> None:
        super().__init__()
        self.setItemDelegate(_Painter(self))
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setStyleSheet("QListWidget { border: none; background: transparent; }")

    def step(self, by: int) -> None:
        """Make the next row that is a layer the current one."""
        number = self.currentRow() + by
        while 0 <= number < self.count() and not self.item(number).data(TYPE):
            number += by
        if 0 <= number < self.count():
            self.setCurrentRow(number)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentItem() is not None:
            self.chosen.emit(self.currentItem())
        else:
            super().keyPressEvent(event)

    def mimeTypes(self) -> list[str]:
        return [MIME]

    def mimeData(self, items: list[QListWidgetItem]) -> QMimeData:
        data = QMimeData()
        data.setData(MIME, items[0].data(TYPE).encode())
        return data

    def startDrag(self, actions: Qt.DropAction) -> None:
        item = self.currentItem()
        if item is None or not item.data(TYPE):
            return
        drag = QDrag(self)
        drag.setMimeData(self.mimeData([item]))
        drag.setPixmap(self._picture(item))
        drag.setHotSpot(drag.pixmap().rect().center())
        drag.exec(Qt.DropAction.CopyAction)

    def _picture(self, item: QListWidgetItem) -> QPixmap:
        picture = QPixmap(QSize(118, 26))
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        paint_row(painter, QRectF(0, 0, 118, 26), item.text(), item.data(CATEGORY), "hover")
        painter.end()
        return picture

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.itemAt(event.position().toPoint()) is None:
            self.clearSelection()
        super().mousePressEvent(event)


class _Painter(QStyledItemDelegate):
    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        scrolls = option.widget.verticalScrollBar().isVisible()
        rect = QRectF(option.rect).adjusted(0, 0, -2 if scrolls else -SPACE[2], 0)
        text, category = index.data(), index.data(CATEGORY)
        if index.data(FAULTY):
            icons.icon("error", "bad").paint(painter, int(rect.left()), int(rect.center().y()) - 9, 14, 14)
            painter.setPen(theme.color("bad"))
            painter.setFont(theme.font(12))
            painter.drawText(rect.adjusted(20, 0, -6, -3), Qt.AlignmentFlag.AlignVCenter, text)
            return
        if not index.data(TYPE):
            painter.setPen(theme.color("faint"))
            font = theme.font(10, bold=True)
            font.setLetterSpacing(font.SpacingType.AbsoluteSpacing, 0.4)
            painter.setFont(font)
            side = 12
            icon = icons.family_icon(category)
            icon.paint(painter, int(rect.right()) - side, int(rect.center().y()) - side // 2 + 2, side, side)
            painter.drawText(rect.adjusted(2, 4, 0, 0), Qt.AlignmentFlag.AlignVCenter, text.upper())
            return
        lit = option.state & (QStyle.StateFlag.State_MouseOver | QStyle.StateFlag.State_Selected)
        paint_row(painter, rect.adjusted(0, 0, 0, -3), text, category, "hover" if lit else "raised")
        if option.state & QStyle.StateFlag.State_HasFocus or option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(theme.color("accent"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -3.5), RADIUS, RADIUS)


def paint_row(painter: QPainter, rect: QRectF, text: str, category: str, ground: str) -> None:
    """One layer as palette and search show it: a strip in its family's colour, and its name."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(theme.color("line"))
    painter.setBrush(theme.color(ground))
    painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.family(category))
    painter.drawRoundedRect(QRectF(rect.left(), rect.top() + 5, 3, rect.height() - 10), 1.5, 1.5)
    painter.setPen(theme.color("text"))
    painter.setFont(theme.font(12))
    painter.drawText(rect.adjusted(14, 0, -6, 0), Qt.AlignmentFlag.AlignVCenter, text)
