"""The loader: samples in batches, in a seeded order whose position can be saved and taken up again."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from engine.cuda import is_available
from engine.data.ahead import ahead
from engine.data.collate import as_tensors, default_collate, default_convert, pinned
from engine.data.dataset import IterableDataset, draw_seed, order_of
from engine.data.samplers import BatchSampler, RandomSampler, SequentialSampler
from engine.data.workers import WorkerInfo, begun, working
from engine.errors import OptionError
from engine.random import apart


class DataLoader:
    """Batches of a data set, in order or shuffled anew for every pass.

    A data set with `take(indices)` (TensorDataset, FieldDataset, a Subset of them) is indexed a batch at a time; any
    other is read by `__getitems__(indices)`, or sample by sample, and collated. An IterableDataset is iterated over.

    Args:
        dataset: anything with a length and `__getitem__`, or an IterableDataset.
        batch_size: samples in a batch; None gives single samples, not collated.
        shuffle: another order for every pass, drawn from `generator`.
        sampler: the indices in the order to take, instead of `shuffle`.
        batch_sampler: lists of indices, instead of `batch_size`, `shuffle`, `sampler` and `drop_last`.
        num_workers: above 0, a thread makes up to twice as many batches before they are asked for, the workers taking
            turns. Batches are the same for any number: what a data set draws from the default stream comes from one of
            the batch's own. Of an IterableDataset each worker has a shallow copy, whose batches come in turn.
        collate_fn: makes a batch of a list of samples; `default_collate` where it is None.
        pin_memory: where a GPU can be used, batches lie in memory that it reads by itself, so that `.to("cuda")` need
            not wait; otherwise they lie where they are.
        drop_last: leave out a last batch that is smaller than the others.
        timeout: seconds to wait for a batch of the workers; 0 waits as long as it takes.
        worker_init_fn: called with the number of each worker before its first batch, when `get_worker_info` knows it.
        multiprocessing_context: here for PyTorch's sake, as workers are no processes.
        generator: `engine.Generator` or `numpy.random.Generator` that the orders are drawn from.
        prefetch_factor: how many batches each worker makes ahead: 2, unless it is said.
        persistent_workers: whether workers, with their copies of an IterableDataset, stay from pass to pass.
        pin_memory_device: here for PyTorch's sake, as there is but one.
        in_order: here for PyTorch's sake: batches always come in order.

    Raises:
        ValueError: arguments that exclude each other, or a batch size under 1.
        EngineError: in a pass, no batch comes within `timeout`.

    >>> import numpy as np
    >>> from engine.data import TensorDataset
    >>> data = TensorDataset(np.arange(5, dtype=np.float32))
    >>> len(DataLoader(data, batch_size=2)), len(DataLoader(data, batch_size=2, drop_last=True))
    (3, 2)
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        self._streams = isinstance(dataset, IterableDataset)
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        _check_order(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.dataset = dataset
        self.batch_size = None if batch_sampler is not None else batch_size
        self.shuffle = bool(shuffle)
        self._sampler = sampler
        self._batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.prefetch_factor = 2 if prefetch_factor is None and num_workers else prefetch_factor
        self.persistent_workers = persistent_workers
        self._workers: list[WorkerInfo] = []
        self._order: dict[str, Any] = {}  # the pass under way: "seed" of its order, or "draws" alone
        self._position = 0  # batches of that pass that were handed out
        self._taken_up = False

    @property
    def sampler(self) -> Any:
        """What says the order of the samples; None where a batch_sampler does, or the data set itself."""
        if self._sampler is not None or self._batch_sampler is not None or self._streams:
            return self._sampler
        return (
            RandomSampler(self.dataset, generator=self.generator) if self.shuffle else SequentialSampler(self.dataset)
        )

    @property
    def batch_sampler(self) -> Any:
        """What says which samples are in each batch; None without batches, or where the data set has no indices."""
        if self._batch_sampler is not None or self.batch_size is None or self._streams:
            return self._batch_sampler
        return BatchSampler(self.sampler, self.batch_size, self.drop_last)

    def __len__(self) -> int:
        if self._batch_sampler is not None:
            return len(self._batch_sampler)
        count = len(self.dataset) if self._sampler is None else len(self._sampler)
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        if not self._taken_up:
            self._order, self._position = self._begin(), 0
        self._taken_up = False
        return self._pass()

    def state_dict(self) -> dict[str, Any]:
        """Where the pass under way is: which order, and how many batches of it were handed out."""
        return {**self._order, "position": self._position}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The next `iter()` goes on where `state` was taken, in the same order.

        >>> import numpy as np
        >>> from engine.data import TensorDataset
        >>> def loader():
        ...     return DataLoader(np.arange(6), collate_fn=list, shuffle=True, generator=np.random.default_rng(1))
        >>> first, second = loader(), loader()
        >>> batches = iter(first)
        >>> _ = next(batches), next(batches)
        >>> second.load_state_dict(first.state_dict())
        >>> list(second) == list(batches)
        True
        """
        self._order = {key: state[key] for key in ("seed", "draws", "order") if key in state}
        self._position = int(state["position"])
        self._taken_up = bool(self._order) or self._position > 0

    def _begin(self) -> dict[str, Any]:
        if self._batch_sampler is not None:
            return {"order": [list(batch) for batch in self._batch_sampler], "draws": draw_seed(self.generator)}
        if self._sampler is not None:
            return {"order": [int(index) for index in self._sampler], "draws": draw_seed(self.generator)}
        return {"seed" if self.shuffle else "draws": draw_seed(self.generator)}

    def _batches(self) -> list[Any]:
        """Every batch of this pass as an array of indices (or single indices without batching)."""
        if self._batch_sampler is not None:
            return [np.asarray(batch, dtype=np.int64) for batch in self._order["order"]]
        if "seed" in self._order:
            order = order_of(int(self._order["seed"]), len(self.dataset))
        elif "order" in self._order:
            order = np.asarray(self._order["order"], dtype=np.int64)
        else:
            order = np.arange(len(self.dataset))
        if self.batch_size is None:
            return order.tolist()
        starts = range(0, len(order), self.batch_size)[: len(order) // self.batch_size if self.drop_last else None]
        return [order[start : start + self.batch_size] for start in starts]

    def _pass(self) -> Iterator[Any]:
        seed = self._order.get("seed", self._order.get("draws", 0))
        workers = self._at_work(int(seed))
        made = self._streamed(workers, seed) if self._streams else self._fetched(workers, seed)
        if self.num_workers:
            made = ahead(lambda batch: batch, made, self.prefetch_factor * self.num_workers, self.timeout or None)
        pins = self.pin_memory and is_available()
        with contextlib.closing(made):
            for batch in made:
                self._position += 1
                yield pinned(batch) if pins else batch
        self._order, self._position = {}, 0

    def _at_work(self, seed: int) -> list[WorkerInfo]:
        if not self.persistent_workers or not self._workers:
            self._workers = begun(self.num_workers, self.dataset, seed, self.worker_init_fn, copies=self._streams)
        return self._workers

    def _fetched(self, workers: list[WorkerInfo], seed: Any) -> Iterator[Any]:
        """The batches that are due, of the workers in turn."""
        batches = self._batches()
        for number in range(self._position, len(batches)):
            with apart(seed, number), working(workers[number % len(workers)] if workers else None):
                batch = self._fetch(batches[number])
            yield batch

    def _streamed(self, workers: list[WorkerInfo], seed: Any) -> Iterator[Any]:
        """The batches of a data set without indices, of the workers in turn until each has come to its end."""
        known = self._position  # a pass that is taken up goes on behind these
        streams: list[tuple[Any, Iterator[Any]]] = []
        for worker in workers or [None]:
            with working(worker):
                streams.append((worker, iter(self.dataset if worker is None else worker.dataset)))
        number = 0
        while streams:
            for stream in list(streams):
                with apart(seed, number), working(stream[0]):
                    batch = self._drawn(stream[1])
                if batch is None:
                    streams.remove(stream)
                    continue
                number += 1
                if number > known:
                    yield batch[0]

    def _drawn(self, samples: Iterator[Any]) -> tuple[Any] | None:
        """The next batch, or None where there is none."""
        drawn = list(itertools.islice(samples, self.batch_size or 1))
        if not drawn or (self.drop_last and len(drawn) < self.batch_size):
            return None
        return (
            ((self.collate_fn or default_convert)(drawn[0]),) if self.batch_size is None else (self._collated(drawn),)
        )

    def _fetch(self, indices: Any) -> Any:
        if not isinstance(indices, np.ndarray):
            return (self.collate_fn or default_convert)(self.dataset[indices])
        if self.collate_fn is None and hasattr(self.dataset, "take"):
            return as_tensors(self.dataset.take(indices))
        if hasattr(self.dataset, "__getitems__"):
            return self._collated(self.dataset.__getitems__(indices.tolist()))
        return self._collated([self.dataset[index] for index in indices.tolist()])

    def _collated(self, samples: list[Any]) -> Any:
        return (self.collate_fn or default_collate)(samples)


def _check_order(
    dataset: Any, batch_size: int | None, shuffle: bool | None, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    """An error where two of them say different things of the order, or nothing can be dealt out."""
    if isinstance(dataset, IterableDataset) and (shuffle or sampler is not None or batch_sampler is not None):
        raise OptionError("DataLoader", got="an order is asked of an IterableDataset", expected="none",
                          mend="leave shuffle and samplers out: it has an order of its own")  # fmt: skip
    if sampler is not None and shuffle:
        raise OptionError("DataLoader", got="shuffle=True and a sampler", expected="one of the two",
                          mend="leave shuffle out, the sampler says the order")  # fmt: skip
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, drop_last")
    if batch_size is None and drop_last:
        raise ValueError("batch_size=None disables batching and is mutually exclusive with drop_last")
    if batch_size is not None and (not isinstance(batch_size, int | np.integer) or batch_size < 1):
        raise OptionError("DataLoader", got=f"batch_size={batch_size}", expected="a whole number from 1",
                          mend="None gives single samples")  # fmt: skip
    if shuffle and len(dataset) == 0:
        raise OptionError("DataLoader", got="there are no samples to shuffle", expected="at least one",
                          mend="look whether the files were found and whether a filter left any")  # fmt: skip


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool,
                   context: Any) -> None:  # fmt: skip
    """An OptionError where a number is negative, or something is said of workers that there are not."""
    for name, value in (("num_workers", num_workers), ("timeout", timeout), ("prefetch_factor", prefetch_factor or 0)):
        if value < 0:
            raise OptionError("DataLoader", got=f"{name}={value}", expected="0 or more")
    said = {"prefetch_factor": prefetch_factor is not None, "persistent_workers": persistent_workers,
            "multiprocessing_context": context is not None}  # fmt: skip
    for name, is_said in said.items():
        if is_said and not num_workers:
            raise OptionError("DataLoader", got=f"{name} without workers", expected="num_workers above 0")
