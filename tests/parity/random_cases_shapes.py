"""Random arguments for axes, parts and joining."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.parity.random_arguments import ANY, Draw, call


def _factored(d: Draw, n: int) -> list[int]:
    """Lengths whose product is n, one of them perhaps as -1, and now and then one that does not fit."""
    found = []
    for p in (2, 3, 5):
        while n and n % p == 0 and d.int(0, 3):
            found.append(p)
            n //= p
    found.insert(d.int(0, len(found)), n if d.maybe() else -1)
    return found if d.int(0, 9) < 9 else [*found, 2]


def _reshape(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    count = 1
    for n in shape:
        count *= n
    to = _factored(d, count)
    return call(x, tuple(to))


def _flatten(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    return call(x, *(() if d.maybe() else (d.dim(len(shape)), d.dim(len(shape)))))


def _unflatten(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(1))
    dim = d.int(-len(shape), len(shape) - 1)
    return call(x, dim, tuple(_factored(d, shape[dim])))


def _squeeze(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(sizes=(1, 1, 2, 3, 0)))
    return call(x, *(() if d.maybe() else (d.dim(len(shape)),)))


def _permute(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    order = list(d.numbers.permutation(len(shape)))
    return call(x, tuple(int(i) - len(shape) * d.int(0, 1) for i in order))


def _movedim(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(1))
    n = d.int(1, len(shape))
    if n == 1 and d.maybe():
        return call(x, d.dim(len(shape)), d.dim(len(shape)))
    return call(x, *(tuple(int(i) for i in d.numbers.permutation(len(shape))[:n]) for _ in range(2)))


def _expand(d: Draw) -> Any:
    shape = d.shape(sizes=(1, 1, 2, 3, 0))
    to = tuple(d.size() if n == 1 else d.pick(n, -1) for n in shape)
    return call(d.tensor(shape), (*d.shape(0, 2), *to))


def _split(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(1))
    dim = d.int(-len(shape), len(shape) - 1)
    n = shape[dim]
    parts = [n // 2, n - n // 2] if d.maybe() else d.int(1, 4)
    return call(x, parts, dim)


def _tensor_split(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(1))
    return call(x, d.pick(d.int(1, 4), (1, 2), (2, 1, -1), (9,)), d.dim(len(shape)))


def _parts(least: int) -> Any:
    return lambda d: call(d.tensor(d.shape(least, sizes=(0, 2, 4, 6))), d.pick(1, 2, (1, 3)))


def _narrow(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(1))
    dim = d.int(-len(shape), len(shape) - 1)
    start = d.int(0, shape[dim])
    return call(x, dim, start - (shape[dim] if d.int(0, 3) == 0 and start < shape[dim] else 0),
                d.int(0, shape[dim] - start + (d.int(0, 9) == 9)))  # fmt: skip


def _select(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(1))
    dim = d.int(-len(shape), len(shape) - 1)
    return call(x, dim, d.int(-shape[dim] - 1, shape[dim]))


def _roll(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    if not shape or d.int(0, 2) == 0:
        return call(x, d.int(-7, 7))
    dims = [a for a in range(len(shape)) if d.maybe()] or [0]
    return call(x, tuple(d.int(-7, 7) for _ in dims), tuple(dims))


def _repeat_interleave(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(1))
    dim = d.int(-len(shape), len(shape) - 1)
    if d.int(0, 2) == 0:
        return call(x, d.int(0, 3))
    return call(x, d.pick(d.int(0, 3), d.tensor((shape[dim],), 0, 3, dtype="int64")), dim)


def _unfold(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    dim = d.dim(len(shape))
    n = shape[dim] if -len(shape) <= dim < len(shape) else 1
    return call(x, dim, d.int(0, n + (d.int(0, 9) == 9)), d.int(1, 3))


def _plane(least: int = 2) -> Any:
    """An offset, and two axes."""

    def case(d: Draw) -> Any:
        x = d.tensor(shape := d.shape(least))
        n = len(shape)
        two = [int(a) for a in d.numbers.permutation(n)[:2]]
        return call(x, d.int(-3, 3), *(() if d.maybe() else (two[0] - n * d.int(0, 1), two[1])))

    return case


def _diag_embed(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(1, 3))
    n = len(shape) + 1
    two = [int(a) for a in d.numbers.permutation(n)[:2]]
    return call(x, d.int(-2, 2), *(() if d.maybe() else (two[0] - n, two[1])))


def _select_scatter(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(1, sizes=(1, 2, 3)))
    dim = d.int(0, len(shape) - 1)
    return call(x, d.tensor((*shape[:dim], *shape[dim + 1 :])), dim, d.int(0, shape[dim] - 1))


def _slice_scatter(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(1))
    dim = d.int(0, len(shape) - 1)
    start, end, step = d.pick(None, 0, 1, -2), d.pick(None, 2, 9, -1), d.pick(1, 2)
    n = len(range(*slice(start, end, step).indices(shape[dim])))
    return call(x, d.tensor((*shape[:dim], n, *shape[dim + 1 :])), dim, start, end, step)


def _diagonal_scatter(d: Draw) -> Any:
    m, n, offset = d.size(), d.size(), d.int(-1, 1)
    length = max(0, min(m + min(offset, 0), n - max(offset, 0)))
    rest = d.shape(0, 2)
    return call(d.tensor((m, n, *rest)), d.tensor((*rest, length)), offset)


def _joined(d: Draw, axes: int = 1) -> list[Any]:
    """Tensors that differ in the length of one axis."""
    shape = d.shape(max(axes + 1, 1), sizes=(1, 2, 3))
    found = []
    for _ in range(d.int(1, 3)):
        own = list(shape)
        own[axes] = d.size()
        found.append(d.tensor(own, dtype=d.pick(d.dtype, d.dtype, *ANY)))
    return found


def _cat(d: Draw) -> Any:
    shape = d.shape(1)
    dim = d.int(0, len(shape) - 1)
    found = []
    for _ in range(d.int(1, 3)):
        own = list(shape)
        own[dim] = d.size()
        found.append(d.tensor(own, dtype=d.pick(d.dtype, d.dtype, *ANY)))
    return call(found, dim - len(shape) * d.int(0, 1))


def _stack(d: Draw) -> Any:
    shape = d.shape(0, 3)
    found = [d.tensor(shape, dtype=d.pick(d.dtype, d.dtype, *ANY)) for _ in range(d.int(1, 3))]
    return call(found, d.dim(len(shape) + 1))


def rows(d: Draw, least: int = 0) -> list[Any]:
    return [d.tensor((d.pick(0, 1, 2, 3),)) for _ in range(d.int(least or 1, 3))]


def _strided(d: Draw) -> Any:
    """Sizes and strides that reach the elements that there are, and now and then one more."""
    x = d.tensor(shape := d.shape(sizes=(1, 2, 3, 5)), plain=True)
    most, size, stride = int(np.prod(shape)) - 1, [], []
    for _ in range(d.int(0, 3)):
        step = d.int(0, 3)
        n = d.int(1, 3) if step == 0 else d.int(0 if d.int(0, 9) == 9 else 1, min(most // step, 2) + 1)
        size.append(n)
        stride.append(step)
        most -= max(n - 1, 0) * step
    offset = {} if d.maybe() else {"storage_offset": d.int(0, most + (d.int(0, 9) == 9))}
    return call(x, tuple(size), tuple(stride), **offset)


SHAPES = {
    "as_strided": _strided,
    "reshape": _reshape, "view": _reshape, "flatten": _flatten, "unflatten": _unflatten, "squeeze": _squeeze,
    "unsqueeze": lambda d: call(d.tensor(s := d.shape(0, 3)), d.dim(len(s) + 1)), "permute": _permute,
    "transpose": lambda d: call(d.tensor(s := d.shape()), d.dim(len(s)), d.dim(len(s))),
    "swapaxes": lambda d: call(d.tensor(s := d.shape()), d.dim(len(s)), d.dim(len(s))),
    "t": lambda d: call(d.tensor(d.shape(0, 3))), "adjoint": lambda d: call(d.tensor(d.shape(2))),
    "movedim": _movedim, "expand": _expand, "broadcast_to": _expand,
    "repeat": lambda d: call(d.tensor(s := d.shape(0, 3)), tuple(d.int(0, 2) for _ in range(len(s) + d.int(0, 1)))),
    "tile": lambda d: call(d.tensor(d.shape(0, 3)), tuple(d.int(0, 2) for _ in range(d.int(0, 4)))),
    "split": _split, "tensor_split": _tensor_split, "hsplit": _parts(1), "vsplit": _parts(2), "dsplit": _parts(3),
    "chunk": lambda d: call(d.tensor(s := d.shape(1)), d.int(1, 4), d.dim(len(s))),
    "unbind": lambda d: call(d.tensor(s := d.shape(1)), d.dim(len(s))), "narrow": _narrow, "select": _select,
    "flip": lambda d: call(d.tensor(s := d.shape()), tuple(a for a in range(len(s)) if d.maybe())),
    "fliplr": lambda d: call(d.tensor(d.shape(1))), "flipud": lambda d: call(d.tensor(d.shape())), "roll": _roll,
    "rot90": lambda d: call(d.tensor(s := d.shape(2)), d.int(-3, 5), (0, len(s) - 1)),
    "repeat_interleave": _repeat_interleave, "ravel": lambda d: call(d.tensor()), "unfold": _unfold,
    "tril": lambda d: call(d.tensor(d.shape(1)), d.int(-2, 2)),
    "triu": lambda d: call(d.tensor(d.shape(1)), d.int(-2, 2)),
    "diagonal": _plane(), "diag_embed": _diag_embed, "diag": lambda d: call(d.tensor(d.shape(1, 2)), d.int(-2, 2)),
    "diagflat": lambda d: call(d.tensor(d.shape(0, 2, (0, 1, 2))), d.int(-2, 2)), "select_scatter": _select_scatter,
    "slice_scatter": _slice_scatter, "diagonal_scatter": _diagonal_scatter,
    "cat": _cat, "stack": _stack, "hstack": lambda d: call(_joined(d)), "vstack": lambda d: call(_joined(d, 0)),
    "dstack": lambda d: call(_joined(d, 2)), "column_stack": lambda d: call(_joined(d)),
    "atleast_1d": lambda d: call(d.tensor()), "atleast_2d": lambda d: call(d.tensor()),
    "atleast_3d": lambda d: call([d.tensor() for _ in range(d.int(1, 2))]),
    "broadcast_tensors": lambda d: call(d.tensor(s := d.shape()), d.tensor(d.partner(s))),
    "broadcast_shapes": lambda d: call(s := d.shape(), d.partner(s), d.partner(s)),
    "meshgrid": lambda d: call(*rows(d), indexing=d.pick("ij", "xy")), "cartesian_prod": lambda d: call(*rows(d)),
    "combinations": lambda d: call(d.tensor((d.pick(0, 1, 2, 3, 4),)), d.int(0, 3), d.maybe()),
    "block_diag": lambda d: call(*(d.tensor(d.shape(0, 2, (1, 2, 3))) for _ in range(d.int(1, 3)))),
    "vander": lambda d: call(d.tensor((d.size(),)), d.pick(None, 0, 1, 4), d.maybe()),
    "sum_to_size": lambda d: call(d.tensor(s := d.shape()), tuple(d.pick(1, n) for n in s)),
    "unravel_index": lambda d: call(d.index(24, d.shape(0, 2, (1, 2, 3))), d.pick((24,), (2, 3, 4), (4, 6))),
}  # fmt: skip
