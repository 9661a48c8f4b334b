"""Axes, joining, cutting and new tensors beside PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import engine  # noqa: E402
from tests.parity.comparing import SHAPES, randn, same, whole  # noqa: E402

CASES = {
    "movedim": lambda t, x: t.movedim(x, 0, -1), "movedim of several": lambda t, x: x.movedim((0, 2), (1, 0)),
    "moveaxis": lambda t, x: t.moveaxis(x, -1, 0), "swapdims": lambda t, x: t.swapdims(x, 0, 1),
    "flip": lambda t, x: t.flip(x, (0, -1)), "flip one": lambda t, x: x.flip(1),
    "flip list": lambda t, x: x.flip([0, 2]),
    "fliplr": lambda t, x: t.fliplr(x), "flipud": lambda t, x: x.flipud(), "roll": lambda t, x: t.roll(x, 2, 1),
    "roll flat": lambda t, x: x.roll(5), "roll axes": lambda t, x: x.roll((1, -2), (0, 2)),
    "roll far": lambda t, x: t.roll(x, shifts=-7, dims=-1), "rot90": lambda t, x: t.rot90(x),
    "rot180": lambda t, x: x.rot90(2, (1, 2)), "rot270": lambda t, x: x.rot90(-1, [0, 2]),
    "rot0": lambda t, x: x.rot90(4),
    "tile": lambda t, x: t.tile(x, (2, 1)), "tile more": lambda t, x: x.tile(2, 1, 1, 3),
    "repeat_interleave": lambda t, x: t.repeat_interleave(x, 2), "ravel": lambda t, x: t.ravel(x),
    "repeat_interleave axis": lambda t, x: x.repeat_interleave(3, dim=-2),
    "repeat_interleave each": lambda t, x: x.repeat_interleave(t.tensor([1, 0, 2]), dim=1),
    "unfold": lambda t, x: x.unfold(1, 2, 1), "unfold steps": lambda t, x: x.unfold(-1, 2, 2),
    "atleast_1d": lambda t, x: t.atleast_1d(x[0, 0, 0], x), "atleast_2d": lambda t, x: t.atleast_2d(x[0, 0]),
    "atleast_3d": lambda t, x: t.atleast_3d(x[0], x[0, 0], x),
    "tensor_split": lambda t, x: t.tensor_split(x, 3, dim=2), "tensor_split more": lambda t, x: x.tensor_split(5, 1),
    "tensor_split at": lambda t, x: x.tensor_split((1, 2), -1),
    "tensor_split beyond": lambda t, x: x.tensor_split((2, 1, 9), 2),
    "hsplit": lambda t, x: t.hsplit(x, 3), "vsplit": lambda t, x: x.vsplit(2),
    "dsplit": lambda t, x: t.dsplit(x, [1, 3]),
    "hsplit row": lambda t, x: t.hsplit(x[0, 0], 2), "adjoint": lambda t, x: x.adjoint(),
    "hstack": lambda t, x: t.hstack([x, x * 2]), "vstack": lambda t, x: t.vstack((x, x)),
    "dstack": lambda t, x: t.dstack((x, x)),
    "stacks of rows": lambda t, x: [f((x[0, 0], x[1, 1])) for f in (t.hstack, t.vstack, t.dstack, t.column_stack)],
    "column_stack": lambda t, x: t.column_stack((x[0, 0], x[0].t())),
    "row_stack": lambda t, x: t.row_stack((x[0], x[0, :1])),
    "concatenate": lambda t, x: t.concatenate((x, x), -1),
    "meshgrid": lambda t, x: t.meshgrid(x[0, 0], x[1, 1], indexing="ij"),
    "meshgrid xy": lambda t, x: t.meshgrid([x[0, 0], x[0, :, 0], x[0, 1]], indexing="xy"),
    "block_diag": lambda t, x: t.block_diag(x[0], x[0, 0], x[0, 0, 0], x[1, :2]),
    "cartesian_prod": lambda t, x: t.cartesian_prod(x[0, 0], x[0, 1]),
    "cartesian_prod of one": lambda t, x: t.cartesian_prod(x[0, 0]),
    "combinations": lambda t, x: t.combinations(x[0, 0]), "combinations of 3": lambda t, x: t.combinations(x[0, 0], 3),
    "combinations again": lambda t, x: t.combinations(x[0, 0], 2, with_replacement=True),
    "broadcast_tensors": lambda t, x: t.broadcast_tensors(x, x[:1, :1], x[0, 0]),
    "vander": lambda t, x: t.vander(x[0, 0].detach(), 3),
    "vander up": lambda t, x: t.vander(x[0, 0].detach(), increasing=True), "diag": lambda t, x: t.diag(x[0], -1),
    "diag of a row": lambda t, x: x[0, 0].diag(1), "diagflat": lambda t, x: t.diagflat(x[:, :2, 0], -1),
    "diagonal": lambda t, x: x.diagonal(1, 0, 2), "diagonal of the last": lambda t, x: t.diagonal(x, 0, -2, -1),
    "diagonal outside": lambda t, x: t.diagonal(x, 9), "diag_embed": lambda t, x: t.diag_embed(x, 1),
    "diag_embed between": lambda t, x: x.diag_embed(-1, 0, 2), "diag_embed turned": lambda t, x: x.diag_embed(1, -1, 0),
    "trace": lambda t, x: t.trace(x[0]), "select_scatter": lambda t, x: t.select_scatter(x, x[0] * 2, 0, 1),
    "slice_scatter": lambda t, x: x.slice_scatter(x[:, :, :2] * 3, 2, 1, 3),
    "slice_scatter steps": lambda t, x: t.slice_scatter(x, x[..., :2] * 3, -1, step=2),
    "diagonal_scatter": lambda t, x: x.diagonal_scatter(x[0, 0, :2].expand(4, 2) * 2),
    "squeeze": lambda t, x: x[:, None, :1].squeeze((1, 2)),
    "unflatten": lambda t, x: t.unflatten(x, -1, (2, -1)), "view_as": lambda t, x: x.view_as(t.zeros(6, 4)),
    "expand_as": lambda t, x: x[:, :1].expand_as(x),
    "unravel_index": lambda t, x: t.unravel_index(t.arange(12), (3, 4)),
    "sum_to_size": lambda t, x: x.sum_to_size(3, 1), "sum_to_size of all": lambda t, x: x.sum_to_size((1, 1, 1)),
    "split_with_sizes": lambda t, x: t.split_with_sizes(x, (1, 3), -1), "mH": lambda t, x: x.mH,
    "exp_": lambda t, x: t.exp_(x * 1),
    "where alone": lambda t, x: t.where(x > 0), "flatten": lambda t, x: t.flatten(x, 1),
    "select": lambda t, x: t.select(x, 1, -1),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_function(name, dtype):
    same(lambda t, x: CASES[name](t, x), randn(2, 3, 4), dtype=dtype)


ANY = {
    "flip": lambda t, x: t.flip(x, tuple(range(x.dim()))), "roll": lambda t, x: x.roll(1),
    "ravel": lambda t, x: x.ravel(),
    "repeat_interleave": lambda t, x: x.repeat_interleave(2), "atleast_2d": lambda t, x: t.atleast_2d(x),
    "atleast_3d": lambda t, x: t.atleast_3d(x), "diagflat": lambda t, x: t.diagflat(x),
    "tile": lambda t, x: x.tile(2, 2),
    "tensor_split": lambda t, x: t.tensor_split(x, 2), "flatten": lambda t, x: x.flatten(),
    "fliplr": lambda t, x: t.fliplr(x),
    "hstack": lambda t, x: t.hstack((x, x)), "unfold": lambda t, x: x.unfold(0, 1, 1),
    "diagonal": lambda t, x: x.diagonal(),
    "movedim": lambda t, x: x.movedim(0, -1), "diag_embed": lambda t, x: t.diag_embed(x),
    "rot90": lambda t, x: t.rot90(x),
    "block_diag": lambda t, x: t.block_diag(x, x),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ANY)
def test_of_any_shape(name, shape):
    same(lambda t, x: ANY[name](t, x), randn(*shape))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.data())
def test_random_shapes(shape, data):
    axes = st.integers(-len(shape), len(shape) - 1)
    a, b, shift = data.draw(axes), data.draw(axes), data.draw(st.integers(-5, 5))
    x = randn(*shape)
    same(lambda t, x: t.movedim(x, a, b), x)
    same(lambda t, x: t.roll(x, shift, a), x)
    same(lambda t, x: t.flip(x, (a,)), x)
    same(lambda t, x: t.repeat_interleave(x, abs(shift), dim=a), x)
    same(lambda t, x: t.tensor_split(x, abs(shift) + 1, dim=b), x)
    if len(shape) > 1:
        same(lambda t, x: t.diagonal(x, shift, a, b), x)
        same(lambda t, x: t.rot90(x, shift, (a, b)), x)


CREATION = [
    "t.logspace(0, 3, 4)", "t.logspace(start=-1, end=1, steps=5, base=2.0, dtype=t.float64)", "t.logspace(0, 1, 0)",
    "t.tril_indices(3, 4)", "t.tril_indices(4, 3, -1)", "t.triu_indices(3, 4, 1)",
    "t.triu_indices(2, 2, dtype=t.int32)", "t.tril_indices(0, 3)", "t.empty_like(t.ones(2, 3)).shape",
    "t.full_like(t.ones(2), 3, dtype=t.int64)", "t.ones_like(t.ones(2, 3, dtype=t.int32))",
    "t.zeros_like(t.ones(2), dtype=t.float64)", "t.rand_like(t.ones(2, 3)).shape",
    "t.randn_like(t.ones(2, 3, dtype=t.float64)).dtype == t.float64", "t.randint_like(t.ones(2, 3), 3, 4)",
    "t.randint_like(t.ones(2, dtype=t.int64), 1)", "t.ones(2).new_full((3,), 7)",
    "t.ones(2, dtype=t.int64).new_empty(3).dtype == t.int64", "t.asarray([1, 2])",
    "t.asarray(t.ones(2), dtype=t.float64)", "t.scalar_tensor(3)", "t.as_tensor([1.5, 2])",
    "t.frombuffer(bytearray(b'abcd'), dtype=t.uint8, count=2, offset=1)", "t.broadcast_shapes((2, 1), (3,), 1)",
    "t.arange(0, 1, 0.25)", "t.linspace(3, -3, 7)", "t.eye(3, 2, dtype=t.int64)", "t.full((2,), True)",
    "t.cartesian_prod(t.arange(2), t.arange(3))", "t.combinations(t.arange(4), r=0)",
    "t.combinations(t.arange(2), 3)", "t.meshgrid(t.arange(2), t.tensor(3), indexing='ij')", "t.block_diag()",
    "t.ones(2, 3).stride()", "t.ones(2, 3).stride(0)", "t.finfo(t.float32).eps", "t.finfo(t.float64).max",
    "t.finfo(t.float32).tiny", "t.finfo(t.float32).bits", "t.finfo().min", "t.finfo(t.float32).resolution",
    "t.finfo(t.float32).smallest_normal", "t.finfo(t.float64).dtype", "t.iinfo(t.uint8).max", "t.iinfo(t.int16).min",
    "t.iinfo(t.int64).bits", "t.iinfo(t.int8).dtype", "t.ones(3).nelement()", "t.is_floating_point(t.ones(1))",
    "t.is_complex(t.ones(1))", "t.is_nonzero(t.tensor(2))", "t.ones(2, 2).ndimension()", "t.ones(2).is_signed()",
    "t.ones(2, dtype=t.uint8).is_signed()", "t.ones(2).is_same_size(t.ones(3))", "t.numel(t.ones(2, 3))",
    "t.equal(t.ones(2), t.ones(2))", "t.allclose(t.ones(2), t.ones(2) + 1e-9)",
]  # fmt: skip


@pytest.mark.parametrize("call", CREATION)
def test_the_call_gives_what_pytorch_gives(call):
    same(lambda t: eval(call, {"t": t}))


def test_how_dtypes_meet():
    names = ["bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64"]
    for a in names:
        for b in names:
            assert engine.can_cast(getattr(engine, a), getattr(engine, b)) == torch.can_cast(
                getattr(torch, a), getattr(torch, b)
            ), (a, b)
            for x, y in (((2,), (2,)), ((2,), ()), ((), (2,)), ((), ())):
                ours = engine.result_type(*(engine.ones(s, dtype=getattr(engine, n)) for s, n in ((x, a), (y, b))))
                theirs = torch.result_type(*(torch.ones(s, dtype=getattr(torch, n)) for s, n in ((x, a), (y, b))))
                assert str(ours) == str(theirs).removeprefix("torch."), (a, b, x, y)
        for value in (2, 2.5, True):
            ours = engine.result_type(engine.ones(2, dtype=getattr(engine, a)), value)
            theirs = torch.result_type(torch.ones(2, dtype=getattr(torch, a)), value)
            assert str(ours) == str(theirs).removeprefix("torch."), (a, value)


def test_memory_that_is_shared_and_memory_that_is_not():
    array = np.zeros(3)
    x = engine.from_numpy(array)
    x.add_(1)
    engine.as_tensor(array).mul_(2)
    assert array.tolist() == [2, 2, 2]
    matrix = engine.zeros(3, 3)
    matrix.diagonal().fill_(5)
    assert matrix.trace().item() == 15
    turned = matrix.flip(0)
    turned.zero_()
    assert matrix.trace().item() == 15


def test_a_diagonal_that_is_changed_in_place_keeps_its_history():
    def changed(t, x):
        y = x * 1
        y.diagonal(1).mul_(x[0])
        return y * y

    same(changed, randn(3, 4))
    same(lambda t, x: t.diagonal(x, 0, 0, 2).exp() + x[:, 0, :1].t(), randn(3, 2, 3))


@pytest.mark.parametrize("call", [
    lambda t, x: t.movedim(x, (0, 1), (0,)), lambda t, x: t.movedim(x, 5, 0), lambda t, x: t.flip(x, (0, 0)),
    lambda t, x: t.roll(x, (1, 2)), lambda t, x: t.roll(x, (1, 2), (0,)), lambda t, x: t.rot90(x, 1, (0, 0)),
    lambda t, x: t.rot90(x, 1, (0,)), lambda t, x: x.unfold(0, 9, 1), lambda t, x: x.unfold(0, 1, 0),
    lambda t, x: t.hsplit(x, 3), lambda t, x: t.tensor_split(x, 0), lambda t, x: t.diagonal(x, 0, 1, 1),
    lambda t, x: t.diag(x[None]), lambda t, x: t.trace(x[0]), lambda t, x: t.fliplr(x[0]),
    lambda t, x: t.meshgrid(x, x, indexing="ij"), lambda t, x: t.meshgrid(x[0], x[0], indexing="no"),
    lambda t, x: t.combinations(x), lambda t, x: t.combinations(x[0], -1), lambda t, x: t.repeat_interleave(x, -1),
    lambda t, x: t.repeat_interleave(x, t.tensor([1, 2, 3]), 0), lambda t, x: x.select_scatter(x, 0, 0),
    lambda t, x: t.broadcast_tensors(x, x[:, :3]), lambda t, x: t.block_diag(x[None]), lambda t, x: t.finfo(t.int64),
    lambda t, x: t.iinfo(t.float32), lambda t, x: t.is_nonzero(x), lambda t, x: t.logspace(0, 1, -1),
    lambda t, x: t.tril_indices(-1, 2), lambda t, x: t.diag_embed(x, 0, 1, 1),
])  # fmt: skip
def test_what_pytorch_refuses_is_refused(call):
    same(call, randn(2, 4))


def test_whole_numbers_too():
    for call in (lambda t, x: t.roll(x, 1), lambda t, x: t.diag_embed(x), lambda t, x: t.flip(x, (1,)),
                 lambda t, x: t.vander(x[0]), lambda t, x: t.kron(x, x), lambda t, x: t.trace(x)):  # fmt: skip
        same(call, whole(2, 3))
