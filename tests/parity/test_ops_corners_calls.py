"""Forms of call, positional and named, that PyTorch takes; and what both refuse."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine.errors import EngineError  # noqa: E402


def grid(t):
    return t.tensor([[0.5, -1.5, 2.25], [3.5, 0.25, -0.75]])


def small(t):
    return t.tensor([1, 200], dtype=t.uint8)


CALLS = [
    "grid(t).sum(1)", "grid(t).sum(dim=1, keepdim=True)", "grid(t).sum(axis=1, keepdims=True)",
    "grid(t).sum(axis=(0, 1))", "t.sum(grid(t), axis=0)", "t.sum(input=grid(t), dim=0)", "grid(t).mean(axis=0)",
    "t.mean(grid(t), 1, True)", "t.mean(input=grid(t), axis=1, keepdims=True)", "grid(t).max(axis=0).values",
    "grid(t).min(axis=1, keepdims=True).indices", "grid(t).amax(axis=0)", "grid(t).amin(axis=(0, 1))",
    "grid(t).argmax(axis=1)", "grid(t).argmin(axis=1, keepdims=True)", "grid(t).prod(axis=1)",
    "(grid(t) > 0).any(axis=0)", "(grid(t) > 0).all(axis=0)", "grid(t).var(axis=0)", "grid(t).std(axis=1)",
    "grid(t).std(dim=1, unbiased=False)", "grid(t).logsumexp(axis=0)", "grid(t).cumsum(axis=1)",
    "grid(t).softmax(axis=1)", "t.log_softmax(grid(t), axis=0)", "t.softmax(grid(t), dim=0)",
    "t.cat([grid(t), grid(t)])", "t.cat([grid(t), grid(t)], 1)", "t.cat(tensors=[grid(t)], dim=1)",
    "t.cat([grid(t), grid(t)], axis=1)", "t.concat([grid(t), grid(t)], axis=1)", "t.stack([grid(t)], axis=1)",
    "t.stack(tensors=(grid(t), grid(t)), dim=-1)", "t.ones(2, 3)", "t.ones((2, 3))", "t.ones([2, 3])",
    "t.ones(size=(2, 3))", "t.zeros(size=(2,), dtype=t.int64)", "t.zeros(2, 0)", "t.ones(grid(t).shape)",
    "t.full((2,), 3.5)", "t.full(size=(2,), fill_value=7)", "t.full((2,), -1, dtype=t.uint8)",
    "t.arange(5)", "t.arange(1, 5)", "t.arange(1, 5, 2)", "t.arange(start=1, end=5, step=2)",
    "t.linspace(0, 1, steps=5)", "t.eye(3)", "t.eye(2, 3)", "t.zeros_like(grid(t))", "t.ones_like(input=grid(t))",
    "t.full_like(grid(t), 2)", "grid(t).new_zeros(2, 3)", "grid(t).new_ones((2,))",
    "t.tensor([1.1], dtype=t.float64)", "t.tensor([2**53 + 1], dtype=t.int64)", "t.tensor(data=[1, 2])",
    "grid(t).split(2, 1)", "grid(t).split([1, 2], dim=1)", "t.split(grid(t), split_size_or_sections=1)",
    "grid(t).split(split_size=1)", "grid(t).chunk(chunks=2, axis=1)", "t.unbind(grid(t), axis=1)",
    "grid(t).narrow(axis=1, start=1, length=2)", "t.narrow(grid(t), 1, 1, 2)", "t.squeeze(t.ones(1, 2), axis=0)",
    "grid(t).unsqueeze(axis=1)", "t.unsqueeze(grid(t), dim=-1)", "t.gather(t.ones(2), axis=0, index=t.tensor([0]))",
    "t.index_select(grid(t), dim=1, index=t.tensor([2, 0]))", "t.transpose(grid(t), dim0=0, dim1=1)",
    "t.swapaxes(grid(t), axis0=0, axis1=1)", "grid(t).permute(1, 0)", "grid(t).permute(dims=(1, 0))",
    "t.permute(grid(t), (1, 0))", "grid(t).reshape(3, 2)", "grid(t).reshape((3, -1))", "grid(t).reshape(shape=(6,))",
    "t.reshape(grid(t), (3, 2))", "t.reshape(grid(t), shape=(3, 2))", "grid(t).view(3, 2)", "grid(t).view(size=(6,))",
    "t.ones(1, 2).expand(3, -1)", "t.ones(1).expand(size=(2,))", "grid(t).repeat(2, 1)",
    "t.ones(2).repeat(repeats=(2,))", "t.flatten(grid(t), start_dim=0, end_dim=1)", "grid(t).flatten()",
    "t.tril(grid(t), diagonal=1)", "grid(t).triu(-1)", "t.add(grid(t), 2)", "t.add(input=grid(t), other=2, alpha=3)",
    "grid(t).sub(1, alpha=2)", "t.mul(grid(t), other=grid(t))", "t.pow(grid(t), exponent=2)", "t.exp(input=grid(t))",
    "t.clamp(grid(t), 0)", "t.clamp(input=grid(t), min=0, max=1)", "grid(t).clip(max=0.5)",
    "grid(t).round()", "grid(t).round(decimals=1)", "t.round(grid(t) * 100, decimals=-2)", "t.div(grid(t), 2)",
    "t.div(grid(t), 2, rounding_mode=None)", "t.div(grid(t), 0.5, rounding_mode='floor')",
    "t.div(grid(t), 0.3, rounding_mode='trunc')", "t.div(t.tensor([-7, 7, -6]), 2, rounding_mode='trunc')",
    "t.tensor([-7, 7]).div(t.tensor([2, -2]), rounding_mode='trunc')",
    "t.tensor([-7, 7]).div(t.tensor([2, -2]), rounding_mode='floor')", "t.where(grid(t) > 0, grid(t), 0)",
    "t.maximum(input=grid(t), other=t.tensor(1.0))", "t.norm(grid(t), dim=1)", "t.numel(grid(t))",
    "grid(t).shape.numel()", "tuple(grid(t).shape[:1])", "tuple(grid(t).size() + (1,))", "grid(t).size(dim=1)",
    "grid(t).shape[1:].numel()", "grid(t).sum(dim=[0, 1])", "grid(t).norm(p=1, dim=1, keepdim=True)",
    "small(t) + 300", "300 + small(t)", "small(t) - 3", "small(t) - 300", "300 - small(t)", "small(t) * 300",
    "small(t) == -1", "small(t) // 300", "small(t) % 300", "small(t) + -1", "small(t).fill_(-1)",
    "t.tensor([100], dtype=t.int8) + 200", "small(t).float() + 300", "t.tensor([1.0]) // 0", "t.zeros(0).mean()",
    "t.zeros(0, 3).mean(0)", "t.zeros(2, 0).mean()", "t.tensor([1.0]).std()", "t.tensor([1.0]).var()",
]  # fmt: skip


def plain(value):
    return np.asarray(value.tolist()) if hasattr(value, "tolist") else value


@pytest.mark.filterwarnings("ignore:.*degrees of freedom:UserWarning")
@pytest.mark.parametrize("call", CALLS)
def test_the_call_gives_what_pytorch_gives(call):
    run = eval(f"lambda t: {call}", {"grid": grid, "small": small})
    with warnings.catch_warnings():
        if "// 0" in call:
            warnings.simplefilter("ignore", RuntimeWarning)
        ours = run(engine)
    theirs = run(torch)
    if not isinstance(theirs, torch.Tensor) and not isinstance(theirs, tuple | list):
        assert ours == theirs
        return
    ours, theirs = (x if isinstance(theirs, tuple | list) else [x] for x in (ours, theirs))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        if isinstance(b, torch.Tensor):
            assert (tuple(a.shape), str(a.dtype)) == (tuple(b.shape), str(b.dtype).removeprefix("torch."))
        np.testing.assert_allclose(plain(a), plain(b), rtol=1e-6)


REFUSED = [
    "t.tensor([1]) // t.tensor([0])", "t.tensor([1]) % 0", "t.tensor([1]) // 0",
    "t.div(t.tensor([7]), t.tensor([0]), rounding_mode='trunc')", "t.div(t.ones(1), 2, rounding_mode='up')",
    "t.tensor([300], dtype=t.uint8)", "t.full((2,), 300, dtype=t.uint8)", "small(t).fill_(300)",
    "small(t).__setitem__(0, 300)", "small(t).masked_fill(small(t) > 3, 300)", "small(t).clamp(0, 300)",
    "small(t) + 2**70", "t.tensor([12]).round(decimals=-1)", "small(t).pow(300)",
]  # fmt: skip


@pytest.mark.parametrize("call", REFUSED)
def test_what_pytorch_refuses_is_refused_in_a_sentence(call):
    run = eval(f"lambda t: {call}", {"grid": grid, "small": small})
    with pytest.raises((RuntimeError, OverflowError)):
        run(torch)
    with pytest.raises(EngineError):
        run(engine)


def test_one_argument_by_two_names_is_refused():
    with pytest.raises(EngineError, match="dim and axis came"):
        grid(engine).sum(dim=0, axis=1)
    with pytest.raises(EngineError, match="size came twice"):
        engine.ones(2, size=(3,))
