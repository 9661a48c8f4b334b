"""A form made from the parameters of a catalogue entry: one row each, name left, editor right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QWidget

from engine.graph.catalogue import MISSING, Entry, Parameter
from gui.i18n import tr
from gui.panels.controls import clear
from gui.panels.editors import Editor, ScrubLabel, SwitchBox, make_editor
from gui.plain_words import in_plain_words
from gui.theme import SPACE

EDITOR_WIDTH, EDITOR_HEIGHT = 140, 28
_NAMES = {
    "lr": "Learning rate",
    "eps": "Epsilon",
    "p": "Probability",
    "gamma": "Factor",
    "T_max": "Epochs of the cycle",
    "total_iters": "Epochs",
    "eta_min": "Least rate",
    "nhead": "Heads",
    "num_heads": "Heads",
    "d_model": "Features",
    "dim_feedforward": "Features within",
    "num_layers": "Layers",
    "num_encoder_layers": "Encoder layers",
    "num_decoder_layers": "Decoder layers",
    "layer_norm_eps": "Epsilon",
    "min_delta": "Least gain",
    "clip_norm": "Gradient limit",
    "lower": "Ignore capitals",
    "side": "Filled up on the",
    "mae": "Mean absolute error",
    "mape": "Mean relative error",
    "rmse": "Root mean square error",
    "r2": "R²",
    "roc_auc": "ROC AUC",
    "top3": "Top 3",
    "top5": "Top 5",
}
"""What the field abbreviates, in words."""


class ParameterForm(QWidget):
    """`edited(name, value, gesture)` when a person changed something; showing values tells nobody."""

    edited = Signal(str, object, int)

    def __init__(self, object_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.editors: dict[str, Editor] = {}
        self._parameters: tuple[Parameter, ...] = ()
        self._fields: tuple[Any, ...] = ()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SPACE[1])
        self._grid.setVerticalSpacing(5)
        self._grid.setColumnStretch(0, 1)

    def set_parameters(self, parameters: Sequence[Parameter], fields: Sequence[Any] = ()) -> None:
        """Build the rows; nothing happens where they stand already."""
        parameters, fields = tuple(parameters), tuple(fields)
        names_fields = any(p.kind == "field" for p in parameters)
        if parameters == self._parameters and (not names_fields or fields == self._fields):
            return
        self._parameters, self._fields = parameters, fields
        clear(self._grid)
        self.editors = {}
        for row, parameter in enumerate(parameters):
            editor = make_editor(parameter, fields)
            is_switch = isinstance(editor, SwitchBox)
            editor.setObjectName(f"{self.objectName()}-{parameter.name}")
            editor.setAccessibleName(label_of(parameter))
            editor.setAccessibleDescription(parameter.help)
            editor.setToolTip(in_plain_words(parameter.help))
            editor.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            editor.setFixedSize(editor.sizeHint().width() if is_switch else EDITOR_WIDTH, EDITOR_HEIGHT)
            editor.edited.connect(lambda value, gesture, name=parameter.name: self.edited.emit(name, value, gesture))
            name = ScrubLabel(label_of(parameter), editor)
            if parameter.help:
                name.setToolTip(in_plain_words(parameter.help))
            if is_switch:  # it is small, and leaves its name the rest of the row
                self._grid.addLayout(_side_by_side(name, editor), row, 0, 1, 2)
            else:
                self._grid.addWidget(name, row, 0)
                self._grid.addWidget(editor, row, 1, Qt.AlignmentFlag.AlignRight)
            self.editors[parameter.name] = editor

    def show_values(self, values: Sequence[Mapping[str, Any]], filled: Mapping[str, Any] | None = None) -> None:
        """Show one set of values, or several where the editors that differ say so; `filled` comes from the wires."""
        for parameter in self._parameters:
            editor = self.editors[parameter.name]
            here = [value_of(parameter, each) for each in values]
            if all(value == here[0] for value in here):
                inferred = (filled or {}).get(parameter.name) if parameter.inferred is not None else None
                editor.show_value(here[0], inferred)
            else:
                editor.show_mixed()


def _side_by_side(name: QWidget, editor: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(SPACE[1])
    row.addWidget(name, 1)
    row.addWidget(editor)
    return row


def label_of(parameter: Parameter) -> str:
    """The parameter's name as a form shows it."""
    if parameter.name == "p" and parameter.maximum != 1:
        return tr("Power")
    return tr(_NAMES.get(parameter.name, parameter.label))


def value_of(parameter: Parameter, values: Mapping[str, Any]) -> Any:
    """The value that is given, or the default; lists as tuples."""
    value = values.get(parameter.name, parameter.default)
    if value is MISSING:
        value = None if parameter.inferred is not None else parameter.start
    return tuple(value) if isinstance(value, list) else value


def visible_parameters(entry: Entry) -> tuple[Parameter, ...]:
    """Those that a person sets by hand come first, those that the wire fills in last."""
    return tuple(sorted(entry.parameters, key=lambda p: p.inferred is not None))
