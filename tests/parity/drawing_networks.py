"""How norms, recurrent layers and transformers are drawn."""

from __future__ import annotations

import numpy as np

from tests.parity.drawing import Draw, Drawn, entry
from tests.parity.drawing_layers import images, rank_of

SWITCH = (True, False)


@entry("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d")
def _norm_of_channels(draw, name):
    rank, count = rank_of(name), draw.whole(1, 3)
    momenta = (0.5, 0.0, 1.0, None) if name.startswith("Batch") else (0.5, 0.0, 1.0)
    options = {"num_features": count} | draw.options(
        eps=(1e-3, 0.1), momentum=momenta, affine=SWITCH, track_running_stats=SWITCH, bias=SWITCH)  # fmt: skip
    x = images(draw, rank, 1, 4, draw.of(count, count, count, 2))
    if not x.size and (name.startswith("Instance") or x.shape[1] != count):  # PyTorch stumbles over nothing
        x = draw.array(1, count, *draw.sizes(rank, 1, 4))
    if name == "BatchNorm1d" and draw.of(*SWITCH):
        x = draw.array(draw.whole(1, 5), count)
    return Drawn(options, (x,), modes=("train", "train", "eval"), tolerance=50.0)


@entry("LayerNorm", "RMSNorm")
def _norm_of_samples(draw, name):
    shape = draw.sizes(draw.whole(1, 2), 1, 4)
    choices = {"eps": (1e-3, 0.1), "elementwise_affine": SWITCH} | ({"bias": SWITCH} if name == "LayerNorm" else {})
    options = {"normalized_shape": draw.of(shape, list(shape), shape[0])} | draw.options(**choices)
    return Drawn(options, (draw.array(*draw.any_shape()[:2], *shape),), tolerance=50.0)


@entry("GroupNorm")
def _group_norm(draw, name):
    groups = draw.whole(1, 3)
    options = {"num_groups": groups, "num_channels": groups * draw.whole(1, 2) + (draw.whole(0, 9) == 0)}
    options |= draw.options(eps=(1e-3, 0.1), affine=SWITCH, bias=SWITCH)
    shape = (draw.whole(0, 3), options["num_channels"], *draw.sizes(draw.whole(0, 3), 1, 4))
    return Drawn(options, (draw.array(*shape),), tolerance=50.0)


@entry("LocalResponseNorm")
def _local_response_norm(draw, name):
    options = {"size": draw.whole(1, 5)} | draw.options(alpha=(0.5, 1e-2), beta=(0.3, 1.0), k=(2.0, 0.5))
    return Drawn(options, (draw.array(*draw.sizes(draw.whole(2, 5), 0, 3)),), tolerance=5.0)


def states(draw: Draw, *shapes: tuple[int, ...]) -> tuple:
    """Nothing, or a first state for each of the shapes."""
    if draw.of(*SWITCH):
        return ()
    found = tuple(draw.array(*shape) for shape in shapes)
    return (found,) if len(found) > 1 else found


@entry("RNN", "LSTM", "GRU")
def _recurrent(draw, name):
    sizes = {"input_size": draw.whole(1, 3), "hidden_size": draw.whole(2, 3)}
    options = draw.options(num_layers=(1, 2), bias=SWITCH, batch_first=SWITCH, bidirectional=SWITCH, dropout=(0.0,))
    if name == "RNN":
        options |= draw.options(nonlinearity=("tanh", "relu"))
    if name == "LSTM":
        options |= draw.options(proj_size=(0, 1))
    single, batch, length = draw.whole(0, 3) == 0, draw.whole(0, 3), draw.whole(1, 4)
    axes = () if single else (batch,)
    shape = (*axes, length) if options.get("batch_first") and not single else (length, *axes)
    layers = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    kept = options.get("proj_size") or sizes["hidden_size"]
    first = [(layers, *axes, kept)] + ([(layers, *axes, sizes["hidden_size"])] if name == "LSTM" else [])
    x = draw.array(*shape, draw.of(*[sizes["input_size"]] * 4, 2))
    return Drawn(sizes | options, (x, *states(draw, *first)), tolerance=10.0)


@entry("RNNCell", "LSTMCell", "GRUCell")
def _cell(draw, name):
    sizes = {"input_size": draw.whole(1, 3), "hidden_size": draw.whole(1, 3)}
    options = draw.options(bias=SWITCH, **({"nonlinearity": ("tanh", "relu")} if name == "RNNCell" else {}))
    batch = draw.batch()
    first = [(*batch, sizes["hidden_size"])] * (2 if name == "LSTMCell" else 1)
    x = draw.array(*batch, draw.of(*[sizes["input_size"]] * 4, 2))
    return Drawn(sizes | options, (x, *states(draw, *first)), tolerance=10.0)


