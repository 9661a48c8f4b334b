"""Rows of a table: each by itself, or the sum, mean or greatest of bags of them."""

from __future__ import annotations

import numpy as np

from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.functions import where
from engine.ops import indexing
from engine.ops.base import times
from engine.tensor import Tensor, apply, no_grad
from engine.tensor.creation import from_numpy, zeros
from engine.wording import counted

MODES = ("sum", "mean", "max")


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
              norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False) -> Tensor:  # fmt: skip
    """Rows of a table; the row `padding_idx` gets no gradient.

    Args:
        weight: the table.
        max_norm: rows that are looked up and longer than this are shortened to it, in place.
        norm_type: which norm measures their length.
        scale_grad_by_freq: whether a row's gradient is divided by how often it is looked up.
        sparse: not supported: gradients are dense.

    Shape:
        input (...) whole numbers, weight (V, D) -> (..., D)

    Raises:
        EngineError: for an index that is not in the table.

    >>> import engine
    >>> table = engine.tensor([[0.0, 0.0], [1.0, 2.0]])
    >>> embedding(engine.tensor([1, 0]), table)
    tensor([[1., 2.],
            [0., 0.]])
    """
    if sparse:
        raise OptionError("Embedding", got="sparse=True", expected="False: gradients are dense")
    if padding_idx is not None and padding_idx < 0:
        padding_idx += weight.shape[0]
    if max_norm is not None and not input.is_meta:
        shorten_rows(weight, input, max_norm, norm_type)
    return apply(indexing.Embedding(padding_idx, scale_grad_by_freq), weight, input)


def embedding_bag(input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None,
                  norm_type: float = 2, scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False,
                  per_sample_weights: Tensor | None = None, include_last_offset: bool = False,
                  padding_idx: int | None = None) -> Tensor:  # fmt: skip
    """The sum, mean or greatest of the rows of each bag; an empty bag gives zeros.

    Args:
        weight: the table.
        offsets: where each bag begins, for bags that lie one behind the other in a flat input.
        max_norm: rows that are looked up and longer than this are shortened to it, in place.
        norm_type: which norm measures their length.
        scale_grad_by_freq: whether a row's gradient is divided by how often it is looked up.
        mode: "sum", "mean" or "max".
        sparse: not supported: gradients are dense.
        per_sample_weights: factors of the rows, for mode "sum".
        include_last_offset: whether offsets end with the end of the last bag.
        padding_idx: an index that counts as if it were not there.

    Shape:
        input (B, N) and no offsets, or (N) and offsets (B), weight (V, D) -> (B, D)

    Raises:
        ShapeError, OptionError: what does not go together.

    >>> import engine
    >>> table = engine.arange(6.0).reshape(3, 2)
    >>> embedding_bag(engine.tensor([0, 1, 2]), table, engine.tensor([0, 2]), mode="sum").tolist()
    [[2.0, 4.0], [4.0, 5.0]]
    """
    _check_bags(input, offsets, per_sample_weights, mode, sparse, scale_grad_by_freq)
    if padding_idx is not None and padding_idx < 0:
        padding_idx += weight.shape[0]
    rows = embedding(input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)  # (B, N, D) or (N, D)
    inside = None if padding_idx is None else input != padding_idx
    if offsets is not None:
        places, inside = _places(offsets, input.shape[0], include_last_offset, inside)
        if not input.shape[0]:
            rows = zeros(1, weight.shape[1], dtype=weight.dtype, device=weight.device)
        rows = rows[places]
        per_sample_weights = None if per_sample_weights is None else per_sample_weights[places]
    return _joined(rows, inside, per_sample_weights, mode)


