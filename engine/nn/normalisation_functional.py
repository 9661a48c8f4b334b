"""Normalisations by PyTorch's names."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from engine.errors import Fix, ShapeError, TypeMismatch
from engine.nn import functional as F
from engine.ops import layout, normalisation
from engine.ops.base import times
from engine.tensor import Tensor, apply, no_grad


def batch_norm(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
               bias: Tensor | None = None, training: bool = False, momentum: float = 0.1,
               eps: float = 1e-5) -> Tensor:  # fmt: skip
    """(x - mean) / sqrt(var + eps) * weight + bias by channel (Ioffe and Szegedy, 2015).

    In training mean and var are the batch's, and running = (1 - momentum) running + momentum batch, in place.

    Args:
        running_mean, running_var: the statistics of evaluation; either both or none.
        weight, bias: factor and summand of each channel.
        training: whether the batch's own statistics are taken.
        momentum: the share of a new batch in the running statistics.
        eps: keeps channels without spread from being divided by 0.

    Shape:
        input (N, C, ...), the others (C)

    >>> import engine
    >>> x = engine.tensor([[1.0], [3.0]])
    >>> batch_norm(x, None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    if not training and running_mean is None:
        raise TypeMismatch("BatchNorm", got="there are no running statistics", expected="them in evaluation",
                           mend="call it with training=True")  # fmt: skip
    out = apply(normalisation.BatchNorm(training, momentum, eps), input, weight, bias, running_mean, running_var)
    if training and running_mean is not None and not input.is_meta:
        running_mean._changed()
        running_var._changed()
    return out


def layer_norm(input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None,
               bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:  # fmt: skip
    """(x - mean) / sqrt(var + eps) * weight + bias over the last axes of each sample (Ba et al., 2016).

    Args:
        normalized_shape: the last axes, over which mean and var are taken.
        weight, bias: factor and summand of each element.
        eps: keeps samples without spread from being divided by 0.

    Shape:
        input (..., *normalized_shape), weight and bias normalized_shape

    >>> import engine
    >>> layer_norm(engine.tensor([[1.0, 3.0]]), 2)
    tensor([[-1.0000,  1.0000]])
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    return apply(normalisation.LayerNorm(shape, eps), input, weight, bias)


def group_norm(input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None,
               eps: float = 1e-5) -> Tensor:  # fmt: skip
    """(x - mean) / sqrt(var + eps) * weight + bias over groups of channels of each sample (Wu and He, 2018).

    Args:
        num_groups: how many groups of as many channels each.
        weight, bias: factor and summand of each channel.
        eps: keeps groups without spread from being divided by 0.

    Shape:
        input (N, C, ...), weight and bias (C)

    >>> import engine
    >>> group_norm(engine.tensor([[1.0, 3.0]]), 1)
    tensor([[-1.0000,  1.0000]])
    """
    out = apply(normalisation.GroupNorm(num_groups, eps), input, weight, bias)
    if input.numel() and input.shape[0] * input.shape[1] // num_groups * prod(input.shape[2:]) == 1:
        raise ShapeError("GroupNorm", got=f"a tensor of {times(input.shape)} arrives",
                         expected="more than one value in a group")  # fmt: skip
    return out


def instance_norm(input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
                  weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True,
                  momentum: float = 0.1, eps: float = 1e-5) -> Tensor:  # fmt: skip
    """(x - mean) / sqrt(var + eps) * weight + bias by sample and channel (Ulyanov et al., 2016).

    Without use_input_stats mean and var are the running ones; with it those, where they are given, move towards the
    mean of the samples' own, in place.

    Args:
        running_mean, running_var: the statistics of evaluation; either both or none.
        weight, bias: factor and summand of each channel.
        use_input_stats: whether the samples' own statistics are taken.
        momentum: the share of a new batch in the running statistics.
        eps: keeps channels without spread from being divided by 0.

    Shape:
        input (N, C, ...), the others (C)

    Raises:
        ShapeError: one value for each sample and channel, where its own statistics are asked for.

    >>> import engine
    >>> instance_norm(engine.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if input.ndim < 3 or (input.numel() and prod(input.shape[2:]) == 1):
        raise ShapeError("InstanceNorm", got=f"a tensor of {times(input.shape)} arrives",
                         expected="(N, channels, ...) with more than one value for each channel")  # fmt: skip
    if running_mean is not None and not input.is_meta:
        with no_grad():
            axes = tuple(range(2, input.ndim))
            running_mean.mul_(1 - momentum).add_(input.mean(axes).mean(0) * momentum)
            running_var.mul_(1 - momentum).add_(input.var(axes).mean(0) * momentum)
    return apply(normalisation.GroupNorm(input.shape[1], eps), input, weight, bias)


def rms_norm(input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None,
             eps: float | None = None) -> Tensor:  # fmt: skip
    """x / sqrt(mean of x² + eps) * weight over the last axes of each sample (Zhang and Sennrich, 2019).

    Without eps it is the smallest step of the dtype around 1.

    Args:
        normalized_shape: the last axes, over which the mean is taken.
        weight: factor of each element.
        eps: keeps samples of zeros from being divided by 0.

    Shape:
        input (..., *normalized_shape), weight normalized_shape

    Raises:
        ShapeError: last axes of another shape.

    >>> import engine
    >>> rms_norm(engine.tensor([[3.0, 4.0, 0.0, 0.0]]), 4)
    tensor([[1.2000, 1.6000, 0.0000, 0.0000]])
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    last = tuple(input.shape[-len(shape) :])
    if last != shape:
        value = last[0] if len(last) == 1 else list(last)
        fix = Fix(f"Set normalized_shape to {times(last)}", "set_parameter", name="normalized_shape", value=value)
        raise ShapeError("RMSNorm", got=f"the last axes are {times(last)}", expected=times(shape),
                         mend=f"set normalized_shape to {times(last)}", fixes=(fix,))  # fmt: skip
    eps = float(np.finfo(input.dtype).eps) if eps is None else eps
    power = (input * input).mean(tuple(range(-len(shape), 0)), keepdim=True)
    out = input * (power + eps).rsqrt()
    return out if weight is None else out * weight


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + alpha * mean of x² over neighbouring channels) ** beta (Krizhevsky et al., 2012).

    Args:
        size: how many channels are neighbours, the channel itself among them.
        alpha, beta, k: as in the formula.

    Shape:
        input (N, C, ...)

    Raises:
        ShapeError: fewer than three axes, or a size below 1.

    >>> import engine
    >>> local_response_norm(engine.ones(1, 1, 2), size=3, alpha=3.0, beta=1.0)
    tensor([[[0.5000, 0.5000]]])
    """
    if input.ndim < 3 or size < 1:
        raise ShapeError("LocalResponseNorm", got=f"a tensor of {times(input.shape)} and size={size}",
                         expected="(N, channels, ...) and a size of 1 or more")  # fmt: skip
    if not input.numel():
        return input
    squares = (input * input).reshape(input.shape[0], 1, input.shape[1], -1)  # (N, 1, C, values)
    wide = apply(layout.Pad(((0, 0), (0, 0), (size // 2, (size - 1) // 2), (0, 0)), 0), squares)
    near = F.avg_pool2d(wide, (size, 1), stride=1).reshape(input.shape)
    return input / (near * alpha + k) ** beta


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(|x|_p, eps) along an axis.

    Args:
        p: of the norm.
        dim: the axis.
        eps: the least that a norm counts as.

    >>> import engine
    >>> normalize(engine.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    return input / input.norm(p, dim, True).clamp(min=eps)
