"""Attention by PyTorch's name."""

from __future__ import annotations

import math

from engine.errors import OptionError
from engine.ops.attention import Attention
from engine.random import default_generator
from engine.tensor import Tensor, apply
from engine.tensor.creation import zeros
from engine.wording import counted


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None,
                                 dropout_p: float = 0.0, is_causal: bool = False, scale: float | None = None,
                                 enable_gqa: bool = False) -> Tensor:  # fmt: skip
    """softmax(query keyᵀ scale + mask) value (Vaswani et al., 2017).

    Args:
        query, key, value: what asks, what is compared with it, and what is averaged.
        attn_mask: True where a query may see a key, or numbers that are added to the scores.
        dropout_p: probability with which a weight is dropped; 0 in evaluation, which the caller sees to.
        is_causal: a query sees the keys up to its own place; then there is no attn_mask.
        scale: factor of the scores; 1 / √E where it is not given.
        enable_gqa: whether several heads of the query share one of key and value: axis -3, whose lengths divide.

    Shape:
        query (..., L, E), key (..., S, E), value (..., S, V), attn_mask (..., L, S) -> (..., L, V)

    Raises:
        ShapeError: where they do not go together.

    >>> import engine
    >>> same = engine.ones(1, 2, 3)
    >>> scaled_dot_product_attention(same, same, same).tolist()
    [[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]]
    """
    if enable_gqa:
        key, value = (_shared(x, query.shape[-3]) for x in (key, value))
    if is_causal and attn_mask is not None:
        raise OptionError("attention", got="attn_mask and is_causal are both given", expected="one of the two")
    if not 0 <= dropout_p <= 1:
        raise OptionError("attention", got=f"dropout_p is {dropout_p}", expected="a probability from 0 to 1")
    if attn_mask is not None and attn_mask.dtype.kind == "b":
        attn_mask = as_bias(attn_mask.logical_not(), query)
    scale = 1 / math.sqrt(max(query.shape[-1], 1)) if scale is None else scale
    return apply(Attention(scale, is_causal, dropout_p, default_generator), query, key, value, attn_mask)


def _shared(x: Tensor, heads: int) -> Tensor:
    """(..., H, S, E) -> (..., heads, S, E), each head repeated for those that share it (Ainslie et al., 2023)."""
    own = x.shape[-3]
    if not own or heads % own:
        raise OptionError(
            "attention", got=f"{counted(heads, 'head')} of query share {own}", expected="a multiple of them"
        )
    *ahead, _, steps, features = x.shape
    return x.unsqueeze(-3).expand(*ahead, own, heads // own, steps, features).reshape(*ahead, heads, steps, features)


def as_bias(hidden: Tensor, like: Tensor) -> Tensor:
    """What is added to the scores: -infinity where `hidden` is True, 0 elsewhere; numbers stay as they are."""
    if hidden.dtype.kind != "b":
        return hidden.to(like.dtype)
    return zeros(*hidden.shape, dtype=like.dtype, device=like.device).masked_fill(hidden, -math.inf)
