"""Pooling and resampling; along one axis they are those of an image of height 1."""

from __future__ import annotations

from math import floor
from typing import Any

from engine.errors import Fix, OptionError, ShapeError, TypeMismatch
from engine.nn.convolution_functional import One, Pair, along, back, numbers
from engine.ops import pooling, resampling
from engine.ops.base import times
from engine.tensor import Tensor, apply

Sizes = int | tuple[int | None, ...] | None


def max_pool2d(input: Tensor, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0, dilation: Pair = 1,
               ceil_mode: bool = False) -> Tensor:  # fmt: skip
    """The greatest value under each window; stride is the window's size where it is not given.

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
    return _pooled(op, input)


def avg_pool2d(input: Tensor, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0,
               ceil_mode: bool = False, count_include_pad: bool = True,
               divisor_override: int | None = None) -> Tensor:  # fmt: skip
    """The mean under each window; stride is the window's size where it is not given.

    Shape:
        (N, C, H, W) -> (N, C, OH, OW)
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
               ceil_mode: bool = False) -> Tensor:  # fmt: skip
    """The greatest value under each window; stride is the window's size where it is not given.

    Shape:
        (N, C, L) -> (N, C, OL)
    """
    image, single = along("MaxPool1d", input)
    kernel, stride, padding = _windows("MaxPool1d", kernel_size, stride, padding)
    dilation = (1, *numbers("MaxPool1d", "dilation", dilation, 1, 1))
    return back(apply(pooling.MaxPool1d(kernel, stride, padding, bool(ceil_mode), dilation), image), single)


