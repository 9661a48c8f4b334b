"""The function of dense layers."""

from __future__ import annotations

from engine.ops import products
from engine.tensor import Tensor, apply
from engine.tensor.tape import mode

LINEAR = products.Linear()


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x Wᵀ + b.

    Args:
        weight, bias: W and b.

    Shape:
        input (..., I), weight (O, I), bias (O) -> (..., O)

    Raises:
        ShapeError: where the last axis of the input is not I.

    >>> import engine
    >>> linear(engine.ones(2, 3), engine.ones(4, 3)).shape
    (2, 4)
    """
    if input.array.dtype is not weight.array.dtype and mode.autocast is None:
        products.same_dtype("Linear", input, weight)
    return apply(LINEAR, input, weight, bias)
