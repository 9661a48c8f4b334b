"""The networks of the benchmarks learn on a GPU what they learn on the processor, undisturbed by the host."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.device import Device
from engine.kernels.generic import Kernels
from tests.benchmarks.workloads import WORKLOADS, Workload

GPU = Device("cuda:0")
SAMPLES = 2
STEPS = 20


def few(workload: Workload) -> list[np.ndarray]:
    """A batch cut to a few samples, and images in colour to a corner; a transformer's targets are one for each word."""
    batch = workload.batch(np.random.default_rng(0))
    side = 16 if batch[0].ndim == 4 and batch[0].shape[1] == 3 else None
    return [x[: len(x) * SAMPLES // len(batch[0]), ..., :side, :side] if x.ndim == 4
            else x[: len(x) * SAMPLES // len(batch[0])] for x in batch]  # fmt: skip


class SameDropout(Kernels):
    """The processor's generic kernels, which drop what the GPU does."""

    def bernoulli(self, generator, like, keep):
        return GPU.to_numpy(GPU.kernels.bernoulli(generator, GPU.asarray(like), keep))


class Loop:
    """A workload's plain loop on one device, from the same first weights on each."""

    def __init__(self, workload: Workload, device: Device, dtype=engine.float32) -> None:
        engine.manual_seed(0)
        self.workload = workload
        self.model = workload.build(engine).to(device, dtype)
        self.optimizer = workload.optimizer(engine, self.model.parameters())
        arrays = [x.astype(dtype) if x.dtype.kind == "f" else x for x in few(workload)]
        self.batch = [engine.from_numpy(x).to(device) for x in arrays]

    def step(self):
        self.optimizer.zero_grad()
        loss = self.workload.loss(engine, self.model, *self.batch)
        loss.backward()
        engine.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        return loss.detach()


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=lambda w: w.name)
def test_a_network_learns_the_same(workload, monkeypatch):
    monkeypatch.setattr(Device("cpu"), "kernels", SameDropout(np))
    here, there = (Loop(workload, device, engine.float64) for device in (Device("cpu"), GPU))
    for seed in range(2):
        losses = []
        for loop in (here, there):
            engine.manual_seed(seed)
            losses.append(loop.step().item())
        assert losses[1] == pytest.approx(losses[0], rel=1e-9)
    for (name, expected), found in zip(here.model.named_parameters(), there.model.parameters()):
        np.testing.assert_allclose(found.detach().cpu().numpy(), expected.detach().numpy(), atol=1e-7, err_msg=name)


@pytest.mark.counts
@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=lambda w: w.name)
def test_training_neither_waits_nor_moves_values(workload):
    from tests.gpu.strict_cupy import counts, undisturbed

    loop = Loop(workload, GPU)
    loop.step()  # constants that follow from shapes are brought over
    counts.reset()
    with undisturbed("a training step"):
        for _ in range(STEPS):
            loss = loop.step()
    assert (counts.transfers, counts.waits, counts.outside) == (0, 0, 0)
    assert np.isfinite(loss.item())
