"""Why a run cannot go on: where the first value that is no number came from, and what to do."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import engine
from engine.errors import Fix, TrainingError
from engine.formats.checkpoint import as_array
from engine.train.events import Diagnosis

if TYPE_CHECKING:
    from engine.train.task import Batch, Learner


@dataclass(frozen=True)
class Finding:
    """A sentence about a node ("" for the whole run), and the mend."""

    message: str
    node: str
    fix: Fix

    def event(self, step: int) -> Diagnosis:
        return Diagnosis(step=step, kind="not_finite", message=self.message, node=self.node, severity="error",
                         fix=asdict(self.fix))  # fmt: skip


class Diverged(TrainingError):
    """Loss or gradient is infinite or no number."""

    def __init__(self, finding: Finding):
        super().__init__("", got=finding.message.rstrip("."), fixes=(finding.fix,))
        self.finding = finding


def diagnose(task: Learner, batch: Batch, loss: float, learning_rate: float) -> Finding:
    """Look for the first place, in the order of the network, where a value is not finite."""
    slower = _slower(learning_rate)
    bad_input = next((name for name, value in batch.inputs.items() if not _is_finite(value)), None)
    if bad_input is not None:
        return Finding(
            f"The field {bad_input!r} holds values that are infinite or no number, so nothing can be learned from it; "
            "clean the data.", "", Fix("Choose the data again", "choose_data"),
        )  # fmt: skip
    subject, node = _first_fault(task, batch, loss)
    return Finding(
        f"{subject} at a learning rate of {learning_rate:g}: the training has diverged; "
        f"try a learning rate of {slower.value:g}.", node, slower,
    )  # fmt: skip


def unstable_validation(learning_rate: float) -> Finding:
    """The training part still gives numbers, the validation part no longer does."""
    slower = _slower(learning_rate)
    return Finding(
        f"The validation loss became infinite or no number at a learning rate of {learning_rate:g}; "
        f"try a learning rate of {slower.value:g}.", "", slower,
    )  # fmt: skip


def _slower(learning_rate: float) -> Fix:
    value = float(f"{learning_rate / 10:.3g}")
    return Fix(f"Set the learning rate to {value:g}", "set_training", name="lr", value=value)


def _first_fault(task: Learner, batch: Batch, loss: float) -> tuple[str, str]:
    """-> the first half of the sentence, and the node it is about."""
    became = "became infinite or no number"
    for name, parameter in task.model.named_parameters():
        if not _is_finite(parameter):
            return f"A weight of {node_of(name)!r} {became}", node_of(name)
    for node, output in outputs_in_order(task, batch):
        if not _is_finite(output):
            return f"The output of {node!r} {became}", node
    if not math.isfinite(loss):
        node = task.judge.output
        return f"The output of {node!r} became so large that the loss is {loss}", node
    # gradients run backwards: the last node whose gradient is not finite was the first to have it
    for name, parameter in reversed(list(task.model.named_parameters())):
        if parameter.grad is not None and not _is_finite(parameter.grad):
            return f"The gradient of {node_of(name)!r} {became}", node_of(name)
    return "The gradient became too large to be measured", ""


def outputs_in_order(task: Learner, batch: Batch) -> list[tuple[str, Any]]:
    """What each node puts out for `batch`, in the order in which they are computed; learns and changes nothing."""
    state = engine.get_rng_state()
    with task.evaluating():
        outputs = task.model.values(batch.inputs)
    engine.set_rng_state(state)
    return list(outputs.items())


def node_of(parameter: str) -> str:
    """The node that a key of the state dict belongs to.

    >>> node_of("conv1.weight")
    'conv1'
    """
    return parameter.partition(".")[0]


def _is_finite(value: Any) -> bool:
    return bool(np.isfinite(as_array(value)).all())
