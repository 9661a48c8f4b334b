"""Steps of optimizers that are captured: what may change from one to the next."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine import nn, optim
from engine.errors import CaptureWarning

pytest.importorskip("llvmlite")

from engine.plan.captured import Planned


def captured_step(make, **options):
    """An optimizer and its captured step, of one weight that is given the same gradient each time."""
    p, grad = nn.Parameter(engine.ones(50, 50)), engine.full((50, 50), 0.5)
    optimizer = make([p], lr=0.1, **options)
    step = engine.capture(optimizer.step)

    def once():
        p.grad = grad
        step()

    return p, optimizer, once


def losses_of_a_small_network(make, capture):
    """Six steps of a table and a layer, whose gradients are products that an update may follow."""
    x, words = engine.linspace(-1, 1, 32).reshape(8, 4), engine.arange(8) % 5
    classes, table, layer = words % 3, nn.Embedding(5, 4), nn.Linear(4, 3)
    weights = [*table.parameters(), *layer.parameters()]
    for weight in weights:
        weight.data.copy_(engine.linspace(-0.5, 0.7, weight.numel()).reshape(weight.shape))
    optimizer = make(weights, lr=0.1)

    @capture
    def step():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(layer(x + table(words)), classes)
        loss.backward()
        optimizer.step()
        return loss

    return [step().item() for _ in range(6)]


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, optim.Adagrad, optim.RMSprop, optim.ASGD, optim.Rprop])
def test_a_step_that_follows_the_product_at_once_is_that_of_the_optimizer(make):
    """Whatever it remembers is called: Adagrad's is a "sum", as the product itself is."""
    plain = losses_of_a_small_network(make, lambda step: step)
    np.testing.assert_allclose(losses_of_a_small_network(make, engine.capture), plain, rtol=1e-4)


@pytest.mark.parametrize(("make", "options"), [(optim.SGD, {"momentum": 0.5}), (optim.AdamW, {}), (optim.NAdam, {})])
def test_rates_and_momenta_change_from_step_to_step_within_one_plan(make, options, monkeypatch):
    planned = []
    lower = Planned._lower
    monkeypatch.setattr(Planned, "_lower", lambda self: planned.append(lower(self)))
    p, optimizer, step = captured_step(make, **options)
    q = nn.Parameter(engine.ones(50, 50))
    plain = make([q], lr=0.1, **options)
    for number in range(1, 6):
        for group in (*optimizer.param_groups, *plain.param_groups):
            group["lr"] = 0.1 / number
            if "betas" in group:
                group["betas"] = (0.5 + 0.08 * number, 0.999)
            else:
                group["momentum"] = 0.5 + 0.08 * number
        q.grad = engine.full((50, 50), 0.5)
        step()
        plain.step()
    np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-6)
    assert len(planned) == 1


def test_an_option_that_needs_memory_and_is_switched_on_gets_a_plan_of_its_own():
    p, optimizer, step = captured_step(optim.SGD)
    q = nn.Parameter(engine.ones(50, 50))
    plain = optim.SGD([q], lr=0.1)
    for number in range(5):
        for group in (*optimizer.param_groups, *plain.param_groups):
            group["momentum"] = 0.9 * (number >= 2)
        q.grad = engine.full((50, 50), 0.5)
        step()
        plain.step()
    np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-6)


def test_a_step_with_hooks_runs_as_it_is_written():
    called = []
    _, optimizer, step = captured_step(optim.SGD)
    optimizer.register_step_post_hook(lambda *arguments: called.append(1))
    with pytest.warns(CaptureWarning, match="hooks of an optimizer run in it"):
        step()
    step()
    assert len(called) == 2