def _check_bags(input: Tensor, offsets: Tensor | None, factors: Tensor | None, mode: str, sparse: bool,
                by_frequency: bool) -> None:  # fmt: skip
    if mode not in MODES:
        raise OptionError("EmbeddingBag", got=f"mode={mode!r}", expected=f"one of {', '.join(MODES)}")
    if input.ndim not in (1, 2) or (input.ndim == 1) != (offsets is not None):
        raise ShapeError("EmbeddingBag", got=f"{times(input.shape)} {'without' if offsets is None else 'with'} offsets",
                         expected="(N, bag) without them, or one axis with them")  # fmt: skip
    if factors is not None and mode != "sum":
        raise OptionError("EmbeddingBag", got=f"per_sample_weights with mode={mode!r}", expected="mode='sum'")
    if factors is not None and factors.shape != input.shape:
        raise ShapeError("EmbeddingBag", got=f"per_sample_weights are {times(factors.shape)}",
                         expected=times(input.shape))  # fmt: skip
    if mode == "max" and (sparse or by_frequency):
        raise OptionError("EmbeddingBag", got="mode='max' with sparse or scale_grad_by_freq", expected="neither")


def _places(offsets: Tensor, count: int, ends: bool, real: Tensor | None) -> tuple[Tensor, Tensor]:
    """Bags that lie one behind the other as rows of one length: places (B, N), and which of them are in the bag."""
    begins = offsets.numpy(force=True).astype(np.int64)
    begins, ends_at = (begins[:-1], begins[1:]) if ends else (begins, np.append(begins[1:], count))
    lengths = ends_at - begins
    if (begins[:1] != 0).any() or (lengths < 0).any() or (ends_at > count).any():
        raise ShapeError("EmbeddingBag", got=f"offsets {begins.tolist()} for {counted(count, 'index')}",
                         expected="places within them, the first 0, none before another")  # fmt: skip
    steps = np.arange(max(int(lengths.max(initial=0)), 1))
    inside = steps < lengths[:, None]
    places = from_numpy(np.where(inside, begins[:, None] + steps, 0)).to(offsets.device)
    inside = from_numpy(inside).to(offsets.device)
    return places, inside if real is None or not count else inside.logical_and(real[places])


def _joined(rows: Tensor, inside: Tensor | None, factors: Tensor | None, mode: str) -> Tensor:
    """rows (B, N, D) -> (B, D), over those that are inside."""
    if mode == "max":
        if not rows.shape[1]:
            return rows.sum(1)
        if inside is None:
            return rows.max(1).values
        least = where(inside.unsqueeze(-1), rows, -np.inf).max(1).values
        return where(inside.any(1, keepdim=True), least, 0.0)
    if inside is not None:
        rows = where(inside.unsqueeze(-1), rows, 0.0)
    if factors is not None:
        rows = rows * factors.unsqueeze(-1)
    total = rows.sum(1)
    if mode == "sum":
        return total
    count = rows.shape[1] if inside is None else inside.to(rows.dtype).sum(1, keepdim=True).clamp(min=1)
    return total / (max(count, 1) if inside is None else count)


def shorten_rows(weight: Tensor, index: Tensor, max_norm: float, norm_type: float) -> None:
    """Bring the rows that are looked up to a length of at most max_norm, in place."""
    rows = np.unique(index.numpy(force=True))
    with no_grad():
        vectors = weight[rows]
        lengths = vectors.norm(norm_type, dim=1, keepdim=True)
        weight[rows] = where(lengths > max_norm, vectors * (max_norm / (lengths + 1e-7)), vectors)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the class, 0 elsewhere.

    Args:
        tensor: classes, counted from 0.
        num_classes: how many there are; one more than the greatest that comes where it is -1.

    Shape:
        (...) -> (..., num_classes)

    >>> import engine
    >>> one_hot(engine.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if tensor.dtype.kind not in "iu":
        raise TypeMismatch("one_hot", got=f"the classes are {tensor.dtype}", expected="whole numbers")
    if tensor.numel() and not tensor.is_meta:
        low, high = int(tensor.min()), int(tensor.max())
        if num_classes == -1:
            num_classes = high + 1
        if low < 0 or high >= num_classes:
            raise ShapeError("one_hot", got=f"class {low if low < 0 else high}", expected=f"0 to {num_classes - 1}")
    return apply(indexing.OneHot(num_classes), tensor)
