"""Corners beside PyTorch's: no elements, no axes, mixed dtypes, infinities, odd indices."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF  # noqa: E402

import engine  # noqa: E402
import engine.nn.functional as F  # noqa: E402


def grid(t):
    return t.arange(12.0).reshape(3, 4)


def put(index, value):
    """A case that assigns to a part of the grid."""

    def run(t, f):
        x = grid(t)
        x[index(t) if callable(index) else index] = value(t) if callable(value) else value
        return x

    return run


def augmented(t, f):
    x = grid(t)
    x[..., 0] += 1
    x[0] *= 2
    return x


def slope(t, function):
    """The gradient where all arguments are 0."""
    x = t.zeros(2, requires_grad=True)
    function(x).sum().backward()
    return x.grad


CASES = {
    "conv0": lambda t, f: f.conv2d(t.zeros(0, 3, 5, 5), t.ones(4, 3, 3, 3)),
    "pool0": lambda t, f: f.max_pool2d(t.zeros(0, 3, 4, 4), 2),
    "avg0": lambda t, f: f.avg_pool2d(t.zeros(0, 3, 4, 4), 2),
    "ln0": lambda t, f: f.layer_norm(t.zeros(0, 4), (4,)),
    "bn0": lambda t, f: f.batch_norm(t.zeros(0, 4), t.zeros(4), t.ones(4)),
    "mse0": lambda t, f: f.mse_loss(t.zeros(0), t.zeros(0)),
    "ce0": lambda t, f: f.cross_entropy(t.zeros(0, 3), t.zeros(0, dtype=t.int64)),
    "mean0": lambda t, f: t.zeros(0).mean(),
    "sum0": lambda t, f: t.zeros(0, 3).sum(0),
    "softmax0": lambda t, f: t.zeros(0, 3).softmax(1),
    "softmax0b": lambda t, f: t.zeros(3, 0).softmax(1),
    "emb0": lambda t, f: f.embedding(t.zeros(0, dtype=t.int64), t.ones(3, 2)),
    "mm0": lambda t, f: t.zeros(2, 0) @ t.zeros(0, 3),
    "sum()": lambda t, f: grid(t).sum(()),
    "0d max": lambda t, f: t.tensor(5.0).max(0),
    "0d sum0": lambda t, f: t.tensor(5.0).sum(0),
    "0d softmax": lambda t, f: t.tensor(5.0).softmax(0),
    "x[True]": lambda t, f: grid(t)[True],
    "list": lambda t, f: grid(t)[[0, 1]],
    "neg": lambda t, f: grid(t)[-1, -2],
    "two": lambda t, f: grid(t)[t.tensor([0, 1]), t.tensor([1, 2])],
    "log0": lambda t, f: t.tensor(0.0).log(),
    "div0": lambda t, f: t.tensor(1.0) / 0,
    "exp": lambda t, f: t.tensor(1000.0).exp(),
    "nanmax": lambda t, f: t.tensor([1.0, float("nan")]).max(),
    "clampnan": lambda t, f: t.tensor([1.0, float("nan")]).clamp(0, 0.5),
    "relunan": lambda t, f: t.tensor([1.0, float("nan")]).relu(),
    "float//": lambda t, f: t.tensor([5.0, -5.0]) // 2,
    "%": lambda t, f: t.tensor([5.0, -5.0]) % 3,
    "r%": lambda t, f: t.tensor([5, -5]) % 3,
    "r//": lambda t, f: 7 // t.tensor([2, 3]),
    "rpow": lambda t, f: 2 ** t.tensor([2, 3]),
    "rsub": lambda t, f: 2 - t.tensor([2, 3]),
    "2.5**int": lambda t, f: t.tensor([2, 3]) ** 2.0,
    "bool+": lambda t, f: t.tensor([True]) + t.tensor([True]),
    "bool sum mean": lambda t, f: t.tensor([True, False]).float().mean(),
    "intmax": lambda t, f: t.tensor([1, 5, 2]).max(0),
    "argmaxb": lambda t, f: t.tensor([1.0, 3.0, 3.0]).argmax(),
    "std axis": lambda t, f: grid(t).std((0, 1), keepdim=True),
    "var corr": lambda t, f: grid(t).var(1, correction=0),
    "ones int": lambda t, f: t.ones(2, dtype=t.int32) * 2.5,
    "where": lambda t, f: t.where(t.tensor([True, False]), 1, 2.5),
    "where3": lambda t, f: t.where(grid(t) > 3, grid(t), t.tensor(0.0)),
    "abs int": lambda t, f: t.tensor([-2]).abs(),
    "sqrt int": lambda t, f: t.tensor([4]).sqrt(),
    "sign bool": lambda t, f: t.tensor([4, -3]).sign(),
    "round int": lambda t, f: t.tensor([4]).round(),
    "clamp int f": lambda t, f: t.tensor([4]).clamp(0, 2.5),
    "relu int": lambda t, f: t.tensor([-4]).relu(),
    "prod bool": lambda t, f: t.tensor([True]).prod(),
    "cumsum int": lambda t, f: t.tensor([1, 2], dtype=t.int32).cumsum(0),
    "full bool": lambda t, f: t.full((2,), True),
    "arange f": lambda t, f: t.arange(0, 1, 0.3),
    "stackdim": lambda t, f: t.stack([grid(t), grid(t)], 2).shape,
    "chunk": lambda t, f: [p.shape[0] for p in t.arange(5).chunk(3)],
    "t": lambda t, f: grid(t).t(),
    "any0": lambda t, f: (grid(t) > 50).any(),
    "item": lambda t, f: grid(t)[0, 1].item(),
    "cat empty": lambda t, f: t.cat([t.zeros(0), t.ones(2)]),
    "cat legacy": lambda t, f: t.cat([t.zeros(0), t.ones(2, 2)]),
    "u8+u8": lambda t, f: t.tensor([200], dtype=t.uint8) + t.tensor([100], dtype=t.uint8),
    "u8 sum": lambda t, f: t.tensor([200, 200], dtype=t.uint8).sum(),
    "u8*1": lambda t, f: t.tensor([200], dtype=t.uint8) * 2,
    "int/0d": lambda t, f: t.tensor([4, 2]) / t.tensor(2),
    "max2": lambda t, f: t.max(grid(t), t.tensor(5.0)),
    "cmp": lambda t, f: t.tensor([1, 2]) == t.tensor([1.0, 2.5]),
    "flatten0d": lambda t, f: t.tensor(1.0).flatten(),
    "expand": lambda t, f: t.ones(3).expand(2, 3).shape,
    "sq": lambda t, f: t.ones(1, 2, 1).squeeze(1).shape,
    "pad": lambda t, f: f.pad(t.ones(2, dtype=t.int64), (1, 1)),
    "np r": lambda t, f: t.tensor([1.0, 2.0]) * np.float32(3),
    "norm dims": lambda t, f: grid(t).norm(dim=(0, 1)),
    "norminf": lambda t, f: grid(t).norm(float("inf")),
    "isub int": lambda t, f: t.tensor([4]).sub_(1),
    "cmp chain": lambda t, f: (grid(t) > 2).float().sum(1),
    "long idx float": lambda t, f: grid(t).long()[1],
    "linear 1d w": lambda t, f: f.linear(
        t.ones(3),
        t.ones(3),
    ),
    "ls": lambda t, f: t.tensor([-float("inf")] * 2).logsumexp(0),
    "softmax -inf": lambda t, f: t.tensor([-float("inf"), 1.0]).softmax(0),
    "tensor index": lambda t, f: grid(t)[t.tensor(1)],
    "mask of rows": lambda t, f: grid(t)[t.tensor([True, False, True])],
    "put a number": put(0, 5),
    "put a column": put((slice(None), 1), lambda t: t.ones(3)),
    "put a number by mask": put(lambda t: grid(t) > 3, -1.0),
    "put values by mask": put(lambda t: grid(t) > 8, lambda t: t.ones(3)),
    "put a whole number": put((0, 0), lambda t: t.tensor(3)),
    "put rows by list": put([0, 2], lambda t: t.zeros(2, 4)),
    "augmented parts": augmented,
    **{
        f"{name} of 3,000 in float16": half
        for name, half in {
            "sum": lambda t, f: t.ones(3000, 2, dtype=t.float16).sum(0),
            "mean": lambda t, f: t.ones(3000, 2, dtype=t.float16).mean(0),
            "sums so far": lambda t, f: t.ones(3000, dtype=t.float16).cumsum(0)[-1],
            "norm": lambda t, f: t.ones(3000, 2, dtype=t.float16).norm(p=1, dim=0),
            "logsumexp": lambda t, f: t.ones(3000, 2, dtype=t.float16).logsumexp(0),
            "softmax": lambda t, f: t.ones(3000, 2, dtype=t.float16).softmax(0)[0],
            "great mean": lambda t, f: t.full((3000,), 6e4, dtype=t.float16).mean(),
        }.items()
    },
    "atan2 at the origin": lambda t, f: slope(t, lambda x: t.atan2(x, x * 0)),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", CASES)
def test_corner(name):
    ours, theirs = CASES[name](engine, F), CASES[name](torch, TF)
    if isinstance(theirs, tuple) and hasattr(theirs, "values"):
        ours, theirs = ours.values, theirs.values
    if not isinstance(theirs, torch.Tensor):
        assert ours == theirs
        return
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
    np.testing.assert_allclose(np.asarray(ours.tolist()), np.asarray(theirs.tolist()), rtol=1e-6)
