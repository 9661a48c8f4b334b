"""RNN, GRU, LSTM and their cells beside PyTorch's: outputs, states, every gradient, keys, reprs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine import nn  # noqa: E402

KINDS = ("RNN", "GRU", "LSTM")
OPTIONS = [
    {"num_layers": layers, "bidirectional": both, "batch_first": first, "bias": bias}
    for layers, both, first, bias in itertools.product((1, 2), (False, True), (False, True), (True, False))
]


def close(ours, theirs, what):
    ours, theirs = ours.detach().numpy(), theirs.detach().numpy()
    assert ours.shape == theirs.shape, what
    scale = max(1e-3, float(np.abs(theirs).max()) if theirs.size else 0.0)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * scale, err_msg=what)


def pair(name, *arguments, **options):
    torch.manual_seed(3)
    theirs, ours = getattr(torch.nn, name)(*arguments, **options), getattr(nn, name)(*arguments, **options)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({key: engine.from_numpy(value.numpy().copy()) for key, value in theirs.state_dict().items()})
    return theirs, ours


def flat(results):
    """(out, (h, c)) or (out, h) or h -> a flat list"""
    if not isinstance(results, tuple):
        return [results]
    return [value for result in results for value in flat(result)]


def compare(theirs, ours, shape, *states):
    """The same sequence, and perhaps first states, through both: results, then gradients of everything."""
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(s).astype(np.float32) for s in (shape, *states)]
    x = [torch.from_numpy(v.copy()).requires_grad_() for v in values]
    y = [engine.from_numpy(v.copy()).requires_grad_() for v in values]

    def given(tensors):
        return () if len(tensors) < 2 else (tensors[1] if len(tensors) == 2 else tuple(tensors[1:]),)

    expected, got = flat(theirs(x[0], *given(x))), flat(ours(y[0], *given(y)))
    assert len(expected) == len(got)
    total, sum_of = 0, 0
    for i, (a, b) in enumerate(zip(got, expected)):
        close(a, b, f"result {i}")
        slope = rng.standard_normal(tuple(b.shape)).astype(np.float32)
        total = total + (a * engine.from_numpy(slope)).sum()
        sum_of = sum_of + (b * torch.from_numpy(slope)).sum()
    total.backward()
    sum_of.backward()
    for i, (a, b) in enumerate(zip(y, x)):
        close(a.grad, b.grad, f"gradient of input {i}")
    for (name, b), (_, a) in zip(theirs.named_parameters(), ours.named_parameters(), strict=True):
        close(a.grad, b.grad, name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("given", [False, True], ids=["from zero", "from given states"])
def test_a_sequence_gives_the_same(kind, options, given):
    theirs, ours = pair(kind, 4, 6, **options)
    state = (options["num_layers"] * (1 + options["bidirectional"]), 3, 6)
    states = [state] * (0 if not given else 2 if kind == "LSTM" else 1)
    compare(theirs, ours, (3, 5, 4) if options["batch_first"] else (5, 3, 4), *states)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_a_single_sequence_without_a_batch_gives_the_same(kind, batch_first):
    theirs, ours = pair(kind, 4, 6, 2, bidirectional=True, batch_first=batch_first)
    compare(theirs, ours, (5, 4))
    compare(*pair(kind, 4, 6, batch_first=batch_first), (1, 4), *[(1, 6)] * (2 if kind == "LSTM" else 1))


def test_relu_instead_of_tanh_gives_the_same():
    compare(*pair("RNN", 4, 6, 2, nonlinearity="relu", bidirectional=True), (5, 3, 4))


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False}], ids=str)
def test_an_lstm_with_projection_gives_the_same(options):
    theirs, ours = pair("LSTM", 4, 6, proj_size=3, **options)
    compare(theirs, ours, (5, 3, 4))
    layers = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    compare(*pair("LSTM", 4, 6, proj_size=3, **options), (5, 3, 4), (layers, 3, 3), (layers, 3, 6))


@pytest.mark.parametrize("kind", ["RNNCell", "GRUCell", "LSTMCell"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(3,), ()], ids=["batch", "single"])
def test_a_cell_gives_the_same(kind, bias, batch):
    compare(*pair(kind, 4, 6, bias=bias), (*batch, 4))
    compare(*pair(kind, 4, 6, bias=bias), (*batch, 4), *[(*batch, 6)] * (2 if kind == "LSTMCell" else 1))


def test_a_relu_cell_gives_the_same():
    compare(*pair("RNNCell", 4, 6, nonlinearity="relu"), (3, 4))


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_lies_between_the_layers_and_only_in_training(kind):
    theirs, ours = pair(kind, 4, 64, 2, dropout=0.5, batch_first=True)
    compare(theirs.eval(), ours.eval(), (3, 5, 4))
    ours.train()
    engine.manual_seed(0)
    x = engine.randn(3, 5, 4)
    first, second = ours(x)[0], ours(x)[0]
    assert not engine.allclose(first, second)
    assert bool((first != 0).all())  # the last layer's own values are whole


@pytest.mark.parametrize("kind", KINDS)
def test_first_values_have_pytorchs_distribution(kind):
    theirs, ours = getattr(torch.nn, kind)(50, 100, 2), getattr(nn, kind)(50, 100, 2)
    for expected, got in zip(theirs.parameters(), ours.parameters(), strict=True):
        a, b = got.detach().numpy(), expected.detach().numpy()
        assert np.abs(a).max() <= 0.1
        np.testing.assert_allclose(np.quantile(a, [0.05, 0.5, 0.95]), np.quantile(b, [0.05, 0.5, 0.95]), atol=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_all_weights_are_listed_as_in_pytorch(kind):
    theirs, ours = pair(kind, 4, 6, 2, bidirectional=True)
    assert [[tuple(w.shape) for w in ws] for ws in ours.all_weights] == [
        [tuple(w.shape) for w in ws] for ws in theirs.all_weights
    ]
    ours.flatten_parameters()
