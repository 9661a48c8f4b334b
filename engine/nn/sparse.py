"""Layers that look values up by whole numbers."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Choice, Hidden, Range, Start, layer
from engine.errors import Fix, OptionError, ShapeError
from engine.nn import functional as F
from engine.nn import init
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.ops.base import times
from engine.tensor import Tensor, no_grad
from engine.tensor.creation import empty
from engine.wording import counted


class Table(Module):
    """What layers share that look vectors up: the table, how it starts, and the row that stands for nothing."""

    def __init__(self, num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
                 weight, freeze, device, dtype):  # fmt: skip
        super().__init__()
        where = type(self).__name__
        if sparse:
            raise OptionError(where, got="sparse=True", expected="False: gradients are dense")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = _counted(where, padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if weight is None:
            self.weight = Parameter(empty(num_embeddings, embedding_dim, device=device, dtype=dtype), not freeze)
            self.reset_parameters()
        elif tuple(weight.shape) != (num_embeddings, embedding_dim):
            raise ShapeError(where, got=f"_weight is {times(weight.shape)}",
                             expected=times((num_embeddings, embedding_dim)))  # fmt: skip
        else:
            self.weight = Parameter(weight, not freeze)

    def reset_parameters(self) -> None:
        """Draw the vectors anew; that of padding_idx is zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0


@layer("Embedding", category="Text", synonyms=("lookup", "word vectors", "token", "category", "table"))
class Embedding(Table):
    """Gives each whole number, such as a word's or a user's, a learned vector of its own.

    y = weight[x]

    The vectors start normally distributed.

    Args:
        num_embeddings: Size of the table: numbers from 0 to one less can be looked up.
        embedding_dim: Length of each vector.
        padding_idx: The number that stands for "nothing": its vector is zero and never learns.
        max_norm: Vectors that are looked up and longer than this are shortened to it.
        norm_type: Which norm measures the length for max_norm; 2 is the usual length.
        scale_grad_by_freq: Whether a vector's gradient is divided by how often it is looked up in the batch.
        sparse: Not supported: gradients are dense.

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
        scale_grad_by_freq: bool = False,
        sparse: Annotated[bool, Hidden()] = False,
        _weight: Annotated[Tensor | None, Hidden()] = None,
        _freeze: Annotated[bool, Hidden()] = False,
        device=None,
        dtype=None,
    ):
        super().__init__(num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
                         _weight, _freeze, device, dtype)  # fmt: skip

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None,
                        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
                        sparse: bool = False) -> Embedding:  # fmt: skip
        """A table of vectors that are there already, (num_embeddings, embedding_dim); frozen, it learns nothing."""
        return cls(*embeddings.shape, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)

    def forward(self, x: Tensor) -> Tensor:
        return F.embedding(x, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq)

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        if self.scale_grad_by_freq:
            parts.append(f"scale_grad_by_freq={self.scale_grad_by_freq}")
        return ", ".join(parts)


@layer("Embedding bag", category="Text", synonyms=("bag of words", "embedding sum", "mean of word vectors", "set"))
class EmbeddingBag(Table):
    """Looks the vectors of a set of whole numbers up and joins them into one: their sum, mean or greatest values.

    y = Σ weight[x[i]], or the mean or the greatest of them, over the numbers i of a bag

    The vectors start normally distributed.

    Args:
        num_embeddings: Size of the table: numbers from 0 to one less can be looked up.
        embedding_dim: Length of each vector.
        max_norm: Vectors that are looked up and longer than this are shortened to it.
        norm_type: Which norm measures the length for max_norm; 2 is the usual length.
        scale_grad_by_freq: Whether a vector's gradient is divided by how often it is looked up in the batch.
        mode: How the vectors of a bag are joined: sum, mean or max.
        sparse: Not supported: gradients are dense.
        include_last_offset: Whether offsets end with the end of the last bag.
        padding_idx: A number that counts as if it were not there, and never learns.

    Shape:
        x: (N, bag) of whole numbers, or flat with offsets (N) -> (N, embedding_dim)

    Raises:
        ShapeError: a padding_idx outside the table, or offsets that do not suit x.

    Example:
        >>> import engine
        >>> tuple(engine.nn.EmbeddingBag(10, 3)(engine.tensor([[1, 2, 4], [4, 9, 0]])).shape)
        (2, 3)
    """

    def __init__(
        self,
        num_embeddings: Annotated[int, Range(1, 10_000_000, log=True), Start(1000)],
        embedding_dim: Annotated[int, Range(1, 65_536, log=True), Start(32)],
        max_norm: Annotated[float | None, Range(0.0, 1000.0)] = None,
        norm_type: Annotated[float, Range(1.0, 16.0)] = 2.0,
        scale_grad_by_freq: bool = False,
        mode: Annotated[str, Choice(("sum", "mean", "max"))] = "mean",
        sparse: Annotated[bool, Hidden()] = False,
        _weight: Annotated[Tensor | None, Hidden()] = None,
        include_last_offset: Annotated[bool, Hidden()] = False,
        padding_idx: Annotated[int | None, Range(-10_000_000, 10_000_000)] = None,
        device=None,
        dtype=None,
    ):
        super().__init__(num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
                         _weight, False, device, dtype)  # fmt: skip
        self.mode = mode
        self.include_last_offset = include_last_offset

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, max_norm: float | None = None,
                        norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = "mean",
                        sparse: bool = False, include_last_offset: bool = False,
                        padding_idx: int | None = None) -> EmbeddingBag:  # fmt: skip
        """A table of vectors that are there already, (num_embeddings, embedding_dim); frozen, it learns nothing."""
        bag = cls(*embeddings.shape, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings,
                  include_last_offset, padding_idx)  # fmt: skip
        bag.weight.requires_grad = not freeze
        return bag

    def forward(self, x: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(x, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq,
                               self.mode, self.sparse, per_sample_weights, self.include_last_offset,
                               self.padding_idx)  # fmt: skip

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        if self.scale_grad_by_freq:
            parts.append(f"scale_grad_by_freq={self.scale_grad_by_freq}")
        parts.append(f"mode={self.mode!r}")
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        return ", ".join(parts)


def _counted(where: str, padding_idx: int | None, size: int) -> int | None:
    """padding_idx counted from the front; a ShapeError where the table has no such row."""
    if padding_idx is not None and not -size <= padding_idx < size:
        raise ShapeError(where, got=f"padding_idx={padding_idx}", expected=f"a number within {counted(size, 'row')}",
                         fixes=(Fix("Leave padding_idx out", "set_parameter", name="padding_idx"),))  # fmt: skip
    return padding_idx + size if padding_idx is not None and padding_idx < 0 else padding_idx
