"""Batch and layer normalisation."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import Fix, ShapeError
from engine.ops.base import Op, Spec, times
from engine.ops.products import same_dtype
from engine.wording import arrivals, counted


@dataclass(eq=False)
class BatchNorm(Op):
    """(x - mean) / sqrt(var + eps) * weight + bias by channel (Ioffe and Szegedy, 2015).

    x (N, C, ...), weight, bias, running_mean, running_var (C) or None. In training mean and var are the batch's, and
    the running ones are moved towards them in place; otherwise they are the running ones.
    """

    training: bool
    momentum: float
    eps: float

    saves = ("x", "weight", "mean", "rstd")
    extras = ("mean", "rstd")
    checked = True

    def shape(self, x, weight=None, bias=None, running_mean=None, running_var=None):
        if x.ndim < 2:
            raise ShapeError("BatchNorm", got=f"a tensor of {times(x.shape)} arrives", expected="(N, channels, ...)")
        known = next((p for p in (weight, running_mean) if p is not None), None)
        channels = x.shape[1]
        if known is not None and known.shape[0] != channels:
            raise ShapeError(
                "BatchNorm", got=arrivals(channels, "channel"), expected=f"{known.shape[0]}",
                mend=f"set num_features to {channels}",
                fixes=(Fix(f"Set num_features to {channels}", "set_parameter", name="num_features", value=channels),),
            )  # fmt: skip
        if self.training and x.size and x.size // channels == 1:
            raise ShapeError("BatchNorm", got="there is one value for each channel",
                             expected="more than one in training", mend="use a larger batch")  # fmt: skip
        same_dtype("BatchNorm", x, weight)
        return Spec(x.shape, x.dtype)

    def forward(self, k, x, weight=None, bias=None, running_mean=None, running_var=None):
        if self.training:
            mean, var = k.batch_statistics(x)
            if running_mean is not None and x.size:
                count = x.size // x.shape[1]
                k.update_running(running_mean, running_var, mean, var, count, self.momentum)
        else:  # copies: the running ones move on before backward
            mean, var = k.copy(running_mean), running_var
        rstd = k.rsqrt(var, self.eps)
        return k.scale_shift(x, mean, rstd, weight, bias), mean, rstd

    def backward(self, k, grad, needs, x, weight, mean, rstd):
        by_x, by_weight, by_bias = k.batch_norm_backward(grad, x, mean, rstd, weight, self.training)
        return by_x, by_weight, by_bias, None, None

    def flops(self, x, *others):
        return (7 if self.training else 4) * x.size


@dataclass(eq=False)
class LayerNorm(Op):
    """(x - mean) / sqrt(var + eps) * weight + bias over the last axes of each sample (Ba et al., 2016)."""

    normalized: tuple[int, ...]
    eps: float

    saves = ("x", "weight", "mean", "rstd")
    extras = ("mean", "rstd")
    checked = True

    def shape(self, x, weight=None, bias=None):
        last = tuple(x.shape[-len(self.normalized) :])
        if last != self.normalized:
            raise ShapeError(
                "LayerNorm", got=f"the last axes are {times(last)}", expected=times(self.normalized),
                mend=f"set normalized_shape to {times(last)}",
                fixes=(Fix(f"Set normalized_shape to {times(last)}", "set_parameter", name="normalized_shape",
                           value=last[0] if len(last) == 1 else list(last)),),
            )  # fmt: skip
        same_dtype("LayerNorm", x, weight)
        return Spec(x.shape, x.dtype)

    def _axes(self, ndim):
        return tuple(range(ndim - len(self.normalized), ndim))

    def forward(self, k, x, weight=None, bias=None):
        return k.layer_norm(x, weight, bias, self._axes(x.ndim), self.eps)

    def backward(self, k, grad, needs, x, weight, mean, rstd):
        return k.layer_norm_backward(grad, x, mean, rstd, weight, self._axes(x.ndim))

    def flops(self, x, *others):
        return 8 * x.size


@dataclass(eq=False)
class GroupNorm(Op):
    """(x - mean) / sqrt(var + eps) * weight + bias over groups of channels of each sample (Wu and He, 2018).

    x (N, C, ...), weight and bias (C) or None
    """

    groups: int
    eps: float

    saves = ("x", "weight", "mean", "rstd")
    extras = ("mean", "rstd")
    checked = True

    def shape(self, x, weight=None, bias=None):
        if x.ndim < 2:
            raise ShapeError("GroupNorm", got=f"a tensor of {times(x.shape)} arrives", expected="(N, channels, ...)")
        channels = x.shape[1]
        if weight is not None and weight.shape[0] != channels:
            raise ShapeError(
                "GroupNorm", got=arrivals(channels, "channel"), expected=f"{weight.shape[0]}",
                mend=f"set num_channels to {channels}",
                fixes=(Fix(f"Set num_channels to {channels}", "set_parameter", name="num_channels", value=channels),),
            )  # fmt: skip
        if channels % self.groups:
            raise ShapeError("GroupNorm", got=f"{counted(channels, 'channel')} in {counted(self.groups, 'group')}",
                             expected="groups of equal size")  # fmt: skip
        same_dtype("GroupNorm", x, weight)
        return Spec(x.shape, x.dtype)

    def forward(self, k, x, weight=None, bias=None):
        return k.group_norm(x, weight, bias, self.groups, self.eps)

    def backward(self, k, grad, needs, x, weight, mean, rstd):
        return k.group_norm_backward(grad, x, mean, rstd, weight)

    def flops(self, x, *others):
        return 8 * x.size
