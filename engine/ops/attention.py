"""Scaled dot-product attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.errors import ShapeError
from engine.ops.base import Op, Spec, broadcast, times
from engine.ops.products import same_dtype


@dataclass(eq=False)
class Attention(Op):
    """softmax(query key^T scale + bias) value (Vaswani et al., 2017).

    query (..., L, E), key (..., S, E), value (..., S, V), bias (..., L, S) or None -> (..., L, V).
    causal: a query sees the keys up to its own place. p: the probability with which a weight is dropped.
    """

    scale: float
    causal: bool
    p: float
    generator: Any

    saves = ("query", "key", "value", "bias", "weights", "kept")
    extras = ("weights", "kept")
    checked = True

    def shape(self, query, key, value, bias=None):
        shapes = ", ".join(times(a.shape) for a in (query, key, value))
        if min(query.ndim, key.ndim, value.ndim) < 2:
            raise ShapeError("attention", got=f"query, key and value are {shapes}", expected="(..., steps, features)")
        if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2] or not key.shape[-2]:
            raise ShapeError("attention", got=f"query, key and value are {shapes}",
                             expected="as many features of query and key, as many steps of key and value, one or more",
                             )  # fmt: skip
        same_dtype("attention", query, key)
        same_dtype("attention", query, value)
        *ahead, length, seen = self._scores(query, key)
        if bias is not None:
            ahead, whole = broadcast("attention", (*ahead, length, seen), bias.shape)[:-2], (length, seen)
            if broadcast("attention", whole, bias.shape[-2:]) != whole:
                raise ShapeError("attention", got=f"the mask is {times(bias.shape)}", expected=times(whole))
        return Spec((*broadcast("attention", tuple(ahead), value.shape[:-2]), length, value.shape[-1]), query.dtype)

    def _scores(self, query, key):
        """(..., L, S)"""
        return (*broadcast("attention", query.shape[:-2], key.shape[:-2]), query.shape[-2], key.shape[-2])

    def forward(self, k, query, key, value, bias=None):
        drop = (self.generator, self.p) if self.p else None
        return k.attention(query, key, value, bias, self.scale, self.causal, drop)

    def backward(self, k, grad, needs, query, key, value, bias, weights, kept):
        found = k.attention_backward(grad, query, key, value, weights, kept, self.scale)
        inputs = (query, key, value, bias)
        return tuple(k.sum_to(g, x.shape) if wanted else None for g, x, wanted in zip(found, inputs, needs))

    def derived(self, extra):
        return _Weights(self.scale, self.causal) if extra == "weights" else None

    def flops(self, query, key, value, bias=None):
        out = self.shape(query, key, value, bias)
        rows = out.size // max(value.shape[-1], 1)
        return rows * key.shape[-2] * (2 * query.shape[-1] + 2 * value.shape[-1] + 6)


@dataclass(eq=False)
class _Weights(Op):
    """softmax(query key^T scale + bias)"""

    scale: float
    causal: bool

    saves = ("query", "key", "bias", "out")

    def forward(self, k, query, key, bias=None):
        return k.attention(query, key, key, bias, self.scale, self.causal, None)[1]

    def backward(self, k, grad, needs, query, key, bias, out):
        # the gradient of the scores goes on as from Attention itself, with no values behind the weights
        by_scores = k.softmax_backward(grad, out, -1)
        scaled = k.mul(by_scores, self.scale)
        turned = (*range(grad.ndim - 2), grad.ndim - 1, grad.ndim - 2)
        return (
            k.sum_to(k.matmul(scaled, key), query.shape) if needs[0] else None,
            k.sum_to(k.matmul(k.transpose(scaled, turned), query), key.shape) if needs[1] else None,
            k.sum_to(by_scores, bias.shape) if needs[2] else None,
        )
