"""Mixed precision and activations that are computed again, on the processor."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine import nn
from engine.amp import GradScaler, autocast
from engine.errors import OptionError
from engine.utils.checkpoint import checkpoint, checkpoint_sequential


def test_products_compute_in_float16_and_what_needs_digits_in_float32():
    model, x = nn.Linear(4, 3), engine.randn(2, 4)
    with engine.autocast("cpu"):
        y = model(x)
        loss = nn.functional.cross_entropy(y, engine.tensor([0, 2]))
        assert (y.dtype, y.exp().dtype, y.relu().dtype, loss.dtype) == ("float16", "float32", "float16", "float32")
        with engine.autocast("cpu", enabled=False):
            assert model(x).dtype == "float32"
    assert model(x).dtype == "float32"
    loss.backward()
    assert model.weight.grad.dtype == "float32"


def test_float64_and_tensors_elsewhere_are_left_alone():
    with autocast("cpu"):
        assert (engine.ones(2, 2).double() @ engine.ones(2, 2).double()).dtype == "float64"
    with autocast("cuda"):
        assert (engine.ones(2, 2) @ engine.ones(2, 2)).dtype == "float32"


@pytest.mark.parametrize("arguments", [("tpu",), ("cuda", "int8"), ("cuda", "float32")])
def test_a_device_or_dtype_that_is_not_to_be_had_is_said(arguments):
    with pytest.raises(OptionError, match=arguments[-1]):
        autocast(*arguments)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_step_that_overflows_is_left_out_and_the_factor_shrinks():
    w = nn.Parameter(engine.ones(2))
    optimizer, scaler = engine.optim.SGD([w], lr=1.0), GradScaler(init_scale=4.0, growth_interval=2)
    for slope, kept, scale in ((1.0, [0.0, 0.0], 4.0), (float("inf"), [0.0, 0.0], 2.0), (1.0, [-1.0, -1.0], 2.0),
                               (1.0, [-2.0, -2.0], 4.0)):  # fmt: skip
        optimizer.zero_grad()
        scaler.scale((w * slope).sum()).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        assert (w.tolist(), scaler.get_scale()) == (kept, scale)
    again = GradScaler()
    again.load_state_dict(scaler.state_dict())
    assert again.state_dict() == scaler.state_dict()


def test_a_scaler_says_what_comes_twice():
    w = nn.Parameter(engine.ones(2))
    optimizer, scaler = engine.optim.SGD([w], lr=1.0), GradScaler()
    scaler.scale(w.sum()).backward()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.step(optimizer)


def test_float16_is_stored_and_read(tmp_path):
    x = engine.tensor([1.5, 1000.0, float("inf")], dtype=engine.float16)
    engine.save({"x": x}, tmp_path / "x.safetensors")
    found = engine.load(tmp_path / "x.safetensors")["x"]
    assert found.dtype == engine.half
    assert found.tolist() == x.tolist()
    assert (x + engine.ones(3)).dtype == "float32"
    assert engine.ones(3).half().dtype == (x * 2).dtype == "float16"


def test_the_gradient_of_a_bias_adds_up_more_than_float16_can_count():
    layer, x = nn.Linear(2, 2), engine.ones(6000, 2)
    with engine.autocast("cpu", dtype=engine.float16):
        y = layer(x)
    y.float().sum().backward()
    assert layer.bias.grad.tolist() == [6000.0, 6000.0]


class Counted(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 2))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.body(x)


@pytest.mark.parametrize("wants", [True, False])
def test_a_checkpoint_computes_again_and_comes_to_the_same(wants):
    engine.manual_seed(0)
    model, x = Counted(), engine.randn(3, 4)
    found = []
    for call in (model, lambda x: checkpoint(model, x, use_reentrant=False)):
        engine.manual_seed(1)
        model.zero_grad()
        leaf = x.clone().detach().requires_grad_(wants)
        out = call(leaf)
        after = engine.rand(1).item()
        out.square().sum().backward()
        grads = [p.grad.numpy() for p in model.parameters()] + ([leaf.grad.numpy()] if wants else [])
        found.append((out.detach().numpy(), after, *grads))
    for plain, again in zip(*found, strict=True):
        np.testing.assert_array_equal(again, plain)
    assert model.calls == 3


def test_a_checkpoint_takes_other_arguments_and_returns_several_tensors():
    x, y = engine.ones(2, requires_grad=True), engine.full((2,), 3.0, requires_grad=True)
    a, b = checkpoint(lambda x, n, y, sign=1: (x * y * n, sign * y), x, 2, y, sign=-1)
    (a.sum() + b.sum()).backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([6.0, 6.0], [1.0, 1.0])


def test_checkpoints_stand_inside_each_other():
    x = engine.tensor(0.5, requires_grad=True)
    checkpoint(lambda x: checkpoint(lambda x: x.exp(), x * 2).sin(), x).backward()
    assert x.grad.item() == pytest.approx(2 * np.exp(1) * np.cos(np.exp(1)))


def test_gradients_go_through_a_checkpoint_to_single_weights_and_leave_others_alone():
    a, b = engine.tensor(0.5, requires_grad=True), engine.tensor(2.0, requires_grad=True)
    y = checkpoint(lambda x: (x * b).sin(), a)
    seen = []
    a.register_hook(seen.append)
    (slope,) = engine.autograd.grad(y, a)
    assert slope.item() == pytest.approx(2 * np.cos(1))
    assert (a.grad, b.grad, len(seen)) == (None, None, 1)


def test_a_checkpoint_has_gradients_of_gradients():
    """d/da (b cos(ab))² = -2 b³ cos(ab) sin(ab)"""
    a, b = engine.tensor(0.5, requires_grad=True), engine.tensor(2.0, requires_grad=True)
    inner = a * 1
    (slope,) = engine.autograd.grad(checkpoint(lambda x: (x * b).sin(), inner), inner, create_graph=True)
    (slope**2).backward()
    assert a.grad.item() == pytest.approx(-16 * np.cos(1) * np.sin(1))
    assert b.grad.item() == pytest.approx(4 * np.cos(1) * (np.cos(1) - np.sin(1)))


def test_what_a_checkpoint_takes_from_around_it_gets_its_gradient_once():
    a = engine.tensor(0.5, requires_grad=True)
    above = a * 3
    checkpoint(lambda x: x * above, above * 2).backward()
    assert a.grad.item() == 4 * 9 * 0.5


def test_a_sequence_in_segments_comes_to_the_same():
    model, x = nn.Sequential(*(nn.Linear(3, 3) for _ in range(5))), engine.ones(2, 3)
    found = []
    for call in (model, lambda x: checkpoint_sequential(model, 2, x)):
        model.zero_grad()
        call(x).square().sum().backward()
        found.append([weight.grad.numpy() for weight in model.parameters()])
    for plain, again in zip(*found, strict=True):
        np.testing.assert_array_equal(again, plain)
    with pytest.raises(OptionError, match="6 segments of 5 functions"):
        checkpoint_sequential(model, 6, x)
