"""The frame of everything on the dashboard: title, current value, menu, and a word before the first figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui.i18n import tr
from gui.plots import export
from gui.theme import CARD_RADIUS, theme


class Card(QWidget):
    """A titled frame around one plot. `name` is the stem of its object names and of exported files."""

    first_step_wanted = Signal()

    def __init__(self, name: str, title: str, empty: str, first_step: str = "", parent: QWidget | None = None):
        super().__init__(parent)
        self.name = name
        self.setObjectName(f"card-{name}")
        self.setAccessibleName(title)
        self._title = QLabel(title)
        self._title.setProperty("role", "strong")
        self._parts: list[tuple[str, str, str]] = []
        self._value = QLabel()
        self._value.setProperty("role", "secondary")
        self._value.setObjectName(f"card-{name}-value")
        self._value.setTextFormat(Qt.TextFormat.RichText)
        self._value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self._fill_menu)
        self._button = _menu_button(self.menu, name, title)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty_page(empty, first_step))
        self._lay_out()
        theme.changed.connect(self._dress)
        self._dress()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(self._title)
        head.addWidget(self._value, 1)
        head.addWidget(self._button)
        head.addStrut(28)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 6, 8, 8)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self._stack, 1)

    def _empty_page(self, text: str, first_step: str) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 8, 8)
        self._empty = QLabel(text)
        self._empty.setObjectName(f"card-{self.name}-empty")
        self._empty.setWordWrap(True)
        self._empty.setProperty("role", "secondary")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addStretch()
        layout.addWidget(self._empty)
        self._first_step: QPushButton | None = None
        if first_step:
            button = self._first_step = QPushButton(first_step)
            button.setObjectName(f"card-{self.name}-first-step")
            button.setAccessibleName(first_step)
            button.clicked.connect(self.first_step_wanted)
            layout.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch()
        return page

    def _dress(self) -> None:
        self._value.setFont(theme.mono_numbers(11))
        if self._parts:
            self.set_parts(self._parts)  # in the colours of this look
        self.update()

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("line"), 1))
        painter.setBrush(theme.color("panel"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), CARD_RADIUS, CARD_RADIUS)

    # What stands in it

    def set_body(self, body: QWidget) -> None:
        """The plot; the empty page stays in front until there is something to show."""
        self.body = body
        self._stack.addWidget(body)
        body.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        body.customContextMenuRequested.connect(self._open_menu)

    def show_empty(self, is_empty: bool) -> None:
        """Whether the empty page or the plot is in front."""
        self._stack.setCurrentIndex(0 if is_empty or self._stack.count() < 2 else 1)
        self._button.setVisible(not is_empty)
        if is_empty:
            self.set_value("")

    def say_empty(self, text: str, offers_step: bool) -> None:
        """What the empty page says, and whether its button stands there."""
        self._empty.setText(text)
        if self._first_step is not None:
            self._first_step.setVisible(offers_step)

    @property
    def is_empty(self) -> bool:
        """Whether the empty page is in front."""
        return self._stack.currentIndex() == 0

    def set_title(self, text: str) -> None:
        """Name the card anew."""
        self._title.setText(text)
        self.setAccessibleName(text)

    def set_value(self, text: str) -> None:
        """The current figure, at the right of the title."""
        self._parts = []
        if text != self._value.text():
            self._value.setText(text)

    @property
    def value(self) -> str:
        """The current figure as it is shown."""
        return self._value.text()

    def set_parts(self, parts: list[tuple[str, str, str]]) -> None:
        """Several figures, each (word, token of the word's colour, figure), as the legend of the lines."""
        words = [
            f'<span style="color:{theme.color(token).name()}">{word}</span>&nbsp;{figure}'
            for word, token, figure in parts
        ]
        self.set_value("&nbsp;&nbsp;".join(words))
        self._parts = parts

    def catch_up(self) -> None:
        """Show what the run said before this card was made."""

    # Its menu

    def columns(self) -> dict[str, np.ndarray]:
        """What a CSV file of this card holds."""
        return {}

    def menu_entries(self) -> list[tuple[str, bool, Callable[[], None]]]:
        """Choices of this card: text, whether it is checked, what it does."""
        return []

    def _fill_menu(self) -> None:
        self.menu.clear()
        for text, checked, do in self.menu_entries():
            action = self.menu.addAction(text)
            action.setCheckable(True)
            action.setChecked(checked)
            action.triggered.connect(lambda _=False, do=do: do())
        if self.menu.actions():
            self.menu.addSeparator()
        for kind in export.FORMATS:
            action = self.menu.addAction(tr("Export as {kind}", kind=kind.upper()))
            action.setObjectName(f"export-{self.name}-{kind}")
            action.triggered.connect(lambda _=False, kind=kind: self._ask_export(kind))

    def _open_menu(self, position: QPoint) -> None:
        self.menu.popup(self.body.mapToGlobal(position))

    def _ask_export(self, kind: str) -> None:
        title = tr("Export {name}", name=self._title.text())
        path, _ = QFileDialog.getSaveFileName(self, title, f"{self.name}.{kind}", f"{kind.upper()} (*.{kind})")
        if path:
            self.export(kind, Path(path))

    def export(self, kind: str, path: Path) -> bool:
        """Write the plot; where that fails, say why in place of the value."""
        try:
            export.write(kind, self.body, self.columns(), path)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            message = tr("{name} could not be written: {why}.", name=path.name, why=why)
            self.set_value(f'<span style="color:{theme.color("bad").name()}">{message}</span>')
            return False
        return True


def _menu_button(menu: QMenu, name: str, title: str) -> QToolButton:
    button = QToolButton()
    button.setText("⋯")
    button.setProperty("kind", "quiet")
    button.setObjectName(f"card-{name}-menu")
    button.setAccessibleName(tr("Menu of {card}", card=title))
    button.setToolTip(tr("Scale and export"))
    button.setMenu(menu)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    button.setFixedSize(26, 24)
    return button
