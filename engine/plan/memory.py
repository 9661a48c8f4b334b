"""Laying out buffers in one stretch of memory: two that are never needed at the same time may share a place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.plan.places import Buffer

LINE = 64  # bytes: every buffer begins on a cache line


def lifetimes(touched: Sequence[Iterable[Buffer]], kept: Iterable[Buffer]) -> dict[Buffer, tuple[int, int]]:
    """(first, last) step at which each scratch buffer is needed; the kept ones until the end.

    Args:
        touched: the buffers of each step.
        kept: what is read after the last step.
    """
    found: dict[Buffer, tuple[int, int]] = {}
    for number, buffers in enumerate(touched):
        for buffer in buffers:
            if buffer.kind == "scratch":
                found[buffer] = (found.get(buffer, (number, number))[0], number)
    for buffer in kept:
        if buffer.kind == "scratch":
            found[buffer] = (found.get(buffer, (0, 0))[0], len(touched))
    return found


def laid_out(lives: dict[Buffer, tuple[int, int]]) -> tuple[dict[Buffer, int], int]:
    """Byte offset of each buffer and the size of it all: the largest first, each as low as it fits.

    >>> import numpy as np
    >>> a, b, c = (Buffer(16, np.dtype("f4")) for _ in range(3))
    >>> places, size = laid_out({a: (0, 1), b: (1, 2), c: (2, 3)})
    >>> size, places[a] == places[c]
    (128, True)
    """
    placed: list[tuple[Buffer, int, int]] = []
    offsets: dict[Buffer, int] = {}
    for buffer in sorted(lives, key=lambda b: (-_bytes(b), b.number)):
        first, last = lives[buffer]
        size, at = _bytes(buffer), 0
        for other, start, end in sorted(placed, key=lambda p: p[1]):
            begun, ended = lives[other]
            if ended < first or last < begun:
                continue
            if start >= at + size:
                break
            at = max(at, end)
        offsets[buffer] = at
        placed.append((buffer, at, at + size))
    return offsets, max((end for _, _, end in placed), default=0)


def _bytes(buffer: Buffer) -> int:
    return -(-max(buffer.size * buffer.dtype.itemsize, 1) // LINE) * LINE
