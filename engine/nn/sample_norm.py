"""Norms that look at each sample by itself: over its features, over groups of channels, over its mean square."""

from __future__ import annotations

import math
from typing import Annotated

from engine.describe import Hidden, Inferred, Range, Start, layer
from engine.errors import Fix, OptionError
from engine.nn import functional as F
from engine.nn import init
from engine.nn.module import Module
from engine.nn.normalisation import Epsilon, ScaledNorm
from engine.nn.parameter import Parameter
from engine.tensor import Tensor
from engine.tensor.creation import empty
from engine.wording import counted


@layer("Layer norm", category="Normalisation", synonyms=("layer normalization", "layer normalisation", "ln"))
class LayerNorm(ScaledNorm):
    """Brings the features of each sample to mean 0 and deviation 1, independent of the rest of the batch.

    y = (x - mean) / √(variance + eps) · weight + bias, with mean and variance over the last axes

    Ba, Kiros and Hinton, 2016.

    Args:
        normalized_shape: Lengths of the last axes, which are normalised together; on the canvas the last axis.
        eps: Added to the variance, against division by zero.
        elementwise_affine: Whether weight (and bias) are learned.
        bias: Whether bias is learned, where weight is.

    Shape:
        x: (N, ..., normalized_shape) -> the same

    Example:
        >>> import engine
        >>> tuple(engine.nn.LayerNorm(16)(engine.randn(2, 5, 16)).shape)
        (2, 5, 16)
    """

    def __init__(
        self,
        normalized_shape: Annotated[int | tuple[int, ...], Inferred(-1), Range(1, 1_000_000)],
        eps: Epsilon = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        learned = elementwise_affine
        self._scale(self.normalized_shape, learned, learned and bias, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


@layer("Group norm", category="Normalisation", synonyms=("group normalization", "group normalisation", "gn"))
class GroupNorm(ScaledNorm):
    """Brings groups of channels of each sample to mean 0 and deviation 1; for batches too small for a batch norm.

    y = (x - mean) / √(variance + eps) · weight + bias, with mean and variance over the channels of a group

    Wu and He, 2018.

    Args:
        num_groups: Parts that the channels are split into; 1 normalises all of them together.
        num_channels: Channels of the input; on the canvas filled in from the wire.
        eps: Added to the variance, against division by zero.
        affine: Whether weight and bias are learned, one of each a channel.
        bias: Whether bias is learned, where weight is.

    Shape:
        x: (N, num_channels, ...) -> the same

    Raises:
        OptionError: channels that num_groups does not divide.

    Example:
        >>> import engine
        >>> tuple(engine.nn.GroupNorm(2, 8)(engine.randn(2, 8, 5, 5)).shape)
        (2, 8, 5, 5)
    """

    def __init__(
        self,
        num_groups: Annotated[int, Range(1, 65_536), Start(4)],
        num_channels: Annotated[int, Inferred(1), Range(1, 65_536)],
        eps: Epsilon = 1e-5,
        affine: bool = True,
        device=None,
        dtype=None,
        *,
        bias: Annotated[bool, Hidden()] = True,
    ):
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            groups = math.gcd(num_channels, num_groups)
            fix = Fix(f"Set num_groups to {groups}", "set_parameter", name="num_groups", value=groups)
            raise OptionError("GroupNorm", got=f"{counted(num_channels, 'channel')} in {counted(num_groups, 'group')}",
                              expected="groups of equal size", mend=f"set num_groups to {groups}",
                              fixes=(fix,))  # fmt: skip
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._scale(num_channels, affine, affine and bias, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


@layer("RMS norm", category="Normalisation", synonyms=("root mean square normalization", "rmsnorm", "llama"))
class RMSNorm(Module):
    """Scales the features of each sample to a mean square of 1, without moving their mean; cheaper than Layer norm.

    y = x / √(mean of x² + eps) · weight, with the mean over the last axes

    Zhang and Sennrich, 2019.

    Args:
        normalized_shape: Lengths of the last axes, which are scaled together; on the canvas the last axis.
        eps: Added to the mean square, against division by zero; none: the smallest step of the numbers around 1.
        elementwise_affine: Whether weight is learned.

    Shape:
        x: (N, ..., normalized_shape) -> the same

    Raises:
        ShapeError: last axes that are not normalized_shape.

    Example:
        >>> import engine
        >>> tuple(engine.nn.RMSNorm(16)(engine.randn(2, 5, 16)).shape)
        (2, 5, 16)
    """

    def __init__(
        self,
        normalized_shape: Annotated[int | tuple[int, ...], Inferred(-1), Range(1, 1_000_000)],
        eps: Annotated[float | None, Range(0.0, 1.0)] = None,
        elementwise_affine: bool = True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = Parameter(empty(self.normalized_shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


@layer("Local response norm", category="Normalisation", synonyms=("lrn", "alexnet", "lateral inhibition"))
class LocalResponseNorm(Module):
    """Lets neighbouring channels compete: where they are strong together, all of them are damped.

    y = x / (k + alpha · mean of x² over size channels around it) ^ beta

    Krizhevsky, Sutskever and Hinton, 2012.

    Args:
        size: How many channels are neighbours, the channel itself among them.
        alpha: How much the neighbours count.
        beta: The power of the divisor.
        k: What the divisor is at least.

    Shape:
        x: (N, C, ...) -> the same

    Raises:
        ShapeError: fewer than three axes.

    Example:
        >>> import engine
        >>> tuple(engine.nn.LocalResponseNorm(5)(engine.randn(2, 8, 6, 6)).shape)
        (2, 8, 6, 6)
    """

    def __init__(
        self,
        size: Annotated[int, Range(1, 65_536), Start(5)],
        alpha: Annotated[float, Range(0.0, 100.0)] = 1e-4,
        beta: Annotated[float, Range(0.0, 100.0)] = 0.75,
        k: Annotated[float, Range(0.0, 100.0)] = 1.0,
    ):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
