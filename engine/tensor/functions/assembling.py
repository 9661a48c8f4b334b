"""Tensors put together from others."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.ops.base import broadcast, times
from engine.tensor.creation import arange, zeros
from engine.tensor.functions.axes import atleast_1d, atleast_2d, atleast_3d
from engine.tensor.promotion import promote_types
from engine.tensor.shapes import cat, stack


def _all(tensors: tuple[Any, ...]) -> list[Any]:
    return list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else list(tensors)


def hstack(tensors: Any) -> Any:
    """Joined side by side: along the second axis, rows along their only one.

    >>> import engine
    >>> engine.hstack([engine.tensor([1, 2]), engine.tensor([3])])
    tensor([1, 2, 3])
    """
    parts = [atleast_1d(x) for x in tensors]
    return cat(parts, 0 if parts and parts[0].ndim == 1 else 1)


def vstack(tensors: Any) -> Any:
    """Joined one below the other: along the first axis, rows as rows of a matrix.

    >>> import engine
    >>> engine.vstack([engine.tensor([1, 2]), engine.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return cat([atleast_2d(x) for x in tensors], 0)


def dstack(tensors: Any) -> Any:
    """Joined along the third axis.

    >>> import engine
    >>> engine.dstack([engine.tensor([1, 2]), engine.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    return cat([atleast_3d(x) for x in tensors], 2)


def column_stack(tensors: Any) -> Any:
    """Joined side by side, rows as columns of a matrix.

    >>> import engine
    >>> engine.column_stack([engine.tensor([1, 2]), engine.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    return cat([x.reshape(-1, 1) if x.ndim < 2 else x for x in tensors], 1)


def broadcast_shapes(*shapes: Any) -> Any:
    """The shape to which all of them stretch.

    >>> broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    from engine.tensor import Size

    return Size(broadcast("broadcast_shapes", *((s,) if isinstance(s, int) else tuple(s) for s in shapes)))


def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """Each stretched to the shape in which they meet.

    >>> import engine
    >>> [x.shape for x in engine.broadcast_tensors(engine.ones(3, 1), engine.ones(4))]
    [(3, 4), (3, 4)]
    """
    tensors = _all(tensors)
    shape = broadcast("broadcast_tensors", *(x.shape for x in tensors))
    return tuple(x.expand(shape) for x in tensors)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """The coordinates of a grid, a tensor for each axis.

    Args:
        indexing: "ij" for axes in the order of the tensors, "xy" with the first two exchanged.

    >>> import engine
    >>> x, y = engine.meshgrid(engine.tensor([1, 2]), engine.tensor([3, 4, 5]))
    >>> x.tolist(), y.tolist()
    ([[1, 1, 1], [2, 2, 2]], [[3, 4, 5], [3, 4, 5]])
    """
    rows = _all(tensors)
    if indexing not in ("ij", "xy"):
        raise OptionError("meshgrid", got=f"indexing is {indexing!r}", expected='"ij" or "xy"')
    if not rows or any(x.ndim > 1 for x in rows):
        raise ShapeError("meshgrid", got="no tensors or tensors of several axes came", expected="rows")
    if any(x.dtype != rows[0].dtype for x in rows):
        raise TypeMismatch("meshgrid", got="the tensors differ in dtype", expected="one dtype")
    shape = tuple(x.numel() for x in rows)
    grids = [x.reshape((1,) * i + (-1,) + (1,) * (len(rows) - i - 1)).expand(shape) for i, x in enumerate(rows)]
    return tuple(g.transpose(0, 1) if indexing == "xy" and len(rows) > 1 else g for g in grids)


def block_diag(*tensors: Any) -> Any:
    """Matrices along a diagonal, 0 elsewhere.

    >>> import engine
    >>> engine.block_diag(engine.tensor([[1, 2]]), engine.tensor([[3]]))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    blocks = [atleast_2d(x) for x in tensors] or [zeros(1, 0)]
    if any(b.ndim > 2 for b in blocks):
        raise ShapeError("block_diag", got=" and ".join(times(b.shape) for b in blocks), expected="matrices")
    dtype = blocks[0].dtype
    for b in blocks:
        dtype = promote_types(dtype, b.dtype)
    width, before, rows = sum(b.shape[1] for b in blocks), 0, []
    for b in blocks:
        left, right = (zeros(b.shape[0], n, dtype=dtype, device=b.device)
                       for n in (before, width - before - b.shape[1]))  # fmt: skip
        rows.append(cat([left, b.to(dtype), right], 1))
        before += b.shape[1]
    return cat(rows, 0)


def cartesian_prod(*tensors: Any) -> Any:
    """Every choice of one element of each row.   (N), (M) -> (N M, 2)

    >>> import engine
    >>> engine.cartesian_prod(engine.tensor([1, 2]), engine.tensor([3, 4])).tolist()
    [[1, 3], [1, 4], [2, 3], [2, 4]]
    """
    rows = _all(tensors)
    if len(rows) == 1:
        return rows[0]
    return stack([g.reshape(-1) for g in meshgrid(*rows)], 1)


def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """Every choice of r elements of a row, in its order.   (N) -> (choices, r)

    Args:
        with_replacement: whether an element may be chosen several times.

    >>> import engine
    >>> engine.combinations(engine.tensor([1, 2, 3])).tolist()
    [[1, 2], [1, 3], [2, 3]]
    """
    if input.ndim != 1:
        raise ShapeError("combinations", got=f"a tensor of {times(input.shape)} arrives", expected="one row")
    if r < 0:
        raise OptionError("combinations", got=f"r is {r}", expected="0 or more")
    if r == 0:
        return zeros(0, dtype=input.dtype, device=input.device)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(input.numel()), r)), np.int64).reshape(-1, r)
    index = arange(0, device=input.device).new_tensor(places)
    return input[index.reshape(-1)].reshape(-1, r)


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Powers of a row in columns, the highest first or ("increasing") the lowest: x_i^j.

    Args:
        N: how many; as many as there are elements where absent.

    Shape:
        (M) -> (M, N)

    >>> import engine
    >>> engine.vander(engine.tensor([2, 3]), 3)
    tensor([[4, 2, 1],
            [9, 3, 1]])
    """
    count = x.shape[-1] if N is None else N
    x = x if x.dtype.kind == "f" else x.long()
    powers = [x**i for i in range(count)]
    if not powers:
        return zeros(*x.shape, 0, dtype=x.dtype, device=x.device)
    return stack(powers if increasing else powers[::-1], -1)
