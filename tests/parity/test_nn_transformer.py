"""Attention in all its options, decoders and whole transformers beside PyTorch's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine import nn  # noqa: E402
from tests.parity.comparing_layers import arguments, close, same_layer, same_results  # noqa: E402

F, OURS = torch.nn.functional, nn.functional
N, L, S, E = 3, 4, 6, 8
LATER = np.triu(np.ones((L, L), bool), 1)
PADDED = np.arange(S)[None, :] >= np.array([[6], [4], [3]])
QUERY, KEY = (N, L, E), (N, S, E)

pytestmark = pytest.mark.filterwarnings(
    "ignore:enable_nested_tensor is True", "ignore:Support for mismatched", "ignore:.*nested tensors.*prototype",
    "ignore:The PyTorch API of nested tensors",
)  # fmt: skip
OPTIONS = [{"add_bias_kv": True}, {"add_zero_attn": True}, {"add_bias_kv": True, "add_zero_attn": True},
           {"add_bias_kv": True, "bias": False, "kdim": 5, "vdim": 6}]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_attention_with_more_keys_agrees(options, dtype):
    shapes = (QUERY, (N, S, options.get("kdim", E)), (N, S, options.get("vdim", E)))
    for named in ({}, {"need_weights": False}, {"average_attn_weights": False}, {"key_padding_mask": PADDED},
                  {"attn_mask": np.tril(np.ones((L, S))) == 0, "need_weights": False}):  # fmt: skip
        same_layer(lambda nn: nn.MultiheadAttention(E, 2, batch_first=True, **options), *shapes, dtype=dtype,
                   modes=("train",), **named)  # fmt: skip


def test_heads_of_the_query_share_those_of_key_and_value():
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(shape) for shape in ((2, 6, L, 4), (2, 3, S, 4), (2, 3, S, 5))]
    same_results(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True),
                 lambda q, k, v: OURS.scaled_dot_product_attention(q, k, v, enable_gqa=True), *inputs)  # fmt: skip


def decoder_layer(nn, **options):
    return nn.TransformerDecoderLayer(E, 2, 12, 0.0, **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("first", "norm_first", "bias"), [*itertools.product((True, False), (True, False), (True,)),
                                                           (True, True, False)])  # fmt: skip
def test_a_decoder_layer_agrees(first, norm_first, bias, dtype):
    shapes = [shape if first else (shape[1], shape[0], shape[2]) for shape in (QUERY, KEY)]
    options = {"batch_first": first, "norm_first": norm_first, "bias": bias, "activation": "gelu"}
    for named in ({}, {"tgt_mask": LATER, "memory_key_padding_mask": PADDED}, {"tgt_mask": LATER,
                  "tgt_is_causal": True}):  # fmt: skip
        same_layer(lambda nn: decoder_layer(nn, **options), *shapes, dtype=dtype, modes=("train",), **named)


def test_a_decoder_agrees_also_without_n():
    def make(nn):
        return nn.TransformerDecoder(decoder_layer(nn, batch_first=True), 2, nn.LayerNorm(E))

    same_layer(make, QUERY, KEY, modes=("train",), tgt_mask=LATER)
    same_layer(make, QUERY[1:], KEY[1:], modes=("train",))


@pytest.mark.parametrize("options", [{"batch_first": True}, {"batch_first": True, "norm_first": True, "bias": False},
                                     {"batch_first": True, "activation": "gelu"}], ids=str)  # fmt: skip
def test_a_whole_transformer_agrees(options):
    def make(nn):
        return nn.Transformer(E, 2, 1, 2, 12, 0.0, **options)

    for named in ({}, {"src_key_padding_mask": PADDED, "memory_key_padding_mask": PADDED, "tgt_mask": LATER}):
        same_layer(make, KEY, QUERY, modes=("train",), **named)


def test_a_transformer_takes_an_encoder_and_a_decoder_of_ones_own():
    class Twice(nn.Module):
        def forward(self, src, **masks):
            return src * 2

    class Sum(nn.Module):
        def forward(self, tgt, memory, **masks):
            return tgt + memory.sum()

    network = nn.Transformer(E, custom_encoder=Twice(), custom_decoder=Sum())
    assert network(engine.ones(1, 1, E), engine.zeros(1, 1, E)).tolist() == [[[2.0 * E] * E]]


def test_the_mask_of_what_comes_later_agrees():
    for size in (1, 5):
        close(nn.Transformer.generate_square_subsequent_mask(size),
              torch.nn.Transformer.generate_square_subsequent_mask(size), "mask")  # fmt: skip
    assert nn.Transformer.generate_square_subsequent_mask(2, dtype=engine.float64).dtype == engine.float64


@pytest.mark.parametrize("name", ["MultiheadAttention", "TransformerDecoderLayer", "TransformerDecoder", "Transformer",
                                  "TransformerEncoderLayer", "TransformerEncoder"])  # fmt: skip
@pytest.mark.parametrize("method", ["__init__", "forward"])
def test_a_layers_arguments_are_pytorchs(name, method):
    ours, theirs = (arguments(getattr(getattr(library.nn, name), method)) for library in (engine, torch))
    theirs = [(n, "relu" if d is F.relu else d) for n, d in theirs]
    if method == "forward":  # the first input is called x on the canvas
        ours, theirs = ours[1:], theirs[1:]
    assert ours == theirs


@pytest.mark.parametrize(
    "fault",
    [
        lambda library, nn: nn.Transformer(E, 2, 1, 1, 8)(library.ones(5, 2, E), library.ones(5, 3, E)),
        lambda library, nn: nn.Transformer(E, 2, 1, 1, 8)(library.ones(5, 2, 4), library.ones(5, 2, 4)),
        lambda library, nn: nn.TransformerDecoderLayer(E, 2, activation="sine"),
        lambda library, nn: nn.TransformerDecoderLayer(E, 3),
    ],
)
def test_what_pytorch_refuses_is_refused(fault):
    with pytest.raises((RuntimeError, AssertionError)):
        fault(torch, torch.nn)
    with pytest.raises(engine.errors.EngineError):
        fault(engine, nn)
