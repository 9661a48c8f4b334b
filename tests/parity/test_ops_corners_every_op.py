"""Every op class beside PyTorch, result and gradient: an op without a case here fails `test_no_op_is_left_out`."""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF  # noqa: E402

import engine  # noqa: E402
import engine.nn.functional as F  # noqa: E402
import engine.ops  # noqa: E402
from engine.ops.base import Op  # noqa: E402
from engine.tensor import record  # noqa: E402

VALUES = np.random.default_rng(7).permutation(np.linspace(-1.9, 2.1, 12)).reshape(3, 4).astype("float32")
OURS_ALONE = {"Transfer": "between devices", "Overlay": "run by the tape alone, see test_ops_corners_inplace"}


def image(x):
    return x.reshape(1, 3, 2, 2)


def assigned(t, f, x):
    y = x * 2
    y[1:, ::2] = x[0, 0] * x[:2, :2]
    y[0] = 3.0
    return y


def recurrent(kind):
    """One step of a cell, or of a whole layer, whose weights are the same numbers in both libraries."""

    def run(t, f, x):
        layer = getattr(t.nn, kind)(4, 2)
        with t.no_grad():
            for number, p in enumerate(layer.parameters()):
                p.copy_((t.arange(float(p.numel())).reshape(p.shape) % 5 - 2 + number) / 4)
        out = layer(x.unsqueeze(1))[0]
        return out if len(out.shape) == 3 else out.unsqueeze(1)

    return run


