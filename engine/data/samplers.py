"""Samplers: the indices of a data set in the order in which a loader takes them, by PyTorch's names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

import numpy as np

from engine.data.dataset import draw_seed, permutation
from engine.errors import MissingMethod, OptionError
from engine.wording import counted


class Sampler:
    """Indices in some order; subclass it and define `__iter__`, and `__len__` where the loader is asked for its length.

    >>> class Backwards(Sampler):
    ...     def __init__(self, data):
    ...         self.data = data
    ...     def __iter__(self):
    ...         return iter(range(len(self.data) - 1, -1, -1))
    >>> list(Backwards("abc"))
    [2, 1, 0]
    """

    def __iter__(self) -> Iterator[Any]:
        raise MissingMethod(type(self).__name__, got="it gives no indices", expected="an __iter__(self)",
                            mend="define it in the class, for one pass")  # fmt: skip


class SequentialSampler(Sampler):
    """All indices in order.

    Args:
        data_source: anything with a length.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """Indices in an order that is drawn anew for every pass.

    Args:
        data_source: anything with a length.
        replacement: draw each index from all, so that some come twice.
        num_samples: how many are drawn; all where absent.
        generator: `engine.Generator` that is drawn from.

    Raises:
        OptionError: fewer than one sample is to be drawn.

    >>> sorted(RandomSampler("abc")), len(RandomSampler("abc", replacement=True, num_samples=7))
    ([0, 1, 2], 7)
    """

    def __init__(self, data_source: Sized, replacement: bool = False, num_samples: int | None = None,
                 generator: Any = None):  # fmt: skip
        if num_samples is not None and num_samples < 1:
            raise OptionError("RandomSampler", got=f"num_samples={num_samples}", expected="1 or more")
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self._num_samples = num_samples

    @property
    def num_samples(self) -> int:
        """How many indices a pass has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        count, wanted = len(self.data_source), self.num_samples
        if self.replacement:
            return iter(_stream(self.generator).integers(0, count, wanted).tolist())
        orders = [permutation(count, self.generator) for _ in range(-(-wanted // count) if count else 0)]
        return iter(np.concatenate(orders)[:wanted].tolist() if orders else [])

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """Given indices in an order that is drawn anew for every pass.

    Args:
        indices: which.
        generator: `engine.Generator` that is drawn from.

    >>> sorted(SubsetRandomSampler([4, 0, 7]))
    [0, 4, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Any = None):
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        return iter([self.indices[i] for i in permutation(len(self.indices), self.generator)])

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Indices drawn by weight: index i as often as weights[i] / Σ weights says, so that rare classes come up, too.

    Args:
        weights: (N), of any sum.
        num_samples: how many are drawn.
        replacement: whether an index may come again.
        generator: `engine.Generator` that is drawn from.

    Raises:
        OptionError: fewer than one sample, a negative weight, or too few for as many without replacement.

    >>> list(WeightedRandomSampler([0.0, 2.0, 0.0], 4))
    [1, 1, 1, 1]
    """

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Any = None):
        weights = weights.tolist() if hasattr(weights, "tolist") else list(weights)
        self.weights = np.asarray(weights, np.float64)
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator
        possible = int(np.count_nonzero(self.weights > 0))
        if num_samples < 1 or not (self.weights >= 0).all() or not possible:
            raise OptionError("WeightedRandomSampler", got=f"{counted(num_samples, 'sample')} of weights {weights[:5]}",
                              expected="1 sample or more, and weights from 0, of which some are above")  # fmt: skip
        if not replacement and num_samples > possible:
            raise OptionError("WeightedRandomSampler", got=f"{num_samples} samples of {possible} without replacement",
                              expected="as many at the most", mend="pass replacement=True")  # fmt: skip

    def __iter__(self) -> Iterator[int]:
        shares = self.weights / self.weights.sum()
        drawn = _stream(self.generator).choice(len(shares), self.num_samples, self.replacement, shares)
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """The indices of another sampler in lists, as a loader's `batch_sampler`.

    Args:
        sampler: gives the indices.
        batch_size: of a list.
        drop_last: leave out a last list that is shorter.

    Raises:
        OptionError: a batch size under 1.

    >>> list(BatchSampler(range(5), 2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool):
        if batch_size < 1:
            raise OptionError("BatchSampler", got=f"batch_size={batch_size}", expected="1 or more")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        count = len(self.sampler)
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


def _stream(generator: Any) -> np.random.Generator:
    """A stream of its own for one pass."""
    return np.random.Generator(np.random.PCG64(draw_seed(generator)))
