"""Losses against PyTorch's, with every option."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine import nn  # noqa: E402

rng = np.random.default_rng(5)
VALUES = rng.standard_normal((6, 4)).astype(np.float32)
OTHERS = rng.standard_normal((6, 4)).astype(np.float32)
CLASSES = np.array([0, 3, 1, 1, 2, 0])
WEIGHTS = np.array([0.5, 1.0, 2.0, 0.1], np.float32)
SHARES = rng.dirichlet(np.ones(4), 6).astype(np.float32)
MAP = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)
MAP_CLASSES = rng.integers(0, 3, (2, 4, 5))
SWITCHES = (OTHERS > 0).astype(np.float32)

LOSSES = [
    *[("MSELoss", {"reduction": r}, VALUES, OTHERS) for r in ("mean", "sum", "none")],
    *[("L1Loss", {"reduction": r}, VALUES, OTHERS) for r in ("mean", "sum", "none")],
    *[("CrossEntropyLoss", {"reduction": r}, VALUES, CLASSES) for r in ("mean", "sum", "none")],
    *[("CrossEntropyLoss", {"weight": WEIGHTS, "reduction": r}, VALUES, CLASSES) for r in ("mean", "sum", "none")],
    ("CrossEntropyLoss", {"ignore_index": 1}, VALUES, CLASSES),
    ("CrossEntropyLoss", {"ignore_index": 1, "weight": WEIGHTS, "label_smoothing": 0.2}, VALUES, CLASSES),
    ("CrossEntropyLoss", {"label_smoothing": 0.1}, VALUES, CLASSES),
    ("CrossEntropyLoss", {"label_smoothing": 0.1, "weight": WEIGHTS}, VALUES, SHARES),
    ("CrossEntropyLoss", {}, VALUES, SHARES),
    ("CrossEntropyLoss", {}, VALUES[0], np.array(2)),
    ("CrossEntropyLoss", {}, MAP, MAP_CLASSES),
    ("CrossEntropyLoss", {}, VALUES * 1000, CLASSES),
    *[("BCEWithLogitsLoss", {"reduction": r}, VALUES, SWITCHES) for r in ("mean", "sum", "none")],
    ("BCEWithLogitsLoss", {"weight": WEIGHTS, "pos_weight": WEIGHTS[::-1].copy()}, VALUES, SWITCHES),
    ("BCEWithLogitsLoss", {}, VALUES * 1000, SWITCHES),
]


@pytest.mark.parametrize(("name", "options", "values", "target"), LOSSES)
def test_loss_and_gradient_agree(name, options, values, target):
    def run(library, wrap):
        given = {key: wrap(o) if isinstance(o, np.ndarray) else o for key, o in options.items()}
        x = wrap(values.copy())
        x.requires_grad_()
        module = getattr(library, name)(**given)
        loss = module(x, wrap(np.asarray(target)))
        loss.sum().backward()
        return loss.detach().numpy(), x.grad.numpy(), list(module.state_dict()), repr(module)

    ours = run(nn, engine.from_numpy)
    theirs = run(torch.nn, torch.from_numpy)
    for got, expected in zip(ours[:2], theirs[:2], strict=True):
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    assert ours[2:] == theirs[2:]


def test_tensor_arguments_move_with_the_loss():
    loss = nn.CrossEntropyLoss(engine.from_numpy(WEIGHTS))
    assert [name for name, _ in loss.named_buffers()] == ["weight"]
    assert loss.double().weight.dtype == engine.float64
