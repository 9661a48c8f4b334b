"""Attention with several heads."""

from __future__ import annotations

import math
from typing import Annotated

from engine.describe import Fixed, Hidden, Inferred, Range, Start, layer
from engine.errors import Fix, OptionError, ShapeError
from engine.nn import functional as F
from engine.nn import init
from engine.nn.attention_functional import as_bias
from engine.nn.linear import Linear
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.ops.base import times
from engine.tensor import Tensor
from engine.tensor.creation import empty, ones, zeros
from engine.tensor.shapes import cat
from engine.wording import counted


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear by the name that PyTorch's reprs show."""


@layer("Multi-head attention", category="Attention", axes=("steps", "features"),
       synonyms=("self-attention", "transformer", "mha", "query key value", "encoder-decoder attention"))  # fmt: skip
class MultiheadAttention(Module):
    """Lets each step look at all others and take from them what it needs, in several ways at once.

    y = [head 1, ..., head h] W_Oᵀ + b_O, head = softmax(q kᵀ / √d) v, with q, k, v = query, key, value W_inᵀ + b_in

    The weights of the inputs start Xavier uniform, the biases at 0. Vaswani et al., 2017. For self-attention all
    three inputs come from the same layer.

    Args:
        embed_dim: Features of query and result; on the canvas filled in from the wire.
        num_heads: Ways of looking at once; embed_dim is split among them.
        dropout: Share of attention weights set to zero while training.
        bias: Whether the b are added and learned.
        add_bias_kv: Whether one more key and value are learned, which everybody may see.
        add_zero_attn: Whether one more key and value of zeros are there, so that a query may look at nothing.
        kdim: Features of key; none: embed_dim.
        vdim: Features of value; none: embed_dim.
        batch_first: Whether N is the first axis instead of the second.

    Shape:
        query: (N, L, embed_dim); key: (N, S, kdim); value: (N, S, vdim) with batch_first, else steps before N, or
        without N -> as query; and the weights (N, L, S), or None with need_weights=False

    Raises:
        OptionError: an embed_dim that num_heads does not divide.

    Example:
        >>> import engine
        >>> x = engine.randn(2, 5, 8)
        >>> y, weights = engine.nn.MultiheadAttention(8, 2, batch_first=True)(x, x, x)
        >>> tuple(y.shape), tuple(weights.shape)
        ((2, 5, 8), (2, 5, 5))
    """

    def __init__(
        self,
        embed_dim: Annotated[int, Inferred(-1), Range(1, 65_536)],
        num_heads: Annotated[int, Range(1, 256), Start(4)],
        dropout: Annotated[float, Range(0.0, 1.0)] = 0.0,
        bias: bool = True,
        add_bias_kv: Annotated[bool, Hidden()] = False,
        add_zero_attn: Annotated[bool, Hidden()] = False,
        kdim: Annotated[int | None, Range(1, 65_536)] = None,
        vdim: Annotated[int | None, Range(1, 65_536)] = None,
        batch_first: Annotated[bool, Fixed(True)] = False,
        device=None,
        dtype=None,
    ):
        super().__init__()
        check_heads("MultiheadAttention", embed_dim, num_heads, "num_heads")
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        place = {"device": device, "dtype": dtype}
        packed = self.kdim == self.vdim == embed_dim
        for name, width in (("q", embed_dim), ("k", self.kdim), ("v", self.vdim)):
            own = None if packed else Parameter(empty(embed_dim, width, **place))
            self.register_parameter(f"{name}_proj_weight", own)
        shared = Parameter(empty(3 * embed_dim, embed_dim, **place)) if packed else None
        self.register_parameter("in_proj_weight", shared)
        self.register_parameter("in_proj_bias", Parameter(empty(3 * embed_dim, **place)) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **place)
        self.bias_k = self.bias_v = None
        if add_bias_kv:
            self.bias_k = Parameter(empty(1, 1, embed_dim, **place))
            self.bias_v = Parameter(empty(1, 1, embed_dim, **place))
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for vector in (self.bias_k, self.bias_v):
            if vector is not None:
                init.xavier_normal_(vector)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """
        Args:
            query, key, value: who looks, what is looked at, and what is taken from it.
            key_padding_mask: (N, S), True at keys that nobody may see, or numbers added to the scores.
            need_weights: whether the attention weights are returned, too; without them it is faster.
            attn_mask: (L, S) or (N · num_heads, L, S), likewise for each query.
            average_attn_weights: whether the weights are the mean over the heads, or those of each head.
            is_causal: says that attn_mask hides what comes later; alone, it does so itself.
        """
        single = query.ndim == 2
        first, second, third = self._batches(query, key, value)
        bias, causal = self._bias(first, second, key_padding_mask, attn_mask, is_causal, need_weights)
        q, k, v = self._heads(first, second, third)
        for more in self._more_keys(k):
            k, v = cat([k, more[0]], 2), cat([v, more[1]], 2)
            bias = None if bias is None else F.pad(bias, (0, 1))
        p = self.dropout if self.training else 0.0
        if need_weights:
            scores = (q * (1 / math.sqrt(self.head_dim))) @ k.mT
            weights = F.dropout((scores if bias is None else scores + bias).softmax(-1), p)
            out = weights @ v
            weights = weights.mean(1) if average_attn_weights else weights
        else:
            out, weights = F.scaled_dot_product_attention(q, k, v, bias, p, causal), None
        out = self.out_proj(out.transpose(1, 2).flatten(2))  # (N, L, E)
        if single:
            return out.squeeze(0), None if weights is None else weights.squeeze(0)
        return out if self.batch_first else out.transpose(0, 1), weights

    def _batches(self, *inputs: Tensor) -> list[Tensor]:
        """The inputs as (N, steps, features); the same tensor stays the same."""
        done: dict[int, Tensor] = {}
        for x, width in zip(inputs, (self.embed_dim, self.kdim, self.vdim)):
            if x.ndim not in (2, 3) or x.ndim != inputs[0].ndim or x.shape[-1] != width:
                raise ShapeError("MultiheadAttention", got=f"a tensor of {times(x.shape)} arrives",
                                 expected=f"sequences (N, steps, {width})")  # fmt: skip
            if id(x) not in done:
                done[id(x)] = x.unsqueeze(0) if x.ndim == 2 else x if self.batch_first else x.transpose(0, 1)
        return [done[id(x)] for x in inputs]

    def _heads(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        """Projected and split: each (N, heads, steps, E / heads)."""
        weights = self.in_proj_weight
        if weights is not None and query is key and key is value:
            packed = F.linear(query, weights, self.in_proj_bias)  # (N, L, 3 E)
            split = packed.reshape(*packed.shape[:2], 3, self.num_heads, self.head_dim)
            return split.permute(2, 0, 3, 1, 4).unbind(0)
        own = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight) if weights is None else weights.chunk(3)
        biases = (None, None, None) if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        return tuple(
            F.linear(x, w, b).unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)
            for x, w, b in zip((query, key, value), own, biases)
        )

    def _more_keys(self, keys: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Keys and values beside those that are given, each (N, heads, 1, E / heads)."""
        shape, more = (keys.shape[0], self.num_heads, 1, self.head_dim), []
        if self.bias_k is not None:
            one = (1, *shape[1:])
            more.append((self.bias_k.reshape(one).expand(shape), self.bias_v.reshape(one).expand(shape)))
        if self.add_zero_attn:
            nothing = zeros(*shape, dtype=keys.dtype, device=keys.device)
            more.append((nothing, nothing))
        return more

    def _bias(self, query: Tensor, key: Tensor, padding: Tensor | None, mask: Tensor | None, causal: bool,
              need_weights: bool) -> tuple[Tensor | None, bool]:  # fmt: skip
        """What is added to the scores, (N or 1, heads or 1, L or 1, S), and whether they are causal besides."""
        (n, length, _), seen = query.shape, key.shape[1]
        if causal and padding is None and not need_weights:
            return None, True
        if mask is None and causal:
            mask = ones(length, seen, device=query.device).triu(1) > 0
        bias = None
        if mask is not None:
            expected = (length, seen) if mask.ndim == 2 else (n * self.num_heads, length, seen)
            _require("attn_mask", mask, expected)
            bias = as_bias(mask, query)
            bias = bias if mask.ndim == 2 else bias.reshape(n, self.num_heads, length, seen)
        if padding is not None:
            padding = padding.unsqueeze(0) if padding.ndim == 1 else padding
            _require("key_padding_mask", padding, (n, seen))
            hidden = as_bias(padding, query).reshape(n, 1, 1, seen)
            bias = hidden if bias is None else bias + hidden
        return bias, False


def check_heads(where: str, features: int, heads: int, name: str) -> None:
    """An OptionError where features cannot be split among heads, with the nearest number that can."""
    if features < 1 or heads < 1 or features % heads:
        fits = next((h for h in range(min(max(heads, 1), max(features, 1)), 0, -1) if features % h == 0), 1)
        fix = Fix(f"Set {name} to {fits}", "set_parameter", name=name, value=fits)
        raise OptionError(
            where,
            got=f"{counted(features, 'feature')} for {counted(heads, 'head')}",
            expected="as many for each head",
            mend=f"set {name} to {fits}",
            fixes=(fix,),
        )


_MASKS = {
    "attn_mask": "make it a row for each query and a column for each key",
    "key_padding_mask": "make it a row for each sample and a column for each key",
}
"""How the masks are laid out."""


def _require(name: str, mask: Tensor, expected: tuple[int, ...]) -> None:
    if tuple(mask.shape) != expected:
        raise ShapeError("MultiheadAttention", got=f"{name} is {times(mask.shape)}", expected=times(expected),
                         mend=_MASKS[name])  # fmt: skip
