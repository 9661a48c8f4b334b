"""Where things are on the canvas: sizes, ports, the way of a wire, snapping. Pure functions on numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from math import hypot

WIDTH, HEIGHT = 118.0, 62.0
WIDEST = 236.0
HEADER = 22.0
PORT_Y, PORT_STEP = 31.0, 20.0
PORT = 9.0
"""Diameter of a port."""
TARGET = 24.0
"""Diameter of the place around a port that takes the mouse."""
GRID = 20.0
GAP = 42.0
"""The room between two nodes that stand in a row."""
CLEAR = 12.0
"""The least room between a new node and others."""
SNAP = 6.0

Point = tuple[float, float]
Curve = tuple[Point, Point, Point, Point]
"""A cubic Bezier curve; a straight line has its control points on its ends."""


@dataclass(frozen=True)
class Box:
    """A rectangle by its edges."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def centre(self) -> Point:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def holds(self, x: float, y: float) -> bool:
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def moved(self, dx: float, dy: float) -> Box:
        return Box(self.left + dx, self.top + dy, self.right + dx, self.bottom + dy)


def free_place(box: Box, others: Iterable[Box]) -> Point:
    """The upper left corner of a place as large as `box` and clear of all others: there, or the nearest around it."""
    across, down = (WIDTH + GAP) / 2, (HEIGHT + GAP) / 2
    wide, high = box.width + CLEAR, box.height + CLEAR
    taken = [
        other for other in others
        if abs(other.centre[0] - box.centre[0]) < RINGS * across + wide + other.width
        and abs(other.centre[1] - box.centre[1]) < RINGS * down + high + other.height
    ]  # fmt: skip

    def is_clear(x: float, y: float) -> bool:
        return not any(
            o.left - wide < x < o.right + CLEAR and o.top - high < y < o.bottom + CLEAR for o in taken
        )  # fmt: skip

    for right, below in _around():
        if is_clear(box.left + right * across, box.top + below * down):
            return box.left + right * across, box.top + below * down
    return box.left, max(other.bottom for other in taken) + GAP


RINGS = 12
"""So many half steps a free place is looked for to each side."""


@cache
def _around() -> list[tuple[int, int]]:
    """Steps to the places around, the nearest first, and of those equally near to the right and below first."""
    steps = range(-RINGS, RINGS + 1)
    every = [(right, below) for right in steps for below in steps]
    return sorted(every, key=lambda step: (hypot(step[0] * 1.5, step[1]), step[1] < 0, step[0] < 0))


def node_height(ports: int) -> float:
    """Tall enough for the ports of its busier side."""
    return HEIGHT + PORT_STEP * max(0, ports - 2)


def node_width(needed: float) -> float:
    """Wide enough for its text, within limits, in even pixels."""
    return min(WIDEST, max(WIDTH, 2.0 * round(needed / 2 + 0.5)))


def port_place(side: str, index: int, width: float) -> Point:
    """The centre of a port, from the node's upper left corner."""
    return (0.0 if side == "in" else width), PORT_Y + PORT_STEP * index


def wire_curves(start: Point, end: Point) -> list[Curve]:
    """The way of a wire: an even curve to the right, or round through a lane between the rows when it must go back."""
    (x1, y1), (x2, y2) = start, end
    if x2 - x1 >= 16 or (abs(y2 - y1) < 4 and x2 >= x1):
        handle = min(max((x2 - x1) / 2, 0.25 * abs(y2 - y1), 8.0), 160.0)
        if abs(y2 - y1) < 0.5:
            return [(start, start, end, end)]
        return [(start, (x1 + handle, y1), (x2 - handle, y2), end)]
    lane = (y1 + y2) / 2 if abs(y2 - y1) > 1.6 * HEIGHT else max(y1, y2) + 0.9 * HEIGHT
    reach = min(52.0, 20 + abs(lane - y1) / 2)
    back = min(52.0, 20 + abs(lane - y2) / 2)
    turn, into = (x1, lane), (x2, lane)
    return [
        (start, (x1 + reach, y1), (x1 + reach, lane), turn),
        (turn, turn, into, into),
        (into, (x2 - back, lane), (x2 - back, y2), end),
    ]


def curve_point(curve: Curve, t: float) -> Point:
    """The point at 0 <= t <= 1."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = curve
    s = 1 - t
    a, b, c, d = s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t
    return a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy


def sample(curves: Iterable[Curve], pieces: int = 12) -> list[Point]:
    """The wire as a line of points; a straight piece by its ends alone."""
    points: list[Point] = []
    for curve in curves:
        count = 1 if curve[0] == curve[1] and curve[2] == curve[3] else pieces
        points += [curve_point(curve, i / count) for i in range(0 if not points else 1, count + 1)]
    return points


def distance(point: Point, line: Sequence[Point]) -> float:
    """From a point to the nearest place on a line of points."""
    return min(_to_segment(point, a, b) for a, b in itertools.pairwise(line))


def _to_segment(point: Point, a: Point, b: Point) -> float:
    (px, py), (ax, ay), (bx, by) = point, a, b
    dx, dy = bx - ax, by - ay
    length = dx * dx + dy * dy
    t = 0.0 if length == 0 else max(0.0, min(1.0, ((px - ax) * dx + (py - ay) * dy) / length))
    return hypot(px - ax - t * dx, py - ay - t * dy)


def crosses(one: Sequence[Point], other: Sequence[Point]) -> bool:
    """Whether two lines of points cut each other."""
    return any(_cut(a, b, c, d) for a, b in itertools.pairwise(one) for c, d in itertools.pairwise(other))


def _cut(a: Point, b: Point, c: Point, d: Point) -> bool:
    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) <= 0 and side(c, d, a) * side(c, d, b) <= 0 and a != b and c != d


def middle(line: Sequence[Point]) -> Point:
    """The point half way along."""
    lengths = [hypot(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(line)]
    rest = sum(lengths) / 2
    for (a, b), length in zip(itertools.pairwise(line), lengths):
        if rest <= length and length:
            return a[0] + (b[0] - a[0]) * rest / length, a[1] + (b[1] - a[1]) * rest / length
        rest -= length
    return line[-1]


@dataclass(frozen=True)
class Snap:
    """How far to shift so as to stand in line, and the guides to show: ("x" or "y", where)."""

    dx: float = 0.0
    dy: float = 0.0
    guides: tuple[tuple[str, float], ...] = ()


def snap(box: Box, others: Iterable[Box], reach: float = SNAP) -> Snap:
    """In line with the edges or centres of the neighbours that lie within `reach`."""
    others = list(others)
    x = _nearest((box.left, box.centre[0], box.right), [(o.left, o.centre[0], o.right) for o in others], reach)
    y = _nearest((box.top, box.centre[1], box.bottom), [(o.top, o.centre[1], o.bottom) for o in others], reach)
    guides = tuple((axis, at) for axis, (_, at) in (("x", x), ("y", y)) if at is not None)
    return Snap(x[0], y[0], guides)


def snap_to_grid(box: Box) -> Snap:
    """Upper left corner on the grid."""
    return Snap(round(box.left / GRID) * GRID - box.left, round(box.top / GRID) * GRID - box.top)


def _nearest(own: Sequence[float], others: Iterable[Sequence[float]], reach: float) -> tuple[float, float | None]:
    best, at = reach, None
    shift = 0.0
    for lines in others:
        for mine, theirs in zip(own, lines):
            if abs(theirs - mine) < best:
                best, at, shift = abs(theirs - mine), theirs, theirs - mine
    return shift, at
