"""Data sets: something with a length whose samples are reached by index."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from engine.data.spec import FieldSpec
from engine.errors import MissingMethod, OptionError, RangeError, ShapeError, TypeMismatch
from engine.random import Generator, default_generator
from engine.wording import counted


class Dataset:
    """Samples by index; subclass it and define `__getitem__` and `__len__`.

    A subclass may also define `take(indices)`, which answers a whole batch at once; the loader then uses it.

    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, index):
    ...         return index * index
    >>> Squares()[3]
    9
    """

    def __getitem__(self, index: int) -> Any:
        raise MissingMethod(type(self).__name__, got="there is no sample by index",
                            expected="a __getitem__(self, index)",
                            mend="define it in the class, for one sample")  # fmt: skip

    def __len__(self) -> int:
        raise MissingMethod(type(self).__name__, got="it has no length", expected="a __len__(self)",
                            mend="define it in the class, for the number of samples")  # fmt: skip

    def __add__(self, other: Any) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Samples one behind the other, as they come; subclass it and define `__iter__`.

    For what has no index: a stream, or files larger than the memory. A DataLoader with several workers gives each a
    copy of it, which looks at `get_worker_info` for what it is to leave to the others.

    >>> class Countdown(IterableDataset):
    ...     def __iter__(self):
    ...         yield from (3, 2, 1)
    >>> list(Countdown())
    [3, 2, 1]
    """

    def __iter__(self) -> Iterator[Any]:
        raise MissingMethod(type(self).__name__, got="there are no samples to iterate over",
                            expected="an __iter__(self)", mend="define it in the class")  # fmt: skip

    def __add__(self, other: Any) -> ChainDataset:
        return ChainDataset([self, other])


class ChainDataset(IterableDataset):
    """Data sets that are iterated over, one behind the other.

    Args:
        datasets: each an IterableDataset; `a + b` of two is the same.

    Raises:
        TypeMismatch: while iterating, one is no IterableDataset.

    >>> class Countdown(IterableDataset):
    ...     def __iter__(self):
    ...         yield from (2, 1)
    >>> list(Countdown() + Countdown())
    [2, 1, 2, 1]
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            yield from _iterable(dataset)

    def __len__(self) -> int:
        return sum(len(_iterable(dataset)) for dataset in self.datasets)


def _iterable(dataset: Any) -> Any:
    if not isinstance(dataset, IterableDataset):
        raise TypeMismatch("ChainDataset", got=f"a {type(dataset).__name__} arrives", expected="IterableDatasets",
                           mend="ConcatDataset puts those together that have indices")  # fmt: skip
    return dataset


class StackDataset(Dataset):
    """Data sets side by side: sample i is the tuple, or the dict, of their i-th samples.

    Args:
        args: the data sets, for tuples.
        kwargs: the data sets by name, for dicts.

    Raises:
        ValueError: none came, both ways were used, or their lengths differ.

    >>> StackDataset(image=["a", "b"], text=["x", "y"])[1]
    {'image': 'b', 'text': 'y'}
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if bool(args) == bool(kwargs):
            raise OptionError("StackDataset", got="data sets come with names and without" if args else "none comes",
                              expected="some, all with names or all without")  # fmt: skip
        self.datasets = args or kwargs
        lengths = {len(dataset) for dataset in (args or kwargs.values())}
        if len(lengths) > 1:
            counts = " and ".join(map(str, sorted(lengths)))
            raise ShapeError("StackDataset", got=f"data sets of {counts} samples arrive", expected="as many in each")
        (self._length,) = lengths

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __len__(self) -> int:
        return self._length


class TensorDataset(Dataset):
    """Tensors (or arrays) that agree on their first axis; sample i is the tuple of their i-th entries.

    Args:
        tensors: (N, ...) each.

    >>> import numpy as np
    >>> pairs = TensorDataset(np.arange(6).reshape(3, 2), np.array([0, 1, 0]))
    >>> len(pairs), pairs[1]
    (3, (array([2, 3]), np.int64(1)))
    """

    def __init__(self, *tensors: Any):
        for values in tensors:
            if not hasattr(values, "shape"):
                raise TypeMismatch("TensorDataset", got=f"a {type(values).__name__} arrives",
                                   expected="tensors or arrays",
                                   mend="make a tensor of it with engine.tensor(values)")  # fmt: skip
        lengths = [int(tensor.shape[0]) for tensor in tensors]
        if len(set(lengths)) > 1:
            raise ShapeError("TensorDataset", got=f"tensors of {' and '.join(map(str, lengths))} samples arrive",
                             expected="as many in each", mend="put the samples on the first axis of each")  # fmt: skip
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0]) if self.tensors else 0

    def take(self, indices: np.ndarray) -> tuple[Any, ...]:
        """The batch of these samples, stacked: one indexing per tensor instead of one per sample."""
        return self[indices]


class Subset(Dataset):
    """Some samples of another data set, in the order of `indices`.

    Args:
        dataset: the other one.
        indices: which samples.

    >>> Subset("abcdef", [4, 0])[0]
    'e'
    """

    def __init__(self, dataset: Any, indices: Sequence[int]):
        self.dataset = dataset
        self.indices = indices
        if hasattr(dataset, "take"):
            self.take = self._take

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)

    def _take(self, indices: np.ndarray) -> Any:
        return self.dataset.take(np.asarray(self.indices)[indices])


