"""When a run writes its checkpoints."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from engine.formats.atomic import write_atomic
from engine.formats.checkpoint import encode
from engine.train.events import Checkpoint, Diagnosis
from engine.train.reporting import Reporter
from engine.train.run_folder import reason as reason_of
from engine.train.trainer import Extension, Reason, Trainer

if TYPE_CHECKING:
    from engine.train.steps import Outcome


class Checkpoints(Extension):
    """Keeps `last` and `best` on the disk: at the ends of epochs, every ten seconds, when the run pauses or stops.

    `best` is written before `last`, so that whoever resumes from `last` finds the best that it knows of. A disk that
    is full costs a warning, not the run; what lies there stays whole.
    """

    WITHIN_EPOCH = 10.0
    """Seconds between two checkpoints while an epoch lasts."""
    SHARE = 0.05
    """The share of the time that writing may take: epochs of milliseconds are not all kept."""

    def __init__(self, reporter: Reporter):
        self._reporter = reporter
        self._best: tuple[bytes, int, int] | None = None
        self._written = self._next = float("-inf")
        self._is_failing = False

    def started(self, trainer: Trainer) -> None:
        self.write(trainer)

    def stepped(self, trainer: Trainer, outcome: Outcome) -> None:
        if time.monotonic() - self._written >= self.WITHIN_EPOCH:
            self.write(trainer)

    def epoch_ended(self, trainer: Trainer) -> None:
        if self._reporter.is_best:
            self._best = encode(trainer.checkpoint()), trainer.steps, trainer.epoch
        if time.monotonic() >= self._next:
            self.write(trainer)

    def ended(self, trainer: Trainer, reason: Reason) -> None:
        self.write(trainer)

    def write(self, trainer: Trainer) -> None:
        """Write now what is new."""
        began = time.monotonic()
        written = True
        if self._best is not None:
            written = self._write(trainer, "best", *self._best)
            self._best = None if written else self._best
        if written:
            self._write(trainer, "last", encode(trainer.checkpoint()), trainer.steps, trainer.epoch)
        self._written = time.monotonic()
        self._next = self._written + (self._written - began) / self.SHARE

    def _write(self, trainer: Trainer, kind: Literal["last", "best"], content: bytes, step: int, epoch: int) -> bool:
        path = trainer.folder.checkpoint(kind)
        trainer.folder.events.write()  # whoever resumes from here must find all that was said before
        try:
            write_atomic(path, content)
        except OSError as error:
            self._warn(trainer, error)
            return False
        self._is_failing = False
        file = path.relative_to(trainer.folder.path).as_posix()
        trainer.folder.events.emit(Checkpoint(step=step, epoch=epoch, file=file, kind=kind))
        return True

    def _warn(self, trainer: Trainer, error: OSError) -> None:
        """Once, until one succeeds again."""
        if not self._is_failing:
            message = (
                f"The checkpoint could not be written to {trainer.folder.checkpoints} ({reason_of(error)}); "
                "training goes on and the earlier checkpoint is whole, but make room before you stop."
            )
            trainer.folder.events.emit(Diagnosis(step=trainer.steps, kind="checkpoint_failed", message=message))
        self._is_failing = True
