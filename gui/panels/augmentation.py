"""What is done at random to the images that a network learns from: a switch for each transform, its numbers below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

import engine.data.transforms.affine
import engine.data.transforms.colour
import engine.data.transforms.mixing  # noqa: F401  (with the rest of the window, not when data are opened)
from engine.graph import catalogue
from engine.graph.catalogue import Entry, Parameter
from engine.graph.spec import Choice
from gui.i18n import tr
from gui.panels.controls import label
from gui.panels.form import ParameterForm
from gui.theme import SPACE
from gui.turns import Turns

OFFERED = (
    "RandomHorizontalFlip", "RandomVerticalFlip", "RandomCrop", "RandomResizedCrop", "RandomRotation", "RandomAffine",
    "ColorJitter", "RandomGrayscale", "GaussianBlur", "RandomErasing", "MixUp", "CutMix",
)  # fmt: skip
"""Those that have a switch; others that a project's file names are kept, and come after them."""
FOR_FILES = ("size", "padding_mode", "interpolation", "fill", "antialias")
"""Parameters that the form leaves to the file: images keep their size."""


class AugmentationForm(QWidget):
    """`edited(tuple of Choice, gesture)` when a person switched or changed something."""

    edited = Signal(object, int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("data-augmentation")
        self._choices: tuple[Choice, ...] = ()
        self._switches: dict[str, ParameterForm] = {}
        self._forms: dict[str, ParameterForm] = {}  # apart, so that a switch keeps the keyboard when its numbers come
        self._making = Turns(self)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, SPACE[0], 0, 0)
        self._column.setSpacing(SPACE[0])
        title = label(tr("Images changed at random"), "label")
        title.setToolTip(tr("Only those to learn from, anew in every epoch; validation sees them as they are."))
        self._column.addWidget(title)

    def show_choices(self, choices: Sequence[Choice]) -> None:
        """Show what the project says."""
        self._choices = tuple(choices)
        self._making.start(self._make())

    def _make(self) -> Iterator[None]:
        """A switch for each transform and, where it is on, its numbers."""
        entries, chosen = catalogue.entries("transform"), {choice.type: choice for choice in self._choices}
        for type in OFFERED:
            if type not in self._forms:
                self._build(type, entries[type])
                yield
            entry, choice, form = entries[type], chosen.get(type), self._forms[type]
            self._switches[type].show_values([{_switch(entry).name: choice is not None}])
            form.set_parameters([p for p in entry.parameters if p.name not in FOR_FILES] if choice else [])
            form.show_values([choice.params if choice else {}])
            form.setVisible(choice is not None)
            yield

    def _build(self, type: str, entry: Entry) -> None:
        switch, form = ParameterForm("data-augment"), ParameterForm(f"data-augment-{type}")
        switch.set_parameters([_switch(entry)])
        form.setContentsMargins(SPACE[2], 0, 0, 0)  # its numbers stand below the switch that they belong to
        for each in (switch, form):
            each.edited.connect(lambda name, value, gesture: self._edit(type, name, value, gesture))
            self._column.addWidget(each)
        self._switches[type], self._forms[type] = switch, form

    def _edit(self, type: str, name: str, value: Any, gesture: int) -> None:
        entry = catalogue.entries("transform")[type]
        chosen = {choice.type: choice for choice in self._choices}
        if name != _switch(entry).name:
            chosen[type] = Choice(type, {**chosen[type].params, name: value})
        elif value:
            chosen[type] = Choice(type, entry.starts())
        else:
            chosen.pop(type, None)
        order = [*(type for type in OFFERED if type in chosen), *(type for type in chosen if type not in OFFERED)]
        self.edited.emit(tuple(chosen[type] for type in order), gesture)


def _switch(entry: Entry) -> Parameter:
    return Parameter(entry.title.lower().replace(" ", "_"), "bool", False, False, entry.summary)
