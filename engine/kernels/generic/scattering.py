"""Kernels that put values where an index says, several into one place among them."""

from __future__ import annotations

from math import inf
from typing import Any


class Scattering:
    """x and index have as many axes; out[index[i][j]][j] is what values[i][j] goes to, for axis 0."""

    xp: Any

    def scatter(self, x: Any, index: Any, values: Any, axis: int) -> Any:
        """A copy of x with values put in; of several for one place the last one stays, as on the processor."""
        out = x.copy()
        out[self._along("scatter", x.shape, index, axis)] = values[tuple(slice(n) for n in index.shape)]
        return out

    def scatter_fill(self, x: Any, index: Any, value: float, axis: int) -> Any:
        """A copy of x with one value put in."""
        count = self.xp.zeros(x.shape, "int32")
        self.xp.add.at(count, self._along("scatter", x.shape, index, axis), 1)
        return self.xp.where(count > 0, x.dtype.type(value), x)

    def scatter_add(self, x: Any, index: Any, values: Any, axis: int) -> Any:
        """A copy of x with values added."""
        out = x.copy()
        self.xp.add.at(out, self._along("scatter", x.shape, index, axis), values[tuple(slice(n) for n in index.shape)])
        return out

    def scatter_extreme(self, kind: str, x: Any, index: Any, values: Any, axis: int, include_self: bool) -> Any:
        """A copy of x with the greatest ("amax") or smallest ("amin") of the values and, if it counts, the old one."""
        greatest = kind == "amax"
        out = x.copy() if include_self else self.scatter_fill(x, index, self._worst(x.dtype, greatest), axis)
        extreme = self.xp.maximum if greatest else self.xp.minimum
        extreme.at(out, self._along("scatter", x.shape, index, axis), values[tuple(slice(n) for n in index.shape)])
        return out

    def _worst(self, dtype: Any, greatest: bool) -> Any:
        if dtype.kind == "f":
            return -inf if greatest else inf
        info = self.xp.iinfo(dtype)
        return info.min if greatest else info.max

    def scatter_prod(self, x: Any, index: Any, values: Any, axis: int) -> Any:
        """A copy of x with values multiplied in: sorted by place, and multiplied within each in log2(n) passes."""
        xp, places = self.xp, self._along("scatter", x.shape, index, axis)
        if not index.size:
            return x.copy()
        numbers = xp.arange(x.size).reshape(x.shape)[places].reshape(-1)
        order = xp.argsort(numbers, kind="stable")
        numbers, products = numbers[order], values[tuple(slice(n) for n in index.shape)].reshape(-1)[order]
        reach = 1
        while reach < numbers.size:
            one = numbers[reach:] == numbers[:-reach]
            joined = xp.where(one, products[reach:] * products[:-reach], products[reach:])
            products = xp.concatenate((products[:reach], joined))
            reach *= 2
        last = xp.concatenate((numbers[1:] != numbers[:-1], xp.ones(1, bool)))
        factors, count = xp.zeros(x.size, x.dtype), xp.zeros(x.size, "int32")
        xp.add.at(factors, numbers, xp.where(last, products, 0))
        xp.add.at(count, numbers, 1)
        return xp.where(count > 0, x.reshape(-1) * factors, x.reshape(-1)).reshape(x.shape)
