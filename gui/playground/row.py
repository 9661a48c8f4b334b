"""A row of a table to fill in: a number field for each column, a choice for each category, and room for texts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QWidget,
)

from engine.graph.spec import FieldSpec
from gui.i18n import tr
from gui.plain_words import ShortLabel
from gui.theme import theme
from gui.turns import Turns

CHOICE = 104
"""Pixels of a choice at most; its list shows what is longer."""
MOST = 64
"""Number fields for so many columns at most; wider samples come from the data alone."""


class Number(QLineEdit):
    """Any number, written as shortly as it can be; the arrow keys change its second figure."""

    value_changed = Signal()

    def __init__(self):
        super().__init__()
        self.setFixedWidth(76)
        self.setProperty("invalid", False)
        self._value = 0.0
        self.textEdited.connect(self._read)
        self.editingFinished.connect(lambda: self.set_value(self._value))

    def value(self) -> float:
        """The last text that was a number."""
        return self._value

    def set_value(self, value: float) -> None:
        """Show a number."""
        self._value = value
        self.setText(_written(value))
        self._mark(True)

    def _read(self, text: str) -> None:
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            self._mark(False)
            return
        self._mark(math.isfinite(value))
        if math.isfinite(value):
            self._value = value
            self.value_changed.emit()

    def _mark(self, is_number: bool) -> None:
        if self.property("invalid") is not (not is_number):
            self.setProperty("invalid", not is_number)
            self.style().polish(self)

    def keyPressEvent(self, event) -> None:
        direction = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(event.key())
        if direction is None:
            super().keyPressEvent(event)
            return
        size = 10.0 ** (math.floor(math.log10(abs(self._value))) - 1) if self._value else 0.1
        self.set_value(self._value + direction * size)
        self.value_changed.emit()


def _written(value: float) -> str:
    """A number in eight letters at most, which is what its field has room for.

    >>> [_written(value) for value in (3.14159, 55620.0, -1234567.0, 0.000012345, 2.5e9)]
    ['3.142', '55620', '-1234567', '1.23e-05', '2.5e+09']
    """
    if 1e4 <= abs(value) < 1e7:
        return f"{value:.0f}"
    shown = f"{value:.4g}"
    return f"{value:.3g}" if "e" in shown else shown


class Words(QPlainTextEdit):
    """A text to write; Tab goes on to the next control."""

    def __init__(self):
        super().__init__()
        self.setMinimumHeight(56)
        self.setTabChangesFocus(True)
        self.setPlaceholderText(tr("Write something to try"))


class RowForm(QScrollArea):
    """What a person types, as the inputs of a prediction."""

    changed = Signal()

    def __init__(self):
        super().__init__()
        self.setObjectName("try-row")
        self.setAccessibleName(tr("Values to try"))
        self.setWidgetResizable(True)
        self.setFrameShape(self.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.fields: tuple[FieldSpec, ...] = ()
        self._numbers: dict[tuple[str, str], Number] = {}
        self._choices: dict[tuple[str, str], QComboBox] = {}
        self._words: dict[str, Words] = {}
        self._wide: dict[str, np.ndarray] = {}  # fields with too many columns to type
        self._sample: Mapping[str, np.ndarray] | None = None  # shown once every field is there
        self._is_filling = False
        self._building = Turns(self)

    def set_fields(self, fields: tuple[FieldSpec, ...]) -> None:
        """One control for each column of the input fields; they come in turns of the window."""
        self.fields = fields
        self._numbers, self._choices, self._words, self._wide, self._sample = {}, {}, {}, {}, None
        form = QWidget()
        form.setProperty("role", "scrolled")
        form.setFont(theme.font(11))
        grid = QGridLayout(form)
        grid.setContentsMargins(0, 0, 8, 0)
        grid.setVerticalSpacing(4)
        grid.setHorizontalSpacing(6)
        grid.setColumnStretch(0, 1)
        self._building.start(self._make_rows(grid))
        self.setWidget(form)

    def _make_rows(self, grid: QGridLayout) -> Iterator[None]:
        texts = [field.name for field in self.fields if field.kind == "text"]
        for row, name in enumerate(texts):
            self._add_words(grid, 2 * row, name, len(texts) == len(self.fields) == 1)
            yield
        columns = [(field.name, *column) for field in self.fields for column in _columns_of(field)]
        if columns or not texts:
            grid.setRowStretch(2 * len(texts) + len(columns), 1)
        for row, column in enumerate(columns):
            self._add(grid, 2 * len(texts) + row, *column)
            yield
        if self._sample is not None:
            self._building.stop()  # who hears of the sample may ask for all fields
            self._show_sample(self._sample)

    def build(self) -> None:
        """Make every row now."""
        self._building.finish()

    def _add_words(self, grid: QGridLayout, row: int, field: str, is_alone: bool) -> None:
        """Room for a text, its name above it unless it is all that there is."""
        words = self._words[field] = Words()
        words.setObjectName(f"try-{field}")
        words.setAccessibleName(field)
        words.textChanged.connect(self._tell)
        if not is_alone:
            name = ShortLabel(field)
            name.setBuddy(words)
            grid.addWidget(name, row, 0, 1, 2)
        grid.addWidget(words, row + 1, 0, 1, 2)
        grid.setRowStretch(row + 1, 2)

    def _add(self, grid: QGridLayout, row: int, field: str, column: str, values: tuple[str, ...]) -> None:
        word = ShortLabel(column)
        control = self._choice(field, column, values) if values else self._number(field, column)
        control.setObjectName(f"try-{field}-{column}")
        control.setAccessibleName(column)
        word.setBuddy(control)
        grid.addWidget(word, row, 0)
        grid.addWidget(control, row, 1)

    def _number(self, field: str, column: str) -> Number:
        number = self._numbers[field, column] = Number()
        number.value_changed.connect(self._tell)
        return number

    def _choice(self, field: str, column: str, values: tuple[str, ...]) -> QComboBox:
        choice = self._choices[field, column] = QComboBox()
        choice.addItems(list(values))
        choice.setMaximumWidth(CHOICE)
        choice.currentIndexChanged.connect(self._tell)
        return choice

    def _tell(self) -> None:
        if not self._is_filling:
            self.changed.emit()

    def fill(self, sample: Mapping[str, np.ndarray]) -> None:
        """Show a sample, now or once the fields are made: by field its values, in the data's own units."""
        self._sample = sample
        if not self._building.is_busy:
            self._show_sample(sample)

    def _show_sample(self, sample: Mapping[str, np.ndarray]) -> None:
        self._is_filling = True
        for field in self.fields:
            values = np.ravel(sample[field.name])
            if field.kind == "text":
                self._words[field.name].setPlainText(str(values[0]))
            elif field.kind == "category":
                self._choices[field.name, field.name].setCurrentIndex(int(values[0]))
            elif not _columns_of(field):
                self._wide[field.name] = np.asarray(sample[field.name], np.float32)
            else:
                self._fill_vector(field, values)
        self._is_filling = False
        self.changed.emit()

    def _fill_vector(self, field: FieldSpec, values: np.ndarray) -> None:
        marks: dict[str, tuple[float, str]] = {}
        for name, value in zip(_names(field), np.nan_to_num(values), strict=True):
            if (field.name, name) in self._numbers:
                self._numbers[field.name, name].set_value(float(value))
                continue
            column, _, text = name.partition("=")
            if value > marks.get(column, (-1.0, ""))[0]:
                marks[column] = (float(value), text)
        for column, (_, text) in marks.items():
            self._choices[field.name, column].setCurrentText(text)

    def inputs(self) -> dict[str, object]:
        """By field, as a prediction takes them."""
        self.build()
        said: dict[str, object] = {}
        for field in self.fields:
            if field.kind == "text":
                said[field.name] = self._words[field.name].toPlainText()
            elif field.kind == "category":
                said[field.name] = self._choices[field.name, field.name].currentText()
            elif not _columns_of(field):
                wide = self._wide.get(field.name, np.zeros(field.shape, np.float32))
                said[field.name] = wide.tolist()
            else:
                said[field.name] = self._vector(field)
        return said

    def _vector(self, field: FieldSpec) -> list[float]:
        values = []
        for name in _names(field):
            if (field.name, name) in self._numbers:
                values.append(self._numbers[field.name, name].value())
            else:
                column, _, text = name.partition("=")
                values.append(float(self._choices[field.name, column].currentText() == text))
        return values


def _names(field: FieldSpec) -> tuple[str, ...]:
    """A name for each number of the field."""
    if field.columns:
        return field.columns
    size = int(np.prod(field.shape))
    return (field.name,) if size == 1 else tuple(f"{field.name} {index + 1}" for index in range(size))


def _columns_of(field: FieldSpec) -> list[tuple[str, tuple[str, ...]]]:
    """(column, its choices or ()) of a field; the marks "sex=f", "sex=m" are one column with two choices.

    >>> _columns_of(FieldSpec("features", "vector", (3,), "input", columns=("age", "sex=f", "sex=m")))
    [('age', ()), ('sex', ('f', 'm'))]
    """
    if field.kind == "text":
        return []
    if field.kind == "category":
        return [(field.name, field.classes)]
    names = _names(field) if int(np.prod(field.shape)) <= MOST else ()
    found: dict[str, tuple[str, ...]] = {}
    heads = [name.partition("=")[0] for name in names if "=" in name]
    for name in names:
        head, _, text = name.partition("=")
        if text and heads.count(head) > 1:
            found[head] = (*found.get(head, ()), text)
        else:
            found[name] = ()
    return list(found.items())
