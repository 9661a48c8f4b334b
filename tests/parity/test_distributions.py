"""Distributions beside PyTorch's: figures, gradients, shapes and means of what is drawn, divergences, refusals."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402

LIBRARIES = [torch, engine]
P = np.array([[0.1, 0.6, 0.3], [0.25, 0.25, 0.5]])
MAKE = {
    "Normal": lambda t, d, x: d.Normal(x, x.exp()), "Normal of numbers": lambda t, d, x: d.Normal(0.5, 2),
    "Normal of both": lambda t, d, x: d.Normal(x, 0.3), "Uniform": lambda t, d, x: d.Uniform(x - 2, x.exp() + 1),
    "Categorical": lambda t, d, x: d.Categorical(x.exp()),
    "Categorical logits": lambda t, d, x: d.Categorical(logits=x * 3),
    "Bernoulli": lambda t, d, x: d.Bernoulli(x.sigmoid()), "Bernoulli logits": lambda t, d, x: d.Bernoulli(logits=x),
    "Independent": lambda t, d, x: d.Independent(d.Normal(x, x.exp()), 1),
    "Independent in part": lambda t, d, x: d.Independent(d.Bernoulli(logits=x.unsqueeze(0)), 2),
}  # fmt: skip
FIGURES = {
    "mean": lambda t, d: d.mean, "variance": lambda t, d: d.variance, "stddev": lambda t, d: d.stddev,
    "mode": lambda t, d: d.mode, "entropy": lambda t, d: d.entropy(), "perplexity": lambda t, d: d.perplexity(),
    "log_prob": lambda t, d: d.log_prob(fitting(t, d)), "cdf": lambda t, d: d.cdf(fitting(t, d)),
    "icdf": lambda t, d: d.icdf(t.tensor([0.1, 0.5, 0.9])),
    "probs": lambda t, d: d.probs, "logits": lambda t, d: d.logits,
    "enumerate_support": lambda t, d: d.enumerate_support(),
    "stretched": lambda t, d: d.log_prob(t.stack([fitting(t, d), fitting(t, d)])),
}  # fmt: skip
HAVE = {
    "Normal": "mean variance stddev mode entropy perplexity log_prob cdf icdf stretched",
    "Uniform": "mean variance stddev entropy perplexity log_prob cdf icdf stretched",
    "Categorical": "mean variance mode entropy perplexity log_prob probs logits enumerate_support stretched",
    "Bernoulli": "mean variance stddev mode entropy perplexity log_prob probs logits stretched",
    "Independent": "mean variance stddev mode entropy log_prob stretched",
}
CASES = [(name, figure) for name in MAKE for figure in HAVE[name.split()[0]].split()]


def fitting(t, d):
    """Values that it might have drawn."""
    kind = type(getattr(d, "base_dist", d)).__name__
    shape = (*d.batch_shape, *d.event_shape)
    values = np.arange(np.prod(shape)).reshape(shape) % 2
    return t.tensor(
        values if kind == "Categorical" else values.astype("f") * 0.9 if kind == "Uniform" else values.astype("f")
    )


def parameters(t, dtype="float32"):
    return t.tensor(np.array([[-0.7, 0.2, 0.9], [0.4, -0.1, 0.3]], dtype), requires_grad=True)


@pytest.mark.parametrize("name", MAKE)
def test_they_show_themselves_as_pytorchs_do(name):
    ours, theirs = (repr(MAKE[name](t, t.distributions, parameters(t).detach())) for t in (engine, torch))
    assert ours == theirs.replace("torch.", "")


@pytest.mark.parametrize(("name", "figure"), CASES)
def test_figures_and_their_gradients_are_pytorchs(name, figure):
    found = []
    for t in LIBRARIES:
        x = parameters(t)
        value = FIGURES[figure](t, MAKE[name](t, t.distributions, x))
        if value.requires_grad:
            (value * t.arange(1.0, value.numel() + 1).reshape(value.shape)).sum().backward()
        found.append(
            (str(value.dtype).split(".")[-1], value.detach().numpy(), None if x.grad is None else x.grad.numpy())
        )
    (kind, theirs, slope), (ours_kind, ours, our_slope) = found
    assert kind == ours_kind
    np.testing.assert_allclose(ours, theirs, 1e-4, 1e-5)
    if slope is not None and figure != "mode":
        np.testing.assert_allclose(our_slope, slope, 1e-3, 1e-4)


@pytest.mark.parametrize("sample_shape", [(), (4,), (2, 3)])
@pytest.mark.parametrize("name", MAKE)
def test_what_is_drawn_has_pytorchs_shape_and_dtype(name, sample_shape):
    found = []
    for t in LIBRARIES:
        d = MAKE[name](t, t.distributions, parameters(t))
        drawn = [d.sample(sample_shape)] + ([d.rsample(sample_shape)] if d.has_rsample else [])
        shapes = [tuple(d.batch_shape), tuple(d.event_shape), d.has_rsample]
        found.append([*shapes, *((tuple(x.shape), str(x.dtype).split(".")[-1], x.requires_grad) for x in drawn)])
        assert tuple(d.log_prob(drawn[0]).shape) == (*sample_shape, *d.batch_shape)
    assert found[0] == found[1]


def test_what_is_drawn_is_distributed_so():
    engine.manual_seed(0)
    d = engine.distributions
    count = (20_000,)
    drawn = d.Categorical(engine.tensor(P)).sample(count)
    np.testing.assert_allclose([(drawn == k).double().mean(0).tolist() for k in range(3)], P.T, atol=0.02)
    np.testing.assert_allclose(d.Bernoulli(engine.tensor(P)).sample(count).mean(0).numpy(), P, atol=0.02)
    normal = d.Normal(engine.tensor(P), 2.0).sample(count)
    np.testing.assert_allclose(normal.mean(0).numpy(), P, atol=0.06)
    np.testing.assert_allclose(normal.std(0).numpy(), np.full_like(P, 2), atol=0.06)
    uniform = d.Uniform(engine.tensor(P), 2.0).sample(count)
    np.testing.assert_allclose(uniform.mean(0).numpy(), (P + 2) / 2, atol=0.03)


def test_a_value_that_is_drawn_with_a_gradient_has_it():
    for t in LIBRARIES:
        loc, scale = t.zeros(3, requires_grad=True), t.ones(3, requires_grad=True)
        drawn = t.distributions.Normal(loc, scale).rsample()
        drawn.sum().backward()
        np.testing.assert_allclose(loc.grad.numpy(), np.ones(3))
        np.testing.assert_allclose(scale.grad.numpy(), drawn.detach().numpy(), 1e-6)


PAIRS = {
    "Normal": lambda d, x: (d.Normal(x, x.exp()), d.Normal(0.0, 1.0)),
    "Uniform": lambda d, x: (d.Uniform(x, x + 1), d.Uniform(x.detach() - 0.1, 1.5)),
    "Categorical": lambda d, x: (d.Categorical(logits=x), d.Categorical(x.detach().flip(-1).exp())),
    "Bernoulli": lambda d, x: (d.Bernoulli(logits=x), d.Bernoulli(x.detach().flip(-1).sigmoid())),
    "certain": lambda d, x: (d.Bernoulli((x > 0).to(x.dtype)), d.Bernoulli((x.flip(-1) > 0).to(x.dtype))),
    "Independent": lambda d, x: (d.Independent(d.Normal(x, x.exp()), 1), d.Independent(d.Normal(x * 0, 1.0), 1)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_divergences_are_pytorchs(name):
    found = []
    for t in LIBRARIES:
        x = parameters(t)
        value = t.distributions.kl_divergence(*PAIRS[name](t.distributions, x))
        if value.requires_grad and name != "Uniform":
            value.sum().backward()
        found.append((value.detach().numpy(), None if x.grad is None else x.grad.numpy()))
    np.testing.assert_allclose(found[1][0], found[0][0], 1e-4, 1e-5)
    if found[0][1] is not None:
        np.testing.assert_allclose(found[1][1], found[0][1], 1e-3, 1e-4)


FAULTS = [
    lambda t, d: d.Normal(0.0, -1.0), lambda t, d: d.Normal(float("nan"), 1.0), lambda t, d: d.Uniform(1.0, 0.0),
    lambda t, d: d.Categorical(), lambda t, d: d.Categorical(t.ones(2), t.ones(2)), lambda t, d: d.Bernoulli(),
    lambda t, d: d.Categorical(t.tensor(1.0)), lambda t, d: d.Categorical(t.tensor([-1.0, 2.0])),
    lambda t, d: d.Bernoulli(t.tensor([1.5])),
    lambda t, d: d.Categorical(t.ones(2)).log_prob(t.tensor(2)), lambda t, d: d.Bernoulli(0.5).log_prob(t.tensor(0.3)),
    lambda t, d: d.Uniform(0.0, 1.0).log_prob(t.tensor(2.0)), lambda t, d: d.Categorical(t.ones(2)).rsample(),
    lambda t, d: d.kl_divergence(d.Normal(0.0, 1.0), d.Categorical(t.ones(2))),
    lambda t, d: d.Independent(d.Normal(0.0, 1.0), 1),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_pytorch_refuses_is_refused(fault):
    for t in LIBRARIES:
        with pytest.raises((ValueError, NotImplementedError)):
            fault(t, t.distributions)


@pytest.mark.parametrize("name", ["Normal", "Uniform", "Categorical", "Bernoulli", "Independent", "Distribution"])
def test_signatures_are_pytorchs(name):
    ours, theirs = (inspect.signature(getattr(t.distributions, name)).parameters.values() for t in (engine, torch))
    assert [p.name for p in ours] == [p.name for p in theirs]
    defaults = [p.default for p in theirs]
    assert [p.default for p in ours] == [() if isinstance(d, torch.Size) else d for d in defaults]
