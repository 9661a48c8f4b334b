"""The one style sheet: flat fields, hairlines, one accent. Widgets ask for a variant by property `kind` or `role`."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gui.theme import Theme

_SHEET = Template("""
QMainWindow, QDialog { background: $background; }
QMainWindow::separator { background: $line; width: 1px; height: 1px; }
QMainWindow::separator:hover { background: $accent; }
QToolTip { background: $raised; color: $text; border: 1px solid $line; border-radius: 4px; padding: 4px 6px; }
QFrame[role="line"] { background: $line; border: none; }
QFrame[role="card"] { background: $panel; border: 1px solid $line; border-radius: 8px; }
QFrame[floats="true"] { margin: 0 12px 12px 12px; }
QWidget[role="panel"] { background: $panel; }
QWidget[role="ground"] { background: $background; }

QLabel { background: transparent; }
QLabel[role="title"] { font-size: 14px; font-weight: 600; color: $text; }
QLabel[role="display"] { font-size: 22px; font-weight: 600; color: $text; }
QLabel[role="strong"] { font-weight: 600; color: $text; }
QLabel[role="secondary"] { font-size: 11px; color: $secondary; }
QLabel[role="label"] { color: $secondary; }
QLabel[role="faint"] { font-size: 11px; color: $faint; }
QLabel[role="caps"] { font-size: 10px; font-weight: 600; color: $faint; }
QLabel[role="key"] { font-size: 11px; background: $raised; border: 1px solid $line; border-radius: 4px;
    padding: 1px 6px; }
QLabel[role="bad"] { font-size: 11px; color: $bad; }
QLabel[role="warn"] { font-size: 11px; color: $warn; }

QLineEdit, QPlainTextEdit, QAbstractSpinBox, QComboBox {
    background: $raised; color: $text; border: 1px solid $line; border-radius: 6px; padding: 0 8px;
    min-height: 26px; placeholder-text-color: $faint;
    selection-background-color: $accent; selection-color: $on_accent; }
