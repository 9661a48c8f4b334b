"""Figures of merit, gathered batch by batch; each can be put away in a checkpoint and taken up again.

>>> metric = Accuracy()
>>> metric.update(np.array([0, 1, 1]), np.array([0, 1, 0]))
>>> metric.update(np.array([2]), np.array([2]))
>>> metric.value()
0.75
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

__all__ = ["MAE", "METRICS", "R2", "RMSE", "Accuracy", "Mean", "Metric", "evaluate"]


class Metric(Protocol):
    """Sums over batches. `state` is all of it, as JSON keeps it exactly."""

    def update(self, predicted: np.ndarray, true: np.ndarray) -> None: ...

    def value(self) -> float | None:
        """None where the figure has no meaning: no samples, or a constant target for R2."""

    def state(self) -> list[float]: ...

    def load(self, state: list[float]) -> None: ...


class Mean:
    """Mean of a number that each batch brings, weighted with the batch's size: the loss of an epoch."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, value: float, samples: int) -> None:
        self.total += value * samples
        self.count += samples

    def value(self) -> float | None:
        return self.total / self.count if self.count else None

    def state(self) -> list[float]:
        return [self.total, self.count]

    def load(self, state: list[float]) -> None:
        self.total, self.count = float(state[0]), int(state[1])


class Accuracy(Mean):
    """Share of the samples whose predicted class is the true one.

    Shape:
        predicted: (N), whole numbers; true: (N)
    """

    def update(self, predicted: np.ndarray, true: np.ndarray) -> None:
        self.total += float(np.count_nonzero(predicted == true))
        self.count += true.size


class MAE(Mean):
    """Mean absolute error, mean |predicted - true|, in the target's own unit.

    >>> metric = MAE(); metric.update(np.array([1.0, 2.0]), np.array([2.0, 4.0])); metric.value()
    1.5
    """

    def update(self, predicted: np.ndarray, true: np.ndarray) -> None:
        self.total += float(np.abs(predicted.astype(np.float64) - true).sum())
        self.count += true.size


class RMSE(Mean):
    """Root of the mean squared error, in the target's own unit.

    >>> metric = RMSE(); metric.update(np.array([1.0, 2.0]), np.array([4.0, 6.0])); metric.value()
    3.5355339059327378
    """

    def update(self, predicted: np.ndarray, true: np.ndarray) -> None:
        self.total += float(np.square(predicted.astype(np.float64) - true).sum())
        self.count += true.size

    def value(self) -> float | None:
        return math.sqrt(self.total / self.count) if self.count else None


class R2:
    """Share of the target's variance that is explained, 1 - sum (true - predicted)² / sum (true - mean)².

    The variance is gathered with the update of Chan, Golub and LeVeque (1979), exact also for a large mean.

    >>> metric = R2(); metric.update(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])); round(metric.value(), 4)
    0.7857
    """

    def __init__(self) -> None:
        self.count, self.mean, self.spread, self.residual = 0, 0.0, 0.0, 0.0

    def update(self, predicted: np.ndarray, true: np.ndarray) -> None:
        true = true.astype(np.float64).ravel()
        mean = float(true.mean())
        difference = mean - self.mean
        total = self.count + true.size
        self.spread += float(np.square(true - mean).sum()) + difference**2 * self.count * true.size / total
        self.mean += difference * true.size / total
        self.count = total
        self.residual += float(np.square(true - predicted.ravel()).sum())

    def value(self) -> float | None:
        return 1 - self.residual / self.spread if self.spread > 0 else None

    def state(self) -> list[float]:
        return [self.count, self.mean, self.spread, self.residual]

    def load(self, state: list[float]) -> None:
        self.count = int(state[0])
        self.mean, self.spread, self.residual = map(float, state[1:])


METRICS: dict[str, type[Metric]] = {"accuracy": Accuracy, "mae": MAE, "rmse": RMSE, "r2": R2}
"""By the name that events and the command line use."""


def evaluate(name: str, predicted: np.ndarray, true: np.ndarray) -> float | None:
    """One figure over whole arrays.

    >>> evaluate("accuracy", np.array([1, 0]), np.array([1, 1]))
    0.5
    """
    metric = METRICS[name]()
    metric.update(np.asarray(predicted), np.asarray(true))
    return metric.value()
