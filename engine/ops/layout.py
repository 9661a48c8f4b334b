"""Reshaping, axes and joining."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from engine.errors import ShapeError
from engine.ops.base import Op, Spec, axis_of, times
from engine.wording import arrivals, counted


class _Layout(Op):
    def flops(self, *specs):
        return 0


@dataclass(eq=False)
class Reshape(_Layout):
    """The same elements in another shape; one axis may be -1."""

    to: tuple[int, ...]
    saves = ("x.shape",)
    view = True

    def shape(self, x):
        known = prod(n for n in self.to if n != -1)
        open_axes = self.to.count(-1)
        fits = x.size == known if not open_axes else known > 0 and x.size % known == 0
        if open_axes > 1 or not fits or any(n < -1 for n in self.to):
            raise self._misfit(x)
        return Spec(tuple(x.size // known if n == -1 else n for n in self.to), x.dtype)

    def _misfit(self, x):
        rest = prod(self.to[1:])
        mend = ""
        if self.to.count(-1) > 1:
            mend = "let -1 stand for one axis only"
        elif rest > 0 and x.size and x.size % rest == 0:
            mend = f"{times((-1, *self.to[1:]))} makes {times((x.size // rest, *self.to[1:]))}"
        return ShapeError("reshape", got=f"{times(x.shape)} has {counted(x.size, 'element')}",
                          expected=f"as many as {times(self.to)}", mend=mend)  # fmt: skip

    def forward(self, k, x):
        return k.reshape(x, self.to)

    def backward(self, k, grad, needs, shape):
        return (k.reshape(grad, shape),)


@dataclass(eq=False)
class Permute(_Layout):
    """Axes in another order."""

    axes: tuple[int, ...]
    view = True

    def shape(self, x):
        axes = tuple(axis_of("permute", a, x.ndim) for a in self.axes)
        if sorted(axes) != list(range(x.ndim)):
            raise ShapeError("permute", got=f"the axes {self.axes} were asked of {x.ndim}", expected="each axis once")
        return Spec(tuple(x.shape[a] for a in axes), x.dtype)

    def forward(self, k, x):
        return k.transpose(x, self.axes)

    def backward(self, k, grad, needs):
        n = len(self.axes)
        axes = [a % n for a in self.axes]
        return (k.transpose(grad, tuple(axes.index(i) for i in range(n))),)


@dataclass(eq=False)
class Expand(_Layout):
    """Axes of length 1 stretched, new ones in front."""

    to: tuple[int, ...]
    saves = ("x.shape",)
    view = True

    def shape(self, x):
        ahead = len(self.to) - x.ndim
        if ahead < 0 or any(n not in (1, m) for n, m in zip(x.shape, self.to[max(ahead, 0) :])):
            raise ShapeError("expand", got=f"{times(x.shape)} does not stretch to {times(self.to)}",
                             expected="axes that are equal or 1")  # fmt: skip
        return Spec(self.to, x.dtype)

    def forward(self, k, x):
        return k.broadcast_to(x, self.to)

    def backward(self, k, grad, needs, shape):
        return (k.sum_to(grad, shape),)


@dataclass(eq=False)
class Tile(_Layout):
    """Copies side by side: axis i comes repeats[i] times."""

    repeats: tuple[int, ...]
    saves = ("x.shape",)
    checked = True

    def shape(self, x):
        if len(self.repeats) < x.ndim:
            raise ShapeError("repeat", got=f"{counted(len(self.repeats), 'number')} for {counted(x.ndim, 'axis')}",
                             expected="one for each axis", mend="give a 1 for an axis that stays")  # fmt: skip
        inner = (1,) * (len(self.repeats) - x.ndim) + tuple(x.shape)
        return Spec(tuple(n * m for n, m in zip(inner, self.repeats)), x.dtype)

    def forward(self, k, x):
        return k.tile(x, self.repeats)

    def backward(self, k, grad, needs, shape):
        inner = (1,) * (len(self.repeats) - len(shape)) + tuple(shape)
        split = [size for pair in zip(self.repeats, inner) for size in pair]  # (r0, n0, r1, n1, ...)
        total = k.sum(k.reshape(grad, tuple(split)), tuple(range(0, len(split), 2)))
        return (k.reshape(total, shape),)


def _joinable(a, b):
    """How two shapes can be joined that differ on another axis than the one asked for."""
    if len(a) != len(b):
        return f"call .unsqueeze() on the one of {times(min(a, b, key=len))}"
    differing = [i for i, (n, m) in enumerate(zip(a, b)) if n != m]
    return f"join them along dim={differing[0]}" if len(differing) == 1 else ""


@dataclass(eq=False)
class Concatenate(_Layout):
    """Tensors joined along an axis that they have."""

    axis: int

    # every input's shape is needed for the way back; the count of inputs differs from call to call
    def shape(self, *xs):
        first = xs[0]
        axis = axis_of("cat", self.axis, first.ndim)
        for x in xs[1:]:
            same = x.ndim == first.ndim and all(
                n == m for i, (n, m) in enumerate(zip(x.shape, first.shape)) if i != axis
            )
            if not same:
                raise ShapeError("cat", got=f"{times(first.shape)} and {times(x.shape)} are joined along axis {axis}",
                                 expected="equal lengths on all other axes",
                                 mend=_joinable(first.shape, x.shape))  # fmt: skip
        return Spec(
            tuple(sum(x.shape[axis] for x in xs) if i == axis else n for i, n in enumerate(first.shape)), first.dtype
        )

    def forward(self, k, *xs):
        return k.concatenate(xs, self.axis), [x.shape[self.axis] for x in xs]

    saves = ("lengths",)
    extras = ("lengths",)

    def backward(self, k, grad, needs, lengths):
        axis = self.axis % grad.ndim
        gradients, start = [], 0
        for length, need in zip(lengths, needs):
            place = (slice(None),) * axis + (slice(start, start + length),)
            gradients.append(k.getitem(grad, place) if need else None)
            start += length
        return tuple(gradients)


@dataclass(eq=False)
class Pad(_Layout):
    """Widened by (before, after) on each axis, filled with one value."""

    widths: tuple[tuple[int, int], ...]
    value: float
    saves = ("x.shape",)

    def shape(self, x):
        to = tuple(n + before + after for n, (before, after) in zip(x.shape, self.widths))
        if len(self.widths) != x.ndim or any(n < 0 for n in to):
            raise ShapeError("pad", got=f"{times(x.shape)} cannot be widened by {self.widths}")
        return Spec(to, x.dtype)

    def forward(self, k, x):
        return k.pad(x, self.widths, self.value)

    def backward(self, k, grad, needs, shape):
        return (k.getitem(grad, tuple(slice(b, b + n) for n, (b, _) in zip(shape, self.widths))),)


@dataclass(eq=False)
class Triangle(_Layout):
    """The lower ("tril") or upper ("triu") triangle of the last two axes, the rest 0."""

    kind: str
    diagonal: int
    checked = True

    def shape(self, x):
        if x.ndim < 2:
            raise ShapeError(self.kind, got=arrivals(x.ndim, "axis"), expected="at least 2")
        return Spec(x.shape, x.dtype)

    def forward(self, k, x):
        return getattr(k, self.kind)(x, self.diagonal)

    def backward(self, k, grad, needs):
        return (getattr(k, self.kind)(grad, self.diagonal),)


@dataclass(eq=False)
class Clone(_Layout):
    """A copy with memory of its own, in the order of x or with the elements one behind the other."""

    contiguous: bool = False

    def shape(self, x):
        return Spec(x.shape, x.dtype)

    def forward(self, k, x):
        return k.contiguous(x) if self.contiguous else k.copy(x)

    def backward(self, k, grad, needs):
        return (grad,)


@dataclass(eq=False)
class Diagonal(_Layout):
    """The diagonal of two axes as a last axis."""

    offset: int
    axis1: int
    axis2: int
    saves = ("x.shape",)
    view = True

    def shape(self, x):
        a, b = (axis_of("diagonal", axis, x.ndim) for axis in (self.axis1, self.axis2))
        if x.ndim < 2 or a == b:
            raise ShapeError("diagonal", got=f"the axes {self.axis1} and {self.axis2} of {x.ndim}",
                             expected="two different ones")  # fmt: skip
        length = min(x.shape[a] + min(self.offset, 0), x.shape[b] - max(self.offset, 0))
        return Spec((*(n for i, n in enumerate(x.shape) if i not in (a, b)), max(length, 0)), x.dtype)

    def forward(self, k, x):
        return k.diagonal(x, self.offset, self.axis1, self.axis2)

    def backward(self, k, grad, needs, shape):
        return (k.put_diagonal(grad, shape, self.offset, self.axis1, self.axis2),)


@dataclass(eq=False)
class DiagonalEmbed(_Layout):
    """Matrices with the last axis on a diagonal, 0 elsewhere.   (..., N) -> (..., N + |offset|, N + |offset|)"""

    offset: int

    def shape(self, x):
        n = x.shape[-1] + abs(self.offset)
        return Spec((*x.shape[:-1], n, n), x.dtype)

    def forward(self, k, x):
        n = x.shape[-1] + abs(self.offset)
        return k.put_diagonal(x, (*x.shape[:-1], n, n), self.offset, x.ndim - 1, x.ndim)

    def backward(self, k, grad, needs):
        return (k.diagonal(grad, self.offset, grad.ndim - 2, grad.ndim - 1),)


@dataclass(eq=False)
class _Windows(_Layout):
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int]

    def places(self, where, h, w):
        sizes = tuple(
            (n + sum(pad) - d * (kernel - 1) - 1) // step + 1
            for n, pad, kernel, d, step in zip((h, w), self.padding, self.kernel, self.dilation, self.stride)
        )
        if min(sizes) < 1:
            raise ShapeError(where, got=f"a window of {times(self.kernel)} does not fit into an image of {h} x {w}",
                             expected="one no larger than the image with its padding")  # fmt: skip
        return sizes


class Unfold(_Windows):
    """What lies under a window at each of its places.   x (N, C, H, W) -> (N, C KH KW, places)"""

    saves = ("x.shape",)
    checked = True

    def shape(self, x):
        if x.ndim != 4:
            raise ShapeError("unfold", got=f"a tensor of {times(x.shape)} arrives", expected="images (N, C, H, W)")
        rows = x.shape[1] * prod(self.kernel)
        return Spec((x.shape[0], rows, prod(self.places("unfold", *x.shape[2:]))), x.dtype)

    def forward(self, k, x):
        return k.unfold(x, self.kernel, self.stride, self.padding, self.dilation)

    def backward(self, k, grad, needs, shape):
        return (k.fold(grad, shape, self.kernel, self.stride, self.padding, self.dilation),)


@dataclass(eq=False)
class Fold(_Windows):
    """Windows added up where they lie in an image.   x (N, C KH KW, places) -> (N, C, H, W), (H, W) being `to`"""

    to: tuple[int, int]
    checked = True

    def shape(self, x):
        places = prod(self.places("fold", *self.to))
        if x.ndim != 3 or x.shape[1] % prod(self.kernel) or x.shape[2] != places:
            raise ShapeError("fold", got=f"a tensor of {times(x.shape)} arrives",
                             expected=f"(N, channels times {prod(self.kernel)}, {places})")  # fmt: skip
        return Spec((x.shape[0], x.shape[1] // prod(self.kernel), *self.to), x.dtype)

    def forward(self, k, x):
        shape = (x.shape[0], x.shape[1] // prod(self.kernel), *self.to)
        return k.fold(x, shape, self.kernel, self.stride, self.padding, self.dilation)

    def backward(self, k, grad, needs):
        return (k.unfold(grad, self.kernel, self.stride, self.padding, self.dilation),)
