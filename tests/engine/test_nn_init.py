"""First values: their distribution, their bounds, and that the seed decides them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import engine
from engine import nn
from engine.errors import EngineError
from engine.nn import init

DRAWS = {
    "uniform_": (lambda t: init.uniform_(t, -1, 3), 1.0, 4 / math.sqrt(12)),
    "normal_": (lambda t: init.normal_(t, 2.0, 0.5), 2.0, 0.5),
    "trunc_normal_": (lambda t: init.trunc_normal_(t, 0.0, 1.0, -2, 2), 0.0, 0.8796),
    "xavier_uniform_": (lambda t: init.xavier_uniform_(t, gain=2.0), 0.0, 2 * math.sqrt(2 / (200 + 300))),
    "xavier_normal_": (lambda t: init.xavier_normal_(t), 0.0, math.sqrt(2 / (200 + 300))),
    "kaiming_uniform_": (lambda t: init.kaiming_uniform_(t, nonlinearity="relu"), 0.0, math.sqrt(2 / 200)),
    "kaiming_normal_": (lambda t: init.kaiming_normal_(t, mode="fan_out"), 0.0, math.sqrt(2 / 300)),
    "orthogonal_": (lambda t: init.orthogonal_(t), 0.0, math.sqrt(1 / 300)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_mean_and_deviation_are_as_the_formula_says(name):
    draw, mean, deviation = DRAWS[name]
    engine.manual_seed(1)
    tensor = engine.empty(300, 200)
    assert draw(tensor) is tensor
    values = tensor.numpy().astype(np.float64)
    assert values.mean() == pytest.approx(mean, abs=4 * deviation / math.sqrt(values.size))
    assert values.std() == pytest.approx(deviation, rel=0.02)


@pytest.mark.parametrize("name", DRAWS)
def test_the_seed_decides(name):
    draw = DRAWS[name][0]
    engine.manual_seed(7)
    first = draw(engine.empty(5, 4)).numpy().copy()
    engine.manual_seed(7)
    np.testing.assert_array_equal(draw(engine.empty(5, 4)).numpy(), first)
    assert not np.array_equal(draw(engine.empty(5, 4)).numpy(), first)


def test_a_generator_of_ones_own_leaves_the_default_stream_alone():
    state = engine.get_rng_state()
    one = init.normal_(engine.empty(3), generator=engine.Generator().manual_seed(3))
    other = init.normal_(engine.empty(3), generator=engine.Generator().manual_seed(3))
    np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert engine.get_rng_state() == state


def test_uniform_and_truncated_values_stay_within_their_bounds():
    values = init.trunc_normal_(engine.empty(10_000), 0.0, 2.0, -1.0, 0.5).numpy()
    assert values.min() >= -1.0
    assert values.max() <= 0.5
    layer = nn.Linear(100, 1000)
    assert abs(layer.weight.detach().numpy()).max() <= 0.1
    assert abs(layer.bias.detach().numpy()).max() <= 0.1
    assert abs(nn.Conv2d(4, 100, 5).weight.detach().numpy()).max() <= 0.1


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3)])
def test_orthogonal_rows_or_columns_are_orthogonal(shape):
    matrix = init.orthogonal_(engine.empty(*shape), gain=2).numpy().reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_a_parameter_stays_a_leaf_that_is_learned():
    weight = nn.Parameter(engine.empty(3, 3))
    init.constant_(weight, 0.3)
    init.eye_(weight)
    assert weight.tolist() == np.eye(3).tolist()
    assert weight.is_leaf
    assert weight.requires_grad


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(EngineError, match="1 axis, expected 2 or more"):
        init.xavier_uniform_(engine.empty(3))
    with pytest.raises(EngineError, match="no gain is known for 'rellu'"):
        init.calculate_gain("rellu")
    with pytest.raises(EngineError, match="mode='fan'"):
        init.kaiming_normal_(engine.empty(3, 3), mode="fan")
    with pytest.raises(EngineError, match=r"bounds 2\.0 to 1\.0, expected the first under the second"):
        init.trunc_normal_(engine.empty(3), 0.0, 1.0, 2.0, 1.0)
    with pytest.raises(EngineError, match="3 outputs in 2 groups"):
        init.dirac_(engine.empty(3, 1, 3), groups=2)
    with pytest.raises(EngineError, match="a slope of True"):
        init.calculate_gain("leaky_relu", True)
