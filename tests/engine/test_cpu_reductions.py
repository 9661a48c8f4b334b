"""Sums over any axes and norms against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

from engine.kernels.cpu import losses, pool, reductions
from engine.kernels.cpu.expression import leaf
from tests.engine.compiled import numbers

few = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def close(got, want, terms=1):
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6 * max(1.0, terms**0.5))


@few
@given(
    shape=st.lists(st.sampled_from([1, 2, 3, 5, 16, 33, 70]), min_size=1, max_size=4).map(tuple),
    data=st.data(),
    threads=st.integers(1, 3),
)
def test_sums_of_formulas_over_any_axes(shape, data, threads):
    pool.set_num_threads(threads)
    axes = tuple(axis for axis in range(len(shape)) if data.draw(st.booleans()))
    narrow = tuple(1 if data.draw(st.booleans()) else size for size in shape)
    x, shift = numbers(*shape), numbers(*narrow, seed=1)
    kept = tuple(size for axis, size in enumerate(shape) if axis not in axes)
    total, largest, moved = np.empty(kept, "f"), np.empty(kept, "f"), np.empty(shape, "f")
    distance = leaf("x") - leaf("shift")
    results = {"total": (distance * distance, 0.5), "other": (leaf("x"), 1.0)}
    plan = reductions.sums(shape, axes, {"x": shape, "shift": narrow}, results, {"moved": distance})
    plan(x=x, shift=shift, total=total, other=largest, moved=moved)
    wide = x.astype("d") - shift
    close(total, (wide * wide).sum(axes) * 0.5, x.size)
    close(largest, x.astype("d").sum(axes), x.size)
    close(moved, wide)


@pytest.mark.parametrize(
    ("shape", "axes"), [((200_003,), (0,)), ((3000, 7), (0,)), ((40, 50, 33), (0, 2)), ((9, 20_000), (1,))]
)
def test_the_number_of_threads_changes_no_bit_of_a_sum(shape, axes):
    x, found = numbers(*shape), set()
    kept = tuple(size for axis, size in enumerate(shape) if axis not in axes)
    for threads in (1, 2, 3):
        pool.set_num_threads(threads)
        total = np.empty(kept, "f")
        reductions.sums(shape, axes, {"x": shape}, {"total": (leaf("x"), 1.0)})(x=x, total=total)
        found.add(total.tobytes())
    assert len(found) == 1
    close(total, x.astype("d").sum(axes), x.size)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("counts", [(5,), (1, 1024, 1025), (70_000, 3, 2048)])
def test_the_sum_of_the_squares_of_many_arrays(counts, threads):
    pool.set_num_threads(threads)
    arrays, total = [numbers(count, seed=i) for i, count in enumerate(counts)], np.empty(1, "f")
    losses.squares(counts)(total=total, **{f"grad {i}": array for i, array in enumerate(arrays)})
    close(total, sum((array.astype("d") ** 2).sum() for array in arrays))
