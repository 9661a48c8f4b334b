"""Every optimizer of the comparison with PyTorch steps on a GPU as on the processor, undisturbed by the host."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

pytest.importorskip(
    "torch", reason="the tables of optimizers are those of the comparison with PyTorch, which is missing"
)

import engine
from engine import nn, optim
from tests.parity.test_optim_updates import CASES, start


def stepped(name, options, device, undisturbed):
    params = [nn.Parameter(engine.from_numpy(values).to(device)) for values in start("float64")]
    optimizer = getattr(optim, name)(params, **options)
    for number in range(5):
        for p, values in zip(params, start("float64", 100 + number), strict=True):
            p.grad = engine.from_numpy(values).to(device)
        with undisturbed() if number else contextlib.nullcontext():
            optimizer.step()
    return [p.detach().cpu().numpy() for p in params]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_an_optimizer_steps_the_same(name, options, request):
    undisturbed = contextlib.nullcontext
    if request.config.getoption("--stand-in", default=False):
        from tests.gpu.strict_cupy import undisturbed as watched

        undisturbed = lambda: watched(f"a step of {name}")  # noqa: E731
    expected = stepped(name, options, "cpu", contextlib.nullcontext)
    for got, wanted in zip(stepped(name, options, "cuda", undisturbed), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-11)
