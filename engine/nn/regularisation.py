"""Layers that keep a network from learning its training data by heart."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Hidden, Range, layer
from engine.errors import Fix, ShapeError
from engine.nn import functional as F
from engine.nn.module import Module
from engine.tensor import Tensor


@layer("Dropout", category="Regularisation", synonyms=("drop", "regularise", "overfitting", "noise"))
class Dropout(Module):
    """Sets random values to zero while training, so that the network cannot lean on single units.

    y = x · mask / (1 - p), with mask 0 with probability p, else 1; in evaluation y = x

    Srivastava et al., 2014.

    Args:
        p: Share of values set to zero, 0 to 1.
        inplace: Write the result over the input.

    Shape:
        x: any -> the same

    Raises:
        ShapeError: a p outside 0 to 1.

    Example:
        >>> import engine
        >>> engine.nn.Dropout(0.5).eval()(engine.ones(2)).tolist()
        [1.0, 1.0]
    """

    def __init__(self, p: Annotated[float, Range(0.0, 1.0)] = 0.5, inplace: Annotated[bool, Hidden()] = False):
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ShapeError("Dropout", got=f"p={p}", expected="a probability from 0 to 1",
                             fixes=(Fix("Set p to 0.5", "set_parameter", name="p", value=0.5),))  # fmt: skip
        self.p = p
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
