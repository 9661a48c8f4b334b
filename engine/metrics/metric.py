"""What every figure of merit is: gathered over batches, exact whatever their sizes, and put away."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar

import numpy as np

from engine.errors import EngineError, ShapeError, TypeMismatch
from engine.ops.base import times
from engine.wording import counted


class Metric:
    """A figure gathered over batches.

    A subclass names what it gathers: `sums` are numbers or arrays that add up, `kept` are lists that grow. From these
    follow `reset`, `merge`, `state` and `load`; it writes `update` and `compute`. Tensors come to `update` as arrays.

    >>> from engine.metrics import Accuracy
    >>> metric = Accuracy()
    >>> metric.update(np.array([0, 1, 1]), np.array([0, 1, 0]))
    >>> metric.update(np.array([2]), np.array([2]))
    >>> metric.compute()
    0.75
    """

    sums: ClassVar[tuple[str, ...]] = ()
    kept: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.reset()

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "update" in cls.__dict__:
            cls.update = _of_arrays(cls.__dict__["update"])

    def reset(self) -> None:
        """Forget everything."""
        for name in self.sums:
            setattr(self, name, 0)
        for name in self.kept:
            setattr(self, name, [])

    def update(self, *batch: Any) -> None:
        """Take in a batch."""
        raise NotImplementedError

    def compute(self) -> Any:
        """The figure of all batches so far; None where it has no meaning, as before the first."""
        raise NotImplementedError

    def merge(self, other: Any) -> None:
        """Take in all that another of the same kind has gathered, in another process for instance."""
        for name in (*self.sums, *self.kept):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def state(self) -> list[Any]:
        """All that was gathered, as JSON keeps it exactly."""
        return [_plain(getattr(self, name)) for name in (*self.sums, *self.kept)]

    def load(self, state: list[Any]) -> None:
        """Go on from what `state` gave."""
        for name, value in zip(self.sums, state):
            setattr(self, name, np.asarray(value) if isinstance(value, list) else value)
        for name, value in zip(self.kept, state[len(self.sums) :]):
            setattr(self, name, [np.asarray(part) for part in value])


def _of_arrays(update: Callable[..., None]) -> Callable[..., None]:
    """An `update` that sees the values of the tensors that it is given."""

    @wraps(update)
    def of_arrays(self: Metric, *batch: Any, **named: Any) -> None:
        update(self, *map(_array, batch), **{name: _array(value) for name, value in named.items()})

    return of_arrays


def _array(value: Any) -> Any:
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


class Mean(Metric):
    """Mean of a number that each batch brings, weighted with the batch's size: the loss of an epoch.

    >>> metric = Mean(); metric.update(1.0, 3); metric.update(2.0, 1); metric.compute()
    1.25
    """

    sums = ("total", "count")

    def update(self, value: float, samples: int = 1) -> None:
        self.total += value * samples
        self.count += samples

    def compute(self) -> float | None:
        return self.total / self.count if self.count else None


def of_one_length(where: str, predicted: np.ndarray, true: np.ndarray) -> None:
    """A ShapeError where there is not one prediction for each truth."""
    if len(predicted) != len(true):
        raise ShapeError(
            where,
            got=f"{counted(len(predicted), 'prediction')} for {counted(len(true), 'sample')}",
            expected="one for each",
        )


def of_one_shape(where: str, predicted: np.ndarray, true: np.ndarray, mend: str) -> None:
    """A ShapeError where predictions and truths would be stretched to each other: N by 1 and N to N by N."""
    if predicted.shape != true.shape:
        raise ShapeError(where, got=f"predictions of {times(predicted.shape)} come for truths of {times(true.shape)}",
                         expected="one shape", mend=mend)  # fmt: skip


def class_numbers(where: str, values: np.ndarray, classes: int) -> np.ndarray:
    """The values in one row, as int64.

    Raises:
        TypeMismatch: they are no whole numbers.
        EngineError: one is under 0 or not under `classes`.
    """
    values = np.asarray(values).reshape(-1)
    if values.dtype.kind not in "iub":
        raise TypeMismatch(where, got=f"the classes are {values.dtype}", expected="whole numbers")
    if values.size and not 0 <= int(values.min()) <= int(values.max()) < classes:
        worst = int(values.min()) if values.min() < 0 else int(values.max())
        raise EngineError(where, got=f"class {worst} comes", expected=f"0 to {classes - 1}")
    return values.astype(np.int64)
