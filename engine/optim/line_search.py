"""A line search: how far to go along a direction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

ENOUGH = 1e-4  # share of the promised fall that must come true
FLAT = 0.9  # share of the first slope that may be left
LEAST = 1e-9  # change of a weight that is worth a look


@dataclass(frozen=True)
class Point:
    """What is known at a length along the direction: loss, gradient, and the loss's slope along the direction."""

    length: float
    loss: float
    gradient: Any
    slope: float


def strong_wolfe(
    there: Callable[[float], Point], start: Point, length: float, reach: float, most: int
) -> tuple[Point, int]:
    """A length at which the loss has fallen well and its slope is nearly flat (the strong Wolfe conditions).

    Nocedal and Wright, Numerical Optimization, 2006, algorithms 3.5 and 3.6.

    Args:
        there: loss and gradient at a length.
        start: the same at 0.
        length: the first length that is tried.
        reach: how far the weight that moves most goes at length 1.
        most: how often to look at the most, beside the first.

    Returns:
        The point found, and how often it was looked.

    Example:
        >>> parabola = lambda t: Point(t, (t - 3) ** 2, None, 2 * (t - 3))
        >>> found, looks = strong_wolfe(parabola, parabola(0.0), 1.0, 1.0, 25)
        >>> round(found.length, 6), looks
        (1.0, 1)
    """
    bracket, looks = _bracketed(there, start, length, most)
    if len(bracket) == 1:
        return bracket[0], looks
    stuck = False
    bracket.sort(key=lambda point: point.loss)  # the lower end first
    while looks <= most:
        low, high = bracket
        if abs(high.length - low.length) * reach < LEAST:
            break
        length, stuck = _inside(low, high, stuck)
        new = there(length)
        looks += 1
        if new.loss > start.loss + ENOUGH * length * start.slope or new.loss >= low.loss:
            bracket = sorted([low, new], key=lambda point: point.loss)
            continue
        if abs(new.slope) <= -FLAT * start.slope:
            return new, looks
        bracket = [new, low if new.slope * (high.length - low.length) >= 0 else high]
    return bracket[0], looks


def _bracketed(there: Callable[[float], Point], start: Point, length: float, most: int) -> tuple[list[Point], int]:
    """A point that will do, or two between which one lies; and how often it was looked."""
    before, new, looks = start, there(length), 1
    while looks <= most:
        if new.loss > start.loss + ENOUGH * new.length * start.slope or (looks > 2 and new.loss >= before.loss):
            return [before, new], looks
        if abs(new.slope) <= -FLAT * start.slope:
            return [new], looks
        if new.slope >= 0:
            return [before, new], looks
        bounds = new.length + 0.01 * (new.length - before.length), new.length * 10
        before, new = new, there(_cubic(before, new, bounds))
        looks += 1
    return [start, new], looks


def _inside(low: Point, high: Point, stuck: bool) -> tuple[float, bool]:
    """The next length to try, and whether it was near an end; the second time that is so, one further inside."""
    left, right = sorted([low.length, high.length])
    length, margin = _cubic(low, high), 0.1 * (right - left)
    if min(right - length, length - left) >= margin:
        return length, False
    if stuck or length >= right or length <= left:
        return (right - margin if abs(length - right) < abs(length - left) else left + margin), False
    return length, True


def _cubic(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic through two points with their slopes is least, within the bounds."""
    left, right = bounds or sorted([a.length, b.length])
    if a.length > b.length:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.length - b.length)
    square = d1**2 - a.slope * b.slope
    d2 = sqrt(square) if square >= 0 else 0.0
    bend = b.slope - a.slope + 2 * d2
    if not square >= 0 or bend == 0:  # it has no least point
        return (left + right) / 2
    return min(max(b.length - (b.length - a.length) * (b.slope + d2 - d1) / bend, left), right)
