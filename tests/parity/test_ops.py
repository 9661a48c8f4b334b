"""Functions and their gradients beside PyTorch's, in float32 within 1e-5 and in float64 within 1e-12."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import engine  # noqa: E402
import engine.nn.functional as F  # noqa: E402

DTYPES = ("float32", "float64")


def agree(ours, theirs, dtype, what):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape, what
    assert str(ours.dtype) == str(theirs.dtype), what
    if ours.dtype.kind != "f":
        np.testing.assert_array_equal(ours, theirs, err_msg=what)
        return
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    # relative to the values of the whole result: single ones may be differences of larger ones
    scale = np.abs(theirs[np.isfinite(theirs)]).max(initial=0)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * scale, err_msg=what)


def compare(function, theirs, *inputs, dtype="float32", constant=()):
    """function(engine, *tensors) beside theirs(torch, *tensors): result, dtype and the gradient of each real input."""
    arrays = [x.astype(dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in inputs]
    mine = [engine.tensor(x) if isinstance(x, np.ndarray) else x for x in arrays]
    other = [torch.tensor(x) if isinstance(x, np.ndarray) else x for x in arrays]
    real = [i for i, x in enumerate(arrays) if isinstance(x, np.ndarray) and x.dtype.kind == "f" and i not in constant]
    for i in real:
        mine[i].requires_grad_()
        other[i].requires_grad_()
    a, b = function(*mine), theirs(*other)
    if isinstance(b, tuple | list):
        assert len(a) == len(b)
        for i, (x, y) in enumerate(zip(a, b)):
            agree(x.detach(), y.detach(), dtype, f"result {i}")
        a, b = a[0], b[0]
    agree(a.detach(), b.detach(), dtype, "result")
    if not b.requires_grad:
        assert not a.requires_grad
        return
    gradient = np.asarray(np.random.default_rng(5).standard_normal(tuple(b.shape)), dtype=dtype)
    a.backward(engine.tensor(gradient))
    b.backward(torch.tensor(gradient))
    for i in real:
        if other[i].grad is None:
            assert mine[i].grad is None
        else:
            agree(mine[i].grad, other[i].grad, dtype, f"gradient of input {i}")


def randn(*shape, seed=0):
    return np.asarray(np.random.default_rng(seed + sum(shape)).standard_normal(shape))


def rand(*shape, seed=0):
    return np.asarray(np.random.default_rng(seed + sum(shape)).uniform(0.1, 2, shape))


SAME = {  # written once, run with both libraries
    "add": lambda t, x: x + x * 2,
    "scalars": lambda t, x: (1 - x) * 0.3 + 2 / (x * x + 1) - x / 7,
    "powers": lambda t, x: x**3 + x.abs() ** 1.5 + 2**x,
    "exp": lambda t, x: x.exp(),
    "log": lambda t, x: (x.abs() + 0.1).log(),
    "sqrt": lambda t, x: (x.abs() + 0.1).sqrt() + (x.abs() + 1).rsqrt(),
    "trigonometric": lambda t, x: t.sin(x) * t.cos(x),
    "erf": lambda t, x: t.erf(x * 2),
    "abs": lambda t, x: x.abs(),
    "clamp": lambda t, x: x.clamp(-0.5, 0.7),
    "clamp_min": lambda t, x: t.clamp(x, min=0.1),
    "tanh": lambda t, x: x.tanh(),
    "sigmoid": lambda t, x: t.sigmoid(x * 10),
    "relu": lambda t, x: x.relu(),
    "sign": lambda t, x: x.sign() + x.floor() + x.ceil() + x.round(),
    "maximum": lambda t, x: t.maximum(x, x.flip(0) if t is torch else x[np.arange(x.shape[0])[::-1].copy()]),
    "minimum": lambda t, x: t.minimum(x, x * 0.5),
    "where": lambda t, x: t.where(x > 0, x, x * 3),
    "masked_fill": lambda t, x: x.masked_fill(x > 0.5, -1.0),
    "sum": lambda t, x: x.sum(),
    "sum_dim": lambda t, x: x.sum(1),
    "sum_dims": lambda t, x: x.sum((0, -1), keepdim=True),
    "mean": lambda t, x: x.mean(),
    "mean_dim": lambda t, x: x.mean(-1, keepdim=True),
    "var": lambda t, x: x.var(),
    "var_dim": lambda t, x: x.var(1, unbiased=False),
    "std": lambda t, x: x.std(0),
    "prod": lambda t, x: x.prod(),
    "prod_dim": lambda t, x: x.prod(1),
    "max": lambda t, x: x.max(),
    "max_dim": lambda t, x: x.max(1),
    "min_dim": lambda t, x: x.min(-1, keepdim=True),
    "amax": lambda t, x: x.amax((0, 1)),
    "amin": lambda t, x: x.amin(1, True),
    "argmax": lambda t, x: x.argmax(),
    "argmin": lambda t, x: x.argmin(1, keepdim=True),
    "logsumexp": lambda t, x: x.logsumexp(1),
    "norm": lambda t, x: x.norm(),
    "norm1": lambda t, x: x.norm(1, dim=1),
    "cumsum": lambda t, x: x.cumsum(1),
    "softmax": lambda t, x: x.softmax(1),
    "log_softmax": lambda t, x: x.log_softmax(-1),
    "any": lambda t, x: (x > 1).any(1),
    "all": lambda t, x: (x > -9).all(),
    "compare": lambda t, x: (x >= 0) == (x < 0.5),
    "logic": lambda t, x: ((x > 0) & ~(x > 1)) | (x < -1) ^ (x > 2),
    "sum_bool": lambda t, x: (x > 0).sum(),
    "reshape": lambda t, x: x.reshape(4, -1),
    "permute": lambda t, x: x.permute(2, 0, 1),
    "transpose": lambda t, x: x.transpose(0, -1),
    "flatten": lambda t, x: x.flatten(1),
    "unsqueeze": lambda t, x: x.unsqueeze(-2).squeeze(0),
    "expand": lambda t, x: x[:, :1].expand(-1, 5, -1),
    "repeat": lambda t, x: x.repeat(2, 1, 3),
    "cat": lambda t, x: t.cat([x, x * 2], 1),
    "stack": lambda t, x: t.stack([x, x * 2], -1),
    "split": lambda t, x: x.split(2, 2),
    "chunk": lambda t, x: x.chunk(3, -1),
    "unbind": lambda t, x: x.unbind(1),
    "index": lambda t, x: x[1],
    "slice": lambda t, x: x[:, 1:, ::2],
    "newaxis": lambda t, x: x[..., None, 0],
    "mask": lambda t, x: x[x > 0],
    "tril": lambda t, x: x.tril(),
    "triu": lambda t, x: x.triu(1),
    "gather": lambda t, x: x.gather(1, t.tensor([[[0, 1, 2, 0]], [[2, 2, 0, 1]]])),
    "index_select": lambda t, x: t.index_select(x, 1, t.tensor([0, 2, 0])),
    "integer_index": lambda t, x: x[t.tensor([0, 1, 0]), :, t.tensor([3, 3, 3])],
    "narrow": lambda t, x: x.narrow(2, 1, 2),
    "half_integers": lambda t, x: (x.detach() * 2).round() / 2,
    "integers": lambda t, x: (x * 5).long() // 2 + (x * 5).int() % 3,
    "integer_division": lambda t, x: (x * 5).long() / 2,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SAME)
def test_function(name, dtype):
    function = SAME[name]
    compare(lambda x: function(engine, x), lambda x: function(torch, x), randn(2, 3, 4), dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("b", [(2, 3, 4), (4,), (3, 1), (1, 1, 1), ()])
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "maximum", "minimum"])
def test_arithmetic_with_stretching(name, b, dtype):
    compare(lambda x, y: getattr(engine, name)(x, y), lambda x, y: getattr(torch, name)(x, y), randn(2, 3, 4),
            rand(*b), dtype=dtype)  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_power_of_tensors(dtype):
    compare(lambda x, y: x**y, lambda x, y: x**y, rand(3, 4), randn(4), dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shapes", [((3, 4), (4, 5)), ((7, 3, 4), (4, 5)), ((7, 3, 4), (7, 4, 5)), ((4,), (4,)),
                                    ((4,), (4, 5)), ((3, 4), (4,)), ((2, 1, 3, 4), (6, 4, 5))])  # fmt: skip
def test_matmul(shapes, dtype):
    compare(lambda x, y: x @ y, lambda x, y: x @ y, randn(*shapes[0]), randn(*shapes[1]), dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5,), (8, 5), (2, 3, 5), (0, 5)])
def test_linear(shape, bias, dtype):
    compare(F.linear, TF.linear, randn(*shape), randn(7, 5), randn(7) if bias else None, dtype=dtype)


CONVOLUTIONS = [
    ((2, 3, 8, 9), (4, 3, 3, 3), {}),
    ((2, 3, 8, 9), (4, 3, 3, 3), {"stride": 2, "padding": 1}),
    ((2, 3, 8, 9), (4, 3, 3, 2), {"stride": (1, 3), "padding": (2, 0), "dilation": (2, 1)}),
    ((2, 3, 8, 9), (4, 3, 3, 3), {"padding": "same"}),
    ((2, 3, 8, 9), (4, 3, 4, 2), {"padding": "same", "dilation": (2, 1)}),
    ((2, 3, 8, 9), (4, 3, 3, 3), {"padding": "valid"}),
    ((2, 4, 8, 9), (6, 2, 3, 3), {"groups": 2, "padding": 1}),
    ((2, 4, 8, 9), (4, 1, 3, 3), {"groups": 4, "padding": 1, "stride": 2}),
    ((2, 4, 8, 9), (8, 1, 5, 5), {"groups": 4, "padding": 2}),
    ((2, 3, 8, 9), (4, 3, 1, 1), {}),
    ((2, 3, 8, 9), (4, 3, 1, 1), {"stride": 2}),
    ((2, 3, 8, 9), (4, 3, 8, 9), {}),
    ((3, 8, 9), (4, 3, 3, 3), {"padding": 1}),
    ((16, 8, 14, 14), (16, 8, 3, 3), {"padding": 1}),
]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("x", "w", "options"), CONVOLUTIONS)
def test_conv2d(x, w, options, bias, dtype):
    compare(lambda *a: F.conv2d(*a, **options), lambda *a: TF.conv2d(*a, **options), randn(*x), randn(*w),
            randn(w[0]) if bias else None, dtype=dtype)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_conv2d_of_any_shape(data):
    number = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    groups, n, kh, kw = number(1, 3), number(1, 3), number(1, 4), number(1, 4)
    c, o = groups * number(1, 3), groups * number(1, 3)
    options = {
        "stride": (number(1, 3), number(1, 3)),
        "padding": (number(0, 2), number(0, 2)),
        "dilation": (number(1, 2), number(1, 2)),
        "groups": groups,
    }
    h = options["dilation"][0] * (kh - 1) + number(1, 6)
    w = options["dilation"][1] * (kw - 1) + number(1, 6)
    compare(lambda *a: F.conv2d(*a, **options), lambda *a: TF.conv2d(*a, **options), randn(n, c, h, w),
            randn(o, c // groups, kh, kw), randn(o))  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", [
    {"kernel_size": 2}, {"kernel_size": 3, "stride": 2}, {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0)},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, {"kernel_size": 2, "dilation": 2},
    {"kernel_size": 2, "ceil_mode": True}, {"kernel_size": 3, "stride": 1, "padding": 1},
])  # fmt: skip
def test_max_pool2d(options, dtype):
    for shape in ((2, 3, 7, 8), (3, 9, 9)):
        compare(lambda x: F.max_pool2d(x, **options), lambda x: TF.max_pool2d(x, **options), randn(*shape), dtype=dtype)


def test_max_pool2d_gives_the_gradient_of_equal_values_to_the_first():
    compare(lambda x: F.max_pool2d(x, 2), lambda x: TF.max_pool2d(x, 2), np.ones((1, 1, 4, 4)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", [
    {"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"kernel_size": (2, 3), "stride": (3, 2), "ceil_mode": True, "count_include_pad": False, "padding": (1, 1)},
    {"kernel_size": 2, "divisor_override": 3},
])  # fmt: skip
def test_avg_pool2d(options, dtype):
    for shape in ((2, 3, 7, 8), (3, 9, 9)):
        compare(lambda x: F.avg_pool2d(x, **options), lambda x: TF.avg_pool2d(x, **options), randn(*shape), dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(8, 3), (4, 3, 5), (2, 3, 4, 5), (16, 3, 14, 14)])
def test_batch_norm_with_its_running_statistics(shape, affine, training, dtype):
    mean, var = randn(3).astype(dtype), rand(3).astype(dtype)
    ours, theirs = [engine.tensor(a) for a in (mean, var)], [torch.tensor(a) for a in (mean, var)]
    weight = (rand(3), randn(3, seed=1)) if affine else (None, None)
    compare(lambda x, w, b: F.batch_norm(x * 3 + 5, *ours, w, b, training, 0.3),
            lambda x, w, b: TF.batch_norm(x * 3 + 5, *theirs, w, b, training, 0.3), randn(*shape), *weight,
            dtype=dtype)  # fmt: skip
    for a, b in zip(ours, theirs):
        agree(a, b, dtype, "running statistics")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("normalized", [(5,), (4, 5)])
def test_layer_norm(normalized, affine, dtype):
    weight = (rand(*normalized), randn(*normalized)) if affine else (None, None)
    compare(lambda x, w, b: F.layer_norm(x, normalized, w, b), lambda x, w, b: TF.layer_norm(x, normalized, w, b),
            randn(2, 3, 4, 5), *weight, dtype=dtype)  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "sigmoid", "tanh", "softplus"])
def test_activation(name, dtype):
    compare(getattr(F, name), getattr(TF, name), randn(50, 20) * 4, dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_activations_with_options(dtype):
    compare(lambda x: F.leaky_relu(x, 0.2), lambda x: TF.leaky_relu(x, 0.2), randn(5, 6), dtype=dtype)
    compare(lambda x: F.gelu(x, "tanh"), lambda x: TF.gelu(x, approximate="tanh"), randn(50, 6), dtype=dtype)
    for dim in (0, 1, -1):
        compare(lambda x, d=dim: F.softmax(x, d), lambda x, d=dim: TF.softmax(x, d), randn(5, 6) * 9, dtype=dtype)
        compare(lambda x, d=dim: F.log_softmax(x, d), lambda x, d=dim: TF.log_softmax(x, d), randn(5, 6), dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padding", [None, 2, -1])
def test_embedding(padding, dtype):
    index = np.array([[0, 2, 2], [4, 4, 1]])
    compare(lambda w: F.embedding(engine.tensor(index), w, padding),
            lambda w: TF.embedding(torch.tensor(index), w, padding), randn(5, 3), dtype=dtype)  # fmt: skip


@pytest.mark.parametrize("pad", [(1, 2), (1, 0, 2, 3), (-1, 1), (0, -2, 1, -1, 2, 0)])
def test_pad(pad):
    compare(lambda x: F.pad(x, pad, value=1.5), lambda x: TF.pad(x, pad, value=1.5), randn(2, 3, 4))


def test_one_hot():
    compare(F.one_hot, TF.one_hot, np.array([[0, 3], [1, 1]]))
    compare(lambda x: F.one_hot(x, 6), lambda x: TF.one_hot(x, 6), np.array([0, 3]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss"])
def test_distance_losses(name, reduction, dtype):
    for shape in ((7,), (3, 4), ()):
        compare(lambda x, y: getattr(F, name)(x, y, reduction=reduction),
                lambda x, y: getattr(TF, name)(x, y, reduction=reduction), randn(*shape), randn(*shape, seed=9),
                dtype=dtype)  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("ignore", [-100, 1, 7])
@pytest.mark.parametrize("shape", [(6, 4), (2, 4, 3, 5), (4,)])
def test_cross_entropy_of_classes(shape, ignore, smoothing, weighted, reduction, dtype):
    target = np.random.default_rng(3).integers(0, 4, (shape[0], *shape[2:]) if len(shape) > 1 else ())
    if ignore == 7 and target.ndim:
        target.reshape(-1)[::3] = 7
    if ignore == 1 and not target.ndim:
        target = np.asarray(2)
    options = {"ignore_index": ignore, "reduction": reduction, "label_smoothing": smoothing}
    compare(lambda x, y, w: F.cross_entropy(x, y, w, **options), lambda x, y, w: TF.cross_entropy(x, y, w, **options),
            randn(*shape) * 3, target, rand(4) if weighted else None, dtype=dtype, constant=(2,))  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(6, 4), (2, 4, 3), (4,)])
def test_cross_entropy_of_probabilities(shape, smoothing, weighted, reduction, dtype):
    options = {"reduction": reduction, "label_smoothing": smoothing}
    target = rand(*shape, seed=8)
    compare(lambda x, y, w: F.cross_entropy(x, y, w, **options), lambda x, y, w: TF.cross_entropy(x, y, w, **options),
            randn(*shape), target / target.sum(), rand(4) if weighted else None, dtype=dtype,
            constant=(2,))  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(6, 4), (2, 4, 3), (4,)])
def test_nll_loss(shape, weighted, reduction, dtype):
    target = np.random.default_rng(3).integers(0, 4, (shape[0], *shape[2:]) if len(shape) > 1 else ())
    compare(lambda x, y, w: F.nll_loss(x, y, w, reduction=reduction, ignore_index=2),
            lambda x, y, w: TF.nll_loss(x, y, w, reduction=reduction, ignore_index=2), randn(*shape), target,
            rand(4) if weighted else None, dtype=dtype, constant=(2,))  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("pos_weight", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy_with_logits(weighted, pos_weight, reduction, dtype):
    compare(lambda x, y, w, p: F.binary_cross_entropy_with_logits(x, y, w, reduction=reduction, pos_weight=p),
            lambda x, y, w, p: TF.binary_cross_entropy_with_logits(x, y, w, reduction=reduction, pos_weight=p),
            randn(6, 3) * 20, rand(6, 3) / 2, rand(6, 1) if weighted else None, rand(3) if pos_weight else None,
            dtype=dtype, constant=(2, 3))  # fmt: skip


def test_losses_are_exact_where_scores_are_large():
    compare(F.cross_entropy, TF.cross_entropy, np.array([[1000.0, -1000.0], [0.0, 500.0]]), np.array([1, 1]))
    compare(F.binary_cross_entropy_with_logits, TF.binary_cross_entropy_with_logits, np.array([800.0, -800.0]),
            np.array([0.0, 0.0]), constant=(1,))  # fmt: skip


@pytest.mark.parametrize("a", ["float32", "float64", "int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("b", ["float32", "float64", "int64", "int32", "uint8", "bool", 2, 2.5, True])
@pytest.mark.parametrize("name", ["add", "mul", "true_divide", "gt", "eq"])
def test_the_dtype_of_mixed_arithmetic(a, b, name):
    import operator

    combine = getattr(operator, {"true_divide": "truediv"}.get(name, name))
    x = np.array([1, 0, 1]).astype(a)
    y = np.array([1, 1, 1]).astype(b) if isinstance(b, str) else b
    ours = combine(engine.tensor(x), engine.tensor(y) if isinstance(b, str) else y)
    theirs = combine(torch.tensor(x), torch.tensor(y) if isinstance(b, str) else y)
    agree(ours, theirs, "float32", f"{a} {name} {b}")


@pytest.mark.parametrize("values", [
    [1.0, 2.0], [0.5, 100.25], [1e-6, 1.0], [1e9, 1.0], [[1, 2], [3, 40]], [True, False], 3.14159, 7, [0.1] * 30,
    [[0.1, -0.2], [3.0, 4.0]], [float("nan"), 1.0], [float("inf"), 1.5], [1.0, 1e5],
])  # fmt: skip
def test_a_tensor_shows_itself_as_pytorch_does(values):
    assert repr(engine.tensor(values)) == repr(torch.tensor(values))
