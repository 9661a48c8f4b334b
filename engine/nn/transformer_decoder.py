"""The decoder of a transformer, and both halves together."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Annotated, Any

from engine.describe import Choice, Fixed, Hidden, Inferred, Part, Range, Start, layer
from engine.errors import ShapeError
from engine.nn import init
from engine.nn.attention import MultiheadAttention, check_heads
from engine.nn.containers import ModuleList
from engine.nn.linear import Linear
from engine.nn.module import Module
from engine.nn.regularisation import Dropout
from engine.nn.sample_norm import LayerNorm
from engine.nn.transformer import ACTIVATIONS, TransformerEncoder, TransformerEncoderLayer, activation_of, attended
from engine.ops.base import times
from engine.tensor import Tensor
from engine.tensor.creation import full
from engine.wording import counted


@layer("Transformer decoder layer", category="Attention", axes=("steps", "features"),
       synonyms=("transformer block", "attention to an encoder", "decoder", "translation"))  # fmt: skip
class TransformerDecoderLayer(Module):
    """Self-attention, attention to what an encoder gave, and a small dense network at each step.

    x = x + attention(norm(x)), x = x + attention(norm(x), memory), x = x + dense(norm(x)) with norm_first; else norms
    come after

    Vaswani et al., 2017.

    Args:
        d_model: Features of each step; on the canvas filled in from the wire.
        nhead: Attention heads; d_model is split among them.
        dim_feedforward: Units of the dense network's hidden layer.
        dropout: Share of values set to zero while training, in six places.
        activation: The activation of the hidden layer: relu or gelu, or for scripts any function.
        layer_norm_eps: Added to the variance in the layer norms.
        batch_first: Whether N is the first axis instead of the second.
        norm_first: Whether the norms come before attention and dense network, which trains more steadily.
        bias: Whether biases are added and learned.

    Shape:
        tgt: (N, L, d_model), memory: (N, S, d_model) with batch_first, else steps before N, or without N -> as tgt

    Raises:
        OptionError: a d_model that nhead does not divide, or an unknown activation.

    Example:
        >>> import engine
        >>> block = engine.nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
        >>> tuple(block(engine.randn(2, 5, 8), engine.randn(2, 7, 8)).shape)
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
        check_heads("TransformerDecoderLayer", d_model, nhead, "nhead")
        place = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **place)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **place)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **place)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place)
        self.norm3 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = activation_of("TransformerDecoderLayer", activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = (memory_mask, memory_key_padding_mask, memory_is_causal)
        if self.norm_first:
            x = self.norm1(tgt)
            x = tgt + self.dropout1(attended(self.self_attn, x, x, *own))
            x = x + self.dropout2(attended(self.multihead_attn, self.norm2(x), memory, *other))
            return x + self._dense(self.norm3(x))
        x = self.norm1(tgt + self.dropout1(attended(self.self_attn, tgt, tgt, *own)))
        x = self.norm2(x + self.dropout2(attended(self.multihead_attn, x, memory, *other)))
        return self.norm3(x + self._dense(x))

    def _dense(self, x: Tensor) -> Tensor:
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))


@layer("Transformer decoder", category="Attention", axes=("steps", "features"),
       synonyms=("transformer blocks", "cross-attention", "stack of decoder layers"))  # fmt: skip
