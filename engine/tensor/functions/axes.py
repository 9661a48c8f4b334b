"""Axes moved, turned, cut and repeated: compositions of views, slices and `cat`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

from engine.errors import ShapeError, TypeMismatch
from engine.ops import layout
from engine.ops.base import Spec, axes_of, axis_of, times
from engine.ops.indexing import GetItem, Overlay
from engine.tensor.creation import arange
from engine.tensor.operands import cast
from engine.tensor.shapes import cat
from engine.tensor.tape import Core, apply
from engine.wording import counted

Ints = int | Sequence[int]


def _all(values: tuple[Any, ...]) -> tuple[int, ...]:
    """f(1, 2) and f((1, 2)) mean the same."""
    return tuple(values[0]) if len(values) == 1 and isinstance(values[0], tuple | list) else values


def _tuple(value: Ints) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


def movedim(input: Any, source: Ints, destination: Ints) -> Any:
    """Axes moved to other places, the others in their order.

    Args:
        source, destination: where each axis stands, and where it is to stand; numbers, or rows of them.

    >>> import engine
    >>> engine.movedim(engine.ones(2, 3, 4), 0, -1).shape
    (3, 4, 2)
    """
    source, destination = axes_of("movedim", _tuple(source), input.ndim), _tuple(destination)
    destination = axes_of("movedim", destination, input.ndim)
    if len(source) != len(destination):
        raise ShapeError("movedim", got=f"{counted(len(source), 'axis')} to {counted(len(destination), 'place')}",
                         expected="as many")  # fmt: skip
    order = [i for i in range(input.ndim) if i not in source]
    for place, axis in sorted(zip(destination, source)):
        order.insert(place, axis)
    return input.permute(order)


def flip(input: Any, *dims: Any) -> Any:
    """A copy with axes in reverse.

    Args:
        dims: the axes, one by one or as a tuple.

    >>> import engine
    >>> engine.flip(engine.tensor([[1, 2], [3, 4]]), 1)
    tensor([[2, 1],
            [4, 3]])
    """
    axes = axes_of("flip", _all(dims), input.ndim)
    turned = tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(input.ndim))
    return apply(layout.Clone(), apply(GetItem(turned), input))


def fliplr(input: Any) -> Any:
    """A copy with the second axis in reverse.

    >>> import engine
    >>> engine.fliplr(engine.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    _require_axes("fliplr", input, 2)
    return flip(input, 1)


def flipud(input: Any) -> Any:
    """A copy with the first axis in reverse.

    >>> import engine
    >>> engine.flipud(engine.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    _require_axes("flipud", input, 1)
    return flip(input, 0)


def _require_axes(where: str, input: Any, count: int) -> None:
    if input.ndim < count:
        raise ShapeError(where, got=f"a tensor of {times(input.shape)} arrives", expected=f"{count} axes or more")


def roll(input: Any, shifts: Ints, dims: Ints | None = None) -> Any:
    """Elements moved along axes; what falls off one end comes in at the other. Without dims, of the flattened tensor.

    Args:
        shifts: by how many places, for each axis.
        dims: the axes.

    >>> import engine
    >>> engine.roll(engine.arange(4), 1)
    tensor([3, 0, 1, 2])
    """
    if dims is None or dims == ():
        if not isinstance(shifts, int) and len(shifts) != 1:
            raise ShapeError("roll", got=f"{len(shifts)} shifts and no axes", expected="an axis for each shift")
        return roll(input.reshape(-1), _tuple(shifts), 0).reshape(input.shape)
    shifts, dims = _tuple(shifts), _tuple(dims)
    if len(shifts) != len(dims):
        raise ShapeError(
            "roll", got=f"{counted(len(shifts), 'shift')} and {counted(len(dims), 'axis')}", expected="as many"
        )
    out = input.clone()
    for shift, dim in zip(shifts, dims):
        axis = axis_of("roll", dim, input.ndim)
        n = input.shape[axis]
        cut = (n - shift % n) if n else 0
        if 0 < cut < n:
            out = cat([out.narrow(axis, cut, n - cut), out.narrow(axis, 0, cut)], axis)
    return out


def rot90(input: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Any:
    """Turned by k quarters in the plane of two axes, from the first towards the second.

    Args:
        dims: the axes.

    >>> import engine
    >>> engine.rot90(engine.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    if len(dims) != 2:
        raise ShapeError("rot90", got=f"{counted(len(dims), 'axis')}", expected="two")
    a, b = axes_of("rot90", tuple(dims), input.ndim)
    if k % 4 == 0:
        return input.clone()
    if k % 4 == 2:
        return flip(input, a, b)
    return flip(input, b).transpose(a, b) if k % 4 == 1 else flip(input, a).transpose(a, b)


def tile(input: Any, *dims: Any) -> Any:
    """Copies side by side along each axis, the last ones where fewer numbers come than there are axes.

    Args:
        dims: how many for each axis, one by one or as a tuple.

    >>> import engine
    >>> engine.tile(engine.tensor([1, 2]), 2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    dims = _all(dims)
    return input.repeat((1,) * (input.ndim - len(dims)) + tuple(dims))


def repeat_interleave(input: Any, repeats: Any, dim: int | None = None, *, output_size: int | None = None) -> Any:
    """Each element several times behind itself, along an axis or of the flattened tensor.

    Args:
        repeats: how many times; a number, or one for each.
        dim: the axis.
        output_size: accepted for scripts.

    >>> import engine
    >>> engine.repeat_interleave(engine.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    x = input.reshape(-1) if dim is None else input
    axis = axis_of("repeat_interleave", dim or 0, x.ndim)
    if isinstance(repeats, Core) and repeats.numel() == 1:
        repeats = int(repeats)
    n = x.shape[axis]
    if isinstance(repeats, int):
        if repeats < 0:
            raise ShapeError("repeat_interleave", got=f"{repeats} times", expected="0 or more")
        spread = x.unsqueeze(axis + 1).expand((*x.shape[: axis + 1], repeats, *x.shape[axis + 1 :]))
        return spread.reshape((*x.shape[:axis], n * repeats, *x.shape[axis + 1 :]))
    if repeats.numel() != n:
        raise ShapeError(
            "repeat_interleave",
            got=f"{counted(repeats.numel(), 'number')} for {counted(n, 'element')}",
            expected="as many",
        )
    counts = repeats.tolist()
    index = [i for i, count in enumerate(counts) for _ in range(count)]
    return x.index_select(axis, arange(0, device=x.device).new_tensor(index).long())


def unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    """Windows of `size` places along an axis, `step` places from each other, as a new last axis.

    A view where windows do not overlap and each has its whole step, otherwise a copy.

    Args:
        dimension: the axis.

    >>> import engine
    >>> engine.arange(5).unfold(0, 2, 2)
    tensor([[0, 1],
            [2, 3]])
    """
    x = input if input.ndim else input.reshape(1)
    axis = axis_of("unfold", dimension, x.ndim)
    n = x.shape[axis]
    if not 0 <= size <= n or step < 1:
        raise ShapeError("unfold", got=f"windows of {size}, {step} apart, of an axis of {n}",
                         expected="windows no longer than the axis, at least 1 apart")  # fmt: skip
    count = (n - size) // step + 1
    if size <= step and count * step <= n and input.ndim:
        apart = x.narrow(axis, 0, count * step).unflatten(axis, (count, step)).narrow(axis + 1, 0, size)
        return movedim(apart, axis + 1, -1)
    index = (arange(count, device=x.device) * step).unsqueeze(1) + arange(size, device=x.device)
    out = x.index_select(axis, index.reshape(-1)).unflatten(axis, (count, size))
    out = movedim(out, axis + 1, -1)
    return out if input.ndim else out.reshape(size)


def ravel(input: Any) -> Any:
    """All elements in one row.

    >>> import engine
    >>> engine.ravel(engine.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return input.reshape(-1)


def adjoint(input: Any) -> Any:
    """The last two axes exchanged.

    >>> import engine
    >>> engine.adjoint(engine.ones(5, 2, 3)).shape
    (5, 3, 2)
    """
    return input.transpose(-1, -2)


def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Parts along an axis: so many, the first ones one longer where it does not go up, or cut at these places.

    Args:
        indices_or_sections: how many parts, or where to cut.
        dim: the axis.

    >>> import engine
    >>> engine.tensor_split(engine.arange(5), 2), engine.tensor_split(engine.arange(5), (1, 3))
    ((tensor([0, 1, 2]), tensor([3, 4])), (tensor([0]), tensor([1, 2]), tensor([3, 4])))
    """
    _require_axes("tensor_split", input, 1)
    axis = axis_of("tensor_split", dim, input.ndim)
    n = input.shape[axis]
    if isinstance(indices_or_sections, Core):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        count = indices_or_sections
        if count < 1:
            raise ShapeError("tensor_split", got=f"{count} parts were asked for", expected="at least 1")
        cuts = [i * (n // count) + min(i, n % count) for i in range(count + 1)]
    else:
        cuts = [0, *(slice(None, i).indices(n)[1] for i in indices_or_sections), n]
    return tuple(input.narrow(axis, start, max(end - start, 0)) for start, end in pairwise(cuts))


def _split_by_name(name: str, least: int, axis: int, example: tuple[int, ...]) -> Any:
    def function(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
        _require_axes(name, input, least)
        dim = 0 if input.ndim == 1 else axis
        if isinstance(indices_or_sections, int) and (indices_or_sections < 1 or input.shape[dim] % indices_or_sections):
            raise ShapeError(name, got=f"{indices_or_sections} parts of an axis of {input.shape[dim]}",
                             expected="parts of equal length")  # fmt: skip
        return tensor_split(input, indices_or_sections, dim)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Parts along axis {axis}{" (of a row, along it)" if least < axis + 1 else ""}.

    Args:
        indices_or_sections: how many parts of equal length, or where to cut.

    >>> import engine
    >>> [part.shape for part in engine.{name}(engine.ones(2, 4, 6), 2)]
    [{example}, {example}]
    """
    return function


hsplit = _split_by_name("hsplit", 1, 1, (2, 2, 6))
vsplit = _split_by_name("vsplit", 2, 0, (1, 4, 6))
dsplit = _split_by_name("dsplit", 3, 2, (2, 4, 3))


def _at_least(count: int) -> Any:
    def one(x: Any) -> Any:
        if x.ndim == 0:
            return x.reshape((1,) * count)
        if x.ndim == 1 and count == 2:
            return x.unsqueeze(0)
        if x.ndim == 1 and count == 3:
            return x.unsqueeze(0).unsqueeze(-1)
        return x.unsqueeze(-1) if x.ndim == 2 and count == 3 else x

    def function(*tensors: Any) -> Any:
        if len(tensors) == 1 and isinstance(tensors[0], Core):
            return one(tensors[0])
        return tuple(one(x) for x in _all(tensors))

    function.__name__ = function.__qualname__ = f"atleast_{count}d"
    function.__doc__ = f"""With at least {count} axes; of several tensors, each.

    >>> import engine
    >>> engine.atleast_{count}d(engine.ones(2)).shape
    {(2,) if count == 1 else (1, 2) if count == 2 else (1, 2, 1)}
    """
    return function


atleast_1d, atleast_2d, atleast_3d = _at_least(1), _at_least(2), _at_least(3)


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal of two axes as a last axis, in the same memory.

    Args:
        offset: which diagonal; 1 is the one above.
        dim1, dim2: the axes.

    >>> import engine
    >>> engine.diagonal(engine.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if input.ndim < 2:
        raise ShapeError("diagonal", got=f"a tensor of {times(input.shape)} arrives", expected="at least 2 axes")
    a, b = axis_of("diagonal", dim1, input.ndim), axis_of("diagonal", dim2, input.ndim)
    return apply(layout.Diagonal(offset, a, b), input)


def select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """A copy with src at one place of an axis.

    Args:
        dim, index: the axis, and the place on it.

    >>> import engine
    >>> engine.select_scatter(engine.zeros(2, 2), engine.ones(2), 1, 0)
    tensor([[1., 0.],
            [1., 0.]])
    """
    place = (slice(None),) * axis_of("select_scatter", dim, input.ndim) + (index,)
    return _replaced("select_scatter", input, GetItem(place), src)


def slice_scatter(input: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None,
                  step: int = 1) -> Any:  # fmt: skip
    """A copy with src in place of a slice along an axis.

    Args:
        dim: the axis.
        start, end, step: of the slice.

    >>> import engine
    >>> engine.slice_scatter(engine.zeros(4), engine.ones(2), start=1, end=3)
    tensor([0., 1., 1., 0.])
    """
    place = (slice(None),) * axis_of("slice_scatter", dim, input.ndim) + (slice(start, end, step),)
    return _replaced("slice_scatter", input, GetItem(place), src)


def diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """A copy with src on the diagonal.

    Args:
        offset, dim1, dim2: as of `diagonal`.

    >>> import engine
    >>> engine.diagonal_scatter(engine.zeros(2, 2), engine.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _replaced("diagonal_scatter", input, layout.Diagonal(offset, dim1, dim2), src)


def _replaced(where: str, input: Any, view: Any, src: Any) -> Any:
    """A copy with src in place of a view."""
    if not isinstance(src, Core):
        raise TypeMismatch(where, got=f"a {type(src).__name__} came", expected="a tensor")
    place = view.shape(Spec(input.shape, input.dtype)).shape
    if place != tuple(src.shape):
        raise ShapeError(where, got=f"src is {times(src.shape)}", expected=times(place))
    return apply(Overlay((view,)), input, cast(src, input.dtype))


def sum_to_size(input: Any, *size: Any) -> Any:
    """Summed over the axes that would have to be stretched from this size.

    >>> import engine
    >>> engine.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    size = _all(size)
    ahead = input.ndim - len(size)
    if ahead < 0 or any(n not in (1, m) for n, m in zip(size, input.shape[ahead:])):
        raise ShapeError("sum_to_size", got=f"{times(input.shape)} is summed to {times(size)}",
                         expected="axes that are equal or 1")  # fmt: skip
    gone = (*range(ahead), *(i + ahead for i, n in enumerate(size) if n == 1 != input.shape[i + ahead]))
    return (input.sum(gone) if gone or not size else input).reshape(size)  # PyTorch sums to () by sum()


def unravel_index(indices: Any, shape: Ints) -> tuple[Any, ...]:
    """For each axis of a shape, where the elements of these numbers stand.

    >>> import engine
    >>> engine.unravel_index(engine.tensor([0, 5]), (2, 3))
    (tensor([0, 1]), tensor([0, 2]))
    """
    sizes, out = _tuple(shape), []
    for i, n in enumerate(sizes):
        out.append(indices // prod(sizes[i + 1 :]) % n)
    return tuple(out)
