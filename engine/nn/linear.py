"""Dense layers."""

from __future__ import annotations

import math
from typing import Annotated

from engine.describe import Inferred, Range, Start, layer
from engine.nn import functional as F
from engine.nn import init
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.tensor import Tensor
from engine.tensor.creation import empty


@layer("Linear", category="Dense", synonyms=("dense", "fully connected", "fc", "affine", "perceptron", "output"))
class Linear(Module):
    """Every output is a weighted sum of all inputs.

    y = x Wᵀ + b

    W and b start uniform in ±1/√in_features.

    Args:
        in_features: Length of the last axis of the input; on the canvas filled in from the wire.
        out_features: Length of the last axis of the output: the number of units.
        bias: Whether b is added and learned.

    Shape:
        x: (..., in_features) -> (..., out_features)

    Example:
        >>> import engine
        >>> tuple(engine.nn.Linear(3, 2)(engine.zeros(5, 3)).shape)
        (5, 2)
    """

    def __init__(
        self,
        in_features: Annotated[int, Inferred(-1), Range(1, 1_000_000)],
        out_features: Annotated[int, Range(1, 65_536, log=True), Start(64)],
        bias: bool = True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
