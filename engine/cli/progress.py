"""How a run shows on a terminal: a bar that moves, or a line an epoch where nobody watches."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

from engine.cli.output import Output, duration, metrics
from engine.train.trainer import Extension, Reason, Trainer

if TYPE_CHECKING:
    from engine.train.steps import Outcome

WIDTH = 24
EIGHTHS = " ▏▎▍▌▋▊▉"


class Progress(Extension):
    """A bar on standard error where that is a terminal; a line for every epoch in any case."""

    EVERY = 0.1
    """Seconds between two drawings of the bar."""

    def __init__(self, output: Output):
        self._output = output
        self._draws = sys.stderr.isatty()
        self._drawn = 0.0
        self._first = 0

    def started(self, trainer: Trainer) -> None:
        self._first = trainer.steps

    def stepped(self, trainer: Trainer, outcome: Outcome) -> None:
        now = time.monotonic()
        if self._draws and now - self._drawn >= self.EVERY:
            self._drawn = now
            self._show(self._line(trainer, outcome))

    def epoch_ended(self, trainer: Trainer) -> None:
        self._show("")
        figures = f"train {metrics(trainer.train_figures)}"
        if trainer.validation_figures:
            figures += f"   validation {metrics(trainer.validation_figures)}"
        self._output.say(f"epoch {trainer.epoch}/{trainer.epochs}   {figures}")

    def ended(self, trainer: Trainer, reason: Reason) -> None:
        self._show("")

    def _line(self, trainer: Trainer, outcome: Outcome) -> str:
        total = trainer.epochs * trainer.steps_per_epoch
        done = trainer.steps - self._first
        left = (total - trainer.steps) * trainer.seconds_here / max(done, 1)
        return (
            f"epoch {trainer.epoch + 1}/{trainer.epochs} {bar(trainer.steps / total)} "
            f"loss {outcome.loss:.4f}  {duration(left)} left"
        )

    def _show(self, line: str) -> None:
        if self._draws:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r\x1b[K{line[:width]}")
            sys.stderr.flush()


def bar(fraction: float) -> str:
    """A bar of 24 characters, drawn to an eighth of one.

    >>> bar(0.5)
    '████████████            '
    """
    eighths = round(max(0.0, min(1.0, fraction)) * WIDTH * 8)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (EIGHTHS[rest] if rest else "")).ljust(WIDTH)
