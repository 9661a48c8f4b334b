"""Rows of different lengths in one batch: padded, and put together with rows that are about as long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from engine.data.dataset import draw_seed
from engine.errors import OptionError


def pad_rows(
    rows: Sequence[Sequence[int]],
    value: int = 0,
    *,
    length: int | None = None,
    side: Literal["right", "left"] = "right",
) -> np.ndarray:
    """Rows of numbers as one array (N, L) int64.

    Args:
        rows: of any lengths.
        value: what fills them up.
        length: L; None for the longest row's. Longer ones are cut off, at the end.
        side: where they are filled up.

    >>> pad_rows([[1, 2, 3], [4]]).tolist(), pad_rows([[1, 2, 3], [4]], length=2, side="left").tolist()
    ([[1, 2, 3], [4, 0, 0]], [[1, 2], [0, 4]])
    """
    longest = max(map(len, rows), default=0) if length is None else length
    batch = np.full((len(rows), longest), value, dtype=np.int64)
    for row, numbers in zip(batch, rows, strict=True):
        kept = numbers[:longest]
        if len(kept):
            row[slice(None, len(kept)) if side == "right" else slice(-len(kept), None)] = kept
    return batch


class BucketSampler:
    """Batches of rows about as long, so that little is padded: a `batch_sampler` for a `DataLoader`.

    The rows are shuffled, sorted by length within parts of so many batches, and the batches shuffled again.

    Args:
        lengths: of each row.
        batch_size: rows in a batch.
        shuffle: another order at every pass; without it the shortest rows come first.
        batches_together: how many batches are sorted together; more of them pad less and shuffle less.
        generator: what orders are drawn from; the default stream where it is None.

    Raises:
        OptionError: a size under 1.

    >>> list(BucketSampler([5, 1, 4, 2], 2, shuffle=False))
    [[1, 3], [2, 0]]
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        shuffle: bool = True,
        batches_together: int = 100,
        *,
        generator: Any = None,
    ):
        if batch_size < 1 or batches_together < 1:
            raise OptionError("BucketSampler", got=f"batch_size {batch_size}, batches_together {batches_together} came",
                              expected="1 or more")  # fmt: skip
        self.lengths = np.asarray(lengths)
        self.batch_size, self.shuffle, self.generator = batch_size, shuffle, generator
        self.batches_together = batches_together

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        if not self.shuffle:
            yield from self._cut(np.argsort(self.lengths, kind="stable"))
            return
        stream = np.random.Generator(np.random.PCG64(draw_seed(self.generator)))
        order, together = stream.permutation(len(self.lengths)), self.batch_size * self.batches_together
        parts = [order[start : start + together] for start in range(0, len(order), together)]
        batches = [batch for part in parts for batch in self._cut(part[np.argsort(self.lengths[part], kind="stable")])]
        for place in stream.permutation(len(batches)).tolist():
            yield batches[place]

    def _cut(self, order: np.ndarray) -> list[list[int]]:
        return [order[start : start + self.batch_size].tolist() for start in range(0, len(order), self.batch_size)]
