"""What stands at some place of the values in order: medians, quantiles; and the most frequent one."""

from __future__ import annotations

from typing import Any

from engine.errors import OptionError, ShapeError
from engine.ops import reduction as red
from engine.ops.base import axis_of
from engine.ops.elementwise import require_float
from engine.tensor.creation import arange, full
from engine.tensor.functions.axes import movedim
from engine.tensor.functions.elementwise import lerp
from engine.tensor.functions.ordering import argsort, cummax, sort
from engine.tensor.operands import cast
from engine.tensor.reductions import Extreme
from engine.tensor.shapes import cat
from engine.tensor.tape import Core, apply
from engine.wording import counted


def _at(input: Any, place: Any, dim: int, keepdim: bool) -> Extreme:
    """The values that stand at a place of the order along an axis.   place: (..., 1, ...), a tensor"""
    indices = argsort(input, dim, stable=True).gather(dim, place)
    values = input.gather(dim, indices)
    return Extreme(values, indices) if keepdim else Extreme(values.squeeze(dim), indices.squeeze(dim))


def _median(where: str, input: Any, dim: int | None, keepdim: bool, ignore: bool) -> Any:
    """The lower median: where something is not a number that, unless it is ignored."""
    if dim is None:
        if not input.numel():
            require_float(where, input.dtype)
            return input.sum() * float("nan")
        return apply(red.Median(ignore), input)
    axis = axis_of(where, dim, input.ndim)
    if not input.ndim:
        values, indices = _median(where, input.reshape(1), 0, False, ignore)
        return Extreme(values, indices)
    n = input.shape[axis]
    if n == 0:
        raise ShapeError(where, got="the axis is empty", expected="at least one element")
    missing = (input != input).sum(axis, True)
    middle = (n - missing - 1).clamp(min=0) // 2
    if not ignore:
        middle = (n - missing).where(missing > 0, middle)
    return _at(input, middle, axis, keepdim)


def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle value, the lower one of two; along an axis, the values and their places.

    Args:
        dim: an axis, or None for all.

    >>> import engine
    >>> engine.median(engine.tensor([3.0, 1.0, 2.0, 9.0]))
    tensor(2.)
    """
    return _median("median", input, dim, keepdim, False)


def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle value of those that are numbers, the lower one of two; along an axis, the values and their places.

    Args:
        dim: an axis, or None for all.

    >>> import engine
    >>> engine.nanmedian(engine.tensor([3.0, engine.nan, 1.0]))
    tensor(1.)
    """
    return _median("nanmedian", input, dim, keepdim, True)


def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Extreme:
    """The k-th smallest value along an axis, counted from 1, and its place.

    Args:
        dim: the axis.

    >>> import engine
    >>> engine.kthvalue(engine.tensor([3, 1, 2]), 2)[0]
    tensor(2)
    """
    if not input.ndim:
        values, indices = kthvalue(input.reshape(1), k, dim)
        return Extreme(values, indices)
    axis = axis_of("kthvalue", dim, input.ndim)
    if not 1 <= k <= input.shape[axis]:
        raise OptionError("kthvalue", got=f"k is {k}", expected=f"1 to {input.shape[axis]}")
    place = full((*(1 if i == axis else n for i, n in enumerate(input.shape)),), k - 1, device=input.device)
    return _at(input, place, axis, keepdim)


def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Extreme:
    """The commonest value along an axis, the smallest of several, and the place where it stands last.

    Args:
        dim: the axis.

    >>> import engine
    >>> engine.mode(engine.tensor([1, 2, 2, 3])).values
    tensor(2)
    """
    if not input.ndim:
        values, indices = mode(input.reshape(1), dim)
        return Extreme(values, indices)
    axis = axis_of("mode", dim, input.ndim)
    n = input.shape[axis]
    if n == 0:
        raise ShapeError("mode", got="the axis is empty", expected="at least one element")
    values, order = sort(movedim(input, axis, -1), -1, stable=True)
    place = arange(n, device=input.device).expand(values.shape)
    same = values[..., 1:] == values[..., :-1]
    begins = cat([place[..., :1], place[..., 1:].masked_fill(same, 0)], -1)
    run = place - cummax(begins, -1).values
    last = run.argmax(-1, True)
    values, order = values.gather(-1, last), order.gather(-1, last)
    if keepdim:
        return Extreme(movedim(values, -1, axis), movedim(order, -1, axis))
    return Extreme(values.squeeze(-1), order.squeeze(-1))


