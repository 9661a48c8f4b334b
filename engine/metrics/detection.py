"""Mean average precision of boxes, as the COCO benchmark has it (Lin et al., 2014)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.errors import ShapeError
from engine.metrics.metric import Metric
from engine.wording import counted

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""How much a box must share with a true one to count as found."""
RECALLS = np.linspace(0.0, 1.0, 101)
AREAS = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
MOST = (1, 10, 100)
"""Boxes of a class that count in one image, those with the highest scores."""


def box_iou(boxes: np.ndarray, others: np.ndarray, crowd: np.ndarray | None = None) -> np.ndarray:
    """Area that each two share, divided by the area that either covers; beside a crowd, by the first box's area.

    Args:
        boxes, others: each with each.
        crowd: which of the others stand for many things.

    Shape:
        boxes (N, 4), others (M, 4): left, top, right, bottom; crowd (M) -> (N, M)

    >>> box_iou(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])).round(4).tolist()
    [[0.3333]]
    """
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    own, other = _areas(boxes)[:, None], _areas(others)[None]
    either = own + other - shared if crowd is None else np.where(crowd[None], own, own + other - shared)
    return np.divide(shared, either, out=np.zeros(shared.shape), where=either > 0)


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


@dataclass(frozen=True)
class _Image:
    """The boxes of one class in one image, those found with the highest score first."""

    boxes: np.ndarray
    scores: np.ndarray
    true: np.ndarray
    crowd: np.ndarray
    areas: np.ndarray


@dataclass(frozen=True)
class _Found:
    """Of the boxes found in an image: scores (D), and at each threshold which are right or do not count (T, D)."""

    scores: np.ndarray
    right: np.ndarray
    left_out: np.ndarray
    wanted: int


class MeanAveragePrecision(Metric):
    """Mean over classes and overlaps of the area under precision by recall, COCO's figure for detectors.

    Average precision is read at 101 recalls, for overlaps (IoU) of 0.5 to 0.95, in all areas and in three ranges of
    them; average recall is the best recall with 1, 10 and 100 boxes an image. All twelve figures are those of
    pycocotools.

    >>> metric, box = MeanAveragePrecision(), np.array([[10.0, 10.0, 50.0, 50.0]])
    >>> metric.update(box + 2, np.array([0.9]), np.array([0]), box, np.array([0]))
    >>> figures = metric.compute()
    >>> round(figures["map"], 4), figures["map_50"], figures["map_large"]
    (0.7, 1.0, None)
    """

    kept = ("boxes", "scores", "labels", "true_boxes", "true_labels", "crowd", "areas")

    def update(
        self,
        boxes: np.ndarray,
        scores: np.ndarray,
        labels: np.ndarray,
        true_boxes: np.ndarray,
        true_labels: np.ndarray,
        crowd: np.ndarray | None = None,
        areas: np.ndarray | None = None,
    ) -> None:
        """Take in one image.

        Args:
            boxes: what was found: left, top, right, bottom.
            scores: how sure of each.
            labels: the class of each.
            true_boxes, true_labels: what is there.
            crowd: which of the true boxes hold many of their class: whatever lies in them does not count.
            areas: of what is in the true boxes, where it is not the boxes' own, as of outlines.

        Shape:
            boxes (D, 4), scores and labels (D), true_boxes (G, 4), true_labels, crowd and areas (G)

        Raises:
            ShapeError: there is not one of each for each box.
        """
        boxes, true_boxes = (np.array(b, np.float64).reshape(-1, 4) for b in (boxes, true_boxes))
        crowd = np.zeros(len(true_boxes), bool) if crowd is None else np.array(crowd, bool)
        areas = _areas(true_boxes) if areas is None else np.array(areas, np.float64)
        for what, values, count in (("scores", scores, len(boxes)), ("labels", labels, len(boxes)),
                                    ("true labels", true_labels, len(true_boxes)), ("crowd", crowd, len(true_boxes)),
                                    ("areas", areas, len(true_boxes))):  # fmt: skip
            if len(values) != count:
                raise ShapeError("MeanAveragePrecision", got=f"{len(values)} {what} for {counted(count, 'box')}",
                                 expected="one for each")  # fmt: skip
        given = (boxes, np.array(scores, np.float64), np.array(labels), true_boxes, np.array(true_labels), crowd, areas)
        for name, value in zip(self.kept, given):
            getattr(self, name).append(value)

    def compute(self) -> dict[str, float | None] | None:
        """The twelve figures by name, None for an area in which nothing is; None before the first image."""
        if not self.boxes:
            return None
        classes = np.unique(np.concatenate([np.zeros(0, np.int64), *self.true_labels])).tolist()
        images = {of: [self._image(i, of) for i in range(len(self.boxes))] for of in classes}
        precision = {area: np.full((len(THRESHOLDS), len(classes), 101), -1.0) for area in AREAS}
        recall = {(area, most): np.full((len(THRESHOLDS), len(classes)), -1.0) for area in AREAS for most in MOST}
        for place, of in enumerate(classes):
            for area, limits in AREAS.items():
                found = [_match(image, limits) for image in images[of] if len(image.true) or len(image.boxes)]
                if not sum(image.wanted for image in found):
                    continue
                for most in MOST if area == "all" else (100,):
                    curve, reached = _curve(found, most)
                    recall[area, most][:, place] = reached
                precision[area][:, place] = curve
        return {
            "map": _mean(precision["all"]),
            "map_50": _mean(precision["all"][0]),
            "map_75": _mean(precision["all"][5]),
            **{f"map_{area}": _mean(precision[area]) for area in ("small", "medium", "large")},
            **{f"mar_{most}": _mean(recall["all", most]) for most in MOST},
            **{f"mar_{area}": _mean(recall[area, 100]) for area in ("small", "medium", "large")},
        }

    def _image(self, i: int, of: int) -> _Image:
        found = np.flatnonzero(self.labels[i] == of)
        found = found[np.argsort(-self.scores[i][found], kind="stable")][: MOST[-1]]
        there = self.true_labels[i] == of
        boxes, true = self.boxes[i].reshape(-1, 4)[found], self.true_boxes[i].reshape(-1, 4)[there]
        return _Image(boxes, self.scores[i][found], true, self.crowd[i][there].astype(bool), self.areas[i][there])


