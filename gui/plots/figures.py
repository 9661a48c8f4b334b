"""Numbers as people read them on a plot."""

from __future__ import annotations

import math

from engine.metrics.offers import OFFERS

PERCENT = ("accuracy", "top3", "top5", "precision", "recall", "f1", "mape")
SHORT = ("r2", "f1", "roc_auc")
"""Titles that are no words."""


def figure(value: float) -> str:
    """Three figures that count.

    >>> figure(0.07134), figure(1234.5), figure(0.00001234), figure(float("nan"))
    ('0.0713', '1,234', '1.23e-05', 'not a number')
    """
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e6 or size < 1e-3:
        return f"{value:.3g}"
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 - math.floor(math.log10(size))}f}"


def metric(name: str, value: float) -> str:
    """A figure with its unit.

    >>> metric("accuracy", 0.97834), metric("mae", 42.31)
    ('97.8 %', '42.3')
    """
    return f"{100 * value:.1f} %" if name in PERCENT else figure(value)


def short(value: float) -> str:
    """A tick's label.

    >>> [short(value) for value in (0, 0.25, 1500, 20000, 3e6, 1e-5, 2e34)]
    ['0', '0.25', '1.5k', '20k', '3M', '1e-05', '2e+34']
    """
    if abs(value) >= 1e12:
        return f"{value:.2g}"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:.6g}"


def title(name: str) -> str:
    """What a metric is called on a card.

    >>> title("accuracy"), title("f1")
    ('Accuracy', 'F1')
    """
    return OFFERS[name].title if name in OFFERS else name.capitalize()


def word(name: str) -> str:
    """What a metric is called in the middle of a line.

    >>> word("accuracy"), word("r2")
    ('accuracy', 'R²')
    """
    return title(name) if name in SHORT else title(name).lower()
