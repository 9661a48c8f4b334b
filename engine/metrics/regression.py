"""Figures of predicted values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.metrics.metric import Mean, Metric, of_one_shape

SQUEEZE = "take an axis of 1 away with squeeze(-1)"


class MAE(Mean):
    """Mean absolute error, mean |predicted - true|, in the target's own unit.

    >>> metric = MAE(); metric.update(np.array([1.0, 2.0]), np.array([2.0, 4.0])); metric.compute()
    1.5
    """

    def update(self, predicted: np.ndarray, true: np.ndarray) -> None:
        of_one_shape("MAE", predicted, true, SQUEEZE)
        self.total += float(np.abs(predicted.astype(np.float64) - true).sum())
        self.count += true.size


class RMSE(Mean):
    """Root of the mean squared error, in the target's own unit.

    >>> metric = RMSE(); metric.update(np.array([1.0, 2.0]), np.array([4.0, 6.0])); metric.compute()
    3.5355339059327378
    """

    def update(self, predicted: np.ndarray, true: np.ndarray) -> None:
        of_one_shape("RMSE", predicted, true, SQUEEZE)
        self.total += float(np.square(predicted.astype(np.float64) - true).sum())
        self.count += true.size

    def compute(self) -> float | None:
        return math.sqrt(self.total / self.count) if self.count else None


class MAPE(Mean):
    """Mean absolute error as a share of the true value, mean |predicted - true| / |true|; 0.1 is a tenth of it.

    A true value of 0 counts as the least number that 1 can be told from, so that the figure shows it.

    >>> metric = MAPE(); metric.update(np.array([1.0, 5.0]), np.array([2.0, 4.0])); metric.compute()
    0.375
    """

    def update(self, predicted: np.ndarray, true: np.ndarray) -> None:
        of_one_shape("MAPE", predicted, true, SQUEEZE)
        size = np.maximum(np.abs(true.astype(np.float64)), np.finfo(np.float64).eps)
        self.total += float((np.abs(predicted.astype(np.float64) - true) / size).sum())
        self.count += true.size


class R2(Metric):
    """Share of the target's variance that is explained, 1 - sum (true - predicted)² / sum (true - mean)².

    Of several outputs each varies about its own mean, and the sums go over all of them.

    The variance is gathered with the update of Chan, Golub and LeVeque (1979), exact also for a large mean.

    >>> metric = R2(); metric.update(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])); round(metric.compute(), 4)
    0.7857
    """

    sums = ("count", "mean", "spread", "residual")

    def update(self, predicted: np.ndarray, true: np.ndarray) -> None:
        of_one_shape("R2", predicted, true, SQUEEZE)
        if true.size:
            true = true.astype(np.float64).reshape(len(true), -1)
            self.residual += float(np.square(true - predicted.reshape(true.shape)).sum())
            mean = true.mean(axis=0)
            self._gather(len(true), mean, float(np.square(true - mean).sum()))

    def _gather(self, count: int, mean: np.ndarray, spread: float) -> None:
        """mean (outputs)"""
        difference, total = mean - self.mean, self.count + count
        self.spread += spread + float(np.square(difference).sum()) * self.count * count / total
        self.mean = self.mean + difference * count / total
        self.count = total

    def merge(self, other: Any) -> None:
        if other.count:
            self.residual += other.residual
            self._gather(other.count, other.mean, other.spread)

    def compute(self) -> float | None:
        return 1 - self.residual / self.spread if self.spread > 0 else None
