"""Random arguments for what picks values out and puts them in."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.parity.random_arguments import FLOATS, WHOLE, Draw, call, shape_of


def _gather(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    dim = d.int(-max(len(shape), 1), max(len(shape), 1) - 1)
    return call(x, dim, _places(d, shape, dim))


def _places(d: Draw, shape: Any, dim: int) -> Any:
    """An index for gather and scatter, no longer than the tensor along the other axes."""
    if not shape:
        return d.index(1, ())
    places = [d.int(0, n) for n in shape]
    places[dim] = d.int(0, 4) if shape[dim] else 0
    return d.index(shape[dim], places)


def _unequal_places(d: Draw, shape: Any, dim: int) -> Any:
    """The same, no two of which are one place."""
    if not shape:
        return d.index(1, ())
    order = np.argsort(d.numbers.random(shape), dim)
    return d.given(np.ascontiguousarray(order[tuple(slice(d.int(0, n)) for n in shape)]))


def _scatter(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    dim = d.int(-max(len(shape), 1), max(len(shape), 1) - 1)
    index = _unequal_places(d, shape, dim)
    if d.maybe():
        return call(x, dim, index, d.pick(2, 1.5) if d.dtype in FLOATS else 2)
    return call(x, dim, index, d.tensor(shape))


def _scatter_add(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    dim = d.int(-max(len(shape), 1), max(len(shape), 1) - 1)
    index = _places(d, shape, dim)
    return call(x, dim, index, d.tensor([n + 1 for n in shape_of(index)]))


def _scatter_reduce(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(), 0.5, 2)
    dim = d.int(-max(len(shape), 1), max(len(shape), 1) - 1)
    index = _places(d, shape, dim)
    source = d.tensor(shape_of(index), 0.5, 2)
    return call(x, dim, index, source, d.pick("sum", "prod", "mean", "amax", "amin"), include_self=d.maybe())


def _index_add(d: Draw) -> Any:
    x, dim, index, source = _along_index(d, True)
    return call(x, dim, index, source, **({"alpha": 2} if d.dtype != "bool" and d.maybe() else {}))


def _along_index(d: Draw, twice: bool) -> Any:
    x = d.tensor(shape := d.shape(1), 0.5, 2)
    dim = d.int(-len(shape), len(shape) - 1)
    n = shape[dim]
    count = (d.int(0, 4) if n else 0) if twice else d.int(0, n)
    index = d.index(n, (count,)) if twice else d.given(d.numbers.permutation(n)[:count])
    own = list(shape)
    own[dim] = count
    return x, dim, index, d.tensor(own, 0.5, 2)


def _index_reduce(d: Draw) -> Any:
    x, dim, index, source = _along_index(d, True)
    return call(x, dim, index, source, d.pick("prod", "mean", "amax", "amin"), include_self=d.maybe())


def _index_fill(d: Draw) -> Any:
    x, dim, index, _ = _along_index(d, True)
    return call(x, dim, index, d.pick(2, d.tensor(())))


def _index_put(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(1, 3, (1, 2, 3, 5)))
    count, twice = d.int(0, 3), d.maybe()
    if twice:
        indices = tuple(d.index(n, (count,)) for n in shape[: d.int(1, len(shape))])
    else:
        indices = (d.given(d.numbers.permutation(shape[0])[:count]),)
        count = min(count, shape[0])
    values = d.tensor(d.pick((count, *shape[len(indices) :]), ()))
    return call(x, indices, values, twice)


def _take(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    count = 1
    for n in shape:
        count *= n
    return call(x, d.index(count, d.shape() if count else (0,)))


def _put(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(sizes=(1, 2, 3)))
    count = 1
    for n in shape:
        count *= n
    places, twice = d.shape(0, 1), d.maybe()
    index = d.index(count, places) if twice else d.given(d.numbers.permutation(count)[: d.int(0, count)])
    return call(x, index, d.tensor(shape_of(index)), twice)


def _take_along_dim(d: Draw) -> Any:
    shape = d.shape(1, sizes=(1, 2, 3))
    x = d.tensor(shape, plain=True)
    if d.int(0, 3) == 0:
        return call(x, d.index(1, (2,)))
    dim = d.int(-len(shape), len(shape) - 1)
    return call(x, d.given(np.argsort(d.numbers.random(shape), dim)), dim)


def _masked(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    return call(x, d.mask(d.partner(shape)))


INDEXING = {
    "gather": _gather, "scatter": _scatter, "scatter_add": _scatter_add, "scatter_reduce": _scatter_reduce,
    "index_select": lambda d: call(*_along_index(d, True)[:3]), "index_add": _index_add,
    "index_copy": lambda d: call(*_along_index(d, False)), "index_reduce": _index_reduce, "index_fill": _index_fill,
    "index_put": _index_put, "put": _put, "take": _take, "take_along_dim": _take_along_dim,
    "masked_select": _masked,
    "masked_scatter": lambda d: call(d.tensor(s := d.shape()), d.mask(d.partner(s)), d.tensor((2, 999))),
    "fill": lambda d: call(d.tensor(), d.pick(2, 1, d.tensor(()))),
    "fill_diagonal_": lambda d: call(
        d.tensor(d.pick(d.shape(2, 2), (3, 3, 3), (7, 2)), tracked=False, plain=True), 2, d.maybe()),
}  # fmt: skip

KINDS = dict.fromkeys(("index_reduce", "scatter_reduce"), (*FLOATS, *WHOLE))
