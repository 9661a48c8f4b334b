"""Shares of a whole along an axis: softmax, its logarithm, and samples drawn by it."""

from __future__ import annotations

from typing import Any

from engine.tensor import Tensor
from engine.tensor.random import rand_like


def softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """exp(x) / sum of exp(x) along an axis; without `dim` along the first, or the second of 2 or 4 axes.

    Args:
        dim: the axis along which the results add up to 1.

    >>> import engine
    >>> softmax(engine.tensor([0.0, 0.0, 0.0, 0.0]), dim=0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    return input.softmax(class_axis(input) if dim is None else dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """x - log of the sum of exp(x) along an axis: log of softmax, without overflow.

    Args:
        dim: the axis; as of `softmax` where absent.

    >>> import engine
    >>> log_softmax(engine.tensor([0.0, 1000.0]), dim=0)
    tensor([-1000.,     0.])
    """
    return input.log_softmax(class_axis(input) if dim is None else dim, dtype)


def softmin(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """softmax of -x: exp(-x) / sum of exp(-x) along an axis.

    Args:
        dim: the axis; as of `softmax` where absent.

    >>> import engine
    >>> softmin(engine.tensor([1.0, 1.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return softmax(-input, dim, dtype=dtype)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """softmax((logits + g) / tau), g from the Gumbel distribution: nearly one-hot samples that can be learned through.

    Jang, Gu and Poole, 2017.

    Args:
        tau: temperature; the lower, the nearer to one-hot.
        hard: give one-hot samples, with the gradient of the soft ones.
        eps: has no meaning any more, in PyTorch neither.
        dim: the axis of the classes.

    >>> import engine
    >>> gumbel_softmax(engine.zeros(4), hard=True).sum().item()
    1.0
    """
    noise = -(1 - rand_like(logits)).log()  # exponentially distributed; 1 - u, as u may be 0
    soft = ((logits - noise.log()) / tau).softmax(dim)
    if not hard:
        return soft
    chosen = (soft.detach() == soft.detach().amax(dim, keepdim=True)).to(soft.dtype)
    return chosen - soft.detach() + soft


def class_axis(input: Tensor) -> int:
    """PyTorch's choice where no axis is given: the first axis of 0-, 1- and 3-D inputs, else axis 1."""
    return 0 if input.ndim in (0, 1, 3) else 1
