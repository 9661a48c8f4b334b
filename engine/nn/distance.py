"""Layers that compare two vectors."""

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


@layer("Cosine similarity", category="Combine", synonyms=("angle", "siamese", "metric", "embedding", "likeness"))
class CosineSimilarity(Module):
    """The cosine of the angle between two vectors: 1 where they point the same way, -1 where they are opposed.

    y = x1 · x2 / (max(|x1|, eps) · max(|x2|, eps))

    Args:
        dim: The axis along which a vector lies; it goes.
        eps: The least length, against division by zero.

    Shape:
        x1, x2: (N, D, ...) -> (N, ...) for dim 1

    Example:
        >>> import engine
        >>> engine.nn.CosineSimilarity()(engine.tensor([[1.0, 0.0]]), engine.tensor([[0.0, 2.0]])).tolist()
        [0.0]
    """

    def __init__(self, dim: Annotated[int, Range(-8, 8)] = 1, eps: Annotated[float, Range(0.0, 1.0)] = 1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


@layer("Distance", category="Combine", synonyms=("pairwise distance", "euclidean", "siamese", "metric", "contrastive"))
class PairwiseDistance(Module):
    """How far two vectors lie apart: one number a pair, as in a siamese network.

    y = (Σ |x1[d] - x2[d] + eps|^p)^(1/p), over the last axis

    Args:
        p: Which norm: 2 is the usual length, 1 the sum of the distances along the axes.
        eps: Added to the difference, against a root of zero.
        keepdim: Whether the last axis stays, with length 1.

    Shape:
        x1, x2: (N, D) -> (N), or (N, 1) with keepdim

    Example:
        >>> import engine
        >>> engine.nn.PairwiseDistance(eps=0.0)(engine.tensor([[3.0, 4.0]]), engine.zeros(1, 2)).tolist()
        [5.0]
    """

    def __init__(
        self,
        p: Annotated[float, Range(0.1, 16.0)] = 2.0,
        eps: Annotated[float, Range(0.0, 1.0)] = 1e-6,
        keepdim: Annotated[bool, Start(True)] = False,
    ):
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


@layer("Bilinear", category="Combine", synonyms=("products", "interaction", "dense", "two inputs"))
class Bilinear(Module):
    """Every output is a weighted sum of all products of a value of the one input with a value of the other.

    y[o] = x1ᵀ W[o] x2 + b[o]

    W and b start uniform in ±1/√in1_features.

    Args:
        in1_features: Length of the last axis of the first input; on the canvas filled in from the wire.
        in2_features: Length of the last axis of the second input; on the canvas filled in from the wire.
        out_features: Length of the last axis of the output.
        bias: Whether b is added and learned.

    Shape:
        input1: (..., in1_features), input2: (..., in2_features) -> (..., out_features)

    Raises:
        ShapeError: other features, or axes before them that differ.

    Example:
        >>> import engine
        >>> tuple(engine.nn.Bilinear(3, 4, 2)(engine.zeros(5, 3), engine.zeros(5, 4)).shape)
        (5, 2)
    """

    def __init__(
        self,
        in1_features: Annotated[int, Inferred(-1), Range(1, 65_536)],
        in2_features: Annotated[int, Inferred(-1, port=1), Range(1, 65_536)],
        out_features: Annotated[int, Range(1, 65_536, log=True), Start(64)],
        bias: bool = True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        place = {"device": device, "dtype": dtype}
        self.weight = Parameter(empty(out_features, in1_features, in2_features, **place))
        self.register_parameter("bias", Parameter(empty(out_features, **place)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features) if self.in1_features > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
