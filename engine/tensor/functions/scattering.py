"""Putting values into places of a tensor that an index, a mask or numbers name."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.ops import scattering as sc
from engine.ops.base import axis_of, broadcast, times
from engine.ops.indexing import SetItem
from engine.tensor.creation import arange
from engine.tensor.indexing import plain_index
from engine.tensor.operands import cast, full_like, number
from engine.tensor.promotion import require_fit
from engine.tensor.tape import Core, apply
from engine.wording import counted

REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def _same(where: str, input: Any, src: Any) -> Any:
    if input.dtype != src.dtype:
        raise TypeMismatch(where, got=f"values of {src.dtype} for a tensor of {input.dtype}", expected="one dtype")
    return src


def _lifted(where: str, input: Any, dim: int, *others: Any) -> tuple[Any, int, tuple[Any, ...]]:
    """The input, its axis and the others, with an axis where there is none."""
    axis = axis_of(where, dim, input.ndim)
    others = tuple(x.reshape(1) if isinstance(x, Core) and not x.ndim else x for x in others)
    return input if input.ndim else input.reshape(1), axis, others


def _shaped(out: Any, input: Any) -> Any:
    return out if input.ndim else out.reshape(())


def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Any:
    """A copy with the values of src, or one number, put in: out[index[i][j]][j] = src[i][j] for dim 0.

    Args:
        dim: the axis that the index counts along.
        index: where each value goes, with as many axes as the input.
        src, value: a tensor, or a number.
        reduce: None, "add" or "multiply" for what is put in.

    >>> import engine
    >>> engine.scatter(engine.zeros(3), 0, engine.tensor([2, 0]), engine.tensor([5.0, 7.0]))
    tensor([7., 0., 5.])
    """
    src = value if src is None else src
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise OptionError("scatter", got=f"reduce is {reduce!r}", expected='None, "add" or "multiply"')
        src = src if isinstance(src, Core) else cast(full_like(input, src), input.dtype).expand(index.shape)
        return scatter_reduce(input, dim, index, src, "sum" if reduce == "add" else "prod")
    x, axis, (index, src) = _lifted("scatter", input, dim, index, src)
    if isinstance(src, Core) and src.ndim:
        return _shaped(apply(sc.Scatter(axis), x, index, _same("scatter", input, src)), input)
    require_fit("scatter", input.dtype, number(src))
    return _shaped(apply(sc.ScatterFill(axis, number(src)), x, index), input)


def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """A copy with the values of src added where the index says: out[index[i][j]][j] += src[i][j] for dim 0.

    >>> import engine
    >>> engine.scatter_add(engine.zeros(3), 0, engine.tensor([2, 2]), engine.tensor([5.0, 7.0]))
    tensor([ 0.,  0., 12.])
    """
    x, axis, (index, src) = _lifted("scatter_add", input, dim, index, _same("scatter_add", input, src))
    return _shaped(apply(sc.ScatterAdd(axis), x, index, src), input)


def scatter_reduce(input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Any:
    """A copy in which each place holds the sum, product, mean, greatest or smallest of what the index puts there.

    Args:
        dim, index, src: as of `scatter`.
        reduce: "sum", "prod", "mean", "amax" or "amin".
        include_self: whether what was there counts, too.

    >>> import engine
    >>> engine.scatter_reduce(engine.ones(2), 0, engine.tensor([1, 1]), engine.tensor([5.0, 7.0]), "amax")
    tensor([1., 7.])
    """
    if reduce not in REDUCTIONS:
        raise OptionError("scatter_reduce", got=f"reduce is {reduce!r}", expected=f"one of {REDUCTIONS}")
    x, axis, (index, src) = _lifted("scatter_reduce", input, dim, index, _same("scatter_reduce", input, src))
    if reduce in ("amax", "amin"):
        if input.dtype.kind == "b":
            raise TypeMismatch("scatter_reduce", got="the values are bool", expected="numbers", mend="call .long()")
        return _shaped(apply(sc.ScatterExtreme(axis, reduce, include_self), x, index, src), input)
    if not include_self:
        x = apply(sc.ScatterFill(axis, 1 if reduce == "prod" else 0), x, index)
    if reduce == "prod":
        return _shaped(apply(sc.ScatterProd(axis), x, index, src), input)
    out = apply(sc.ScatterAdd(axis), x, index, src)
    if reduce == "mean":
        one = full_like(x, 1).to(x.dtype).detach()
        count = one.expand(x.shape)
        if not include_self:
            count = apply(sc.ScatterFill(axis, 0), count, index)
        count = apply(sc.ScatterAdd(axis), count, index, one.expand(index.shape)).clamp(min=1)
        out = out / count if x.dtype.kind == "f" else out // count
    return _shaped(out, input)


def _spread(where: str, input: Any, dim: int, index: Any, source: Any) -> tuple[int, Any, Any]:
    """A row that numbers places of one axis, as an index with as many axes as the source."""
    axis = axis_of(where, dim, input.ndim)
    if index.ndim > 1:
        raise ShapeError(where, got=f"the index has {index.ndim} axes", expected="one")
    index = index.reshape(-1)
    if not input.ndim:
        return axis, index, source.reshape(1)
    expected = tuple(index.numel() if i == axis else n for i, n in enumerate(input.shape))
    if tuple(source.shape) != expected:
        raise ShapeError(where, got=f"a source of {times(source.shape)}", expected=times(expected))
    return axis, _every(index, axis, expected), source


def _every(index: Any, axis: int, shape: tuple[int, ...]) -> Any:
    return index.reshape((-1,) + (1,) * (len(shape) - axis - 1)).expand(shape)


def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    """A copy with places of an axis added to: out[index[i]] += alpha * source[i] for dim 0.

    >>> import engine
    >>> engine.index_add(engine.zeros(3), 0, engine.tensor([2, 0]), engine.tensor([5.0, 7.0]))
    tensor([7., 0., 5.])
    """
    axis, index, source = _spread("index_add", input, dim, index, _same("index_add", input, source))
    return scatter_add(input, axis, index, source if alpha == 1 else source * alpha)


def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """A copy with places of an axis replaced: out[index[i]] = source[i] for dim 0.

    >>> import engine
    >>> engine.index_copy(engine.zeros(3), 0, engine.tensor([2, 0]), engine.tensor([5.0, 7.0]))
    tensor([7., 0., 5.])
    """
    axis, index, source = _spread("index_copy", input, dim, index, _same("index_copy", input, source))
    return scatter(input, axis, index, source)


def index_reduce(input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Any:
    """A copy with places of an axis reduced together with those of a source.

    Args:
        dim: the axis.
        index: which place of it each place of the source goes to.
        source: the values.
        reduce: "prod", "mean", "amax" or "amin".
        include_self: whether what was there counts, too.

    >>> import engine
    >>> engine.index_reduce(engine.ones(2), 0, engine.tensor([1, 1]), engine.tensor([5.0, 7.0]), "prod")
    tensor([ 1., 35.])
    """
    axis, index, source = _spread("index_reduce", input, dim, index, _same("index_reduce", input, source))
    return scatter_reduce(input, axis, index, source, reduce, include_self=include_self)


def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """A copy with one number at places of an axis.

    Args:
        dim, index: the axis, and a row of places on it.
        value: the number.

    >>> import engine
    >>> engine.index_fill(engine.zeros(3), 0, engine.tensor([0, 2]), 5)
    tensor([5., 0., 5.])
    """
    x = input if input.ndim else input.reshape(1)
    axis = axis_of("index_fill", dim, x.ndim)
    value = value if isinstance(value, Core) else full_like(x, value)
    row = full_like(x, 0).long().expand(x.shape[axis])
    chosen = apply(sc.ScatterFill(0, 1), row, _from_front(index.reshape(-1), x.shape[axis])) != 0
    out = cast(value, x.dtype).where(chosen.reshape((-1,) + (1,) * (x.ndim - axis - 1)), x)
    return _shaped(out, input)


def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """A copy with values put, or (accumulate) added, where index tensors say: out[indices] = values.

    >>> import engine
    >>> engine.index_put(engine.zeros(3), (engine.tensor([0, 2]),), engine.tensor([5.0, 7.0]))
    tensor([5., 0., 7.])
    """
    index = plain_index(tuple(indices), input.device)
    values = _same("index_put", input, values)
    if not accumulate:
        return apply(SetItem(index), input, values)
    if all(part.dtype.kind == "b" for part in index if hasattr(part, "dtype")):
        return apply(SetItem(index), input, input[tuple(indices)] + values)
    return apply(sc.PutAdd(index), input, values)


def put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """A copy with values put, or added, at places of the flattened tensor.

    Args:
        index, source: the places, and as many values.
        accumulate: whether the values are added to what is there.

    >>> import engine
    >>> engine.put(engine.zeros(2, 2), engine.tensor([3]), engine.tensor([5.0]))
    tensor([[0., 0.],
            [0., 5.]])
    """
    if index.numel() != source.numel():
        raise ShapeError(
            "put", got=f"{counted(index.numel(), 'place')} and {counted(source.numel(), 'value')}", expected="as many"
        )
    flat = input.reshape(-1)
    return index_put(flat, (index.reshape(-1),), source.reshape(-1), accumulate).reshape(input.shape)


def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """A copy with the values of the source, in their order, wherever the mask holds.

    >>> import engine
    >>> engine.masked_scatter(engine.zeros(3), engine.tensor([True, False, True]), engine.tensor([5.0, 7.0]))
    tensor([5., 0., 7.])
    """
    _same("masked_scatter", input, source)
    shape = np.broadcast_shapes(tuple(input.shape), tuple(mask.shape))
    x, mask = input.expand(shape), mask.expand(shape)
    flat = mask.reshape(-1)
    if not flat.numel():
        return x.clone()
    if not source.numel():
        raise ShapeError("masked_scatter", got="no values came", expected="one for each place")
    place = (flat.cumsum(0) - 1).clamp(0, source.numel() - 1)
    return source.reshape(-1)[place].reshape(shape).where(mask, x)


def take(input: Any, index: Any) -> Any:
    """The values at places of the flattened tensor, in the shape of the index.

    >>> import engine
    >>> engine.take(engine.tensor([[1, 2], [3, 4]]), engine.tensor([0, 3]))
    tensor([1, 4])
    """
    return input.reshape(-1)[index.reshape(-1)].reshape(index.shape)


def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """The values at the indices along an axis, both stretched to each other; without dim, of the flattened tensors.

    >>> import engine
    >>> engine.take_along_dim(engine.tensor([[1, 2], [3, 4]]), engine.tensor([[1], [0]]), 1)
    tensor([[2],
            [3]])
    """
    if dim is None:
        return input.reshape(-1).gather(0, _from_front(indices.reshape(-1), input.numel()))
    axis = axis_of("take_along_dim", dim, input.ndim)
    if input.ndim != indices.ndim:
        raise ShapeError("take_along_dim", got=f"an index of {times(indices.shape)} for {times(input.shape)}",
                         expected="as many axes")  # fmt: skip
    shapes = [tuple(1 if i == axis else n for i, n in enumerate(x.shape)) for x in (input, indices)]
    together = broadcast("take_along_dim", *shapes)
    x, index = (
        y.expand([n if i == axis else m for i, (n, m) in enumerate(zip(y.shape, together))]) for y in (input, indices)
    )
    return x.gather(axis, _from_front(index, x.shape[axis]))


def _from_front(index: Any, size: int) -> Any:
    """Places of an axis of that length, of which those below 0 are counted from its end."""
    return (index + size).where(index < 0, index)


def fill(input: Any, value: Any) -> Any:
    """A tensor of one value in the shape of the input.

    >>> import engine
    >>> engine.fill(engine.zeros(2), 7)
    tensor([7., 7.])
    """
    value = value if isinstance(value, Core) else cast(full_like(input, value), input.dtype)
    return cast(value, input.dtype).expand(input.shape).clone()


def fill_diagonal_(self: Any, fill_value: float, wrap: bool = False) -> Any:
    """One number on the diagonal, in place; of a matrix with more rows than columns again below it, with `wrap`.

    >>> import engine
    >>> engine.zeros(2, 2).fill_diagonal_(5)
    tensor([[5., 0.],
            [0., 5.]])
    """
    if self.ndim < 2 or (self.ndim > 2 and len(set(self.shape)) > 1):
        raise ShapeError("fill_diagonal_", got=f"a tensor of {times(self.shape)} arrives",
                         expected="a matrix, or axes of equal lengths")  # fmt: skip
    rows, columns = self.shape[0], self.shape[-1]
    starts = range(0, rows, columns + 1) if wrap and self.ndim == 2 and rows > columns else (0,)
    for start in starts:
        place = arange(min(columns, rows - start), device=self.device)
        self[(place + start, *[place] * (self.ndim - 1))] = fill_value
    return self
