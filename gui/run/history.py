"""What a run has said so far, as arrays that grow."""

from __future__ import annotations

import bisect

import numpy as np

from engine.train.events import Diagnosis, Edited, EpochEnded, Snapshot, Step


class Column:
    """A 1-D array that grows at its end; `values` is a view of what it holds.

    >>> column = Column(np.float32)
    >>> column.extend([1.0, 2.0, 3.0]); column.cut(2); column.values.tolist()
    [1.0, 2.0]
    """

    def __init__(self, dtype, capacity: int = 1024):
        self._buffer = np.empty(capacity, dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def values(self) -> np.ndarray:
        return self._buffer[: self._length]

    def extend(self, values: list) -> None:
        """Append; the buffer doubles when it is full."""
        end = self._length + len(values)
        if end > len(self._buffer):
            grown = np.empty(max(end, 2 * len(self._buffer)), self._buffer.dtype)
            grown[: self._length] = self.values
            self._buffer = grown
        self._buffer[self._length : end] = values
        self._length = end

    def cut(self, length: int) -> None:
        """Forget everything from `length` on."""
        self._length = min(self._length, length)


class History:
    """The figures of one run: a value per step, and the events that plots mark."""

    def __init__(self):
        self._step, self._loss = Column(np.int64), Column(np.float32)
        self._rate, self._norm = Column(np.float32), Column(np.float32)
        self.epochs: list[EpochEnded] = []
        self.edits: list[Edited] = []
        self.snapshots: list[Snapshot] = []
        self.diagnoses: list[Diagnosis] = []
        self.steps_per_epoch = 0

    def __len__(self) -> int:
        return len(self._step)

    @property
    def step(self) -> np.ndarray:
        """(steps,) int64, ascending."""
        return self._step.values

    @property
    def loss(self) -> np.ndarray:
        """(steps,) float32, of each step's batch."""
        return self._loss.values

    @property
    def learning_rate(self) -> np.ndarray:
        """(steps,) float32"""
        return self._rate.values

    @property
    def gradient_norm(self) -> np.ndarray:
        """(steps,) float32, before clipping."""
        return self._norm.values

    def add_steps(self, steps: list[Step]) -> None:
        """Append steps in the order in which they came."""
        self._step.extend([step.step for step in steps])
        self._loss.extend([step.loss for step in steps])
        self._rate.extend([step.learning_rate for step in steps])
        self._norm.extend([step.gradient_norm for step in steps])

    def rewind(self, step: int) -> None:
        """Forget what came after `step`: a resumed run goes on from its checkpoint and says those steps again."""
        kept = int(np.searchsorted(self.step, step, side="right"))
        for column in (self._step, self._loss, self._rate, self._norm):
            column.cut(kept)
        for events in (self.epochs, self.edits, self.snapshots, self.diagnoses):
            del events[bisect.bisect_right(events, step, key=lambda event: event.step) :]

    def metrics(self) -> tuple[str, ...]:
        """The names of the figures of an epoch, "loss" among them."""
        return tuple(self.epochs[-1].train | self.epochs[-1].validation) if self.epochs else ()

    def metric(self, name: str, part: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps (epochs,) and values (epochs,) of one figure of the "train" or "validation" part."""
        found = [(event.step, getattr(event, part)[name]) for event in self.epochs if name in getattr(event, part)]
        if not found:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        steps, values = zip(*found, strict=True)
        return np.array(steps, np.int64), np.array(values, np.float32)

    def best(self) -> EpochEnded | None:
        """The epoch that was the best when it ended and that none has bettered since."""
        return next((event for event in reversed(self.epochs) if event.best), None)
