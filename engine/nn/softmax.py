"""Activations along an axis: probabilities and gates."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Range, Start, layer
from engine.errors import ShapeError
from engine.nn import functional as F
from engine.nn.module import Module
from engine.ops.base import times
from engine.tensor import Tensor


@layer("Softmax", category="Activation", synonyms=("probabilities", "normalise", "classes"))
class Softmax(Module):
    """Turns the values along an axis into probabilities that sum to 1; Cross-entropy does this by itself.

    y[i] = exp(x[i]) / Σ exp(x[j]), over j along dim

    Args:
        dim: The axis that sums to 1, counted with the batch axis as 0; for classes or channels 1.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.Softmax(dim=0)(engine.zeros(2)).tolist()
        [0.5, 0.5]
    """

    def __init__(self, dim: Annotated[int | None, Range(-8, 8), Start(1)] = None):
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return F.softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


@layer("Softmin", category="Activation", synonyms=("probabilities", "smallest", "classes"))
class Softmin(Module):
    """Turns the values along an axis into probabilities that sum to 1, the smallest value into the largest.

    y[i] = exp(-x[i]) / Σ exp(-x[j]), over j along dim

    Args:
        dim: The axis that sums to 1, counted with the batch axis as 0; for classes or channels 1.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.Softmin(dim=0)(engine.zeros(2)).tolist()
        [0.5, 0.5]
    """

    def __init__(self, dim: Annotated[int | None, Range(-8, 8), Start(1)] = None):
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return F.softmin(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


@layer("Log-softmax", category="Activation", synonyms=("logsoftmax", "log probabilities", "classes", "nll"))
class LogSoftmax(Module):
    """The logarithms of the probabilities that Softmax gives, without overflow.

    y[i] = x[i] - log Σ exp(x[j]), over j along dim

    Args:
        dim: The axis along which the probabilities sum to 1, counted with the batch axis as 0.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.LogSoftmax(dim=0)(engine.tensor([500.0, 0.0])).tolist()
        [0.0, -500.0]
    """

    def __init__(self, dim: Annotated[int | None, Range(-8, 8), Start(1)] = None):
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


@layer("Softmax over channels", category="Activation", synonyms=("softmax2d", "segmentation", "pixel classes"),
       axes=("channels", "height", "width"))  # fmt: skip
class Softmax2d(Module):
    """Turns the channels at each place of an image into probabilities that sum to 1.

    y[c] = exp(x[c]) / Σ exp(x[d]), over the channels d at the same place

    Shape:
        x: (N, C, H, W) or (C, H, W) -> the same

    Raises:
        ShapeError: what arrives is no image.

    Example:
        >>> import engine
        >>> engine.nn.Softmax2d()(engine.zeros(2, 1, 1)).flatten().tolist()
        [0.5, 0.5]
    """

    def __init__(self):
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim not in (3, 4):
            raise ShapeError("Softmax2d", got=f"a tensor of {times(x.shape)} arrives",
                             expected="images (N, channels, height, width)")  # fmt: skip
        return F.softmax(x, -3)


@layer("GLU", category="Activation", synonyms=("gated linear unit", "gate", "nonlinearity"))
class GLU(Module):
    """Halves an axis: the second half says how much of the first half goes on.

    y = a · σ(b), with a and b the two halves of x along dim

    Dauphin et al., 2017.

    Args:
        dim: The axis that is halved, counted with the batch axis as 0.

    Shape:
        x: (..., 2 D, ...) -> (..., D, ...)

    Raises:
        ShapeError: an axis of odd length.

    Example:
        >>> import engine
        >>> engine.nn.GLU()(engine.tensor([2.0, 0.0])).tolist()
        [1.0]
    """

    def __init__(self, dim: Annotated[int, Range(-8, 8)] = -1):
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return F.glu(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