INTERPOLATIONS = ("linear", "lower", "higher", "nearest", "midpoint")


def _quantile(where: str, input: Any, q: Any, dim: int | None, keepdim: bool, interpolation: str,
              ignore: bool) -> Any:  # fmt: skip
    require_float(where, input.dtype)
    if interpolation not in INTERPOLATIONS:
        raise OptionError(where, got=f"interpolation is {interpolation!r}", expected=f"one of {INTERPOLATIONS}")
    if not isinstance(q, Core):
        if not 0 <= q <= 1:
            raise OptionError(where, got=f"q is {q}", expected="0 to 1")
        q = full((), float(q), dtype=input.dtype, device=input.device)
    if q.ndim > 1 or q.dtype != input.dtype:
        raise ShapeError(
            where, got=f"q has {counted(q.ndim, 'axis')} of {q.dtype}", expected=f"one row of {input.dtype}"
        )
    axis = None if dim is None else axis_of(where, dim, input.ndim)
    x = input.reshape(-1) if dim is None else movedim(input, axis, -1) if input.ndim else input.reshape(1)
    if not input.numel():
        raise ShapeError(where, got="the tensor is empty", expected="at least one element")
    ordered = sort(x, -1).values
    missing = (x != x).sum(-1, True)
    rank = cast(x.shape[-1] - 1 - (missing if ignore else missing * 0), x.dtype) * q.reshape(-1)  # (..., Q)
    if not ignore:  # NaN stands at the end of the order
        rank = full((), x.shape[-1] - 1.0, dtype=x.dtype, device=x.device).where(missing > 0, rank)
    out = _between(ordered, rank.clamp(min=0), interpolation)
    out = movedim(out, -1, 0)  # (Q, ...)
    if keepdim:
        kept = (*(1 if axis is None or i == axis else n for i, n in enumerate(input.shape)),)
        out = out.reshape(q.numel(), *kept)
    return out if q.ndim else out.squeeze(0)


def _between(ordered: Any, rank: Any, interpolation: str) -> Any:
    """The values at places that may lie between two."""
    low, high = rank.floor(), rank.ceil()
    if interpolation == "nearest":
        low = high = rank.round()
    if interpolation == "lower":
        high = low
    if interpolation == "higher":
        low = high
    below, above = ordered.gather(-1, low.long()), ordered.gather(-1, high.long())
    if interpolation == "midpoint":
        return below + (above - below) * 0.5
    return lerp(below, above, rank - low) if interpolation == "linear" else below


def quantile(input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *,
             interpolation: str = "linear") -> Any:  # fmt: skip
    """The value below which a share q of the values lies, of all or along an axis.

    Args:
        q: a number from 0 to 1, or a row of them: the result then has an axis for them in front.
        dim: an axis, or None for all.
        interpolation: between two values: "linear", "lower", "higher", "nearest" or "midpoint".

    >>> import engine
    >>> engine.quantile(engine.tensor([0.0, 1.0, 2.0, 4.0]), 0.75)
    tensor(2.5000)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


def nanquantile(input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *,
                interpolation: str = "linear") -> Any:  # fmt: skip
    """The value below which a share q of those values lies that are numbers, of all or along an axis.

    Args:
        dim: an axis, or None for all.
        interpolation: as of `quantile`.

    >>> import engine
    >>> engine.nanquantile(engine.tensor([0.0, engine.nan, 1.0]), 0.5)
    tensor(0.5000)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)