def _mean(values: np.ndarray) -> float | None:
    known = values[values > -1]
    return float(known.mean()) if known.size else None


def _match(image: _Image, limits: tuple[float, float]) -> _Found:
    """Each box found takes, in the order of the scores, the free true box that it shares most with."""
    outside = image.crowd | (image.areas < limits[0]) | (image.areas > limits[1])
    order = np.argsort(outside, kind="stable")
    outside, crowd = outside[order], image.crowd[order]
    shares = box_iou(image.boxes, image.true[order], crowd)
    enough = np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]
    taken = np.zeros((len(THRESHOLDS), len(order)), bool)
    right = np.zeros((len(THRESHOLDS), len(image.boxes)), bool)
    left_out = np.zeros_like(right)
    rows = np.arange(len(THRESHOLDS))
    for d, share in enumerate(shares if len(order) else ()):
        free = (~taken | crowd) & (share >= enough)
        wanted = free & ~outside
        free = np.where(wanted.any(axis=1, keepdims=True), wanted, free)
        last = len(order) - 1 - np.where(free, share, -1.0)[:, ::-1].argmax(axis=1)  # of equal ones the last
        hit = free.any(axis=1)
        taken[rows[hit], last[hit]] = True
        right[:, d], left_out[:, d] = hit & ~outside[last], hit & outside[last]
    sizes = _areas(image.boxes)
    left_out |= ~right & ((sizes < limits[0]) | (sizes > limits[1]))
    return _Found(image.scores, right, left_out, int((~outside).sum()))


def _curve(found: list[_Found], most: int) -> tuple[np.ndarray, np.ndarray]:
    """-> precision at each recall (T, 101), and the recall that is reached (T)"""
    scores = np.concatenate([image.scores[:most] for image in found])
    order = np.argsort(-scores, kind="stable")
    right = np.concatenate([image.right[:, :most] for image in found], axis=1)[:, order]
    counts = ~np.concatenate([image.left_out[:, :most] for image in found], axis=1)[:, order]
    hits, misses = np.cumsum(right & counts, axis=1), np.cumsum(~right & counts, axis=1)
    wanted = sum(image.wanted for image in found)
    curve = np.zeros((len(THRESHOLDS), len(RECALLS)))
    if not len(scores):
        return curve, np.zeros(len(THRESHOLDS))
    recall = hits / wanted
    precision = hits / np.maximum(hits + misses, 1)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]  # never less than at a higher recall
    for t in range(len(THRESHOLDS)):
        places = np.searchsorted(recall[t], RECALLS, side="left")
        inside = places < len(scores)
        curve[t, inside] = precision[t, places[inside]]
    return curve, recall[:, -1]
