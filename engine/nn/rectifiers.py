"""Rectifiers: activations that treat positive and negative values differently."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Hidden, Range, Start, layer
from engine.nn import functional as F
from engine.nn.init import constant_
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.tensor import Tensor
from engine.tensor.creation import empty

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


@layer("Learned leaky ReLU", category="Activation", synonyms=("prelu", "parametric rectifier", "nonlinearity"))
class PReLU(Module):
    """A leaky ReLU that learns how much of negative values it keeps.

    y = x where x > 0, else weight · x

    He et al., 2015.

    Args:
        num_parameters: Slopes that are learned: 1 for all together, or as many as the input has channels.
        init: The slope at first.

    Shape:
        x: (N, num_parameters, ...), or any where num_parameters is 1 -> the same

    Raises:
        ShapeError: a number of channels that is not num_parameters.

    Example:
        >>> import engine
        >>> engine.nn.PReLU()(engine.tensor([-4.0, 2.0])).tolist()
        [-1.0, 2.0]
    """

    def __init__(
        self,
        num_parameters: Annotated[int, Range(1, 65_536)] = 1,
        init: Annotated[float, Range(0.0, 1.0)] = 0.25,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the slopes to their first value."""
        constant_(self.weight, self.init)

    def forward(self, x: Tensor) -> Tensor:
        return F.prelu(x, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


@layer("Random leaky ReLU", category="Activation", synonyms=("rrelu", "randomised leaky rectifier", "nonlinearity"))
class RReLU(Module):
    """A leaky ReLU whose slope for each negative value is drawn anew while training.

    y = x where x > 0, else a · x; a uniform from lower to upper, in evaluation their middle

    Xu et al., 2015.

    Args:
        lower: The smallest slope.
        upper: The largest slope.
        inplace: Write the result over the input.

    Shape:
        x: any -> the same

    Raises:
        OptionError: a lower that is above upper.

    Example:
        >>> import engine
        >>> engine.nn.RReLU(0.25, 0.75).eval()(engine.tensor([-2.0, 2.0])).tolist()
        [-1.0, 2.0]
    """

    def __init__(
        self,
        lower: Annotated[float, Range(0.0, 1.0)] = 1.0 / 8,
        upper: Annotated[float, Range(0.0, 1.0), Start(0.333333)] = 1.0 / 3,
        inplace: InPlace = False,
    ):
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return F.rrelu(x, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


@layer("ReLU 6", category="Activation", synonyms=("relu6", "clipped relu", "mobilenet", "nonlinearity"))
class ReLU6(Module):
    """Lets values from 0 to 6 through and cuts the others off there.

    y = min(max(x, 0), 6)

    Howard et al., 2017.

    Args:
        inplace: Write the result over the input.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.ReLU6()(engine.tensor([-1.0, 2.0, 8.0])).tolist()
        [0.0, 2.0, 6.0]
    """

    def __init__(self, inplace: InPlace = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(x, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


@layer("ELU", category="Activation", synonyms=("exponential linear unit", "nonlinearity"))
class ELU(Module):
    """Lets positive values through and bends negative ones towards -alpha, so that the mean stays near 0.

    y = x where x > 0, else alpha · (exp(x) - 1)

    Clevert, Unterthiner and Hochreiter, 2016.

    Args:
        alpha: What negative values tend to, with its sign changed.
        inplace: Write the result over the input.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.ELU()(engine.tensor([0.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(self, alpha: Annotated[float, Range(0.0, 10.0)] = 1.0, inplace: InPlace = False):
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return F.elu(x, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


@layer("CELU", category="Activation", synonyms=("continuously differentiable elu", "nonlinearity"))
class CELU(Module):
    """An ELU whose slope is continuous whatever alpha is.

    y = x where x > 0, else alpha · (exp(x / alpha) - 1)

    Barron, 2017.

    Args:
        alpha: What negative values tend to, with its sign changed; not 0.
        inplace: Write the result over the input.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.CELU(2.0)(engine.tensor([0.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(self, alpha: Annotated[float, Range(0.001, 10.0)] = 1.0, inplace: InPlace = False):
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return F.celu(x, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


@layer("SELU", category="Activation", synonyms=("scaled exponential linear unit", "self-normalising", "nonlinearity"))
class SELU(Module):
    """An ELU scaled so that mean 0 and deviation 1 are kept from layer to layer; goes with Alpha dropout.

    y = 1.0507 · x where x > 0, else 1.0507 · 1.6733 · (exp(x) - 1)

    Klambauer et al., 2017.

    Args:
        inplace: Write the result over the input.

    Shape:
        x: any -> the same

    Example:
        >>> import engine
        >>> engine.nn.SELU()(engine.zeros(1)).tolist()
        [0.0]
    """

    def __init__(self, inplace: InPlace = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return F.selu(x, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""
