"""Figures of merit beside scikit-learn's, sacrebleu's and pycocotools', however the samples are cut into batches."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest

metrics = pytest.importorskip("sklearn.metrics")
sacrebleu = pytest.importorskip("sacrebleu")
pytest.importorskip("pycocotools")

from pycocotools.coco import COCO  # noqa: E402
from pycocotools.cocoeval import COCOeval  # noqa: E402

import engine.metrics as ours  # noqa: E402

rng = np.random.default_rng(3)
CLASSES = 5
TRUE = rng.integers(0, 4, 200)  # class 4 never comes
PREDICTED = np.where(rng.random(200) < 0.6, TRUE, rng.integers(0, CLASSES, 200))
SCORES = rng.dirichlet(np.ones(CLASSES), 200).round(2)  # some are equal
YES, CHANCE = rng.integers(0, 2, 200), rng.random(200).round(2)
VALUES, GUESSES = rng.normal(3, 2, 200), rng.normal(3, 2, 200)
RELEVANCE, ORDER = rng.integers(0, 4, (50, 12)) * (rng.random((50, 12)) < 0.5), rng.random((50, 12))
RELEVANCE[:, 0] = 1


def figure(metric, *arrays, size=37):
    """Gathered over uneven batches by two, one of which is put away and taken up again on the way."""
    other = type(metric).__new__(type(metric))
    other.__dict__.update(metric.__dict__)
    other.reset()
    for start in range(0, len(arrays[0]), size):
        gatherer = metric if start < 2 * size else other
        gatherer.update(*(array[start : start + size] for array in arrays))
        state = gatherer.state()
        gatherer.reset()
        gatherer.load(state)
    metric.merge(other)
    return metric.compute()


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", None])
@pytest.mark.parametrize(("name", "theirs"), [("Precision", metrics.precision_score), ("Recall", metrics.recall_score),
                                              ("F1", metrics.f1_score)])  # fmt: skip
def test_precision_recall_and_f1_agree(name, theirs, average):
    got = figure(getattr(ours, name)(CLASSES, average), PREDICTED, TRUE)
    expected = theirs(TRUE, PREDICTED, labels=range(CLASSES), average=average, zero_division=0)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", None])
def test_iou_agrees_and_a_class_that_never_comes_adds_nothing_to_the_mean(average):
    seen = TRUE[PREDICTED < 4], PREDICTED[PREDICTED < 4]
    got = figure(ours.IoU(CLASSES if average else 4, average), *seen[::-1])
    np.testing.assert_allclose(got, metrics.jaccard_score(*seen, average=average), rtol=1e-12)


def test_accuracy_and_the_confusion_matrix_agree():
    assert figure(ours.Accuracy(), PREDICTED, TRUE) == pytest.approx(metrics.accuracy_score(TRUE, PREDICTED), 1e-12)
    expected = metrics.confusion_matrix(TRUE, PREDICTED, labels=range(CLASSES))
    assert figure(ours.ConfusionMatrix(CLASSES), PREDICTED, TRUE).tolist() == expected.tolist()


@pytest.mark.parametrize("k", [1, 2, 4])
def test_top_k_agrees_also_among_equal_scores(k):
    expected = metrics.top_k_accuracy_score(TRUE, SCORES, k=k, labels=range(CLASSES))
    assert figure(ours.TopK(k), SCORES, TRUE) == pytest.approx(expected, 1e-12)


def test_roc_and_precision_by_recall_agree_in_every_point_and_in_area():
    roc, pr = ours.ROC(), ours.PrecisionRecall()
    assert figure(roc, CHANCE, YES) == pytest.approx(metrics.roc_auc_score(YES, CHANCE), 1e-12)
    for got, expected in zip(roc.curve(), metrics.roc_curve(YES, CHANCE, drop_intermediate=False), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert figure(pr, CHANCE, YES) == pytest.approx(metrics.average_precision_score(YES, CHANCE), 1e-12)
    for got, expected in zip(pr.curve(), metrics.precision_recall_curve(YES, CHANCE), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_areas_of_several_classes_are_the_mean_of_each_against_the_others():
    scores = SCORES[:, :4] / SCORES[:, :4].sum(axis=1, keepdims=True)
    expected = metrics.roc_auc_score(TRUE, scores, multi_class="ovr")
    assert figure(ours.ROC(4), scores, TRUE) == pytest.approx(expected, 1e-12)
    expected = metrics.average_precision_score(np.eye(4)[TRUE], scores)
    assert figure(ours.PrecisionRecall(4), scores, TRUE) == pytest.approx(expected, 1e-12)


def test_r2_of_several_outputs_takes_each_by_its_own_mean():
    true = np.random.default_rng(0).standard_normal((100, 2)) + np.array([0, 1_000])
    predicted = true + np.random.default_rng(1).standard_normal((100, 2))
    expected = metrics.r2_score(true, predicted, multioutput="variance_weighted")
    np.testing.assert_allclose(figure(ours.R2(), predicted, true), expected, rtol=1e-9)
    assert expected < 0.5


@pytest.mark.parametrize(("name", "theirs"), [("MAE", metrics.mean_absolute_error), ("R2", metrics.r2_score),
                                              ("RMSE", metrics.root_mean_squared_error),
                                              ("MAPE", metrics.mean_absolute_percentage_error)])  # fmt: skip
def test_figures_of_values_agree(name, theirs):
    assert figure(getattr(ours, name)(), GUESSES, VALUES) == pytest.approx(theirs(VALUES, GUESSES), 1e-10)


def test_perplexity_is_the_exponential_of_the_log_loss():
    logs = np.log(np.clip(SCORES, 1e-6, 1))
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    expected = np.exp(metrics.log_loss(TRUE, np.exp(logs), labels=range(CLASSES)))
    assert figure(ours.Perplexity(), logs, TRUE) == pytest.approx(expected, 1e-10)


@pytest.mark.parametrize("k", [None, 1, 5])
def test_ndcg_agrees(k):
    assert figure(ours.NDCG(k), ORDER, RELEVANCE) == pytest.approx(metrics.ndcg_score(RELEVANCE, ORDER, k=k), 1e-12)


def test_recall_hits_and_reciprocal_places_agree():
    first = np.eye(12)[rng.integers(0, 12, 50)]  # one relevant thing a row
    mean_reciprocal = metrics.label_ranking_average_precision_score(first, ORDER)
    assert figure(ours.MRR(), ORDER, first) == pytest.approx(mean_reciprocal, 1e-12)
    for k in (1, 3):
        expected = metrics.top_k_accuracy_score(first.argmax(axis=1), ORDER, k=k, labels=range(12))
        assert figure(ours.HitRate(k), ORDER, first) == pytest.approx(expected, 1e-12)
        assert figure(ours.RecallAtK(k), ORDER, first) == pytest.approx(expected, 1e-12)


# --- texts -----------------------------------------------------------------------------------------------------------

WORDS = ["the", "cat", "sat", "on", "a", "mat", "3,000", "it's", "state-of-the-art", "(so)", '"well"', "&amp;",
         "Ünder", "1-2", "end.", "U.S.", "日本", "x,y", "100%", "a/b", "–", "naïve"]  # fmt: skip


def texts(count, longest, seed):
    draw = np.random.default_rng(seed)
    return [" ".join(draw.choice(WORDS, draw.integers(0 if i else 1, longest))) for i in range(count)]


HYPOTHESES, FIRST, SECOND = texts(40, 14, 0), texts(40, 14, 1), texts(40, 14, 2)
NEAR = [" ".join(word for word in text.split() if hash_ % 3) for hash_, text in enumerate(FIRST)]
BOTH = [list(pair) for pair in zip(FIRST, SECOND)]


@pytest.mark.parametrize("hypotheses", [HYPOTHESES, NEAR], ids=["far", "near"])
@pytest.mark.parametrize("options", [{}, {"lowercase": True}, {"tokenize": "none"}, {"max_order": 2},
                                     {"smooth": "none"}, {"effective_order": True}], ids=str)  # fmt: skip
def test_bleu_agrees(hypotheses, options):
    spelt = {"smooth": "smooth_method", "max_order": "max_ngram_order"}
    theirs = sacrebleu.BLEU(**{spelt.get(name, name): value for name, value in options.items()})
    expected = theirs.corpus_score(hypotheses, [FIRST, SECOND]).score
    assert figure(ours.BLEU(**options), hypotheses, BOTH, size=7) == pytest.approx(expected, 1e-10)


@pytest.mark.parametrize("text", ["", "x", "the cat", "the cat sat on a mat", "no word of it"])
def test_bleu_and_chrf_of_one_short_text_agree(text):
    bleu, chrf = ours.BLEU(), ours.ChrF()
    for metric in (bleu, chrf):
        metric.update([text], ["the cat sat on the mat"])
    assert bleu.compute() == pytest.approx(sacrebleu.BLEU().corpus_score([text], [["the cat sat on the mat"]]).score)
    assert chrf.compute() == pytest.approx(sacrebleu.CHRF().corpus_score([text], [["the cat sat on the mat"]]).score)


@pytest.mark.parametrize(
    "text", [*WORDS, " ".join(WORDS), "a-\nb\nc", "&quot;&lt;tag&gt;&quot;", "1.5.2,3 x.-y", "é{|}~"]
)
def test_words_are_told_apart_as_in_mteval_13a(text):
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    from engine.metrics.text import tokenize_13a

    assert tokenize_13a(text) == Tokenizer13a()(text).split()


@pytest.mark.parametrize("hypotheses", [HYPOTHESES, NEAR], ids=["far", "near"])
@pytest.mark.parametrize("options", [{}, {"word_order": 2}, {"char_order": 3, "beta": 1}, {"lowercase": True}], ids=str)
def test_chrf_agrees(hypotheses, options):
    expected = sacrebleu.CHRF(**options).corpus_score(hypotheses, [FIRST, SECOND]).score
    assert figure(ours.ChrF(**options), hypotheses, BOTH, size=7) == pytest.approx(expected, 1e-10)


# --- boxes -----------------------------------------------------------------------------------------------------------


def boxes(draw, count):
    """Whole numbers, so that both libraries see the same; from a few pixels to hundreds."""
    corner = draw.integers(0, 200, (count, 2))
    return np.concatenate([corner, corner + np.exp(draw.uniform(1.5, 5.0, (count, 2))).astype(int)], axis=1)


def images(seed):
    """(found, scores, labels, true, true labels, crowd, areas) of some images, of which one is empty"""
    draw = np.random.default_rng(seed)
    for i in range(12):
        true, labels = boxes(draw, n := 0 if i == 3 else draw.integers(1, 9)), draw.integers(0, 3, n)
        near = np.repeat(true, 2, axis=0) + draw.integers(-4, 5, (2 * n, 4))
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        found = np.concatenate([near, boxes(draw, 4)])
        kinds = np.concatenate([np.where(draw.random(2 * n) < 0.8, np.repeat(labels, 2), 2), draw.integers(0, 3, 4)])
        sides = true[:, 2:] - true[:, :2]
        areas = (sides.prod(axis=1) * draw.choice([1.0, 0.7], n)).astype(float)
        yield found, draw.random(len(found)).round(2), kinds, true, labels, draw.random(n) < 0.15, areas


def wide(box):
    return [float(v) for v in (*box[:2], *(box[2:] - box[:2]))]


def by_pycocotools(given):
    truths, results = [], []
    for i, (found, scores, kinds, true, labels, crowd, areas) in enumerate(given):
        truths += [{"id": len(truths) + k + 1, "image_id": i + 1, "category_id": int(labels[k]) + 1,
                    "bbox": wide(true[k]), "area": float(areas[k]), "iscrowd": int(crowd[k])}
                   for k in range(len(true))]  # fmt: skip
        results += [{"image_id": i + 1, "category_id": int(kinds[k]) + 1, "bbox": wide(found[k]),
                     "score": float(scores[k])} for k in range(len(found))]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"images": [{"id": i + 1} for i in range(len(given))], "annotations": truths,
                        "categories": [{"id": k + 1} for k in range(3)], "info": {}}  # fmt: skip
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


NAMES = ["map", "map_50", "map_75", "map_small", "map_medium", "map_large", "mar_1", "mar_10", "mar_100", "mar_small",
         "mar_medium", "mar_large"]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_all_twelve_figures_of_coco_agree(seed):
    given = list(images(seed))
    metric, other = ours.MeanAveragePrecision(), ours.MeanAveragePrecision()
    for i, image in enumerate(given):
        (metric if i < 5 else other).update(*image)
    again = ours.MeanAveragePrecision()
    again.load(other.state())
    metric.merge(again)
    figures, expected = metric.compute(), by_pycocotools(given)
    assert list(figures) == NAMES
    found = [-1 if figures[name] is None else figures[name] for name in NAMES]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_an_area_in_which_nothing_is_has_no_figure():
    box = np.array([[10, 10, 20, 20]])
    given = [(box, np.array([0.5]), np.array([0]), box, np.array([0]), np.array([False]), np.array([100.0]))]
    metric = ours.MeanAveragePrecision()
    metric.update(*given[0])
    expected = [None if value == -1 else pytest.approx(value) for value in by_pycocotools(given)]
    assert [metric.compute()[name] for name in NAMES] == expected
