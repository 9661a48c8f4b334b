"""Images in another size, rows and columns apart from each other."""

from __future__ import annotations

from typing import Any


class Resampling:
    """Picking rows and columns, and weighted sums of them."""

    xp: Any

    def resize_nearest(self, x: Any, rows: Any, columns: Any) -> Any:
        """x (N, C, H, W), rows (OH), columns (OW) -> (N, C, OH, OW)"""
        return x.take(self.constant(rows), axis=2).take(self.constant(columns), axis=3)

    def resize_nearest_backward(self, grad: Any, rows: Any, columns: Any, shape: tuple[int, ...]) -> Any:
        """grad (N, C, OH, OW), rows and columns ascending -> (N, C, H, W), the shape given"""
        return self._collect(self._collect(grad, rows, shape[2], 2), columns, shape[3], 3)

    def _collect(self, grad: Any, index: Any, count: int, axis: int) -> Any:
        """Along an axis, the sum of the values of each index, which come one behind the other."""
        index = self.xp.asarray(index)
        starts = self.xp.flatnonzero(self.xp.concatenate((self.xp.ones(1, bool), index[1:] != index[:-1])))
        out = self.xp.zeros((*grad.shape[:axis], count, *grad.shape[axis + 1 :]), grad.dtype)
        out[(slice(None),) * axis + (index[starts],)] = self.xp.add.reduceat(grad, starts, axis=axis)
        return out

    def resample(self, x: Any, rows: Any, columns: Any) -> Any:
        """x (N, C, H, W), rows (OH, H), columns (OW, W) -> (N, C, OH, OW)"""
        rows, columns = self.constant(rows, x.dtype), self.constant(columns, x.dtype)
        return self.xp.matmul(self.xp.matmul(rows, x), columns.T)
