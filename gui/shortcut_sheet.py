"""The sheet of all shortcuts and gestures (F1), read off the table of actions."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from gui.actions import GESTURES, TABLE, shortcut_text
from gui.i18n import tr
from gui.panels.controls import label, tool
from gui.theme import SPACE

_COLUMNS = (("File", "Train", "Help"), ("Edit",), ("View",))


class ShortcutSheet(QWidget):
    """A card over the dimmed window; Esc, F1 or a click beside it closes it."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("shortcut-sheet")
        self.setAccessibleName(tr("Keyboard shortcuts"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        window.installEventFilter(self)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[4])
        self._card = QFrame()
        self._card.setProperty("role", "card")
        outer.addWidget(self._card, 0, Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self._card)
        column.setContentsMargins(SPACE[4], SPACE[3], SPACE[3], SPACE[3])
        head = QHBoxLayout()
        head.addWidget(label(tr("Keyboard shortcuts"), "title"), 1)
        close = tool("close", tr("Close"), "shortcut-sheet-close", self.hide)
        close.setProperty("kind", "quiet")
        head.addWidget(close)
        column.addLayout(head)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        inside = QWidget()
        inside.setProperty("role", "panel")
        self._fill(inside)
        scroll.setWidget(inside)
        scroll.setMinimumSize(inside.sizeHint().width() + 14, min(inside.sizeHint().height(), 560))
        column.addWidget(scroll)
        self.hide()

    def _fill(self, inside: QWidget) -> None:
        row = QHBoxLayout(inside)
        row.setContentsMargins(0, 0, SPACE[1], 0)
        row.setSpacing(32)
        for groups in _COLUMNS:
            column = QVBoxLayout()
            column.setSpacing(SPACE[2])
            for group in groups:
                pairs = [(shortcut_text(e), tr(e.text)) for e in TABLE if e.group == group and e.shortcut]
                column.addLayout(_section(tr(group), pairs))
            column.addStretch(1)
            row.addLayout(column)
        column = QVBoxLayout()
        column.addLayout(_section(tr("Canvas"), [(tr(keys), tr(what)) for keys, what in GESTURES]))
        column.addStretch(1)
        row.addLayout(column)

    def toggle(self) -> None:
        """Show it, or take it away."""
        if self.isVisible():
            self.hide()
            return
        self.setGeometry(self.parentWidget().rect())
        self.show()
        self.raise_()
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self._card.geometry().contains(event.position().toPoint()):
            self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(0, 0, 0, 140))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay as large as the window."""
        if watched is self.parentWidget() and event.type() == QEvent.Type.Resize and self.isVisible():
            self.setGeometry(self.parentWidget().rect())
        return False


def _section(title: str, pairs: list[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(SPACE[2])
    grid.setVerticalSpacing(5)
    grid.addWidget(label(title, "caps"), 0, 0, 1, 2)
    for row, (keys, what) in enumerate(pairs, start=1):
        grid.addWidget(label(what, "label"), row, 0)
        key: QLabel = label(keys, "key")
        grid.addWidget(key, row, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return grid
