"""Work in small pieces between which the window paints and listens."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from PySide6.QtCore import QObject, QTimer

SLICE = 0.005
"""Seconds of work in one turn of the event loop."""


class Turns(QObject):
    """One piece of work at a time, as an iterator that rests wherever it may be interrupted; newer replaces older."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._steps: Iterator[None] = iter(())
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._work)

    @property
    def is_busy(self) -> bool:
        """Whether something is still to be done."""
        return self._timer.isActive()

    def start(self, steps: Iterator[None]) -> None:
        """Do the first slice now, the others as the window finds time."""
        self._steps = steps
        self._timer.start()
        self._work()

    def stop(self) -> None:
        """Leave the rest undone."""
        self._timer.stop()
        self._steps = iter(())

    def finish(self) -> None:
        """Do all the rest now."""
        while self.is_busy:
            self._work()

    def _work(self) -> None:
        end = perf_counter() + SLICE
        while perf_counter() < end:
            if next(self._steps, "done") == "done":
                self.stop()
                return