CASES = {
    "Dropout": lambda t, f, x: f.dropout(x, 1.0),
    "GELU": lambda t, f, x: f.gelu(x),
    "GELUTanh": lambda t, f, x: f.gelu(x, approximate="tanh"),
    "LeakyReLU": lambda t, f, x: f.leaky_relu(x, 0.2),
    "ELU": lambda t, f, x: f.elu(x, 1.3),
    "Hardtanh": lambda t, f, x: f.hardtanh(x, -0.7, 0.6),
    "LogSoftmax": lambda t, f, x: x.log_softmax(1),
    "ReLU": lambda t, f, x: x.relu(),
    "Hardswish": lambda t, f, x: f.hardswish(x * 4),
    "SiLU": lambda t, f, x: f.silu(x),
    "Sigmoid": lambda t, f, x: x.sigmoid(),
    "Softmax": lambda t, f, x: x.softmax(0),
    "Softplus": lambda t, f, x: f.softplus(x),
    "Tanh": lambda t, f, x: x.tanh(),
    "Add": lambda t, f, x: x + x[0],
    "AddScalar": lambda t, f, x: x + 2.5,
    "Compare": lambda t, f, x: x > x[0],
    "CompareScalar": lambda t, f, x: x <= 0.3,
    "Div": lambda t, f, x: x / (x[0] + 5),
    "DivScalar": lambda t, f, x: x / 3,
    "Division": lambda t, f, x: x.detach() // t.tensor(0.7),
    "Maximum": lambda t, f, x: t.maximum(x, x[1]),
    "Minimum": lambda t, f, x: t.minimum(x, x[1]),
    "Mul": lambda t, f, x: x * x[0],
    "Pow": lambda t, f, x: (x + 3) ** x[0],
    "PowScalar": lambda t, f, x: x**3,
    "RDivScalar": lambda t, f, x: 2 / (x + 3),
    "RPowScalar": lambda t, f, x: 2**x,
    "RSubScalar": lambda t, f, x: 2 - x,
    "Scale": lambda t, f, x: x * -1.5,
    "Sub": lambda t, f, x: x[0] - x,
    "Where": lambda t, f, x: t.where(x > 0, x, x * 3),
    "Attention": lambda t, f, x: f.scaled_dot_product_attention(x[None], x[None] * 2, x[None] + 1),
    "Conv2d": lambda t, f, x: f.conv2d(image(x), x[:2, :3].reshape(2, 3, 1, 1), padding=1),
    "Abs": lambda t, f, x: x.abs(),
    "Cast": lambda t, f, x: x.double(),
    "Ceil": lambda t, f, x: x.ceil(),
    "Clamp": lambda t, f, x: x.clamp(-0.5, 0.8),
    "Cos": lambda t, f, x: x.cos(),
    "Erf": lambda t, f, x: t.erf(x),
    "Exp": lambda t, f, x: x.exp(),
    "Expm1": lambda t, f, x: t.expm1(x * t.tensor([1.0, 1e-3, 1e-6, 2.0])),
    "Floor": lambda t, f, x: x.floor(),
    "Log": lambda t, f, x: (x + 3).log(),
    "Log1p": lambda t, f, x: t.log1p((x * x) * t.tensor([1.0, 1e-3, 1e-6, 2.0])),
    "Neg": lambda t, f, x: -x,
    "Round": lambda t, f, x: x.round(),
    "Sign": lambda t, f, x: x.sign(),
    "Sin": lambda t, f, x: x.sin(),
    "Sqrt": lambda t, f, x: (x + 3).sqrt(),
    "Test": lambda t, f, x: t.isfinite(x * t.tensor([1.0, float("inf"), 1.0, -float("inf")])),
    "Embedding": lambda t, f, x: f.embedding(t.tensor([2, 0, 2]), x),
    "Gather": lambda t, f, x: x.gather(1, t.tensor([[0, 0], [3, 1], [2, 2]])),
    "GetItem": lambda t, f, x: x[1:, ::2],
    "IndexSelect": lambda t, f, x: x.index_select(1, t.tensor([2, 0, 2])),
    "OneHot": lambda t, f, x: f.one_hot(t.tensor([2, 0]), 4),
    "SetItem": assigned,
    "Clone": lambda t, f, x: x.clone(),
    "Concatenate": lambda t, f, x: t.cat([x, x * 2], 1),
    "Expand": lambda t, f, x: x[:, :1].expand(3, 5),
    "Pad": lambda t, f, x: f.pad(x, (1, 2), value=1.5),
    "Permute": lambda t, f, x: x.permute(1, 0),
    "Reshape": lambda t, f, x: x.reshape(2, 6),
    "Tile": lambda t, f, x: x.repeat(2, 3),
    "Triangle": lambda t, f, x: x.tril() + x.triu(1),
    "BCEWithLogits": lambda t, f, x: f.binary_cross_entropy_with_logits(x, t.full((3, 4), 0.3)),
    "BCE": lambda t, f, x: f.binary_cross_entropy(x.sigmoid(), t.full_like(x, 0.3)),
    "CTC": lambda t, f, x: f.ctc_loss(
        x.log_softmax(1).unsqueeze(1), t.tensor([[2, 2]]), t.tensor([3]), t.tensor([2]), reduction="none"
    ),
    "CrossEntropy": lambda t, f, x: f.cross_entropy(x, t.tensor([0, 3, 1])),
    "Variance": lambda t, f, x: f.gaussian_nll_loss(t.zeros(3, 4), t.ones(3, 4), x.abs(), reduction="none"),
    "NLL": lambda t, f, x: f.nll_loss(x, t.tensor([0, 3, 1])),
    "SoftCrossEntropy": lambda t, f, x: f.cross_entropy(x, t.full((3, 4), 0.25)),
    "SquaredError": lambda t, f, x: f.mse_loss(x, x.detach() * 0.5),
    "BatchNorm": lambda t, f, x: f.batch_norm(x, None, None, training=True),
    "GroupNorm": lambda t, f, x: f.group_norm(x, 2),
    "LayerNorm": lambda t, f, x: f.layer_norm(x, (4,)),
    "AvgPool2d": lambda t, f, x: f.avg_pool2d(image(x), 2),
    "MaxPool2d": lambda t, f, x: f.max_pool2d(image(x), 2),
    "WindowArgMax": lambda t, f, x: f.max_pool2d(image(x), 2, return_indices=True)[0],
    "MaxUnpool": lambda t, f, x: f.max_unpool2d(*f.max_pool2d(image(x), 2, return_indices=True), 2),
    "Linear": lambda t, f, x: f.linear(x, x[:2] * 2, x[0, :2]),
    "MatMul": lambda t, f, x: x @ x.t(),
    "GRU": recurrent("GRU"),
    "LSTM": recurrent("LSTM"),
    "RNN": recurrent("RNN"),
    "Median": lambda t, f, x: x.median(),
    "AMax": lambda t, f, x: x.amax(1),
    "AMin": lambda t, f, x: x.amin(0),
    "All": lambda t, f, x: (x > -1).all(1),
    "Any": lambda t, f, x: (x > 2).any(1),
    "ArgMax": lambda t, f, x: x.argmax(1),
    "ArgMin": lambda t, f, x: x.argmin(),
    "CumSum": lambda t, f, x: x.cumsum(1),
    "LogSumExp": lambda t, f, x: x.logsumexp(1),
    "Mean": lambda t, f, x: x.mean(0),
    "Prod": lambda t, f, x: x.prod(1),
    "Sum": lambda t, f, x: x.sum(1),
    "Nearest": lambda t, f, x: f.interpolate(image(x), scale_factor=2),
    "Elementary": lambda t, f, x: t.atan(x) + t.lgamma(x + 4),
    "ElementaryByResult": lambda t, f, x: t.exp2(x) + t.erfinv(x / 3),
    "Polygamma": lambda t, f, x: t.digamma(x + 4),
    "Trunc": lambda t, f, x: t.trunc(x * 2),
    "Whole": lambda t, f, x: ~x.detach().long(),
    "WholePair": lambda t, f, x: x.detach().long() & t.tensor([1, 2, 3, -4]),
    "ATan2": lambda t, f, x: t.atan2(x, x[0]),
    "Hypot": lambda t, f, x: t.hypot(x, x[0]),
    "CopySign": lambda t, f, x: t.copysign(x, x[0]),
    "LogAdd": lambda t, f, x: t.logaddexp(x, x[0]) + t.logaddexp2(x, x[1]),
    "Modulo": lambda t, f, x: x % (x[0] + 5) + t.fmod(x, x[1] + 5),
    "Deviation": lambda t, f, x: x.std(1),
    "Norm": lambda t, f, x: x.norm(3, 1),
    "CumProd": lambda t, f, x: x.cumprod(1),
    "LogCumSumExp": lambda t, f, x: t.logcumsumexp(x, 1),
    "CumArg": lambda t, f, x: x.cummax(1)[0],
    "ArgSort": lambda t, f, x: t.sort(x, 1)[0],
    "SearchSorted": lambda t, f, x: t.searchsorted(t.tensor([-1.0, 0.0, 1.0]), x.detach()),
    "IsIn": lambda t, f, x: t.isin(t.tensor([1, 2]), t.tensor([2, 3])),
    "Scatter": lambda t, f, x: x.scatter(1, t.tensor([[1, 0], [2, 3]]), x[:2, :2] * 3),
    "ScatterFill": lambda t, f, x: x.scatter(1, t.tensor([[1, 0], [2, 3]]), 2.5),
    "ScatterAdd": lambda t, f, x: x.scatter_add(1, t.tensor([[1, 1], [2, 3]]), x[:2, :2] * 3),
    "ScatterExtreme": lambda t, f, x: x.scatter_reduce(1, t.tensor([[1, 1], [2, 3]]), x[:2, :2] * 3, "amax"),
    "ScatterProd": lambda t, f, x: x.scatter_reduce(1, t.tensor([[1, 1], [2, 3]]), x[:2, :2] * 3, "prod"),
    "PutAdd": lambda t, f, x: x.index_put((t.tensor([0, 2, 0]),), x * 2, accumulate=True),
    "Diagonal": lambda t, f, x: x.diagonal(1),
    "DiagonalEmbed": lambda t, f, x: t.diag_embed(x, -1),
    "Unfold": lambda t, f, x: f.unfold(image(x), 2, padding=1),
    "Fold": lambda t, f, x: f.fold(x.reshape(1, 4, 3), (2, 4), 2),
    "Inverse": lambda t, f, x: t.linalg.inv(x[:, :3] + 3 * t.eye(3)),
    "Solve": lambda t, f, x: t.linalg.solve(x[:, :3] + 3 * t.eye(3), x),
    "Determinant": lambda t, f, x: t.linalg.det(x[:, :3]),
    "LogDeterminant": lambda t, f, x: t.linalg.slogdet(x[:, :3])[1],
    "DeterminantSign": lambda t, f, x: t.linalg.slogdet(x[:, :3].detach())[0],
    "Cholesky": lambda t, f, x: t.linalg.cholesky(x @ x.t() + t.eye(3)),
    "Eigh": lambda t, f, x: t.linalg.eigvalsh(x @ x.t()),
    "LU": lambda t, f, x: t.linalg.lu_factor(x[:, :3])[0],
    "Pivots": lambda t, f, x: t.linalg.lu_factor(x.detach())[1],
    "Exchanged": lambda t, f, x: t.linalg.lu(x)[0],
    "QR": lambda t, f, x: t.linalg.qr(x.t())[1].abs(),
    "SVD": lambda t, f, x: t.linalg.svd(x, full_matrices=False)[2].abs(),
    "FullBasis": lambda t, f, x: t.linalg.svd(x.detach())[0].abs(),
    "ConvTranspose2d": lambda t, f, x: f.conv_transpose2d(image(x), x[:, :2].reshape(3, 2, 1, 1), stride=2),
}


