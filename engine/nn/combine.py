"""Layers that join two branches."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Range, layer
from engine.nn.module import Module
from engine.tensor import Tensor
from engine.tensor.shapes import cat


@layer("Add", category="Combine", synonyms=("sum", "plus", "residual", "skip connection", "shortcut"))
class Add(Module):
    """Adds two branches value by value, as a residual connection does.

    y = a + b

    Shape:
        a: any; b: the same, or one that broadcasts -> the same

    Example:
        >>> import engine
        >>> engine.nn.Add()(engine.ones(2), engine.ones(2)).tolist()
        [2.0, 2.0]
    """

    def __init__(self):
        super().__init__()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b


@layer("Subtract", category="Combine", synonyms=("minus", "difference", "error", "contrast"))
class Subtract(Module):
    """Takes the second branch from the first, value by value.

    y = a - b

    Shape:
        a: any; b: the same, or one that broadcasts -> the same

    Example:
        >>> import engine
        >>> engine.nn.Subtract()(engine.tensor([3.0]), engine.tensor([1.0])).tolist()
        [2.0]
    """

    def __init__(self):
        super().__init__()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a - b


@layer("Concat", category="Combine", synonyms=("concatenate", "join", "merge", "cat", "stack", "skip connection"))
class Concat(Module):
    """Puts two branches one behind the other along an axis.

    y = [a, b]

    Args:
        dim: The axis they are joined along, counted with the batch axis as 0; 1 joins channels or features.

    Shape:
        a: (N, A, ...); b: (N, B, ...) -> (N, A + B, ...) for dim 1

    Example:
        >>> import engine
        >>> tuple(engine.nn.Concat()(engine.ones(5, 2), engine.ones(5, 3)).shape)
        (5, 5)
    """

    def __init__(self, dim: Annotated[int, Range(-8, 8)] = 1):
        super().__init__()
        self.dim = dim

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return cat([a, b], dim=self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


@layer("Multiply", category="Combine", synonyms=("product", "times", "gate", "hadamard", "attention gate"))
class Multiply(Module):
    """Multiplies two branches value by value, as a gate does.

    y = a · b

    Shape:
        a: any; b: the same, or one that broadcasts -> the same

    Example:
        >>> import engine
        >>> engine.nn.Multiply()(engine.tensor([2.0, 3.0]), engine.tensor([4.0, 5.0])).tolist()
        [8.0, 15.0]
    """

    def __init__(self):
        super().__init__()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a * b


@layer("Dot", category="Combine", synonyms=("dot product", "inner product", "similarity", "matrix factorisation"))
class Dot(Module):
    """Says how much two vectors point the same way: one number a pair, as in matrix factorisation.

    y = Σ a[d] · b[d], over the last axis

    Shape:
        a: (N, ..., D); b: the same, or one that broadcasts -> (N, ..., 1)

    Example:
        >>> import engine
        >>> engine.nn.Dot()(engine.tensor([[1.0, 2.0]]), engine.tensor([[3.0, 4.0]])).tolist()
        [[11.0]]
    """

    def __init__(self):
        super().__init__()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum(-1, keepdim=True)
