"""Figures of scores, whatever the threshold at which a score becomes a yes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.errors import ShapeError
from engine.metrics.metric import Metric, class_numbers, of_one_length


class Rates(NamedTuple):
    """Share of the others and of the true ones whose score is at least the threshold, from none to all."""

    false_positive: np.ndarray
    true_positive: np.ndarray
    thresholds: np.ndarray


class Pairs(NamedTuple):
    """Precision and recall at each threshold, from all to none; behind the last come 1 and 0."""

    precision: np.ndarray
    recall: np.ndarray
    thresholds: np.ndarray


class _Curve(Metric):
    kept = ("scores", "truths")

    def __init__(self, classes: int | None = None):
        super().__init__()
        self.classes = classes

    def update(self, scores: np.ndarray, true: np.ndarray) -> None:
        where = type(self).__name__
        of_one_length(where, scores, true)
        expected = (len(true),) if self.classes is None else (len(true), self.classes)
        if scores.size != np.prod(expected):
            raise ShapeError(where, got=f"scores of shape {scores.shape} arrive", expected=f"{expected}")
        self.scores.append(np.array(scores.reshape(expected), np.float64))
        self.truths.append(class_numbers(where, true, self.classes or 2))

    def counts(self, of: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """True ones and others with a score of at least each threshold, the highest first."""
        scores = np.concatenate(self.scores) if self.scores else np.zeros((0, self.classes or 1))
        true = (np.concatenate(self.truths) if self.truths else np.zeros(0)) == of
        scores = scores[:, of] if self.classes is not None else scores.reshape(-1)
        order = np.argsort(-scores, kind="stable")
        scores, true = scores[order], true[order]
        last = np.append(scores[:-1] != scores[1:], True)[: len(scores)]  # of those with one score
        yes = np.cumsum(true)[last]
        return yes, np.arange(1, len(scores) + 1)[last] - yes, scores[last]

    def compute(self) -> float | None:
        """The area under the curve; with `classes` the mean of each against all others that has one."""
        found = [self.area(of) for of in (range(self.classes) if self.classes is not None else (1,))]
        areas = [area for area in found if area is not None]
        return float(np.mean(areas)) if areas else None

    def area(self, of: int = 1) -> float | None:
        raise NotImplementedError


class ROC(_Curve):
    """Receiver operating characteristic: how many true ones are found for how many false alarms.

    The area is the probability that a true one scores above another (Hanley and McNeil, 1982).

    Args:
        classes: how many there are, where it is more than a yes or no; each is then held against all others.

    Shape:
        scores: (N), or (N, classes); true: (N), 0 or 1, or class numbers

    >>> metric = ROC(); metric.update(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])); metric.compute()
    0.75
    """

    def curve(self, of: int = 1) -> Rates:
        """The curve of one class against all others."""
        yes, no, thresholds = self.counts(of)
        shares = [np.append(0, part) / max(part[-1] if len(part) else 0, 1) for part in (no, yes)]
        return Rates(shares[0], shares[1], np.append(np.inf, thresholds))

    def area(self, of: int = 1) -> float | None:
        """None where only one kind came."""
        no, yes, _ = self.curve(of)
        return float(np.trapezoid(yes, no)) if yes[-1] > 0 and no[-1] > 0 else None


class PrecisionRecall(_Curve):
    """How many of those found are true, for how many of the true ones are found; for true ones that are rare.

    The area is the average precision, the sum of (recall - recall before) · precision, without interpolation.

    Args:
        classes: how many there are, where it is more than a yes or no; each is then held against all others.

    Shape:
        scores: (N), or (N, classes); true: (N), 0 or 1, or class numbers

    >>> metric = PrecisionRecall(); metric.update(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    >>> round(metric.compute(), 4)
    0.8333
    """

    def curve(self, of: int = 1) -> Pairs:
        """The curve of one class against all others."""
        yes, no, thresholds = self.counts(of)
        precision, recall = yes / np.maximum(yes + no, 1), yes / max(yes[-1] if len(yes) else 0, 1)
        return Pairs(np.append(precision[::-1], 1.0), np.append(recall[::-1], 0.0), thresholds[::-1])

    def area(self, of: int = 1) -> float | None:
        """None where no true one came."""
        precision, recall, _ = self.curve(of)
        return float(-np.sum(np.diff(recall) * precision[:-1])) if recall[0] > 0 else None