@entry("MultiheadAttention")
def _attention(draw, name):
    heads = draw.whole(1, 2)
    width = heads * draw.whole(1, 2)
    options = {"embed_dim": width, "num_heads": heads} | draw.options(
        dropout=(0.0,), bias=SWITCH, add_bias_kv=SWITCH, add_zero_attn=SWITCH, kdim=(width, 3), vdim=(width, 1),
        batch_first=SWITCH)  # fmt: skip
    single, batch, q, k = draw.of(*SWITCH), draw.whole(1, 2), draw.whole(1, 3), draw.whole(1, 3)

    def sequence(length, size):
        shape = (length,) if single else (batch, length) if options.get("batch_first") else (length, batch)
        return draw.array(*shape, size)

    named = draw.options(need_weights=SWITCH, average_attn_weights=SWITCH)
    if draw.of(*SWITCH):
        hidden = np.zeros((k,) if single else (batch, k), bool)
        hidden[..., 1:] = draw.rng.uniform(size=hidden[..., 1:].shape) < 0.5
        named["key_padding_mask"] = hidden
    elif draw.of(*SWITCH):
        mask = np.triu(np.ones((q, k), bool), 1)
        named["attn_mask"] = mask if draw.of(*SWITCH) else draw.rng.standard_normal((q, k))
    inputs = (sequence(q, width), sequence(k, options.get("kdim", width)), sequence(k, options.get("vdim", width)))
    return Drawn(options, inputs, named, tolerance=20.0)


def transformer_options(draw: Draw) -> dict:
    heads = draw.whole(1, 2)
    sizes = {"d_model": heads * draw.whole(1, 2) * 2, "nhead": heads, "dim_feedforward": draw.whole(1, 4)}
    return (
        sizes
        | {"dropout": 0.0}
        | draw.options(
            activation=("relu", "gelu"), layer_norm_eps=(1e-3,), batch_first=SWITCH, norm_first=SWITCH, bias=SWITCH
        )
    )


def sequences(draw: Draw, options: dict, *lengths: int) -> tuple[np.ndarray, ...]:
    """(L, N, D), (N, L, D) or (L, D)"""
    single, batch = draw.whole(0, 3) == 0, draw.whole(1, 2)
    axes = [(n,) if single else (batch, n) if options.get("batch_first") else (n, batch) for n in lengths]
    return tuple(draw.rng.standard_normal((*some, options["d_model"])) for some in axes)


def causal(draw: Draw, name: str, length: int) -> dict:
    """Perhaps a mask that hides what comes later."""
    return {name: np.triu(np.ones((length, length), bool), 1)} if draw.of(*SWITCH) else {}


@entry("TransformerEncoderLayer")
def _encoder_layer(draw, name):
    options, length = transformer_options(draw), draw.whole(1, 3)
    return Drawn(options, sequences(draw, options, length), causal(draw, "src_mask", length), tolerance=50.0)


@entry("TransformerDecoderLayer")
def _decoder_layer(draw, name):
    options, length = transformer_options(draw), draw.whole(1, 3)
    inputs = sequences(draw, options, length, draw.whole(1, 3))
    return Drawn(options, inputs, causal(draw, "tgt_mask", length), tolerance=50.0)


@entry("TransformerEncoder", "TransformerDecoder")
def _stack(draw, name):
    options, length, count = transformer_options(draw), draw.whole(1, 3), draw.whole(1, 2)
    decodes = name == "TransformerDecoder"
    inputs = sequences(draw, options, length, *([draw.whole(1, 3)] if decodes else []))
    normed = draw.of(*SWITCH)

    def make(nn, num_layers, norm, dtype, **rest):
        layer = getattr(nn, f"{name}Layer")(**options, dtype=dtype)
        last = nn.LayerNorm(options["d_model"], dtype=dtype) if norm else None
        return getattr(nn, name)(layer, num_layers, last, **rest)

    more = {} if decodes else {"enable_nested_tensor": False} | draw.options(mask_check=SWITCH)
    drawn = Drawn({"num_layers": count, "norm": normed} | more, inputs,
                  causal(draw, "tgt_mask" if decodes else "mask", length), make=make, tolerance=100.0)  # fmt: skip
    return drawn


@entry("Transformer")
def _transformer(draw, name):
    options = transformer_options(draw) | {"num_encoder_layers": 1, "num_decoder_layers": draw.whole(1, 2)}
    length = draw.whole(1, 3)
    inputs = sequences(draw, options, draw.whole(1, 3), length)
    return Drawn(options, inputs, causal(draw, "tgt_mask", length), tolerance=100.0)
