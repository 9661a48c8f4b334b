"""The frame of a card that shows a picture from a snapshot."""

from __future__ import annotations

import numpy as np

from engine.train.events import Snapshot
from gui.plots.card import Card
from gui.run.model import Run


class SnapshotCard(Card):
    """Empty until a snapshot holds what it shows; subclasses say what that is and draw it."""

    needs = ""
    """A key of the snapshot's arrays."""

    def __init__(self, run: Run, name: str, title: str, empty: str):
        super().__init__(name, title, empty)
        self.run = run
        run.followed.connect(self.begin_anew)
        run.snapshot.connect(self._take)

    def begin_anew(self) -> None:
        """Another run, or none."""
        self.show_empty(True)

    def catch_up(self) -> None:
        if self.run.arrays and self.run.history.snapshots:
            self._take(self.run.history.snapshots[-1], self.run.arrays)

    def _take(self, event: Snapshot, arrays: dict[str, np.ndarray]) -> None:
        if self.needs in arrays and arrays[self.needs].size:
            self.show_empty(False)
            self.show_snapshot(event, arrays)

    def show_snapshot(self, event: Snapshot, arrays: dict[str, np.ndarray]) -> None:
        """Draw it and name its value."""
        raise NotImplementedError
