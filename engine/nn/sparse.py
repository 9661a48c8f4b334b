"""Layers that look values up by whole numbers."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from engine.describe import Range, Start, layer
from engine.errors import Fix, ShapeError
from engine.functions import where
from engine.nn import functional as F
from engine.nn import init
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.tensor import Tensor, no_grad
from engine.tensor.creation import empty


@layer("Embedding", category="Text", synonyms=("lookup", "word vectors", "token", "category", "table"))
class Embedding(Module):
    """Gives each whole number, such as a word's or a user's, a learned vector of its own.

    y = weight[x]

    The vectors start normally distributed.

    Args:
        num_embeddings: Size of the table: numbers from 0 to one less can be looked up.
        embedding_dim: Length of each vector.
        padding_idx: The number that stands for "nothing": its vector is zero and never learns.
        max_norm: Vectors that are looked up and longer than this are shortened to it.
        norm_type: Which norm measures the length for max_norm; 2 is the usual length.

    Shape:
        x: (...) of whole numbers -> (..., embedding_dim)

    Raises:
        ShapeError: a padding_idx outside the table.

    Example:
        >>> import engine
        >>> tuple(engine.nn.Embedding(10, 3)(engine.tensor([[1, 2], [4, 9]])).shape)
        (2, 2, 3)
    """

    def __init__(
        self,
        num_embeddings: Annotated[int, Range(1, 10_000_000, log=True), Start(1000)],
        embedding_dim: Annotated[int, Range(1, 65_536, log=True), Start(32)],
        padding_idx: Annotated[int | None, Range(-10_000_000, 10_000_000)] = None,
        max_norm: Annotated[float | None, Range(0.0, 1000.0)] = None,
        norm_type: Annotated[float, Range(1.0, 16.0)] = 2.0,
        *,
        device=None,
        dtype=None,
    ):
        super().__init__()
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ShapeError("Embedding", got=f"padding_idx={padding_idx}",
                             expected=f"a number within the {num_embeddings} embeddings",
                             fixes=(Fix("Leave padding_idx out", "set_parameter", name="padding_idx"),))  # fmt: skip
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx + num_embeddings if padding_idx is not None and padding_idx < 0 else padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.weight = Parameter(empty(num_embeddings, embedding_dim, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the vectors anew; that of padding_idx is zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        if self.max_norm is not None and not x.device.is_meta:
            self._shorten(x)
        return F.embedding(x, self.weight, self.padding_idx)

    def _shorten(self, x: Tensor) -> None:
        """Bring the vectors that are looked up to a length of at most max_norm, in place."""
        rows = np.unique(x.device.to_numpy(x.array))
        with no_grad():
            vectors = self.weight[rows]
            lengths = vectors.norm(self.norm_type, dim=1, keepdim=True)
            self.weight[rows] = where(lengths > self.max_norm, vectors * (self.max_norm / (lengths + 1e-7)), vectors)

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        return ", ".join(parts)
