"""Figures of decided classes."""

from __future__ import annotations

from typing import Literal

import numpy as np

from engine.errors import OptionError, ShapeError
from engine.metrics.metric import Mean, Metric, class_numbers, of_one_length, of_one_shape
from engine.wording import counted

Average = Literal["macro", "micro", "weighted"] | None
"""Of figures by class: their mean, the figure of all classes' counts together, the mean by true samples, or each."""


class Accuracy(Mean):
    """Share of the samples whose predicted class is the true one.

    Shape:
        predicted: (N), whole numbers; true: (N)

    >>> metric = Accuracy(); metric.update(np.array([0, 1, 1]), np.array([0, 1, 0])); round(metric.compute(), 4)
    0.6667
    """

    def update(self, predicted: np.ndarray, true: np.ndarray) -> None:
        of_one_shape("Accuracy", predicted, true, "take argmax(-1) of scores")
        self.total += float(np.count_nonzero(predicted == true))
        self.count += true.size


class TopK(Mean):
    """Share of the samples whose true class is among the k of the highest scores.

    Of equal scores the class with the higher number goes first.

    Args:
        k: how many count.

    Shape:
        scores: (N, classes); true: (N), whole numbers

    Raises:
        ShapeError, EngineError: scores and classes do not go together.

    >>> metric = TopK(2); metric.update(np.array([[0.1, 0.4, 0.5], [0.8, 0.1, 0.3]]), np.array([1, 1]))
    >>> metric.compute()
    0.5
    """

    def __init__(self, k: int = 5):
        if k < 1:
            raise OptionError("TopK", got=f"k is {k}", expected="1 or more")
        super().__init__()
        self.k = k

    def update(self, scores: np.ndarray, true: np.ndarray) -> None:
        if scores.ndim != 2:
            raise ShapeError("TopK", got=f"scores with {counted(scores.ndim, 'axis')} arrive", expected="(N, classes)")
        of_one_length("TopK", scores, true)
        true = class_numbers("TopK", true, scores.shape[1])
        own = np.take_along_axis(scores, true[:, None], 1)
        later = np.arange(scores.shape[1])[None] > true[:, None]
        before = np.count_nonzero((scores > own) | ((scores == own) & later), axis=1)
        self.total += float(np.count_nonzero(before < self.k))
        self.count += len(true)


class ConfusionMatrix(Metric):
    """How often each true class (row) was taken for each class (column).

    Args:
        classes: how many there are.

    Shape:
        predicted, true: any one shape, whole numbers -> (classes, classes)

    Raises:
        EngineError: for a class that there is not.

    >>> metric = ConfusionMatrix(2); metric.update(np.array([0, 1, 1]), np.array([0, 1, 0])); metric.compute().tolist()
    [[1, 1], [0, 1]]
    """

    sums = ("counts",)

    def __init__(self, classes: int):
        self.classes = classes
        super().__init__()

    def reset(self) -> None:
        self.counts = np.zeros((self.classes, self.classes), np.int64)

    def update(self, predicted: np.ndarray, true: np.ndarray) -> None:
        where = type(self).__name__
        of_one_length(where, predicted, true)
        true, predicted = class_numbers(where, true, self.classes), class_numbers(where, predicted, self.classes)
        pairs = np.bincount(true * self.classes + predicted, minlength=self.classes**2)
        self.counts = self.counts + pairs.reshape(self.classes, self.classes)

    def compute(self) -> np.ndarray | float | None:
        return self.counts


class _ByClass(ConfusionMatrix):
    """A figure that is a quotient of counts, for each class or averaged."""

    def __init__(self, classes: int, average: Average = "macro"):
        if average not in ("macro", "micro", "weighted", None):
            raise OptionError(type(self).__name__, got=f"average is {average!r}",
                              expected='"macro", "micro", "weighted" or None')  # fmt: skip
        super().__init__(classes)
        self.average = average

    def quotient(self, right: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What is divided by what, of the samples of each class that are right, true, and predicted."""
        raise NotImplementedError

    def compute(self) -> np.ndarray | float | None:
        """One number, or (classes) for no average; a class that never comes counts as 0."""
        right, true, predicted = np.diag(self.counts), self.counts.sum(1), self.counts.sum(0)
        if not true.sum():
            return None
        if self.average == "micro":
            right, true, predicted = (np.atleast_1d(part.sum()) for part in (right, true, predicted))
        over, under = self.quotient(right, true, predicted)
        figures = np.divide(over, under, out=np.zeros(len(over)), where=under != 0)
        if self.average is None:
            return figures
        return float(np.average(figures, weights=true if self.average == "weighted" else None))


class Precision(_ByClass):
    """Share of the samples taken for a class that are of it, by class or averaged: right / predicted.

    Args:
        classes: how many classes there are.
        average: "micro" (over all samples), "macro" (the mean over classes), "weighted" (by how often each comes), or
            None for one figure a class.

    >>> metric = Precision(2); metric.update(np.array([0, 1, 1]), np.array([0, 1, 0])); metric.compute()
    0.75
    """

    def quotient(self, right: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return right, predicted


class Recall(_ByClass):
    """Share of the samples of a class that are taken for it, by class or averaged: right / true.

    Args:
        classes: how many classes there are.
        average: as of `Precision`.

    >>> metric = Recall(2, None); metric.update(np.array([0, 1, 1]), np.array([0, 1, 0])); metric.compute().tolist()
    [0.5, 1.0]
    """

    def quotient(self, right: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return right, true


class F1(_ByClass):
    """Harmonic mean of precision and recall, by class or averaged: 2 right / (true + predicted).

    Args:
        classes: how many classes there are.
        average: as of `Precision`.

    >>> metric = F1(2); metric.update(np.array([0, 1, 1]), np.array([0, 1, 0])); round(metric.compute(), 4)
    0.6667
    """

    def quotient(self, right: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return 2 * right, true + predicted


class IoU(_ByClass):
    """Places of a class in both, divided by those in either: how well regions lie on each other.

    Args:
        classes: how many there are.
        average: "macro" is the mean IoU of segmentation, to which classes that are in neither add nothing.
        ignore_index: places with this true class are left out.

    Shape:
        predicted, true: any one shape, whole numbers

    >>> metric = IoU(2); metric.update(np.array([[0, 1, 1]]), np.array([[0, 1, 0]])); metric.compute()
    0.5
    """

    def __init__(self, classes: int, average: Average = "macro", ignore_index: int | None = None):
        super().__init__(classes, average)
        self.ignore_index = ignore_index

    def update(self, predicted: np.ndarray, true: np.ndarray) -> None:
        of_one_length("IoU", predicted, true)
        if self.ignore_index is not None:
            counts = true != self.ignore_index
            predicted, true = predicted[counts], true[counts]
        super().update(predicted, true)

    def quotient(self, right: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return right, true + predicted - right

    def compute(self) -> np.ndarray | float | None:
        figures = super().compute()
        if self.average != "macro" or figures is None:
            return figures
        present = int(np.count_nonzero(self.counts.sum(0) + self.counts.sum(1)))
        return figures * self.classes / present
