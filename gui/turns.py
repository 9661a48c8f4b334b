"""Work in small pieces between which the window paints and listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from time import perf_counter

from PySide6.QtCore import QCoreApplication, QObject, QTimer
from shiboken6 import isValid

SLICE = 0.005
"""Seconds of work in one turn of the event loop."""


class Turns(QObject):
    """One piece of work at a time, as an iterator that rests wherever it may be interrupted; newer replaces older.

    All that waits in the window stands in one line: in a turn of the event loop a single one works, for a slice.

    Args:
        parent: as long as it lives.
        seconds: of work in one turn; with 0 each step takes a turn of its own, as what is painted after it asks for.
    """

    def __init__(self, parent: QObject, seconds: float = SLICE) -> None:
        super().__init__(parent)
        self._seconds = seconds
        self._steps: Iterator[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is still to be done."""
        return self._steps is not None

    def start(self, steps: Iterator[None]) -> None:
        """Do it as the window finds time, after what waits already."""
        self._steps = steps
        _line().add(self)

    def stop(self) -> None:
        """Leave the rest undone."""
        self._steps = None

    def finish(self) -> None:
        """Do all the rest now."""
        while self.is_busy:
            self.work()

    def work(self) -> None:
        """Do a slice now."""
        end, steps = perf_counter() + self._seconds, self._steps
        while steps is not None and steps is self._steps:
            if next(steps, "done") == "done" and steps is self._steps:
                self.stop()
            if perf_counter() >= end:
                return


def in_own_turn(parent: QObject, work: Callable[[], object]) -> Callable[..., None]:
    """A slot that does `work` in a turn of its own; called several times before that, it does it once.

    A queued connection is no such thing: all that is queued is delivered in the same turn.
    """
    turns = Turns(parent)
    return lambda *_: turns.start(work() for _ in range(1))


def leave_undone(window: QObject) -> None:
    """The window goes away: what its parts wait to do is dropped."""
    _line().drop(window)


class _Line(QObject):
    """Those that wait for a turn, the first one first."""

    def __init__(self) -> None:
        super().__init__(QCoreApplication.instance())
        self._waiting: dict[Turns, None] = {}
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._call)

    def add(self, turns: Turns) -> None:
        self._waiting.setdefault(turns)
        self._timer.start()

    def drop(self, window: QObject) -> None:
        for turns in self._waiting:
            owner = turns.parent() if isValid(turns) else None
            while owner is not None and owner is not window:
                owner = owner.parent()
            if owner is window:
                turns.stop()

    def _call(self) -> None:
        if not self._waiting:
            self._timer.stop()
            return
        first = next(iter(self._waiting))
        del self._waiting[first]
        if isValid(first) and first.is_busy:
            first.work()
            if first.is_busy:
                self.add(first)


@cache
def _line() -> _Line:
    return _Line()
