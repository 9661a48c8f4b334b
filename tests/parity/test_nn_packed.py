"""Sequences of different lengths, padded and packed, and recurrent layers over them, beside PyTorch's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine import nn  # noqa: E402
from tests.parity.comparing_layers import arguments, both, close, flat, pair, same_results  # noqa: E402

THEIRS, OURS = torch.nn.utils.rnn, nn.utils.rnn
T, FEATURES, H = 5, 3, 4
LENGTHS = [[5, 4, 4, 1], [2, 5, 1, 5], [3], [1, 1]]


def padded(count, first=False):
    values = np.random.default_rng(0).standard_normal((T, count, FEATURES))
    return np.ascontiguousarray(values.swapaxes(0, 1)) if first else values


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize("first", [False, True])
def test_packing_and_padding_agree(lengths, first):
    x, y = both(padded(len(lengths), first))
    ordered = lengths == sorted(lengths, reverse=True)
    a = THEIRS.pack_padded_sequence(x, torch.tensor(lengths), first, ordered)
    b = OURS.pack_padded_sequence(y, engine.tensor(lengths), first, ordered)
    for mine, other, name in zip(b, a, a._fields):
        if name in ("data", "batch_sizes"):
            close(mine, other, name)
        else:
            assert (mine is None) == (other is None)
    for options in ({}, {"total_length": 7, "padding_value": -2.0}, {"batch_first": True}):
        for mine, other in zip(OURS.pad_packed_sequence(b, **options), THEIRS.pad_packed_sequence(a, **options)):
            close(mine, other, "padded")
    for mine, other in zip(OURS.unpack_sequence(b), THEIRS.unpack_sequence(a), strict=True):
        close(mine, other, "sequence")
    assert OURS.pack_padded_sequence(y, lengths, first, ordered).to(engine.float32).data.dtype == engine.float32


@pytest.mark.parametrize("options", [{}, {"batch_first": True, "padding_value": 3.0}, {"padding_side": "left"}])
def test_padding_of_a_list_agrees_and_passes_gradients(options):
    pieces = [padded(1)[:n, 0] for n in (3, 1, 5)]
    same_results(lambda *s: THEIRS.pad_sequence(s, **options), lambda *s: OURS.pad_sequence(s, **options), *pieces)
    same_results(lambda *s: THEIRS.pack_sequence(s, enforce_sorted=False).data,
                 lambda *s: OURS.pack_sequence(s, enforce_sorted=False).data, *pieces)  # fmt: skip


CASES = [
    *[(kind, {"num_layers": layers, "bidirectional": ways}) for kind, layers, ways in
      itertools.product(("RNN", "GRU", "LSTM"), (1, 2), (False, True))],
    ("LSTM", {"proj_size": 2, "bidirectional": True, "batch_first": True}), ("GRU", {"bias": False}),
]  # fmt: skip


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize(("kind", "options"), CASES, ids=str)
def test_a_recurrent_layer_over_packed_sequences_agrees(kind, options, lengths, given):
    theirs, ours = pair(lambda nn: getattr(nn, kind)(FEATURES, H, **options), "float64")
    rows = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    rng = np.random.default_rng(1)
    widths = ((options.get("proj_size") or H), H)[: 2 if kind == "LSTM" else 1]
    states = [rng.standard_normal((rows, len(lengths), width)) for width in widths] if given else []

    def call(layer, rnn):
        def run(x, *states):
            hx = () if not states else (states if kind == "LSTM" else states[0],)
            packed = rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
            out, last = layer(packed, *hx)
            return out.data, flat(last), rnn.pad_packed_sequence(out)[0]

        return run

    same_results(call(theirs, THEIRS), call(ours, OURS), padded(len(lengths)), *states)
    for (name, expected), parameter in zip(theirs.named_parameters(), ours.parameters(), strict=True):
        close(parameter.grad, expected.grad, name)


@pytest.mark.parametrize("name", ["pack_padded_sequence", "pad_packed_sequence", "pad_sequence", "unpad_sequence",
                                  "pack_sequence", "unpack_sequence"])  # fmt: skip
def test_a_functions_arguments_are_pytorchs(name):
    assert arguments(getattr(OURS, name)) == arguments(getattr(THEIRS, name))


@pytest.mark.parametrize(
    "fault",
    [
        lambda of, rnn: rnn.pack_padded_sequence(of.ones(3, 2), of.tensor([1, 3])),
        lambda of, rnn: rnn.pack_padded_sequence(of.ones(3, 2), of.tensor([3, 0])),
        lambda of, rnn: rnn.pack_padded_sequence(of.ones(3, 2), of.tensor([3])),
        lambda of, rnn: rnn.pad_packed_sequence(rnn.pack_sequence([of.ones(3)]), total_length=2),
        lambda of, rnn: of.nn.GRU(1, 2)(rnn.pack_sequence([of.ones(3, 1)]), of.zeros(1, 2, 2)),
    ],
)
def test_what_pytorch_refuses_is_refused(fault):
    with pytest.raises((RuntimeError, ValueError)):
        fault(torch, THEIRS)
    with pytest.raises(engine.errors.EngineError):
        fault(engine, OURS)
