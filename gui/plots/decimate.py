"""Long series brought down to what a screen can show, and ranges that grow in steps."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class Blocks(NamedTuple):
    """Runs of neighbouring samples, one a column of the screen. All arrays (blocks,)."""

    x: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray


def blocks(x: np.ndarray, y: np.ndarray, left: float, right: float, columns: int) -> Blocks:
    """What of the series lies between `left` and `right`, and one sample more at either end, in at most `columns`.

    `x` ascends. A block holds a power of two of samples counted from the series' start, so that blocks stay what
    they are while the series grows.

    >>> parts = blocks(np.arange(8), np.array([5., 1, 2, 8, 4, 4, 0, 6]), 0, 7, 4)
    >>> parts.low.tolist(), parts.high.tolist(), parts.mean.tolist()
    ([1.0, 2.0, 4.0, 0.0], [5.0, 8.0, 4.0, 6.0], [3.0, 5.0, 4.0, 3.0])
    """
    first = max(0, int(np.searchsorted(x, left)) - 1)
    last = min(len(x), int(np.searchsorted(x, right, side="right")) + 1)
    size = 1 << max(0, math.ceil(math.log2(max(1, (last - first) / columns))))
    if size == 1:
        y = y[first:last]
        return Blocks(x[first:last], y, y, y)
    first -= first % size
    whole = (last - first) // size
    middle = first + whole * size
    part = y[first:middle].reshape(whole, size)
    parts = [(x[first + size // 2 : middle : size], part.min(axis=1), part.max(axis=1), part.mean(axis=1))]
    if middle < last:
        rest = y[middle:last]
        parts.append((x[last - 1 : last], *(np.atleast_1d(of) for of in (rest.min(), rest.max(), rest.mean()))))
    return Blocks(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def peaks(parts: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """A line that touches the lowest and the highest sample of each block; the samples where each is a block."""
    if parts.low is parts.high:
        return parts.x, parts.mean
    return np.repeat(parts.x, 2), np.stack([parts.low, parts.high], axis=1).ravel()


def smooth(y: np.ndarray, window: int) -> np.ndarray:
    """Mean of the `window` values around each one, of fewer at the ends; what is not finite counts for nothing.

    >>> smooth(np.array([0., 3, 6, 9]), 3).tolist()
    [1.5, 3.0, 6.0, 7.5]
    """
    if window < 2 or len(y) < 3:
        return y
    ones = np.ones(min(window, len(y)) | 1)
    finite = np.isfinite(y)
    total = np.convolve(np.where(finite, y, 0.0), ones)
    weight = np.convolve(finite.astype(float), ones)
    edge = len(ones) // 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return (total / weight)[edge : edge + len(y)]


def nice_step(span: float, count: int = 4) -> float:
    """1, 2 or 5 times a power of ten, so that about `count` of them make the span.

    >>> nice_step(0.93), nice_step(7), nice_step(120)
    (0.5, 2.0, 50.0)
    """
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= raw * 0.999)


def round_range(low: float, high: float) -> tuple[float, float]:
    """The range widened to round numbers.

    >>> round_range(0.07, 0.93)
    (0.0, 1.0)
    """
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-30):
        margin = 0.5 * abs(high) or 0.5
        low, high = low - margin, high + margin
    step = nice_step(high - low)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def grown(shown: tuple[float, float] | None, low: float, high: float) -> tuple[float, float]:
    """The range to show: the old one as long as the data fit and fill half of it, so that a plot holds still.

    >>> grown((0.0, 1.0), 0.1, 0.9), grown((0.0, 1.0), 0.1, 1.3), grown((0.0, 10.0), 0.1, 0.9)
    ((0.0, 1.0), (0.0, 1.5), (0.0, 1.0))
    """
    if shown is not None and shown[0] <= low and high <= shown[1] and high - low >= 0.45 * (shown[1] - shown[0]):
        return shown
    return round_range(low, high)


def grown_end(last: float, most: float, is_growing: bool = True, room: float = 1.1) -> float:
    """Where the axis of steps ends while `last` grows towards `most`: a few jumps instead of one at each step.

    `room` times the last step is the least, for the names at the lines' ends.

    >>> [grown_end(last, 5000) for last in (3, 120, 1400, 4000)], grown_end(4900, 4900, False, room=1.0)
    ([20, 150, 2000, 5000], 4900)
    """
    if not is_growing or (most and last >= 0.66 * most):
        return max(most, room * last, 1)
    end = 20
    while end < room * last:
        power = 10 ** (len(str(end)) - 1)
        end = next(int(factor * power) for factor in (1.5, 2, 3, 5, 7, 10, 15) if factor * power > end)
    return min(end, most) if most and most >= last else end
