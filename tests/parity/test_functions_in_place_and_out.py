"""Shapes changed in place, results written into tensors of one's own, and layers' functions at the top level."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine.errors import EngineError, GradientError, ShapeError, TypeMismatch  # noqa: E402
from tests.parity.comparing import rand, randn, same, whole  # noqa: E402

TURNS = {
    "t_": (), "transpose_": (0, -1), "unsqueeze_": (1,), "squeeze_": (), "swapaxes_": (1, 0), "swapdims_": (0, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", TURNS)
def test_a_tensor_takes_the_shape_of_its_view(name):
    def turned(t, x):
        y = x * 2
        assert getattr(y, name)(*TURNS[name]) is y
        y.mul_(3)
        return y, y.exp()

    same(turned, randn(3, 1))
    same(lambda t, x: turned(t, x), whole(1, 2))
    same(lambda t, x: getattr(x[1], name)(*TURNS[name]) if name != "t_" else x[1].t_(), whole(2, 1, 3))


def test_a_view_that_is_turned_still_tells_what_it_was_taken_from():
    def changed(t, x):
        y = x * 1
        y[0].unsqueeze_(0).transpose_(0, 1).mul_(x[1].unsqueeze(1))
        return y * y

    same(changed, randn(3, 4))


def test_a_view_from_before_the_turn_shows_the_same_memory_and_has_no_history_to_go_on_with():
    x = engine.zeros(2, 3)
    row = x[0]
    x.t_()
    row.fill_(1)
    assert x.tolist() == [[1, 0], [1, 0], [1, 0]]
    y = engine.ones(2, 2, requires_grad=True) * 2
    row = y[0]
    y.t_()
    with pytest.raises(GradientError, match="given another shape in place"):
        row.sum()


def test_what_pytorch_refuses_to_turn_is_refused():
    same(lambda t, x: x.unsqueeze_(0), randn(3))  # a leaf
    same(lambda t, x: (x * 1).unsqueeze_(5), randn(3))
    y = engine.ones(3, requires_grad=True) * 2
    with engine.no_grad(), pytest.raises(GradientError, match="detach"):
        y.unsqueeze_(0)


def test_windows_that_lie_apart_share_memory_with_what_they_were_cut_from():
    def changed(t, x):
        y = x * 1
        y.unfold(0, 2, 2).unfold(1, 2, 3)[0, 0].mul_(x[:2, :2])
        return y.unfold(1, 2, 3)

    same(changed, randn(4, 6))
    assert engine.zeros(4, 4).unfold(0, 2, 2).is_contiguous() is torch.zeros(4, 4).unfold(0, 2, 2).is_contiguous()


OUT = {
    "add": 2, "sub": 2, "mul": 2, "div": 2, "maximum": 2, "eq": 2, "atan2": 2, "remainder": 2, "matmul": 2, "mm": 2,
    "exp": 1, "sqrt": 1, "sigmoid": 1, "clamp_min": None, "abs": 1, "logical_not": 1, "sum": "dim", "mean": "dim",
    "amax": "dim", "argmax": "dim", "any": "dim", "cumsum": "dim", "sort": "dim", "max": "dim", "topk": "k",
    "cat": "list", "stack": "list", "where": "where", "inverse": 1,
}  # fmt: skip
MORE = {None: (0.3,), "dim": (1,), "k": (2,)}


@pytest.mark.parametrize("name", OUT)
def test_results_are_written_into_what_is_given_as_out(name):
    kind = OUT[name]

    def called(t, x, y, out):
        function = getattr(t, name)
        if kind == "list":
            return function([x, y], out=out)
        if kind == "where":
            return function(x > 1, x, y, out=out)
        return function(x, *([y] if kind == 2 else MORE.get(kind, ())), out=out)

    def run(t, x, y, room):
        shaped = called(t, x, y, None)
        several = isinstance(shaped, tuple)
        out = tuple(room(s) for s in shaped) if several else room(shaped)
        found = called(t, x, y, out)
        for given, got in zip(out if several else [out], found if several else [found]):
            assert given is got or t is torch
        return tuple(found) if several else found

    x, y = rand(3, 3) + np.eye(3), rand(3, 3, seed=1)
    same(lambda t, x, y: run(t, x.detach(), y.detach(), t.zeros_like), x, y)
    same(lambda t, x, y: run(t, x.detach(), y.detach(), lambda s: t.empty(0, dtype=s.dtype)), x, y)


def test_out_of_the_wrong_kind_is_told_in_a_sentence():
    x = engine.ones(2, requires_grad=True)
    with pytest.raises(GradientError, match="out was given where a gradient is wanted"):
        engine.exp(x, out=engine.zeros(2))
    with pytest.raises(ShapeError, match="the result is 2"):
        engine.exp(x.detach(), out=engine.zeros(3))
    with pytest.raises(TypeMismatch, match="the result is float32"):
        engine.exp(x.detach(), out=engine.zeros(2, dtype=engine.int64))
    with pytest.raises(TypeMismatch, match="expected 2 tensors"):
        engine.sort(x.detach(), out=engine.zeros(2))
    same(lambda t, x: t.exp(x, out=t.zeros_like(x)), randn(3))
    same(lambda t, x: t.exp(x.detach(), out=t.zeros(3, dtype=t.int64)), randn(3))


LAYERS = {
    "conv1d": lambda t, x, w: t.conv1d(x, w, None, 2, 1), "conv_transpose1d": lambda t, x, w: t.conv_transpose1d(x, w),
    "max_pool1d": lambda t, x, w: t.max_pool1d(x, 2), "avg_pool1d": lambda t, x, w: t.avg_pool1d(x, 2),
    "layer_norm": lambda t, x, w: t.layer_norm(x, (8,)), "group_norm": lambda t, x, w: t.group_norm(x, 2),
    "rms_norm": lambda t, x, w: t.rms_norm(x, (8,)), "dropout": lambda t, x, w: t.dropout(x, 0.5, False),
    "selu": lambda t, x, w: t.selu(x), "celu": lambda t, x, w: t.celu(x),
    "prelu": lambda t, x, w: t.prelu(x, w[0, 0, :1]),
    "threshold": lambda t, x, w: t.threshold(x, 0.1, 2.0), "hardshrink": lambda t, x, w: t.hardshrink(x),
    "cosine_similarity": lambda t, x, w: t.cosine_similarity(x, x.flip(0), 2),
    "pairwise_distance": lambda t, x, w: t.pairwise_distance(x, x.flip(0)),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_functions_of_layers_stand_at_the_top_level_too(name):
    same(LAYERS[name], randn(2, 4, 8), randn(4, 4, 3, seed=1), tolerance=2e-5)


def test_the_precision_of_products_is_always_the_highest():
    engine.set_float32_matmul_precision("high")
    assert engine.get_float32_matmul_precision() == "highest"
    with pytest.raises(EngineError, match="'low' came"):
        engine.set_float32_matmul_precision("low")


def test_memory_can_be_told_apart():
    for t in (engine, torch):
        x = t.zeros(2, 3)
        assert x.data_ptr() == x.t().data_ptr() != x[0, 1].data_ptr() == x.data_ptr() + 4
        assert [y.storage_offset() for y in (x, x.t(), x[1], x[:, 1:], x[1].clone())] == [0, 0, 3, 1, 0]
        assert x.get_device() == -1
        assert x.is_cpu


def test_a_batch_of_as_many_triangles_as_each_has_rows_is_solved_for_matrices():
    same(lambda t, x, y: t.linalg.solve_triangular(x + 4 * t.eye(3), y, upper=True), randn(3, 3, 3), randn(3, 3))
    same(lambda t, x, y: t.cholesky_solve(y, x.tril() + 4 * t.eye(3)), randn(3, 3, 3), randn(3, 3, seed=1))
    same(lambda t, x: t.cholesky_inverse((x.tril() + 4 * t.eye(3)).detach()), randn(3, 3, 3))
    same(lambda t, x, y: t.linalg.solve_triangular(x, y, upper=True), randn(3, 3), randn(3))


def test_division_in_place_and_rounded_keeps_what_its_gradient_needs():
    def divided(t, x, y):
        z = x * 1
        z.div_(y, rounding_mode="trunc")
        return z + x

    same(divided, randn(4) * 9, rand(4, seed=2))
