"""Where the first value that is no number came from."""

from __future__ import annotations

import math

import numpy as np
import pytest

import engine
from engine.optim import SGD
from engine.train.diagnosis import Diverged, diagnose
from engine.train.steps import SupervisedStep
from engine.train.task import Task
from tests.engine.projects import small_digits


@pytest.fixture
def task():
    return Task(small_digits(1))


def poison(parameter, value=float("nan")):
    with engine.no_grad():
        parameter.reshape(-1)[0:1].fill_(value)


def test_a_weight_that_is_no_number_is_found_by_its_node(task):
    poison(task.model.fc2.weight)
    found = diagnose(task, task.batch(task.train[:8]), math.nan, 0.01)
    assert found.node == "fc2"
    assert found.message == (
        "A weight of 'fc2' became infinite or no number at a learning rate of 0.01: the training has diverged; "
        "try a learning rate of 0.001."
    )


def test_the_first_node_whose_output_overflows_is_found(task):
    for parameter in (task.model.fc1.weight, task.model.fc2.weight):
        with engine.no_grad():
            parameter.fill_(3e38)
    with np.errstate(all="ignore"):
        found = diagnose(task, task.batch(task.train[:8]), math.inf, 0.01)
    assert found.node == "fc1"
    assert found.message.startswith("The output of 'fc1'")


def test_a_field_with_gaps_in_it_is_named_and_the_rate_not_blamed(task):
    batch = task.batch(task.train[:8])
    with engine.no_grad():
        batch.inputs["image"].reshape(-1)[0:1].fill_(math.nan)
    found = diagnose(task, batch, math.nan, 0.01)
    assert "The field 'image' holds values" in found.message
    assert found.fix.action == "choose_data"


def test_a_step_that_diverges_leaves_the_weights_alone(task):
    task.model.train()
    step = SupervisedStep(task, task.make_optimizer())
    poison(task.model.fc2.bias)
    before = task.model.fc1.weight.detach().numpy().copy()
    with np.errstate(all="ignore"), pytest.raises(Diverged) as raised:
        step.train(task.batch(task.train[:8]))
    assert raised.value.finding.node == "fc2"
    np.testing.assert_array_equal(task.model.fc1.weight.detach().numpy(), before)


def test_the_gradient_norm_is_that_of_all_parameters_together_and_clipping_shortens_it(task):
    task.model.train()
    batch = task.batch(task.train[:64])
    masks = engine.get_rng_state()
    task.loss(task.model(batch.inputs), batch.targets).backward()
    gradient = np.concatenate([p.grad.numpy().ravel() for p in task.model.parameters()])
    before = np.concatenate([p.detach().numpy().ravel() for p in task.model.parameters()])
    step = SupervisedStep(task, SGD(task.model.parameters(), lr=1.0), clip_norm=0.05)
    engine.set_rng_state(masks)
    outcome = step.train(batch)
    assert outcome.gradient_norm == pytest.approx(np.linalg.norm(gradient), rel=1e-4)
    assert outcome.gradient_norm > 0.05
    moved = before - np.concatenate([p.detach().numpy().ravel() for p in task.model.parameters()])
    np.testing.assert_allclose(moved, gradient * (0.05 / np.linalg.norm(gradient)), rtol=1e-3, atol=1e-6)