def avg_pool1d(input: Tensor, kernel_size: One, stride: One | None = None, padding: One = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor:  # fmt: skip
    """The mean under each window; stride is the window's size where it is not given.

    Shape:
        (N, C, L) -> (N, C, OL)
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


def adaptive_avg_pool2d(input: Tensor, output_size: Sizes) -> Tensor:
    """The mean of each of so many parts of the image; parts overlap where the sizes do not divide.

    Args:
        output_size: height and width of the result; None keeps that of the image.

    Shape:
        (N, C, H, W) -> (N, C, OH, OW)

    >>> import engine
    >>> adaptive_avg_pool2d(engine.ones(1, 2, 7, 5), 1).shape
    (1, 2, 1, 1)
    """
    if input.ndim == 3:
        return adaptive_avg_pool2d(input.unsqueeze(0), output_size).squeeze(0)
    return _adaptive("AdaptiveAvgPool2d", input, _output_sizes("AdaptiveAvgPool2d", input, output_size, 2))


def adaptive_avg_pool1d(input: Tensor, output_size: One) -> Tensor:
    """The mean of each of so many parts of the sequence; parts overlap where the sizes do not divide.

    Shape:
        (N, C, L) -> (N, C, OL)
    """
    image, single = along("AdaptiveAvgPool1d", input)
    sizes = _output_sizes("AdaptiveAvgPool1d", image, output_size, 1)
    return back(_adaptive("AdaptiveAvgPool1d", image, (1, *sizes)), single)


def _output_sizes(where: str, image: Tensor, sizes: Any, count: int) -> tuple[int, ...]:
    each = tuple(sizes) if isinstance(sizes, tuple | list) else (sizes,) * count
    if len(each) != count or not all(n is None or (isinstance(n, int) and n >= 1) for n in each):
        raise TypeMismatch(where, got=f"output_size is {sizes!r}", expected="whole numbers, each at least 1")
    return tuple(n if wanted is None else wanted for wanted, n in zip(each, image.shape[-count:]))


def _adaptive(where: str, image: Tensor, out: tuple[int, int]) -> Tensor:
    if image.ndim != 4 or not all(image.shape[2:]):
        raise ShapeError(where, got=f"a tensor of {times(image.shape)} arrives",
                         expected="images (N, channels, height, width)")  # fmt: skip
    h, w = image.shape[2:]
    if out == (1, 1):
        return image.mean((-2, -1), keepdim=True)
    if h % out[0] == 0 and w % out[1] == 0:
        window = (h // out[0], w // out[1])
        return apply(pooling.AvgPool2d(window, window, (0, 0), False, True, None), image)
    return apply(resampling.AdaptiveAverage(out), image)


def interpolate(input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
                align_corners: bool | None = None, recompute_scale_factor: bool | None = None) -> Tensor:  # fmt: skip
    """Images or sequences in another size.

    Args:
        size: the size of the result, one number or one for each axis; or
        scale_factor: how many times larger it is than the input.
        mode: "nearest" repeats pixels; "linear" (sequences) and "bilinear" (images) blend neighbours.
        align_corners: whether the outermost pixels keep their values exactly, for the blending modes.
        recompute_scale_factor: whether positions follow from the rounded size instead of from scale_factor.

    Shape:
        (N, C, L) -> (N, C, OL) or (N, C, H, W) -> (N, C, OH, OW)

    >>> import engine
    >>> interpolate(engine.tensor([[[1.0, 2.0]]]), scale_factor=2).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    """
    count = input.ndim - 2
    modes = {1: ("nearest", "linear"), 2: ("nearest", "bilinear")}.get(count, ())
    if mode not in modes:
        fix = Fix(f"Set mode to {modes[1]}", "set_parameter", name="mode", value=modes[1]) if modes else None
        raise OptionError("Upsample", got=f"mode {mode!r} for a tensor of {times(input.shape)}",
                          expected="nearest; linear for (N, C, L); bilinear for (N, C, H, W)",
                          fixes=(fix,) if fix else ())  # fmt: skip
    if align_corners is not None and mode == "nearest":
        raise OptionError("Upsample", got="align_corners is given for mode 'nearest'",
                          expected="it for linear and bilinear", mend="leave it out",
                          fixes=(Fix("Leave align_corners out", "set_parameter", name="align_corners"),))  # fmt: skip
    out, steps = _target(input.shape[2:], size, scale_factor, bool(recompute_scale_factor))
    image = input if count == 2 else input.unsqueeze(-2)
    if count == 1:
        out, steps = (1, *out), (1.0, *steps)
    op = resampling.Nearest(out, steps) if mode == "nearest" else resampling.Bilinear(out, steps, bool(align_corners))
    result = apply(op, image)
    return result if count == 2 else result.squeeze(-2)


def _target(shape: tuple[int, ...], size: Any, factor: Any, recompute: bool) -> tuple[Any, Any]:
    """The sizes that come out, and how far apart the places are in the input."""
    if (size is None) == (factor is None):
        fix = (
            Fix("Leave scale_factor out", "set_parameter", name="scale_factor")
            if size is not None
            else Fix("Set scale_factor to 2", "set_parameter", name="scale_factor", value=2.0)
        )
        raise OptionError("Upsample", got=f"size is {size} and scale_factor is {factor}", expected="one of the two",
                          fixes=(fix,))  # fmt: skip
    given = factor if size is None else size
    each = tuple(given) if isinstance(given, tuple | list) else (given,) * len(shape)
    if len(each) != len(shape) or not all(isinstance(n, int | float) and n > 0 for n in each):
        raise OptionError("Upsample", got=f"{'size' if factor is None else 'scale_factor'} is {given!r}",
                          expected=f"a number above 0, or {len(shape)} of them")  # fmt: skip
    out = tuple(int(n) for n in each) if factor is None else tuple(floor(n * f) for n, f in zip(shape, each))
    if min(out) < 1 or min(shape) < 1:
        raise ShapeError("Upsample", got=f"{times(shape)} would become {times(out)}", expected="at least one value")
    if factor is None or recompute:
        return out, tuple(n / o for n, o in zip(shape, out))
    return out, tuple(1 / f for f in each)
