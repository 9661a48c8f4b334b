"""Figures of columns by chunks: mean, deviation, extremes, quantiles, gaps (NaN) left out."""

from __future__ import annotations

import numpy as np

from engine.errors import DataError

FILLS = ("mean", "median", "mode", "constant")


class Statistics:
    """Mean, deviation, least and largest of each column (Chan et al. 1979), and with `keeps` quantiles and the mode.

    Args:
        width: how many columns there are.
        keeps: whether values are kept, as quantiles need them.

    >>> statistics = Statistics(2, keeps=True)
    >>> statistics.add(np.array([[1.0, 5.0], [2.0, np.nan]]))
    >>> statistics.add(np.array([[6.0, 5.0]]))
    >>> statistics.mean.tolist(), statistics.quantile(0.5).tolist()
    ([3.0, 5.0], [2.0, 5.0])
    """

    def __init__(self, width: int, keeps: bool = False):
        self.count, self.mean, self.squares = np.zeros(width), np.zeros(width), np.zeros(width)
        self.lowest, self.highest = np.full(width, np.inf), np.full(width, -np.inf)
        self.kept: list[np.ndarray] | None = [] if keeps else None

    def add(self, values: np.ndarray, every: int = 1) -> None:
        """Take in some rows (N, width); of those that are kept each `every`th."""
        if self.kept is not None:
            self.kept.append(values[::every].copy())
        values = values.astype(np.float64)
        there = ~np.isnan(values)
        count = there.sum(axis=0)
        total = np.maximum(self.count + count, 1)
        mean = np.where(there, values, 0.0).sum(axis=0) / np.maximum(count, 1)
        apart = np.where(count > 0, mean - self.mean, 0.0)
        self.squares += (np.where(there, values - mean, 0.0) ** 2).sum(axis=0) + apart**2 * self.count * count / total
        self.mean = self.mean + apart * count / total
        self.count = self.count + count
        self.lowest = np.minimum(self.lowest, np.where(there, values, np.inf).min(axis=0))
        self.highest = np.maximum(self.highest, np.where(there, values, -np.inf).max(axis=0))

    def deviation(self) -> np.ndarray:
        """Of each column; 1 for one that is constant."""
        deviation = np.sqrt(self.squares / np.maximum(self.count, 1))
        return np.where(deviation > 1e-7 * np.abs(self.mean), deviation, 1.0)

    def _columns(self) -> list[np.ndarray]:
        """What was kept of each column, sorted, without gaps; a column of gaps alone holds a 0."""
        values = np.sort(np.concatenate(self.kept), axis=0)  # NaN come last
        return [column[: len(column) - np.isnan(column).sum()] if not np.isnan(column[0]) else np.zeros(1)
                for column in values.T]  # fmt: skip

    def quantile(self, share: float) -> np.ndarray:
        """What that share of each column lies below, between two values in proportion."""

        def of(column: np.ndarray) -> float:
            place = share * (len(column) - 1)
            low = int(place)
            high = min(low + 1, len(column) - 1)
            return float(column[low]) + (place - low) * (float(column[high]) - float(column[low]))

        return np.array([of(column) for column in self._columns()])

    def mode(self) -> np.ndarray:
        """The commonest value of each column, of several the least."""

        def of(column: np.ndarray) -> float:
            starts = np.flatnonzero(np.append(True, column[1:] != column[:-1]))
            return float(column[starts[np.argmax(np.diff(starts, append=len(column)))]])

        return np.array([of(column) for column in self._columns()])

    def scaling(self, how: str) -> tuple[np.ndarray, np.ndarray]:
        """-> offset and scale of each column, for (x - offset) / scale; a constant column's scale is 1.

        Args:
            how: "none", "standard" (mean and deviation), "unit" (to 0..1) or "robust" (median and distance of the
                quartiles).
        """
        offset, scale = np.zeros_like(self.mean), np.ones_like(self.mean)
        if how == "standard":
            offset, scale = self.mean, self.deviation()
        elif how == "unit":
            is_met = self.count > 0
            offset = np.where(is_met, self.lowest, 0.0)
            scale = np.where(is_met, self.highest, 0.0) - offset
        elif how == "robust":
            offset, scale = self.quantile(0.5), self.quantile(0.75) - self.quantile(0.25)
        return offset, np.where(scale > 0, scale, 1.0)

    def fill(self, how: str, constant: float = 0.0) -> np.ndarray:
        """What gaps of each column are filled with: its "mean", "median", "mode", or the "constant".

        Raises:
            DataError: another way.
        """
        if how == "median":
            return self.quantile(0.5)
        if how == "mode":
            return self.mode()
        if how == "constant":
            return np.full_like(self.mean, constant)
        if how in ("mean", "drop", "refuse"):
            return self.mean
        raise DataError("Gaps", got=f"{how!r} came", expected=f"one of {', '.join(FILLS)}")
