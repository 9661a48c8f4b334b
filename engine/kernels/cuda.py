"""The kernel set for CuPy: the generic one, with what CuPy does in another way."""

from __future__ import annotations

from typing import Any

from engine.kernels.generic import Kernels


class CudaKernels(Kernels):
    """Generic kernels on CuPy arrays; CuPy has no `reduceat`, its `add.at` is the fast way there."""

    def add_rows(self, rows: int, index: Any, values: Any) -> Any:
        """-> (rows, ...) zeros, with values[i] added to row index[i]."""
        out = self.xp.zeros((rows, *values.shape[1:]), values.dtype)
        self.xp.add.at(out, index, values)
        return out
