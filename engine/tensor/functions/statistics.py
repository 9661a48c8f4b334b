"""What makes one value of many, beside sum, mean and extremes: spread, order statistics, counts."""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.ops.base import axis_of, times
from engine.ops.elementwise import require_float
from engine.tensor.creation import arange, as_tensor, full, ones_like
from engine.tensor.functions.ordering import searchsorted
from engine.tensor.operands import cast, real
from engine.tensor.promotion import int64
from engine.tensor.reductions import Dim
from engine.tensor.shapes import cat
from engine.tensor.tape import Core, wrap
from engine.wording import counted


class Limits(NamedTuple):
    """The smallest and the greatest value."""

    min: Any
    max: Any


def var_mean(input: Any, dim: Dim = None, unbiased: bool = True, keepdim: bool = False, *,
             correction: float = 1) -> tuple[Any, Any]:  # fmt: skip
    """(var, mean): the variance and the mean, as `Tensor.var` and `Tensor.mean` give them.

    Args:
        dim: an axis, several, or None for all.
        unbiased, correction: as of `Tensor.var`.

    >>> import engine
    >>> engine.var_mean(engine.tensor([1.0, 3.0]))
    (tensor(2.), tensor(2.))
    """
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return input.var(dim, unbiased, keepdim, correction=correction), input.mean(dim, keepdim)


def std_mean(input: Any, dim: Dim = None, unbiased: bool = True, keepdim: bool = False, *,
             correction: float = 1) -> tuple[Any, Any]:  # fmt: skip
    """(std, mean): the deviation and the mean, as `Tensor.std` and `Tensor.mean` give them.

    Args:
        dim: an axis, several, or None for all.
        unbiased, correction: as of `Tensor.var`.

    >>> import engine
    >>> engine.std_mean(engine.tensor([1.0, 3.0]), correction=0)
    (tensor(1.), tensor(2.))
    """
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return input.std(dim, unbiased, keepdim, correction=correction), input.mean(dim, keepdim)


def _numbers(input: Any) -> Any:
    return input.masked_fill(input.isnan(), 0) if input.dtype.kind == "f" else input