class ConcatDataset(Dataset):
    """Data sets one behind the other.

    Args:
        datasets: anything with a length and samples by index; `a + b` of two data sets is the same.

    Raises:
        OptionError: none came.

    >>> both = ConcatDataset(["abc", "de"])
    >>> len(both), both[3], both[-1]
    (5, 'd', 'e')
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise OptionError("ConcatDataset", got="there is no data set", expected="at least one")
        self.cumulative_sizes = np.cumsum([len(dataset) for dataset in self.datasets]).tolist()

    def __getitem__(self, index: int) -> Any:
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise RangeError("ConcatDataset", got=f"sample {index} is asked for", expected=f"one of {len(self)}")
        number = bisect_right(self.cumulative_sizes, place)
        return self.datasets[number][place - (self.cumulative_sizes[number - 1] if number else 0)]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


def random_split(dataset: Any, lengths: Sequence[float], generator: Any = None) -> list[Subset]:
    """Split into parts that do not overlap, drawn at random.

    Args:
        dataset: anything with a length.
        lengths: samples per part, summing to the whole; or fractions summing to 1: parts are rounded down and what
            is left over is dealt out one each from the first part on.
        generator: `engine.Generator`, for the same split every time.

    Raises:
        ValueError: the lengths do not sum to the whole.

    >>> [len(part) for part in random_split(range(10), [0.75, 0.25])]
    [8, 2]
    """
    counts = _counts(len(dataset), lengths)
    order = permutation(len(dataset), generator)
    ends = np.cumsum(counts)
    return [Subset(dataset, order[end - count : end].tolist()) for end, count in zip(ends, counts, strict=True)]


def _counts(whole: int, lengths: Sequence[float]) -> list[int]:
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        if any(fraction < 0 or fraction > 1 for fraction in lengths):
            raise ValueError(f"Fractions must lie between 0 and 1, got {list(lengths)}")
        counts = [math.floor(whole * fraction) for fraction in lengths]
        for left_over in range(whole - sum(counts)):
            counts[left_over % len(counts)] += 1
        return counts
    if sum(lengths) != whole:
        raise OptionError("random_split", got=f"parts of {counted(sum(lengths), 'sample')} together",
                          expected=f"{whole}, all that there are, or fractions that sum to 1",
                          mend="let the last part be what is left over: len(data) - n")  # fmt: skip
    return [int(length) for length in lengths]


def permutation(count: int, generator: Any = None) -> np.ndarray:
    """0 .. count-1 in random order, drawn from `generator` or the global one."""
    return order_of(draw_seed(generator), count)


def draw_seed(generator: Generator | np.random.Generator | None = None) -> int:
    """One number from `generator`, or from the default stream, to seed an order with."""
    if isinstance(generator, np.random.Generator):
        return int(generator.integers(2**63))
    return int((generator or default_generator).integers(0, 2**63 - 1, (1,))[0])


def order_of(seed: int, count: int) -> np.ndarray:
    """The order that `seed` stands for, the same in every process."""
    return np.random.Generator(np.random.PCG64(seed)).permutation(count)


class FieldDataset(Dataset):
    """Samples as named fields: what every reader opens.

    `arrays` holds per field the values in the order of the file: images (N, C, H, W) uint8 or float32, vectors
    (N, F) float32, numbers (N, 1) float32, categories (N,) int64, texts (N,) of str. An image field may also be an
    object that decodes files when it is indexed. `take` gives float32, int64 and texts in the data's own units:
    scaling and numbers for tokens are `Preparation`'s.

    Args:
        fields: what each field is; only those that have a role.
        arrays: by field name.
        maxima: the largest value an image can hold (255, or 16 for the digits), where it is known.
        switches: by vector field, which of its columns are 0/1 marks of a category and need no scaling.
        notes: what the reader noticed, in sentences.

    >>> import engine
    >>> from engine.data.spec import FieldSpec
    >>> points = FieldDataset((FieldSpec("x", "vector", (2,), "input"),), {"x": np.ones((5, 2), np.float32)})
    >>> len(points), points.take(np.array([0, 3]))["x"].shape
    (5, (2, 2))
    """

    def __init__(
        self,
        fields: tuple[FieldSpec, ...],
        arrays: Mapping[str, Any],
        *,
        maxima: Mapping[str, float] | None = None,
        switches: Mapping[str, np.ndarray] | None = None,
        notes: tuple[str, ...] = (),
    ):
        self.fields = fields
        self.arrays = dict(arrays)
        self.maxima = dict(maxima or {})
        self.switches = dict(switches or {})
        self.notes = notes
        self._length = len(next(iter(self.arrays.values())))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return {name: values[0] for name, values in self.take(np.array([index])).items()}

    def take(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """The samples of these indices, stacked, by field name."""
        return {field.name: self.column(field, indices) for field in self.fields}

    def column(self, field: FieldSpec, indices: np.ndarray) -> np.ndarray:
        """One field of these samples: (n, ...) in the field's dtype, texts as they are."""
        if field.kind == "text":
            return self.arrays[field.name][indices]
        return np.ascontiguousarray(self.arrays[field.name][indices], dtype=field.dtype)

    def field(self, name: str) -> FieldSpec:
        """The field of that name; KeyError where there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)
