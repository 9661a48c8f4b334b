"""Figures of an order in which things are offered: the first k of those with the highest scores."""

from __future__ import annotations

import numpy as np

from engine.errors import OptionError, ShapeError
from engine.metrics.metric import Mean


class _Ranking(Mean):
    """The mean over all rows in which anything is relevant; of equal scores the first goes first.

    Shape:
        scores, relevance: (N, things), or (things); relevance 0 for what is not relevant, more for what is
    """

    def __init__(self, k: int | None = None):
        if k is not None and k < 1:
            raise OptionError(type(self).__name__, got=f"k is {k}", expected="1 or more, or None for all")
        super().__init__()
        self.k = k

    def update(self, scores: np.ndarray, relevance: np.ndarray) -> None:
        if scores.shape != relevance.shape:
            raise ShapeError(type(self).__name__, got=f"scores of shape {scores.shape}, relevance of {relevance.shape}",
                             expected="one shape")  # fmt: skip
        scores, relevance = np.atleast_2d(scores), np.atleast_2d(relevance).astype(np.float64)
        rows = (relevance > 0).any(axis=1)
        order = np.argsort(-scores[rows].astype(np.float64), axis=1, kind="stable")
        ranked = np.take_along_axis(relevance[rows], order, 1)
        self.total += float(self.figures(ranked[:, : self.k], relevance[rows]).sum())
        self.count += int(rows.sum())

    def figures(self, offered: np.ndarray, relevance: np.ndarray) -> np.ndarray:
        """offered (N, k): the relevance of what is offered, in its order; relevance (N, things) -> (N)"""
        raise NotImplementedError


class RecallAtK(_Ranking):
    """Share of what is relevant that is among the first k.

    >>> metric = RecallAtK(2); metric.update(np.array([0.9, 0.5, 0.1]), np.array([1, 0, 1])); metric.compute()
    0.5
    """

    def figures(self, offered: np.ndarray, relevance: np.ndarray) -> np.ndarray:
        return (offered > 0).sum(axis=1) / (relevance > 0).sum(axis=1)


class HitRate(_Ranking):
    """Share of the rows with anything relevant among the first k.

    >>> metric = HitRate(1); metric.update(np.array([[0.9, 0.5], [0.9, 0.5]]), np.array([[1, 0], [0, 1]]))
    >>> metric.compute()
    0.5
    """

    def figures(self, offered: np.ndarray, relevance: np.ndarray) -> np.ndarray:
        return (offered > 0).any(axis=1).astype(np.float64)


class MRR(_Ranking):
    """Mean of 1 / place of the first that is relevant, 0 where none is among the first k.

    >>> metric = MRR(); metric.update(np.array([0.9, 0.5, 0.1]), np.array([0, 1, 1])); metric.compute()
    0.5
    """

    def figures(self, offered: np.ndarray, relevance: np.ndarray) -> np.ndarray:
        hits = offered > 0
        return hits.any(axis=1) / (hits.argmax(axis=1) + 1)


class NDCG(_Ranking):
    """Sum of relevance / log2(place + 1) over the first k, divided by that of the best order (Järvelin and Kekäläinen).

    >>> metric = NDCG(); metric.update(np.array([0.9, 0.5, 0.1]), np.array([0, 3, 1])); round(metric.compute(), 4)
    0.659
    """

    def figures(self, offered: np.ndarray, relevance: np.ndarray) -> np.ndarray:
        best = -np.sort(-relevance, axis=1)[:, : self.k]
        discount = 1 / np.log2(np.arange(offered.shape[1]) + 2)
        return (offered @ discount) / (best @ discount)
