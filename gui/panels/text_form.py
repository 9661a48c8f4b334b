"""How the texts of a project become numbers: what a token is, how many there are, and how many of a text are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from engine.graph.catalogue import Parameter
from engine.graph.spec import FieldSpec
from gui.i18n import tr
from gui.panels.controls import label
from gui.panels.editors import ChoiceBox
from gui.panels.form import ParameterForm
from gui.theme import SPACE

KINDS = ("words", "characters", "pairs")
_LENGTH = Parameter("length", "int", 64, 64, "Tokens of a text that are read; the rest is cut off, short texts are "
                    "filled up.", 1, 10_000)  # fmt: skip
_VOCABULARY = Parameter("vocabulary", "int", 10_000, 10_000, "Different tokens that are learned at most: the commonest "
                        "of the training part. All others count as one.", 3, 1_000_000)  # fmt: skip
_LOWER = Parameter("lower", "bool", True, True, "Whether capitals count as small letters.")

_SIDE = Parameter("side", "choice", "right", "right", "Where short texts are filled up: left suits recurrent layers "
                  "of which the last step is taken.", choices=("right", "left"))  # fmt: skip


class TextForm(QWidget):
    """`edited(option, value)` when a person changed something."""

    edited = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("data-text")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, SPACE[0], 0, 0)
        column.setSpacing(SPACE[0])
        row = QHBoxLayout()
        row.addWidget(label(tr("Texts are read as"), "label"))
        self.tokens = ChoiceBox(KINDS, [tr("words"), tr("characters"), tr("word pieces")])
        self.tokens.setObjectName("data-tokens")
        self.tokens.setAccessibleName(tr("What a token of a text is"))
        self.tokens.setToolTip(
            tr("Words and signs, single characters, or pieces of words: byte pairs that the texts often have.")
        )
        self.tokens.setFixedSize(140, 28)
        self.tokens.edited.connect(lambda value, gesture: self.edited.emit("tokens", value))
        row.addWidget(self.tokens, 0, Qt.AlignmentFlag.AlignRight)
        column.addLayout(row)
        self.form = ParameterForm("data-text-form")
        self.form.set_parameters([_VOCABULARY, _LENGTH, _LOWER, _SIDE])
        self.form.edited.connect(lambda name, value, gesture: self.edited.emit(name, value))
        column.addWidget(self.form)

    def show_options(self, options: Mapping[str, Any], fields: tuple[FieldSpec, ...]) -> None:
        """Show what the project says of its texts, and what was found where it says nothing."""
        text = next((field for field in fields if field.kind == "text"), None)
        self.setVisible(text is not None)
        if text is None:
            return
        self.tokens.show_value(options.get("tokens", "words"))
        found = {"vocabulary": text.vocabulary, "length": text.shape[0]}
        told = {"lower": options.get("lower", True), "side": options.get("side", "right")}
        self.form.show_values([found | told])
