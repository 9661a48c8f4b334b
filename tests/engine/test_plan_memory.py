"""A captured step and memory that it reads while it writes there, that lies otherwise than planned, or is empty."""

import numpy as np
import pytest

import engine
import engine.nn as nn

pytest.importorskip("llvmlite")


def normal(*shape):
    return engine.from_numpy(np.random.default_rng(len(shape)).standard_normal(shape, np.float32))


@pytest.mark.parametrize(
    "change",
    [lambda w, x: w.copy_(w.T), lambda w, x: w.copy_(w.flip(0)), lambda w, x: w.add_(w.T), lambda w, x: w.copy_(x.T)],
    ids=["transposed", "flipped", "added to itself", "an argument"],
)
def test_memory_that_is_changed_by_what_is_read_from_it(change):
    results = []
    for capture in (lambda step: step, engine.capture):
        w = normal(60, 60)

        def step(x, w=w):
            with engine.no_grad():
                change(w, x)
            return w.sum(0)

        step = capture(step)
        results.append([step(normal(60, 60)).tolist() for _ in range(3)] + [w.tolist()])
    np.testing.assert_allclose(results[1][-1], results[0][-1], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(results[1][:-1], results[0][:-1], rtol=1e-4, atol=1e-4)


def test_a_step_of_an_optimizer_whose_state_lies_otherwise_than_the_parameter_now():
    results = []
    for capture in (lambda step: step, engine.capture):
        weight = nn.Parameter(normal(50, 40).clone())
        optimizer = engine.optim.Adam([weight], lr=0.1)

        def step(x, weight=weight, optimizer=optimizer):
            optimizer.zero_grad()
            loss = ((weight * x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        step(normal(50, 40))
        weight.data = engine.from_numpy(np.asfortranarray(weight.detach().numpy()))
        step = capture(step)
        results.append([step(normal(50, 40)).item() for _ in range(5)])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5)


def test_a_batch_without_samples_runs_as_it_is_written():
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))

    @engine.capture
    def step(x):
        loss = model(x).sum()
        loss.backward()
        return loss

    with pytest.warns(engine.errors.CaptureWarning, match="an array in it is empty"):
        assert step(engine.zeros(0, 20)).item() == 0.0
    assert step(normal(3, 20)).item() != 0.0
