"""Kernels that pick values out and put them back."""

from __future__ import annotations

from typing import Any

from engine.kernels.generic import faults
from engine.kernels.generic.places import indexes, outside


class Indexing:
    """Slices, integer arrays, masks; rows of a table."""

    xp: Any

    @indexes
    def getitem(self, x: Any, index: Any) -> Any:
        return x[index]

    @indexes
    def setitem(self, x: Any, index: Any, value: Any) -> Any:
        """A copy of x with x[index] = value."""
        out = x.copy()
        out[index] = value
        return out

    @indexes
    def put(self, shape: tuple[int, ...], index: Any, values: Any) -> Any:
        """-> zeros with values at an index that names each place at most once."""
        out = self.xp.zeros(shape, values.dtype)
        out[index] = values
        return out

    @indexes
    def put_add(self, shape: tuple[int, ...], index: tuple[Any, ...], values: Any) -> Any:
        """-> zeros with values added at an index with integer arrays, which may name a place twice."""
        if len(index) == 1 and getattr(index[0], "dtype", None) is not None:
            rows = index[0]
            self.check_places("index", rows, shape, 0, -shape[0])
            flat = values.reshape(rows.size, *shape[1:])
            return self.add_rows(shape[0], self.xp.where(rows < 0, rows + shape[0], rows).reshape(-1), flat)
        out = self.xp.zeros(shape, values.dtype)
        self.xp.add.at(out, index, values)
        return out

    def check_places(self, where: str, index: Any, shape: tuple[int, ...], axis: int, low: int = 0) -> None:
        """A RangeError where a number names no place of an axis, which are counted from `low` on."""
        if not index.size:
            return
        least, most = int(index.min()), int(index.max())
        if least < low or most >= shape[axis]:
            raise outside(where, most if most >= shape[axis] else least, shape, axis, low)

    def check_index(self, index: Any, rows: int) -> None:
        """A RangeError where a number names no row of a table."""
        if not index.size:
            return
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= rows:
            raise faults.no_row(high if high >= rows else low, rows)

    def rows(self, table: Any, index: Any) -> Any:
        """table (V, D...), index (...) -> (..., D...)"""
        return table.take(index, axis=0)

    def add_rows(self, rows: int, index: Any, values: Any) -> Any:
        """-> (rows, ...) zeros, with values[i] added to row index[i].   index (M), values (M, ...)

        Sorted by row, so that each row is one segment of a single `reduceat`: `add.at` is several times slower.
        """
        out = self.xp.zeros((rows, *values.shape[1:]), values.dtype)
        if index.size == 0 or values.size == 0:
            return out
        order = index.argsort(kind="stable")
        ordered = index[order]
        starts = self.xp.flatnonzero(self.xp.concatenate((self.xp.ones(1, bool), ordered[1:] != ordered[:-1])))
        out[ordered[starts]] = self.xp.add.reduceat(values[order], starts, axis=0)
        return out

    def index_select(self, x: Any, index: Any, axis: int) -> Any:
        """x with the places of an axis that the index names: index (M)"""
        self.check_places("index_select", index, x.shape, axis)
        return x[(slice(None),) * axis + (index,)]

    def gather(self, x: Any, index: Any, axis: int) -> Any:
        return x[self._along("gather", x.shape, index, axis)]

    def gather_backward(self, grad: Any, index: Any, shape: tuple[int, ...], axis: int) -> Any:
        out = self.xp.zeros(shape, grad.dtype)
        self.xp.add.at(out, self._along("gather", shape, index, axis), grad)
        return out

    def _along(self, where: str, shape: tuple[int, ...], index: Any, axis: int) -> tuple[Any, ...]:
        """The index for one axis, every other axis counting its own places; it may be shorter than x there."""
        self.check_places(where, index, shape, axis)
        places = [
            self.xp.arange(n).reshape((1,) * i + (n,) + (1,) * (index.ndim - i - 1)) for i, n in enumerate(index.shape)
        ]
        places[axis] = index
        return tuple(places)

    def one_hot(self, index: Any, classes: int, dtype: Any) -> Any:
        """index (...) -> (..., classes)"""
        return (index[..., None] == self.xp.arange(classes)).astype(dtype)
