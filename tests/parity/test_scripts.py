"""Training scripts, the same text for PyTorch and for the engine: the losses of all steps agree."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

pytest.importorskip("torch.utils.checkpoint")

import engine  # noqa: E402
from tests.parity import (  # noqa: E402
    scripts_methods,
    scripts_pictures,
    scripts_supervised,
    scripts_tutorials,
    scripts_unsupervised,
)

KINDS = scripts_supervised, scripts_unsupervised, scripts_methods, scripts_tutorials, scripts_pictures
SCRIPTS = [script for kind in KINDS for script in kind.SCRIPTS]


@pytest.fixture(autouse=True)
def one_thread():
    """Steps this small take ten times as long with threads that wait for each other."""
    before = torch.get_num_threads(), engine.get_num_threads()
    torch.set_num_threads(1)
    engine.set_num_threads(1)
    yield
    torch.set_num_threads(before[0])
    engine.set_num_threads(before[1])


def run(script, t, capture):
    """The losses of a script with one of the two libraries."""
    weights = np.random.default_rng(7)

    def init(module):
        with t.no_grad():
            for _, weight in sorted(module.named_parameters()):
                weight.copy_(t.tensor(weights.uniform(-0.4, 0.4, tuple(weight.shape)).astype("f")))
        return module

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(script(t, init, np.random.default_rng(3), capture))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_a_script_has_the_losses_that_it_has_in_pytorch(script):
    expected = run(script, torch, lambda step: step)
    assert np.isfinite(expected).sum() >= 20
    rtol = 2e-2 if script is scripts_methods.half else 1e-3
    np.testing.assert_allclose(run(script, engine, lambda step: step), expected, rtol, 1e-5)
    np.testing.assert_allclose(run(script, engine, engine.capture), expected, rtol, 1e-5)
