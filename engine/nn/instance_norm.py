"""Instance norm: mean 0 and deviation 1 for each channel of each sample."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Hidden, Inferred, Range, layer
from engine.errors import Fix, ShapeError
from engine.nn import functional as F
from engine.nn.normalisation import ChannelNorm, Epsilon
from engine.ops.base import times
from engine.tensor import Tensor
from engine.wording import arrivals, counted

Features = Annotated[int, Inferred(1), Range(1, 65_536)]
Share = Annotated[float, Range(0.0, 1.0)]


class _InstanceNorm(ChannelNorm):
    """What instance norms of every rank share; _ranks are without and with N."""

    def __init__(
        self,
        num_features: Features,
        eps: Epsilon = 1e-5,
        momentum: Share = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device=None,
        dtype=None,
        *,
        bias: Annotated[bool, Hidden()] = True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        if x.ndim == self._ranks[0]:
            return self.forward(x.unsqueeze(0)).squeeze(0)
        if self.affine and x.shape[1] != self.num_features:
            fix = Fix(f"Set num_features to {x.shape[1]}", "set_parameter", name="num_features", value=x.shape[1])
            raise ShapeError(type(self).__name__, got=arrivals(x.shape[1], "channel"), expected=f"{self.num_features}",
                             mend=f"set num_features to {x.shape[1]}", fixes=(fix,))  # fmt: skip
        own = self.training or not self.track_running_stats
        return F.instance_norm(x, self.running_mean, self.running_var, self.weight, self.bias, own,
                               0.0 if self.momentum is None else self.momentum, self.eps)  # fmt: skip

    def _check(self, x: Tensor) -> None:
        if x.ndim not in self._ranks:
            raise ShapeError(type(self).__name__, got=f"{times(x.shape)} arrives, with {counted(x.ndim, 'axis')}",
                             expected=" or ".join(map(str, self._ranks)))  # fmt: skip


@layer("Instance norm 1-D", category="Normalisation", synonyms=("instance normalization", "style transfer", "contrast"),
       axes=("channels", "length"))  # fmt: skip
class InstanceNorm1d(_InstanceNorm):
    """Brings each channel of each sequence to mean 0 and deviation 1, independent of the rest of the batch.

    y = (x - mean) / √(variance + eps) · weight + bias, with mean and variance over one channel of one sequence

    Ulyanov, Vedaldi and Lempitsky, 2016.

    Args:
        num_features: Channels of the input; on the canvas filled in from the wire.
        eps: Added to the variance, against division by zero.
        momentum: Share of the newest batch in the running average.
        affine: Whether weight and bias are learned.
        track_running_stats: Whether a running average is kept, which evaluation then uses.
        bias: Whether bias is learned, where weight is.

    Shape:
        x: (N, num_features, L) or (num_features, L) -> the same

    Raises:
        ShapeError: one value alone for each channel, or another number of axes.

    Example:
        >>> import engine
        >>> tuple(engine.nn.InstanceNorm1d(4)(engine.randn(2, 4, 9)).shape)
        (2, 4, 9)
    """

    _ranks = (2, 3)


@layer("Instance norm", category="Normalisation", synonyms=("instance normalization", "style transfer", "contrast"),
       axes=("channels", "height", "width"))  # fmt: skip
class InstanceNorm2d(_InstanceNorm):
    """Brings each channel of each image to mean 0 and deviation 1, independent of the rest of the batch.

    y = (x - mean) / √(variance + eps) · weight + bias, with mean and variance over one channel of one image

    Ulyanov, Vedaldi and Lempitsky, 2016.

    Args:
        num_features: Channels of the input; on the canvas filled in from the wire.
        eps: Added to the variance, against division by zero.
        momentum: Share of the newest batch in the running average.
        affine: Whether weight and bias are learned.
        track_running_stats: Whether a running average is kept, which evaluation then uses.
        bias: Whether bias is learned, where weight is.

    Shape:
        x: (N, num_features, H, W) or (num_features, H, W) -> the same

    Raises:
        ShapeError: one value alone for each channel, or another number of axes.

    Example:
        >>> import engine
        >>> tuple(engine.nn.InstanceNorm2d(4)(engine.randn(2, 4, 5, 5)).shape)
        (2, 4, 5, 5)
    """

    _ranks = (3, 4)


@layer("Instance norm 3-D", category="Normalisation", axes=("channels", "depth", "height", "width"),
       synonyms=("instancenorm3d", "instance normalization", "volume"))  # fmt: skip
class InstanceNorm3d(_InstanceNorm):
    """Brings each channel of each volume to mean 0 and deviation 1, independent of the rest of the batch.

    y = (x - mean) / √(variance + eps) · weight + bias, with mean and variance over one channel of one volume

    Ulyanov, Vedaldi and Lempitsky, 2016.

    Args:
        num_features: Channels of the input; on the canvas filled in from the wire.
        eps: Added to the variance, against division by zero.
        momentum: Share of the newest batch in the running average.
        affine: Whether weight and bias are learned.
        track_running_stats: Whether a running average is kept, which evaluation then uses.
        bias: Whether bias is learned, where weight is.

    Shape:
        x: (N, num_features, D, H, W) or (num_features, D, H, W) -> the same

    Raises:
        ShapeError: one value alone for each channel, or another number of axes.

    Example:
        >>> import engine
        >>> tuple(engine.nn.InstanceNorm3d(4)(engine.randn(2, 4, 3, 5, 5)).shape)
        (2, 4, 3, 5, 5)
    """

    _ranks = (4, 5)
