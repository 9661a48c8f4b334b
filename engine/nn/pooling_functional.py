"""Pooling; along one axis it is that of an image of height 1."""

from __future__ import annotations

from math import inf, prod
from typing import Any

import numpy as np

from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.nn.convolution_functional import One, Pair, along, back, numbers
from engine.ops import pooling
from engine.ops.base import times
from engine.tensor import Tensor, apply


def max_pool2d(input: Tensor, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0, dilation: Pair = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:  # fmt: skip
    """The greatest value under each window; stride is the window's size where it is not given.

    Args:
        kernel_size, stride: height and width of the window, and how far it moves; one number stands for both.
        padding: pixels around the image, which never are the greatest; at most half of the window.
        dilation: distance of the pixels under the window.
        ceil_mode: whether the last window may reach over the edge.
        return_indices: whether to say, too, where in its image each of them stands, counted row by row.

    Shape:
        (N, C, H, W) -> (N, C, OH, OW)

    >>> import engine
    >>> max_pool2d(engine.arange(16.0).reshape(1, 1, 4, 4), 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """
    kernel = numbers("MaxPool2d", "kernel_size", kernel_size, 1)
    op = pooling.MaxPool2d(
        kernel, kernel if stride in (None, ()) else numbers("MaxPool2d", "stride", stride, 1),
        numbers("MaxPool2d", "padding", padding, 0), bool(ceil_mode), numbers("MaxPool2d", "dilation", dilation, 1),
    )  # fmt: skip
    return _with_indices(op, input) if return_indices else _pooled(op, input)


def max_pool2d_with_indices(input: Tensor, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0,
                            dilation: Pair = 1, ceil_mode: bool = False,
                            return_indices: bool = False) -> tuple[Tensor, Tensor]:  # fmt: skip
    """`max_pool2d` with return_indices=True.

    Args:
        kernel_size, stride, padding, dilation, ceil_mode: as of `max_pool2d`.
        return_indices: accepted for scripts.

    >>> import engine
    >>> values, places = max_pool2d_with_indices(engine.arange(4.0).reshape(1, 1, 2, 2), 2)
    >>> values.item(), places.item()
    (3.0, 3)
    """
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def avg_pool2d(input: Tensor, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0,
               ceil_mode: bool = False, count_include_pad: bool = True,
               divisor_override: int | None = None) -> Tensor:  # fmt: skip
    """The mean under each window; stride is the window's size where it is not given.

    Args:
        kernel_size, stride: height and width of the window, and how far it moves; one number stands for both.
        padding: pixels of zeros around the image; at most half of the window.
        ceil_mode: whether the last window may reach over the edge.
        count_include_pad: whether zeros of the padding count in the mean.
        divisor_override: what the sum is divided by, instead of the number of pixels.

    Shape:
        (N, C, H, W) -> (N, C, OH, OW)

    >>> import engine
    >>> avg_pool2d(engine.arange(4.0).reshape(1, 1, 2, 2), 2)
    tensor([[[[1.5000]]]])
    """
    kernel = numbers("AvgPool2d", "kernel_size", kernel_size, 1)
    op = pooling.AvgPool2d(
        kernel, kernel if stride in (None, ()) else numbers("AvgPool2d", "stride", stride, 1),
        numbers("AvgPool2d", "padding", padding, 0), bool(ceil_mode), bool(count_include_pad), divisor_override,
    )  # fmt: skip
    return _pooled(op, input)


def _pooled(op: Any, input: Tensor) -> Tensor:
    if input.ndim == 3:
        return apply(op, input.unsqueeze(0)).squeeze(0)
    return apply(op, input)


def max_pool1d(input: Tensor, kernel_size: One, stride: One | None = None, padding: One = 0, dilation: One = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:  # fmt: skip
    """The greatest value under each window; stride is the window's size where it is not given.

    Args:
        kernel_size, stride: length of the window, and how far it moves.
        padding: places around the sequence, which never are the greatest; at most half of the window.
        dilation: distance of the places under the window.
        ceil_mode: whether the last window may reach over the end.
        return_indices: whether to say, too, where in its sequence each of them stands.

    Shape:
        (N, C, L) -> (N, C, OL)

    >>> import engine
    >>> max_pool1d(engine.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[3., 2.]])
    """
    image, single = along("MaxPool1d", input)
    kernel, stride, padding = _windows("MaxPool1d", kernel_size, stride, padding)
    dilation = (1, *numbers("MaxPool1d", "dilation", dilation, 1, 1))
    op = pooling.MaxPool1d(kernel, stride, padding, bool(ceil_mode), dilation)
    if return_indices:
        return tuple(back(found, single) for found in _with_indices(op, image))
    return back(apply(op, image), single)


def max_pool1d_with_indices(input: Tensor, kernel_size: One, stride: One | None = None, padding: One = 0,
                            dilation: One = 1, ceil_mode: bool = False,
                            return_indices: bool = False) -> tuple[Tensor, Tensor]:  # fmt: skip
    """`max_pool1d` with return_indices=True.

    Args:
        kernel_size, stride, padding, dilation, ceil_mode: as of `max_pool1d`.
        return_indices: accepted for scripts.

    >>> import engine
    >>> max_pool1d_with_indices(engine.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)[1]
    tensor([[1, 2]])
    """
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def _with_indices(op: Any, input: Tensor) -> tuple[Tensor, Tensor]:
    """The maxima under the windows of a pooling op, and where each stands in its image."""
    image = input.unsqueeze(0) if input.ndim == 3 else input
    op.shape(image.array)  # refuses what does not fit
    found = greatest_of_windows(op.name, image, op.kernel, op.stride, op.padding, op.dilation, op.out(image))
    return tuple(f.squeeze(0) for f in found) if input.ndim == 3 else found


def greatest_of_windows(where: str, image: Tensor, *windows: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The same: image (N, C, ...); kernel, stride, padding, dilation and count of the windows, each by axis."""
    places = tuple(_taps(*axis) for axis in zip(image.shape[2:], *windows))
    if any((p >= n).any() for p, n in zip(places, image.shape[2:])):
        raise ShapeError(where, got="a window lies in the padding alone, where nothing has a place",
                         expected="a smaller dilation or padding where indices are returned")  # fmt: skip
    return greatest(image, places)


def _taps(size: int, kernel: int, stride: int, pad: int, dilation: int, count: int) -> np.ndarray:
    """(kernel, count): where the taps of each window lie; one outside is taken to the nearest one inside."""
    begin = np.arange(count) * stride - pad
    places = begin + np.arange(kernel)[:, None] * dilation
    first = begin + -(np.minimum(begin, 0) // dilation) * dilation
    last = begin + (size - 1 - begin) // dilation * dilation
    return np.clip(places, first, np.maximum(first, last))


def greatest(image: Tensor, places: tuple[np.ndarray, ...]) -> tuple[Tensor, Tensor]:
    """The greatest value under each window and where it stands: image (N, C, ...), places (taps, out) by axis."""
    index = apply(pooling.WindowArgMax(places), image)  # (N, C, *out)
    n, c, *out = index.shape
    values = image.reshape(n, c, prod(image.shape[2:])).gather(2, index.reshape(n, c, prod(out)))
    return values.reshape(index.shape), index


def avg_pool1d(input: Tensor, kernel_size: One, stride: One | None = None, padding: One = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor:  # fmt: skip
    """The mean under each window; stride is the window's size where it is not given.

    Args:
        kernel_size, stride: length of the window, and how far it moves.
        padding: zeros around the sequence; at most half of the window.
        ceil_mode: whether the last window may reach over the end.
        count_include_pad: whether zeros of the padding count in the mean.

    Shape:
        (N, C, L) -> (N, C, OL)

    >>> import engine
    >>> avg_pool1d(engine.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    image, single = along("AvgPool1d", input)
    kernel, stride, padding = _windows("AvgPool1d", kernel_size, stride, padding)
    op = pooling.AvgPool1d(kernel, stride, padding, bool(ceil_mode), bool(count_include_pad), None)
    return back(apply(op, image), single)


def _windows(where: str, kernel: Any, stride: Any, padding: Any) -> tuple[tuple[int, int], ...]:
    """Kernel, stride and padding of an image of height 1."""
    kernel = numbers(where, "kernel_size", kernel, 1, 1)
    stride = kernel if stride in (None, ()) else numbers(where, "stride", stride, 1, 1)
    return (1, *kernel), (1, *stride), (0, *numbers(where, "padding", padding, 0, 1))


def lp_pool2d(input: Tensor, norm_type: float, kernel_size: Pair, stride: Pair | None = None,
              ceil_mode: bool = False) -> Tensor:  # fmt: skip
    """(sum of x^p)^(1/p) under each window, p = norm_type; stride is the window's size where it is not given.

    Args:
        kernel_size, stride: height and width of the window, and how far it moves; one number stands for both.
        ceil_mode: whether the last window may reach over the edge.

    Shape:
        (N, C, H, W) -> (N, C, OH, OW)

    Raises:
        OptionError: norm_type is 0.

    >>> import engine
    >>> lp_pool2d(engine.tensor([[[[3.0, 4.0]]]]), 2, (1, 2)).tolist()
    [[[[5.0]]]]
    """
    kernel = numbers("LPPool2d", "kernel_size", kernel_size, 1)
    if abs(norm_type) == inf:
        return extreme(max_pool2d, input, norm_type, kernel, stride, ceil_mode)
    return root(avg_pool2d(input**norm_type, kernel, stride, 0, ceil_mode), norm_type, prod(kernel))


def lp_pool1d(input: Tensor, norm_type: float, kernel_size: One, stride: One | None = None,
              ceil_mode: bool = False) -> Tensor:  # fmt: skip
    """(sum of x^p)^(1/p) under each window, p = norm_type; stride is the window's size where it is not given.

    Args:
        kernel_size, stride: length of the window, and how far it moves.
        ceil_mode: whether the last window may reach over the end.

    Shape:
        (N, C, L) -> (N, C, OL)

    Raises:
        OptionError: norm_type is 0.

    >>> import engine
    >>> lp_pool1d(engine.tensor([[3.0, 4.0]]), 2, 2)
    tensor([[5.]])
    """
    kernel = numbers("LPPool1d", "kernel_size", kernel_size, 1, 1)
    if abs(norm_type) == inf:
        return extreme(max_pool1d, input, norm_type, kernel, stride, ceil_mode)
    return root(avg_pool1d(input**norm_type, kernel, stride, 0, ceil_mode), norm_type, kernel[0])


def extreme(pool: Any, input: Tensor, norm_type: float, kernel: Any, stride: Any, ceil_mode: bool) -> Tensor:
    if norm_type > 0:
        return pool(input.abs(), kernel, stride, 0, 1, ceil_mode)
    return -pool(-input.abs(), kernel, stride, 0, 1, ceil_mode)


def root(mean: Tensor, norm_type: float, count: int) -> Tensor:
    if norm_type == 0:
        raise OptionError("LPPool", got="norm_type is 0", expected="another number")
    return (mean.sign() * mean.abs().relu() * count) ** (1 / norm_type)


def max_unpool2d(input: Tensor, indices: Tensor, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0,
                 output_size: Any = None) -> Tensor:  # fmt: skip
    """The way back of `max_pool2d`: each maximum at the place it came from, zeros elsewhere.

    Args:
        indices: where the maxima stood, as `max_pool2d(..., return_indices=True)` gives them.
        kernel_size, stride, padding: as they were when it was pooled.
        output_size: the size of the result, where more than one would have been pooled to this.

    Shape:
        (N, C, H, W) -> (N, C, OH, OW)

    >>> import engine
    >>> pooled, where = max_pool2d(engine.arange(4.0).reshape(1, 1, 2, 2), 2, return_indices=True)
    >>> max_unpool2d(pooled, where, 2).tolist()
    [[[[0.0, 0.0], [0.0, 3.0]]]]
    """
    return unpool("MaxUnpool2d", input, indices, kernel_size, stride, padding, output_size, 2)


def max_unpool1d(input: Tensor, indices: Tensor, kernel_size: One, stride: One | None = None, padding: One = 0,
                 output_size: Any = None) -> Tensor:  # fmt: skip
    """The way back of `max_pool1d`: each maximum at the place it came from, zeros elsewhere.

    Args:
        indices: where the maxima stood, as `max_pool1d(..., return_indices=True)` gives them.
        kernel_size, stride, padding: as they were when it was pooled.
        output_size: the size of the result, where more than one would have been pooled to this.

    Shape:
        (N, C, L) -> (N, C, OL)

    >>> import engine
    >>> pooled, places = max_pool1d(engine.tensor([[1.0, 3.0, 2.0, 0.0]]), 2, return_indices=True)
    >>> max_unpool1d(pooled, places, 2)
    tensor([[0., 3., 2., 0.]])
    """
    return unpool("MaxUnpool1d", input, indices, kernel_size, stride, padding, output_size, 1)


def unpool(where: str, input: Tensor, indices: Tensor, kernel: Any, stride: Any, padding: Any, size: Any,
            rank: int) -> Tensor:  # fmt: skip
    kernel = numbers(where, "kernel_size", kernel, 1, rank)
    stride = kernel if stride in (None, ()) else numbers(where, "stride", stride, 1, rank)
    padding = numbers(where, "padding", padding, 0, rank)
    if input.ndim not in (rank + 1, rank + 2):
        raise ShapeError(where, got=f"a tensor of {times(input.shape)} arrives", expected=f"{rank + 2} axes")
    plain = tuple((n - 1) * s + k - 2 * p for n, s, k, p in zip(input.shape[-rank:], stride, kernel, padding))
    size = plain if size is None else tuple(size)[-rank:]
    if len(size) != rank or any(abs(n - m) >= s for n, m, s in zip(size, plain, stride)):
        raise ShapeError(where, got=f"output_size is {size}",
                         expected=f"less than {times(stride)} away from {times(plain)}")  # fmt: skip
    if indices.dtype.kind not in "iu":
        raise TypeMismatch(where, got=f"{indices.dtype} arrives for the indices", expected="whole numbers",
                           mend="take what a max pool gives with return_indices=True")  # fmt: skip
    if input.ndim == rank + 1:
        return apply(pooling.MaxUnpool(size), input.unsqueeze(0), indices.unsqueeze(0)).squeeze(0)
    return apply(pooling.MaxUnpool(size), input, indices)
