"""Batch norm: mean 0 and deviation 1 over the batch."""

from __future__ import annotations

from typing import Annotated, Any

from engine.describe import Hidden, Inferred, Range, layer
from engine.errors import Fix, ShapeError
from engine.nn import functional as F
from engine.nn import init
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.ops.base import times
from engine.tensor import Tensor
from engine.tensor.creation import empty, ones, tensor, zeros
from engine.tensor.promotion import int64
from engine.wording import counted

Epsilon = Annotated[float, Range(1e-12, 1.0, log=True)]


class ScaledNorm(Module):
    """What norms with a weight and a bias behind them share."""

    def _scale(self, shape: int | tuple[int, ...], has_weight: bool, has_bias: bool, **place: Any) -> None:
        """Make the two, or note that they are absent."""
        self.register_parameter("weight", Parameter(empty(shape, **place)) if has_weight else None)
        self.register_parameter("bias", Parameter(empty(shape, **place)) if has_bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class ChannelNorm(ScaledNorm):
    """What batch and instance norms share: weights and running statistics, one of each a channel."""

    _ranks: tuple[int, ...]

    def __init__(self, num_features, eps, momentum, affine, track_running_stats, device, dtype, bias):
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        place = {"device": device, "dtype": dtype}
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, **place) if tracked else None)
        self.register_buffer("running_var", ones(num_features, **place) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=int64, device=device) if tracked else None)
        self._scale(num_features, affine, affine and bias, **place)

    def reset_running_stats(self) -> None:
        """Forget the statistics gathered: mean 0, variance 1, no batch seen."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Forget the statistics; weight 1, bias 0."""
        self.reset_running_stats()
        super().reset_parameters()

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm(ChannelNorm):
    """What batch norms of every rank share."""

    def __init__(
        self,
        num_features: Annotated[int, Inferred(1), Range(1, 65_536)],
        eps: Epsilon = 1e-5,
        momentum: Annotated[float | None, Range(0.0, 1.0)] = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device=None,
        dtype=None,
        *,
        bias: Annotated[bool, Hidden()] = True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        learns = self.training and self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        if learns and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None and not x.is_meta:
                momentum = 1.0 / float(self.num_batches_tracked)
        uses_running = self.running_mean is not None and (learns or not self.training)
        return F.batch_norm(
            x,
            self.running_mean if uses_running else None,
            self.running_var if uses_running else None,
            self.weight, self.bias,
            self.training or self.running_mean is None,
            momentum, self.eps,
        )  # fmt: skip

    def _check(self, x: Tensor) -> None:
        if x.ndim in self._ranks:
            return
        other = next((cls for cls in (BatchNorm1d, BatchNorm2d) if x.ndim in cls._ranks), None)
        title = other.__description__.title if other else ""
        raise ShapeError(
            type(self).__name__,
            got=f"{times(x.shape)} arrives, with {counted(x.ndim, 'axis')}",
            expected=" or ".join(map(str, self._ranks)),
            mend=f"use {title}" if other else "",
            fixes=(Fix(f"Make it {title}", "replace", name=other.__name__),) if other else (),
        )


@layer("Batch norm 1-D", category="Normalisation", synonyms=("batch normalization", "batch normalisation", "bn"))
class BatchNorm1d(BatchNorm):
    """Brings each feature to mean 0 and deviation 1 over the batch, which steadies and speeds up training.

    y = (x - mean) / √(variance + eps) · weight + bias

    While training, mean and variance are the batch's, and a running average of them is kept; in evaluation the
    running average is used. Ioffe and Szegedy, 2015.

    Args:
        num_features: Length of axis 1 of the input; on the canvas filled in from the wire.
        eps: Added to the variance, against division by zero.
        momentum: Share of the newest batch in the running average; none: the plain average of all batches.
        affine: Whether weight and bias are learned.
        track_running_stats: Whether the running average is kept; without it evaluation uses the batch's own.
        bias: Whether bias is learned, where weight is.

    Shape:
        x: (N, num_features) or (N, num_features, L) -> the same

    Example:
        >>> import engine
        >>> tuple(engine.nn.BatchNorm1d(4)(engine.randn(8, 4)).shape)
        (8, 4)
    """

    _ranks = (2, 3)


@layer("Batch norm", category="Normalisation", synonyms=("batch normalization 2-D", "batch normalisation", "bn"))
class BatchNorm2d(BatchNorm):
    """Brings each channel to mean 0 and deviation 1 over batch and image, which steadies and speeds up training.

    y = (x - mean) / √(variance + eps) · weight + bias

    While training, mean and variance are the batch's, and a running average of them is kept; in evaluation the
    running average is used. Ioffe and Szegedy, 2015.

    Args:
        num_features: Channels of the input; on the canvas filled in from the wire.
        eps: Added to the variance, against division by zero.
        momentum: Share of the newest batch in the running average; none: the plain average of all batches.
        affine: Whether weight and bias are learned.
        track_running_stats: Whether the running average is kept; without it evaluation uses the batch's own.
        bias: Whether bias is learned, where weight is.

    Shape:
        x: (N, num_features, H, W) -> the same

    Example:
        >>> import engine
        >>> tuple(engine.nn.BatchNorm2d(4)(engine.randn(8, 4, 5, 5)).shape)
        (8, 4, 5, 5)
    """

    _ranks = (4,)


@layer("Batch norm 3-D", category="Normalisation", axes=("channels", "depth", "height", "width"),
       synonyms=("batchnorm3d", "batch normalization 3-D", "batch normalisation", "bn", "volume"))  # fmt: skip
class BatchNorm3d(BatchNorm):
    """Brings each channel to mean 0 and deviation 1 over batch and volume, as BatchNorm2d does for images.

    y = (x - mean) / √(variance + eps) · weight + bias

    Args:
        num_features: Channels of the input; on the canvas filled in from the wire.
        eps: Added to the variance, against division by zero.
        momentum: Share of the newest batch in the running average; none: the plain average of all batches.
        affine: Whether weight and bias are learned.
        track_running_stats: Whether the running average is kept; without it evaluation uses the batch's own.
        bias: Whether bias is learned, where weight is.

    Shape:
        x: (N, num_features, D, H, W) -> the same

    Example:
        >>> import engine
        >>> tuple(engine.nn.BatchNorm3d(4)(engine.randn(2, 4, 3, 5, 5)).shape)
        (2, 4, 3, 5, 5)
    """

    _ranks = (5,)
