"""The kernels of a run, compiled before it is started."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from engine.data.augment import MIXING
from engine.data.prepare import part_sizes
from engine.data.spec import FieldSpec
from engine.graph.spec import Project
from engine.train import threads
from engine.train.snapshots import GRID, LINE
from engine.train.steps import SupervisedStep
from engine.train.task import Batch, Learner, cut

Arrays = dict[str, np.ndarray]


def warm(project: Project, spare: int = 0) -> None:
    """Take a training step and look once, with batches of each size that a run will meet, and forget it all.

    What stays are kernels in the user's cache folder. No data are read: samples of the fields' shapes are made up.

    Args:
        spare: as for the run that is to come.

    Raises:
        EngineError: the network has a fault, or the device cannot be used.
    """
    learner = Learner(project)
    threads.choose(spare=spare)
    step = SupervisedStep(learner, learner.make_optimizer(), project.training.clip_norm)
    trained, validated = (np.arange(size) for size in part_sizes(project.data.samples, project.data.validation))
    with np.errstate(all="ignore"):
        learner.model.train()
        is_mixed = any(choice.type in MIXING for choice in project.data.augment)
        for batch in _batches(learner, cut(trained, project.data.batch_size), is_mixed):
            step.train(batch)
        with learner.evaluating():
            for batch in _batches(learner, learner.in_batches(validated)):
                learner.look(batch.inputs, batch.targets)
        pictured = np.arange({1: LINE, 2: GRID**2}.get(len(learner.number_inputs()), 0))
        for batch in _batches(learner, [pictured]):
            learner.scores(batch.inputs)


def _batches(learner: Learner, parts: Iterable[np.ndarray], is_mixed: bool = False) -> list[Batch]:
    """One of each size; mixed ones are of several classes by their shares."""
    sizes = dict.fromkeys(len(part) for part in parts if len(part))
    fields = [field for field in learner.project.data.fields if field.role != "unused"]
    batches = [{field.name: made_up(field, size) for field in fields} for size in sizes]
    for field in (field for field in fields if is_mixed and field.role == "target" and field.kind == "category"):
        for batch in batches:
            batch[field.name] = np.eye(max(len(field.classes), 1), dtype=np.float32)[batch[field.name]]
    return [learner.as_batch(batch) for batch in batches]


def made_up(field: FieldSpec, count: int) -> np.ndarray:
    """So many values as the field might have.

    >>> made_up(FieldSpec("label", "category", (), "target", "int64", ("a", "b")), 3).tolist()
    [0, 1, 0]
    """
    if field.kind == "category":
        return np.arange(count, dtype=np.int64) % max(len(field.classes), 1)
    return np.random.default_rng(0).random((count, *field.shape), np.float32).astype(field.dtype)
