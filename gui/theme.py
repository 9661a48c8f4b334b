"""The tokens of the look in one place: colours, type, spacing; and the palette and style sheet made from them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QDir, QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QStyle

from gui.style_sheet import style_sheet

Mode = Literal["system", "light", "dark", "contrast"]

SPACE = (4, 8, 12, 16, 24)
RADIUS = 6
CARD_RADIUS = 8
SMALL, BODY = 11, 12
ICONS = Path(__file__).parent.parent / "resources" / "icons"

_DARK = {
    "background": "#14161a", "panel": "#1b1e24", "raised": "#23272f", "hover": "#2a2f39", "line": "#2e333d",
    "text": "#e6e9ee", "secondary": "#a0a9b7", "faint": "#8791a1",
    "accent": "#4c9ffe", "accent_hover": "#6bb0ff", "on_accent": "#0b1420",
    "good": "#3fb984", "warn": "#e8a33d", "bad": "#f17a77", "train": "#4c9ffe", "validation": "#e8a33d",
}  # fmt: skip
_LIGHT = {
    "background": "#f4f5f7", "panel": "#ffffff", "raised": "#f0f2f5", "hover": "#e6e9ee", "line": "#dfe3e8",
    "text": "#1c2129", "secondary": "#525c6b", "faint": "#626c7b",
    "accent": "#1a63d8", "accent_hover": "#1554ba", "on_accent": "#ffffff",
    "good": "#14734b", "warn": "#8a5a0c", "bad": "#c02c2d", "train": "#1f6feb", "validation": "#c27803",
}  # fmt: skip
_CONTRAST = {
    "background": "#000000", "panel": "#000000", "raised": "#101010", "hover": "#2b2b2b", "line": "#c8c8c8",
    "text": "#ffffff", "secondary": "#f0f0f0", "faint": "#d8d8d8",
    "accent": "#66c2ff", "accent_hover": "#9bd7ff", "on_accent": "#000000",
    "good": "#5ff0a8", "warn": "#ffd24d", "bad": "#ff9a98", "train": "#66c2ff", "validation": "#ffd24d",
}  # fmt: skip
TOKENS = {"dark": _DARK, "light": _LIGHT, "contrast": _CONTRAST}

_FAMILIES = {
    "Convolution": "#4c9ffe",
    "Dense": "#3fb984",
    "Activation": "#e8a33d",
    "Normalisation": "#9b7bea",
    "Pooling": "#2bb3c0",
    "Regularisation": "#d977b8",
    "Recurrent": "#d977b8",
    "Text": "#d977b8",
    "Attention": "#ef6461",
    "Loss": "#ef6461",
    "Data": "#8d99ae",
    "Shape": "#8d99ae",
    "Combine": "#8d99ae",
    "Custom": "#b98e5a",
}


def contrast(one: QColor, other: QColor) -> float:
    """The contrast ratio of two colours as WCAG 2 defines it, 1 to 21."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(color: QColor) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.getRgbF()[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def mix(one: QColor, other: QColor, share: float) -> QColor:
    """`share` of `one` over the rest of `other`, as an opaque colour."""
    a, b = one.getRgbF(), other.getRgbF()
    return QColor.fromRgbF(*(share * x + (1 - share) * y for x, y in zip(a[:3], b[:3], strict=True)))


class Theme(QObject):
    """The look that is in force. Follows the system's colour scheme live while the mode is "system"."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._mode: Mode = "system"
        self._name = "dark"
        self._tokens = {name: QColor(value) for name, value in _DARK.items()}

    @property
    def mode(self) -> Mode:
        return self._mode

    @property
    def is_dark(self) -> bool:
        """Whether the ground is darker than the text."""
        return self._name != "light"

    def color(self, name: str) -> QColor:
        """A token by its name, one of those in `TOKENS`: background, panel, raised, line, text, accent and so on."""
        return self._tokens[name]

    def family(self, category: str) -> QColor:
        """The colour of a layer family, the same on palette, node, port, minimap and plot."""
        return QColor(_FAMILIES.get(category, "#8d99ae"))

    def tint(self, category: str) -> QColor:
        """The family's colour as a quiet ground: node header, tile."""
        return mix(self.family(category), self.color("panel"), 0.22 if self.is_dark else 0.14)

    def font(self, size: int = BODY, bold: bool = False) -> QFont:
        """The system's font in one of the sizes 10, 11, 12, 14, weight 400 or 600."""
        return QFont(_font(size, bold, False))

    def mono_numbers(self, size: int = BODY, bold: bool = False) -> QFont:
        """The same with figures of one width, for numbers that change."""
        return QFont(_font(size, bold, True))

    def duration(self, milliseconds: int = 150) -> int:
        """How long a motion may last: 0 where the system asks for none."""
        style = QApplication.style()
        animated = style is not None and style.styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration) > 0
        return milliseconds if animated else 0

    def install(self, app: QApplication, mode: Mode = "system") -> None:
        """Give the application this look: once, before the first window."""
        app.setStyle("Fusion")
        _font.cache_clear()
        app.setFont(self.font())
        hints = QGuiApplication.styleHints()
        hints.colorSchemeChanged.connect(self._follow_system, Qt.ConnectionType.UniqueConnection)
        self._mode = mode
        self._put_on(app)

    def set_mode(self, mode: Mode) -> None:
        """Follow the system, or keep to one look."""
        self._mode = mode
        self._put_on(QApplication.instance())

    def _follow_system(self) -> None:
        if self._mode == "system":
            self._put_on(QApplication.instance())

    def _resolve(self) -> str:
        if self._mode != "system":
            return self._mode
        light = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Light
        return "light" if light else "dark"

    def _put_on(self, app: QApplication | None) -> None:
        self._name = self._resolve() if app is not None else {"system": "dark"}.get(self._mode, self._mode)
        self._tokens = {name: QColor(value) for name, value in TOKENS[self._name].items()}
        if app is not None:
            QDir.setSearchPaths("loom", [str(ICONS)])  # where the style sheet's pictures lie
            app.setPalette(self.palette())
            app.setStyleSheet(style_sheet(self))
        self.changed.emit()

    def palette(self) -> QPalette:
        """Qt's palette from the tokens."""
        role, group = QPalette.ColorRole, QPalette.ColorGroup
        palette = QPalette()
        for where, token in {
            role.Window: "panel", role.WindowText: "text", role.Base: "raised", role.AlternateBase: "panel",
            role.Text: "text", role.PlaceholderText: "faint", role.Button: "raised", role.ButtonText: "text",
            role.BrightText: "text", role.ToolTipBase: "raised", role.ToolTipText: "text",
            role.Highlight: "accent", role.HighlightedText: "on_accent", role.Link: "accent",
            role.LinkVisited: "accent",
            role.Light: "hover", role.Midlight: "hover", role.Mid: "line", role.Dark: "line", role.Shadow: "background",
            role.Accent: "accent",
        }.items():  # fmt: skip
            palette.setColor(where, self.color(token))
        for where in (role.WindowText, role.Text, role.ButtonText):
            palette.setColor(group.Disabled, where, self.color("faint"))
        return palette


@cache
def _font(size: int, bold: bool, tabular: bool) -> QFont:
    font = QFont()
    font.setPixelSize(size)
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    if tabular:
        font.setFeature(QFont.Tag("tnum"), 1)
    return font


theme = Theme()
