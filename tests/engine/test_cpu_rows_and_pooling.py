"""Softmax, cross-entropy, layer normalisation and pooling against NumPy and the generic kernels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

from engine.kernels.cpu import pool, pooling, rows
from engine.kernels.cpu.expression import apply, leaf
from engine.kernels.cpu.imagewise import over
from engine.kernels.cpu.operands import Source
from engine.kernels.cpu.pooling import Pool
from tests.engine.compiled import few, numbers

heights, widths = st.integers(1, 40), st.sampled_from([1, 2, 5, 10, 16, 17, 33, 100])


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=3e-5, atol=3e-6)


def softmax(x):
    e = np.exp(x.astype("d") - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@few
@given(n=heights, c=widths, spread=st.sampled_from([1, 100]), threads=st.integers(1, 2))
def test_softmax_and_its_logarithm_with_gradients(n, c, spread, threads):
    pool.set_num_threads(threads)
    x, dy, y, dx = (
        numbers(n, c) * spread,
        numbers(n, c, seed=1),
        np.empty((n, c), np.float32),
        np.empty((n, c), np.float32),
    )
    want = softmax(x)
    rows.softmax(n, c)(x=x, y=y)
    close(y, want)
    rows.softmax_gradient(n, c)(y=y, dy=dy, dx=dx)
    close(dx, want * (dy - (dy * want).sum(1, keepdims=True)))
    rows.softmax(n, c, logarithm=True)(x=x, y=y)
    wide = x.astype("d") - x.max(1, keepdims=True)
    close(y, wide - np.log(np.exp(wide).sum(1, keepdims=True)))
    rows.softmax_gradient(n, c, logarithm=True)(y=y, dy=dy, dx=dx)
    np.testing.assert_allclose(dx, dy - want * dy.sum(1, keepdims=True, dtype="d"), rtol=1e-4, atol=1e-5 * c**0.5)


@few
@given(n=heights, c=widths, threads=st.integers(1, 2))
def test_cross_entropy_with_its_gradient(n, c, threads):
    pool.set_num_threads(threads)
    x, target = numbers(n, c) * 5, np.random.default_rng(1).integers(0, c, n)
    losses, dx, scale = np.empty(n, np.float32), np.empty((n, c), np.float32), np.array([1 / n], np.float32)
    rows.cross_entropy(n, c)(x=x, target=target, losses=losses, scale=scale, dx=dx)
    chances = softmax(x)
    np.testing.assert_allclose(losses, -np.log(chances[np.arange(n), target]), rtol=1e-4, atol=1e-5)
    close(dx, (chances - np.eye(c)[target]) / n)


@few
@given(n=heights, c=st.sampled_from([2, 5, 16, 33, 100]), affine=st.booleans(), threads=st.integers(1, 2))
def test_layer_norm_and_its_gradients(n, c, affine, threads):
    pool.set_num_threads(threads)
    x, dy, weight, bias = numbers(n, c) + 3, numbers(n, c, seed=1), numbers(c, seed=2), numbers(c, seed=3)
    y, dx, mean, rstd, sums = (
        np.empty((n, c), np.float32),
        np.empty((n, c), np.float32),
        np.empty(n, np.float32),
        np.empty(n, np.float32),
        np.empty((2, c), np.float32),
    )
    rows.layer_norm(n, c, 1e-3, affine)(x=x, y=y, mean=mean, rstd=rstd, weight=weight, bias=bias)
    wide = x.astype("d")
    scale = 1 / np.sqrt(wide.var(1, keepdims=True) + 1e-3)
    normal = (wide - wide.mean(1, keepdims=True)) * scale
    np.testing.assert_allclose(y, normal * weight + bias if affine else normal, rtol=1e-4, atol=2e-5)
    rows.layer_norm_gradient(n, c, affine)(
        x=x, dy=dy, mean=mean, rstd=rstd, dx=dx, weight=weight, **{"dweight dbias": sums}
    )
    g = dy * weight if affine else dy.astype("d")
    want = scale * (g - g.mean(1, keepdims=True) - normal * (g * normal).mean(1, keepdims=True))
    np.testing.assert_allclose(dx, want, rtol=1e-3, atol=1e-4)
    if affine:
        np.testing.assert_allclose(sums, [(dy * normal).sum(0), dy.sum(0)], rtol=1e-3, atol=1e-3)


@few
@given(n=heights, c=widths, data=st.data(), threads=st.integers(1, 2))
def test_cross_entropy_with_everything_that_pytorch_knows(n, c, data, threads):
    pool.set_num_threads(threads)
    weighted, smoothing = data.draw(st.booleans()), data.draw(st.sampled_from([0.0, 0.1]))
    ignored, mean = data.draw(st.sampled_from([None, -100, 0])), data.draw(st.booleans())
    x, target = numbers(n, c) * 3, np.random.default_rng(1).integers(0, c, n)
    if ignored is not None:
        target[::3] = ignored
    counts = np.ones(n, bool) if ignored is None else target != ignored
    w = np.random.default_rng(2).random(c).astype(np.float32) + 0.5 if weighted else np.ones(c, np.float32)
    q = np.eye(c)[np.where(counts, target, 0)] * (1 - smoothing) * w[np.where(counts, target, 0)][:, None]
    q = (q + smoothing / c * w) * counts[:, None]
    chances = softmax(x)
    want = -(q * np.log(chances)).sum(1)
    total = w[target[counts]].sum() if counts.any() else np.nan
    scale = 1 / total if mean else 1.0
    a = {name: np.empty(1, np.float32) for name in ("scale", "total", "loss")}
    a |= {"x": x, "dx": x, "target": target, "weight": w, "losses": np.empty(n, np.float32)}
    a["dbias"] = np.empty(c, np.float32)
    plan = rows.cross_entropy(n, c, True, ignored, weighted, smoothing, "mean" if mean else "sum", sums=True)
    plan(**a)
    np.testing.assert_allclose(a["losses"], want, rtol=1e-4, atol=2e-5)
    if counts.any():
        np.testing.assert_allclose(a["loss"], want.sum() * scale, rtol=1e-4, atol=2e-5)
        gradient = (q.sum(1, keepdims=True) * chances - q) * scale
        np.testing.assert_allclose(a["dx"], gradient, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(a["dbias"], gradient.sum(0), rtol=1e-3, atol=1e-4)


@few
@given(n=heights, c=st.sampled_from([2, 5, 16, 33, 100]), threads=st.integers(1, 2))
def test_norm_by_the_root_of_the_mean_square(n, c, threads):
    pool.set_num_threads(threads)
    x, dy, weight, rest = numbers(n, c) + 1, numbers(n, c, seed=1), numbers(c, seed=2), numbers(n, c, seed=3)
    y, rstd, dweight, dx = np.empty((n, c), "f"), np.empty(n, "f"), np.empty(c, "f"), rest.copy()
    rows.layer_norm(n, c, 1e-3, "weight", centered=False)(x=x, y=y, rstd=rstd, weight=weight)
    wide = x.astype("d")
    scale = 1 / np.sqrt((wide * wide).mean(1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(y, wide * scale * weight, rtol=1e-4, atol=2e-5)
    rows.layer_norm_gradient(n, c, "weight", centered=False, residual=True)(
        x=x, dy=dy, rstd=rstd, weight=weight, dx=dx, residual=dx, dweight=dweight
    )
    g, normal = dy.astype("d") * weight, wide * scale
    want = scale * (g - normal * (g * normal).mean(1, keepdims=True)) + rest
    np.testing.assert_allclose(dx, want, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(dweight, (dy * normal).sum(0), rtol=1e-3, atol=1e-3)


pair = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))  # noqa: E731


@few
@given(
    images=st.integers(1, 3),
    size=pair(1, 9),
    channels=st.sampled_from([1, 3, 16, 20]),
    kernel=pair(1, 3),
    stride=pair(1, 3),
    padding=pair(0, 1),
    dilation=pair(1, 2),
    counted=st.booleans(),
    threads=st.integers(1, 2),
)
def test_pooling_of_any_window(images, size, channels, kernel, stride, padding, dilation, counted, threads):
    spec = Pool(images, *size, channels, kernel, stride, padding, dilation, counted)
    assume(spec.out_height > 0 and spec.out_width > 0 and all(2 * p <= k for p, k in zip(padding, kernel)))
    pool.set_num_threads(threads)
    x = numbers(images, *size, channels)
    shape = (images, spec.out_height, spec.out_width, channels)
    y, index, mean, dy = (
        np.empty(shape, np.float32),
        np.empty(shape, np.int32),
        np.empty(shape, np.float32),
        numbers(*shape, seed=1),
    )
    to_largest, to_all = np.empty_like(x), np.empty_like(x)
    want_y, want_mean, want_largest, want_all = np.empty(shape), np.empty(shape), np.zeros(x.shape), np.zeros(x.shape)
    for i in range(spec.out_height):
        for j in range(spec.out_width):
            places = [
                (a, b)
                for a in range(
                    i * stride[0] - padding[0], i * stride[0] - padding[0] + dilation[0] * kernel[0], dilation[0]
                )
                for b in range(
                    j * stride[1] - padding[1], j * stride[1] - padding[1] + dilation[1] * kernel[1], dilation[1]
                )
            ]
            inside = [(a, b) for a, b in places if 0 <= a < size[0] and 0 <= b < size[1]]
            assume(inside)
            seen = np.stack([x[:, a, b] for a, b in inside])
            count = len(places) if counted else len(inside)
            want_y[:, i, j], want_mean[:, i, j] = seen.max(0), seen.sum(0) / count
            for number, (a, b) in enumerate(inside):
                want_all[:, a, b] += dy[:, i, j] / count
                want_largest[:, a, b] += dy[:, i, j] * (seen.argmax(0) == number)
    pooling.max_forward(spec)(x=x, y=y, index=index)
    pooling.average_forward(spec)(x=x, y=mean)
    pooling.max_gradient(spec)(dy=dy, index=index, dx=to_largest)
    pooling.average_gradient(spec)(dy=dy, dx=to_all)
    for got, want in ((y, want_y), (mean, want_mean), (to_largest, want_largest), (to_all, want_all)):
        close(got, want)


def test_what_is_not_a_number_survives_max_pooling():
    x = np.zeros((1, 2, 2, 3), np.float32)
    x[0, 0, 1, 1] = np.nan
    y, index = np.empty((1, 1, 1, 3), np.float32), np.empty((1, 1, 1, 3), np.int32)
    pooling.max_forward(Pool(1, 2, 2, 3))(x=x, y=y, index=index)
    assert np.isnan(y[0, 0, 0]).tolist() == [False, True, False]
    assert index[0, 0, 0, 0] == 0


@few
@given(
    images=st.integers(1, 3),
    windows=pair(1, 5),
    kernel=pair(1, 3),
    channels=st.sampled_from([1, 3, 16, 20]),
    threads=st.integers(1, 2),
)
def test_pooling_of_a_formula_and_the_way_back(images, windows, kernel, channels, threads):
    """Batch norm and ReLU are applied as the window looks; the gradient is read by the chosen places."""
    pool.set_num_threads(threads)
    size = tuple(n * k for n, k in zip(windows, kernel))
    spec, small = Pool(images, *size, channels, kernel, kernel), (images, *windows, channels)
    x, scale, shift = numbers(images, *size, channels), numbers(channels, seed=1), numbers(channels, seed=2)
    source = Source(("x",), ("scale", "shift"), formula=apply("relu", leaf("x") * leaf("scale") + leaf("shift")))
    y, kept, chosen = np.empty(small, np.float32), np.empty(small, np.float32), np.empty(small, np.uint8)
    pooling.max_forward(spec, source, kept="x", chosen=True)(
        x=x, scale=scale, shift=shift, y=y, kept=kept, chosen=chosen
    )
    by_window = (images, windows[0], kernel[0], windows[1], kernel[1], channels)
    taps = lambda a: a.reshape(by_window).transpose(0, 1, 3, 2, 4, 5).reshape(*small[:3], -1, channels)  # noqa: E731
    seen = taps(np.maximum(x * scale + shift, 0))
    close(y, seen.max(3))
    pick = lambda a: np.take_along_axis(a, chosen[:, :, :, None].astype(int), 3)[:, :, :, 0]  # noqa: E731
    close(pick(seen), y)
    assert np.array_equal(pick(taps(x)), kept)

    dy, out = numbers(*small, seed=3), np.empty_like(x)
    back = Source((), pooled=(("dy", "chosen"),), window=kernel, formula=leaf("dy"))
    over(images, *size, channels, back)(dy=dy, chosen=chosen, out=out)
    assert np.array_equal(pick(taps(out)), dy)
    assert np.count_nonzero(out) == np.count_nonzero(dy)

    mean = np.empty((images, 1, channels), np.float32)
    pooling.global_average(images, *size, channels, source)(x=x, scale=scale, shift=shift, sums=mean)
    close(mean[:, 0], np.maximum(x * scale + shift, 0).mean((1, 2)))
