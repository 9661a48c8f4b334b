"""What a project names for its training, made: optimizer, schedule, device."""

from __future__ import annotations

from typing import Any, Literal

import engine
from engine.errors import ProjectError
from engine.graph import catalogue
from engine.graph.spec import Choice


def chosen(choice: Choice, kind: Literal["optimizer", "schedule"], subject: Any) -> Any:
    """Make what a project names: an optimizer of parameters, a schedule of an optimizer.

    Raises:
        ProjectError: there is none of that name, or a parameter is not what it takes.
    """
    entries = catalogue.entries(kind)
    where = f"training.{kind}"
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
    starts = {name: value for name, value in entry.starts().items() if name not in arguments}
    if kind == "optimizer":
        subject = entry.cls.groups(subject)
    return entry.cls(subject, **arguments, **starts)


def usable_device(name: str) -> Any:
    """The device of that name.

    Raises:
        DeviceError: it cannot be used here; why, and what to do.
    """
    device = engine.device(name)
    _ = device.xp  # chosen now, so that what is missing is said before the data are opened
    return device
