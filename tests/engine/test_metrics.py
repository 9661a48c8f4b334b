"""Figures of merit by themselves: what they refuse, what has no meaning, and what is put away and taken up again."""

from __future__ import annotations

import json

import numpy as np
import pytest

import engine
from engine import metrics
from engine.errors import EngineError

rng = np.random.default_rng(2)
CLASSES, OTHERS = rng.integers(0, 3, 40), rng.integers(0, 3, 40)
SCORES, YES, VALUES = rng.dirichlet(np.ones(3), 40), rng.integers(0, 2, 40), rng.normal(5, 1, 40)
TEXTS = np.array(["the cat", "a dog sat on a mat", "the mat", "it is so"] * 10)
BOXES = np.array([[[0.0, 0.0, 9.0, 9.0]]] * 40)

METRICS = {
    "Accuracy": (metrics.Accuracy, OTHERS, CLASSES),
    "TopK": (lambda: metrics.TopK(2), SCORES, CLASSES),
    "ConfusionMatrix": (lambda: metrics.ConfusionMatrix(3), OTHERS, CLASSES),
    "Precision": (lambda: metrics.Precision(3), OTHERS, CLASSES),
    "Recall": (lambda: metrics.Recall(3, "weighted"), OTHERS, CLASSES),
    "F1": (lambda: metrics.F1(3, None), OTHERS, CLASSES),
    "IoU": (lambda: metrics.IoU(3, ignore_index=2), OTHERS, CLASSES),
    "ROC": (metrics.ROC, SCORES[:, 0], YES),
    "PrecisionRecall": (lambda: metrics.PrecisionRecall(3), SCORES, CLASSES),
    "MAE": (metrics.MAE, VALUES + 1, VALUES),
    "RMSE": (metrics.RMSE, VALUES + 1, VALUES),
    "MAPE": (metrics.MAPE, VALUES + 1, VALUES),
    "R2": (metrics.R2, VALUES + SCORES[:, 0], VALUES),
    "Perplexity": (metrics.Perplexity, np.log(SCORES), CLASSES),
    "BLEU": (lambda: metrics.BLEU(effective_order=True), TEXTS, TEXTS[::-1]),
    "ChrF": (metrics.ChrF, TEXTS, TEXTS[::-1]),
    "RecallAtK": (lambda: metrics.RecallAtK(1), SCORES, SCORES > 0.4),
    "HitRate": (lambda: metrics.HitRate(1), SCORES, SCORES > 0.4),
    "MRR": (metrics.MRR, SCORES, SCORES[:, ::-1] > 0.4),
    "NDCG": (metrics.NDCG, SCORES, SCORES[:, ::-1]),
    "MeanAveragePrecision": (metrics.MeanAveragePrecision, BOXES + 1, SCORES[:, :1], YES[:, None], BOXES, YES[:, None]),
}


def feed(metric, arrays):
    """A batch to most; an image each to the one of boxes."""
    if isinstance(metric, metrics.MeanAveragePrecision):
        for image in zip(*arrays):
            metric.update(*image)
    else:
        metric.update(*arrays)


def test_every_metric_is_here():
    named = {name for name in metrics.__all__ if isinstance(getattr(metrics, name), type)}
    assert named - set(METRICS) == {"Mean", "Metric"}


@pytest.mark.parametrize("name", METRICS)
def test_batches_json_and_merging_change_nothing(name):
    make, *arrays = METRICS[name]
    whole, parts, other = make(), make(), make()
    feed(whole, arrays)
    feed(other, [array[:7] for array in arrays])  # forgotten by reset
    other.reset()
    for start, metric in ((0, parts), (11, parts), (22, other), (33, other)):
        feed(metric, [array[start : start + 11] for array in arrays])
    again = make()
    again.load(json.loads(json.dumps(parts.state())))
    again.merge(other)
    figures, expected = again.compute(), whole.compute()
    assert expected is not None
    if isinstance(expected, dict):
        assert figures == expected
    else:
        np.testing.assert_allclose(figures, expected, rtol=1e-12)


@pytest.mark.parametrize("name", [name for name in METRICS if name != "ConfusionMatrix"])
def test_before_the_first_batch_there_is_no_figure(name):
    metric = METRICS[name][0]()
    assert metric.compute() is None
    metric.merge(METRICS[name][0]())
    assert metric.compute() is None


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: metrics.F1(3).update(np.array([3]), np.array([0])), "F1: class 3 comes, expected 0 to 2."),
        (lambda: metrics.F1(3).update(np.array([0.5]), np.array([0])), "F1: the classes are float64, expected whole"),
        (lambda: metrics.F1(3).update(np.array([0]), np.array([0, 1])), "F1: 1 prediction for 2 samples"),
        (lambda: metrics.F1(3, "mean"), "F1: average is 'mean'"),
        (lambda: metrics.TopK(0), "TopK: k is 0, expected 1 or more"),
        (lambda: metrics.TopK(1).update(np.array([0]), np.array([0])), "scores with 1 axis arrive"),
        (lambda: metrics.ROC().update(np.array([0.5]), np.array([2])), "ROC: class 2 comes, expected 0 to 1"),
        (lambda: metrics.ROC(3).update(np.array([0.5]), np.array([2])), "ROC: scores of shape (1,) arrive"),
        (lambda: metrics.NDCG(0), "NDCG: k is 0"),
        (lambda: metrics.NDCG().update(np.ones(3), np.ones(2)), "NDCG: scores of shape (3,), relevance of (2,)"),
        (lambda: metrics.BLEU(tokenize="zh"), "BLEU: tokenize is 'zh'"),
        (lambda: metrics.BLEU(smooth="floor"), "BLEU: smooth is 'floor'"),
        (lambda: metrics.BLEU().update(["a"], []), "BLEU: 1 prediction for 0 samples"),
        (lambda: metrics.ChrF().update(["a"], [[]]), "ChrF: a text has no reference"),
        (lambda: metrics.Perplexity().update(np.zeros((1, 2)), np.array([2])), "Perplexity: class 2 comes"),
        (lambda: metrics.MeanAveragePrecision().update(BOXES[0], np.ones(2), np.ones(1), BOXES[0], np.ones(1)),
         "2 scores for 1 box"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_one_sentence(act, sentence):
    with pytest.raises(EngineError) as caught:
        act()
    assert sentence in str(caught.value)


@pytest.mark.parametrize("name", ["Accuracy", "MAE", "RMSE", "MAPE", "R2"])
def test_predictions_in_a_column_are_not_stretched_to_a_square(name):
    with pytest.raises(EngineError, match="predictions of 3 x 1 come for truths of 3, expected one shape"):
        getattr(metrics, name)().update(np.ones((3, 1)), np.ones(3))


@pytest.mark.parametrize("name", ["Accuracy", "TopK", "ConfusionMatrix", "ROC", "MAE", "R2", "Perplexity", "NDCG"])
def test_tensors_are_taken_as_arrays_are(name):
    make, *batch = METRICS[name]
    of_arrays, of_tensors = make(), make()
    of_arrays.update(*batch)
    of_tensors.update(*map(engine.tensor, batch))
    assert of_tensors.state() == of_arrays.state()
