"""Small pieces that every panel is made of: switch, labels, hairline, section."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Property, QEasingCurve, QPropertyAnimation, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui import icons
from gui.theme import SPACE, mix, theme


def named(widget: QWidget, object_name: str, accessible: str = "") -> QWidget:
    """Give a control the names by which tests, scripts and screen readers find it."""
    widget.setObjectName(object_name)
    if accessible:
        widget.setAccessibleName(accessible)
    return widget


def label(text: str = "", role: str = "", wrap: bool = False) -> QLabel:
    """A label in one of the sheet's roles: title, strong, label, secondary, faint, caps, bad, warn."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        made.setProperty("role", role)
    if role == "caps":
        made.setText(text.upper())
        font = theme.font(10, bold=True)
        font.setLetterSpacing(font.SpacingType.AbsoluteSpacing, 0.4)
        made.setFont(font)
    if wrap:
        made.setWordWrap(True)
        made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    return made


def hairline() -> QFrame:
    """A line of one pixel between two parts of a panel."""
    line = QFrame()
    line.setProperty("role", "line")
    line.setFixedHeight(1)
    return line


def push(text: str, object_name: str, on_click: Callable[[], object], kind: str = "", icon: str = "") -> QPushButton:
    """A button; kind is accent, quiet, link or ""."""
    button = QPushButton(text)
    button.setObjectName(object_name)
    button.setAccessibleName(text)
    if kind:
        button.setProperty("kind", kind)
    if icon:
        button.setIcon(icons.icon(icon, "on_accent" if kind == "accent" else "text"))
        button.setIconSize(QSize(22, 16))
    button.clicked.connect(lambda: on_click())
    return button


def tool(icon: str, text: str, object_name: str, on_click: Callable[[], object] | None = None) -> QToolButton:
    """A square button with an icon alone; its text is the tooltip and the accessible name."""
    button = QToolButton()
    button.setIcon(icons.icon(icon))
    button.setIconSize(QSize(16, 16))
    button.setFixedSize(28, 28)
    button.setToolTip(text)
    button.setObjectName(object_name)
    button.setAccessibleName(text)
    if on_click is not None:
        button.clicked.connect(lambda: on_click())
    return button


def tabs(object_name: str, accessible: str, titles: tuple[str, ...]) -> QTabBar:
    """A row of titles, the chosen one underlined."""
    bar = QTabBar()
    bar.setObjectName(object_name)
    bar.setAccessibleName(accessible)
    bar.setDrawBase(False)
    bar.setExpanding(False)
    bar.setUsesScrollButtons(False)
    for title in titles:
        bar.addTab(title)
    return bar


def clear(layout: QLayout) -> None:
    """Take every widget and layout out of a layout and let it go."""
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.setParent(None)
            widget.deleteLater()
        elif item.layout() is not None:
            clear(item.layout())


def restyle(widget: QWidget) -> None:
    """Let a changed property take effect in the style sheet."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)


class Switch(QAbstractButton):
    """On or off, 32 x 18; Space toggles."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedSize(34, 20)
        self._at = 0.0
        self.is_mixed = False
        self._slide = QPropertyAnimation(self, b"at", self)
        self._slide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self.toggled.connect(self._move)
        theme.changed.connect(self.update)

    def set_mixed(self) -> None:
        """Show that several nodes differ here."""
        self.is_mixed = True
        self._slide.stop()
        self._at = 0.5
        self.update()

    def set_silently(self, on: bool) -> None:
        """Show a value without telling anyone."""
        self.is_mixed = False
        self.blockSignals(True)
        self.setChecked(on)
        self.blockSignals(False)
        self._slide.stop()
        self._at = float(on)
        self.update()

    def _move(self, on: bool) -> None:
        self.is_mixed = False
        self._slide.stop()
        self._slide.setDuration(theme.duration(120))
        self._slide.setStartValue(self._at)
        self._slide.setEndValue(float(on))
        self._slide.start()

    def _get_at(self) -> float:
        return self._at

    def _set_at(self, at: float) -> None:
        self._at = at
        self.update()

    at = Property(float, _get_at, _set_at)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            track = QRectF(1, 1, self.width() - 2, self.height() - 2)
            ground = mix(theme.color("accent"), mix(theme.color("faint"), theme.color("raised"), 0.45), self._at)
            if not self.isEnabled():
                ground = theme.color("line")
            painter.setPen(theme.color("text") if self.hasFocus() else Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.drawRoundedRect(track, track.height() / 2, track.height() / 2)
            side = track.height() - 4
            knob = QRectF(track.left() + 2 + self._at * (track.width() - side - 4), track.top() + 2, side, side)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor("#ffffff") if self.isEnabled() else theme.color("faint"))
            painter.drawEllipse(knob)


class Scrolled(QScrollArea):
    """A column that scrolls when the panel is lower than what stands in it."""

    def __init__(self, object_name: str, margins: tuple[int, int, int, int] = (16, 12, 16, 16)) -> None:
        super().__init__()
        self.setObjectName(object_name)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        inside.setProperty("role", "panel")
        self.column = QVBoxLayout(inside)
        self.column.setContentsMargins(*margins)
        self.column.setSpacing(SPACE[1])
        self.setWidget(inside)
