"""One step of training: what happens to a batch. Supervised learning is one way; others are other classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import engine
from engine.nn.utils import clip_grad_norm_, get_total_norm, parameters_to_vector, vector_to_parameters
from engine.train.diagnosis import Diverged, diagnose
from engine.train.task import Batch, Learner


@dataclass(frozen=True)
class Outcome:
    """What a step says of its batch: `predicted` and `true` are what the metrics compare.

    `scores` are log probabilities (N, classes), where a metric asks for them.
    """

    loss: float
    gradient_norm: float
    predicted: np.ndarray
    true: np.ndarray
    scores: np.ndarray | None = None
    is_known = True


class Pending:
    """An Outcome that is still on the GPU: whoever asks waits for the step, and fetches all of it.

    Args:
        true: what the metrics compare with.
        fetch: reads what the step left on the device.
    """

    def __init__(self, true: np.ndarray, fetch: Callable[[], Outcome]) -> None:
        self.true = true
        self._fetch = fetch
        self._outcome: Outcome | None = None

    @property
    def is_known(self) -> bool:
        """Whether asking costs nothing."""
        return self._outcome is not None

    def known(self) -> Outcome:
        """What it is.

        Raises:
            Diverged: loss or gradient was not finite.
        """
        if self._outcome is None:
            self._outcome = self._fetch()
        return self._outcome

    @property
    def loss(self) -> float:
        return self.known().loss

    @property
    def gradient_norm(self) -> float:
        return self.known().gradient_norm

    @property
    def predicted(self) -> np.ndarray:
        return self.known().predicted

    @property
    def scores(self) -> np.ndarray | None:
        return self.known().scores


class SupervisedStep:
    """Forward, loss, backward, clip, update.

    Args:
        task: the network and its losses.
        optimizer: what updates the network's parameters.
        clip_norm: the longest that the gradient of all parameters together may be; longer ones are shortened to it.
    """

    def __init__(self, task: Learner, optimizer: Any, clip_norm: float | None = None):
        self.task = task
        self.optimizer = optimizer
        self.clip_norm = clip_norm
        self._parameters = [p for p in task.model.parameters() if p.requires_grad]
        self._compute = engine.capture(self._forward_and_backward)
        self._update = engine.capture(optimizer.step)

    def train(self, batch: Batch) -> Outcome | Pending:
        """Learn from one batch.

        Raises:
            Diverged: loss or gradient is not finite; the parameters are left as they were before the step. On a GPU
                it is raised where the outcome is asked for, as looking each time would make the GPU stand still.
        """
        if self.optimizer.needs_closure:
            return self._train_by_looks(batch)
        if self.task.device.type == "cuda":
            return self._train_ahead(batch)
        outcome, _ = self._look(batch)
        self._update()
        return outcome

    def _look(self, batch: Batch) -> tuple[Outcome, Any]:
        """Loss and clipped gradients of a batch, and the loss as a tensor."""
        loss, norm, output = self._compute(batch.inputs, batch.targets)
        value, length = loss.item(), norm.item()
        self._require_finite(batch, value, length)
        if self.clip_norm is not None and length > self.clip_norm:
            clip_grad_norm_(self._parameters, self.clip_norm)
        scores = self.task.log_probabilities(self.task.scored(output))
        return Outcome(value, length, self.task.decided(output), batch.true, scores), loss

    def _train_by_looks(self, batch: Batch) -> Outcome:
        """A step that looks at the loss several times; what it says of the batch is from before it moved."""
        before = parameters_to_vector(self._parameters).detach()
        outcomes = []

        def closure() -> Any:
            outcome, loss = self._look(batch)
            outcomes.append(outcome)
            return loss

        try:
            self.optimizer.step(closure)
        except Diverged:
            vector_to_parameters(before, self._parameters)
            raise
        return outcomes[0]

    def _train_ahead(self, batch: Batch) -> Pending:
        """A step that waits for nothing: gradients are shortened by a factor that stays on the GPU."""
        loss, norm, output = self._forward_and_backward(batch.inputs, batch.targets)
        if self.clip_norm is not None:
            clip_grad_norm_(self._parameters, self.clip_norm)
        self.optimizer.step()
        numbers, decision = engine.stack([loss.detach(), norm]), self.task.decision(output)
        self._latest = batch  # serves to say where numbers are none: from the first such step on they stay so
        true, scored = batch.true, self.task.scored(output)

        def fetch() -> Outcome:
            value, length = numbers.tolist()
            self._require_finite(self._latest, value, length)
            predicted = self.task.in_own_units(decision.cpu().numpy())
            return Outcome(value, length, predicted, true, self.task.log_probabilities(scored))

        return Pending(true, fetch)

    def _require_finite(self, batch: Batch, loss: float, norm: float) -> None:
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise Diverged(diagnose(self.task, batch, loss, self.learning_rate))

    def _forward_and_backward(self, inputs: dict[str, Any], targets: dict[str, Any]) -> tuple[Any, Any, Any]:
        """-> loss, length of the gradient of all parameters together, and output"""
        self.optimizer.zero_grad()
        output = self.task.model(inputs)
        loss = self.task.loss(output, targets)
        loss.backward()
        return loss, get_total_norm([p.grad for p in self._parameters if p.grad is not None]), output

    @property
    def learning_rate(self) -> float:
        """Of the first parameter group."""
        return float(self.optimizer.param_groups[0]["lr"])
