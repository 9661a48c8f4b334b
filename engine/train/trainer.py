"""The training loop, and what hangs on it: everything but the step itself is an extension (as in Chainer)."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

import engine
from engine.formats.checkpoint import Checkpoint
from engine.metrics import Mean
from engine.metrics.offers import OFFERS
from engine.optim.lr_scheduler import ReduceLROnPlateau
from engine.train import threads
from engine.train.diagnosis import Diverged, unstable_validation
from engine.train.run_folder import RunFolder
from engine.train.steps import Outcome, Pending, SupervisedStep
from engine.train.task import Task

Reason = Literal["finished", "stopped", "early_stopped"]
AT_A_TIME = 64
"""Steps of a GPU whose figures are read together."""


class Extension:
    """Something done along the way. `state` is what a resumed run needs in order to do the same again."""

    name = ""

    def started(self, trainer: Trainer) -> None:
        """Before the first step of this process."""

    def before_step(self, trainer: Trainer) -> None:
        """Between two steps: the place to wait."""

    def stepped(self, trainer: Trainer, outcome: Outcome) -> None:
        """After each step."""

    def epoch_ended(self, trainer: Trainer) -> None:
        """After validation; `trainer.train_figures` and `trainer.validation_figures` are those of the epoch."""

    def ended(self, trainer: Trainer, reason: Reason) -> None:
        """After the last step of this process, unless a fault ended it."""

    def failed(self, trainer: Trainer) -> None:
        """A fault ended it."""

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""


class Figures:
    """Loss and metrics of one pass, gathered batch by batch.

    Args:
        metrics: by the names of `engine.metrics.offers`.
        classes: how many there are; 0 for values.
    """

    def __init__(self, metrics: Iterable[str], classes: int):
        self.loss = Mean()
        self._waiting: list[Pending] = []
        self.metrics = {name: OFFERS[name].make(classes) for name in metrics}

    def add(self, outcome: Outcome | Pending) -> None:
        """Take in one step's; what is still on a GPU is read later, many steps at a time."""
        if outcome.is_known and not self._waiting:
            self._take(outcome)
            return
        self._waiting.append(outcome)
        if len(self._waiting) == AT_A_TIME:
            self._read()

    def _read(self) -> None:
        waiting, self._waiting = self._waiting, []
        for outcome in waiting:
            self._take(outcome)

    def _take(self, outcome: Outcome | Pending) -> None:
        self.loss.update(outcome.loss, len(outcome.true))
        for name, metric in self.metrics.items():
            metric.update(outcome.scores if OFFERS[name].reads == "scores" else outcome.predicted, outcome.true)

    def values(self) -> dict[str, float]:
        """Those that have a meaning."""
        self._read()
        values = {"loss": self.loss.compute()} | {name: metric.compute() for name, metric in self.metrics.items()}
        return {name: value for name, value in values.items() if value is not None and math.isfinite(value)}

    def state(self) -> dict[str, list[Any]]:
        self._read()
        return {"loss": self.loss.state()} | {name: metric.state() for name, metric in self.metrics.items()}

    def load(self, state: dict[str, list[Any]]) -> None:
        """Go on from there; a metric that was not gathered then begins with the next pass."""
        self.loss.load(state["loss"])
        self.metrics = {name: metric for name, metric in self.metrics.items() if name in state}
        for name, metric in self.metrics.items():
            metric.load(state[name])


