"""Picking values out, and putting them in."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from engine.errors import ShapeError, TypeMismatch
from engine.kernels.generic.places import is_basic, no_place
from engine.ops.base import Op, Spec, axis_of, times


def _once(index: Any) -> bool:
    """Whether an index names each place at most once: slices and masks do, integer arrays may not."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(is_basic(p) or isinstance(p, bool) or (hasattr(p, "dtype") and p.dtype.kind == "b") for p in parts)


class _Index(Op):
    def flops(self, *specs):
        return 0

    def indexed(self, x: Any, index: Any) -> tuple[int, ...]:
        try:
            # a stretched zero has the shape without its memory
            return np.broadcast_to(np.zeros((), bool), x.shape)[index].shape
        except IndexError as error:
            raise no_place(x.shape, index, str(error).rstrip(".")) from None


class GetItem(_Index):
    """x[index]"""

    saves = ("x.shape",)

    def __init__(self, index: Any) -> None:
        self.view = is_basic(index)
        if self.view:  # with an Ellipsis, so that a single element is a view, too, and no number of its own
            parts = index if isinstance(index, tuple) else (index,)
            index = parts if any(p is Ellipsis for p in parts) else (*parts, Ellipsis)
        self.index = index

    def shape(self, x):
        return Spec(self.indexed(x, self.index), x.dtype)

    def forward(self, k, x):
        return k.getitem(x, self.index)

    def backward(self, k, grad, needs, shape):
        if _once(self.index):
            return (k.put(shape, self.index, grad),)
        index = self.index if isinstance(self.index, tuple) else (self.index,)
        return (k.put_add(shape, index, grad),)


class SetItem(_Index):
    """x with x[index] = value."""

    saves = ("value.shape",)

    def __init__(self, index: Any) -> None:
        self.index = index

    def shape(self, x, value):
        place = self.indexed(x, self.index)
        try:
            fits = np.broadcast_shapes(place, value.shape) == place
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError("index", got=f"values of shape {times(value.shape)} are put into {times(place)}",
                             expected="values of that shape, or that stretch to it")  # fmt: skip
        return Spec(x.shape, x.dtype)

    def forward(self, k, x, value):
        return k.setitem(x, self.index, value)

    def backward(self, k, grad, needs, value_shape):
        by_value = k.sum_to(k.getitem(grad, self.index), value_shape) if needs[1] else None
        by_x = k.setitem(grad, self.index, 0) if needs[0] else None
        return by_x, by_value


@dataclass(eq=False)
class Overlay(_Index):
    """x with the values of a view of it replaced: how the tape tells x of a change in place through the view.

    path: the ops that lead from x to the view, none of which names a place twice.
    """

    path: tuple[Op, ...]
    saves = ("x.shape",)

    def shape(self, x, value):
        return Spec(x.shape, x.dtype)

    def forward(self, k, x, value):
        return self._put(k, x, value)

    def backward(self, k, grad, needs, shape):
        by_value = self._view(k, grad) if needs[1] else None
        return self._put(k, grad, 0) if needs[0] else None, by_value

    def _view(self, k: Any, x: Any) -> Any:
        for op in self.path:
            x = op.forward(k, x)
        return x

    def _put(self, k: Any, x: Any, value: Any) -> Any:
        size = prod(x.shape)
        places = self._view(k, k.reshape(k.arange(size), x.shape))
        flat = k.setitem(k.reshape(x, (size,)), places, value)
        return k.reshape(flat, x.shape)


@dataclass(eq=False)
class Gather(_Index):
    """The values at `index` along an axis: out[i][j] = x[index[i][j]][j] for axis 0."""

    axis: int
    saves = ("x.shape", "index")

    def shape(self, x, index):
        axis = axis_of("gather", self.axis, x.ndim)
        if index.dtype.kind not in "iu":
            raise TypeMismatch("gather", got=f"the index is {index.dtype}", expected="whole numbers",
                               mend="call .long() on it")  # fmt: skip
        fits = index.ndim == x.ndim and all(m <= n for i, (n, m) in enumerate(zip(x.shape, index.shape)) if i != axis)
        if not fits:
            raise ShapeError("gather", got=f"an index of {times(index.shape)} for {times(x.shape)}",
                             expected="as many axes, none longer",
                             mend="call .unsqueeze() on the index" if index.ndim < x.ndim else "")  # fmt: skip
        return Spec(index.shape, x.dtype)

    def forward(self, k, x, index):
        return k.gather(x, index, self.axis)

    def backward(self, k, grad, needs, shape, index):
        return k.gather_backward(grad, index, shape, self.axis), None


@dataclass(eq=False)
class IndexSelect(_Index):
    """Places of an axis, which are counted from its front.   index (M)"""

    axis: int
    saves = ("x.shape", "index")
    checked = True

    def shape(self, x, index):
        if index.dtype.kind not in "iu":
            raise TypeMismatch("index_select", got=f"the index is {index.dtype}", expected="whole numbers",
                               mend="call .long() on it")  # fmt: skip
        if index.ndim != 1:
            raise ShapeError("index_select", got=f"an index of {times(index.shape)}", expected="a row of places",
                             mend="index as in x[index] for a result of its shape")  # fmt: skip
        return Spec((*x.shape[: self.axis], *index.shape, *x.shape[self.axis + 1 :]), x.dtype)

    def forward(self, k, x, index):
        return k.index_select(x, index, self.axis)

    def backward(self, k, grad, needs, shape, index):
        return k.put_add(shape, (slice(None),) * self.axis + (index,), grad), None


class Embedding(_Index):
    """Rows of a table.   weight (V, D), index (...) -> (..., D)"""

    saves = ("weight.shape", "index")
    checked = True

    def __init__(self, padding: int | None = None, by_frequency: bool = False) -> None:
        self.padding = padding
        self.by_frequency = by_frequency  # a row's gradient is divided by how often it was looked up

    def shape(self, weight, index):
        if index.dtype.kind not in "iu":
            raise TypeMismatch("Embedding", got=f"the indices are {index.dtype}", expected="whole numbers",
                               mend="call .long() on them")  # fmt: skip
        return Spec((*index.shape, *weight.shape[1:]), weight.dtype)

    def forward(self, k, weight, index):
        k.check_index(index, weight.shape[0])
        return k.rows(weight, index)

    def backward(self, k, grad, needs, shape, index):
        flat = k.reshape(index, (-1,))
        out = k.add_rows(shape[0], flat, k.reshape(grad, (-1, *shape[1:])))
        if self.by_frequency:
            ones = k.add(k.zeros((prod(index.shape), 1), grad.dtype), 1)
            out = k.div(out, k.maximum(k.add_rows(shape[0], flat, ones), 1))
        if self.padding is not None:
            out = k.setitem(out, self.padding, 0)
        return out, None


@dataclass(eq=False)
class OneHot(_Index):
    """index (...) -> (..., classes), 1 at the index and 0 elsewhere"""

    classes: int
    dtype: Any = "int64"
    differentiable = False

    def shape(self, index):
        return Spec((*index.shape, self.classes), self.dtype)

    def forward(self, k, index):
        return k.one_hot(index, self.classes, self.dtype)