class TransformerDecoder(Module):
    """Decoder layers one behind the other.

    y = norm(layerₙ(… layer₁(tgt, memory) …, memory))

    Vaswani et al., 2017.

    Args:
        decoder_layer: The layer; copies of it, with its weights, are stacked.
        num_layers: How many.
        norm: A module at the end, or None.

    Shape:
        tgt, memory: as the layer takes them -> as tgt

    Example:
        >>> import engine
        >>> from engine import nn
        >>> decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), num_layers=2)
        >>> tuple(decoder(engine.randn(2, 5, 8), engine.randn(2, 7, 8)).shape)
        (2, 5, 8)
    """

    def __init__(
        self,
        decoder_layer: Annotated[Module, Part(TransformerDecoderLayer)],
        num_layers: Annotated[int, Range(1, 64), Start(2)],
        norm: Annotated[Module | None, Hidden()] = None,
    ):
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(decoder_layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        for block in self.layers:
            tgt = block(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
                        bool(tgt_is_causal), memory_is_causal)  # fmt: skip
        return tgt if self.norm is None else self.norm(tgt)


@layer("Transformer", category="Attention", axes=("steps", "features"),
       synonyms=("encoder and decoder", "translation", "sequence to sequence", "attention"))  # fmt: skip
class Transformer(Module):
    """An encoder that reads one sequence and a decoder that writes another, as for translation.

    y = decoder(tgt, encoder(src))

    Weights with more than one axis start Xavier uniform. Vaswani et al., 2017.

    Args:
        d_model: Features of each step; on the canvas filled in from the wire.
        nhead: Attention heads; d_model is split among them.
        num_encoder_layers: Layers of the encoder.
        num_decoder_layers: Layers of the decoder.
        dim_feedforward: Units of the dense networks' hidden layers.
        dropout: Share of values set to zero while training.
        activation: relu or gelu; in a script any function, too.
        custom_encoder: A module instead of the encoder, or None.
        custom_decoder: A module instead of the decoder, or None.
        layer_norm_eps: Added to the variance in the layer norms.
        batch_first: Whether N is the first axis instead of the second.
        norm_first: Whether the norms come before attention and dense networks.
        bias: Whether biases are added and learned.

    Shape:
        src: (N, S, d_model), tgt: (N, L, d_model) with batch_first, else steps before N, or without N -> as tgt

    Raises:
        ShapeError: numbers of samples that differ, or features that are not d_model.

    Example:
        >>> import engine
        >>> network = engine.nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
        >>> tuple(network(engine.randn(2, 7, 8), engine.randn(2, 5, 8)).shape)
        (2, 5, 8)
    """

    def __init__(
        self,
        d_model: Annotated[int, Inferred(-1), Range(1, 65_536), Start(None)] = 512,
        nhead: Annotated[int, Range(1, 256), Start(4)] = 8,
        num_encoder_layers: Annotated[int, Range(1, 64), Start(2)] = 6,
        num_decoder_layers: Annotated[int, Range(1, 64), Start(2)] = 6,
        dim_feedforward: Annotated[int, Range(1, 65_536, log=True), Start(256)] = 2048,
        dropout: Annotated[float, Range(0.0, 1.0)] = 0.1,
        activation: Annotated[str | Callable[[Tensor], Tensor], Choice(tuple(ACTIVATIONS))] = "relu",
        custom_encoder: Annotated[Any, Hidden()] = None,
        custom_decoder: Annotated[Any, Hidden()] = None,
        layer_norm_eps: Annotated[float, Range(1e-12, 1.0, log=True)] = 1e-5,
        batch_first: Annotated[bool, Fixed(True)] = False,
        norm_first: bool = False,
        bias: bool = True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        place = {"device": device, "dtype": dtype}
        options = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        if custom_encoder is None:
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place)
            custom_encoder = TransformerEncoder(TransformerEncoderLayer(*options, **place), num_encoder_layers, norm)
        if custom_decoder is None:
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place)
            custom_decoder = TransformerDecoder(TransformerDecoderLayer(*options, **place), num_decoder_layers, norm)
        self.encoder = custom_encoder
        self.decoder = custom_decoder
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        self._check(src, tgt)
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )  # fmt: skip

    def _check(self, src: Tensor, tgt: Tensor) -> None:
        samples = 0 if self.batch_first else 1
        same = src.ndim == tgt.ndim and (src.ndim < 3 or src.shape[samples] == tgt.shape[samples])
        if not same or (src.shape[-1], tgt.shape[-1]) != (self.d_model, self.d_model):
            raise ShapeError("Transformer", got=f"{times(src.shape)} and {times(tgt.shape)} arrive",
                             expected=f"as many samples in both, with {counted(self.d_model, 'feature')}")  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """-infinity above the diagonal, 0 elsewhere: what is added to scores so that no step sees a later one.

        >>> Transformer.generate_square_subsequent_mask(2).tolist()
        [[0.0, -inf], [0.0, 0.0]]
        """
        later = full((sz, sz), 1.0, device=device).triu(1) > 0
        return full((sz, sz), 0.0, device=device, dtype=dtype).masked_fill(later, -math.inf)
