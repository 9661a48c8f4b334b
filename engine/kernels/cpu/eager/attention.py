"""Dropout and attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.kernels import cpu
from engine.kernels.cpu.caller import Layout, Recipe
from engine.kernels.cpu.eager.compiled import compiled
from engine.kernels.generic import Kernels


class Attention:
    """See the generic kernels of these names."""

    def bernoulli(self, generator: Any, like: Any, keep: float) -> Any:
        """Drawn from one 64-bit number of the generator's."""
        if not like.size or like.dtype.num != 11 or not 0 < keep <= 1:
            return Kernels.bernoulli(self, generator, like, keep)
        state = np.zeros(2, np.int64)
        state[0] = generator.draw_seed()
        return self._mask(like, state, keep)

    def _mask_(self, like: Layout, state: Layout, keep: float) -> Recipe:
        recipe = Recipe()
        recipe.passed(1, "state")
        recipe.give("y", like.shape, like.order or ())
        return recipe.add(cpu.random.bernoulli(like.size, keep))

    _mask = compiled(generic=lambda *_: None)(_mask_)

    def attention(self, query: Any, key: Any, value: Any, bias: Any, scale: float, causal: bool,
                  drop: tuple[Any, float] | None) -> tuple[Any, Any, Any]:  # fmt: skip
        if bias is not None or causal or query.dtype.num != 11:  # a query may see no key
            return Kernels.attention(self, query, key, value, bias, scale, causal, drop)
        scores = self.matmul(query, key.swapaxes(-1, -2))
        weights = self.softmax(self.mul(scores, float(scale), out=scores), -1)
        if drop is None:
            return self.matmul(weights, value), weights, None
        kept = self.bernoulli(drop[0], weights, 1 - drop[1])
        return self.matmul(self.mul(weights, kept), value), weights, kept

    def attention_backward(self, grad: Any, query: Any, key: Any, value: Any, weights: Any, kept: Any, scale: float
                           ) -> tuple[Any, Any, Any, Any]:  # fmt: skip
        used = weights if kept is None else self.mul(weights, kept)
        by_value = self.matmul(used.swapaxes(-1, -2), grad)
        by_weights = self.matmul(grad, value.swapaxes(-1, -2))
        if kept is not None:
            by_weights = self.mul(by_weights, kept, out=by_weights)
        by_scores = self.softmax_backward(by_weights, weights, -1)
        scaled = self.mul(by_scores, float(scale))
        by_key = self.matmul(scaled.swapaxes(-1, -2), query)
        return self.matmul(scaled, key), by_key, by_value, by_scores