def nansum(input: Any, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The sum of what is a number.

    Args:
        dim: an axis, several, or None for all.

    >>> import engine
    >>> engine.nansum(engine.tensor([1.0, engine.nan, 3.0]))
    tensor(4.)
    """
    return _numbers(input).sum(dim, keepdim, dtype=dtype)


def nanmean(input: Any, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The mean of what is a number.

    Args:
        dim: an axis, several, or None for all.

    >>> import engine
    >>> engine.nanmean(engine.tensor([1.0, engine.nan, 3.0]))
    tensor(2.)
    """
    require_float("nanmean", input.dtype)
    x = input if dtype is None else cast(input, dtype)
    require_float("nanmean", x.dtype)
    return _numbers(x).sum(dim, keepdim) / (~x.isnan()).sum(dim, keepdim)


def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> Limits:
    """The smallest and the greatest value, (min, max).

    Args:
        dim: an axis, or None for all.

    >>> import engine
    >>> engine.aminmax(engine.tensor([3, 1, 2])).max
    tensor(3)
    """
    return Limits(input.amin(dim, keepdim), input.amax(dim, keepdim))


def count_nonzero(input: Any, dim: Dim = None) -> Any:
    """How many elements are other than 0.

    Args:
        dim: an axis, several, or None for all.

    >>> import engine
    >>> engine.count_nonzero(engine.tensor([[0, 1], [2, 3]]), dim=1)
    tensor([1, 2])
    """
    return (input != 0).sum(dim)


def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The p-norm of input - other: (sum of |input - other|^p)^(1 / p).

    >>> import engine
    >>> engine.dist(engine.tensor([3.0, 0.0]), engine.tensor([0.0, 4.0]))
    tensor(5.)
    """
    return (input - other).norm(p)


def renorm(input: Any, p: float, dim: int, maxnorm: float) -> Any:
    """Every place along an axis scaled so that its p-norm is at most maxnorm.

    Args:
        dim: the axis.

    >>> import engine
    >>> engine.renorm(engine.tensor([[3.0, 4.0], [0.0, 1.0]]), 2, 0, 2.5)
    tensor([[1.5000, 2.0000],
            [0.0000, 1.0000]])
    """
    axis = axis_of("renorm", dim, input.ndim)
    norm = input.norm(p, tuple(i for i in range(input.ndim) if i != axis), True)
    scale = maxnorm / (norm + 1e-7)
    return input * scale.where(norm > maxnorm, scale * 0 + 1)


def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """How variables, one in each row, vary together: the sum of (x - mean of x) (y - mean of y), divided.

    Args:
        correction: the sum is divided by the number of observations minus this.
        fweights: how often each observation came.
        aweights: how much each observation counts.

    Shape:
        (N, observations) -> (N, N)

    >>> import engine
    >>> engine.cov(engine.tensor([[1.0, 3.0], [2.0, 0.0]]))
    tensor([[ 2., -2.],
            [-2.,  2.]])
    """
    x = real(input).reshape(1, -1) if input.ndim < 2 else real(input)
    weight = None if fweights is None else fweights
    if aweights is not None:
        weight = aweights if weight is None else weight * aweights
    if weight is None:
        total, mean = x.shape[1], x.mean(1, True)
        scale = total - correction
    else:
        total = weight.sum()
        mean = (x * weight).sum(1, True) / total
        scale = total - correction if aweights is None else total - correction * (weight * aweights).sum() / total
    away = x - mean
    together = (away if weight is None else away * weight) @ away.T
    scale = full((), max(scale, 0), dtype=x.dtype) if not isinstance(scale, Core) else scale.clamp(min=0)
    out = together / scale.to(x.device)
    return out if len(x) > 1 else out.reshape(())


def corrcoef(input: Any) -> Any:
    """The correlation of variables, one in each row, from -1 to 1: cov(x, y) / (std(x) std(y)).

    Shape:
        (N, observations) -> (N, N)

    >>> import engine
    >>> engine.corrcoef(engine.tensor([[0.0, 2.0, 4.0], [4.0, 2.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    together = cov(input)
    if not together.ndim:
        return together / together
    spread = together.diagonal().sqrt()
    return (together / spread[:, None] / spread).clamp(-1, 1)


def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """The difference of each element to the one before it along an axis, n times over.

    Args:
        dim: the axis.
        prepend, append: what is put before and behind the input first.

    >>> import engine
    >>> engine.diff(engine.tensor([1, 4, 9, 16]))
    tensor([3, 5, 7])
    """
    if not input.ndim:
        raise ShapeError("diff", got="a tensor with no axes arrives", expected="at least one axis")
    if n == 0:
        return input.clone()
    x = cat([part for part in (prepend, input, append) if part is not None], dim)
    axis = axis_of("diff", dim, x.ndim)
    for _ in range(min(n, x.shape[axis])):
        length = x.shape[axis] - 1
        after, before = x.narrow(axis, 1, length), x.narrow(axis, 0, length)
        x = after != before if x.dtype.kind == "b" else after - before
    return x


def _trapezoids(y: Any, x: Any, dx: float, dim: int) -> Any:
    if not y.ndim:
        raise ShapeError("trapezoid", got="a tensor with no axes arrives", expected="at least one axis")
    axis = axis_of("trapezoid", dim, y.ndim)
    y = y if y.shape[axis] else y.detach()
    n = max(y.shape[axis] - 1, 0)
    width = dx
    if x is not None:
        x = as_tensor(x, device=y.device)
        if x.ndim == 1:
            x = x.reshape((-1,) + (1,) * (y.ndim - axis - 1))
        width = diff(x, dim=axis - y.ndim)
    return (y.narrow(axis, min(1, y.shape[axis]), n) + y.narrow(axis, 0, n)) * width / 2.0


def trapezoid(y: Any, x: Any = None, *, dx: float = 1, dim: int = -1) -> Any:
    """The area below y along an axis, at places x or at a distance dx from each other.

    Args:
        dim: the axis.

    >>> import engine
    >>> engine.trapezoid(engine.tensor([1.0, 2.0, 4.0]))
    tensor(4.5000)
    """
    return _trapezoids(y, x, dx, dim).sum(dim)


def cumulative_trapezoid(y: Any, x: Any = None, *, dx: float = 1, dim: int = -1) -> Any:
    """The area below y so far along an axis, at places x or at a distance dx from each other.

    Args:
        dim: the axis.

    >>> import engine
    >>> engine.cumulative_trapezoid(engine.tensor([1.0, 2.0, 4.0]))
    tensor([1.5000, 4.5000])
    """
    return _trapezoids(y, x, dx, dim).cumsum(dim)


def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each number from 0 comes in a row of whole numbers, or the sum of its weights.

    Args:
        minlength: how many numbers are counted at the least.

    Raises:
        OptionError: a number below 0.

    >>> import engine
    >>> engine.bincount(engine.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    input._require_values("bincount")
    if input.ndim != 1 or input.dtype.kind not in "iu":
        raise TypeMismatch(
            "bincount", got=f"{counted(input.ndim, 'axis')} of {input.dtype}", expected="one row of whole numbers"
        )
    if input.numel() and int(input.min()) < 0:
        raise OptionError("bincount", got=f"the number {int(input.min())}", expected="0 or more")
    if weights is not None and weights.shape != input.shape:
        raise ShapeError(
            "bincount",
            got=f"{counted(weights.numel(), 'weight')} for {counted(input.numel(), 'number')}",
            expected="as many",
        )
    weights = weights if input.numel() else None
    k = input.device.kernels
    wide = None if weights is None else k.astype(weights.array, "float64")
    out = wrap(k.bincount(k.astype(input.array, int64), wide, minlength), input.device)
    return cast(out, weights.dtype) if weights is not None and weights.dtype.kind == "f" else out


def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """How many values lie in each of `bins` equal parts from min to max; those of the values where both are equal.

    >>> import engine
    >>> engine.histc(engine.tensor([0.0, 1.0, 1.5, 4.0]), bins=4)
    tensor([1., 2., 0., 1.])
    """
    require_float("histc", input.dtype)
    input._require_values("histc")
    x = input.detach().reshape(-1)
    if min == max and x.numel():
        min, max = float(x.min()), float(x.max())
    if min == max:
        min, max = min - 1, max + 1
    if not (abs(min) < inf and abs(max) < inf and min < max):
        raise OptionError("histc", got=f"from {min} to {max}", expected="two finite numbers, the lower one first")
    x = x[(x >= min) & (x <= max)]
    place = ((x - min) / (max - min) * bins).floor().long().clamp(max=bins - 1)
    return cast(bincount(place, None, bins), input.dtype)


class Histogram(NamedTuple):
    """How much lies in each part, and where the parts begin and end."""

    hist: Any
    bin_edges: Any


def histogram(input: Any, bins: Any, *, range: tuple[float, float] | None = None, weight: Any = None,
              density: bool = False) -> Histogram:  # fmt: skip
    """How many values lie in each part, and the edges of the parts; what lies outside is left out.

    Args:
        bins: how many equal parts, or their edges as a tensor in increasing order.
        range: from where to where the equal parts reach; from the lowest to the greatest value where absent.
        weight: what each value counts, instead of 1.
        density: divide by the width of each part and by the whole, so that the area is 1.

    Raises:
        OptionError: no part at all, or a range that is none.
        ShapeError: other weights than values.

    >>> import engine
    >>> engine.histogram(engine.tensor([1.0, 2.0, 1.0]), 4, range=(0.0, 3.0)).hist
    tensor([0., 2., 1., 0.])
    """
    require_float("histogram", input.dtype)
    input._require_values("histogram")
    if weight is not None and tuple(weight.shape) != tuple(input.shape):
        raise ShapeError("histogram", got=f"{counted(weight.numel(), 'weight')} for {counted(input.numel(), 'value')}",
                         expected="the same shape")  # fmt: skip
    x = input.detach().reshape(-1)
    edges = _edges(x, bins, range)
    parts = edges.numel() - 1
    inside = (x >= edges[0]) & (x <= edges[-1])
    place = searchsorted(edges, x[inside], right=True).clamp(max=parts) - 1
    kept = (ones_like(x) if weight is None else weight.detach().reshape(-1))[inside]
    hist = cast(bincount(place, kept, parts), input.dtype)
    return Histogram(hist / (hist.sum() * diff(edges)) if density else hist, edges)


def _edges(x: Any, bins: Any, range: tuple[float, float] | None) -> Any:
    """The edges of a histogram's parts."""
    if isinstance(bins, Core):
        if bins.ndim != 1 or bins.numel() < 2 or bins.dtype != x.dtype:
            raise OptionError("histogram", got=f"edges of {times(tuple(bins.shape))} of {bins.dtype}",
                              expected=f"a row of two or more of {x.dtype}")  # fmt: skip
        return bins.detach().clone()
    low, high = range if range is not None else (float(x.min()), float(x.max())) if x.numel() else (0.0, 1.0)
    if bins < 1 or not (abs(low) < inf and abs(high) < inf and low <= high):
        raise OptionError("histogram", got=f"{bins} parts from {low} to {high}",
                          expected="at least one, between two finite numbers, the lower one first")  # fmt: skip
    low, high = as_tensor([low, high], dtype=x.dtype, device=x.device)
    low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
    from_low, step = arange(bins + 1, device=x.device).to(x.dtype), (high - low) / bins
    return (low + step * from_low).where(from_low < (bins + 1) // 2, high - step * (bins - from_low))
