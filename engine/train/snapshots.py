"""Pictures of a network while it learns: histograms, confusion, boundary, line; taking one changes nothing."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save

import engine
from engine.formats.checkpoint import as_array
from engine.train.events import Diagnosis, Snapshot
from engine.train.run_folder import RunFolder
from engine.train.run_folder import reason as reason_of
from engine.train.trainer import Extension, Reason, Trainer

if TYPE_CHECKING:
    from engine.train.steps import Outcome
    from engine.train.task import Task

BINS = 40
SAMPLES = 2000
"""So many of a part are looked at, evenly picked, at most."""
MOST_CLASSES = 200
"""A confusion matrix of more cannot be looked at."""
GRID = 64
LINE = 200
MARGIN = 0.08
"""How far boundary and line reach beyond the data, as a share of their extent."""

Arrays = dict[str, np.ndarray]


class Snapshots(Extension):
    """Takes one at the start, about twice a second, and at the end; keeps the newest files."""

    EVERY = 0.5
    """Seconds between two."""
    SHARE = 0.1
    """The share of the time that they may take: a slow one is followed by a longer wait."""
    KEPT = 200
    """Files kept in the run folder."""

    def __init__(self) -> None:
        self._next = float("-inf")
        self._step = -1
        self._is_failing = False

    def started(self, trainer: Trainer) -> None:
        self._take(trainer)

    def stepped(self, trainer: Trainer, outcome: Outcome) -> None:
        if time.monotonic() >= self._next:
            self._take(trainer)

    def epoch_ended(self, trainer: Trainer) -> None:
        self.stepped(trainer, None)

    def ended(self, trainer: Trainer, reason: Reason) -> None:
        if trainer.steps != self._step:
            self._take(trainer)

    def _take(self, trainer: Trainer) -> None:
        self.take(trainer.task, trainer.folder, trainer.steps, trainer.epoch)

    def take(self, task: Task, folder: RunFolder, step: int, epoch: int, request: str = "") -> None:
        """Write a snapshot and say so."""
        began = time.monotonic()
        arrays = collect(task)
        path = folder.snapshots / f"{step:08d}.safetensors"
        try:
            path.unlink(missing_ok=True)  # whatever stands there: nothing is written through a link
            with open(path, "xb") as file:  # not synced: the event that names it comes after, and it is but a picture
                file.write(save(arrays))
            self._discard_old(folder)
        except OSError as error:
            self._warn(folder, step, error)
        else:
            self._is_failing = False
            file = path.relative_to(folder.path).as_posix()
            contents = tuple(sorted(arrays))
            folder.events.emit(Snapshot(step=step, epoch=epoch, file=file, contents=contents, request=request))
        self._step = step
        now = time.monotonic()
        self._next = now + max(self.EVERY, (now - began) / self.SHARE)

    def _discard_old(self, folder: RunFolder) -> None:
        files = sorted(folder.snapshots.glob("*.safetensors"))
        for file in files[: -self.KEPT]:
            file.unlink(missing_ok=True)

    def _warn(self, folder: RunFolder, step: int, error: OSError) -> None:
        if not self._is_failing:
            message = f"A snapshot could not be written to {folder.snapshots} ({reason_of(error)}); training goes on."
            folder.events.emit(Diagnosis(step=step, kind="snapshot_failed", message=message))
        self._is_failing = True


def collect(task: Task) -> Arrays:
    """Everything that can be shown of `task` now, by the names that events.Snapshot lists."""
    state = engine.get_rng_state()
    with task.evaluating():
        arrays = histograms(task) | judgement(task)
        inputs = task.number_inputs()
        single = math.prod(task.target.shape) == 1 and task.judge.has_target
        if len(inputs) == 2 and single:
            arrays |= boundary(task, inputs)
        elif len(inputs) == 1 and single and task.kind == "regression":
            arrays |= line(task, inputs)
    engine.set_rng_state(state)
    return {name: np.asarray(array, order="C") for name, array in arrays.items()}


def histograms(task: Task) -> Arrays:
    """How the values of each parameter are spread; one that is not finite is left out."""
    arrays: Arrays = {}
    for name, parameter in task.model.named_parameters():
        values = as_array(parameter)
        if values.size and np.isfinite(values).all():
            counts, edges = np.histogram(values, BINS)
            arrays[f"histogram/{name}"] = counts.astype(np.int64)
            arrays[f"range/{name}"] = edges[[0, -1]].astype(np.float32)
    return arrays


def judgement(task: Task) -> Arrays:
    """Confusion matrix, or true and predicted values, over the validation part."""
    indices = evenly(task.validation if len(task.validation) else task.train)
    batches = [task.batch(part) for part in task.in_batches(indices)]
    predicted = np.concatenate([task.decided(task.look(batch.inputs, batch.targets)[1]) for batch in batches])
    true = np.concatenate([batch.true for batch in batches])
    if task.kind == "regression":
        some = evenly(np.arange(true.size))
        return {"true": true.ravel()[some].astype(np.float32), "predicted": predicted.ravel()[some].astype(np.float32)}
    classes = max(len(task.classes), 2)
    if classes > MOST_CLASSES:
        return {}
    pairs = true.astype(np.int64) * classes + predicted.astype(np.int64)
    return {"confusion": np.bincount(pairs, minlength=classes**2).reshape(classes, classes).astype(np.int64)}


def boundary(task: Task, inputs: list[tuple[str, int]]) -> Arrays:
    """What the network says all over the plane of its two inputs."""
    raw = task.raw(evenly(task.train))
    x, y = (column(raw, where) for where in inputs)
    left, right = widened(x)
    bottom, top = widened(y)
    grid_x, grid_y = np.meshgrid(np.linspace(left, right, GRID), np.linspace(bottom, top, GRID))
    values = surface(task, filled(raw, inputs, [grid_x.ravel(), grid_y.ravel()]))
    return {
        "boundary": values.reshape(GRID, GRID).astype(np.float32),
        "extent": np.array([left, right, bottom, top], np.float32),
        "points": np.stack([x, y, np.ravel(raw[task.target.name])], axis=1).astype(np.float32),
    }


def line(task: Task, inputs: list[tuple[str, int]]) -> Arrays:
    """The fitted curve over the one input."""
    raw = task.raw(evenly(task.train))
    x = column(raw, inputs[0])
    line_x = np.linspace(*widened(x), LINE)
    true = np.ravel(raw[task.target.name])
    return {
        "line_x": line_x.astype(np.float32),
        "line_y": surface(task, filled(raw, inputs, [line_x])).astype(np.float32),
        "points": np.stack([x, true, np.zeros_like(true)], axis=1).astype(np.float32),
    }


def surface(task: Task, raw: dict[str, Any]) -> np.ndarray:
    """One number a sample: the value, the probability of the second of two classes, or the class."""
    scores = task.scores(task.prepared(raw))
    if scores.shape[1] > 2:
        return scores.argmax(axis=1)
    return scores[:, -1]


def column(raw: dict[str, np.ndarray], where: tuple[str, int]) -> np.ndarray:
    """The values of the one number at `where`, (field, index)."""
    field, index = where
    return raw[field].reshape(len(raw[field]), -1)[:, index]


def filled(raw: dict[str, np.ndarray], inputs: list[tuple[str, int]], columns: list[np.ndarray]) -> dict[str, Any]:
    """Input fields like those of `raw`, with these columns in them."""
    made: dict[str, np.ndarray] = {}
    for (field, index), values in zip(inputs, columns):
        size = int(np.prod(raw[field].shape[1:]))
        made.setdefault(field, np.zeros((len(values), size), np.float32))[:, index] = values
    return {field: values.reshape(-1, *raw[field].shape[1:]) for field, values in made.items()}


def widened(values: np.ndarray) -> tuple[float, float]:
    """Lowest and highest, with a margin.

    >>> low, high = widened(np.array([0.0, 10.0])); round(low, 3), round(high, 3)
    (-0.8, 10.8)
    """
    low, high = float(values.min()), float(values.max())
    margin = (high - low) * MARGIN or 1.0
    return low - margin, high + margin


def evenly(indices: np.ndarray, most: int = SAMPLES) -> np.ndarray:
    """At most `most` of them, evenly picked, so that no random number is drawn.

    >>> evenly(np.arange(10), 4)
    array([0, 3, 6, 9])
    """
    if len(indices) <= most:
        return indices
    return indices[np.linspace(0, len(indices) - 1, most).round().astype(int)]
