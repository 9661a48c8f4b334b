"""What every op has: one class with shape, forward, backward and flops, on raw arrays."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from math import prod
from operator import index
from typing import Any, ClassVar

import numpy as np

from engine.errors import RangeError, ShapeError, TypeMismatch, times


@dataclass(frozen=True, init=False)
class Spec:
    """A shape and a dtype: all that is known of a tensor before there are values.

    >>> Spec((2, 3)).nbytes
    24
    """

    shape: tuple[int, ...]
    dtype: Any

    def __init__(self, shape: tuple[int, ...], dtype: Any = "float32") -> None:
        object.__setattr__(self, "shape", tuple(shape))
        object.__setattr__(self, "dtype", np.dtype(dtype))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize


class Op:
    """One operation: `forward` beside `backward`, on raw arrays, through the kernel set `k` of the device.

    An op holds its options and nothing else; the tape keeps what `saves` names and hands it to `backward`:
    arguments of `forward` ("x"), their shapes ("x.shape"), the result ("out"), and what `forward` returns behind the
    result, named in `extras`. Every input is passed, None where an optional one is absent. `backward` returns one
    gradient for each input, None where `needs` says False.
    In `forward` and `backward` values are touched by kernels only, so that another kernel set may record them, or run
    `backward` on tensors, whose history is then that of the gradient.
    """

    saves: ClassVar[tuple[str, ...]] = ()
    extras: ClassVar[tuple[str, ...]] = ()
    checked: ClassVar[bool] = False  # `shape` is asked before each forward: NumPy would accept some mistakes
    calls_back: ClassVar[bool] = False  # it runs a person's code, which may call ops
    view: ClassVar[bool] = False  # the result may share its memory with the first input
    differentiable: bool = True
    twice: bool = True  # whether its gradient has a gradient
    _inputs: ClassVar[tuple[str, ...]] = ()  # the names of forward's arguments
    _kept: ClassVar[tuple[int, ...]] = ()  # index in (out, *extras, *inputs); ~index where only the shape is kept
    _guarded: ClassVar[tuple[int, ...]] = ()  # the inputs kept by value: they may not change before backward
    _keeps_out: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "forward" in vars(cls):
            inputs = [p for p in inspect.signature(cls.forward).parameters if p not in ("self", "k")]
            names = ["out", *cls.extras, *inputs]
            cls._inputs = tuple(inputs)
            cls._kept = tuple(
                ~names.index(name.removesuffix(".shape")) if name.endswith(".shape") else names.index(name)
                for name in cls.saves
            )
            cls._guarded = tuple(inputs.index(name) for name in cls.saves if name in inputs)
            cls._keeps_out = "out" in cls.saves

    @property
    def name(self) -> str:
        """The name that errors say."""
        return type(self).__name__

    def shape(self, *specs: Any) -> Spec:
        """The result's spec; a ShapeError where the inputs do not go together."""
        raise NotImplementedError

    def forward(self, k: Any, *arrays: Any) -> Any:
        """The result, or (result, *extras)."""
        raise NotImplementedError

    def backward(self, k: Any, grad: Any, needs: tuple[bool, ...], *saved: Any) -> tuple[Any, ...]:
        """The gradient for each input."""
        raise NotImplementedError

    def derived(self, extra: str) -> Op | None:
        """The op that would have made an extra of the inputs whose names its own have; None for a constant.

        A second derivative goes through it.
        """
        return None

    def flops(self, *specs: Any) -> int:
        """Floating-point operations of one forward; a multiply-add counts as two."""
        return self.shape(*specs).size


def whole_length(length: Any) -> int:
    """The length of an axis as an int; a TypeMismatch where it is no whole number."""
    try:
        return index(length)
    except TypeError:
        raise TypeMismatch("a shape", got=f"a length is {length!r}", expected="whole numbers",
                           mend="// divides without a rest") from None  # fmt: skip


def broadcast(where: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that all of them stretch to, by NumPy's rule.

    >>> broadcast("add", (3, 1), (4,))
    (3, 4)
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        together = " and ".join(map(times, shapes))
        raise ShapeError(where, got=f"shapes {together} do not go together", expected="axes that are equal or 1",
                         mend=_column_meant(*shapes)) from None  # fmt: skip


def _column_meant(*shapes: tuple[int, ...]) -> str:
    """What makes shapes go together that do not: most often, (N) is meant as a column beside (N, M)."""
    shorter, longer = min(shapes, key=len), max(shapes, key=len)
    if len(shapes) == 2 and len(shorter) + 1 == len(longer) and shorter == longer[:-1]:
        return f"call .unsqueeze(-1) on the one of {times(shorter)}"
    return "axes are matched from the last one on"


def axis_of(where: str, axis: int, ndim: int) -> int:
    """An axis counted from the front; a RangeError where there is none of that number."""
    if not -max(ndim, 1) <= axis < max(ndim, 1):
        raise RangeError(where, got=f"dim {axis} was asked of {ndim} ax{'i' if ndim == 1 else 'e'}s",
                         expected=f"{-max(ndim, 1)} to {max(ndim, 1) - 1}")  # fmt: skip
    return axis % max(ndim, 1)


def axes_of(where: str, axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """Axes counted from the front; None is all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis_of(where, a, ndim) for a in ((axis,) if isinstance(axis, int) else axis))
    if len(set(axes)) != len(axes):
        raise ShapeError(where, got=f"an axis appears twice in dim {axis}", expected="each axis once")
    return axes if ndim else ()


def reduced(shape: tuple[int, ...], axes: tuple[int, ...], keepdim: bool) -> tuple[int, ...]:
    """The shape after reducing these axes.

    >>> reduced((2, 3, 4), (1,), False), reduced((2, 3, 4), (1,), True)
    ((2, 4), (2, 1, 4))
    """
    return tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdim or i not in axes)
