"""Elementwise chains against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

from engine.kernels.cpu import elementwise, pool
from engine.kernels.cpu.expression import apply, leaf
from tests.engine.compiled import numbers

few = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))


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


def test_a_formula_with_minus_zero_is_another_than_with_zero():
    x, plus, minus = numbers(40), np.empty(40, np.float32), np.empty(40, np.float32)
    gated = lambda zero: apply("where_positive", leaf("x"), leaf("x"), zero)  # noqa: E731
    elementwise.chain((40,), {"x": (40,)}, {"plus": gated(0.0), "minus": gated(-0.0)})(x=x, plus=plus, minus=minus)
    assert np.array_equal(np.signbit(minus), x <= 0)
    assert not np.signbit(plus).any()
    elementwise.chain((40,), {"x": (40,)}, {"out": gated(0.0)})(x=x, out=plus)
    elementwise.chain((40,), {"x": (40,)}, {"out": gated(-0.0)})(x=x, out=minus)
    assert np.array_equal(np.signbit(minus), x <= 0)
    assert not np.signbit(plus).any()
