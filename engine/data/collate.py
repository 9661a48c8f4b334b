"""Samples as batches, and arrays as tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.errors import ShapeError, TypeMismatch
from engine.functions import stack
from engine.ops.base import times
from engine.tensor import Tensor
from engine.tensor.creation import from_numpy, tensor
from engine.tensor.promotion import float64


def default_convert(data: Any) -> Any:
    """Arrays in a sample as tensors, dicts and tuples part by part, everything else as it is.

    >>> import numpy as np
    >>> default_convert({"x": np.ones(2), "name": "a"})
    {'x': tensor([1., 1.], dtype=float64), 'name': 'a'}
    """
    if isinstance(data, np.ndarray | np.generic) and data.dtype.kind in "fiub":
        return from_numpy(np.asarray(data))
    if isinstance(data, Mapping):
        return {key: default_convert(part) for key, part in data.items()}
    if isinstance(data, tuple | list):
        parts = [default_convert(part) for part in data]
        return type(data)(*parts) if hasattr(data, "_fields") else parts
    return data


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


def pinned(batch: Any) -> Any:
    """The tensors of a batch in pinned memory."""
    if isinstance(batch, Tensor):
        return batch.pin_memory()
    if isinstance(batch, Mapping):
        return {name: pinned(part) for name, part in batch.items()}
    if isinstance(batch, tuple | list):
        parts = [pinned(part) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


def as_tensors(batch: Any) -> Any:
    """What `take` answered, as tensors: a tuple becomes a list, as in PyTorch."""
    if isinstance(batch, Mapping):
        return {name: as_tensors(values) for name, values in batch.items()}
    if isinstance(batch, tuple):
        return [as_tensors(values) for values in batch]
    return from_numpy(batch) if isinstance(batch, np.ndarray) else batch
