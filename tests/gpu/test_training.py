"""The trainer on a GPU: its steps wait for nothing, the next batch is on its way, and what it says is the same."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

import engine
from engine import nn
from engine.data import DataLoader, TensorDataset
from engine.data.upload import uploaded
from engine.device import Device
from engine.errors import TrainingError
from engine.graph import templates
from engine.train.steps import SupervisedStep
from engine.train.task import Task
from engine.train.trainer import Figures

GPU = Device("cuda:0")


def task_on(device, name="digits-cnn"):
    project = templates.create(name)
    training = replace(project.training, device=str(Device(device)), clip_norm=0.5)
    return Task(replace(project, training=training))


def epoch(task, steps):
    """Figures of so many steps."""
    engine.manual_seed(0)
    step, figures = SupervisedStep(task, task.make_optimizer(), 0.5), Figures(task.metrics, len(task.classes))
    for number, batch in enumerate(task.each(task.batches(0))):
        if number == steps:
            break
        figures.add(step.train(batch))
    return figures.values()


def test_a_run_says_the_same_on_both():
    here, there = epoch(task_on("cpu", "digits-mlp"), 12), epoch(task_on("cuda", "digits-mlp"), 12)
    assert there == pytest.approx(here, rel=1e-3)


@pytest.mark.counts
def test_the_trainers_step_neither_waits_nor_moves_values():
    from tests.gpu.strict_cupy import counts, undisturbed

    task = task_on("cuda")
    step, figures = SupervisedStep(task, task.make_optimizer(), 0.5), Figures(task.metrics, len(task.classes))
    batches = task.each(task.batches(0))
    figures.add(step.train(next(batches)))
    counts.reset()
    with undisturbed("a step of the trainer"):
        for _ in range(20):
            figures.add(step.train(next(batches)))
    assert counts.transfers == counts.waits == 0
    assert counts.copies == 20 * 2, "inputs and targets, on a stream of their own"
    assert np.isfinite(figures.values()["loss"])


def test_a_loss_that_is_no_number_is_said_with_its_mend_when_it_is_read():
    task = task_on("cuda", "digits-mlp")
    step = SupervisedStep(task, task.make_optimizer())
    with engine.no_grad():
        next(task.model.parameters()).fill_(float("nan"))
    outcome = step.train(next(task.each(task.batches(0))))
    with pytest.raises(TrainingError, match="infinite or no number"):
        _ = outcome.loss


def test_the_next_batch_is_on_its_way_while_one_is_in_use():
    begun = []

    def batches():
        for number in range(3):
            begun.append(number)
            yield engine.full((4,), float(number))

    found = []
    for batch in uploaded(batches(), GPU, lambda batch, upload: upload(batch)):
        found.append((batch.device, batch.tolist()[0], len(begun)))
    assert found == [(GPU, 0.0, 2), (GPU, 1.0, 3), (GPU, 2.0, 3)]


def test_a_loader_pins_what_it_loads():
    data = TensorDataset(np.arange(6, dtype=np.float32).reshape(6, 1), np.arange(6))
    batches = DataLoader(data, batch_size=4, pin_memory=True)
    came = [x.to("cuda", non_blocking=True).cpu().flatten().tolist() for x, _ in batches]
    assert came == [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0]]


@pytest.mark.counts
def test_pinned_memory_is_pinned():
    from tests.gpu.strict_cupy.runtime import is_pinned

    assert is_pinned(engine.ones(3).pin_memory().numpy())
    assert not is_pinned(engine.ones(3).numpy())


def test_the_figures_of_the_memory_follow_what_is_kept():
    engine.cuda.empty_cache()
    before = engine.cuda.memory_allocated()
    x = engine.zeros(1 << 20, device="cuda")
    assert engine.cuda.memory_allocated() - before == 4 << 20
    assert engine.cuda.max_memory_allocated() >= engine.cuda.memory_reserved() >= engine.cuda.memory_allocated()
    free, total = engine.cuda.mem_get_info()
    assert 0 < free <= total
    del x
    assert engine.cuda.memory_allocated() == before


def test_what_a_script_asks_first():
    assert engine.cuda.is_available()
    assert engine.cuda.device_count() >= 1
    assert engine.cuda.current_device() == 0
    assert engine.cuda.get_device_name()
    engine.cuda.manual_seed(3)
    first = engine.rand(3, device="cuda").tolist()
    engine.cuda.manual_seed_all(3)
    assert engine.rand(3, device="cuda").tolist() == first
    engine.cuda.synchronize()


def test_a_script_moves_its_model_and_learns():
    engine.manual_seed(0)
    model = nn.Linear(1, 1).cuda()
    x = engine.randn(64, 1, device="cuda:0")
    optimizer = engine.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), 3 * x + 1)
        loss.backward()
        optimizer.step()
    assert model.weight.is_cuda
    assert [model.weight.item(), model.bias.item()] == pytest.approx([3, 1], abs=1e-3)
