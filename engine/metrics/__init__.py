"""Figures of merit, gathered batch by batch; each can be put away in a checkpoint and taken up again.

>>> metric = Accuracy()
>>> metric.update(np.array([0, 1, 1]), np.array([0, 1, 0]))
>>> metric.update(np.array([2]), np.array([2]))
>>> metric.compute()
0.75
"""

from __future__ import annotations

import numpy as np

from engine.metrics.classification import F1, Accuracy, ConfusionMatrix, IoU, Precision, Recall, TopK
from engine.metrics.curves import ROC, PrecisionRecall
from engine.metrics.detection import MeanAveragePrecision, box_iou
from engine.metrics.metric import Mean, Metric
from engine.metrics.ranking import MRR, NDCG, HitRate, RecallAtK
from engine.metrics.regression import MAE, MAPE, R2, RMSE
from engine.metrics.text import BLEU, ChrF, Perplexity

__all__ = [
    "BLEU",
    "F1",
    "MAE",
    "MAPE",
    "METRICS",
    "MRR",
    "NDCG",
    "R2",
    "RMSE",
    "ROC",
    "Accuracy",
    "ChrF",
    "ConfusionMatrix",
    "HitRate",
    "IoU",
    "Mean",
    "MeanAveragePrecision",
    "Metric",
    "Perplexity",
    "Precision",
    "PrecisionRecall",
    "Recall",
    "RecallAtK",
    "TopK",
    "box_iou",
    "evaluate",
]

METRICS: dict[str, type[Metric]] = {"accuracy": Accuracy, "mae": MAE, "rmse": RMSE, "r2": R2}
"""By the name that events and the command line use."""


def evaluate(name: str, predicted: np.ndarray, true: np.ndarray) -> float | None:
    """One figure over whole arrays.

    Args:
        name: a key of METRICS: "accuracy", "mae", "rmse" or "r2".
        predicted: what the network says; classes for "accuracy".
        true: what is right, of the same shape.

    >>> evaluate("accuracy", np.array([1, 0]), np.array([1, 1]))
    0.5
    """
    metric = METRICS[name]()
    metric.update(np.asarray(predicted), np.asarray(true))
    return metric.compute()
