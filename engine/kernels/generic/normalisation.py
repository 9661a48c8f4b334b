"""Batch and layer normalisation; statistics in two passes (mean first, then squared distances from it)."""

from __future__ import annotations

from math import prod
from typing import Any

from engine.kernels.generic.reduction import total


class Normalisation:
    """Normalisation and its gradients."""

    xp: Any

    def _by_channel(self, x: Any) -> Any:
        """(N, C, ...) -> (C, N * ...), a view where channels come first in memory"""
        return x.swapaxes(0, 1).reshape(x.shape[1], -1)

    def _like(self, rows: Any, shape: tuple[int, ...]) -> Any:
        """(C, N * ...) -> (N, C, ...)"""
        n, c, *rest = shape
        return rows.reshape(c, n, *rest).swapaxes(0, 1)

    def batch_statistics(self, x: Any) -> tuple[Any, Any]:
        """x (N, C, ...) -> mean and biased variance of each channel, both (C)"""
        rows = self._by_channel(x)
        mean = rows.mean(axis=1)
        centred = rows - mean[:, None]
        centred *= centred
        return mean, centred.mean(axis=1)

    def scale_shift(self, x: Any, mean: Any, rstd: Any, weight: Any, bias: Any) -> Any:
        """(x - mean) rstd weight + bias by channel.   x (N, C, ...), the others (C) or None"""
        by_channel = (-1, *(1,) * (x.ndim - 2))
        scale = rstd if weight is None else rstd * weight
        out = x - mean.reshape(by_channel)
        out *= scale.reshape(by_channel)
        if bias is not None:
            out += bias.reshape(by_channel)
        return out

    def update_running(self, running_mean: Any, running_var: Any, mean: Any, var: Any, count: int,
                       momentum: float) -> None:  # fmt: skip
        """running = (1 - momentum) running + momentum seen, in place; the variance unbiased."""
        running_mean *= 1 - momentum
        running_mean += momentum * mean
        running_var *= 1 - momentum
        running_var += (momentum * count / max(count - 1, 1)) * var

    def rsqrt(self, x: Any, eps: float) -> Any:
        """1 / sqrt(x + eps)"""
        return 1 / self.xp.sqrt(x + eps)

    def batch_norm_backward(self, grad: Any, x: Any, mean: Any, rstd: Any, weight: Any,
                            training: bool) -> tuple[Any, Any, Any]:  # fmt: skip
        """-> gradients of x (N, C, ...), weight (C), bias (C)"""
        g = self._by_channel(grad)
        normal = self._by_channel(x) - mean[:, None]
        normal *= rstd[:, None]
        d_bias = g.sum(axis=1)
        d_weight = (g * normal).sum(axis=1)
        scale = rstd if weight is None else rstd * weight
        if training:  # dx = scale (g - mean(g) - normal mean(g normal))
            normal *= (d_weight / -g.shape[1])[:, None]
            normal += g
            normal -= (d_bias / g.shape[1])[:, None]
        else:
            normal = g.copy()
        normal *= scale[:, None]
        return self._like(normal, x.shape), d_weight, d_bias

    def layer_norm(self, x: Any, weight: Any, bias: Any, axes: tuple[int, ...], eps: float) -> tuple[Any, Any, Any]:
        """-> the result, and the mean and 1 / deviation that it used, reduced axes kept as 1"""
        mean = x.mean(axis=axes, keepdims=True)
        out = x - mean
        rstd = 1 / self.xp.sqrt((out * out).mean(axis=axes, keepdims=True) + eps)
        out *= rstd
        if weight is not None:
            out *= weight
        if bias is not None:
            out += bias
        return out, mean, rstd

    def layer_norm_backward(self, grad: Any, x: Any, mean: Any, rstd: Any, weight: Any,
                            axes: tuple[int, ...]) -> tuple[Any, Any, Any]:  # fmt: skip
        """-> gradients of x, weight, bias"""
        normal = (x - mean) * rstd
        ahead = tuple(range(x.ndim - len(axes)))
        d_bias = total(grad, ahead)
        d_weight = total(grad * normal, ahead)
        g = grad if weight is None else grad * weight
        along = (g * normal).mean(axis=axes, keepdims=True)
        return rstd * (g - g.mean(axis=axes, keepdims=True) - normal * along), d_weight, d_bias

    def group_norm(self, x: Any, weight: Any, bias: Any, groups: int, eps: float) -> tuple[Any, Any, Any]:
        """x (N, C, ...) -> the result, and the mean and 1 / deviation of each group (N, G, 1)"""
        rows = x.reshape(x.shape[0], groups, prod(x.shape[1:]) // groups)
        mean = rows.mean(axis=2, keepdims=True)
        out = rows - mean
        rstd = 1 / self.xp.sqrt((out * out).mean(axis=2, keepdims=True) + eps)
        out *= rstd
        out = out.reshape(x.shape)
        by_channel = (-1, *(1,) * (x.ndim - 2))
        if weight is not None:
            out *= weight.reshape(by_channel)
        if bias is not None:
            out += bias.reshape(by_channel)
        return out, mean, rstd

    def group_norm_backward(self, grad: Any, x: Any, mean: Any, rstd: Any, weight: Any) -> tuple[Any, Any, Any]:
        """-> gradients of x (N, C, ...), weight (C), bias (C)"""
        groups, rest = mean.shape[1], (0, *range(2, x.ndim))
        normal = (x.reshape(x.shape[0], groups, prod(x.shape[1:]) // groups) - mean) * rstd  # (N, G, C / G ...)
        d_bias = total(grad, rest)
        d_weight = total(grad * normal.reshape(x.shape), rest)
        g = grad if weight is None else grad * weight.reshape(-1, *(1,) * (x.ndim - 2))
        g = g.reshape(normal.shape)
        along = (g * normal).mean(axis=2, keepdims=True)
        return (rstd * (g - g.mean(axis=2, keepdims=True) - normal * along)).reshape(x.shape), d_weight, d_bias
