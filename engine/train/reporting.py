"""What a run says while it goes on: steps with rate and time left, epochs with their figures, how it ended."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from engine.train import threads
from engine.train.events import EpochEnded, RunEnded, RunStarted, Step
from engine.train.trainer import Extension, Reason, Trainer

if TYPE_CHECKING:
    from engine.train.steps import Outcome
    from engine.train.task import Task


OFTEN = 0.25
"""Seconds between the steps of a GPU that are reported, as asking for a loss makes it stand still."""


def run_started(task: Task, run: str, **more: Any) -> RunStarted:
    """What is known of a run before its first step."""
    return RunStarted(
        run=run,
        project=task.project.name,
        pid=os.getpid(),
        device=str(task.device),
        threads=threads.count(),
        seed=task.seed,
        steps_per_epoch=task.batches_per_epoch,
        train_samples=len(task.train),
        validation_samples=len(task.validation),
        parameters=task.parameter_count,
        task=task.kind,
        metrics=task.metrics,
        classes=task.classes,
        **more,
    )


class Reporter(Extension):
    """Emits RunStarted, Step and EpochEnded, and knows which epoch was best."""

    name = "reporter"

    def __init__(self) -> None:
        self.best: dict[str, float] = {}
        self.best_train: dict[str, float] = {}
        self.best_epoch = 0
        self.is_best = False
        self._best_loss = float("inf")
        self._pace = Pace()
        self._epoch_began = 0.0
        self._said = float("-inf")

    def started(self, trainer: Trainer) -> None:
        trainer.folder.events.emit(
            run_started(trainer.task, trainer.folder.path.name, step=trainer.steps, epoch=trainer.epoch,
                        epochs=trainer.epochs)
        )  # fmt: skip
        self._epoch_began = trainer.seconds
        self._pace.start(trainer.seconds)

    def stepped(self, trainer: Trainer, outcome: Outcome) -> None:
        self._pace.step(trainer.seconds, len(outcome.true))
        if not outcome.is_known:
            if trainer.seconds - self._said < OFTEN:
                return
            self._said = trainer.seconds
        total = trainer.epochs * trainer.steps_per_epoch
        trainer.folder.events.emit(
            Step(
                step=trainer.steps,
                epoch=trainer.epoch + 1,
                loss=outcome.loss,
                learning_rate=trainer.step.learning_rate,
                gradient_norm=outcome.gradient_norm,
                samples_per_second=self._pace.samples_per_second,
                progress=trainer.steps / total,
                seconds_left=(total - trainer.steps) * self._pace.seconds_per_step,
            )
        )

    def epoch_ended(self, trainer: Trainer) -> None:
        self.is_best = trainer.watched < self._best_loss
        if self.is_best:
            self._best_loss = trainer.watched
            self.best = trainer.validation_figures or trainer.train_figures
            self.best_train = trainer.train_figures
            self.best_epoch = trainer.epoch
        trainer.folder.events.emit(
            EpochEnded(
                epoch=trainer.epoch,
                step=trainer.steps,
                train=trainer.train_figures,
                validation=trainer.validation_figures,
                seconds=trainer.seconds - self._epoch_began,
                best=self.is_best,
            )
        )
        self._epoch_began = trainer.seconds

    def run_ended(self, trainer: Trainer, reason: Reason | Literal["failed"]) -> RunEnded:
        """The last event, with what is known by then; emitted when everything else has been said."""
        return RunEnded(
            reason=reason,
            step=trainer.steps,
            epoch=trainer.epoch,
            seconds=trainer.seconds,
            train=trainer.train_figures,
            validation=trainer.validation_figures,
            best=self.best,
            best_epoch=self.best_epoch,
        )

    def state(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "best_train": self.best_train,
            "best_epoch": self.best_epoch,
            "best_loss": self._best_loss,
        }

    def load(self, state: dict[str, Any]) -> None:
        self.best, self.best_train = state["best"], state["best_train"]
        self.best_epoch, self._best_loss = state["best_epoch"], state["best_loss"]


class Pace:
    """Speed over the last seconds, validation and snapshots included: what the time left is reckoned with.

    >>> pace = Pace(); pace.start(0.0)
    >>> for second in (1.0, 2.0, 3.0): pace.step(second, samples=32)
    >>> round(pace.seconds_per_step, 3), round(pace.samples_per_second, 1)
    (1.0, 32.0)
    """

    MEMORY = 5.0
    """Seconds after which a step counts for little."""

    def __init__(self) -> None:
        self._steps = self._samples = self._seconds = 0.0
        self._last = 0.0
        self._taken = 0

    def start(self, now: float) -> None:
        self._last = now

    def step(self, now: float, samples: int) -> None:
        elapsed = max(now - self._last, 1e-9)
        self._last = now
        kept = 0.0 if self._taken == 1 else 0.5 ** (elapsed / self.MEMORY)  # the first had kernels to compile
        self._taken += 1
        self._steps = self._steps * kept + 1
        self._samples = self._samples * kept + samples
        self._seconds = self._seconds * kept + elapsed

    @property
    def seconds_per_step(self) -> float:
        return self._seconds / self._steps

    @property
    def samples_per_second(self) -> float:
        return self._samples / self._seconds


class EarlyStopping(Extension):
    """Stop when the watched loss has not bettered by `min_delta` for `patience` epochs."""

    name = "early_stopping"

    def __init__(self, patience: int, min_delta: float = 0.0):
        self.patience = patience
        self.min_delta = min_delta
        self._best = float("inf")
        self._waited = 0

    def started(self, trainer: Trainer) -> None:
        if self._waited >= self.patience:
            trainer.stop("early_stopped")

    def epoch_ended(self, trainer: Trainer) -> None:
        if trainer.watched < self._best - self.min_delta:
            self._best, self._waited = trainer.watched, 0
            return
        self._waited += 1
        if self._waited >= self.patience:
            trainer.stop("early_stopped")

    def state(self) -> dict[str, Any]:
        return {"best": self._best, "waited": self._waited}

    def load(self, state: dict[str, Any]) -> None:
        self._best, self._waited = state["best"], state["waited"]
