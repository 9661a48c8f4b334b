"""The frame of a card that shows a picture from a snapshot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QTimer

from engine.train.events import Snapshot
from gui.plots.card import Card
from gui.run.model import Run

SPREAD = 16
"""Milliseconds between the drawing of one card and the next: one frame does not draw them all."""


class SnapshotCard(Card):
    """Empty until a snapshot holds what it shows; subclasses say what that is and draw it."""

    needs = ""
    """A key of the snapshot's arrays."""
    _made = 0

    def __init__(self, run: Run, name: str, title: str, empty: str):
        super().__init__(name, title, empty)
        self.run = run
        self._newest: tuple[Snapshot, dict[str, np.ndarray]] | None = None
        SnapshotCard._made += 1
        self._clock = QTimer(self, singleShot=True, interval=SPREAD * (SnapshotCard._made % 4))
        self._clock.timeout.connect(self._draw)
        run.followed.connect(self.begin_anew)
        run.snapshot.connect(self._take)

    def begin_anew(self) -> None:
        """Another run, or none."""
        self._newest = None
        self.show_empty(True)

    def catch_up(self) -> None:
        if self.run.arrays and self.run.history.snapshots:
            self._take(self.run.history.snapshots[-1], self.run.arrays)

    def _take(self, event: Snapshot, arrays: dict[str, np.ndarray]) -> None:
        if self.needs in arrays and arrays[self.needs].size:
            self._newest = (event, arrays)
            self.show_empty(False)
            self._clock.start()

    def _draw(self) -> None:
        """Only what can be seen: a card out of sight draws when it is scrolled to."""
        if self._newest is not None and self.isVisible() and not self.visibleRegion().isEmpty():
            newest, self._newest = self._newest, None
            self.show_snapshot(*newest)

    def paintEvent(self, event) -> None:
        super().paintEvent(event)
        if self._newest is not None and not self._clock.isActive():
            self._clock.start()

    def export(self, kind: str, path: Path) -> bool:
        if self._newest is not None:
            self.show_snapshot(*self._newest)
        return super().export(kind, path)

    def show_snapshot(self, event: Snapshot, arrays: dict[str, np.ndarray]) -> None:
        """Draw it and name its value."""
        raise NotImplementedError
