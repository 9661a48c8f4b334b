"""Pooling of volumes: along height and width in each slice, then along the depth."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, prod
from typing import Any

from engine.errors import ShapeError
from engine.nn.adaptive_pooling_functional import adaptive_avg_pool2d, adaptive_max, output_sizes
from engine.nn.convolution_functional import numbers
from engine.nn.pooling_functional import (
    avg_pool2d,
    extreme,
    greatest_of_windows,
    max_pool2d,
    root,
    unpool,
)
from engine.ops.base import times
from engine.tensor import Tensor

Triple = int | tuple[int, int, int]


def max_pool3d(input: Tensor, kernel_size: Triple, stride: Triple | None = None, padding: Triple = 0,
               dilation: Triple = 1, ceil_mode: bool = False, return_indices: bool = False) -> Any:  # fmt: skip
    """The greatest value under each window; stride is the window's size where it is not given.

    Args:
        kernel_size: depth, height and width of the window.
        stride: step of the window; None: as large as the window.
        padding: values added at each face, which never win.
        dilation: distance of the values of a window.
        ceil_mode: whether a last, partial window counts.
        return_indices: whether to say, too, where in its volume each of them stands, counted by slice, row and column.

    Shape:
        (N, C, D, H, W) -> (N, C, OD, OH, OW)

    >>> import engine
    >>> max_pool3d(engine.arange(8.0).reshape(1, 1, 2, 2, 2), 2).tolist()
    [[[[[7.0]]]]]
    """
    where = "MaxPool3d"
    kernel, stride = _windows(where, kernel_size, stride)
    padding, dilation = numbers(where, "padding", padding, 0, 3), numbers(where, "dilation", dilation, 1, 3)

    def pool(x: Tensor, axes: slice, rest: tuple[int, ...]) -> Tensor:
        one = (1,) * len(rest)
        return max_pool2d(x, kernel[axes] + one, stride[axes] + one, padding[axes] + rest, dilation[axes] + one,
                          ceil_mode)  # fmt: skip

    pooled = _apart(where, input, pool)
    if not return_indices:
        return pooled
    volume = input.unsqueeze(0) if input.ndim == 4 else input
    found = greatest_of_windows(where, volume, kernel, stride, padding, dilation, pooled.shape[-3:])
    return tuple(f.squeeze(0) for f in found) if input.ndim == 4 else found


def max_pool3d_with_indices(input: Tensor, kernel_size: Triple, stride: Triple | None = None, padding: Triple = 0,
                            dilation: Triple = 1, ceil_mode: bool = False,
                            return_indices: bool = False) -> tuple[Tensor, Tensor]:  # fmt: skip
    """`max_pool3d` with return_indices=True.

    Args:
        kernel_size, stride, padding, dilation, ceil_mode: as of `max_pool3d`.
        return_indices: accepted for scripts.

    >>> import engine
    >>> max_pool3d_with_indices(engine.arange(8.0).reshape(1, 1, 2, 2, 2), 2)[1].item()
    7
    """
    return max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def avg_pool3d(input: Tensor, kernel_size: Triple, stride: Triple | None = None, padding: Triple = 0,
               ceil_mode: bool = False, count_include_pad: bool = True,
               divisor_override: int | None = None) -> Tensor:  # fmt: skip
    """The mean under each window; stride is the window's size where it is not given.

    Args:
        kernel_size: depth, height and width of the window.
        stride: step of the window; None: as large as the window.
        padding: zeros added at each face.
        ceil_mode: whether a last, partial window counts.
        count_include_pad: whether the padding counts in the mean.
        divisor_override: what the sum is divided by, instead of the window's size.

    Shape:
        (N, C, D, H, W) -> (N, C, OD, OH, OW)

    >>> import engine
    >>> avg_pool3d(engine.arange(8.0).reshape(1, 1, 2, 2, 2), 2).item()
    3.5
    """
    where = "AvgPool3d"
    kernel, stride = _windows(where, kernel_size, stride)
    padding = numbers(where, "padding", padding, 0, 3)

    def pool(x: Tensor, axes: slice, rest: tuple[int, ...]) -> Tensor:
        one = (1,) * len(rest)
        divisor = None if divisor_override is None else 1 if rest else divisor_override
        return avg_pool2d(x, kernel[axes] + one, stride[axes] + one, padding[axes] + rest, ceil_mode,
                          count_include_pad, divisor)  # fmt: skip

    return _apart(where, input, pool)


def lp_pool3d(input: Tensor, norm_type: float, kernel_size: Triple, stride: Triple | None = None,
              ceil_mode: bool = False) -> Tensor:  # fmt: skip
    """(sum of x^p)^(1/p) under each window, p = norm_type; stride is the window's size where it is not given.

    Args:
        norm_type: the power p.
        kernel_size: depth, height and width of the window.
        stride: step of the window; None: as large as the window.
        ceil_mode: whether a last, partial window counts.

    Shape:
        (N, C, D, H, W) -> (N, C, OD, OH, OW)

    >>> import engine
    >>> lp_pool3d(engine.tensor([3.0, 4.0]).reshape(1, 1, 1, 1, 2), 2, (1, 1, 2)).item()
    5.0
    """
    kernel = numbers("LPPool3d", "kernel_size", kernel_size, 1, 3)
    if abs(norm_type) == inf:
        return extreme(max_pool3d, input, norm_type, kernel, stride, ceil_mode)
    return root(avg_pool3d(input**norm_type, kernel, stride, 0, ceil_mode), norm_type, prod(kernel))


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each of so many parts of the volume; parts overlap where the sizes do not divide.

    Args:
        output_size: depth, height and width of the result; None keeps that of the volume.

    Shape:
        (N, C, D, H, W) -> (N, C, OD, OH, OW)

    >>> import engine
    >>> adaptive_avg_pool3d(engine.ones(1, 2, 7, 5, 5), 1).shape
    (1, 2, 1, 1, 1)
    """
    sizes = output_sizes("AdaptiveAvgPool3d", input, output_size, 3)
    return _apart("AdaptiveAvgPool3d", input,
                  lambda x, axes, rest: adaptive_avg_pool2d(x, (*sizes[axes], *(None for _ in rest))))  # fmt: skip


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The greatest value of each of so many parts of the volume; parts overlap where the sizes do not divide.

    Args:
        output_size: depth, height and width of the result; None keeps that of the volume.
        return_indices: whether to say, too, where in its volume each of them stands.

    Shape:
        (N, C, D, H, W) -> (N, C, OD, OH, OW)

    >>> import engine
    >>> adaptive_max_pool3d(engine.arange(8.0).reshape(1, 1, 2, 2, 2), 1).item()
    7.0
    """
    return adaptive_max("AdaptiveMaxPool3d", input, output_size, return_indices, 3)


def adaptive_max_pool3d_with_indices(input: Tensor, output_size: Any,
                                     return_indices: bool = False) -> tuple[Tensor, Tensor]:  # fmt: skip
    """`adaptive_max_pool3d` with return_indices=True.

    Args:
        output_size: as of `adaptive_max_pool3d`.
        return_indices: accepted for scripts.

    >>> import engine
    >>> adaptive_max_pool3d_with_indices(engine.arange(8.0).reshape(1, 1, 2, 2, 2), 1)[1].item()
    7
    """
    return adaptive_max_pool3d(input, output_size, True)


def max_unpool3d(input: Tensor, indices: Tensor, kernel_size: Triple, stride: Triple | None = None,
                 padding: Triple = 0, output_size: Any = None) -> Tensor:  # fmt: skip
    """The way back of `max_pool3d`: each maximum at the place it came from, zeros elsewhere.

    Args:
        indices: where the maxima stood, as `max_pool3d(..., return_indices=True)` gives them.
        kernel_size, stride, padding: those of the pool.
        output_size: the size of the result, where more than one would have been pooled to this.

    Shape:
        (N, C, D, H, W) -> (N, C, OD, OH, OW)

    >>> import engine
    >>> pooled, places = max_pool3d(engine.arange(8.0).reshape(1, 1, 2, 2, 2), 2, return_indices=True)
    >>> max_unpool3d(pooled, places, 2).flatten().tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 7.0]
    """
    return unpool("MaxUnpool3d", input, indices, kernel_size, stride, padding, output_size, 3)


def _windows(where: str, kernel: Any, stride: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    kernel = numbers(where, "kernel_size", kernel, 1, 3)
    return kernel, kernel if stride in (None, ()) else numbers(where, "stride", stride, 1, 3)


def _apart(where: str, input: Tensor, pool: Callable[[Tensor, slice, tuple[int, ...]], Tensor]) -> Tensor:
    """A pool of windows that are products of lengths, as two: of height and width in each slice, then of the depth.

    pool(x, the axes it is of, zeros for an axis of images that is left alone)
    """
    if input.ndim not in (4, 5) or not all(input.shape[-3:]):
        raise ShapeError(where, got=f"a tensor of {times(input.shape)} arrives",
                         expected="volumes (N, channels, depth, height, width)")  # fmt: skip
    *before, depth, height, width = input.shape
    flat = pool(input.reshape(prod(before), depth, height, width), slice(1, 3), ())
    height, width = flat.shape[-2:]
    deep = pool(flat.reshape(prod(before), 1, depth, height * width), slice(0, 1), (0,))
    return deep.reshape(*before, deep.shape[2], height, width)
