"""Small widgets over the canvas: a hint beside the cursor, the note on an empty canvas, the field for a title."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPoint, QRect, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLabel, QLineEdit, QWidget

from gui.i18n import tr
from gui.theme import theme

STAYS_MS = 5000
WIDEST = 300


class Hint(QLabel):
    """A sentence beside the cursor, which takes no events."""

    def __init__(self, parent: QWidget):
        super().__init__(parent, objectName="canvasHint")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._leave = QTimer(self, interval=STAYS_MS, singleShot=True)
        self._leave.timeout.connect(self.hide)
        theme.changed.connect(self._restyle)
        self._restyle()
        self.hide()

    def tell(self, text: str, place: QPoint, stays: bool = False) -> None:
        """Show a text beside `place`; one that `stays` goes by itself, the others when "" is told."""
        if not text:
            if not self._leave.isActive():
                self.hide()
            return
        self._leave.start() if stays else self._leave.stop()
        self.setText(text)
        self.setWordWrap(self.fontMetrics().horizontalAdvance(text) > WIDEST)
        width = WIDEST if self.wordWrap() else self.sizeHint().width()
        self.resize(width, self.heightForWidth(width) if self.wordWrap() else self.sizeHint().height())
        room = self.parentWidget().rect()
        x = min(place.x() + 16, room.width() - self.width() - 8)
        y = place.y() + 16 if place.y() + 16 + self.height() < room.height() - 8 else place.y() - 16 - self.height()
        self.move(max(8, x), max(8, y))
        self.show()
        self.raise_()

    def _restyle(self) -> None:
        ground, text, line = (theme.color(name).name() for name in ("raised", "text", "line"))
        self.setStyleSheet(
            f"#canvasHint {{ background: {ground}; color: {text}; border: 1px solid {line};"
            " border-radius: 4px; padding: 4px 8px; font-size: 11px; }"
        )


class EmptyNote(QLabel):
    """What to do first, on a canvas without nodes."""

    def __init__(self, parent: QWidget):
        super().__init__(parent, objectName="emptyCanvas")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setText(
            tr("Your network will stand here.")
            + "\n"
            + tr("Drag a layer from the palette, or press Tab and type its name.")
        )
        theme.changed.connect(self._restyle)
        self._restyle()

    def settle(self) -> None:
        """Stand in the middle."""
        self.setGeometry(self.parentWidget().rect())

    def _restyle(self) -> None:
        self.setFont(theme.font(14))
        self.setStyleSheet(f"#emptyCanvas {{ color: {theme.color('secondary').name()}; background: transparent; }}")


class TitleEditor(QLineEdit):
    """A field upon a node's header; Enter or leaving it takes the title, Esc drops it."""

    def __init__(self, parent: QWidget, rect: QRect, title: str, take: Callable[[str], None]):
        super().__init__(title, parent)
        self.setObjectName("titleEditor")
        self.setAccessibleName(tr("Title"))
        self.setMaxLength(64)
        self._take: Callable[[str], None] | None = take
        self.setGeometry(rect.adjusted(0, -2, 40, 6))
        self.show()
        self.selectAll()
        self.setFocus(Qt.FocusReason.PopupFocusReason)
        self.editingFinished.connect(self._finish)

    def _finish(self) -> None:
        take, self._take = self._take, None
        if take is not None:
            self._close()
            take(self.text())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._take = None
            self._close()
        else:
            super().keyPressEvent(event)

    def _close(self) -> None:
        self.hide()
        self.parentWidget().setFocus()
        self.deleteLater()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # what is typed belongs to the field, not to the canvas
            return True
        return super().event(event)
