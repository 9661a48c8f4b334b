"""Attention and transformer encoders beside PyTorch's: outputs, weights, every gradient, keys, reprs, masks."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF  # noqa: E402

import engine  # noqa: E402
import engine.nn.functional as F  # noqa: E402
from engine import nn  # noqa: E402

N, L, S, E, HEADS = 3, 5, 7, 8, 2
LATER = np.triu(np.ones((L, L), bool), 1)
SOME = np.arange(L * S).reshape(L, S) % 3 == 1
PADDED = np.arange(S)[None, :] >= np.array([[7], [4], [3]])  # True at keys that nobody may see


def close(ours, theirs, what):
    ours, theirs = ours.detach().numpy(), theirs.detach().numpy()
    assert ours.shape == theirs.shape, what
    scale = max(1e-3, float(np.abs(theirs).max()) if theirs.size else 0.0)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * scale, err_msg=what)


def both(values, gradient=True):
    """The same values as a tensor of each library; real ones with a gradient."""
    if values is None:
        return None, None
    values = np.asarray(values)
    x, y = torch.from_numpy(values.copy()), engine.from_numpy(values.copy())
    if values.dtype.kind == "f" and gradient:
        x.requires_grad_()
        y.requires_grad_()
    return x, y


def draw(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype(np.float32)


def pair(make):
    torch.manual_seed(3)
    theirs, ours = make(torch.nn), make(nn)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    ours.load_state_dict({key: engine.from_numpy(value.numpy().copy()) for key, value in theirs.state_dict().items()})
    return theirs, ours


def backward(got, expected, inputs, ours=None, theirs=None):
    slope = draw(*expected.shape, seed=9)
    expected.backward(torch.from_numpy(slope))
    got.backward(engine.from_numpy(slope))
    for i, (x, y) in enumerate(inputs):
        if x is not None and x.requires_grad:
            close(y.grad, x.grad, f"gradient of input {i}")
    if ours is not None:
        scale = max(float(p.grad.abs().max()) for p in theirs.parameters())
        for (name, b), (_, a) in zip(theirs.named_parameters(), ours.named_parameters(), strict=True):
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-5, atol=1e-5 * scale, err_msg=name)


@pytest.mark.parametrize(
    ("mask", "options"),
    [
        (None, {}), (None, {"is_causal": True}), (None, {"scale": 0.3}), (~SOME, {}), (draw(L, S), {}),
        (draw(N, HEADS, L, S), {}), (~PADDED[:, None, None, :], {}), (draw(N, 1, 1, S), {"scale": 2.0}),
    ],
)  # fmt: skip
def test_scaled_dot_product_attention_agrees(mask, options):
    inputs = [both(draw(N, HEADS, n, width)) for n, width in ((L, 4), (S, 4), (S, 6))]
    inputs.append(both(mask))
    expected = TF.scaled_dot_product_attention(*[x for x, _ in inputs], **options)
    got = F.scaled_dot_product_attention(*[y for _, y in inputs], **options)
    close(got, expected, "output")
    backward(got, expected, inputs)


def test_a_query_that_may_see_no_key_gets_zeros():
    allowed = np.ones((L, S), bool)
    allowed[2] = False
    inputs = [both(draw(N, n, 4)) for n in (L, S, S)]
    expected = TF.scaled_dot_product_attention(*[x for x, _ in inputs], torch.from_numpy(allowed))
    got = F.scaled_dot_product_attention(*[y for _, y in inputs], engine.from_numpy(allowed))
    close(got, expected, "output")
    backward(got, expected, inputs)


def test_attention_without_leading_axes_agrees():
    inputs = [both(draw(n, 4)) for n in (L, S, S)]
    expected = TF.scaled_dot_product_attention(*[x for x, _ in inputs])
    got = F.scaled_dot_product_attention(*[y for _, y in inputs])
    close(got, expected, "output")
    backward(got, expected, inputs)


def test_dropout_of_attention_keeps_its_mean_and_draws_anew():
    engine.manual_seed(0)
    query, key = engine.zeros(1, 1, 4), engine.zeros(1, 20_000, 4)
    value = engine.ones(1, 20_000, 1)
    first = F.scaled_dot_product_attention(query, key, value, dropout_p=0.25).item()
    second = F.scaled_dot_product_attention(query, key, value, dropout_p=0.25).item()
    assert first != second
    assert first == pytest.approx(1.0, abs=0.02)


MHA = [
    {}, {"bias": False}, {"kdim": 5, "vdim": 6}, {"kdim": 5, "bias": False}, {"batch_first": True},
    {"batch_first": True, "kdim": 5, "vdim": 6},
]  # fmt: skip


@pytest.mark.parametrize("options", MHA, ids=str)
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize(
    ("attn_mask", "padding"),
    [(None, None), (SOME, None), (draw(L, S), None), (None, PADDED), (SOME, PADDED), (draw(N * HEADS, L, S), None)],
    ids=["free", "mask", "numbers", "padding", "both", "mask of each head"],
)
def test_multihead_attention_agrees(options, need_weights, attn_mask, padding):
    theirs, ours = pair(lambda nn: nn.MultiheadAttention(E, HEADS, **options))
    widths = (E, options.get("kdim", E), options.get("vdim", E))
    shapes = [(N, n, w) if options.get("batch_first") else (n, N, w) for n, w in zip((L, S, S), widths)]
    inputs = [both(draw(*shape, seed=i)) for i, shape in enumerate(shapes)]
    (a, b), (c, d) = both(attn_mask, False), both(padding, False)
    expected, their_weights = theirs(*[x for x, _ in inputs], attn_mask=a, key_padding_mask=c,
                                     need_weights=need_weights)  # fmt: skip
    got, weights = ours(*[y for _, y in inputs], attn_mask=b, key_padding_mask=d, need_weights=need_weights)
    close(got, expected, "output")
    assert (weights is None) == (their_weights is None) == (not need_weights)
    if need_weights:
        close(weights, their_weights, "weights")
    backward(got, expected, inputs, ours, theirs)


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_self_attention_agrees(need_weights, batch_first):
    theirs, ours = pair(lambda nn: nn.MultiheadAttention(E, HEADS, batch_first=batch_first))
    x, y = both(draw(N, L, E))
    expected, got = theirs(x, x, x, need_weights=need_weights)[0], ours(y, y, y, need_weights=need_weights)[0]
    close(got, expected, "output")
    backward(got, expected, [(x, y)], ours, theirs)


@pytest.mark.parametrize("average", [True, False])
def test_a_single_sequence_and_the_weights_of_each_head_agree(average):
    theirs, ours = pair(lambda nn: nn.MultiheadAttention(E, HEADS))
    inputs = [both(draw(n, E)) for n in (L, S, S)]
    a, b = both(PADDED[1], False)
    expected = theirs(*[x for x, _ in inputs], average_attn_weights=average, key_padding_mask=a)
    got = ours(*[y for _, y in inputs], average_attn_weights=average, key_padding_mask=b)
    close(got[0], expected[0], "output")
    close(got[1], expected[1], "weights")


def test_a_causal_hint_beside_the_mask_agrees():
    theirs, ours = pair(lambda nn: nn.MultiheadAttention(E, HEADS, batch_first=True))
    (x, y), (a, b) = both(draw(N, L, E)), both(LATER, False)
    for need_weights in (True, False):
        expected = theirs(x, x, x, attn_mask=a, is_causal=True, need_weights=need_weights)[0]
        close(ours(y, y, y, attn_mask=b, is_causal=True, need_weights=need_weights)[0], expected, "output")
        close(ours(y, y, y, is_causal=True, need_weights=need_weights)[0], expected, "without the mask")


ENCODERS = [
    {"batch_first": True}, {}, {"norm_first": True, "batch_first": True}, {"activation": "gelu", "bias": False},
    {"norm_first": True, "layer_norm_eps": 1e-3},
]  # fmt: skip


@pytest.mark.parametrize("options", ENCODERS, ids=str)
@pytest.mark.parametrize(("mask", "causal"), [(None, False), (LATER, False), (LATER, True)])
def test_a_transformer_encoder_layer_agrees(options, mask, causal):
    theirs, ours = pair(lambda nn: nn.TransformerEncoderLayer(E, HEADS, 12, dropout=0.0, **options))
    x, y = both(draw(N, L, E) if options.get("batch_first") else draw(L, N, E))
    a, b = both(mask, False)
    expected, got = theirs(x, src_mask=a, is_causal=causal), ours(y, src_mask=b, is_causal=causal)
    close(got, expected, "output")
    backward(got, expected, [(x, y)], ours, theirs)
    close(ours.eval()(y, src_mask=b), theirs.eval()(x, src_mask=a), "output in evaluation")


@pytest.mark.parametrize("norm", [True, False])
def test_a_transformer_encoder_agrees(norm):
    def make(nn):
        block = nn.TransformerEncoderLayer(E, HEADS, 12, dropout=0.0, batch_first=True, norm_first=True)
        return nn.TransformerEncoder(block, 2, nn.LayerNorm(E) if norm else None, enable_nested_tensor=False)

    theirs, ours = pair(make)
    (x, y), (a, b) = both(draw(N, S, E)), both(PADDED, False)
    expected, got = theirs(x, src_key_padding_mask=a), ours(y, src_key_padding_mask=b)
    close(got, expected, "output")
    backward(got, expected, [(x, y)], ours, theirs)


def test_the_layers_of_an_encoder_are_copies_of_their_own():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(E, HEADS, 12), 2)
    first, second = encoder.layers[0].linear1.weight, encoder.layers[1].linear1.weight
    assert first is not second
    assert first.tolist() == second.tolist()
    first.data.fill_(1.0)
    assert first.tolist() != second.tolist()


def test_dropout_in_an_encoder_layer_is_drawn_in_training_only():
    block = nn.TransformerEncoderLayer(E, HEADS, 12, dropout=0.5)
    x = engine.randn(L, N, E)
    assert not engine.equal(block(x), block(x))
    block.eval()
    assert engine.equal(block(x), block(x))


def test_first_values_have_pytorchs_distribution():
    theirs, ours = torch.nn.MultiheadAttention(96, 4), nn.MultiheadAttention(96, 4)
    for (name, expected), got in zip(theirs.named_parameters(), ours.parameters(), strict=True):
        a, b = got.detach().numpy(), expected.detach().numpy()
        np.testing.assert_allclose(np.quantile(a, [0.05, 0.5, 0.95]), np.quantile(b, [0.05, 0.5, 0.95]),
                                   atol=0.05 * max(b.std(), 1e-9), err_msg=name)  # fmt: skip
