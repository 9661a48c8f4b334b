"""The loader: samples in batches, in a seeded order whose position can be saved and taken up again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from engine.cuda import is_available
from engine.data.ahead import ahead
from engine.data.dataset import draw_seed, order_of
from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.functions import stack
from engine.ops.base import times
from engine.random import apart
from engine.tensor import Tensor
from engine.tensor.creation import from_numpy, tensor
from engine.tensor.promotion import float64


class DataLoader:
    """Batches of a data set, in order or shuffled anew for every pass.

    A data set with `take(indices)` (TensorDataset, FieldDataset, a Subset of them) is indexed a batch at a time; any
    other is read sample by sample and collated.

    Args:
        dataset: anything with a length and `__getitem__`.
        batch_size: samples in a batch; None gives single samples, not collated.
        shuffle: another order for every pass, drawn from `generator`.
        sampler: the indices in the order to take, instead of `shuffle`.
        batch_sampler: lists of indices, instead of `batch_size`, `shuffle`, `sampler` and `drop_last`.
        num_workers: above 0, a thread makes up to twice as many batches before they are asked for. Batches are the same
            for any number: what a data set draws from the default stream comes from one of the batch's own.
        collate_fn: makes a batch of a list of samples; `default_collate` where it is None.
        pin_memory: where a GPU can be used, batches lie in memory that it reads by itself, so that `.to("cuda")` need
            not wait; otherwise they lie where they are.
        drop_last: leave out a last batch that is smaller than the others.
        generator: `engine.Generator` or `numpy.random.Generator` that the orders are drawn from.

    Raises:
        ValueError: arguments that exclude each other, or a batch size under 1.

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
        *,
        generator: Any = None,
    ):
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
        if num_workers < 0:
            raise OptionError("DataLoader", got=f"num_workers={num_workers}", expected="0 or more")
        if shuffle and len(dataset) == 0:
            raise OptionError("DataLoader", got="there are no samples to shuffle", expected="at least one",
                              mend="look whether the files were found and whether a filter left any")  # fmt: skip
        self.dataset = dataset
        self.batch_size = None if batch_sampler is not None else batch_size
        self.shuffle = bool(shuffle)
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.generator = generator
        self._order: dict[str, Any] = {}  # the pass under way: "seed" of its order, or "draws" alone
        self._position = 0  # batches of that pass that were handed out
        self._taken_up = False

    def __len__(self) -> int:
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        count = len(self.dataset) if self.sampler is None else len(self.sampler)
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        if not self._taken_up:
            self._order, self._position = self._begin(), 0
        self._taken_up = False
        return self._pass(self._batches())

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
        if self.batch_sampler is not None:
            return {"order": [list(batch) for batch in self.batch_sampler], "draws": draw_seed(self.generator)}
        if self.sampler is not None:
            return {"order": [int(index) for index in self.sampler], "draws": draw_seed(self.generator)}
        return {"seed" if self.shuffle else "draws": draw_seed(self.generator)}

    def _batches(self) -> list[Any]:
        """Every batch of this pass as an array of indices (or single indices without batching)."""
        if self.batch_sampler is not None:
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

    def _pass(self, batches: list[Any]) -> Iterator[Any]:
        seed = self._order.get("seed", self._order.get("draws", 0))

        def fetch(number: int) -> Any:
            with apart(seed, number):
                return self._fetch(batches[number])

        pins = self.pin_memory and is_available()
        due = range(self._position, len(batches))
        made = ahead(fetch, due, 2 * self.num_workers) if self.num_workers else (fetch(number) for number in due)
        with contextlib.closing(made):
            for batch in made:
                self._position += 1
                yield _pinned(batch) if pins else batch
        self._order, self._position = {}, 0

    def _fetch(self, indices: Any) -> Any:
        if not isinstance(indices, np.ndarray):
            sample = self.dataset[indices]
            return sample if self.collate_fn is None else self.collate_fn(sample)
        if self.collate_fn is None and hasattr(self.dataset, "take"):
            return _as_tensors(self.dataset.take(indices))
        samples = [self.dataset[index] for index in indices.tolist()]
        return (self.collate_fn or default_collate)(samples)


def default_collate(samples: list[Any]) -> Any:
    """Stack samples into a batch: tensors, arrays and numbers along a new first axis, dicts and tuples part by part.

    Python floats become float64 and ints int64, as in PyTorch; texts stay a list.

    Raises:
        TypeError: samples of a kind that cannot be stacked.

    >>> default_collate([{"name": "a"}, {"name": "b"}])
    {'name': ['a', 'b']}
    """
    first = samples[0]
    if isinstance(first, Tensor | np.ndarray):
        shapes = dict.fromkeys(tuple(getattr(sample, "shape", ())) for sample in samples)
        if len(shapes) > 1:
            raise _unlike("shape", " and ".join(map(times, shapes)))
    if isinstance(first, Tensor):
        return stack(list(samples))
    if isinstance(first, np.ndarray | np.generic):
        return from_numpy(np.stack(samples))
    if isinstance(first, bool | int):
        return tensor(list(samples))
    if isinstance(first, float):
        return tensor(list(samples), dtype=float64)
    if isinstance(first, str | bytes):
        return list(samples)
    if isinstance(first, Mapping):
        if any(sample.keys() != first.keys() for sample in samples):
            names = dict.fromkeys(", ".join(map(str, sample)) for sample in samples)
            raise _unlike("keys", " and ".join(names))
        return {key: default_collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, tuple | list):
        if any(len(sample) != len(first) for sample in samples):
            lengths = dict.fromkeys(str(len(sample)) for sample in samples)
            raise _unlike("length", " and ".join(lengths))
        parts = [default_collate(list(part)) for part in zip(*samples, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else parts
    raise TypeMismatch("DataLoader", got=f"a sample holds {'None' if first is None else type(first).__name__}",
                       expected="tensors, arrays, numbers, texts, and dicts and lists of them",
                       mend="see what __getitem__ returns, or give a collate_fn")  # fmt: skip


def _unlike(what: str, found: str) -> ShapeError:
    mend = "return the same keys" if what == "keys" else "pad or cut them"
    return ShapeError("DataLoader", got=f"samples of {what} {found} come into one batch", expected="all alike",
                      mend=f"{mend} in __getitem__, or give a collate_fn")  # fmt: skip


def _pinned(batch: Any) -> Any:
    """The tensors of a batch in pinned memory."""
    if isinstance(batch, Tensor):
        return batch.pin_memory()
    if isinstance(batch, Mapping):
        return {name: _pinned(part) for name, part in batch.items()}
    if isinstance(batch, tuple | list):
        parts = [_pinned(part) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


def _as_tensors(batch: Any) -> Any:
    """What `take` answered, as tensors: a tuple becomes a list, as in PyTorch."""
    if isinstance(batch, Mapping):
        return {name: _as_tensors(values) for name, values in batch.items()}
    if isinstance(batch, tuple):
        return [_as_tensors(values) for values in batch]
    return from_numpy(batch) if isinstance(batch, np.ndarray) else batch
