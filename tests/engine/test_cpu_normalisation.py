"""Batch normalisation, dropout and embeddings against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

from engine.kernels.cpu import batch_norm, dropout, embedding, pool, updates
from engine.kernels.cpu.dropout import GROUP, MULTIPLIERS, WEYL
from engine.optim.adagrad import adagrad_rule
from engine.optim.adam import adam_rule
from engine.optim.sgd import sgd_rule
from tests.engine.compiled import numbers

few = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
channels = st.sampled_from([1, 3, 16, 20, 33])


@few
@given(
    n=st.sampled_from([2, 5, 64, 65, 200, 3001]),
    c=channels,
    threads=st.integers(1, 3),
    far=st.sampled_from([0, 1000]),
)
def test_the_statistics_of_a_batch_and_the_gradients_of_its_norm(n, c, threads, far):
    pool.set_num_threads(threads)
    x, dy, weight = numbers(n, c) + far, numbers(n, c, seed=1), numbers(c, seed=3)
    mean, var, dx, sums = (np.empty(shape, np.float32) for shape in (c, c, (n, c), (2, c)))
    batch_norm.statistics(n, c)(x=x, mean=mean, var=var)
    wide = x.astype("d")
    np.testing.assert_allclose(mean, wide.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(var, wide.var(0), rtol=1e-3)
    scale = 1 / np.sqrt(wide.var(0) + 1e-3)
    rstd, normal, g = scale.astype(np.float32), (wide - wide.mean(0)) * scale, dy.astype("d")
    batch_norm.gradient(n, c)(x=x, dy=dy, mean=mean, rstd=rstd, weight=weight, dx=dx, **{"dweight dbias": sums})
    want = np.stack([(g * normal).sum(0), g.sum(0)])
    np.testing.assert_allclose(sums, want, rtol=1e-2, atol=0.02 if far else 2e-3)
    want = weight * scale * (g - want[1] / n - normal * want[0] / n)
    np.testing.assert_allclose(dx, want, rtol=1e-2, atol=(2e-2 if far else 1e-4) * np.abs(scale).max())


@few
@given(images=st.integers(1, 6), size=st.sampled_from([1, 3, 8]), c=channels, far=st.sampled_from([0, 1000]))
def test_batch_norm_folded_into_its_neighbours(images, size, c, far):
    """Moments and sums by pieces, merged into one multiply-add for each number."""
    rows, each, momentum = images * size * size, size * size, 0.1
    x, dy = numbers(rows, c) + far, numbers(rows, c, seed=1)
    wide, pieces = x.astype("d"), x.reshape(images, each, c).astype("d")
    a = {name: np.empty(c, np.float32) for name in ("mean", "rstd", "scale", "shift", "dweight", "dbias")}
    a |= {"weight": numbers(c, seed=3), "bias": numbers(c, seed=4), "slope": np.empty(c, np.float32)}
    a |= {"running mean": np.zeros(c, np.float32), "running var": np.ones(c, np.float32)}
    a |= {"offset": np.empty(c, np.float32), "moments": np.empty((images, 2, c), np.float32)}
    a["moments"][:, 0] = pieces.mean(1)
    a["moments"][:, 1] = ((pieces - pieces.mean(1, keepdims=True)) ** 2).sum(1)
    batch_norm.merge(rows, each, c, 1e-3, momentum)(**a)
    scale = 1 / np.sqrt(wide.var(0) + 1e-3)
    normal = (wide - wide.mean(0)) * scale
    np.testing.assert_allclose(a["mean"], wide.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(a["rstd"], scale, rtol=1e-3 if far else 1e-5)
    tolerance = 5e-3 if far else 1e-4
    np.testing.assert_allclose(x * a["scale"] + a["shift"], normal * a["weight"] + a["bias"], tolerance, tolerance)
    np.testing.assert_allclose(a["running mean"], momentum * wide.mean(0), rtol=1e-4, atol=1e-5)
    unbiased = wide.var(0) * rows / max(rows - 1, 1)
    np.testing.assert_allclose(a["running var"], 0.9 + momentum * unbiased, rtol=1e-3)

    g, normal = dy.reshape(pieces.shape), normal.reshape(pieces.shape)
    a["sums"] = np.stack([(g * normal).sum(1), g.sum(1)], axis=1).astype(np.float32)
    batch_norm.merge_gradient(rows, images, c)(**a)
    sums = (g * normal).sum((0, 1)), g.astype("d").sum((0, 1))
    np.testing.assert_allclose(a["dweight"], sums[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(a["dbias"], sums[1], rtol=1e-4, atol=1e-4)
    want = a["weight"] * scale * (g - sums[1] / rows - normal * sums[0] / rows)
    got = dy * a["scale"] + x * a["slope"] + a["offset"]
    np.testing.assert_allclose(got.reshape(want.shape), want, rtol=1e-3, atol=(2e-2 if far else 1e-4) * scale.max())


def philox(seed, offset, size):
    """Philox 4x32-10 in NumPy, words in the order of the elements."""
    counters = -(-size // (4 * GROUP)) * GROUP
    n = np.arange(counters, dtype=np.uint64)
    low = np.uint64(0xFFFFFFFF)
    c = [n & low, n >> np.uint64(32), np.full_like(n, offset & 0xFFFFFFFF), np.full_like(n, offset >> 32)]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = c[0] * np.uint64(MULTIPLIERS[0]), c[2] * np.uint64(MULTIPLIERS[1])
        c = [
            (b >> np.uint64(32)) ^ c[1] ^ np.uint64(key[0]),
            b & low,
            (a >> np.uint64(32)) ^ c[3] ^ np.uint64(key[1]),
            a & low,
        ]
        key = [(k + w) & 0xFFFFFFFF for k, w in zip(key, WEYL)]
    return np.stack(c).reshape(4, -1, GROUP).transpose(1, 0, 2).reshape(-1)[:size]


def test_the_reference_generator_gives_the_published_numbers():
    assert [hex(w) for w in philox(0, 0, 64).reshape(4, 16)[:, 0]] == [
        "0x6627e8d5",
        "0xe169c58d",
        "0xbc57ac4c",
        "0x9b00dbd8",
    ]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("size", [1, 63, 64, 1000, 20_001])
def test_a_mask_follows_the_generator_and_is_drawn_the_same_again(size, threads):
    pool.set_num_threads(threads)
    seed, offset = 0x0123456789ABCDEF, 0x1234500000007
    mask, again, state = np.full(size, 9, np.uint8), np.full(size, 9, np.uint8), np.array([seed, offset])
    dropout.mask(size, 0.3)(mask=mask, state=state)
    assert np.array_equal(mask, philox(seed, offset, size) >= round(0.3 * 2**32))
    dropout.mask(size, 0.3)(mask=again, state=state)
    assert np.array_equal(mask, again)
    state[1] += 1
    dropout.mask(size, 0.3)(mask=again, state=state)
    assert size < 60 or not np.array_equal(mask, again)


def test_dropout_of_nearly_everything_keeps_nearly_nothing():
    kept, state = np.ones(1000, np.uint8), np.array([7, 0], np.int64)
    dropout.mask(1000, 1 - 1e-12)(mask=kept, state=state)
    assert kept.sum() == 0


def test_dropout_of_everything_is_refused():
    with pytest.raises(ValueError, match="below 1"):
        dropout.mask(10, 1.0)


@few
@given(
    count=st.integers(1, 200),
    table_rows=st.integers(1, 30),
    columns=st.sampled_from([1, 5, 16, 33, 64]),
    add=st.booleans(),
    threads=st.integers(1, 3),
)
def test_embedding_rows_and_their_gradient(count, table_rows, columns, add, threads):
    pool.set_num_threads(threads)
    table, index = numbers(table_rows, columns), np.random.default_rng(1).integers(0, table_rows, count)
    y, dy, dtable = (
        np.empty((count, columns), np.float32),
        numbers(count, columns, seed=2),
        numbers(table_rows, columns, seed=3),
    )
    embedding.gather(count, columns)(table=table, index=index, y=y)
    assert np.array_equal(y, table[index])
    want = dtable.astype("d") if add else np.zeros(dtable.shape)
    np.add.at(want, index[index != 2], dy[index != 2])
    embedding.gradient(count, table_rows, columns, skipped=2, accumulate=add)(dy=dy, index=index, dtable=dtable)
    np.testing.assert_allclose(dtable, want, rtol=1e-4, atol=1e-5)


@few
@given(
    count=st.integers(1, 200),
    table_rows=st.integers(1, 40),
    columns=st.sampled_from([1, 5, 16, 33, 64]),
    rule=st.sampled_from(
        [adam_rule(), sgd_rule(), sgd_rule(momentum=True), sgd_rule(weight_decay=0.1), adagrad_rule()]
    ),
    threads=st.integers(1, 3),
)
def test_a_table_steps_as_with_a_dense_gradient(count, table_rows, columns, rule, threads):
    pool.set_num_threads(threads)
    index, dy = np.random.default_rng(1).integers(0, table_rows, count), numbers(count, columns, seed=2)
    state = lambda: {name: np.abs(numbers(table_rows, columns, seed=3)) for name in rule.arrays}  # noqa: E731
    scalars = {name: np.array([0.5], np.float32) for name in rule.scalars}
    got, want, dense = state(), state(), np.zeros((table_rows, columns))
    np.add.at(dense, index[index != 2], dy[index != 2])
    embedding.update(count, table_rows, columns, rule, skipped=2)(dy=dy, index=index, **got, **scalars)
    apart = {f"{name} 0": array for name, array in want.items()}
    updates.together((dense.size,), rule)(**{"grad 0": dense.astype(np.float32)}, **apart, **scalars)
    for name in rule.arrays:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-4, atol=1e-5)
