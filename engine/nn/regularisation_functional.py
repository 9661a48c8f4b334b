"""Dropout in its kinds."""

from __future__ import annotations

import math

from engine.errors import ShapeError, TypeMismatch
from engine.ops import activation as act
from engine.ops.base import times
from engine.random import Generator, default_generator
from engine.tensor import Tensor, apply
from engine.tensor.random import rand

ALPHA = 1.6732632423543772 * 1.0507009873554805  # what SELU tends to below, with its sign changed


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *,
            generator: Generator | None = None) -> Tensor:  # fmt: skip
    """Each element 0 with probability p, the others scaled by 1 / (1 - p), in training only (Srivastava et al., 2014).

    Args:
        p: probability of being dropped.
        training: without it, nothing happens.

    Raises:
        TypeMismatch: where p is not between 0 and 1.

    >>> import engine
    >>> dropout(engine.ones(2), p=1.0), dropout(engine.ones(2), training=False)
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    _check("Dropout", p)
    if not training or p == 0:
        return input
    out = apply(act.Dropout(p, generator or default_generator), input)
    return input.copy_(out) if inplace else out


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each channel of each sequence 0 with probability p, the others scaled by 1 / (1 - p) (Tompson et al., 2015).

    Args:
        training: without it, nothing happens.

    Shape:
        (N, C, L) or (C, L)

    >>> import engine
    >>> dropout1d(engine.ones(1, 2, 3), p=0.75).amax(2).sum().item() in (0.0, 4.0, 8.0)
    True
    """
    return _of_channels("Dropout1d", input, p, training, inplace, (2, 3))


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each channel of each image 0 with probability p, the others scaled by 1 / (1 - p) (Tompson et al., 2015).

    Args:
        training: without it, nothing happens.

    Shape:
        (N, C, H, W); three axes are read as (N, C, L), as PyTorch does

    >>> import engine
    >>> dropout2d(engine.ones(1, 2, 3, 3), p=1.0).sum().item()
    0.0
    """
    return _of_channels("Dropout2d", input, p, training, inplace, (4, 3))


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each channel of each volume 0 with probability p, the others scaled by 1 / (1 - p) (Tompson et al., 2015).

    Args:
        training: without it, nothing happens.

    Shape:
        (N, C, D, H, W) or (C, D, H, W)

    >>> import engine
    >>> dropout3d(engine.ones(1, 2, 3, 3, 3), training=False).sum().item()
    54.0
    """
    return _of_channels("Dropout3d", input, p, training, inplace, (4, 5))


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Each element set to what SELU tends to below, and all scaled and shifted so that mean and deviation stay.

    y = a (x kept, -1.7581 dropped) + b (Klambauer et al., 2017)

    Args:
        p: probability of being dropped.
        training: without it, nothing happens.

    >>> import engine
    >>> alpha_dropout(engine.ones(2)), alpha_dropout(engine.ones(2), 0.0, training=True)
    (tensor([1., 1.]), tensor([1., 1.]))
    """
    return _towards_alpha("AlphaDropout", input, p, training, inplace, input.shape)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels.

    Args:
        p: probability that a channel is dropped.
        training: without it, nothing happens.

    Shape:
        (N, C, ...)

    >>> import engine
    >>> feature_alpha_dropout(engine.ones(1, 2, 3)).sum().item()
    6.0
    """
    return _towards_alpha("FeatureAlphaDropout", input, p, training, inplace, _channels(input.shape, 0))


def _of_channels(where: str, input: Tensor, p: float, training: bool, inplace: bool, ranks: tuple[int, int]) -> Tensor:
    """Drop whole channels; of the two numbers of axes the smaller may be without N."""
    _check(where, p)
    if input.ndim not in ranks:
        raise ShapeError(where, got=f"a tensor of {times(input.shape)} arrives",
                         expected=f"{ranks[0]} or {ranks[1]} axes, channels before what belongs to them")  # fmt: skip
    if not training or p == 0:
        return input
    alone = input.ndim == min(ranks) and ranks[0] < ranks[1]
    x = input.clone() if inplace else input
    out = x * (_kept(input, _channels(input.shape, 1 if alone else 0), p) * (1 / (1 - p) if p < 1 else 0.0))
    return input.copy_(out) if inplace else out


def _towards_alpha(where: str, input: Tensor, p: float, training: bool, inplace: bool,
                   shape: tuple[int, ...]) -> Tensor:  # fmt: skip
    _check(where, p)
    if not training or p == 0:
        return input
    if p == 1:
        out = input * 0.0
        return input.copy_(out) if inplace else out
    scale = 1 / math.sqrt((ALPHA * ALPHA * p + 1) * (1 - p))
    kept = _kept(input, shape, p)
    x = input.clone() if inplace else input
    out = x * (kept * scale) + ((kept - 1) * (ALPHA * scale) + ALPHA * scale * p)
    return input.copy_(out) if inplace else out


def _kept(input: Tensor, shape: tuple[int, ...], p: float) -> Tensor:
    """1 with probability 1 - p, else 0."""
    return (rand(*shape, dtype=input.dtype, device=input.device) < 1 - p).to(input.dtype)


def _channels(shape: tuple[int, ...], first: int) -> tuple[int, ...]:
    """One number for each channel, the axes behind it stretched; `first` is 1 where there is no N."""
    ahead = 2 - first
    return (*shape[:ahead], *(1,) * (len(shape) - ahead))


def _check(where: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise TypeMismatch(where, got=f"p is {p}", expected="a probability from 0 to 1")
