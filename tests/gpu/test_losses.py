"""Every loss of the comparison with PyTorch gives on a GPU what it gives on the processor."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the tables of losses are those of the comparison with PyTorch, which is missing")

import engine
from engine import nn
from tests.parity.test_nn_losses import CASES, SIZES, by_class, leaves, run


def there(array):
    return engine.from_numpy(array).to("cuda")


@pytest.mark.parametrize(("name", "options", "inputs"), [(c[0], c[1], c[2:]) for c in [*CASES, *SIZES]])
def test_a_loss_and_its_gradients_agree(name, options, inputs):
    expected, _ = run(nn, engine.from_numpy, by_class(name), options, inputs, "float64", leaves(name))
    found, _ = run(nn, there, by_class(name), options, inputs, "float64", leaves(name))
    for got, wanted in zip(found, expected, strict=True):
        assert (got is None) == (wanted is None)
        if got is not None:
            np.testing.assert_allclose(got.cpu().numpy(), wanted.numpy(), rtol=1e-9, atol=1e-11)
