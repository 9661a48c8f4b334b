"""Attention: softmax of the products of queries and keys, as weights of the values."""

from __future__ import annotations

from typing import Any


class Attention:
    """query (..., L, E), key (..., S, E), value (..., S, V); weights (..., L, S) are kept for the way back."""

    xp: Any

    def attention(self, query: Any, key: Any, value: Any, bias: Any, scale: float, causal: bool,
                  drop: tuple[Any, float] | None) -> tuple[Any, Any, Any]:  # fmt: skip
        """-> (..., L, V), weights, and what dropout left of them or None

        bias stretches to (..., L, S) and is added to the scores; a query that may see no key gets zeros. drop is a
        generator and the probability with which a weight is dropped.
        """
        weights = self.xp.matmul(query, key.swapaxes(-1, -2))
        weights *= scale
        if bias is not None:
            weights = weights + bias
        if causal:
            seen = self.xp.tri(*weights.shape[-2:], dtype=bool)
            weights = self.xp.where(seen, weights, weights.dtype.type(-self.xp.inf))
        top = weights.max(axis=-1, keepdims=True)
        weights -= self.xp.where(top == -self.xp.inf, weights.dtype.type(0), top)
        self.xp.exp(weights, out=weights)
        total = weights.sum(axis=-1, keepdims=True)
        weights /= self.xp.where(total == 0, weights.dtype.type(1), total)
        if drop is None:
            return self.xp.matmul(weights, value), weights, None
        kept = self.bernoulli(drop[0], weights, 1 - drop[1])
        return self.xp.matmul(weights * kept, value), weights, kept

    def attention_backward(self, grad: Any, query: Any, key: Any, value: Any, weights: Any, kept: Any,
                           scale: float) -> tuple[Any, Any, Any, Any]:  # fmt: skip
        """grad (..., L, V) -> gradients of query, key, value, and of the scores (..., L, S)"""
        used = weights if kept is None else weights * kept
        by_value = self.xp.matmul(used.swapaxes(-1, -2), grad)
        by_weights = self.xp.matmul(grad, value.swapaxes(-1, -2))
        if kept is not None:
            by_weights *= kept
        by_scores = self.softmax_backward(by_weights, weights, -1)
        scaled = by_scores * scale
        by_key = self.xp.matmul(scaled.swapaxes(-1, -2), query)
        return self.xp.matmul(scaled, key), by_key, by_value, by_scores
