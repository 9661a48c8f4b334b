"""The learning-rate schedule: one of the catalogue's, or several, in turn or at once, each with its own numbers."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from engine.graph import catalogue
from engine.graph.catalogue import Entry, Parameter
from engine.graph.spec import Choice
from gui.i18n import tr
from gui.panels.controls import named, push, tool
from gui.panels.editors import ChoiceBox
from gui.panels.form import ParameterForm
from gui.theme import SPACE

WARM_UP = "LinearLR"
IN_TURN = "SequentialLR"
AFTER = "CosineAnnealingLR"
"""What follows a warm-up where nothing was chosen yet."""
ADDED = "ExponentialLR"
EPOCHS = 5
"""How long a new member lasts before the next begins."""
LAST = 1_000_000
"""The latest epoch at which one may begin."""


def another(before: Choice | None, type: str) -> Choice:
    """A schedule of that type, with what it shares with the one before; of several, the one before among them."""
    entry = catalogue.entry(type)
    if not entry.members:
        kept = {name: value for name, value in (before.params if before else {}).items() if takes(entry, name, value)}
        return Choice(type, entry.starts() | kept)
    members = before.members or (before,) if before else ()
    members = tuple(member for member in members if member.type in entry.members)
    if len(members) < 2:
        members = (another(None, WARM_UP), *(members or (another(None, AFTER),)))
    return with_members(Choice(type), members)


def with_members(choice: Choice, members: tuple[Choice, ...], milestones: tuple[int, ...] | None = None) -> Choice:
    """A schedule of these; epochs at which they begin are made where they are not said. Of one it is that one."""
    if len(members) == 1:
        return members[0]
    if choice.type != IN_TURN:
        return replace(choice, members=members)
    if milestones is None:
        milestones = tuple(accumulate([EPOCHS] * (len(members) - 1)))
    return replace(choice, params={"milestones": milestones}, members=members)


def milestones_of(choice: Choice) -> tuple[int, ...]:
    """The epochs at which the members but the first begin; none where a file says what cannot be."""
    said, parameter = choice.params.get("milestones", ()), catalogue.entry(IN_TURN).parameter("milestones")
    if isinstance(said, int) or parameter.check(said) or len(said) != len(choice.members) - 1:
        return ()
    return tuple(said)


def takes(entry: Entry, name: str, value: Any) -> bool:
    """Whether it has a parameter of that name which may be that."""
    return any(p.name == name and not p.check(value) for p in entry.parameters)


class ScheduleForm(QWidget):
    """`edited(Choice or None, gesture)` when a person changed something."""

    edited = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("training-schedule-section")
        self._choice: Choice | None = None
        self._members: list[_Member] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE[1])
        self._box = _box_of([None, *catalogue.entries("schedule")], "training-schedule", tr("Learning-rate schedule"))
        self._box.edited.connect(lambda type, gesture: self._emit(another(self._choice, type) if type else None))
        self._form = ParameterForm("training-schedule-form")
        self._form.edited.connect(lambda *edit: self._emit(_changed(self._choice, *edit[:2]), edit[2]))
        self._within = QVBoxLayout()
        self._within.setSpacing(SPACE[1])
        buttons = QHBoxLayout()
        self._warm_up = push(tr("Warm up first"), "training-schedule-warm-up", self._put_warm_up)
        self._warm_up.setToolTip(tr("The learning rate climbs for some epochs; then the schedule begins."))
        self._add = push(tr("Add a schedule"), "training-schedule-add", self._append, icon="plus")
        for button in (self._warm_up, self._add):
            buttons.addWidget(button)
        buttons.addStretch(1)
        column.addWidget(self._box)
        column.addWidget(self._form)
        column.addLayout(self._within)
        column.addLayout(buttons)

    def show_choice(self, choice: Choice | None) -> None:
        """Show what the project says; a file may name a schedule that nobody knows."""
        self._choice = choice
        known = catalogue.entries("schedule").get(choice.type) if choice else None
        self._box.show_value(choice.type if choice else None)
        plain = known is not None and not known.members
        self._form.set_parameters(known.parameters if plain else ())
        self._form.show_values([choice.params if choice else {}])
        self._form.setVisible(plain and bool(known.parameters))
        self._show_members(known)
        after = (*catalogue.entry(IN_TURN).members, None)  # what a warm-up may come before
        type = choice.type if choice else None
        self._warm_up.setVisible(type in after and type != WARM_UP)
        self._add.setVisible(known is not None and bool(known.members))
        self._add.setEnabled(choice is None or max(milestones_of(choice), default=0) < LAST)

    def _show_members(self, known: Entry | None) -> None:
        members = self._choice.members if known is not None and known.members else ()
        while len(self._members) < len(members):
            member = _Member(len(self._members), known.members)
            member.chosen.connect(self._choose_member)
            member.edited.connect(self._edit_member)
            member.removed.connect(self._remove)
            self._within.addWidget(member)
            self._members.append(member)
        for number, widget in enumerate(self._members):
            widget.setVisible(number < len(members))
            if number < len(members):
                widget.show_member(members[number], known.members, self._begin(number))

    def _begin(self, number: int) -> tuple[Parameter, int] | None:
        """When a member begins, between those before and after it; None where that is not said."""
        milestones = milestones_of(self._choice)
        if not number or number > len(milestones):
            return None
        least = milestones[number - 2] + 1 if number > 1 else 1
        most = milestones[number] - 1 if number < len(milestones) else LAST
        at = milestones[number - 1]
        help = tr("The number of the epoch at which it takes over from the one above, and counts its own from.")
        return Parameter("from_epoch", "int", at, at, help, least, most), at

    # What a person does

    def _emit(self, choice: Choice | None, gesture: int | None = None) -> None:
        self.edited.emit(choice, gesture)

    def _put_warm_up(self) -> None:
        self._emit(another(self._choice, IN_TURN) if self._choice else another(None, WARM_UP))

    def _append(self) -> None:
        members, milestones = (*self._choice.members, another(None, ADDED)), milestones_of(self._choice)
        begins = (*milestones, min(milestones[-1] + EPOCHS, LAST)) if milestones else None
        self._emit(with_members(self._choice, members, begins))

    def _remove(self, number: int) -> None:
        members, milestones = list(self._choice.members), list(milestones_of(self._choice))
        del members[number]
        del milestones[max(number - 1, 0) : max(number, 1)]
        self._emit(with_members(self._choice, tuple(members), tuple(milestones) or None))

    def _choose_member(self, number: int, type: str) -> None:
        self._emit(self._with_member(number, another(self._choice.members[number], type)))

    def _edit_member(self, number: int, name: str, value: Any, gesture: int) -> None:
        if name == "from_epoch":
            milestones = [*milestones_of(self._choice)]
            milestones[number - 1] = value
            self._emit(_changed(self._choice, "milestones", tuple(milestones)), gesture)
        else:
            self._emit(self._with_member(number, _changed(self._choice.members[number], name, value)), gesture)

    def _with_member(self, number: int, member: Choice) -> Choice:
        members = [*self._choice.members]
        members[number] = member
        return replace(self._choice, members=tuple(members))


class _Member(QWidget):
    """One of several: which it is, when it begins, its numbers, and a button that takes it away."""

    chosen = Signal(int, str)
    edited = Signal(int, str, object, int)
    removed = Signal(int)

    def __init__(self, number: int, types: tuple[str, ...]) -> None:
        super().__init__()
        name = f"training-schedule-{number + 1}"
        named(self, f"{name}-section")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, SPACE[0])
        column.setSpacing(SPACE[0])
        row = QHBoxLayout()
        self._types = types
        self._box = _box_of(types, name, tr("Schedule {number}", number=number + 1))
        self._box.edited.connect(lambda type, gesture: self.chosen.emit(number, type))
        row.addWidget(self._box, 1)
        remove = tool("close", tr("Take this schedule away"), f"{name}-remove", lambda: self.removed.emit(number))
        row.addWidget(remove, 0, Qt.AlignmentFlag.AlignRight)
        self._form = ParameterForm(f"{name}-form")
        self._form.edited.connect(lambda *edit: self.edited.emit(number, *edit))
        column.addLayout(row)
        column.addWidget(self._form)

    def show_member(self, choice: Choice, types: tuple[str, ...], begin: tuple[Parameter, int] | None) -> None:
        """Show one; `begin` is the parameter of when it begins, and its value."""
        if types != self._types:
            self._types = types
            self._box.offer(types, [catalogue.entry(type).title for type in types])
        self._box.show_value(choice.type)
        known = catalogue.entries("schedule").get(choice.type)
        parameters = known.parameters if known else ()
        self._form.set_parameters([begin[0], *parameters] if begin else parameters)
        self._form.show_values([{**choice.params, **({"from_epoch": begin[1]} if begin else {})}])


def _box_of(types: list[str | None] | tuple[str, ...], object_name: str, accessible: str) -> ChoiceBox:
    box = ChoiceBox(types, [catalogue.entry(type).title if type else tr("Constant") for type in types])
    named(box, object_name, accessible)
    for row, type in enumerate(types):
        if type is not None:
            box.setItemData(row, catalogue.entry(type).summary, Qt.ItemDataRole.ToolTipRole)
    return box


def _changed(choice: Choice, name: str, value: Any) -> Choice:
    return replace(choice, params={**choice.params, name: value})
