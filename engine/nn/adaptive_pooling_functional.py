"""Pooling to a size that is given; along one axis it is that of an image of height 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import ShapeError, TypeMismatch
from engine.nn.convolution_functional import One, along, back
from engine.nn.pooling_functional import greatest
from engine.ops import pooling, resampling
from engine.ops.base import times
from engine.tensor import Tensor, apply

Sizes = int | tuple[int | None, ...] | None


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
    return _adaptive("AdaptiveAvgPool2d", input, output_sizes("AdaptiveAvgPool2d", input, output_size, 2))


def adaptive_avg_pool1d(input: Tensor, output_size: One) -> Tensor:
    """The mean of each of so many parts of the sequence; parts overlap where the sizes do not divide.

    Args:
        output_size: length of the result.

    Shape:
        (N, C, L) -> (N, C, OL)

    >>> import engine
    >>> adaptive_avg_pool1d(engine.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    image, single = along("AdaptiveAvgPool1d", input)
    sizes = output_sizes("AdaptiveAvgPool1d", image, output_size, 1)
    return back(_adaptive("AdaptiveAvgPool1d", image, (1, *sizes)), single)


def output_sizes(where: str, image: Tensor, sizes: Any, count: int) -> tuple[int, ...]:
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


def adaptive_max_pool2d(input: Tensor, output_size: Sizes, return_indices: bool = False) -> Any:
    """The greatest value of each of so many parts of the image; parts overlap where the sizes do not divide.

    Args:
        output_size: height and width of the result; None keeps that of the image.
        return_indices: whether to say, too, where in its image each of them stands, counted row by row.

    Shape:
        (N, C, H, W) -> (N, C, OH, OW)

    >>> import engine
    >>> adaptive_max_pool2d(engine.arange(6.0).reshape(1, 1, 2, 3), 1).tolist()
    [[[[5.0]]]]
    """
    return adaptive_max("AdaptiveMaxPool2d", input, output_size, return_indices, 2)


def adaptive_max_pool1d(input: Tensor, output_size: One, return_indices: bool = False) -> Any:
    """The greatest value of each of so many parts of the sequence; parts overlap where the sizes do not divide.

    Args:
        output_size: length of the result.
        return_indices: whether to say, too, where in its sequence each of them stands.

    Shape:
        (N, C, L) -> (N, C, OL)

    >>> import engine
    >>> adaptive_max_pool1d(engine.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[3., 2.]])
    """
    return adaptive_max("AdaptiveMaxPool1d", input, output_size, return_indices, 1)


def adaptive_max_pool2d_with_indices(input: Tensor, output_size: Sizes,
                                     return_indices: bool = False) -> tuple[Tensor, Tensor]:  # fmt: skip
    """`adaptive_max_pool2d` with return_indices=True.

    Args:
        output_size: as of `adaptive_max_pool2d`.
        return_indices: accepted for scripts.

    >>> import engine
    >>> adaptive_max_pool2d_with_indices(engine.arange(6.0).reshape(1, 1, 2, 3), 1)[1].item()
    5
    """
    return adaptive_max_pool2d(input, output_size, True)


def adaptive_max_pool1d_with_indices(input: Tensor, output_size: One,
                                     return_indices: bool = False) -> tuple[Tensor, Tensor]:  # fmt: skip
    """`adaptive_max_pool1d` with return_indices=True.

    Args:
        output_size: as of `adaptive_max_pool1d`.
        return_indices: accepted for scripts.

    >>> import engine
    >>> adaptive_max_pool1d_with_indices(engine.tensor([[1.0, 3.0, 2.0, 0.0]]), 1)[1]
    tensor([[1]])
    """
    return adaptive_max_pool1d(input, output_size, True)


def adaptive_max(where: str, input: Tensor, sizes: Any, return_indices: bool, rank: int) -> Any:
    if input.ndim not in (rank + 1, rank + 2) or not all(input.shape[-rank:]):
        raise ShapeError(where, got=f"a tensor of {times(input.shape)} arrives",
                         expected="images (N, channels, height, width)" if rank == 2
                         else "sequences (N, channels, length)")  # fmt: skip
    single = input.ndim == rank + 1
    image = input.unsqueeze(0) if single else input
    out = output_sizes(where, image, sizes, rank)
    values, index = greatest(image, tuple(_parts(n, count) for n, count in zip(image.shape[2:], out)))
    if single:
        values, index = values.squeeze(0), index.squeeze(0)
    return (values, index) if return_indices else values


def _parts(size: int, count: int) -> np.ndarray:
    """(taps, count): the places of each of `count` parts of an axis; shorter ones repeat their last."""
    start = np.arange(count) * size // count
    end = -(-(np.arange(count) + 1) * size // count)
    return np.minimum(start + np.arange(int((end - start).max()))[:, None], end - 1)
