"""One search for layers to add, commands to run and layers to go to; hangs below the search field of the top bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from engine.graph import catalogue
from gui import icons
from gui.actions import Actions, shortcut_text
from gui.document.document import Document
from gui.i18n import tr
from gui.theme import theme

_ROW = Qt.ItemDataRole.UserRole
MOST = 40


@dataclass(frozen=True)
class Row:
    """One line of the list, and what Enter does."""

    title: str
    detail: str
    icon: QIcon
    do: Callable[[], object]


class CommandPalette(QFrame):
    """The list below the field. `layer_wanted(type)` and `node_wanted(id)`; commands it triggers itself."""

    layer_wanted = Signal(str)
    node_wanted = Signal(str)

    def __init__(self, field: QLineEdit, actions: Actions, document: Document, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("command-palette")
        self.setProperty("role", "card")
        self._field, self._actions, self._document = field, actions, document
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        self.list = QListWidget()
        self.list.setObjectName("command-list")
        self.list.setAccessibleName(tr("Layers and commands"))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setMouseTracking(True)
        self.list.setItemDelegate(_Painter(self.list))
        self.list.setStyleSheet("QListWidget { border: none; background: transparent; }")
        self.list.itemClicked.connect(lambda item: self._choose(item))
        self.list.itemEntered.connect(self.list.setCurrentItem)
        column.addWidget(self.list)
        field.textEdited.connect(self._fill)
        field.installEventFilter(self)
        self.hide()

    def open(self) -> None:
        """Put the keyboard into the field and show what there is."""
        self._field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._field.selectAll()
        self._fill(self._field.text())

    def close_list(self) -> None:
        """Take the list away and empty the field."""
        self.hide()
        self._field.clear()

    def rows(self, text: str) -> list[Row]:
        """What is found for a text: layers first where one is meant, then commands, then layers on the canvas."""
        layers = [
            Row(entry.title, tr("Add layer"), icons.family_icon(entry.category),
                lambda type=entry.type: self.layer_wanted.emit(type))
            for entry in (catalogue.search(text) if text.strip() else [])
        ]  # fmt: skip
        commands = [
            Row(tr(entry.text), shortcut_text(entry), icons.icon(entry.icon) if entry.icon else QIcon(), action.trigger)
            for entry, action in self._actions.search(text)
            if entry.id != "help.commands"
        ]
        return (layers + commands + self._nodes(text))[:MOST]

    def _nodes(self, text: str) -> list[Row]:
        wanted = text.casefold().strip()
        if not wanted:
            return []
        found = []
        for id, node in self._document.nodes.items():
            entry = self._document.entry(id)
            title = node.title or entry.title
            if wanted in title.casefold() or wanted in id.casefold():
                row = Row(title, tr("Go to {id}", id=id), icons.family_icon(entry.category),
                          lambda id=id: self.node_wanted.emit(id))  # fmt: skip
                found.append(row)
        return found

    def _fill(self, text: str) -> None:
        self.list.clear()
        for row in self.rows(text):
            item = QListWidgetItem(row.title)
            item.setData(_ROW, row)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{row.title}, {row.detail}")
            item.setSizeHint(QSize(0, 28))
            self.list.addItem(item)
        if not self.list.count():
            nothing = QListWidgetItem(tr("Nothing is called “{text}”.", text=text))
            nothing.setFlags(Qt.ItemFlag.NoItemFlags)
            nothing.setSizeHint(QSize(0, 28))
            self.list.addItem(nothing)
        self.list.setCurrentRow(0)
        self._place()
        self.show()
        self.raise_()

    def _place(self) -> None:
        corner = self._field.mapTo(self.window(), QPoint(0, self._field.height() + 4))
        height = min(self.list.count(), 12) * 28 + 12
        self.setGeometry(corner.x() - 8, corner.y(), max(self._field.width() + 16, 340), height)

    def _choose(self, item: QListWidgetItem | None) -> None:
        row = item.data(_ROW) if item is not None else None
        self.close_list()
        self._field.clearFocus()
        if row is not None:
            row.do()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys in the field move in the list; leaving the field closes it."""
        if watched is not self._field:
            return False
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._key(event)
        if event.type() == QEvent.Type.MouseButtonPress and not self.isVisible():
            self._fill(self._field.text())
        if event.type() == QEvent.Type.FocusOut:
            self.hide()
        return False

    def _key(self, event: QKeyEvent) -> bool:
        key = event.key()
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            if not self.isVisible():
                self._fill(self._field.text())
            else:
                step = 1 if key == Qt.Key.Key_Down else -1
                self.list.setCurrentRow((self.list.currentRow() + step) % self.list.count())
            return True
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.isVisible():
            self._choose(self.list.currentItem())
            return True
        if key == Qt.Key.Key_Escape:
            self.close_list()
            self._field.clearFocus()
            return True
        return False


class _Painter(QStyledItemDelegate):
    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        row = index.data(_ROW)
        rect = QRectF(option.rect)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        lit = bool(option.state & QStyle.StateFlag.State_Selected)
        if lit and row is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("hover"))
            painter.drawRoundedRect(rect.adjusted(0, 1, 0, -1), 5, 5)
        painter.setFont(theme.font(12))
        painter.setPen(theme.color("text" if row is not None else "secondary"))
        painter.drawText(rect.adjusted(34, 0, -8, 0), Qt.AlignmentFlag.AlignVCenter, index.data())
        if row is None:
            return
        row.icon.paint(painter, int(rect.left()) + 10, int(rect.center().y()) - 7, 15, 15)
        painter.setFont(theme.font(11))
        painter.setPen(theme.color("text" if lit else "faint"))
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(rect.adjusted(34, 0, -10, 0), right, row.detail)
