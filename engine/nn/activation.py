"""Activations: what makes a stack of layers more than one weighted sum."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Choice, Hidden, Range, Start, layer
from engine.nn import functional as F
from engine.nn.module import Module
from engine.tensor import Tensor

InPlace = Annotated[bool, Hidden()]


@layer("ReLU", category="Activation", synonyms=("rectifier", "rectified linear unit", "nonlinearity"))
class ReLU(Module):
    """Lets positive values through and sets negative ones to zero.

    y = max(x, 0)

    Args:
        inplace: Write the result over the input.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.ReLU()(engine.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(self, inplace: InPlace = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x, inplace=self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


@layer("Leaky ReLU", category="Activation", synonyms=("leakyrelu", "leaky rectifier", "nonlinearity"))
class LeakyReLU(Module):
    """Lets positive values through and keeps a small share of negative ones, so that no unit dies.

    y = x where x > 0, else negative_slope · x

    Args:
        negative_slope: Share of a negative value that is kept.
        inplace: Write the result over the input.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.LeakyReLU(0.5)(engine.tensor([-1.0, 2.0])).tolist()
        [-0.5, 2.0]
    """

    def __init__(self, negative_slope: Annotated[float, Range(0.0, 1.0)] = 0.01, inplace: InPlace = False):
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


@layer("GELU", category="Activation", synonyms=("gaussian error linear unit", "nonlinearity", "transformer"))
class GELU(Module):
    """Weighs each value by how large it is among normally distributed ones; a smooth ReLU.

    y = x · Φ(x), with Φ the distribution function of the standard normal

    Hendrycks and Gimpel, 2016.

    Args:
        approximate: "none" for the exact function, "tanh" for the faster 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))).

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.GELU()(engine.zeros(1)).tolist()
        [0.0]
    """

    def __init__(self, approximate: Annotated[str, Choice(("none", "tanh"))] = "none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


@layer("SiLU", category="Activation", synonyms=("swish", "sigmoid linear unit", "nonlinearity"))
class SiLU(Module):
    """Weighs each value by its own sigmoid; a smooth ReLU, also called swish.

    y = x · σ(x)

    Args:
        inplace: Write the result over the input.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.SiLU()(engine.zeros(1)).tolist()
        [0.0]
    """

    def __init__(self, inplace: InPlace = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x, inplace=self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


@layer("Sigmoid", category="Activation", synonyms=("logistic", "probability", "nonlinearity"))
class Sigmoid(Module):
    """Squeezes every value into 0 to 1.

    y = σ(x) = 1 / (1 + exp(-x))

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.Sigmoid()(engine.zeros(1)).tolist()
        [0.5]
    """

    def __init__(self):
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return F.sigmoid(x)


@layer("Tanh", category="Activation", synonyms=("hyperbolic tangent", "nonlinearity"))
class Tanh(Module):
    """Squeezes every value into -1 to 1.

    y = tanh(x)

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.Tanh()(engine.zeros(1)).tolist()
        [0.0]
    """

    def __init__(self):
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return F.tanh(x)


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
        return F.softmax(x, self._axis(x))

    def _axis(self, x: Tensor) -> int:
        """PyTorch's choice where none is given: the first axis of 0-, 1- and 3-D inputs, else axis 1."""
        if self.dim is not None:
            return self.dim
        return 0 if x.ndim in (0, 1, 3) else 1

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
