"""Along an axis: products and extremes so far, sorting, searching; and what is found where."""

from __future__ import annotations

from functools import wraps
from typing import Any

from engine.errors import OptionError, ShapeError
from engine.ops import scans
from engine.ops.base import axis_of
from engine.ops.elementwise import require_float
from engine.tensor.operands import cast, full_like, meet
from engine.tensor.promotion import int32, int64
from engine.tensor.reductions import Extreme
from engine.tensor.shapes import cat, stack
from engine.tensor.tape import Core, apply, wrap


def _of_a_number_too(function: Any) -> Any:
    """Let a function along an axis take a tensor with no axes as one of one element."""

    @wraps(function)
    def call(input: Any, *args: Any, **named: Any) -> Any:
        if input.ndim:
            return function(input, *args, **named)
        out = function(input.reshape(1), *args, **named)
        return Extreme(*(x.reshape(()) for x in out)) if isinstance(out, tuple) else out.reshape(())

    return call


@_of_a_number_too
def cumprod(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """The product so far along an axis; exact where there are zeros, its gradient, too.

    Args:
        dim: the axis.

    >>> import engine
    >>> engine.cumprod(engine.tensor([1, 2, 3]), 0)
    tensor([1, 2, 6])
    """
    return apply(scans.CumProd(dim), input if dtype is None else cast(input, dtype))


@_of_a_number_too
def logcumsumexp(input: Any, dim: int) -> Any:
    """log of the sum of exp(x) so far along an axis, without overflow.

    Args:
        dim: the axis.

    >>> import engine
    >>> engine.logcumsumexp(engine.zeros(3), 0)
    tensor([0.0000, 0.6931, 1.0986])
    """
    require_float("logcumsumexp", input.dtype)
    return apply(scans.LogCumSumExp(dim), input)


@_of_a_number_too
def cummax(input: Any, dim: int) -> Extreme:
    """The greatest so far along an axis, and where it stands: the last of equals.

    Args:
        dim: the axis.

    >>> import engine
    >>> engine.cummax(engine.tensor([1, 3, 2]), 0).values
    tensor([1, 3, 3])
    """
    indices = apply(scans.CumArg("cummax", dim), input)
    return Extreme(input.gather(dim, indices), indices)


@_of_a_number_too
def cummin(input: Any, dim: int) -> Extreme:
    """The smallest so far along an axis, and where it stands: the last of equals.

    Args:
        dim: the axis.

    >>> import engine
    >>> engine.cummin(engine.tensor([2, 3, 1]), 0).values
    tensor([2, 2, 1])
    """
    indices = apply(scans.CumArg("cummin", dim), input)
    return Extreme(input.gather(dim, indices), indices)


@_of_a_number_too
def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The order of the values along an axis; equal ones keep theirs, whatever `stable` says.

    Args:
        dim: the axis.
        descending: whether the greatest comes first.

    >>> import engine
    >>> engine.argsort(engine.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    return apply(scans.ArgSort(dim, bool(descending)), input)


@_of_a_number_too
def sort(input: Any, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Extreme:
    """The values along an axis in order, and where they stood; equal ones keep theirs, whatever `stable` says.

    Args:
        dim: the axis.
        descending: whether the greatest comes first.

    >>> import engine
    >>> engine.sort(engine.tensor([3.0, 1.0, 2.0])).indices
    tensor([1, 2, 0])
    """
    indices = apply(scans.ArgSort(dim, bool(descending)), input)
    return Extreme(input.gather(dim, indices), indices)


def msort(input: Any) -> Any:
    """The values along the first axis in order.

    >>> import engine
    >>> engine.msort(engine.tensor([3.0, 1.0, 2.0]))
    tensor([1., 2., 3.])
    """
    return sort(input, 0).values


@_of_a_number_too
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Extreme:
    """The k greatest (or smallest) values along an axis and where they stand, in order.

    Args:
        dim: the axis.
        largest: False gives the smallest.
        sorted: accepted for scripts.

    >>> import engine
    >>> engine.topk(engine.tensor([3.0, 1.0, 2.0]), 2).values
    tensor([3., 2.])
    """
    axis = axis_of("topk", dim, input.ndim)
    if not 0 <= k <= input.shape[axis]:
        raise OptionError("topk", got=f"k is {k}", expected=f"0 to {input.shape[axis]}")
    indices = argsort(input, axis, largest).narrow(axis, 0, k)
    return Extreme(input.gather(axis, indices), indices)


def searchsorted(sorted_sequence: Any, input: Any, *, out_int32: bool = False, right: bool = False,
                 side: str | None = None, sorter: Any = None) -> Any:  # fmt: skip
    """Where each value would have to be put in to keep the order: before what is equal, or ("right") behind it.

    Args:
        input: the values, or one number.
        out_int32: whether the places are int32, not int64.
        right, side: `right=True` and `side="right"` mean the same.
        sorter: the order of the sequence, as `argsort` gives it, where it is not sorted itself.

    Shape:
        sorted_sequence (N) or (..., N), input (..., M) -> (..., M)

    >>> import engine
    >>> engine.searchsorted(engine.tensor([1.0, 3.0, 5.0]), engine.tensor([3.0, 9.0]))
    tensor([1, 3])
    """
    if side not in (None, "left", "right") or (side == "left" and right):
        raise OptionError("searchsorted", got=f"side is {side!r}, right is {right}", expected='"left" or "right"')
    if not isinstance(input, Core):
        input = full_like(sorted_sequence, input)
    if sorter is not None:
        sorted_sequence = sorted_sequence.gather(-1, sorter)
    boundaries, values = meet(sorted_sequence.detach(), input.detach())
    out = apply(scans.SearchSorted(right or side == "right"), boundaries, values)
    return cast(out, int32 if out_int32 else int64)


def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    """Into which bucket between ascending boundaries each value falls; one that is equal to one into the lower.

    Args:
        out_int32: whether the numbers are int32, not int64.
        right: whether what is equal to a boundary falls into the upper bucket.

    >>> import engine
    >>> engine.bucketize(engine.tensor([0.5, 2.0, 7.0]), engine.tensor([1.0, 2.0, 5.0]))
    tensor([0, 1, 3])
    """
    if boundaries.ndim != 1:
        raise ShapeError("bucketize", got=f"the boundaries have {boundaries.ndim} axes", expected="one")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each element is among the test elements; either may be a number.

    Args:
        test_elements: what is looked for, in any shape.
        assume_unique: accepted for scripts.
        invert: whether the answers are turned.

    >>> import engine
    >>> engine.isin(engine.tensor([1, 2, 3]), engine.tensor([3, 1]))
    tensor([ True, False,  True])
    """
    if not isinstance(elements, Core):
        elements = full_like(test_elements, elements)
    if not isinstance(test_elements, Core):
        test_elements = full_like(elements, test_elements)
    a, b = meet(elements.detach(), test_elements.detach())
    out = apply(scans.IsIn(), a, b.reshape(-1))
    return ~out if invert else out


def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """Where what is other than 0 stands: a row for each, or (as_tuple) a tensor for each axis.

    Shape:
        any -> (found, axes)

    >>> import engine
    >>> engine.nonzero(engine.tensor([[0, 1], [2, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    input._require_values("nonzero")
    device = input.device
    x = input.array if input.ndim else input.reshape(1).array
    places = [wrap(place, device) for place in device.kernels.nonzero(x)]
    if as_tuple:
        return tuple(places)
    return stack(places, 1) if input.ndim else stack(places, 1).narrow(1, 0, 0)


def argwhere(input: Any) -> Any:
    """Where what is other than 0 stands: a row for each.   any -> (found, axes)

    >>> import engine
    >>> engine.argwhere(engine.tensor([0, 1, 2]))
    tensor([[1],
            [2]])
    """
    return nonzero(input)


def unique(input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
           dim: int | None = None) -> Any:  # fmt: skip
    """The values that there are, in order; or the slices along an axis.

    Args:
        sorted: accepted for scripts: they always are.
        return_inverse: also which of them each element is.
        return_counts: also how often each comes.
        dim: the axis of the slices.

    >>> import engine
    >>> engine.unique(engine.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    input._require_values("unique")
    axis = None if dim is None else axis_of("unique", dim, input.ndim)
    values, inverse, counts = (wrap(x, input.device) for x in input.device.kernels.unique(input.array, axis))
    return _found(values, cast(inverse, int64), cast(counts, int64), return_inverse, return_counts)


def unique_consecutive(input: Any, return_inverse: bool = False, return_counts: bool = False,
                       dim: int | None = None) -> Any:  # fmt: skip
    """The values that there are, each run of equal ones once; or the slices along an axis.

    Args:
        return_inverse: also to which run each element belongs.
        return_counts: also how long each run is.
        dim: the axis of the slices.

    >>> import engine
    >>> engine.unique_consecutive(engine.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    input._require_values("unique_consecutive")
    x = input.detach().reshape(-1) if dim is None else input.detach().transpose(0, dim)
    n = x.shape[0]
    rows = x.reshape(n, -1) if x.numel() else x.reshape(n, 0)
    fresh = full_like(x, 1).to(bool).expand(min(n, 1))
    if n > 1:
        fresh = cat([fresh, (rows[1:] != rows[:-1]).any(1)])
    begins = nonzero(fresh).reshape(-1)
    values = x[begins] if dim is None else x[begins].transpose(0, dim)
    inverse = fresh.cumsum(0) - 1
    ends = cat([begins[1:], begins.new_tensor([n])]) if n else begins
    return _found(values, inverse.reshape(input.shape) if dim is None else inverse, ends - begins, return_inverse,
                  return_counts)  # fmt: skip


def _found(values: Any, inverse: Any, counts: Any, return_inverse: bool, return_counts: bool) -> Any:
    out = (values, *([inverse] if return_inverse else []), *([counts] if return_counts else []))
    return out if len(out) > 1 else values
