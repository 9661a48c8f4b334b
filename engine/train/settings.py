"""What a project names for its training, made: optimizer, schedule, device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import engine
from engine.errors import ProjectError
from engine.graph import catalogue
from engine.graph.catalogue import Entry
from engine.graph.spec import Choice
from engine.wording import counted


def chosen(choice: Choice, kind: Literal["optimizer", "schedule"], subject: Any) -> Any:
    """Make what a project names: an optimizer of parameters, a schedule of an optimizer.

    Raises:
        ProjectError: there is none of that name, or a parameter is not what it takes.
    """
    return _made(choice, kind, subject, f"training.{kind}", catalogue.entries(kind))


def _made(choice: Choice, kind: str, subject: Any, where: str, entries: Mapping[str, Entry]) -> Any:
    if choice.type not in entries:
        raise ProjectError(where, got=f"{choice.type!r} is unknown", expected=f"one of {', '.join(entries)}")
    entry = entries[choice.type]
    known = {parameter.name: parameter for parameter in entry.parameters}
    for name, value in choice.params.items():
        if name not in known:
            raise ProjectError(where, got=f"{choice.type} has no {name!r}", expected=f"one of {', '.join(known)}")
        fault = known[name].check(value)
        if fault:
            raise ProjectError(f"{where}, {name}", got=fault)
    arguments = {name: tuple(v) if isinstance(v, list) else v for name, v in choice.params.items()}
    arguments = {**entry.starts(), **arguments}
    if kind == "optimizer":
        return entry.cls(entry.cls.groups(subject), **arguments)
    if entry.members:
        _check_members(choice, entry, arguments.get("milestones"), where)
        within = {type: entries[type] for type in entry.members}
        places = [f"{where}.members[{number}]" for number in range(len(choice.members))]
        arguments["schedulers"] = [
            _made(member, kind, subject, place, within) for member, place in zip(choice.members, places)
        ]
    elif choice.members:
        raise ProjectError(where, got=f"{choice.type} is given members", expected="none, as it is made of no others")
    return entry.cls(optimizer=subject, **arguments)


def _check_members(choice: Choice, entry: Entry, milestones: Sequence[int] | int | None, where: str) -> None:
    """One member or more; where they follow each other, each but the first at a later epoch than the one before."""
    count = len(choice.members)
    if not count:
        raise ProjectError(where, got=f"{choice.type} has no members", expected="one or more schedules",
                           mend=f"add one, such as {entry.members[0]}")  # fmt: skip
    if milestones is None:
        return
    if isinstance(milestones, int):
        raise ProjectError(f"{where}, milestones", got=f"{milestones} alone",
                           expected=f"a list, such as [{milestones}]")  # fmt: skip
    if len(milestones) != count - 1:
        raise ProjectError(f"{where}, milestones", got=f"{counted(len(milestones), 'epoch')} for {count} schedules",
                           expected=f"{counted(count - 1, 'epoch')}, where each but the first begins")  # fmt: skip
    if any(later <= earlier for earlier, later in pairwise(milestones)):
        raise ProjectError(f"{where}, milestones", got=", ".join(map(str, milestones)),
                           expected="each epoch later than the one before")  # fmt: skip


def usable_device(name: str) -> Any:
    """The device of that name.

    Raises:
        DeviceError: it cannot be used here; why, and what to do.
    """
    device = engine.device(name)
    _ = device.xp  # chosen now, so that what is missing is said before the data are opened
    return device
