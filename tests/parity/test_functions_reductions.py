"""Reductions, scans, order statistics and sorting beside PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import engine  # noqa: E402
from tests.parity.comparing import SHAPES, rand, randn, same, whole  # noqa: E402

GAPS = randn(3, 4, 5)
GAPS[0, 1], GAPS[1, 2, 3], GAPS[2, :, 0] = np.nan, np.nan, np.nan
ZEROS = np.array([[1.0, 0.0, 2.0, 3.0], [0.0, 0.0, 3.0, 1.0], [1.5, 2.0, -1.0, 0.5], [2.0, 3.0, 0.0, 0.0]])

CASES = {  # run over several axes, with and without keepdim
    "var_mean": lambda t, x, d, k: t.var_mean(x, dim=d, keepdim=k),
    "var_mean of all that is there": lambda t, x, d, k: t.var_mean(x, d, correction=0, keepdim=k),
    "std_mean": lambda t, x, d, k: t.std_mean(x, dim=d, correction=1, keepdim=k),
    "nansum": lambda t, x, d, k: t.nansum(x, d, k), "nanmean": lambda t, x, d, k: x.nanmean(d, k),
    "median": lambda t, x, d, k: t.median(x, d, k), "nanmedian": lambda t, x, d, k: x.nanmedian(dim=d, keepdim=k),
    "kthvalue": lambda t, x, d, k: t.kthvalue(x, 2, d, k), "aminmax": lambda t, x, d, k: t.aminmax(x, dim=d, keepdim=k),
    "quantile": lambda t, x, d, k: t.quantile(x, 0.3, d, k), "norm": lambda t, x, d, k: t.norm(x, 2, d, k),
    "quantiles": lambda t, x, d, k: x.quantile(t.tensor([0.0, 0.4, 1.0], dtype=x.dtype), d, k),
    "nanquantile": lambda t, x, d, k: t.nanquantile(x, 0.7, d, k, interpolation="higher"),
    "count_nonzero": lambda t, x, d, k: t.count_nonzero(x.detach().round(), d),
    "logsumexp": lambda t, x, d, k: x.logsumexp(d, k),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("name", CASES)
def test_along_an_axis(name, dim, keepdim, dtype):
    same(lambda t, x: CASES[name](t, x, dim, keepdim), randn(3, 4, 5), dtype=dtype)


@pytest.mark.parametrize("name", ["nansum", "nanmean", "median", "nanmedian", "quantile", "nanquantile", "kthvalue"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_gaps_in_the_values(name, dim):
    if name in ("nanmedian", "kthvalue"):  # of several that are no numbers, PyTorch takes any
        same(lambda t, x: CASES[name](t, x, dim, False)[0], GAPS, gradients=False)
    else:
        same(lambda t, x: CASES[name](t, x, dim, False), GAPS)


WHOLE = {
    "var_mean": lambda t, x: t.var_mean(x), "std_mean": lambda t, x: t.std_mean(x, correction=0),
    "std_mean, biased": lambda t, x: t.std_mean(x, unbiased=False), "var biased": lambda t, x: x.var(False),
    "nansum": lambda t, x: x.nansum(), "nanmean": lambda t, x: t.nanmean(x), "median": lambda t, x: t.median(x),
    "nanmedian": lambda t, x: x.nanmedian(), "quantile": lambda t, x: t.quantile(x, 0.5),
    "quantile kept": lambda t, x: t.quantile(x, 0.25, keepdim=True), "aminmax": lambda t, x: t.aminmax(x),
    "count_nonzero": lambda t, x: x.count_nonzero(), "cov": lambda t, x: t.cov(x),
    "corrcoef": lambda t, x: x.corrcoef(),
    "diff": lambda t, x: t.diff(x), "trapezoid": lambda t, x: t.trapezoid(x), "histc": lambda t, x: t.histc(x, 7),
    "histc between": lambda t, x: t.histc(x, bins=4, min=-1, max=1), "sort": lambda t, x: t.sort(x),
    "msort": lambda t, x: t.msort(x), "argsort": lambda t, x: x.argsort(descending=True),
    "topk": lambda t, x: x.topk(min(2, x.shape[-1]) if len(x.shape) else 1), "mode": lambda t, x: t.mode(x),
    "cumprod": lambda t, x: x.cumprod(0), "cummax": lambda t, x: x.cummax(-1), "cummin": lambda t, x: x.cummin(0),
    "logcumsumexp": lambda t, x: t.logcumsumexp(x, 0), "norm": lambda t, x: x.norm(),
    "dist": lambda t, x: t.dist(x, x * 2),
    "unique": lambda t, x: t.unique(x.detach(), return_inverse=True, return_counts=True),
    "nonzero": lambda t, x: t.nonzero(x > 0), "nonzero tuple": lambda t, x: (x > 0).nonzero(as_tuple=True),
    "argwhere": lambda t, x: t.argwhere(x.detach().round()), "kthvalue": lambda t, x: t.kthvalue(x, 1),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*degrees of freedom:UserWarning", "ignore:cov.*:UserWarning")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", WHOLE)
def test_of_any_shape(name, shape):
    if name in ("cov", "corrcoef") and 0 in shape:
        pytest.skip("PyTorch divides by what is not there")
    same(lambda t, x: WHOLE[name](t, x), randn(*shape, seed=3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "nearest", "midpoint"])
def test_quantiles_between_two_values(interpolation, dtype):
    for q in (0.0, 0.13, 0.5, 0.9, 1.0):
        same(lambda t, x, q=q: t.quantile(x, q, 1, interpolation=interpolation), randn(3, 6), dtype=dtype)
    same(
        lambda t, x, q: t.nanquantile(x, q.detach(), 1, interpolation=interpolation),
        GAPS,
        np.array([0.2, 0.8]),
        dtype=dtype,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, float("inf"), -float("inf"), -1, -2, "fro"])
def test_norms_of_every_order(p, dtype):
    gradients = p != 0  # PyTorch gives none, here it is 0
    same(lambda t, x: x.norm(p), rand(4, 5) - 1, dtype=dtype, gradients=gradients)
    for keepdim in (True, False):
        same(lambda t, x, k=keepdim: t.norm(x, p, 1, k), randn(3, 4), dtype=dtype, gradients=gradients)
        same(lambda t, x, k=keepdim: t.norm(x, p, (0, 2), keepdim=k), randn(3, 2, 4), dtype=dtype, gradients=gradients)
    if p != "fro":
        same(lambda t, x: t.linalg.vector_norm(x, p, -1), randn(3, 4), dtype=dtype, gradients=gradients)
        same(lambda t, x: t.linalg.vector_norm(x, p), randn(3, 4), dtype=dtype, gradients=gradients)
        same(lambda t, x: t.renorm(x, p, 0, 0.5), randn(3, 4), dtype=dtype) if p in (1, 2, 3) else None


@pytest.mark.parametrize("p", [1, 2, 3, float("inf"), 0.5])
def test_the_norm_of_nothing_has_no_gradient(p):
    same(lambda t, x: x.norm(p, 1), np.array([[0.0, 0.0], [1.0, 0.0], [2.0, -2.0]]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("name", ["cumprod", "cumsum", "cummax", "cummin", "logcumsumexp"])
def test_scans(name, dim, dtype):
    same(lambda t, x: getattr(t, name)(x, dim), randn(3, 4, 5), dtype=dtype)
    same(lambda t, x: getattr(x, name)(dim=dim), ZEROS, dtype=dtype)
    if name.startswith("cum"):
        same(lambda t, x: getattr(t, name)(x, dim), whole(3, 4))


def test_scans_at_the_limits():
    odd = np.array([[1.0, np.nan, 3.0, np.inf, -np.inf, 2.0], [-np.inf, -np.inf, 1.0, 1.0, np.nan, 0.0]])
    for name in ("cummax", "cummin", "logcumsumexp"):
        same(lambda t, x, name=name: getattr(t, name)(x, 1), odd, gradients=False)
    same(lambda t, x: t.logcumsumexp(x, 0), np.array([-1000.0, -999.0, 1000.0, 999.0]))
    same(lambda t, x: x.cumprod(0, dtype=t.float64), whole(4).astype("int32"))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_sorting(dim, descending):
    for x in (randn(4, 5), whole(4, 5, low=0, high=3), whole(4, 5) > 0, GAPS[0]):
        same(lambda t, x: t.sort(x, dim, descending, stable=True) if t.__name__ == "engine" else
             t.sort(x, dim=dim, descending=descending, stable=True), x)  # fmt: skip
        same(lambda t, x: t.argsort(x, dim=dim, descending=descending, stable=True), x)
    for k in (0, 1, 4):
        same(lambda t, x, k=k: t.topk(x, k, dim, descending), randn(4, 5))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=3), st.data())
def test_scans_and_sorting_of_any_shape(shape, data):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    for name in ("cumprod", "cummax", "logcumsumexp", "sort"):
        same(lambda t, x, name=name: getattr(t, name)(x, dim=dim), randn(*shape))


def test_the_commonest_value():
    same(lambda t, x: t.mode(x, 1), whole(5, 9, low=0, high=4))
    same(lambda t, x: t.mode(x, 0, keepdim=True), whole(9, 3, low=0, high=3).astype("float64"))


@pytest.mark.parametrize("right", [False, True])
def test_searching(right):
    row, rows = np.sort(whole(6, low=0, high=5)).astype(float), np.sort(randn(3, 6), 1)
    same(lambda t, a, x: t.searchsorted(a.detach(), x.detach(), right=right), row, rand(2, 4, high=6))
    same(lambda t, a, x: t.searchsorted(a.detach(), x.detach(), right=right, out_int32=True), rows, randn(3, 4))
    same(lambda t, a, x: t.bucketize(x.detach(), a.detach(), right=right), row, row)
    same(lambda t, a: t.searchsorted(a.detach(), 2.0, side="right" if right else "left"), row)
    same(lambda t, a, x: t.searchsorted(a, x), np.array([1, 3, 5]), np.array([[0, 3], [5, 9]]))
    same(lambda t, a: t.searchsorted(a, a, sorter=t.argsort(a)), np.array([3, 1, 2]))
    same(lambda t, a, x: t.searchsorted(a.detach(), x.detach()), rows, randn(2, 4))
    same(lambda t, a: t.searchsorted(a.detach(), 2.0, side="left", right=True), row)


def test_counting():
    same(lambda t, x: t.bincount(x), whole(20, low=0, high=6))
    same(lambda t, x: t.bincount(x, minlength=9), whole(20, low=0, high=6))
    same(lambda t, x, w: t.bincount(x, w.detach()), whole(20, low=0, high=6), randn(20))
    same(lambda t, x, w: t.bincount(x, w), whole(20, low=0, high=6), whole(20))
    same(lambda t, x: t.bincount(x), whole(0))
    for x in (whole(4) - 20, randn(3), whole(2, 2, low=0)):
        same(lambda t, x: t.bincount(x), x)
    same(lambda t, x: t.histc(x, 5, 2, 1), randn(9))


def test_what_there_is():
    x = whole(4, 6, low=0, high=3)
    same(lambda t, x: t.unique(x), x)
    same(lambda t, x: t.unique(x, return_counts=True), x)
    for dim in (0, 1, -1):
        same(lambda t, x, d=dim: t.unique(x, return_inverse=True, return_counts=True, dim=d), x.astype(float) % 2,
             gradients=False)  # fmt: skip
        same(lambda t, x, d=dim: t.unique_consecutive(x, return_inverse=True, return_counts=True, dim=d), x // 2)
    same(lambda t, x: t.unique_consecutive(x, return_inverse=True, return_counts=True), x)
    same(lambda t, x: x.unique_consecutive(), whole(0))
    same(lambda t, x: t.isin(x, t.tensor([1, 2])), x)
    same(lambda t, x: t.isin(x, 1, invert=True), x)
    same(lambda t, x: t.isin(2, x), x)
    same(lambda t, x: t.isin(x, t.tensor([])), x)
    same(lambda t, x: t.where(x > 1), x)


def test_differences_and_areas():
    same(lambda t, x, a: t.diff(x, 2, 0, prepend=a, append=a), randn(3, 4), randn(2, 4))
    same(lambda t, x: t.diff(x > 0), randn(3, 4))
    same(lambda t, x: t.diff(x, 9), randn(3, 4))
    same(lambda t, y, x: t.trapezoid(y, x), randn(3, 4), rand(4))
    same(lambda t, y, x: t.trapezoid(y, x, dim=0), randn(3, 4), rand(3))
    same(lambda t, y: t.cumulative_trapezoid(y, dx=0.3, dim=0), randn(3, 4))
    same(lambda t, y, x: t.cumulative_trapezoid(y, x), randn(3, 4), rand(3, 4))


def test_how_variables_vary_together():
    same(lambda t, x: t.cov(x, correction=0), randn(3, 7), dtype="float64")
    same(lambda t, x, w: t.cov(x, fweights=w), randn(3, 7), whole(7, low=1), dtype="float64")
    same(lambda t, x, w: t.cov(x, aweights=w.detach()), randn(3, 7), rand(7), dtype="float64")
    same(
        lambda t, x, f, a: t.cov(x, fweights=f, aweights=a.detach()),
        randn(3, 7),
        whole(7, low=1),
        rand(7),
        dtype="float64",
    )
    same(lambda t, x: t.corrcoef(x), randn(3, 7), dtype="float64", tolerance=1e-9)


@pytest.mark.parametrize("call", [
    lambda t, x: t.median(x, 5), lambda t, x: t.kthvalue(x, 9), lambda t, x: t.topk(x, 9), lambda t, x: t.topk(x, -1),
    lambda t, x: t.quantile(x, 1.5), lambda t, x: t.quantile(x, 0.5, interpolation="up"),
    lambda t, x: t.quantile(x.long(), 0.5), lambda t, x: t.nanmean(x.long()), lambda t, x: t.logcumsumexp(x.long(), 0),
    lambda t, x: t.cumprod(x, 3), lambda t, x: t.mode(x[:0]), lambda t, x: t.sort(x, 4), lambda t, x: t.norm(x.long()),
])  # fmt: skip
def test_what_pytorch_refuses_is_refused(call):
    same(call, randn(3))


@pytest.mark.parametrize("values", [[1.0, 2, 2, 3, 2], [2.0] * 4, [5.0], [2.0, np.nan, 2, np.nan, 1, 2]])
@pytest.mark.parametrize("name", ["median", "nanmedian"])
def test_all_that_are_equal_to_the_median_have_an_equal_part_in_it(name, values):
    found = []
    for t in (torch, engine):
        x = t.tensor(values, requires_grad=True)
        y = getattr(x.reshape(-1, 1), name)()
        (y * 3).backward()
        found.append((y.detach().numpy(), x.grad.numpy()))
    for ours, theirs in zip(found[1], found[0]):
        np.testing.assert_allclose(ours, theirs, 1e-6)
