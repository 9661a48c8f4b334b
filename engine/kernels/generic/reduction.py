"""Kernels that reduce axes, and those that go along one."""

from __future__ import annotations

from math import inf, nan
from typing import Any

from engine.errors import GradientError

Axes = tuple[int, ...]


def total(x: Any, axes: Any, keepdims: bool = False) -> Any:
    """The sum of floating-point numbers; of float16 it gathers in float32, as in float16 ones end at 2,048."""
    if x.dtype.char != "e":
        return x.sum(axes, None, None, keepdims)
    return x.sum(axis=axes, dtype="float32", keepdims=keepdims).astype(x.dtype)


class Reduction:
    """Sums, extremes, softmax."""

    xp: Any

    def sum(self, x: Any, axes: Axes | None = None, keepdims: bool = False) -> Any:
        if x.dtype.kind == "f":
            return total(x, axes, keepdims)
        return x.sum(axis=axes, dtype="int64", keepdims=keepdims)  # NumPy would make uint64 of uint8

    def mean(self, x: Any, axes: Axes | None = None, keepdims: bool = False) -> Any:
        whole = x.sum(axis=axes, dtype="float32" if x.dtype.char == "e" else None, keepdims=keepdims)
        count = x.size // whole.size if whole.size else 1
        return (whole / count if count else whole * nan).astype(x.dtype, copy=False)

    def prod(self, x: Any, axes: Axes | None = None, keepdims: bool = False) -> Any:
        return x.prod(axis=axes, dtype=None if x.dtype.kind == "f" else "int64", keepdims=keepdims)

    def amax(self, x: Any, axes: Axes | None = None, keepdims: bool = False) -> Any:
        return x.max(axis=axes, keepdims=keepdims)

    def amin(self, x: Any, axes: Axes | None = None, keepdims: bool = False) -> Any:
        return x.min(axis=axes, keepdims=keepdims)

    def median(self, x: Any, ignore: bool) -> Any:
        """The middle one of all values, the lower one of two; NaN where there is any, unless these are ignored."""
        ordered = self.xp.sort(x.reshape(-1))  # NaN comes last
        missing = (ordered != ordered).sum()
        middle = self.xp.maximum(x.size - missing - 1, 0) // 2
        if not ignore:
            middle = self.xp.where(missing > 0, x.size - 1, middle)
        return self.xp.take(ordered, middle)

    def any(self, x: Any, axes: Axes | None = None, keepdims: bool = False) -> Any:
        return x.any(axis=axes, keepdims=keepdims)

    def all(self, x: Any, axes: Axes | None = None, keepdims: bool = False) -> Any:
        return x.all(axis=axes, keepdims=keepdims)

    def argmax(self, x: Any, axis: int | None, keepdims: bool = False) -> Any:
        return x.argmax(axis=axis, keepdims=keepdims)

    def argmin(self, x: Any, axis: int | None, keepdims: bool = False) -> Any:
        return x.argmin(axis=axis, keepdims=keepdims)

    def cumsum(self, x: Any, axis: int) -> Any:
        if x.dtype.char == "e":
            return self.xp.cumsum(x, axis=axis, dtype="float32").astype(x.dtype)
        return self.xp.cumsum(x, axis=axis, dtype=None if x.dtype.kind == "f" else "int64")

    def sum_to(self, x: Any, shape: tuple[int, ...]) -> Any:
        """Sum away what broadcasting from `shape` had stretched."""
        if x.shape == shape:
            return x
        ahead = x.ndim - len(shape)
        axes = tuple(range(ahead)) + tuple(i + ahead for i, n in enumerate(shape) if n == 1)
        return total(x, axes, keepdims=True).reshape(shape)

    def prod_backward(self, grad: Any, x: Any, axes: Axes) -> Any:
        """d prod / d x_i is the product of all others; exact where there are zeros.   grad: reduced axes kept as 1"""
        zero = x == 0
        zeros = zero.sum(axis=axes, keepdims=True)
        others = self.xp.where(zero, 1, x).prod(axis=axes, keepdims=True)
        without_zero = others / self.xp.where(zero, 1, x)
        value = self.xp.where(zeros == 0, without_zero, self.xp.where((zeros == 1) & zero, others, 0))
        return (grad * value).astype(x.dtype, copy=False)

    def total_norm(self, arrays: list[Any], order: float) -> Any:
        """The norm over all values of all arrays: (Σ |x|^order)^(1 / order); that of no array is 0."""
        if order == inf:
            return self.xp.asarray([self.xp.abs(x).max() for x in arrays if x.size] or [0.0]).max()
        if order == 2.0:
            flat = (x.reshape(-1) for x in arrays)
            powers = [f @ f for f in flat]
        else:
            powers = [(self.xp.abs(x) ** order).sum() for x in arrays]
        return self.xp.asarray(powers or [0.0]).sum() ** (1 / order)

    def check_finite(self, where: str, what: str, number: Any) -> None:
        """A GradientError where a number is infinite or none at all."""
        if not self.xp.isfinite(number):
            raise GradientError(where, got=f"{what} is {float(number)}", expected="a finite number")

    def logsumexp(self, x: Any, axes: Axes, keepdims: bool = False) -> Any:
        top = x.max(axis=axes, keepdims=True) if x.size else x.dtype.type(0)  # of nothing, the sum is 0
        top = self.xp.where(self.xp.isfinite(top), top, 0)
        whole = self.xp.log(total(self.xp.exp(x - top), axes, keepdims=True)) + top
        return whole if keepdims else whole.squeeze(axes)

    def softmax(self, x: Any, axis: int) -> Any:
        if x.size == 0:
            return x.copy()
        value = x - x.max(axis=axis, keepdims=True)
        self.xp.exp(value, out=value)
        value /= total(value, axis, keepdims=True)
        return value

    def softmax_backward(self, grad: Any, out: Any, axis: int) -> Any:
        value = grad * out
        value -= out * total(value, axis, keepdims=True)
        return value

    def log_softmax(self, x: Any, axis: int) -> Any:
        if x.size == 0:
            return x.copy()
        value = x - x.max(axis=axis, keepdims=True)
        value -= self.xp.log(total(self.xp.exp(value), axis, keepdims=True))
        return value

    def log_softmax_backward(self, grad: Any, out: Any, axis: int) -> Any:
        value = self.xp.exp(out)
        value *= total(grad, axis, keepdims=True)
        return self.xp.subtract(grad, value, out=value)
