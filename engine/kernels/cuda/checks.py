"""Checks of values that do not wait: a fault is noted on the device, and said when the host next reads from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.errors import EngineError
from engine.kernels.cuda.source import Source
from engine.kernels.generic import faults, places

outside = Source(
    "outside", "T index, int64 low, int64 count", "raw int64 fault",
    "if ((long long)index < low || (long long)index >= count) { fault[1] = index; fault[0] = 1; }",
)  # fmt: skip
"""A number that names no place; whichever thread comes last says its own."""

unknown_class = Source(
    "unknown_class", "T target, int64 classes, int64 ignore", "bool ignored, raw int64 fault",
    """
    ignored = target == ignore;
    if (target != ignore && (target < 0 || target >= classes)) { fault[1] = target; fault[0] = 1; }
    """,
)  # fmt: skip


no_probability = Source(
    "no_probability", "T p", "raw int64 fault", "if (!((float)p >= 0 && (float)p <= 1)) { fault[0] = 1; }",
)  # fmt: skip

no_variance = Source("no_variance", "T var", "raw int64 fault", "if ((double)var < 0) { fault[0] = 1; }")


class Checks:
    """The checks of the generic kernels, whose errors come later here."""

    xp: Any

    def __init__(self, xp: Any) -> None:
        super().__init__(xp)
        self._faults: dict[Any, Any] = {}  # what was asked -> (whether there was a fault, the number) on the device

    def _noted(self, kind: Callable[..., EngineError], *asked: Any) -> Any:
        if (kind, *asked) not in self._faults:
            self._faults[kind, *asked] = self.xp.zeros(2, "int64")
        return self._faults[kind, *asked]

    def check_index(self, index: Any, rows: int) -> None:
        """Note a number that names no row of a table."""
        if index.size:
            outside(index, 0, rows, self._noted(faults.no_row, rows))

    def check_places(self, where: str, index: Any, shape: tuple[int, ...], axis: int, low: int = 0) -> None:
        """Note a number that names no place of an axis."""
        if index.size:
            outside(index, low, shape[axis], self._noted(_no_place, where, tuple(shape), axis, low))

    def check_classes(self, where: str, target: Any, classes: int, ignore: int) -> Any:
        """-> which targets count for nothing (N, ...); one without a score is noted."""
        if not target.size:
            return None
        ignored = self.xp.empty(target.shape, bool)
        unknown_class(target, classes, ignore, ignored, self._noted(faults.no_score, where, classes))
        return ignored

    def _check_probabilities(self, p: Any, target: Any) -> None:
        if p.size:
            no_probability(p, self._noted(_no_probability, "input"))
            no_probability(target, self._noted(_no_probability, "target"))

    def _check_variances(self, var: Any) -> None:
        if var.size:
            no_variance(var, self._noted(_no_variance))

    def _check_lengths(self, what: str, lengths: Any, most: int) -> None:
        outside(lengths, 0, most + 1, self._noted(faults.no_length, what, most))

    def raise_faults(self) -> None:
        """Say what was noted; the host waits for the device.

        Raises:
            EngineError: a number that names no row, a class without a score, or their like.
        """
        if not self._faults:
            return
        asked, noted = list(self._faults), self.xp.asnumpy(self.xp.stack(list(self._faults.values())))
        self._faults.clear()
        for (kind, *about), (is_fault, number) in zip(asked, noted.tolist()):
            if is_fault:
                raise kind(number, *about)


def _no_place(number: int, where: str, shape: tuple[int, ...], axis: int, low: int) -> EngineError:
    return places.outside(where, number, shape, axis, low)


def _no_probability(number: int, what: str) -> EngineError:
    mend = "put a Sigmoid before it, or use BCEWithLogitsLoss"
    return EngineError("BCELoss", got=f"the {what} holds a number that is none", expected="probabilities, 0 to 1",
                       mend=mend if what == "input" else "for several classes use CrossEntropyLoss")  # fmt: skip


def _no_variance(number: int) -> EngineError:
    return faults.no_variance()
