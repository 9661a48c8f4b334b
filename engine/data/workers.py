"""Workers of a loader: who makes a batch. They are turns of one thread, each with what it would have as a process."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker of how many makes the batch, with the seed of its own and its copy of the data set."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: ContextVar[WorkerInfo | None] = ContextVar("worker", default=None)


def get_worker_info() -> WorkerInfo | None:
    """Which worker of a DataLoader this is; None outside of one, and where it has none.

    An IterableDataset shares its samples out by it, so that each comes from one worker only.

    >>> from engine.utils.data import DataLoader, IterableDataset
    >>> class Numbers(IterableDataset):
    ...     def __iter__(self):
    ...         worker = get_worker_info()
    ...         yield from range(worker.id, 6, worker.num_workers)
    >>> [batch.tolist() for batch in DataLoader(Numbers(), batch_size=2, num_workers=2)]
    [[0, 2], [1, 3], [4], [5]]
    """
    return _info.get()


@contextmanager
def working(info: WorkerInfo | None) -> Iterator[None]:
    """Inside, this worker is at work."""
    token = _info.set(info)
    try:
        yield
    finally:
        _info.reset(token)


def begun(count: int, dataset: Any, seed: int, init: Callable[[int], Any] | None, copies: bool) -> list[WorkerInfo]:
    """Workers with their seeds and, where wanted, data sets of their own, after `init(id)` of each."""
    workers = [WorkerInfo(i, count, seed + i, copy.copy(dataset) if copies else dataset) for i in range(count)]
    for worker in workers if init is not None else ():
        with working(worker):
            init(worker.id)
    return workers
