"""Mixed precision and checkpoints on a GPU."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine import nn
from engine.device import Device
from tests.benchmarks.workloads import WORKLOADS
from tests.gpu.test_networks import Loop

GPU = Device("cuda:0")


@pytest.mark.parametrize("name", ["mlp", "lenet", "resnet", "unet", "lstm", "transformer", "mf", "dcgen"])
def test_a_network_learns_in_mixed_precision_about_what_it_learns_in_float32(name):
    workload = WORKLOADS[name]
    losses = {}
    for enabled in (False, True):
        loop, scaler = Loop(workload, GPU), engine.amp.GradScaler(enabled=enabled)
        for number in range(4):
            engine.manual_seed(number)
            loop.optimizer.zero_grad()
            with engine.autocast("cuda", dtype=engine.float16, enabled=enabled):
                loss = workload.loss(engine, loop.model, *loop.batch)
            scaler.scale(loss).backward()
            scaler.unscale_(loop.optimizer)
            engine.nn.utils.clip_grad_norm_(loop.model.parameters(), 1.0)
            scaler.step(loop.optimizer)
            scaler.update()
        assert {p.dtype for p in loop.model.parameters()} == {np.dtype("float32")}
        losses[enabled] = loss.item()
    assert losses[True] == pytest.approx(losses[False], rel=0.05)


@pytest.mark.counts
def test_mixed_precision_computes_products_in_float16(monkeypatch):
    seen = set()
    matmul = GPU.xp.matmul
    monkeypatch.setattr(
        GPU.xp, "matmul", lambda a, b, *rest, **named: (seen.add(str(a.dtype)), matmul(a, b, *rest, **named))[1]
    )
    conv, x = nn.Conv2d(3, 4, 3).cuda(), engine.randn(2, 3, 5, 5, device="cuda")
    with engine.autocast("cuda"):
        out = conv(x)
    out.float().sum().backward()
    assert seen == {"float16"}
    assert conv.weight.grad.dtype == "float32"


@pytest.mark.counts
def test_a_checkpoint_waits_for_nothing_and_keeps_less(monkeypatch):
    from tests.gpu.strict_cupy import undisturbed

    body = nn.Sequential(*[layer for _ in range(4) for layer in (nn.Linear(64, 64), nn.Tanh(), nn.Dropout(0.1))]).cuda()
    x = engine.randn(128, 64, device="cuda")
    kept, grads = [], []
    for call in (body, lambda x: engine.utils.checkpoint.checkpoint(body, x)):
        engine.manual_seed(0)
        body.zero_grad()
        before = engine.cuda.memory_allocated()
        with undisturbed("a checkpoint"):
            out = call(x)
            kept.append(engine.cuda.memory_allocated() - before)
            out.sum().backward()
        grads.append([p.grad.cpu().numpy() for p in body.parameters()])
        del out
    assert kept[1] < kept[0] / 4
    for plain, again in zip(*grads, strict=True):
        np.testing.assert_array_equal(again, plain)
