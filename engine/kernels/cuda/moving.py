"""Values that are brought over once, and sums by index."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy

MOST = 64
"""Constants that are kept on the device."""


class Moving:
    """What follows from shapes alone, such as the weights of a resampling, is computed on the host and kept there."""

    xp: Any

    def __init__(self, xp: Any) -> None:
        super().__init__(xp)
        self._constants: OrderedDict[Any, Any] = OrderedDict()

    def constant(self, values: Any, dtype: Any = None) -> Any:
        """Values on the device, uploaded the first time that they are asked for."""
        if isinstance(values, self.array_type):
            return self.xp.asarray(values, dtype)
        values = numpy.asarray(values, dtype)
        key = values.shape, values.dtype.str, values.tobytes()
        if key not in self._constants:
            self._constants[key] = self.xp.asarray(values)
            if len(self._constants) > MOST:
                self._constants.popitem(last=False)
        self._constants.move_to_end(key)
        return self._constants[key]

    def add_rows(self, rows: int, index: Any, values: Any) -> Any:
        """-> (rows, ...) zeros, with values[i] added to row index[i]."""
        out = self.xp.zeros((rows, *values.shape[1:]), values.dtype)
        self.xp.add.at(out, index, values)
        return out

    def _collect(self, grad: Any, index: Any, count: int, axis: int) -> Any:
        out = self.xp.zeros((*grad.shape[:axis], count, *grad.shape[axis + 1 :]), grad.dtype)
        self.xp.add.at(out, (*(slice(None),) * axis, self.constant(index)), grad)
        return out
