"""Pooling over windows that begin at random places."""

from __future__ import annotations

from math import prod
from typing import Any

from engine.errors import OptionError, ShapeError
from engine.nn.convolution_functional import numbers
from engine.ops.base import times
from engine.tensor import Tensor, arange, cat
from engine.tensor.creation import zeros
from engine.tensor.random import rand


def fractional_max_pool2d(input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
                          return_indices: bool = False, _random_samples: Tensor | None = None) -> Any:  # fmt: skip
    """The greatest value under each of so many windows that begin at random places (Graham, 2015).

    Args:
        kernel_size: height and width of the window.
        output_size: how many windows along each axis; or
        output_ratio: which share of the input's size.
        return_indices: whether to say, too, where in its image each of them stands, counted row by row.

    Shape:
        (N, C, H, W) -> (N, C, OH, OW)

    >>> import engine
    >>> fractional_max_pool2d(engine.ones(1, 1, 6, 6), 2, output_ratio=0.5).shape
    (1, 1, 3, 3)
    """
    return _pooled("FractionalMaxPool2d", input, kernel_size, output_size, output_ratio, return_indices,
                   _random_samples, 2)  # fmt: skip


def fractional_max_pool3d(input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
                          return_indices: bool = False, _random_samples: Tensor | None = None) -> Any:  # fmt: skip
    """The greatest value under each of so many windows of a volume, which begin at random places.

    Args:
        kernel_size, output_size, output_ratio, return_indices: as of `fractional_max_pool2d`.

    Shape:
        (N, C, D, H, W) -> (N, C, OD, OH, OW)

    >>> import engine
    >>> fractional_max_pool3d(engine.ones(1, 1, 6, 6, 6), 2, output_size=3).shape
    (1, 1, 3, 3, 3)
    """
    return _pooled("FractionalMaxPool3d", input, kernel_size, output_size, output_ratio, return_indices,
                   _random_samples, 3)  # fmt: skip


def _pooled(where: str, input: Tensor, kernel: Any, out: Any, ratio: Any, indices: bool, samples: Tensor | None,
            rank: int) -> Any:  # fmt: skip
    if input.ndim not in (rank + 1, rank + 2):
        raise ShapeError(where, got=f"a tensor of {times(input.shape)} arrives", expected=f"{rank + 2} axes")
    if out is None and ratio is None:
        raise OptionError(where, got="neither output_size nor output_ratio", expected="one of the two")
    image = input if input.ndim == rank + 2 else input.unsqueeze(0)
    n, c, *sizes = image.shape
    kernel = numbers(where, "kernel_size", kernel, 1, rank)
    if out is None:
        ratios = ratio if isinstance(ratio, tuple | list) else (ratio,) * rank
        out = tuple(int(size * share) for size, share in zip(sizes, ratios))
    out = numbers(where, "output_size", out, 0, rank)
    spare = int(rank == 3)  # PyTorch wants a place more of volumes
    if any(m + k - 1 + spare > size for m, k, size in zip(out, kernel, sizes)):
        raise ShapeError(where, got=f"{times(out)} windows of {times(kernel)} in {times(sizes)}",
                         expected="windows that begin at different places")  # fmt: skip
    if samples is None:
        samples = rand(n, c, rank, dtype=input.dtype, device=input.device)
    index = _places(samples.flip(-1) if rank == 2 else samples, sizes, kernel, out)  # (N, C, windows, taps)
    values = image.reshape(n, c, 1, prod(sizes)).expand(n, c, index.shape[2], prod(sizes)).gather(3, index)
    best = values.detach().argmax(-1, keepdim=True) if values.numel() else zeros(n, c, index.shape[2], 1).long()
    found, at = (x.gather(3, best).reshape(n, c, *out) for x in (values, index))
    found, at = (found, at) if input.ndim == rank + 2 else (found.squeeze(0), at.squeeze(0))
    return (found, at) if indices else found


def _places(samples: Tensor, sizes: Any, kernel: tuple[int, ...], out: tuple[int, ...]) -> Tensor:
    """samples (N, C, rank) -> (N, C, windows, taps): which places, counted row by row, lie under each window"""
    n, c, rank = samples.shape
    found = zeros(n, c, 1, 1, device=samples.device).long()
    for axis in range(rank):
        begins = _begins(samples[:, :, axis : axis + 1], sizes[axis], kernel[axis], out[axis])  # (N, C, out)
        places = begins.unsqueeze(-1) + arange(kernel[axis], device=samples.device)  # (N, C, out, kernel)
        crossed = found[:, :, :, None, :, None] * sizes[axis] + places[:, :, None, :, None, :]
        found = crossed.reshape(n, c, found.shape[2] * out[axis], found.shape[3] * kernel[axis])
    return found


def _begins(sample: Tensor, size: int, kernel: int, count: int) -> Tensor:
    """sample (N, C, 1) from 0 to 1 -> (N, C, count): where the windows begin; the last ends with the axis"""
    steps = arange(max(count - 1, 0), device=sample.device, dtype=sample.dtype)
    share = (size - kernel) / (count - 1) if count > 1 else 0.0
    begins = ((steps + sample) * share).long() - (sample * share).long()
    last = zeros(*sample.shape, device=sample.device).long() + (size - kernel)
    return cat([begins, last], -1)[:, :, :count]
