"""Losses where they are used: in captured steps, on the canvas, and for two networks that work against each other."""

from __future__ import annotations

import numpy as np
import pytest

import engine
import engine.nn.functional as F
from engine import nn
from engine.graph import catalogue

rng = np.random.default_rng(0)
OUTPUTS = {"classes": 3, "binary": 1, "probability": 1, "sign": 1, "value": 2, "count": 2, "distribution": 2,
           "mask": 2, "box": 4}  # fmt: skip
LAST = {"NLLLoss": [nn.LogSoftmax(1)], "KLDivLoss": [nn.LogSoftmax(1)], "BCELoss": [nn.Sigmoid()]}
"""What stands before a loss that takes logarithms or probabilities."""


def targets(kind):
    if kind == "classes":
        return engine.from_numpy(rng.integers(0, 3, 16))
    if kind == "box":
        corner = rng.random((16, 2), np.float32)
        return engine.from_numpy(np.concatenate([corner, corner + 1], 1))
    flags = (rng.random((16, OUTPUTS[kind])) > 0.5).astype(np.float32)
    if kind == "distribution":
        flags[:, 1] = 1 - flags[:, 0]
    return engine.from_numpy(2 * flags - 1 if kind == "sign" else flags)


def test_the_catalogue_says_what_every_loss_of_it_predicts():
    assert set(catalogue.entries("loss")) == set(catalogue.PREDICTIONS)


OF_ONE = [(name, kind) for name, kind in catalogue.PREDICTIONS.items() if len(catalogue.entry(name).inputs) == 1]
"""Losses of several outputs learn in tests of networks that have them."""


@pytest.mark.parametrize(("name", "kind"), OF_ONE)
def test_every_loss_of_the_catalogue_learns_in_a_planned_step(name, kind):
    x, y = engine.from_numpy(rng.standard_normal((16, 4)).astype(np.float32)), targets(kind)
    network = nn.Sequential(nn.Linear(4, OUTPUTS[kind]), *LAST.get(name, []))
    loss = getattr(nn, name)(**catalogue.entry(name).starts())
    optimizer = engine.optim.SGD(network.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        value = loss(network(x), y)
        value.backward()
        optimizer.step()
        return value

    planned = engine.capture(step, check=True)
    values = [planned(x, y).item() for _ in range(5)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0]


def test_ctc_learns_to_spell_in_a_planned_step():
    x = engine.from_numpy(rng.standard_normal((12, 2, 8)).astype(np.float32))
    spelt, frames, letters = engine.tensor([[1, 2, 2], [3, 1, 0]]), engine.tensor([12, 9]), engine.tensor([3, 2])
    layer = nn.Linear(8, 5)
    optimizer = engine.optim.SGD(layer.parameters(), lr=0.3)

    def step(x, spelt, frames, letters):
        optimizer.zero_grad()
        value = F.ctc_loss(layer(x).log_softmax(2), spelt, frames, letters)
        value.backward()
        optimizer.step()
        return value

    planned = engine.capture(step, check=True)
    values = [planned(x, spelt, frames, letters).item() for _ in range(20)]
    assert values[-1] < 0.5 * values[0]


def test_a_penalty_holds_the_critics_slope_to_1():
    engine.manual_seed(0)
    critic, loss = nn.Linear(2, 1), nn.WassersteinLoss()
    optimizer = engine.optim.SGD(critic.parameters(), lr=0.02)
    real, fake = engine.randn(64, 2) + 3, engine.randn(64, 2)
    for _ in range(60):
        optimizer.zero_grad()
        (loss(critic(fake), critic(real)) + loss.gradient_penalty(critic, fake, real)).backward()
        optimizer.step()
    assert 1 < critic.weight.norm().item() < 1.4  # the distance of 3 sqrt(2) pulls a little
    assert loss(critic(fake)).item() == pytest.approx(-critic(fake).mean().item())
