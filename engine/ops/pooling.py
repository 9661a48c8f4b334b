"""Maximum and average over windows."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from engine.errors import Fix, ShapeError
from engine.ops.base import Op, Spec, times
from engine.ops.convolution import require_images, sides

Pair = tuple[int, int]


@dataclass(eq=False)
class _Pool(Op):
    kernel: Pair
    stride: Pair
    padding: Pair
    ceil_mode: bool
    checked = True

    def out(self, x):
        """How many windows there are along height and width."""
        dilations = getattr(self, "dilation", (1, 1))
        sizes = zip(x.shape[2:], self.kernel, self.stride, self.padding, dilations)
        return tuple(self._windows(*size) for size in sizes)

    def _windows(self, size, kernel, stride, pad, dilation):
        span = size + 2 * pad - dilation * (kernel - 1) - 1
        count = (span + (stride - 1 if self.ceil_mode else 0)) // stride + 1
        if self.ceil_mode and (count - 1) * stride >= size + pad:
            count -= 1  # the last window must begin inside the image or its left padding
        return count

    def widths(self, shape, out):
        """((top, bottom), (left, right)): the padding, and at the end what the last window needs beyond it."""
        dilations = getattr(self, "dilation", (1, 1))
        ends = []
        for size, kernel, stride, pad, dilation, n in zip(
            shape[2:], self.kernel, self.stride, self.padding, dilations, out
        ):
            ends.append((pad, max(pad, (n - 1) * stride + dilation * (kernel - 1) + 1 - size - pad)))
        return tuple(ends)

    def shape(self, x):
        require_images(self.name, x)
        if any(2 * p > kernel for p, kernel in zip(self.padding, self.kernel)):
            raise ShapeError(self.name, got=f"padding {self.padding} for a window of {times(self.kernel)}",
                             expected="at most half of the window")  # fmt: skip
        out = self.out(x)
        if min(out) < 1:
            (lengths, thing), (kernel, _) = sides(self, x.shape), sides(self, (0, 0, *self.kernel))
            fits = max(1, min(lengths))
            raise ShapeError(
                self.name, got=f"a window of {times(kernel)} does not fit into {thing} of {times(lengths)}",
                expected=f"a window no larger than the {thing.split()[1]}",
                mend=f"set kernel_size to {fits}, or remove the layer",
                fixes=(Fix(f"Set kernel_size to {fits}", "set_parameter", name="kernel_size", value=fits),
                       Fix(f"Remove {self.name}", "remove")),
            )  # fmt: skip
        return Spec((*x.shape[:2], *out), x.dtype)

    def flops(self, x):
        return self.shape(x).size * self.kernel[0] * self.kernel[1]


@dataclass(eq=False)
class MaxPool2d(_Pool):
    """The greatest value under each window.   x (N, C, H, W) -> (N, C, OH, OW)"""

    dilation: Pair
    saves = ("x.shape", "where")
    extras = ("where",)

    def forward(self, k, x):
        out = self.out(x)
        return k.max_pool2d(x, self.kernel, self.stride, self.widths(x.shape, out), self.dilation, out)

    def backward(self, k, grad, needs, shape, where):
        widths = self.widths(shape, grad.shape[2:])
        return (k.max_pool2d_backward(grad, where, shape, self.kernel, self.stride, widths, self.dilation),)


@dataclass(eq=False)
class AvgPool2d(_Pool):
    """The mean under each window.   x (N, C, H, W) -> (N, C, OH, OW)"""

    count_include_pad: bool
    divisor: int | None
    saves = ("x.shape",)

    def forward(self, k, x):
        out = self.out(x)
        return k.avg_pool2d(x, self.kernel, self.stride, self.widths(x.shape, out), out, self._divisor(x.shape, out))

    def backward(self, k, grad, needs, shape):
        out = grad.shape[2:]
        widths = self.widths(shape, out)
        return (k.avg_pool2d_backward(grad, shape, self.kernel, self.stride, widths, self._divisor(shape, out)),)

    def _divisor(self, shape, out):
        """What each window is divided by: a number, or (OH, OW) where windows hang over the edge."""
        if self.divisor is not None:
            return float(self.divisor)
        if self.padding == (0, 0) and not self.ceil_mode:
            return float(self.kernel[0] * self.kernel[1])
        counts = []
        for size, kernel, stride, pad, n in zip(shape[2:], self.kernel, self.stride, self.padding, out):
            start = np.arange(n) * stride - pad
            end = np.minimum(start + kernel, size + pad)
            if not self.count_include_pad:
                start, end = np.maximum(start, 0), np.minimum(end, size)
            counts.append(end - start)
        return np.outer(*counts)


class MaxPool1d(MaxPool2d):
    """The same along one axis: x (N, C, 1, L)."""


class AvgPool1d(AvgPool2d):
    """The same along one axis: x (N, C, 1, L)."""


@dataclass(eq=False)
class WindowArgMax(Op):
    """Where in its image the greatest value under each window stands.   x (N, C, *sizes) -> (N, C, *out)

    places: for each axis (taps, out), where the taps of each window lie; a tap outside repeats one that is inside.
    The result counts the places of an image row by row; of equal values it is the first.
    """

    places: tuple[np.ndarray, ...]
    differentiable = False

    def shape(self, x):
        return Spec((*x.shape[:2], *(p.shape[1] for p in self.places)), "int64")

    def forward(self, k, x):
        return k.window_argmax(x, self.places)

    def flops(self, x):
        return self.shape(x).size * prod(len(p) for p in self.places)


@dataclass(eq=False)
class MaxUnpool(Op):
    """Values put to the places that an index names, zeros elsewhere.   x, index (N, C, ...) -> (N, C, *size)"""

    size: tuple[int, ...]
    saves = ("x.shape", "index")

    def shape(self, x, index):
        if index.shape != x.shape:
            raise ShapeError("MaxUnpool", got=f"{times(x.shape)} values with {times(index.shape)} indices",
                             expected="as many of both")  # fmt: skip
        return Spec((*x.shape[:2], *self.size), x.dtype)

    checked = True

    def forward(self, k, x, index):
        n, c = x.shape[:2]
        k.check_places(f"MaxUnpool{len(self.size)}d", index, (n, c, prod(self.size)), 2)
        place = (k.reshape(k.arange(n), (n, 1, 1)), k.reshape(k.arange(c), (1, c, 1)), self._flat(k, index))
        return k.reshape(k.put((n, c, prod(self.size)), place, self._flat(k, x)), (n, c, *self.size))

    def backward(self, k, grad, needs, shape, index):
        return k.reshape(k.gather(self._flat(k, grad), self._flat(k, index), 2), shape), None

    def _flat(self, k, x):
        """(N, C, ...) -> (N, C, values)"""
        return k.reshape(x, (*x.shape[:2], prod(x.shape[2:])))

    def flops(self, x, index):
        return 0
