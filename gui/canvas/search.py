"""A field that finds as one types: layers to add, nodes to go to, ports to wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QVBoxLayout,
    QWidget,
)

from gui.i18n import tr
from gui.theme import RADIUS, SMALL, theme

ROW = 28
ROWS = 9
WIDTH = 280


@dataclass(frozen=True)
class Found:
    """One line of the list: what it stands for, and how it reads."""

    key: Any
    title: str
    detail: str = ""
    category: str = ""


class SearchPopup(QFrame):
    """Typed text above, what it finds below; Enter takes the first, arrows walk, Esc leaves."""

    closed = Signal()

    def __init__(self, parent: QWidget):
        super().__init__(parent)
        self.setObjectName("canvasSearch")
        self.setAutoFillBackground(True)
        self.field = QLineEdit(self, objectName="canvasSearchField")
        self.list = QListWidget(self, objectName="canvasSearchList")
        self.list.setAccessibleName(tr("Found"))
        self.list.setItemDelegate(_Row(self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.nothing = QLabel(self)
        self.nothing.setWordWrap(True)
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 8, 8, 8)
        box.setSpacing(4)
        for widget in (self.field, self.list, self.nothing):
            box.addWidget(widget)
        self._find: Callable[[str], Sequence[Found]] = lambda text: ()
        self._chosen: Callable[[Any], None] = lambda key: None
        self._anchor = QPoint()
        self.field.textChanged.connect(self._search)
        self.field.installEventFilter(self)
        self.list.itemClicked.connect(self._take)
        theme.changed.connect(self._restyle)
        self._restyle()
        self.hide()

    def ask(
        self, at: QPoint, prompt: str, find: Callable[[str], Sequence[Found]], chosen: Callable[[Any], None]
    ) -> None:
        """Open at a place of the parent; `chosen` gets the key of what was taken."""
        self._find, self._chosen, self._anchor = find, chosen, at
        self.field.setPlaceholderText(prompt)
        self.field.setAccessibleName(prompt)
        self.field.clear()
        self._search("")
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def close_search(self) -> None:
        """Leave without a choice."""
        if self.isVisible():
            self.hide()
            self.closed.emit()

    def _search(self, text: str) -> None:
        self.list.clear()
        found = self._find(text)
        for line in found:
            item = QListWidgetItem(line.title)
            item.setData(Qt.ItemDataRole.UserRole, line)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{line.title}, {line.detail}")
            item.setToolTip(line.detail)
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        self.list.setVisible(bool(found))
        self.nothing.setVisible(not found)
        self.nothing.setText(tr("Nothing is called “{text}”.", text=text) if text else tr("Nothing fits here."))
        self.list.setFixedHeight(min(ROWS, max(1, len(found))) * ROW + 2)
        self._settle()

    def _settle(self) -> None:
        self.setFixedWidth(WIDTH)
        self.layout().activate()
        self.resize(WIDTH, self.sizeHint().height())
        room = self.parentWidget().rect()
        x = max(8, min(self._anchor.x(), room.width() - WIDTH - 8))
        y = max(8, min(self._anchor.y(), room.height() - self.height() - 8))
        self.move(x, y)

    def _take(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        key = item.data(Qt.ItemDataRole.UserRole).key
        self.close_search()
        self._chosen(key)

    def eventFilter(self, watched: QWidget, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress:
            return self._key(event)
        if event.type() == QEvent.Type.FocusOut and event.reason() != Qt.FocusReason.ActiveWindowFocusReason:
            self.close_search()
        return False

    def _key(self, event: QKeyEvent) -> bool:
        key, row = Qt.Key(event.key()), self.list.currentRow()
        if key == Qt.Key.Key_Escape:
            self.close_search()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take(self.list.currentItem())
        elif key in (Qt.Key.Key_Down, Qt.Key.Key_Tab):
            self.list.setCurrentRow(min(row + 1, self.list.count() - 1))
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Backtab):
            self.list.setCurrentRow(max(row - 1, 0))
        else:
            return False
        return True

    def _restyle(self) -> None:
        panel, line, secondary = (theme.color(name).name() for name in ("panel", "line", "secondary"))
        self.setStyleSheet(
            f"#canvasSearch {{ background: {panel}; border: 1px solid {line}; border-radius: {RADIUS}px; }}"
            f"#canvasSearchList {{ background: {panel}; border: none; outline: none; }}"
            f"#canvasSearch QLabel {{ color: {secondary}; padding: 4px; }}"
        )


class _Row(QStyledItemDelegate):
    """Family strip, title, and faintly at the right where it belongs."""

    def sizeHint(self, option, index) -> QSize:
        return QSize(WIDTH - 20, ROW)

    def paint(self, painter: QPainter, option, index) -> None:
        line: Found = index.data(Qt.ItemDataRole.UserRole)
        rect = option.rect.adjusted(0, 1, 0, -1)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if option.state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            painter.setBrush(theme.color("raised"))
            painter.drawRoundedRect(rect, 4, 4)
        if line.category:
            painter.fillRect(QRect(rect.left() + 6, rect.top() + 7, 3, rect.height() - 14), theme.family(line.category))
        detail_font = theme.font(SMALL)
        width = min(QFontMetrics(detail_font).horizontalAdvance(line.detail), rect.width() // 2)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme.font())
        painter.setPen(theme.color("text"))
        room = rect.adjusted(16, 0, -width - 20, 0)
        title = QFontMetrics(theme.font()).elidedText(line.title, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, middle, title)
        painter.setFont(detail_font)
        painter.setPen(theme.color("secondary"))
        detail = QFontMetrics(detail_font).elidedText(line.detail, Qt.TextElideMode.ElideRight, width + 2)
        painter.drawText(rect.adjusted(0, 0, -8, 0), middle | Qt.AlignmentFlag.AlignRight, detail)
