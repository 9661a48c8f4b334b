"""Kernels that go along an axis and keep its length, and those that put it in order."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from engine.kernels.generic.reduction import total


class Scans:
    """Products and extremes so far, sorting, searching."""

    xp: Any

    def cumprod(self, x: Any, axis: int) -> Any:
        return self.xp.cumprod(x, axis=axis, dtype=None if x.dtype.kind == "f" else "int64")

    def cumprod_backward(self, grad: Any, x: Any, out: Any, axis: int) -> Any:
        """Before the first 0 of a row out / x multiplies x; at that 0 the product without it; behind it nothing."""
        zero = x == 0
        zeros = zero.cumsum(axis=axis)
        first = zero & (zeros == 1)
        without = self.xp.where(first, 1, x).cumprod(axis=axis)
        before = self._sum_from_here(grad * out, axis) / self.xp.where(zero, 1, x)
        at = self._sum_from_here(self.xp.where(zeros >= 1, grad * without, 0), axis)
        return self.xp.where(zeros == 0, before, self.xp.where(first, at, 0)).astype(x.dtype, copy=False)

    def _sum_from_here(self, x: Any, axis: int) -> Any:
        turn = _turn(x, axis)
        return x[turn].cumsum(axis=axis)[turn]

    def cummax_index(self, x: Any, axis: int) -> Any:
        """Where the greatest so far stands, the last one of equals; not a number is greater than all."""
        return self._last_extreme(x, self.xp.maximum, axis)

    def cummin_index(self, x: Any, axis: int) -> Any:
        """Where the smallest so far stands, the last one of equals; not a number is smaller than all."""
        return self._last_extreme(x, self.xp.minimum, axis)

    def _last_extreme(self, x: Any, extreme: Callable[..., Any], axis: int) -> Any:
        so_far = self._scan(x, extreme, axis)
        place = self.xp.arange(x.shape[axis]).reshape((-1,) + (1,) * (x.ndim - axis % x.ndim - 1))
        holds = (x == so_far) | (x != x)
        return self._scan(self.xp.where(holds, place, 0), self.xp.maximum, axis)

    def logcumsumexp(self, x: Any, axis: int) -> Any:
        return self._scan(x, self.xp.logaddexp, axis)

    def logcumsumexp_backward(self, grad: Any, x: Any, out: Any, axis: int) -> Any:
        """Σ grad exp(x - out) over all from here on, by logarithms of what is above and of what is below 0."""
        turn, xp = _turn(x, axis), self.xp

        def part(chosen: Any, size: Any) -> Any:
            log = xp.where(chosen, xp.log(xp.where(chosen, size, 1)), -inf) - out
            return xp.exp(self.logcumsumexp(log[turn], axis)[turn] + x)

        return part(grad > 0, grad) - part(grad < 0, -grad)

    def _scan(self, x: Any, combine: Callable[..., Any], axis: int) -> Any:
        """combine over all so far, in log2(n) passes over the array (Hillis and Steele, 1986)."""
        out, n, reach = x.copy(), x.shape[axis], 1
        before = (slice(None),) * (axis % x.ndim)
        while reach < n:
            head, tail = (*before, slice(None, reach)), (*before, slice(reach, None))
            joined = combine(out[(*before, slice(None, n - reach))], out[tail])
            out = self.xp.concatenate((out[head], joined), axis=axis)
            reach *= 2
        return out

    def argsort(self, x: Any, axis: int, descending: bool) -> Any:
        """The order of the values, equal ones in the order in which they came; not a number is the greatest."""
        if not descending:
            return self.xp.argsort(x, axis=axis, kind="stable")
        turn = _turn(x, axis)
        return x.shape[axis] - 1 - self.xp.argsort(x[turn], axis=axis, kind="stable")[turn]

    def searchsorted(self, boundaries: Any, values: Any, right: bool) -> Any:
        """How many boundaries lie before each value.   boundaries (..., N) ascending, values (..., M) -> (..., M)"""
        if boundaries.ndim == 1:
            found = self.xp.searchsorted(boundaries, values.reshape(-1), side="right" if right else "left")
            return found.reshape(values.shape)
        row, value = boundaries[..., None, :], values[..., None]
        return ((row <= value) if right else (row < value)).sum(axis=-1)

    def isin(self, x: Any, candidates: Any) -> Any:
        """Whether each value is among the candidates."""
        return self.xp.isin(x, candidates)

    def bincount(self, x: Any, weights: Any, least: int) -> Any:
        """x (N) whole numbers -> how often each comes, or the sum of its weights"""
        if not x.size:
            return self.xp.zeros(least, "int64" if weights is None else weights.dtype)
        return self.xp.bincount(x, weights=weights, minlength=least)

    def unique(self, x: Any, axis: int | None) -> tuple[Any, Any, Any]:
        """-> the values that there are, ascending; for each of x, which of them it is; how often each comes"""
        values, inverse, counts = self.xp.unique(x, return_inverse=True, return_counts=True, axis=axis)
        return values, inverse.reshape(x.shape if axis is None else (-1,)), counts

    def nonzero(self, x: Any) -> tuple[Any, ...]:
        """For each axis, where what is other than 0 stands."""
        return self.xp.nonzero(x)

    def norm(self, x: Any, order: float, axes: tuple[int, ...] | None, keepdims: bool) -> Any:
        """(Σ |x|^order)^(1 / order); the greatest or smallest |x| for an infinite one, how many are not 0 for 0."""
        if order == 2:
            return self.xp.sqrt(total(x * x, axes, keepdims))
        size = self.xp.abs(x)
        if order == inf:
            return size.max(axis=axes, keepdims=keepdims)
        if order == -inf:
            return size.min(axis=axes, keepdims=keepdims)
        if order == 0:
            return (x != 0).sum(axis=axes, keepdims=keepdims).astype(x.dtype)
        if order == 1:
            return total(size, axes, keepdims)
        return total(size**order, axes, keepdims) ** (1 / order)


def _turn(x: Any, axis: int) -> tuple[slice, ...]:
    """The index that reverses an axis."""
    return (slice(None),) * (axis % x.ndim) + (slice(None, None, -1),)
