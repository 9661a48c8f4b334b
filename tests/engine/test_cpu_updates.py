"""Optimizers' formulas: compiled, of one parameter and of many at once, and worked off call by call."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

from engine.kernels.cpu import pool, updates
from engine.kernels.generic.updates import Updates, in_order
from engine.kernels.update import Pace
from engine.optim.adadelta import adadelta_rule
from engine.optim.adagrad import adagrad_rule
from engine.optim.adam import adam_numbers, adam_rule
from engine.optim.adamax import adamax_rule
from engine.optim.asgd import asgd_rule
from engine.optim.lion import lion_rule
from engine.optim.nadam import nadam_rule
from engine.optim.radam import radam_rule
from engine.optim.rmsprop import rmsprop_rule
from engine.optim.rprop import rprop_rule
from engine.optim.sgd import sgd_rule

oracle = Updates()
oracle.xp = np
RULES = {
    "sgd": sgd_rule(weight_decay=0.01),
    "sgd with momentum": sgd_rule(momentum=True, dampening=True),
    "sgd with nesterov": sgd_rule(momentum=True, nesterov=True, maximize=True),
    "adam": adam_rule(),
    "adam, amsgrad": adam_rule(weight_decay=0.1, amsgrad=True, maximize=True),
    "adam without eps": adam_rule(eps=0.0),
    "adamw": adam_rule(weight_decay=0.1, decoupled=True),
    "adamax": adamax_rule(weight_decay=0.1),
    "nadam": nadam_rule(weight_decay=0.1, decoupled=True),
    "radam": radam_rule(weight_decay=0.1),
    "rmsprop": rmsprop_rule(weight_decay=0.01),
    "rmsprop, centered": rmsprop_rule(momentum=True, centered=True),
    "rprop": rprop_rule(least=0.5, most=1.0),
    "adagrad": adagrad_rule(weight_decay=0.1),
    "adadelta": adadelta_rule(weight_decay=0.1),
    "asgd": asgd_rule(weight_decay=0.1),
    "lion": lion_rule(decays=True),
}


def numbers(size, seed):
    return np.random.default_rng(seed).standard_normal(size).astype(np.float32)


def state(rule, size):
    """The parameter, its gradient, and what is remembered: above every square of a mean, as it is in training."""
    held = {name: np.abs(numbers(size, i)) + 9 for i, name in enumerate(rule.state)}
    held |= {name: numbers(size, 7) / 4 for name in rule.state if name in ("exp_avg", "grad_avg", "prev")}
    return {"param": numbers(size, 8), "grad": numbers(size, 9), **held}


def numbered(arrays):
    """The arrays of the only parameter, as a step of many is told them."""
    return {f"{name} 0": array for name, array in arrays.items()}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", RULES)
def test_a_step_is_the_same_compiled_together_alone_and_call_by_call(name, threads):
    pool.set_num_threads(threads)
    rule, sizes = RULES[name], (1003, 1, 9_000, 1024)
    row = tuple(0.3 + 0.1 * i for i in range(len(rule.scalars)))
    scalars = {name: np.array([value], np.float32) for name, value in zip(rule.scalars, row)}
    got, apart, want = ([state(rule, size) for size in sizes] for _ in range(3))
    arrays = {f"{name} {i}": array for i, each in enumerate(got) for name, array in each.items()}
    updates.together(sizes, rule)(**arrays, **scalars)
    for each in apart:
        updates.together((each["param"].size,), rule)(**numbered(each), **scalars)
    columns = ([each[name] for each in want] for name in rule.state)
    room = lambda i, n: np.empty((n, sizes[i]), np.float32)  # noqa: E731
    pace = Pace(rule, [row] * len(sizes))
    oracle.update_step([each["param"] for each in want], [each["grad"] for each in want], [*columns], room, pace)
    for one, other, exact in zip(got, apart, want):
        for name in rule.arrays:
            np.testing.assert_allclose(one[name], exact[name], rtol=2e-5, atol=2e-6, err_msg=name)
            assert np.array_equal(one[name], other[name])


@pytest.mark.parametrize("name", RULES)
def test_no_scalar_is_computed_with_element_by_element(name):
    rule, work = RULES[name], in_order(RULES[name])
    first = 2 + len(rule.state)
    numbers = range(first, first + len(rule.scalars) + len(work.constants))
    assert [call for call in work.calls if all(place in numbers for place in call[1][:-1])] == []


@pytest.mark.parametrize(
    ("square", "finite"), [(0.0, True), (1e-40, True), (3e38, True), (np.inf, True), (np.nan, False)]
)
def test_adam_bears_squares_at_the_ends_of_the_range(square, finite):
    a = {name: np.full(40, value, np.float32) for name, value in
         {"param": 1.0, "grad": 0.0, "exp_avg": 0.0, "exp_avg_sq": square}.items()}  # fmt: skip
    scalars = adam_numbers(0.01, (0.9, 0.99), 1e-8, 0.0, 3)
    rule = adam_rule(0.99)
    updates.together((40,), rule)(
        **numbered(a), **{name: np.array([scalars[name]], np.float32) for name in rule.scalars}
    )
    assert np.isfinite(a["param"]).all() == finite
    assert not finite or (a["param"] == 1).all()
