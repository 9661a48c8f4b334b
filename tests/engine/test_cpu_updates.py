"""Optimizers' steps, of one parameter and of many at once, against the generic kernels."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

from engine.kernels.cpu import pool, updates
from engine.kernels.generic.updates import Updates

oracle = Updates()
oracle.xp = np
ADAM = {
    "lr": 0.01,
    "beta1": 0.9,
    "beta2": 0.99,
    "eps": 1e-8,
    "weight_decay": 0.0,
    "decoupled": False,
    "maximize": False,
}
SGD = {"lr": 0.1, "momentum": 0.0, "dampening": 0.0, "nesterov": False, "weight_decay": 0.01, "maximize": False}
RMSPROP = {"lr": 0.1, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0.01, "momentum": 0.0, "maximize": False}
STEP = 3


@pytest.fixture(autouse=True)
def threads_as_before():
    yield
    pool._wanted = 0


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def state(size):
    return {
        "param": numbers(size),
        "grad": numbers(size, seed=1),
        "mean": numbers(size, seed=2) * 0.1,
        "velocity": numbers(size, seed=3),
        "square": np.abs(numbers(size, seed=4)) + 1.5,
        "largest": np.abs(numbers(size, seed=5)),
    }


def scalars(options):
    values = {"rate": options["lr"]}
    if "beta1" in options:
        values["rate"] = options["lr"] / (1 - options["beta1"] ** STEP)
        values["root"] = (1 - options["beta2"] ** STEP) ** 0.5
        values["shrink"] = 1 - options["lr"] * options["weight_decay"]
    return {name: np.array([value], np.float32) for name, value in values.items()}


def check(sizes, rule, options, generic, names):
    """One launch for all parameters, one each, and the generic kernel."""
    got, apart, want = ([state(size) for size in sizes] for _ in range(3))
    arrays = {f"{name} {i}": array for i, each in enumerate(got) for name, array in each.items()}
    updates.together(sizes, rule)(**arrays, **scalars(options))
    for each in apart:
        updates.update(each["param"].size, rule)(**each, **scalars(options))
    lists = [[each[name] for each in want] if name else None for name in names]
    generic(*lists, lambda i: numbers(2, sizes[i]), options)
    for one, other, exact in zip(got, apart, want):
        for name in rule.arrays:
            np.testing.assert_allclose(one[name], exact[name], rtol=2e-5, atol=2e-6, err_msg=name)
            assert np.array_equal(one[name], other[name])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("sizes", [(5,), (1003, 1, 1024), (50_000, 3, 20_000)])
@pytest.mark.parametrize(
    ("decoupled", "amsgrad", "weight_decay", "maximize"),
    [(False, False, 0.0, False), (True, False, 0.1, False), (False, True, 0.1, True)],
)
def test_adam_steps_as_the_generic_kernel(sizes, threads, decoupled, amsgrad, weight_decay, maximize):
    pool.set_num_threads(threads)
    more = {"weight_decay": weight_decay, "decoupled": decoupled, "maximize": maximize}
    rule = updates.adam_rule(0.9, 0.99, 1e-8, amsgrad=amsgrad, **more)
    names = ("param", "grad", "mean", "square", "largest" if amsgrad else None)
    check(sizes, rule, {**ADAM, **more, "steps": [STEP] * len(sizes)}, oracle.adam_step, names)


@pytest.mark.parametrize(
    ("momentum", "nesterov", "is_first"), [(0.0, False, False), (0.9, False, True), (0.9, True, False)]
)
def test_sgd_steps_as_the_generic_kernel(momentum, nesterov, is_first):
    rule = updates.sgd_rule(momentum, 0.0, nesterov, 0.01, is_first=is_first)
    options = {**SGD, "momentum": momentum, "nesterov": nesterov, "is_first": [is_first] * 2}
    check((777, 20), rule, options, oracle.sgd_step, ("param", "grad", "velocity" if momentum else None))


@pytest.mark.parametrize(("momentum", "centered"), [(0.0, False), (0.9, True)])
def test_rmsprop_steps_as_the_generic_kernel(momentum, centered):
    rule = updates.rmsprop_rule(0.99, 1e-8, 0.01, momentum, centered)
    names = ("param", "grad", "square", "mean" if centered else None, "velocity" if momentum else None)
    check((777, 20), rule, {**RMSPROP, "momentum": momentum}, oracle.rmsprop_step, names)


@pytest.mark.parametrize(
    ("square", "finite"), [(0.0, True), (1e-40, True), (3e38, True), (np.inf, True), (np.nan, False)]
)
def test_adam_bears_squares_at_the_ends_of_the_range(square, finite):
    a = {name: np.full(40, value, np.float32) for name, value in
         {"param": 1.0, "grad": 0.0, "mean": 0.0, "square": square}.items()}  # fmt: skip
    updates.adam(40)(**a, **scalars(ADAM))
    assert np.isfinite(a["param"]).all() == finite
    assert not finite or (a["param"] == 1).all()
