"""Which figures a run can gather, by what its network predicts: those that suit it, and all that may be chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from engine.errors import Fix, ProjectError
from engine.metrics.classification import F1, Accuracy, Precision, Recall, TopK
from engine.metrics.curves import ROC
from engine.metrics.metric import Metric
from engine.metrics.regression import MAE, MAPE, R2, RMSE
from engine.metrics.text import Perplexity
from engine.wording import counted

Task = Literal["classification", "binary", "regression"]
_OF_CLASSES, _OF_VALUES = ("classification", "binary"), ("regression",)
MANY_CLASSES = 11
"""From so many classes on it is told, too, whether the true one is among the five likeliest."""


class Offer(NamedTuple):
    """A figure by its title, with what it tells.

    make: the metric, for so many classes.
    reads: what it is updated with: decided "classes" or values, or the "scores" of all classes as logarithms of their
        probabilities (N, classes).
    least, most: for how many classes it means something.
    """

    title: str
    help: str
    tasks: tuple[str, ...]
    make: Callable[[int], Metric]
    reads: Literal["decisions", "scores"] = "decisions"
    least: int = 0
    most: int = 2**31


class _TwoClassROC(ROC):
    """The area for two classes, by the score of the second."""

    def update(self, scores: np.ndarray, true: np.ndarray) -> None:
        super().update(scores[:, 1] - scores[:, 0], true)


OFFERS: dict[str, Offer] = {
    "accuracy": Offer("Accuracy", "Share of the samples whose class is told.", _OF_CLASSES, lambda classes: Accuracy()),
    "top3": Offer("Top 3", "Share of the samples whose class is among the three likeliest.", _OF_CLASSES,
                  lambda classes: TopK(3), "scores", 4),
    "top5": Offer("Top 5", "Share of the samples whose class is among the five likeliest.", _OF_CLASSES,
                  lambda classes: TopK(5), "scores", 6),
    "precision": Offer("Precision", "Of what is taken for a class, the share that is of it; mean over the classes.",
                       _OF_CLASSES, lambda classes: Precision(classes)),
    "recall": Offer("Recall", "Of a class, the share that is taken for it; mean over the classes.", _OF_CLASSES,
                    lambda classes: Recall(classes)),
    "f1": Offer("F1", "Harmonic mean of precision and recall, mean over the classes: rare ones count as much.",
                _OF_CLASSES, lambda classes: F1(classes)),
    "roc_auc": Offer("ROC AUC", "How likely a sample of the second class has the higher score than one of the first.",
                     _OF_CLASSES, lambda classes: _TwoClassROC(), "scores", 2, 2),
    "perplexity": Offer("Perplexity", "Among how many classes the network is undecided.", _OF_CLASSES,
                        lambda classes: Perplexity(), "scores"),
    "mae": Offer("Mean absolute error", "By how much a value is missed, in its own unit.", _OF_VALUES,
                 lambda classes: MAE()),
    "rmse": Offer("Root mean square error", "The same, large misses counting more.", _OF_VALUES,
                  lambda classes: RMSE()),
    "r2": Offer("R²", "Share of the target's variance that is explained.", _OF_VALUES, lambda classes: R2()),
    "mape": Offer("Mean relative error", "By what share of the true value it is missed; no use where that is near 0.",
                  _OF_VALUES, lambda classes: MAPE()),
}  # fmt: skip
"""By the name that projects, events and the command line use."""


def offered(task: Task, classes: int) -> tuple[str, ...]:
    """All that mean something for such a network.

    >>> offered("regression", 0)
    ('mae', 'rmse', 'r2', 'mape')
    """
    return tuple(
        name for name, offer in OFFERS.items()
        if task in offer.tasks and (task == "regression" or offer.least <= classes <= offer.most)
    )  # fmt: skip


def usual(task: Task, classes: int) -> tuple[str, ...]:
    """Those that are gathered where a project names none.

    >>> usual("classification", 10), usual("classification", 100), usual("regression", 0)
    (('accuracy',), ('accuracy', 'top5'), ('mae', 'rmse', 'r2'))
    """
    if task == "regression":
        return ("mae", "rmse", "r2")
    return ("accuracy", "top5") if classes >= MANY_CLASSES else ("accuracy",)


def chosen(names: Sequence[str], task: Task, classes: int) -> tuple[str, ...]:
    """The named ones in the order of the table, or the usual.

    Args:
        names: as a project has them; none for the usual.
        task: what the network predicts.
        classes: how many there are; 0 for values.

    Raises:
        ProjectError: one is unknown, or means nothing for such a network.

    >>> chosen(("f1", "accuracy"), "binary", 2)
    ('accuracy', 'f1')
    """
    known = offered(task, classes)
    wrong = next((name for name in names if name not in known), None)
    if wrong is not None:
        what = f"{counted(classes, 'class')}" if task != "regression" else "values"
        got = f"{wrong!r} is unknown" if wrong not in OFFERS else f"{wrong!r} tells nothing of a network for {what}"
        fix = Fix("Take the usual figures", "set_training", name="metrics", value=())
        raise ProjectError("training.metrics", got=got, expected=f"one of {', '.join(known)}",
                           mend="leave it out for the usual ones", fixes=(fix,))  # fmt: skip
    return tuple(name for name in known if name in names) or usual(task, classes)