QPlainTextEdit { padding: 6px 8px; }
QLineEdit:hover, QAbstractSpinBox:hover, QComboBox:hover { background: $hover; }
QLineEdit:focus, QPlainTextEdit:focus, QAbstractSpinBox:focus, QComboBox:focus { border: 1px solid $accent; }
QLineEdit[invalid="true"], QAbstractSpinBox[invalid="true"] { border: 1px solid $bad; }
QLineEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled { color: $faint; }
QAbstractSpinBox QLineEdit, QComboBox QLineEdit { border: none; background: transparent; padding: 0; min-height: 0; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {
    subcontrol-origin: border; width: 22px; border: none; background: transparent; }
QAbstractSpinBox::up-button { subcontrol-position: top right; margin-top: 3px; }
QAbstractSpinBox::down-button { subcontrol-position: bottom right; margin-bottom: 3px; }
QAbstractSpinBox::up-arrow { image: url(loom:arrow-up.svg); width: 10px; height: 6px; }
QAbstractSpinBox::down-arrow { image: url(loom:arrow-down.svg); width: 10px; height: 6px; }
QComboBox::drop-down { subcontrol-origin: border; subcontrol-position: center right; width: 24px; border: none; }
QComboBox::down-arrow { image: url(loom:arrow-down.svg); width: 10px; height: 6px; }
QComboBox QAbstractItemView, QListView[role="popup"] {
    background: $raised; color: $text; border: 1px solid $line; border-radius: 6px; padding: 4px; outline: none; }
QComboBox QAbstractItemView::item { min-height: 26px; padding: 0 8px; border-radius: 4px; }
QComboBox QAbstractItemView::item:selected { background: $accent; color: $on_accent; }

QLineEdit[role="title"] { background: transparent; border: 1px solid transparent; padding: 0; min-height: 24px;
    font-size: 14px; font-weight: 600; margin-left: -3px; }
QLineEdit[role="title"]:hover:!read-only { background: $raised; }
QLineEdit[role="title"]:focus:!read-only { border: 1px solid $accent; background: $raised; padding: 0 6px; }

QPushButton, QToolButton {
    background: $raised; color: $text; border: 1px solid $line; border-radius: 6px; padding: 0 12px; min-height: 26px; }
QPushButton:hover, QToolButton:hover { background: $hover; }
QPushButton:pressed, QToolButton:pressed { background: $line; }
QPushButton:focus, QToolButton:focus { border: 1px solid $accent; }
QPushButton:disabled, QToolButton:disabled { color: $faint; background: $panel; }
QToolButton { padding: 0; min-width: 26px; }
QToolButton::menu-indicator { image: none; }
QPushButton[kind="accent"] { background: $accent; color: $on_accent; border: 1px solid $accent; font-weight: 600; }
QPushButton[kind="accent"]:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton[kind="accent"]:focus { border: 1px solid $text; }
QPushButton[kind="accent"]:disabled { background: $raised; border-color: $line; color: $faint; }
QPushButton[kind="quiet"], QToolButton[kind="quiet"] { background: transparent; border: 1px solid transparent; }
QPushButton[kind="quiet"]:hover, QToolButton[kind="quiet"]:hover { background: $hover; }
QPushButton[kind="quiet"]:focus, QToolButton[kind="quiet"]:focus { border: 1px solid $accent; }
QPushButton[kind="link"] {
    background: transparent; border: 1px solid transparent; color: $accent; padding: 0 4px; text-align: left; }
QPushButton[kind="link"]:hover { color: $accent_hover; text-decoration: underline; }
QPushButton[kind="link"]:focus { border: 1px solid $accent; }
QPushButton[lines="several"] { padding: 5px 12px; }
QPushButton[kind="field"] { text-align: left; padding: 0 10px; color: $faint; }

QTabBar { background: transparent; }
QTabBar::tab {
    background: transparent; color: $secondary; border: none; border-bottom: 2px solid transparent;
    padding: 8px 2px 6px 2px; margin-right: 14px; }
QTabBar::tab:selected { color: $text; border-bottom: 2px solid $accent; font-weight: 600; }
QTabBar::tab:hover { color: $text; }
QTabBar::tab:focus { color: $accent; }
QTabWidget::pane { border: none; }

QScrollArea, QScrollArea > QWidget > QWidget[role="scrolled"] { background: transparent; border: none; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QAbstractScrollArea::corner { background: transparent; border: none; }
QScrollBar::handle { background: $line; border-radius: 3px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: $faint; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {
    background: none; border: none; width: 0; height: 0; }

QMenuBar { background: transparent; color: $secondary; border: none; padding: 0; }
QMenuBar::item { padding: 4px 8px; border-radius: 4px; background: transparent; }
QMenuBar::item:selected { background: $hover; color: $text; }
QMenu { background: $raised; color: $text; border: 1px solid $line; padding: 4px; }
QMenu::item { padding: 5px 28px 5px 12px; border-radius: 4px; }
QMenu::icon { padding-left: 8px; }
QMenu::item:selected { background: $accent; color: $on_accent; }
QMenu::item:disabled { color: $faint; background: transparent; }
QMenu::separator { height: 1px; background: $line; margin: 4px 8px; }

QTableView, QListView, QTreeView {
    background: $panel; color: $text; border: 1px solid $line; border-radius: 6px; gridline-color: $line;
    outline: none;
    selection-background-color: $accent; selection-color: $on_accent; }
QHeaderView { background: $raised; border: none; }
QHeaderView::section {
    background: $raised; color: $secondary; border: none; border-right: 1px solid $line;
    border-bottom: 1px solid $line; padding: 3px 6px; font-size: 11px; }
QTableCornerButton::section { background: $raised; border: none; }

QProgressBar { background: $line; border: none; border-radius: 2px; max-height: 4px; min-height: 4px; }
QProgressBar::chunk { background: $accent; border-radius: 2px; }
QSlider::groove:horizontal { height: 4px; background: $line; border-radius: 2px; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 2px; }
QSlider::handle:horizontal { background: $text; width: 14px; height: 14px; margin: -5px 0; border-radius: 7px; }
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus { background: $accent; }
QCheckBox { spacing: 8px; background: transparent; }
QCheckBox::indicator { width: 14px; height: 14px; border: 1px solid $faint; border-radius: 4px; background: $raised; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent; image: url(loom:$check); }
QDockWidget { color: $text; border: none; }
QDockWidget::title { background: $panel; padding: 4px 8px; }
QStatusBar { background: $panel; color: $secondary; }
QStatusBar::item { border: none; }
""")


def style_sheet(theme: Theme) -> str:
    """The sheet with the theme's colours filled in."""
    names = ("background", "panel", "raised", "hover", "line", "text", "secondary", "faint", "accent", "accent_hover",
             "on_accent", "good", "warn", "bad")  # fmt: skip
    colors = {name: theme.color(name).name() for name in names}
    return _SHEET.substitute(colors, check="check-dark.svg" if theme.is_dark else "check-light.svg")
