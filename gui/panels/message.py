"""The bar that says what happened: sentence and buttons in one row where there is room, else one below the other."""

from __future__ import annotations

import re
from collections.abc import Callable

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QWidget

from gui import icons
from gui.i18n import tr
from gui.panels.controls import label, push, tool
from gui.theme import SPACE, theme

GAP = SPACE[1]
ICON = 16
EASY = 220
"""Pixels that the sentence keeps beside the buttons; with fewer they go below it."""
LONG = 24
"""Letters of a word, a file's name, after which it may go on in the next line."""


class Message(QFrame):
    """A quiet bar that says what happened and offers the mend; `kind` is info, good, warn or bad."""

    dismissed = Signal()

    def __init__(self, object_name: str = "message", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setProperty("role", "card")
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._icon = QLabel(self)
        self._kind = "info"
        theme.changed.connect(self._draw_icon)
        self.text = label("", wrap=True)
        self.text.setParent(self)
        self.text.setObjectName(f"{object_name}-text")
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._close = tool("close", tr("Dismiss"), f"{object_name}-close", self.dismiss)
        self._close.setProperty("kind", "quiet")
        self._close.setParent(self)
        self._buttons: list[QPushButton] = []
        self.hide()

    def say(self, text: str, kind: str = "info", fixes: tuple[tuple[str, Callable[[], object]], ...] = ()) -> None:
        """Show a sentence, with a button for each (label, action)."""
        self._kind = kind
        self._draw_icon()
        self.text.setText(breakable(text))
        self.setAccessibleName(text)
        for button in self._buttons:
            button.hide()
            button.setParent(None)
            button.deleteLater()
        self._buttons = [self._button(number, *fix) for number, fix in enumerate(fixes)]
        self.show()
        self.updateGeometry()
        self._place(self.width(), is_shown=True)

    def _button(self, number: int, title: str, action: Callable[[], object]) -> QPushButton:
        kind = "accent" if number == 0 else ""
        button = push(title, f"{self.objectName()}-fix-{number}", lambda: self._mend(action), kind)
        button.setParent(self)
        button.show()
        return button

    def _draw_icon(self) -> None:
        names = {"info": ("info", "accent"), "good": ("check", "good"), "warn": ("warning", "warn")}
        drawing, color = names.get(self._kind, ("error", "bad"))
        self._icon.setPixmap(icons.pixmap(drawing, ICON, color))

    def _mend(self, action: Callable[[], object]) -> None:
        self.dismiss()
        action()

    def dismiss(self) -> None:
        """Take the bar away."""
        self.hide()
        self.dismissed.emit()

    # Its layout

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(width)

    def sizeHint(self) -> QSize:
        wide = max(self.minimumSizeHint().width(), 480)
        return QSize(wide, self._place(wide))

    def minimumSizeHint(self) -> QSize:
        widest = max([80, *(button.sizeHint().width() for button in self._buttons)])
        return QSize(widest + 2 * GAP + self._frame() + ICON, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place(self.width(), is_shown=True)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and hasattr(self, "_buttons"):
            self.updateGeometry()

    def _frame(self) -> int:
        margins = self.contentsMargins()
        return margins.left() + margins.right() + SPACE[2] + 6

    def _place(self, width: int, is_shown: bool = False) -> int:
        """Where everything goes in that width, and the height it needs; it goes there if `is_shown`."""
        self.ensurePolished()
        margins = self.contentsMargins()
        left, top = margins.left() + SPACE[2], margins.top() + 6
        right = width - margins.right() - 6
        close = self._close.width()
        start = left + ICON + GAP
        sizes = [button.sizeHint() for button in self._buttons]
        beside = sum(size.width() + GAP for size in sizes)
        room = right - close - GAP - start
        is_wide = room - beside >= EASY or not sizes
        words = max(40, room - beside if is_wide else room)
        air = max(0, (close - self.text.fontMetrics().height()) // 2)  # the first line stands beside the icon
        needed = self.text.heightForWidth(words)
        tall = max(air + needed + (air if is_wide else 0), close)
        places = _row(sizes, right - close - beside, top + (tall - _tallest(sizes)) // 2)
        if not is_wide:
            places = _flow(sizes, start, right, top + tall + GAP)
        if is_shown:
            self._icon.setGeometry(left, top + (close - ICON) // 2, ICON, ICON)
            self.text.setGeometry(start, top + air, words, max(needed, close - 2 * air))
            self._close.move(right - close, top)
            for button, place in zip(self._buttons, places, strict=True):
                button.setGeometry(place)
        bottom = max([top + tall, *(place.bottom() + 1 for place in places)])
        return bottom + 6 + margins.bottom()


def _tallest(sizes: list[QSize]) -> int:
    return max((size.height() for size in sizes), default=0)


def _row(sizes: list[QSize], left: int, top: int) -> list[QRect]:
    places = []
    for size in sizes:
        places.append(QRect(left, top, size.width(), size.height()))
        left += size.width() + GAP
    return places


def _flow(sizes: list[QSize], left: int, right: int, top: int) -> list[QRect]:
    """Beside each other as far as they go, then on in the next row; one that is too wide is cut to the row."""
    places, x = [], left
    for size in sizes:
        if x > left and x + size.width() > right:
            x, top = left, top + size.height() + GAP // 2
        places.append(QRect(x, top, min(size.width(), right - left), size.height()))
        x += size.width() + GAP
    return places


def breakable(text: str) -> str:
    """Long words, files' names and folders, with places where a line may end.

    >>> breakable("short words stay") == "short words stay"
    True
    """
    pause = "\N{ZERO WIDTH SPACE}"

    def break_word(word: re.Match) -> str:
        parts = re.sub(r"(?<=[_.-])(?=\w)", pause, word[0])
        return re.sub(rf"[^{pause}]{{{LONG}}}(?=[^{pause}])", lambda part: part[0] + pause, parts)

    return re.sub(rf"[^\s/\\]{{{LONG + 1},}}", break_word, text)
