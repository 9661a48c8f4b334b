"""Pooling by slices: one pass over the image for each place inside the window, never a loop over pixels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

Pair = tuple[int, int]


def taps(kernel: Pair, stride: Pair, dilation: Pair, out: Pair) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Number and slice of each place inside the window, over an image already padded."""
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            y, x = i * dilation[0], j * dilation[1]
            yield (
                i * kernel[1] + j,
                (..., slice(y, y + stride[0] * out[0], stride[0]), slice(x, x + stride[1] * out[1], stride[1])),
            )


class Pooling:
    """Maximum and average over windows; widths are ((top, bottom), (left, right))."""

    xp: Any

    def _widen(self, x: Any, widths: tuple[Pair, Pair], value: float) -> Any:
        (top, bottom), (left, right) = widths
        if not (top or bottom or left or right):
            return x
        n, c, h, w = x.shape
        wide = self.xp.full((n, c, h + top + bottom, w + left + right), value, x.dtype)
        wide[:, :, top : top + h, left : left + w] = x
        return wide

    def max_pool2d(self, x: Any, kernel: Pair, stride: Pair, widths: tuple[Pair, Pair], dilation: Pair,
                   out: Pair) -> tuple[Any, Any]:  # fmt: skip
        """x (N, C, H, W) -> the maxima and which place of the window each came from, both (N, C, OH, OW)"""
        first = self._first_inside(kernel, stride, widths, dilation, out)
        x, kind = self._widen(x, widths, -self.xp.inf), "uint8" if kernel[0] * kernel[1] <= 256 else "int32"
        best = where = None
        for number, place in taps(kernel, stride, dilation, out):
            seen = x[place]
            if best is None:
                best, where = seen.copy(), self.xp.zeros(seen.shape, kind)
                where += first.astype(kind)
                continue
            # places are numbered upwards, so the latest that was better is the greatest number; NaN is, to the last one
            better = (seen > best) | (seen != seen)
            self.xp.maximum(where, better * where.dtype.type(number), out=where)
            self.xp.maximum(best, seen, out=best)
        return best, where

    def _first_inside(self, kernel: Pair, stride: Pair, widths: tuple[Pair, Pair], dilation: Pair, out: Pair) -> Any:
        """The number of the first place of each window that is not padding: (OH, OW)"""
        y, x = (
            np.minimum(-(-np.maximum(before - np.arange(count) * step, 0) // apart), taps - 1)
            for taps, step, (before, _), apart, count in zip(kernel, stride, widths, dilation, out)
        )
        return self.constant(y[:, None] * kernel[1] + x)

    def max_pool2d_backward(self, grad: Any, where: Any, shape: tuple[int, ...], kernel: Pair, stride: Pair,
                            widths: tuple[Pair, Pair], dilation: Pair) -> Any:  # fmt: skip
        """grad (N, C, OH, OW) -> (N, C, H, W): each gradient goes where the maximum came from"""

        apart = stride[0] >= kernel[0] and stride[1] >= kernel[1] and dilation == (1, 1)

        def put(wide: Any) -> None:
            for number, place in taps(kernel, stride, dilation, grad.shape[2:]):
                chosen = self.xp.where(where == number, grad, grad.dtype.type(0))
                if apart:  # each pixel lies in one window
                    wide[place] = chosen
                else:
                    wide[place] += chosen

        return self._scatter(shape, widths, grad.dtype, put)

    def max_pool2d_pick(self, x: Any, where: Any, kernel: Pair, stride: Pair, widths: tuple[Pair, Pair],
                        dilation: Pair) -> Any:  # fmt: skip
        """x (N, C, H, W) -> (N, C, OH, OW): the pixels that `max_pool2d` chose, of another image"""
        x, picked = self._widen(x, widths, 0), self.xp.zeros(where.shape, x.dtype)
        for number, place in taps(kernel, stride, dilation, where.shape[2:]):
            picked = self.xp.where(where == number, x[place], picked)
        return picked

    def window_argmax(self, x: Any, places: tuple[Any, ...]) -> Any:
        """x (N, C, *sizes), places on the host: for each axis (taps, out) -> (N, C, *out), counted row by row"""
        best = found = None
        for taps in product(*places):
            at = np.ix_(*taps)
            number = self.constant(np.ravel_multi_index(at, x.shape[2:]))  # (*out)
            seen = x[(..., *map(self.constant, at))]
            if best is None:
                best, found = seen, self.xp.zeros(seen.shape, number.dtype)
                found += number
                continue
            better = (seen > best) | (seen != seen)
            best, found = self.xp.where(better, seen, best), self.xp.where(better, number, found)
        return found

    def avg_pool2d(self, x: Any, kernel: Pair, stride: Pair, widths: tuple[Pair, Pair], out: Pair,
                   divisor: Any) -> Any:  # fmt: skip
        """x (N, C, H, W) -> (N, C, OH, OW); divisor is a number, or one for each window (OH, OW)"""
        x = self._widen(x, widths, 0)
        total = None
        for _, place in taps(kernel, stride, (1, 1), out):
            if total is None:
                total = x[place].copy()
            else:
                total += x[place]
        total /= self._divisor(divisor, total.dtype)
        return total

    def avg_pool2d_backward(self, grad: Any, shape: tuple[int, ...], kernel: Pair, stride: Pair,
                            widths: tuple[Pair, Pair], divisor: Any) -> Any:  # fmt: skip
        share = grad / self._divisor(divisor, grad.dtype)

        def put(wide: Any) -> None:
            for _, place in taps(kernel, stride, (1, 1), grad.shape[2:]):
                wide[place] += share

        return self._scatter(shape, widths, grad.dtype, put)

    def _divisor(self, divisor: Any, dtype: Any) -> Any:
        return divisor if isinstance(divisor, int | float) else self.constant(divisor, dtype)

    def _scatter(self, shape: tuple[int, ...], widths: tuple[Pair, Pair], dtype: Any, put: Any) -> Any:
        n, c, h, w = shape
        (top, bottom), (left, right) = widths
        wide = self.xp.zeros((n, c, h + top + bottom, w + left + right), dtype)
        put(wide)
        return wide[:, :, top : top + h, left : left + w]
