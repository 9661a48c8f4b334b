"""What a run is told while it goes on, and how it answers: every command gets exactly one event with its request."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.train.checkpoints import Checkpoints
from engine.train.events import (
    AnyCommand,
    Edited,
    Pause,
    Predict,
    Prediction,
    Refused,
    Resume,
    Set,
    StateChanged,
    StepOnce,
    Stop,
    TakeSnapshot,
)  # fmt: skip
from engine.train.run_folder import RunFolder
from engine.train.snapshots import Snapshots
from engine.train.trainer import Extension, Reason, Trainer

if TYPE_CHECKING:
    from engine.train.steps import Outcome
    from engine.train.task import Task

WAIT = 0.02
"""Seconds between two looks while paused."""
AT_ITS_END = "The run has come to its end."


class Interruption:
    """Set by a signal, looked at between steps."""

    def __init__(self) -> None:
        self.signal = 0


class Control(Extension):
    """Reads commands between steps, and waits there while paused."""

    def __init__(self, snapshots: Snapshots, checkpoints: Checkpoints, interruption: Interruption):
        self._snapshots = snapshots
        self._checkpoints = checkpoints
        self._interruption = interruption
        self._paused = False
        self._single_steps: list[str] = []
        """Requests for one step each that are still to be taken."""
        self._answers: dict[type, Callable[[Trainer, AnyCommand], None]] = {
            Pause: self._pause,
            Resume: self._resume,
            StepOnce: self._step_once,
            Stop: self._stop,
            Set: self._set,
            Predict: self._predict,
            TakeSnapshot: self._snapshot,
        }

    def before_step(self, trainer: Trainer) -> None:
        while True:
            self._read(trainer)
            if self._interruption.signal:
                trainer.stop("stopped")
            if trainer.stopping is not None or not self._paused or self._single_steps:
                return
            trainer.idle(WAIT)

    def stepped(self, trainer: Trainer, outcome: Outcome) -> None:
        if self._single_steps:
            self._say(trainer, "paused", self._single_steps.pop(0))

    def ended(self, trainer: Trainer, reason: Reason) -> None:
        """What came too late is answered too, so that no later process takes it for its own."""
        for command in trainer.folder.commands.poll(0):
            if isinstance(command, Predict | TakeSnapshot):
                self._answers[type(command)](trainer, command)
            else:
                refuse(trainer.folder, command, AT_ITS_END)
        self._refuse_steps(trainer)

    def failed(self, trainer: Trainer) -> None:
        self._refuse_steps(trainer)

    def _refuse_steps(self, trainer: Trainer) -> None:
        for request in self._single_steps:
            refuse(trainer.folder, StepOnce(request=request), AT_ITS_END)
        self._single_steps.clear()

    def _read(self, trainer: Trainer) -> None:
        for command in trainer.folder.commands.poll():
            if isinstance(command, Refused):
                trainer.folder.events.emit(command)
            else:
                self._answers[type(command)](trainer, command)

    def _pause(self, trainer: Trainer, command: AnyCommand) -> None:
        if not self._paused:
            self._paused = True
            self._checkpoints.write(trainer)
        self._say(trainer, "paused", command.request)

    def _resume(self, trainer: Trainer, command: AnyCommand) -> None:
        self._paused = False
        self._say(trainer, "running", command.request)

    def _step_once(self, trainer: Trainer, command: AnyCommand) -> None:
        self._paused = True
        self._single_steps.append(command.request)

    def _stop(self, trainer: Trainer, command: AnyCommand) -> None:
        trainer.stop("stopped")
        self._say(trainer, "stopping", command.request)

    def _set(self, trainer: Trainer, command: Set) -> None:
        if command.name != "lr":
            self._refuse(
                trainer, command, f"{command.name!r} cannot be changed while the network trains; only 'lr' can."
            )
            return
        value = command.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
            self._refuse(trainer, command, f"{value!r} is no learning rate; it is a number above 0.")
            return
        before = trainer.set_learning_rate(float(value))
        trainer.folder.events.emit(
            Edited(step=trainer.steps, name="lr", before=before, after=float(value), request=command.request)
        )

    def _predict(self, trainer: Trainer, command: Predict) -> None:
        trainer.folder.events.emit(answer(trainer.task, command, trainer.steps))

    def _snapshot(self, trainer: Trainer, command: AnyCommand) -> None:
        self._snapshots.take(trainer.task, trainer.folder, trainer.steps, trainer.epoch, command.request)

    def _say(self, trainer: Trainer, state: str, request: str) -> None:
        trainer.folder.events.emit(StateChanged(state=state, step=trainer.steps, request=request))

    def _refuse(self, trainer: Trainer, command: AnyCommand, message: str) -> None:
        refuse(trainer.folder, command, message)


def refuse(folder: RunFolder, command: AnyCommand | Refused, message: str) -> None:
    """Answer a command that cannot be done; what was no command at all has its answer with it."""
    folder.events.emit(command if isinstance(command, Refused) else Refused(request=command.request, message=message))


def refuse_all(folder: RunFolder, message: str = AT_ITS_END) -> None:
    """Answer what has come and nobody will do any more, so that no later process takes it for its own."""
    for command in folder.commands.poll(0):
        refuse(folder, command, message)


def answer(task: Task, command: Predict, step: int) -> Prediction:
    """What the network says to one sample; a sample that does not fit is answered with the sentence that says why."""
    try:
        said = task.predict(command.inputs)
    except EngineError as error:
        return Prediction(request=command.request, step=step, error=str(error))
    return Prediction(request=command.request, step=step, probabilities=said.probabilities, value=said.value)


def wait_for_commands(task: Task, folder: RunFolder, snapshots: Snapshots, step: int, epoch: int) -> bool:
    """One look at the commands of a process that does not train; returns whether it is to stop."""
    is_over = False
    for command in folder.commands.poll():
        match command:
            case Predict():
                folder.events.emit(answer(task, command, step))
            case TakeSnapshot():
                snapshots.take(task, folder, step, epoch, command.request)
            case Stop():
                folder.events.emit(StateChanged(state="stopping", step=step, request=command.request))
                is_over = True
            case _:
                refuse(folder, command, "Nothing is training in this run now; resume it first.")
    return is_over
