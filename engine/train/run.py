"""A whole run in its folder: training from a project to RunEnded, resuming, and serving what was trained."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine.errors import EngineError, Fix, ProjectError, TrainingError
from engine.formats import checkpoint as checkpoints
from engine.formats import project_file, trust
from engine.graph import custom, spec
from engine.graph.spec import Project
from engine.train import threads
from engine.train.checkpoints import Checkpoints
from engine.train.control import WAIT, Control, Interruption, refuse_all, wait_for_commands
from engine.train.diagnosis import Diverged
from engine.train.events import Failed, RunEnded
from engine.train.reporting import EarlyStopping, Reporter, run_started
from engine.train.run_folder import RunFolder, store_project
from engine.train.snapshots import Snapshots
from engine.train.task import Predictor, Task
from engine.train.trainer import Extension, Trainer
from engine.wording import counted, plain_words


@dataclass(frozen=True)
class Result:
    """How a run went: its last event, the training figures of its best epoch, the signal that ended it or 0."""

    ended: RunEnded
    best_train: dict[str, float]
    signal: int


def prepare_project(
    project: Project, epochs: int | None = None, device: str | None = None, seed: int | None = None,
    metrics: tuple[str, ...] | None = None,
) -> Project:  # fmt: skip
    """The project with these settings in place of its own.

    Raises:
        TrainingError: a value that cannot be.
    """
    changes = {"epochs": epochs, "device": device, "seed": seed, "metrics": metrics}
    training = msgspec.structs.replace(project.training, **{k: v for k, v in changes.items() if v is not None})
    try:
        msgspec.convert(msgspec.to_builtins(training), spec.TrainingSpec)
    except msgspec.ValidationError as error:
        name, words = plain_words(str(error))
        raise TrainingError(f"--{name}", got=f"{changes[name]!r} cannot be used",
                            expected=words.removeprefix("expected ")) from None  # fmt: skip
    return msgspec.structs.replace(project, training=training)


def project_of(folder: Path) -> Project:
    """The project as it was when the run in `folder` began.

    Raises:
        ProjectError: there is none, or it is damaged.
    """
    return project_file.read(folder).project


def train(
    project: Project, folder: RunFolder, *, resume: bool = False, weights: bytes | None = None,
    extensions: tuple[Extension, ...] = (), spare: int = 0,
) -> Result:  # fmt: skip
    """Train `project` in `folder` to its last epoch; whatever comes of it is in the folder's events too.

    An overflow is not warned of by NumPy but diagnosed after the step.

    Args:
        resume: go on from the last checkpoint.
        weights: what to start from instead of fresh random weights, as a project file keeps it.
        extensions: called after the run's own.
        spare: cores to leave to other programs; a resumed run computes with as many threads as it began with.

    Raises:
        EngineError: the run cannot start, or diverged; Failed and RunEnded have been emitted.
    """
    trainer: Trainer | None = None
    reporter, interruption = Reporter(), Interruption()
    if folder.checkpoint("last").exists() and not resume:  # asked first: the run that is there stays as it is
        raise TrainingError(f"run folder {folder.path}", got="there is a run in it already",
                            mend="add --resume to go on with it, or choose another --out")  # fmt: skip
    with _failing_aloud(project, folder, lambda: trainer, reporter), _signals(interruption), np.errstate(all="ignore"):
        kept = checkpoints.read(folder.checkpoint("last")) if resume else None
        store_project(folder.path, spec.encode(project))
        threads.choose(_threads_of(kept), spare)
        task = Task(project)
        trust.remember_own(project.graph)
        trainer = _assemble(task, folder, reporter, interruption, extensions)
        if kept is not None:
            _take_up(trainer, kept, folder.checkpoint("last"))
        elif weights is not None:
            task.load_weights(checkpoints.split_weights(weights)[0])
        ended = reporter.run_ended(trainer, trainer.run())
        folder.events.emit(ended)
    return Result(ended, reporter.best_train, interruption.signal)


def _assemble(
    task: Task, folder: RunFolder, reporter: Reporter, interruption: Interruption, more: tuple[Extension, ...]
) -> Trainer:
    """In the order in which each wants to be called: an epoch is reported before it is kept."""
    training = task.project.training
    snapshots, keeper = Snapshots(), Checkpoints(reporter)
    extensions: list[Extension] = [reporter]
    if training.early_stopping is not None:
        extensions.append(EarlyStopping(training.early_stopping.patience, training.early_stopping.min_delta))
    extensions += [Control(snapshots, keeper, interruption), snapshots, keeper, *more]
    return Trainer(task, folder, training.epochs, extensions)


def _threads_of(kept: checkpoints.Checkpoint | None) -> int | None:
    """How many the interrupted run computed with; None where that is not known."""
    number = kept.state.get("threads") if kept is not None else None
    return number if isinstance(number, int) and 1 <= number <= threads.MOST_COMPILED else None


def _take_up(trainer: Trainer, kept: checkpoints.Checkpoint, path: Path) -> None:
    try:
        _check_samples(trainer.task, kept)
        trainer.load(kept)
    except EngineError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ProjectError(str(path), got=f"it is no checkpoint of this network ({error})",
                           mend="start a new run") from error  # fmt: skip


def _check_samples(task: Task, kept: checkpoints.Checkpoint) -> None:
    now = len(task.train) + len(task.validation)
    if kept.state["samples"] != now:
        raise TrainingError(
            "data", got=f"there {'is' if now == 1 else 'are'} {counted(now, 'sample')}",
            expected=f"the {kept.state['samples']} that the run began with", mend="start a new run",
        )  # fmt: skip


def serve(project: Project, folder: RunFolder, weights: bytes | None = None, idle: float | None = None) -> RunEnded:
    """Answer predict and snapshot with the best weights of `folder`, or the project's, until told to stop.

    Args:
        weights: the project's own, used where the folder holds no checkpoint.
        idle: seconds without a command after which it ends by itself.

    Raises:
        TrainingError: there are no weights.
    """
    interruption = Interruption()
    with _failing_aloud(project, folder, lambda: None, Reporter()), _signals(interruption), np.errstate(all="ignore"):
        threads.choose(spare=1)  # whoever asks is beside it
        store_project(folder.path, spec.encode(project))
        task = Task(project)
        step, epoch = load_best(task, folder.path, weights)
        snapshots = Snapshots()
        folder.events.emit(
            run_started(task, folder.path.name, step=step, epoch=epoch, epochs=project.training.epochs, serving=True)
        )
        snapshots.take(task, folder, step, epoch)
        began = time.monotonic()
        _answer_until_stopped(task, folder, snapshots, (step, epoch), interruption, idle)
        refuse_all(folder)
        ended = RunEnded(reason="stopped", step=step, epoch=epoch, seconds=time.monotonic() - began)
        folder.events.emit(ended)
    return ended


def _answer_until_stopped(
    task: Task, folder: RunFolder, snapshots: Snapshots, position: tuple[int, int], interruption: Interruption,
    idle: float | None,
) -> None:  # fmt: skip
    quiet_since = time.monotonic()
    while not interruption.signal:
        before = folder.events.seq
        if wait_for_commands(task, folder, snapshots, *position):
            return
        if folder.events.seq != before:
            quiet_since = time.monotonic()
        elif idle is not None and time.monotonic() - quiet_since > idle:
            return
        time.sleep(WAIT)


def load_best(network: Predictor, folder: Path | None, weights: bytes | None) -> tuple[int, int]:
    """Give `network` the best weights that are there; returns the step and epoch they are from, 0 where unknown.

    Raises:
        TrainingError: there are none.
    """
    path = checkpoints.best_in(folder) if folder is not None else None
    if path is not None:
        kept = checkpoints.read(path)
        try:
            network.load_weights(kept.model)
        except EngineError as error:
            raise TrainingError(str(path), got=f"its weights are of another network than the project's ({error.got})",
                                mend="train the project again, or name another run") from error  # fmt: skip
        network.load_preparation(kept.preparation)
        return kept.state.get("steps", 0), kept.state.get("epoch", 0)
    if weights is None:
        raise TrainingError(
            f"project {network.project.name!r}", got="it has not been trained yet", mend="train it first"
        )
    model, preparation = checkpoints.split_weights(weights)
    network.load_weights(model)
    network.load_preparation(preparation)
    return 0, 0


@contextlib.contextmanager
def _failing_aloud(
    project: Project, folder: RunFolder, trainer: Callable[[], Trainer | None], reporter: Reporter
) -> Iterator[None]:
    """A fault is said as Failed and RunEnded before it travels on."""
    try:
        yield
    except MemoryError:
        fault = _out_of_memory(project.data.batch_size)
        _say_failed(folder, trainer(), reporter, fault)
        raise fault from None
    except Exception as error:
        fault = custom.placed(error)
        _say_failed(folder, trainer(), reporter, fault)
        if fault is error:
            raise
        raise fault from error


def _out_of_memory(batch_size: int) -> TrainingError:
    if batch_size == 1:
        return TrainingError("memory", got="there is not enough for this network", mend="make its layers smaller")
    half = batch_size // 2
    fix = Fix(f"Set batch size to {half}", "set_data", name="batch_size", value=half)
    return TrainingError("memory", got=f"there is not enough for this network with a batch of {batch_size}",
                         mend=f"set the batch size to {half}", fixes=(fix,))  # fmt: skip


def _say_failed(folder: RunFolder, trainer: Trainer | None, reporter: Reporter, error: Exception) -> None:
    step, epoch, seconds = (trainer.steps, trainer.epoch, trainer.seconds) if trainer else (0, 0, 0.0)
    if isinstance(error, Diverged):
        folder.events.emit(error.finding.event(step))
    message = str(error) if isinstance(error, EngineError) else f"An unexpected fault: {type(error).__name__}: {error}"
    fixes = error.fixes if isinstance(error, EngineError) else ()
    node = next((fix.node for fix in fixes if fix.node), "")
    if isinstance(error, Diverged):
        node = error.finding.node
    with contextlib.suppress(OSError):  # they cannot be read, which may be the very fault
        refuse_all(folder)
    folder.events.emit(
        Failed(message=message, step=step, node=node, fix=asdict(fixes[0]) if fixes else None,
               details="".join(traceback.format_exception(error)))
    )  # fmt: skip
    if trainer is not None:
        folder.events.emit(reporter.run_ended(trainer, "failed"))
    else:
        folder.events.emit(RunEnded(reason="failed", step=step, epoch=epoch, seconds=seconds))


@contextlib.contextmanager
def _signals(interruption: Interruption) -> Iterator[None]:
    """SIGINT and SIGTERM ask for an end between two steps; a second one ends at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: Any) -> None:
        if interruption.signal:
            raise KeyboardInterrupt
        interruption.signal = number

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