class Trainer:
    """Runs a task to its last epoch.

    Args:
        task: network, data and losses.
        folder: where events and checkpoints go.
        epochs: the epoch to stop after, counted from the very beginning.
        extensions: called in this order at every occasion.
    """

    def __init__(self, task: Task, folder: RunFolder, epochs: int, extensions: list[Extension]):
        training = task.project.training
        self.task = task
        self.folder = folder
        self.epochs = epochs
        self.extensions = extensions
        self.optimizer = task.make_optimizer()
        self.schedule = task.make_schedule(self.optimizer)
        self.step = SupervisedStep(task, self.optimizer, training.clip_norm)
        self.steps = self.epoch = self.batch = 0
        """Steps taken, epochs ended, and batches taken of the epoch now running."""
        self.figures = Figures(task.metrics, len(task.classes))
        self.train_figures: dict[str, float] = {}
        self.validation_figures: dict[str, float] = {}
        self.stopping: Reason | None = None
        self._before = 0.0
        self._began = time.monotonic()
        self._idle = 0.0

    @property
    def steps_per_epoch(self) -> int:
        return self.task.batches_per_epoch

    @property
    def seconds(self) -> float:
        """Time spent training, pauses left out, earlier processes counted."""
        return self._before + self.seconds_here

    @property
    def seconds_here(self) -> float:
        """The part of it spent in this process."""
        return time.monotonic() - self._began - self._idle

    def idle(self, seconds: float) -> None:
        """Wait, and don't count it."""
        time.sleep(seconds)
        self._idle += seconds

    def stop(self, reason: Reason) -> None:
        """End before the next step."""
        self.stopping = self.stopping or reason

    def run(self) -> Reason:
        """Train; returns why it ended.

        Raises:
            Diverged: loss or gradient is no longer finite.
        """
        self._began = time.monotonic()
        self.task.model.train()
        try:
            self._call("started")
            while self.epoch < self.epochs and self.stopping is None:
                self._run_epoch()
            reason = self.stopping or "finished"
            self._call("ended", reason)
        except Exception:
            self._call("failed")
            raise
        return reason

    def _run_epoch(self) -> None:
        count = self.steps_per_epoch
        with contextlib.closing(self.task.to_learn_from(self.epoch, self.batch)) as batches:
            while self.batch < count:
                self._call("before_step")
                if self.stopping is not None:
                    return
                outcome = self.step.train(next(batches))
                self.steps += 1
                self.batch += 1
                self.figures.add(outcome)
                self._call("stepped", outcome)
        self._end_epoch()

    def _end_epoch(self) -> None:
        self.train_figures = self.figures.values()
        self.validation_figures = self.validate()
        self.epoch += 1
        self.batch = 0
        self.figures = Figures(self.task.metrics, len(self.task.classes))
        self._advance_schedule()
        self._call("epoch_ended")

    def validate(self) -> dict[str, float]:
        """Figures over the validation part; empty where there is none.

        Raises:
            Diverged: the loss is not finite there.
        """
        figures = judged(self.task, self.task.validation)
        loss = figures.loss.compute()
        if loss is not None and not math.isfinite(loss):
            raise Diverged(unstable_validation(self.step.learning_rate))
        return figures.values()

    @property
    def watched(self) -> float:
        """The loss that decides which epoch was best: validation's, or training's where nothing is held back."""
        return (self.validation_figures or self.train_figures).get("loss", math.inf)

    def _advance_schedule(self) -> None:
        if self.schedule is None:
            return
        end = getattr(self.schedule, "total_steps", None)
        if end is not None and self.schedule.last_epoch + 1 >= end:
            return  # a cycle that is at its end stays there, however much longer the training is
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(self.watched)
        else:
            self.schedule.step()

    def set_learning_rate(self, value: float) -> float:
        """Change the rate; a schedule goes on from there in proportion. Returns the rate before."""
        before = self.step.learning_rate
        factor = value / before if before else 1.0
        for group in self.optimizer.param_groups:
            group["lr"] = value
            for name in ("initial_lr", "max_lr", "min_lr", "swa_lr"):
                if name in group:
                    group[name] *= factor
        for schedule in _with_members(self.schedule):
            for name in ("base_lrs", "max_lrs"):
                if hasattr(schedule, name):
                    setattr(schedule, name, [rate * factor for rate in getattr(schedule, name)])
        return before

    def checkpoint(self) -> Checkpoint:
        """Everything that a resumed run needs in order to be the same."""
        state = {
            "steps": self.steps,
            "epoch": self.epoch,
            "batch": self.batch,
            "seconds": self.seconds,
            "threads": threads.count(),
            "samples": len(self.task.train) + len(self.task.validation),
            "random": engine.get_rng_state(),
            "schedule": self.schedule.state_dict() if self.schedule is not None else {},
            "figures": self.figures.state(),
            "train_figures": self.train_figures,
            "validation_figures": self.validation_figures,
            "extensions": {extension.name: extension.state() for extension in self.extensions if extension.name},
        }
        return Checkpoint(
            self.task.model.state_dict(), self.optimizer.state_dict(), self.task.preparation.state(), state
        )

    def load(self, checkpoint: Checkpoint) -> None:
        """Go on from `checkpoint`."""
        state = checkpoint.state
        self.task.load_weights(checkpoint.model)
        self.optimizer.load_state_dict(_with_tensors(checkpoint.optimizer))
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        engine.set_rng_state(state["random"])
        self.steps, self.epoch, self.batch = state["steps"], state["epoch"], state["batch"]
        self._before = state["seconds"]
        self.figures.load(state["figures"])
        self.train_figures = state["train_figures"]
        self.validation_figures = state["validation_figures"]
        for extension in self.extensions:
            if extension.name:
                extension.load(state["extensions"][extension.name])

    def _call(self, occasion: str, *arguments: Any) -> None:
        for extension in self.extensions:
            getattr(extension, occasion)(self, *arguments)


def judged(task: Task, indices: np.ndarray) -> Figures:
    """Loss and metrics over these samples, without learning from them."""
    figures = Figures(task.metrics, len(task.classes))
    with task.evaluating():
        for batch in task.each(task.in_batches(indices)):
            loss, output = task.look(batch.inputs, batch.targets)
            scores = task.log_probabilities(task.scored(output))
            figures.add(Outcome(loss.item(), 0.0, task.decided(output), batch.true, scores))
    return figures


def _with_members(schedule: Any) -> list[Any]:
    return [schedule, *getattr(schedule, "_schedulers", ())]


def _with_tensors(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _with_tensors(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_with_tensors(value) for value in tree]
    return engine.from_numpy(tree.copy()) if isinstance(tree, np.ndarray) else tree
