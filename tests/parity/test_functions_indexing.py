"""Scattering, taking and filling beside PyTorch's, and twins in place."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import engine  # noqa: E402
import engine.nn.functional as F  # noqa: E402
from tests.parity.comparing import rand, randn, same, whole  # noqa: E402

ONCE = np.array([[0, 2, 1, 0], [2, 0, 0, 1]])  # names no place twice along axis 0
TWICE = np.array([[0, 2, 1, 0], [0, 2, 0, 0], [1, 2, 1, 0]])
REDUCTIONS = ["sum", "prod", "mean", "amax", "amin"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("method", [True, False])
def test_scatter(method, dtype):
    scatter = lambda t, x, *a, **k: x.scatter(*a, **k) if method else t.scatter(x, *a, **k)  # noqa: E731
    same(lambda t, x, i, s: scatter(t, x, 0, i, s), randn(3, 4), ONCE, randn(2, 4), dtype=dtype)
    # PyTorch has no gradient for values of another shape than the index
    same(lambda t, x, i, s: scatter(t, x, -2, i, s), randn(3, 5), ONCE, randn(3, 6), dtype=dtype, gradients=False)
    same(lambda t, x, i: scatter(t, x, 0, i, 2.5), randn(3, 4), ONCE, dtype=dtype)
    same(lambda t, x, i: scatter(t, x, 0, i, value=2.5), randn(3, 4), TWICE, dtype=dtype)
    same(lambda t, x, i, s: scatter(t, x, 0, i, src=s), randn(3, 4), np.zeros((0, 4), int), randn(0, 4), dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_scatter_add(dim, dtype):
    same(lambda t, x, i, s: t.scatter_add(x, dim, i, s), randn(3, 4), TWICE, randn(3, 4, seed=1), dtype=dtype)
    same(
        lambda t, x, i, s: x.scatter_add(dim, i[:2, :2], s),
        randn(3, 4),
        TWICE,
        randn(3, 4, seed=1),
        dtype=dtype,
        gradients=False,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_scatter_reduce(reduce, include_self, dtype):
    call = lambda t, x, i, s: t.scatter_reduce(x, 0, i, s, reduce, include_self=include_self)  # noqa: E731
    x, source = (randn(3, 4), randn(3, 4, seed=1)) if dtype != "int64" else (whole(3, 4), whole(3, 4, seed=1))
    same(call, x, TWICE, source, dtype="float32" if dtype == "int64" else dtype)
    same(call, x, TWICE[:2, :3], source, dtype="float32" if dtype == "int64" else dtype, gradients=False)
    # zeros and equals; of those that do not count PyTorch counts some in the gradient
    same(
        call,
        np.round(x),
        TWICE,
        np.round(source),
        dtype="float32" if dtype == "int64" else dtype,
        gradients=include_self,
    )


def test_a_place_that_nothing_is_put_into():
    for reduce in REDUCTIONS:
        for include in (True, False):
            same(
                lambda t, x, i, s, r=reduce, n=include: x.scatter_reduce(0, i, s, r, include_self=n),
                randn(5),
                np.array([1, 1, 3]),
                randn(3),
            )


ROWS = {
    "index_add": lambda t, x, i, s: t.index_add(x, 0, i, s),
    "index_add alpha": lambda t, x, i, s: x.index_add(0, i, s, alpha=-2),
    "index_copy": lambda t, x, i, s: t.index_copy(x, 0, i[:2], s[:2]),
    "index_fill": lambda t, x, i, s: x.index_fill(0, i, 3.0),
    "index_fill along": lambda t, x, i, s: t.index_fill(x, 1, i, -1.5),
    "index_fill tensor": lambda t, x, i, s: x.index_fill(1, i, s[0, 0]),
    "index_reduce": lambda t, x, i, s: t.index_reduce(x, 0, i, s, "mean"),
    "index_put": lambda t, x, i, s: t.index_put(x, (i[:2],), s[:2]),
    "index_put adding": lambda t, x, i, s: x.index_put((i, i), s[:, 0], accumulate=True),
    "index_put rows": lambda t, x, i, s: x.index_put((i,), s[0], True),
    "index_put mask": lambda t, x, i, s: x.index_put((x > 0,), s[0, 0]),
    "index_put mask adding": lambda t, x, i, s: x.index_put((x.detach() > 0,), s[0, 0], True),
    "put": lambda t, x, i, s: x.put(i[:2], s[0, :2]),
    "put adding": lambda t, x, i, s: t.put(x, i, s[:, 0], accumulate=True),
    "masked_scatter": lambda t, x, i, s: t.masked_scatter(x, x.detach() > 0, s),
    "take": lambda t, x, i, s: t.take(x, t.tensor([[0, 7], [7, 11]])),
    "masked_scatter row": lambda t, x, i, s: x.masked_scatter(t.tensor([True, False, True, False]), s),
    "take from the end": lambda t, x, i, s: x.take(-i - 1),
    "take_along_dim": lambda t, x, i, s: t.take_along_dim(x, x.argsort(1), 1),
    "take_along_dim flat": lambda t, x, i, s: x.take_along_dim(i),
    "take_along_dim stretched": lambda t, x, i, s: t.take_along_dim(x, i.reshape(1, -1), dim=1),
    "index_select": lambda t, x, i, s: t.index_select(x, -1, i),
    "gather": lambda t, x, i, s: t.gather(x, 0, t.tensor([[0, 2, 1, 1], [2, 2, 0, 1]])),
    "fill": lambda t, x, i, s: t.fill(x.detach(), 2.0), "masked_fill": lambda t, x, i, s: t.masked_fill(x, x > 0, 2.0),
    "argsort": lambda t, x, i, s: x.argsort(0),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:index_reduce:UserWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ROWS)
def test_places_of_an_axis(name, dtype):
    same(ROWS[name], randn(3, 4), np.array([2, 0, 2]), randn(3, 4, seed=1), dtype=dtype)


@pytest.mark.filterwarnings("ignore:index_reduce:UserWarning")
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("reduce", ["prod", "mean", "amax", "amin"])
def test_index_reduce(reduce, include):
    same(
        lambda t, x, i, s: x.index_reduce(1, i, s, reduce, include_self=include),
        randn(3, 4),
        np.array([3, 1, 3]),
        randn(3, 3),
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.sampled_from(REDUCTIONS), st.booleans(), st.data())
def test_scattering_into_random_shapes(shape, reduce, include, data):
    dim = data.draw(st.integers(0, len(shape) - 1))
    longest = [n if i != dim else 5 for i, n in enumerate(shape)]
    sizes = [data.draw(st.integers(0, n)) for n in longest]
    index = whole(*sizes, seed=data.draw(st.integers(0, 99)), low=0, high=shape[dim])
    same(
        lambda t, x, i, s: t.scatter_reduce(x, dim, i, s, reduce, include_self=include),
        randn(*shape),
        index,
        randn(*sizes, seed=1000),  # other values than before: what is not included counts as a tie in PyTorch
    )


def test_tensors_with_no_axes():
    zero = np.zeros((1,), int)
    same(lambda t, x, i, s: x.scatter(0, i, s), randn(), zero, randn(1))
    same(lambda t, x, i, s: x.index_add(0, i, s), randn(), zero, randn())
    same(lambda t, x, i: x.index_fill(0, i, 2.0), randn(), zero)
    same(lambda t, x, i: x.take(i), randn(), zero)


IN_PLACE = {
    "scatter_": lambda t, x, i, s: x.scatter_(0, i, s[:2]), "scatter_add_": lambda t, x, i, s: x.scatter_add_(0, i, s),
    "scatter_ value": lambda t, x, i, s: x.scatter_(1, i, 2.0),
    "index_add_": lambda t, x, i, s: x.index_add_(1, i[0], s, alpha=2),
    "index_fill_": lambda t, x, i, s: x.index_fill_(0, i[0], 2),
    "put_": lambda t, x, i, s: x.put_(i, s, accumulate=True),
    "masked_scatter_": lambda t, x, i, s: x.masked_scatter_(x.detach() > 0, s),
    "acos_": lambda t, x, i, s: x.mul_(0.3).acos_(),
    "addcmul_": lambda t, x, i, s: x.addcmul_(s, s, value=2), "lerp_": lambda t, x, i, s: x.lerp_(s, 0.3),
    "remainder_": lambda t, x, i, s: x.remainder_(0.7),
    "cumsum_": lambda t, x, i, s: x.cumsum_(0), "cumprod_": lambda t, x, i, s: x.cumprod_(1),
    "fmod_": lambda t, x, i, s: x.fmod_(s),
    "sqrt_": lambda t, x, i, s: x.abs_().sqrt_(), "neg_": lambda t, x, i, s: x.neg_().exp_(),
    "tril_": lambda t, x, i, s: x.tril_(),
    "clamp_min_": lambda t, x, i, s: x.clamp_min_(0.1), "addmm_": lambda t, x, i, s: x.addmm_(s[:, :3], s[:3, :]),
    "sinc_": lambda t, x, i, s: x.sinc_(),
    "scatter_reduce_": lambda t, x, i, s: x.scatter_reduce_(0, i, s, "amax"),
    "nan_to_num_": lambda t, x, i, s: x.div_(0).nan_to_num_(1.0, 2.0, 3.0),
    "index_copy_": lambda t, x, i, s: x.index_copy_(0, i[:, 1][:1], s[:1]),
    "true_divide_": lambda t, x, i, s: x.true_divide_(s), "multiply_": lambda t, x, i, s: x.multiply_(s).subtract_(1),
    "floor_": lambda t, x, i, s: x.floor_().ceil_().trunc_().round_().frac_(),
    "gt_": lambda t, x, i, s: x.detach().gt_(s.detach()), "clip_": lambda t, x, i, s: x.clip_(0, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_PLACE)
def test_twins_in_place(name):
    def changed(t, x, i, s):
        y = x * 1
        out = IN_PLACE[name](t, y, i, s)
        assert out is y or name == "gt_"
        return y * y

    same(changed, randn(3, 4), TWICE if name != "scatter_" else ONCE, randn(3, 4, seed=1), dtype="float64")


def test_whole_numbers_in_place():
    same(
        lambda t, x: x.clone().remainder_(3).bitwise_and_(2).bitwise_or_(4).bitwise_xor_(1).bitwise_left_shift_(2),
        whole(5),
    )
    same(lambda t, x: x.clone().floor_divide_(2).gcd_(x).lcm_(x + 20), whole(5, low=1))
    same(lambda t, x: x.clone().sqrt_(), whole(5))
    same(lambda t, x: (x > 0).logical_not_().logical_and_(x > 3), whole(5))


@pytest.mark.parametrize("call", [
    lambda t, x, i: x.scatter(0, i.double(), x), lambda t, x, i: x.scatter(0, i, x[:1]),
    lambda t, x, i: x.scatter(0, i[0], x),
    lambda t, x, i: x.scatter(3, i, x), lambda t, x, i: x.scatter(0, i, x, reduce="max"),
    lambda t, x, i: x.scatter_reduce(0, i, x, "median"),
    lambda t, x, i: x.scatter_add(0, i, x.double()), lambda t, x, i: x.index_add(0, i, x),
    lambda t, x, i: x.index_add(0, i[0, :2], x),
    lambda t, x, i: x.index_copy(0, i[0], x), lambda t, x, i: x.put(i, x[0]),
    lambda t, x, i: x.masked_scatter(x > -99, x[:0]),
    lambda t, x, i: x.take_along_dim(i[0], 1), lambda t, x, i: x.scatter_(0, i, x),
    lambda t, x, i: x.index_put((i[0],), x[:2].double()),
])  # fmt: skip
def test_what_pytorch_refuses_is_refused(call):
    same(call, randn(3, 4), TWICE)


PADS = [((1, 2), (2, 3, 4)), ((2, 0, 1, 1), (2, 3, 3, 4)), ((1, 1, 0, 2), (3, 3, 4)),
((1, 0, 2, 1, 1, 1), (1, 2, 3, 3, 4)), ((2, 1), (3, 4)),
        ((1, -1), (2, 3, 4)), ((0, 0), (2, 3, 4)), ((3, 3), (2, 3, 4))]  # fmt: skip


@pytest.mark.parametrize("case", PADS, ids=str)
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular", "constant"])
def test_padding(mode, case):
    pad, shape = case
    same(lambda t, x: (F if t is engine else TF).pad(x, pad, mode), randn(*shape))


@pytest.mark.parametrize("call", [
    lambda f, x: f.pad(x, (9, 0), "reflect"), lambda f, x: f.pad(x, (9, 0), "circular"),
    lambda f, x: f.pad(x, (1, 1), "mirror"),
    lambda f, x: f.pad(x, (1, 1, 1), "reflect"), lambda f, x: f.pad(x[0, 0], (1, 1), "reflect"),
    lambda f, x: f.pad(x, (1, 1), "reflect", 2.0),
])  # fmt: skip
def test_padding_that_pytorch_refuses(call):
    same(lambda t, x: call(F if t is engine else TF, x), randn(2, 3, 4))


WINDOWS = [
    {"kernel_size": 2},
    {"kernel_size": (2, 3), "stride": 2},
    {"kernel_size": 3, "padding": 1, "dilation": (1, 2)},
    {"kernel_size": 2, "stride": (1, 2), "padding": (0, 1)},
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", WINDOWS, ids=str)
def test_windows_of_images(options, dtype):
    functional = lambda t: F if t is engine else TF  # noqa: E731
    for shape in ((2, 3, 5, 6), (3, 5, 6)):
        same(lambda t, x: functional(t).unfold(x, **options), randn(*shape), dtype=dtype)
        columns = TF.unfold(torch.zeros(shape), **options).shape
        same(lambda t, x: functional(t).fold(x, (5, 6), **options), randn(*columns), dtype=dtype)
    same(lambda t, x: functional(t).fold(x, (9, 9), **options), randn(2, 4, 3))
    same(lambda t, x: functional(t).unfold(x[:, :, :1, :1], **options), rand(2, 3, 5, 6))


COUNTED = {
    "index_select": lambda t, f, x, i: t.index_select(x, 0, i),
    "gather": lambda t, f, x, i: x.gather(0, i.reshape(1, 2)),
    "scatter": lambda t, f, x, i: x.scatter(0, i.reshape(1, 2), t.ones(1, 2)),
    "scatter of a number": lambda t, f, x, i: x.scatter(0, i.reshape(1, 2), 5.0),
    "scatter_add": lambda t, f, x, i: x.scatter_add(0, i.reshape(1, 2), t.ones(1, 2)),
    "scatter_reduce": lambda t, f, x, i: x.scatter_reduce(0, i.reshape(1, 2), t.ones(1, 2), "amax"),
    "take": lambda t, f, x, i: t.take(x, i),
    "put": lambda t, f, x, i: x.clone().put_(i, t.ones(2)),
    "index_add": lambda t, f, x, i: x.index_add(0, i, t.ones(2, 4)),
    "index_copy": lambda t, f, x, i: x.index_copy(0, i, t.ones(2, 4)),
    "index_reduce": lambda t, f, x, i: x.index_reduce(0, i, t.ones(2, 4), "amax"),
    "index_fill": lambda t, f, x, i: x.index_fill(0, i, 5.0),
    "index_put": lambda t, f, x, i: t.index_put(x, (i,), t.ones(2, 4)),
    "indexing": lambda t, f, x, i: x[i],
    "embedding": lambda t, f, x, i: f.embedding(i, x),
    "one_hot": lambda t, f, x, i: f.one_hot(i, 3),
    "cross_entropy": lambda t, f, x, i: f.cross_entropy(x[:2], i),
    "multi_margin_loss": lambda t, f, x, i: f.multi_margin_loss(x[:2], i),
    "bincount": lambda t, f, x, i: t.bincount(i),
}


@pytest.mark.filterwarnings("ignore:index_reduce")  # said by PyTorch, once in a process
@pytest.mark.parametrize("place", [2, -1, -3, -4, 3, -12, -13, 12, -100])
@pytest.mark.parametrize("name", COUNTED)
def test_places_are_counted_from_the_end_where_pytorch_does_and_refused_where_it_refuses(name, place):
    found = []
    for t, f in ((torch, TF), (engine, F)):
        try:
            found.append(COUNTED[name](t, f, t.arange(12.0).reshape(3, 4), t.tensor([0, place])).numpy())
        except (RuntimeError, IndexError):
            found.append(None)
    theirs, ours = found
    assert (theirs is None) == (ours is None)
    if ours is not None:
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