@pytest.mark.parametrize("name", CASES)
def test_the_op_does_what_pytorch_does(name):
    results, gradients = [], []
    for t, f in ((engine, F), (torch, TF)):
        x = t.tensor(VALUES, requires_grad=True)
        with record() as calls:
            out = CASES[name](t, f, x)
        if t is engine:
            assert name in [type(call.op).__name__ for call in calls], "the case does not reach the op"
        results.append(out.detach().numpy())
        if out.requires_grad:
            out.backward(
                t.tensor(np.cos(np.arange(out.numel(), dtype="float32")).reshape(tuple(out.shape))).to(out.dtype)
            )
        gradients.append(None if x.grad is None else x.grad.numpy())
    assert results[0].dtype == results[1].dtype
    np.testing.assert_allclose(results[0], results[1], rtol=2e-5, atol=1e-6)
    assert (gradients[0] is None) == (gradients[1] is None)
    if gradients[1] is not None:
        np.testing.assert_allclose(gradients[0], gradients[1], rtol=5e-5, atol=5e-6)


def test_no_op_is_left_out():
    for module in pkgutil.iter_modules(engine.ops.__path__):
        importlib.import_module(f"engine.ops.{module.name}")
    found, left = set(), [Op]
    while left:
        for cls in left.pop().__subclasses__():
            left.append(cls)
            if "forward" in vars(cls) and not cls.__name__.startswith("_") and cls.__module__.startswith("engine.ops"):
                found.add(cls.__name__)
    assert found == set(CASES) | set(OURS_ALONE)
