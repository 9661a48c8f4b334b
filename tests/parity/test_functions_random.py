"""Random numbers: moments and supports beside PyTorch's, and what a seed and a generator fix."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine.errors import EngineError  # noqa: E402

N = 40_000
DRAWS = {
    "exponential_": lambda t, g: t.empty(N).exponential_(2.0, generator=g),
    "bernoulli_": lambda t, g: t.empty(N).bernoulli_(0.3, generator=g),
    "bernoulli_ of a tensor": lambda t, g: t.empty(N).bernoulli_(t.linspace(0, 1, N), generator=g),
    "bernoulli": lambda t, g: t.bernoulli(t.full((N,), 0.7), generator=g),
    "bernoulli with p": lambda t, g: t.ones(N).bernoulli(0.2, generator=g),
    "geometric_": lambda t, g: t.empty(N).geometric_(0.3, generator=g),
    "log_normal_": lambda t, g: t.empty(N).log_normal_(0.1, 0.5, generator=g),
    "cauchy_": lambda t, g: t.empty(N).cauchy_(1.0, 2.0, generator=g).clamp(-20, 20),
    "random_": lambda t, g: t.empty(N).random_(3, 9, generator=g),
    "random_ up to": lambda t, g: t.empty(N, dtype=t.int64).random_(5, generator=g),
    "random_ of bytes": lambda t, g: t.empty(N, dtype=t.uint8).random_(generator=g),
    "uniform_": lambda t, g: t.empty(N).uniform_(-1, 3, generator=g),
    "normal_": lambda t, g: t.empty(N, dtype=t.float64).normal_(2, 3, generator=g),
    "normal": lambda t, g: t.normal(1.0, 2.0, (N,), generator=g),
    "normal by mean": lambda t, g: t.normal(t.linspace(-1, 1, N), 0.5, generator=g),
    "normal by both": lambda t, g: t.normal(t.zeros(N), t.linspace(0, 1, N), generator=g),
    "normal by deviation": lambda t, g: t.normal(2.0, t.linspace(0, 1, N), generator=g),
    "poisson": lambda t, g: t.poisson(t.full((N,), 3.5), generator=g),
    "multinomial": lambda t, g: t.multinomial(t.tensor([0.1, 0.0, 0.5, 0.4]), N, True, generator=g),
    "multinomial, once each": lambda t, g: t.multinomial(t.tensor([[1.0, 2.0, 0.0, 5.0]]).expand(N, 4), 2, generator=g),
    "randperm": lambda t, g: t.randperm(N, generator=g),
    "rand": lambda t, g: t.rand(N, generator=g), "randn": lambda t, g: t.randn(N, generator=g),
    "randint": lambda t, g: t.randint(2, 7, (N,), generator=g),
    "randint_like": lambda t, g: t.randint_like(t.empty(N), 4, 9),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWS)
def test_numbers_are_drawn_from_the_same_distribution(name):
    ours = DRAWS[name](engine, engine.Generator().manual_seed(1))
    theirs = DRAWS[name](torch, torch.Generator().manual_seed(1))
    assert (tuple(ours.shape), str(ours.dtype)) == (tuple(theirs.shape), str(theirs.dtype).removeprefix("torch."))
    a, b = np.sort(ours.numpy().astype(float).ravel()), np.sort(theirs.numpy().astype(float).ravel())
    both = np.unique(np.concatenate([a, b]))
    shares = [np.searchsorted(x, both, side="right") / x.size for x in (a, b)]
    assert np.abs(shares[0] - shares[1]).max() < 0.02  # Kolmogorov and Smirnov: chance alone reaches it once in 10^6


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_brings_the_same_numbers_again(name):
    again = []
    for _ in range(2):
        engine.manual_seed(7)
        own = engine.Generator().manual_seed(3)
        again.append([DRAWS[name](engine, generator).tolist() for generator in (None, own)])
    assert again[0] == again[1]


def test_what_is_drawn_without_replacement_comes_once():
    drawn = engine.multinomial(engine.rand(50, 6) + 0.01, 6)
    assert drawn.sort(1).values.tolist() == [list(range(6))] * 50


REFUSED = [
    lambda t: t.multinomial(t.tensor([1.0, -1.0]), 1), lambda t: t.multinomial(t.tensor([0.0, 0.0]), 1),
    lambda t: t.multinomial(t.tensor([1.0, 2.0]), 3), lambda t: t.multinomial(t.tensor([1.0, 2.0]), 0),
    lambda t: t.multinomial(t.ones(1, 1, 1), 1), lambda t: t.multinomial(t.tensor([1, 2]), 1),
    lambda t: t.poisson(t.tensor([-1.0])), lambda t: t.empty(2).exponential_(-1.0),
    lambda t: t.empty(2).geometric_(1.5),
    lambda t: t.normal(0.0, -1.0, (2,)), lambda t: t.multinomial(t.tensor([1.0, float("nan")]), 1),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_pytorch_refuses_is_refused(number):
    with pytest.raises(RuntimeError):
        REFUSED[number](torch)
    with pytest.raises(EngineError):
        REFUSED[number](engine)


def test_drawing_ends_a_history_and_refuses_a_leaf():
    x = engine.ones(3, requires_grad=True)
    y = x * 2
    y.exponential_()
    assert not y.requires_grad
    with pytest.raises(EngineError, match="a leaf"):
        x.bernoulli_()
