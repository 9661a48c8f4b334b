"""Editors of one parameter each, made from its catalogue entry. They emit `edited(value, gesture)`.

Edits that follow each other closely carry the same gesture, so that a scrub or a typed number is one step to undo.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QMouseEvent, QValidator, QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QHBoxLayout, QLineEdit, QWidget

from engine.graph.catalogue import Parameter
from gui.i18n import tr
from gui.panels.controls import Switch, restyle
from gui.panels.values import parse_value, show_value, step_value
from gui.plain_words import ShortLabel, in_plain_words

_gestures = itertools.count(1)
_PAUSE = 0.7  # seconds without an edit after which the next one is a step of its own


class Gesture:
    """A number that stays the same while edits follow each other closely."""

    def __init__(self) -> None:
        self._id, self._last = 0, -1e9

    def now(self) -> int:
        moment = time.monotonic()
        if moment - self._last > _PAUSE:
            self._id = next(_gestures)
        self._last = moment
        return self._id

    def end(self) -> None:
        """What comes next is another gesture."""
        self._last = -1e9


class NumbersBox(QAbstractSpinBox):
    """A field for a number or several ("3 x 3", "0.001", "same"), with steps; says what is wrong while one types."""

    edited = Signal(object, int)

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parameter = parameter
        self._value: Any = None
        self._fallback: Any = None  # what the wire fills in where nothing is given
        self._gesture = Gesture()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.lineEdit().setTextMargins(6, 0, 0, 0)
        self.lineEdit().textEdited.connect(self._type)

    def show_value(self, value: Any, inferred: Any = None) -> None:
        """Show a value without telling anyone; `inferred` is what the wire gives where `value` is None."""
        self._fallback = inferred
        filled = self._parameter.inferred is not None
        if filled:
            hint = tr("{value} from the wire").format(value=show_value(self._parameter, inferred))
            self.lineEdit().setPlaceholderText(hint if inferred is not None else tr("from the wire"))
        else:
            automatic = self._parameter.kind in ("pair", "ints")
            self.lineEdit().setPlaceholderText(tr("automatic") if automatic else tr("none"))
        unchanged = self.hasFocus() and value == self._value
        self._value = value
        if not unchanged:
            self.lineEdit().setText(show_value(self._parameter, value))
        self._mark("")

    def show_mixed(self) -> None:
        """Show that several nodes differ here."""
        self._value = None
        self.lineEdit().clear()
        self.lineEdit().setPlaceholderText(tr("mixed"))
        self._mark("")

    def _type(self, text: str) -> None:
        value, wrong = parse_value(self._parameter, text)
        self._mark(wrong)
        if not wrong and value != self._value:
            self._value = value
            self.edited.emit(value, self._gesture.now())

    def stepBy(self, steps: int) -> None:
        start = self._value if self._value is not None else self._fallback
        value = step_value(self._parameter, start, steps)
        if value != self._value and not self._parameter.check(value):
            self._value = value
            self.lineEdit().setText(show_value(self._parameter, value))
            self._mark("")
            self.edited.emit(value, self._gesture.now())

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        flag = QAbstractSpinBox.StepEnabledFlag
        return flag.StepUpEnabled | flag.StepDownEnabled

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        return QValidator.State.Acceptable, text, position

    def _mark(self, wrong: str) -> None:
        if bool(self.property("invalid")) != bool(wrong):
            self.setProperty("invalid", bool(wrong))
            restyle(self)
        self.setToolTip(in_plain_words(wrong or self._parameter.help))

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._gesture.end()
        if self.property("invalid"):
            self.lineEdit().setText(show_value(self._parameter, self._value))
            self._mark("")


class ChoiceBox(QComboBox):
    """One of a few values."""

    edited = Signal(object, int)

    def __init__(
        self, values: Sequence[Any], texts: Sequence[str] | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._gesture = Gesture()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.offer(values, texts)
        self.activated.connect(lambda index: self.edited.emit(self._values[index], self._gesture.now()))

    def offer(self, values: Sequence[Any], texts: Sequence[str] | None = None) -> None:
        """Offer these values under these texts."""
        self._values = list(values)
        self.blockSignals(True)
        self.clear()
        self.addItems(list(texts) if texts is not None else [str(v) for v in values])
        self.blockSignals(False)

    def show_value(self, value: Any, inferred: Any = None) -> None:
        """Show a value without telling anyone; one that is not offered is shown as it stands."""
        self.blockSignals(True)
        if value in self._values:
            self.setCurrentIndex(self._values.index(value))
        else:
            self.setCurrentIndex(-1)
            self.setPlaceholderText(str(value))
        self.blockSignals(False)

    def show_mixed(self) -> None:
        """Show that several nodes differ here."""
        self.blockSignals(True)
        self.setPlaceholderText(tr("mixed"))
        self.setCurrentIndex(-1)
        self.blockSignals(False)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class SwitchBox(QWidget):
    """A switch at the right end of its row."""

    edited = Signal(object, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 4, 0, 4)
        row.addStretch(1)
        self.switch = Switch()
        row.addWidget(self.switch)
        self.setFocusProxy(self.switch)
        self._gesture = Gesture()
        self.switch.clicked.connect(lambda on: self.edited.emit(bool(on), self._gesture.now()))

    def show_value(self, value: Any, inferred: Any = None) -> None:
        """Show a value without telling anyone."""
        self.switch.set_silently(bool(value))

    def show_mixed(self) -> None:
        """Show that several nodes differ here."""
        self.switch.set_mixed()


class TextBox(QLineEdit):
    """A line of text."""

    edited = Signal(object, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._gesture = Gesture()
        self.textEdited.connect(lambda text: self.edited.emit(text, self._gesture.now()))

    def show_value(self, value: Any, inferred: Any = None) -> None:
        """Show a value without telling anyone."""
        self.setPlaceholderText("")
        if self.text() != (value or ""):
            self.setText(value or "")

    def show_mixed(self) -> None:
        """Show that several nodes differ here."""
        self.clear()
        self.setPlaceholderText(tr("mixed"))


class ScrubLabel(ShortLabel):
    """A parameter's name; dragging it sideways steps its number."""

    def __init__(self, text: str, editor: QWidget) -> None:
        super().__init__(text)
        self.setBuddy(editor)
        self._editor = editor
        self._from: float | None = None
        if isinstance(editor, NumbersBox):
            self.setCursor(Qt.CursorShape.SizeHorCursor)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if isinstance(self._editor, NumbersBox) and event.button() == Qt.MouseButton.LeftButton:
            self._from = event.position().x()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._from is None:
            return
        steps = int((event.position().x() - self._from) / 8)
        if steps:
            self._from += steps * 8
            self._editor.stepBy(steps)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._from = None


Editor = NumbersBox | ChoiceBox | SwitchBox | TextBox


def make_editor(parameter: Parameter, fields: Sequence[Any] = ()) -> Editor:
    """The editor for a parameter; `fields` are the data's, for a parameter that names one."""
    if parameter.kind == "bool":
        return SwitchBox()
    if parameter.kind == "choice":
        none = [None] if parameter.optional and None not in parameter.choices else []
        values = [*none, *parameter.choices]
        return ChoiceBox(values, [tr("none") if v is None else str(v) for v in values])
    if parameter.kind == "field":
        names = [f.name for f in fields if f.role == parameter.role]
        return ChoiceBox(["", *names], [_only(names, parameter.role), *names])
    if parameter.kind == "text":
        return TextBox()
    return NumbersBox(parameter)


def _only(names: list[str], role: str) -> str:
    if len(names) == 1:
        return tr("the data's: {name}").format(name=names[0])
    return tr("the only input") if role == "input" else tr("the only target")
