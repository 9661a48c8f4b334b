"""The encoder of a transformer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Annotated

from engine.describe import Choice, Fixed, Hidden, Inferred, Part, Range, Start, layer
from engine.errors import OptionError
from engine.nn import functional as F
from engine.nn.attention import MultiheadAttention, check_heads
from engine.nn.containers import ModuleList
from engine.nn.linear import Linear
from engine.nn.module import Module
from engine.nn.regularisation import Dropout
from engine.nn.sample_norm import LayerNorm
from engine.tensor import Tensor

ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


def activation_of(where: str, activation: str | Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A function, or the one of that name.

    Raises:
        OptionError: there is none of that name.
    """
    if isinstance(activation, str) and activation not in ACTIVATIONS:
        raise OptionError(where, got=f"activation={activation!r}", expected="'relu' or 'gelu'")
    return ACTIVATIONS[activation] if isinstance(activation, str) else activation


def attended(
    attention: MultiheadAttention, x: Tensor, seen: Tensor, mask: Tensor | None, padding: Tensor | None, causal: bool
) -> Tensor:
    """What x takes from the steps that it sees."""
    return attention(
        x, seen, seen, attn_mask=mask, key_padding_mask=padding, need_weights=False, is_causal=bool(causal)
    )[0]


@layer("Transformer encoder layer", category="Attention", axes=("steps", "features"),
       synonyms=("transformer block", "self-attention", "encoder", "bert", "vision transformer"))  # fmt: skip
class TransformerEncoderLayer(Module):
    """Self-attention and then a small dense network at each step, both with a residual connection.

    x = x + attention(norm(x)), then x + W₂ activation(W₁ norm(x) + b₁) + b₂ with norm_first; else norms come after

    Vaswani et al., 2017.

    Args:
        d_model: Features of each step; on the canvas filled in from the wire.
        nhead: Attention heads; d_model is split among them.
        dim_feedforward: Units of the dense network's hidden layer.
        dropout: Share of values set to zero while training, in four places.
        activation: The activation of the hidden layer: relu or gelu, or for scripts any function.
        layer_norm_eps: Added to the variance in the layer norms.
        batch_first: Whether N is the first axis instead of the second.
        norm_first: Whether the norms come before attention and dense network, which trains more steadily.
        bias: Whether biases are added and learned.

    Shape:
        x: (N, L, d_model) with batch_first, else (L, N, d_model), or (L, d_model) -> the same

    Raises:
        OptionError: a d_model that nhead does not divide, or an unknown activation.

    Example:
        >>> import engine
        >>> block = engine.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> tuple(block(engine.randn(2, 5, 8)).shape)
        (2, 5, 8)
    """

    def __init__(
        self,
        d_model: Annotated[int, Inferred(-1), Range(1, 65_536)],
        nhead: Annotated[int, Range(1, 256), Start(4)],
        dim_feedforward: Annotated[int, Range(1, 65_536, log=True), Start(256)] = 2048,
        dropout: Annotated[float, Range(0.0, 1.0)] = 0.1,
        activation: Annotated[str | Callable[[Tensor], Tensor], Choice(tuple(ACTIVATIONS))] = "relu",
        layer_norm_eps: Annotated[float, Range(1e-12, 1.0, log=True)] = 1e-5,
        batch_first: Annotated[bool, Fixed(True)] = False,
        norm_first: bool = False,
        bias: bool = True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        check_heads("TransformerEncoderLayer", d_model, nhead, "nhead")
        place = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **place)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **place)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = activation_of("TransformerEncoderLayer", activation)

    def forward(
        self,
        x: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        masks = (src_mask, src_key_padding_mask, is_causal)
        if self.norm_first:
            seen = self.norm1(x)
            x = x + self.dropout1(attended(self.self_attn, seen, seen, *masks))
            return x + self._dense(self.norm2(x))
        x = self.norm1(x + self.dropout1(attended(self.self_attn, x, x, *masks)))
        return self.norm2(x + self._dense(x))

    def _dense(self, x: Tensor) -> Tensor:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


@layer("Transformer encoder", category="Attention", axes=("steps", "features"),
       synonyms=("transformer blocks", "self-attention", "bert", "stack of encoder layers"))  # fmt: skip
class TransformerEncoder(Module):
    """Encoder layers one behind the other.

    y = norm(layerₙ(… layer₁(src)))

    Vaswani et al., 2017.

    Args:
        encoder_layer: The layer; copies of it, with its weights, are stacked.
        num_layers: How many.
        norm: A module at the end, or None.
        enable_nested_tensor: Accepted for PyTorch's sake; nothing depends on it.
        mask_check: Likewise.

    Shape:
        src: as the layer takes it -> the same

    Example:
        >>> import engine
        >>> from engine import nn
        >>> encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), num_layers=2)
        >>> tuple(encoder(engine.randn(2, 5, 8)).shape)
        (2, 5, 8)
    """

    def __init__(
        self,
        encoder_layer: Annotated[Module, Part(TransformerEncoderLayer)],
        num_layers: Annotated[int, Range(1, 64), Start(2)],
        norm: Annotated[Module | None, Hidden()] = None,
        enable_nested_tensor: Annotated[bool, Hidden()] = True,
        mask_check: Annotated[bool, Hidden()] = True,
    ):
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(encoder_layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        for block in self.layers:
            src = block(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(is_causal))
        return src if self.norm is None else self.norm(src)
