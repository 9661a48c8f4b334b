"""First values against PyTorch's: their distribution where they are drawn, themselves where they are not."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import engine  # noqa: E402
from engine.nn import init  # noqa: E402

DRAWN = [
    ("uniform_", {"a": -1.0, "b": 3.0}), ("normal_", {"mean": 2.0, "std": 0.5}), ("trunc_normal_", {}),
    ("trunc_normal_", {"mean": 1.0, "std": 2.0, "a": 0.5, "b": 1.0}), ("trunc_normal_", {"a": 3.0, "b": 5.0}),
    ("trunc_normal_", {"mean": -9.0, "a": -1.0, "b": 1.0}),
    *((f"xavier_{kind}_", {"gain": gain}) for kind in ("uniform", "normal") for gain in (1.0, 1.7)),
    *((f"kaiming_{kind}_", options) for kind in ("uniform", "normal") for options in (
        {}, {"a": 0.3}, {"mode": "fan_out"}, {"mode": "FAN_IN", "nonlinearity": "relu"}, {"nonlinearity": "tanh"})),
    ("orthogonal_", {"gain": 2.0}), ("sparse_", {"sparsity": 0.3, "std": 2.0}),
]  # fmt: skip
SHAPES = [(120, 200), (64, 8, 5, 7)]


@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "options"), DRAWN)
def test_drawn_values_are_distributed_alike(name, options, shape, kind):
    if name == "sparse_" and len(shape) != 2:
        pytest.skip("of matrices")
    torch.manual_seed(0)
    engine.manual_seed(0)
    theirs = getattr(torch.nn.init, name)(torch.empty(shape, dtype=getattr(torch, kind)), **options).numpy()
    ours = getattr(init, name)(engine.empty(shape, dtype=getattr(engine, kind)), **options).numpy()
    assert ours.dtype == theirs.dtype
    one, two = (np.sort(values.ravel().astype(np.float64)) for values in (theirs, ours))
    scale = one.std()
    assert two.mean() == pytest.approx(one.mean(), abs=6 * scale / math.sqrt(one.size))
    assert two.std() == pytest.approx(scale, rel=0.05)
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):  # quantiles, so that the shape is the same and not just its width
        place = int(share * one.size)
        assert two[place] == pytest.approx(one[place], abs=0.06 * scale)
    if name == "trunc_normal_":
        assert options.get("a", -2.0) <= two[0] <= two[-1] <= options.get("b", 2.0)
    if name in ("uniform_", "xavier_uniform_", "kaiming_uniform_"):
        assert (two[0], two[-1]) == pytest.approx((one[0], one[-1]), abs=0.1 * scale)


@pytest.mark.parametrize("shape", [(4, 3, 5), (6, 2, 3, 4), (3, 3, 1, 2, 3), (2, 5, 4), (0, 3, 3)])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_dirac_agrees(shape, groups):
    theirs, ours = torch.empty(shape), engine.empty(shape)
    if shape[0] % groups:
        with pytest.raises(ValueError, match="divisible"):
            torch.nn.init.dirac_(theirs, groups)
        with pytest.raises(ValueError, match="groups"):
            init.dirac_(ours, groups)
        return
    expected = torch.nn.init.dirac_(theirs, groups).numpy()
    np.testing.assert_array_equal(init.dirac_(ours, groups).numpy(), expected)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (1, 3), (8, 2, 3), (2, 3, 4, 5)])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_orthogonal_matrices_are_orthogonal(shape, kind):
    matrix = init.orthogonal_(engine.empty(shape, dtype=getattr(engine, kind)), gain=3).numpy().reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 9 * np.eye(len(product)), atol=1e-4 if kind == "float32" else 1e-12)


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.35, 1.0])
def test_sparse_has_as_many_zeros_in_each_column(sparsity):
    theirs = (torch.nn.init.sparse_(torch.empty(13, 6), sparsity) == 0).sum(0).tolist()
    assert (init.sparse_(engine.empty(13, 6), sparsity) == 0).sum(dim=0).tolist() == theirs


FIXED = [("constant_", (0.3,)), ("ones_", ()), ("zeros_", ()), ("eye_", ())]


@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (0, 2)])
@pytest.mark.parametrize(("name", "arguments"), FIXED)
def test_fixed_values_agree(name, arguments, shape):
    theirs, ours = torch.nn.Parameter(torch.empty(shape)), engine.nn.Parameter(engine.empty(shape))
    getattr(torch.nn.init, name)(theirs, *arguments)
    assert getattr(init, name)(ours, *arguments) is ours
    np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())
    assert ours.requires_grad


@pytest.mark.parametrize(
    "name",
    ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid",
     "tanh", "relu", "leaky_relu", "selu"],
)  # fmt: skip
@pytest.mark.parametrize("param", [None, 0.2, 1])
def test_gains_agree(name, param):
    assert init.calculate_gain(name, param) == pytest.approx(torch.nn.init.calculate_gain(name, param))


NAMES = [name for name in torch.nn.init.__all__ if name.endswith("_") or name == "calculate_gain"]


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_pytorchs(name):
    def arguments(function):
        return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]

    assert arguments(getattr(init, name)) == arguments(getattr(torch.nn.init, name))


OPTIONS = {
    "constant_": [(0.5,)], "sparse_": [(0.5,), (0.0,), (1.0,)], "dirac_": [(), (2,)], "orthogonal_": [(), (2.0,)],
    "uniform_": [(), (1.0, 1.0), (2.0, 1.0)], "normal_": [(), (0.0, 0.0), (0.0, -1.0)],
    "trunc_normal_": [(), (0.0, 1.0, 2.0, 1.0)], "xavier_uniform_": [(), (0.0,), (-1.0,)],
    "xavier_normal_": [(), (0.0,), (-1.0,)],
    "kaiming_uniform_": [(), (0.0, "fan_out"), (0.0, "fan"), (0.0, "fan_in", "f")],
    "kaiming_normal_": [(), (0.0, "fan_out"), (0.0, "fan"), (0.0, "fan_in", "f")],
}  # fmt: skip
SIZES = [(), (3,), (1, 1), (4, 3), (2, 3, 4), (1, 2, 3, 3), (2, 2, 1, 2, 2), (1, 1, 1, 1, 1, 1)]
EMPTY = [(0, 3), (3, 0), (0, 3, 3), (0, 0)]
CASES = [*[(shape, dtype) for shape in SIZES for dtype in ("float32", "float64", "int64")],
         *[(shape, "float32") for shape in EMPTY]]  # fmt: skip


def outcome(library, name, shape, dtype, arguments):
    """ "taken", or the refusal"""
    tensor = library.zeros(shape, dtype=getattr(library, dtype))
    try:
        getattr(library.nn.init, name)(tensor, *arguments)
    except (RuntimeError, ValueError, TypeError, ZeroDivisionError) as refusal:
        return refusal
    return "taken"


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors is a no-op")
@pytest.mark.parametrize(("shape", "dtype"), CASES)
@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("_")])
def test_the_same_tensors_and_options_are_refused(name, shape, dtype):
    for arguments in OPTIONS.get(name, [()]):
        if 0 in shape and name.startswith("kaiming") and len(arguments) > 1 and arguments[1] != "fan_out":
            continue  # PyTorch looks at no option then
        theirs, ours = (outcome(library, name, shape, dtype, arguments) for library in (torch, engine))
        assert (ours == "taken") == (theirs == "taken"), (arguments, theirs, ours)
        assert ours == "taken" or isinstance(ours, engine.errors.EngineError)
