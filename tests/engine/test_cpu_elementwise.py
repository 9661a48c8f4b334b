"""Elementwise chains, sums and optimizer steps against NumPy and the generic kernels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

from engine.kernels.cpu import elementwise, pool, updates
from engine.kernels.cpu.expression import apply, leaf
from engine.kernels.generic.updates import Updates

few = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
oracle = Updates()
oracle.xp = np


@pytest.fixture(autouse=True)
def threads_as_before():
    yield
    pool._wanted = 0


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@few
@given(
    shape=st.lists(st.sampled_from([1, 2, 3, 5, 16, 33, 70]), min_size=1, max_size=4).map(tuple),
    data=st.data(),
    threads=st.integers(1, 3),
)
def test_chains_stretch_their_inputs_as_numpy_does(shape, data, threads):
    pool.set_num_threads(threads)
    shapes = {}
    for name in "abc":
        kept = data.draw(st.integers(0, len(shape)))
        shapes[name] = tuple(n if data.draw(st.booleans()) else 1 for n in shape[len(shape) - kept :])
    arrays = {name: numbers(*s, seed=ord(name)) for name, s in shapes.items()}
    out, other = np.empty(shape, np.float32), np.empty(shape, np.float32)
    formula = apply("relu", leaf("a") * leaf("b") + 1.5) - leaf("c")
    elementwise.chain(shape, shapes, {"out": formula, "other": formula * 2.0})(**arrays, out=out, other=other)
    want = np.maximum(arrays["a"] * arrays["b"] + np.float32(1.5), 0) - arrays["c"]
    np.testing.assert_allclose(out, np.broadcast_to(want, shape), rtol=1e-5, atol=1e-6)
    assert np.array_equal(other, out * 2)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 15, 16, 17, 1000, 40_001])
def test_a_chain_in_place_reads_before_it_writes(size, threads):
    pool.set_num_threads(threads)
    x = numbers(size)
    want = x * x + 1
    elementwise.chain((size,), {"x": (size,)}, {"x": leaf("x") * leaf("x") + 1.0})(x=x)
    np.testing.assert_allclose(x, want, rtol=1e-6)


@few
@given(rows=st.integers(1, 300), columns=st.integers(1, 70), threads=st.integers(1, 3))
def test_sums_of_formulas_for_each_channel(rows, columns, threads):
    pool.set_num_threads(threads)
    x, shift, scale = numbers(rows, columns), numbers(columns, seed=1), numbers(rows, seed=2)
    out = np.empty((2, columns), np.float32)
    formula = (leaf("x") - leaf("shift")) * leaf("scale")
    plan = elementwise.channel_sums(
        rows, columns, {"x": "all", "shift": "column", "scale": "row"}, {"a": formula, "b": leaf("x")}
    )
    plan(x=x, shift=shift, scale=scale, **{"a b": out})
    np.testing.assert_allclose(out[0], ((x - shift) * scale[:, None]).astype("d").sum(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(out[1], x.astype("d").sum(0), rtol=1e-4, atol=1e-4)


def state(size):
    return {
        "param": numbers(size),
        "grad": numbers(size, seed=1),
        "mean": numbers(size, seed=2),
        "velocity": numbers(size, seed=3),
        "square": np.abs(numbers(size, seed=4)) + 1.5,
        "largest": np.abs(numbers(size, seed=5)),
    }


def same(got, want, names):
    for name in names:
        np.testing.assert_allclose(got[name], want[name], rtol=2e-5, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("size", [5, 1003, 50_000])
@pytest.mark.parametrize(
    ("decoupled", "amsgrad", "weight_decay", "maximize"),
    [(False, False, 0.0, False), (True, False, 0.1, False), (False, True, 0.1, True)],
)
def test_adam_steps_as_the_generic_kernel(size, decoupled, amsgrad, weight_decay, maximize):
    got, want, lr, step = state(size), state(size), 0.01, 3
    plan = updates.adam(size, 0.9, 0.99, 1e-8, weight_decay, decoupled, amsgrad, maximize)
    scalars = {"rate": lr / (1 - 0.9**step), "root": (1 - 0.99**step) ** 0.5, "shrink": 1 - lr * weight_decay}
    plan(**got, **{name: np.array([value], np.float32) for name, value in scalars.items()})
    oracle.adam_step(
        want["param"],
        want["grad"],
        want["mean"],
        want["square"],
        want["largest"] if amsgrad else None,
        numbers(2, size),
        lr=lr,
        beta1=0.9,
        beta2=0.99,
        eps=1e-8,
        weight_decay=weight_decay,
        decoupled=decoupled,
        maximize=maximize,
        step=step,
    )
    same(got, want, ("param", "mean", "square", *(["largest"] if amsgrad else [])))


@pytest.mark.parametrize(
    ("momentum", "nesterov", "is_first"), [(0.0, False, False), (0.9, False, True), (0.9, True, False)]
)
def test_sgd_steps_as_the_generic_kernel(momentum, nesterov, is_first):
    got, want = state(777), state(777)
    updates.sgd(777, momentum, 0.0, nesterov, 0.01, False, is_first)(**got, rate=np.array([0.1], np.float32))
    oracle.sgd_step(
        want["param"],
        want["grad"],
        want["velocity"] if momentum else None,
        numbers(2, 777),
        lr=0.1,
        momentum=momentum,
        dampening=0.0,
        nesterov=nesterov,
        weight_decay=0.01,
        maximize=False,
        is_first=is_first,
    )
    same(got, want, ("param", "velocity"))


@pytest.mark.parametrize(("momentum", "centered"), [(0.0, False), (0.9, True)])
def test_rmsprop_steps_as_the_generic_kernel(momentum, centered):
    got, want = state(777), state(777)
    for each in (got, want):
        each["mean"] *= 0.1
    updates.rmsprop(777, 0.99, 1e-8, 0.01, momentum, centered)(**got, rate=np.array([0.1], np.float32))
    oracle.rmsprop_step(
        want["param"],
        want["grad"],
        want["square"],
        want["mean"] if centered else None,
        want["velocity"] if momentum else None,
        numbers(2, 777),
        lr=0.1,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0.01,
        momentum=momentum,
        maximize=False,
    )
    same(got, want, ("param", "square", "mean", "velocity"))
