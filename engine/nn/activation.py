"""Smooth activations."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Choice, Hidden, Range, layer
from engine.nn import functional as F
from engine.nn.module import Module
from engine.tensor import Tensor

InPlace = Annotated[bool, Hidden()]


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


@layer("Mish", category="Activation", synonyms=("smooth", "self-regularised", "nonlinearity"))
class Mish(Module):
    """A smooth ReLU that lets a little of slightly negative values through.

    y = x · tanh(log(1 + exp(x)))

    Misra, 2019.

    Args:
        inplace: Write the result over the input.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.Mish()(engine.zeros(1)).tolist()
        [0.0]
    """

    def __init__(self, inplace: InPlace = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return F.mish(x, inplace=self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


@layer("Softplus", category="Activation", synonyms=("smooth relu", "positive", "nonlinearity"))
class Softplus(Module):
    """A smooth ReLU whose result is always positive, as of a deviation or a rate.

    y = log(1 + exp(beta · x)) / beta, and x itself where beta · x > threshold

    Args:
        beta: How sharp the bend is; the larger, the nearer to ReLU.
        threshold: From where on it is x itself.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.Softplus()(engine.tensor([-200.0, 30.0])).tolist()
        [0.0, 30.0]
    """

    def __init__(
        self, beta: Annotated[float, Range(0.001, 100.0)] = 1.0, threshold: Annotated[float, Range(0.0, 100.0)] = 20.0
    ):
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


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


@layer("Log-sigmoid", category="Activation", synonyms=("log probability", "nonlinearity"))
class LogSigmoid(Module):
    """The logarithm of the sigmoid: the log of a probability, without overflow.

    y = log(1 / (1 + exp(-x)))

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.LogSigmoid()(engine.tensor([-200.0])).tolist()
        [-200.0]
    """

    def __init__(self):
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return F.logsigmoid(x)


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


@layer("Softsign", category="Activation", synonyms=("squash", "nonlinearity"))
class Softsign(Module):
    """Squeezes every value into -1 to 1, more slowly than Tanh.

    y = x / (1 + |x|)

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.Softsign()(engine.tensor([-1.0, 3.0])).tolist()
        [-0.5, 0.75]
    """

    def __init__(self):
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return F.softsign(x)


@layer("Tanh shrink", category="Activation", synonyms=("tanhshrink", "nonlinearity"))
class Tanhshrink(Module):
    """What Tanh takes away from a value: nearly 0 for small ones.

    y = x - tanh(x)

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.Tanhshrink()(engine.zeros(1)).tolist()
        [0.0]
    """

    def __init__(self):
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return F.tanhshrink(x)
