"""Tensors as scripts use them: making, dtypes, operators, reductions, shapes, showing."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import engine
from engine.errors import DeviceError, OptionError, ShapeError, TypeMismatch


def values(tensor):
    return tensor.detach().numpy()


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, "int64"),
        (1.5, "float32"),
        ([True, False], "bool"),
        ([[1, 2], [3, 4]], "int64"),
        ([1, 2.5], "float32"),
        ([], "float32"),
        (np.arange(3, dtype="int32"), "int32"),
        (np.ones(2), "float64"),
    ],
)
def test_values_get_the_dtype_that_pytorch_gives_them(data, dtype):
    assert engine.tensor(data).dtype == dtype


def test_tensor_copies_and_from_numpy_shares():
    array = np.zeros(3, np.float32)
    copied, shared = engine.tensor(array), engine.from_numpy(array)
    array[0] = 5
    assert copied.tolist() == [0, 0, 0]
    assert shared.tolist() == [5, 0, 0]


def test_new_tensors():
    assert engine.zeros(2, 3).shape == engine.zeros((2, 3)).shape == (2, 3)
    assert engine.ones(2, dtype=engine.int32).dtype == engine.int32
    assert engine.full((2,), 7).dtype == engine.int64
    assert engine.full((2,), 7.0).tolist() == [7.0, 7.0]
    assert engine.arange(5).dtype == engine.int64
    assert engine.arange(0, 1, 0.25).tolist() == [0.0, 0.25, 0.5, 0.75]
    assert engine.linspace(0, 1, 3).tolist() == [0.0, 0.5, 1.0]
    assert engine.eye(2).tolist() == [[1, 0], [0, 1]]
    assert engine.empty_like(engine.zeros(2, dtype=engine.float64)).dtype == engine.float64
    assert sorted(engine.randperm(10).tolist()) == list(range(10))
    assert set(engine.randint(3, (100,)).tolist()) == {0, 1, 2}


def test_random_numbers_come_again_from_the_same_seed_and_from_a_saved_state():
    engine.manual_seed(4)
    first = engine.randn(5)
    state = engine.get_rng_state()
    second = engine.rand(5)
    engine.manual_seed(4)
    assert engine.equal(engine.randn(5), first)
    engine.set_rng_state(state)
    assert engine.equal(engine.rand(5), second)


@pytest.mark.parametrize("broken", [{}, {"kind": "PCG64"}, {"kind": "MT", "seed": "1", "state": "0x1", "increment": "1",
                                                           "has_half": 0, "half": 0}, 5])  # fmt: skip
def test_a_broken_random_state_is_refused_in_a_sentence(broken):
    with pytest.raises(engine.errors.EngineError, match="random state: it is not readable"):
        engine.set_rng_state(broken)


@pytest.mark.parametrize(
    ("a", "b", "result"),
    [
        ("int32", "float32", "float32"),
        ("int64", "float32", "float32"),
        ("bool", "int32", "int32"),
        ("uint8", "int8", "int16"),
        ("uint8", "int32", "int32"),
        ("float32", "float64", "float64"),
        ("bool", "bool", "bool"),
    ],
)
def test_dtypes_meet_as_in_pytorch(a, b, result):
    x, y = engine.ones(2, dtype=a), engine.ones(2, dtype=b)
    assert (x * y).dtype == (y * x).dtype == result


def test_a_number_without_axes_does_not_widen_a_tensor_of_its_kind():
    assert (engine.ones(2) * engine.tensor(2.0, dtype=engine.float64)).dtype == engine.float32
    assert (engine.ones(2, dtype=engine.int64) * engine.tensor(2.0)).dtype == engine.float32


@pytest.mark.parametrize(
    ("compute", "dtype"),
    [
        (lambda x: x * 2.5, "float32"),
        (lambda x: x + 1, "int32"),
        (lambda x: x / 2, "float32"),
        (lambda x: x / x, "float32"),
        (lambda x: 1 / x, "float32"),
        (lambda x: x // 2, "int32"),
        (lambda x: x**2, "int32"),
        (lambda x: x > 1.5, "bool"),
        (lambda x: x.sum(), "int64"),
        (lambda x: x.exp(), "float32"),
        (lambda x: x.float().mean(), "float32"),
        (lambda x: x * np.float64(2), "float32"),
        (lambda x: np.float64(2) * x.double(), "float64"),
    ],
)
def test_whole_numbers_meet_python_numbers(compute, dtype):
    assert compute(engine.tensor([1, 2, 3], dtype=engine.int32)).dtype == dtype


@pytest.mark.parametrize("compute", [
    lambda x: x * 2.0, lambda x: 2.0 * x, lambda x: x + 1, lambda x: 1 - x, lambda x: 1 / x, lambda x: x / 3,
    lambda x: x**0.5, lambda x: 2**x, lambda x: x.mean(), lambda x: x.std(), lambda x: x.var(0), lambda x: x.norm(),
    lambda x: x.softmax(0), lambda x: x.clamp(0.1, 0.5), lambda x: x.max(), lambda x: x.prod(), lambda x: x[0],
    lambda x: x.sum() * np.float64(3), lambda x: x.mean() * 2.0 + 1,
])  # fmt: skip
def test_float32_stays_float32(compute):
    out = compute(engine.rand(3) + 0.1)
    assert out.dtype == engine.float32
    assert type(out.array) is np.ndarray


shapes = arrays.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4, min_side=0)


@settings(deadline=None, max_examples=60)
@given(shapes)
def test_arithmetic_stretches_as_numpy_does_and_gradients_keep_the_shapes(pair):
    a, b = (engine.randn(*shape, requires_grad=True) for shape in pair.input_shapes)
    out = a * b + a - b
    assert out.shape == pair.result_shape
    out.sum().backward()
    assert (a.grad.shape, b.grad.shape) == pair.input_shapes
    np.testing.assert_allclose(values(out), values(a) * values(b) + values(a) - values(b), rtol=1e-6, atol=1e-6)


@settings(deadline=None, max_examples=60)
@given(st.data(), arrays.array_shapes(min_dims=1, max_dims=4, max_side=4))
def test_indexing_is_numpys_with_gradients(data, shape):
    index = data.draw(arrays.basic_indices(shape, allow_newaxis=True))
    x = engine.randn(*shape, dtype=engine.float64, requires_grad=True)
    out = x[index]
    np.testing.assert_array_equal(values(out), values(x)[index])
    (out * 2).sum().backward()
    expected = np.zeros(shape)
    expected[index] = 2
    np.testing.assert_array_equal(x.grad.numpy(), expected)


@settings(deadline=None, max_examples=60)
@given(arrays.array_shapes(min_dims=1, max_dims=4, max_side=3), st.data())
def test_reductions_agree_with_numpy(shape, data):
    x = engine.randn(*shape, dtype=engine.float64)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    keep = data.draw(st.booleans())
    for name in ("sum", "mean", "prod", "amax", "amin", "argmax", "argmin"):
        expected = getattr(values(x), name.replace("a", "", 1) if name in ("amax", "amin") else name)
        np.testing.assert_allclose(values(getattr(x, name)(axis, keep)), expected(axis=axis, keepdims=keep))
        assert getattr(x, name)().ndim == 0


@pytest.mark.parametrize(
    ("a", "b", "shape"),
    [
        ((3,), (3,), ()),
        ((3,), (3, 4), (4,)),
        ((2, 3), (3,), (2,)),
        ((5, 2, 3), (3,), (5, 2)),
        ((3,), (5, 3, 4), (5, 4)),
        ((2, 3), (3, 4), (2, 4)),
        ((5, 2, 3), (5, 3, 4), (5, 2, 4)),
        ((6, 1, 2, 3), (5, 3, 4), (6, 5, 2, 4)),
    ],
)
def test_matmul_of_vectors_matrices_and_batches(a, b, shape):
    x, y = (engine.randn(*s, dtype=engine.float64, requires_grad=True) for s in (a, b))
    out = x @ y
    assert out.shape == shape
    np.testing.assert_allclose(values(out), values(x) @ values(y))
    out.sum().backward()
    assert (x.grad.shape, y.grad.shape) == (a, b)


def test_max_along_an_axis_gives_values_and_places():
    x = engine.tensor([[1.0, 5.0, 5.0], [7.0, 2.0, 0.0]], requires_grad=True)
    best, where = x.max(1)
    assert (best.tolist(), where.tolist()) == ([5.0, 7.0], [1, 0])
    best.sum().backward()
    assert x.grad.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_shape_changes():
    x = engine.arange(24).reshape(2, 3, 4)
    assert x.view(4, -1).shape == (4, 6)
    assert x.transpose(0, 2).shape == x.permute(2, 1, 0).shape == x.T.shape == (4, 3, 2)
    assert x.flatten(1).shape == (2, 12)
    assert x.unsqueeze(-1).shape == (2, 3, 4, 1)
    assert x.unsqueeze(1).squeeze(1).shape == x.unsqueeze(1).squeeze().shape == (2, 3, 4)
    assert x[:1].expand(5, -1, 4).shape == (5, 3, 4)
    assert x.repeat(2, 1, 1, 3).shape == (2, 2, 3, 12)
    assert [p.shape[0] for p in engine.arange(10).split(4)] == [4, 4, 2]
    assert [p.shape[0] for p in engine.arange(10).chunk(4)] == [3, 3, 3, 1]
    assert [p.shape[1] for p in x.split([1, 2], dim=1)] == [1, 2]
    assert engine.cat([x, x], 1).shape == (2, 6, 4)
    assert engine.stack([x, x], -1).shape == (2, 3, 4, 2)
    assert engine.cat([engine.ones(1), engine.ones(1, dtype=engine.int64)]).dtype == engine.float32
    assert len(x) == 2
    assert [row.shape for row in x] == [(3, 4), (3, 4)]


def test_a_view_shares_memory_and_says_when_it_cannot():
    x = engine.zeros(2, 3)
    x.view(6)[0] = 1
    assert x[0, 0].item() == 1
    with pytest.raises(ShapeError, match=r"view: .* call \.reshape\(\)"):
        x.T.view(6)


@pytest.mark.parametrize("taken", [lambda y: y, lambda y: y.detach(), lambda y: y.relu()])
def test_images_that_lie_channel_by_channel_last_are_viewed_as_rows(taken):
    layer = engine.nn.Conv2d(1, 6, 5)
    y = engine.nn.functional.max_pool2d(layer(engine.rand(2, 1, 12, 12)), 2)
    seen = taken(y).view(-1, 96)
    assert seen.tolist() == taken(y).reshape(2, 96).tolist()
    with pytest.raises(ShapeError, match=r"view: .* call \.reshape\(\)"):
        y.permute(0, 2, 1, 3).view(-1)
    for change in (seen.detach().zero_, seen.relu_, lambda: seen.detach().__setitem__(0, 1.0)):
        with pytest.raises(ShapeError, match="would not be changed with its view; call"):
            change()


def test_contiguous_lays_the_elements_one_behind_the_other_for_a_view():
    x = engine.arange(6).reshape(2, 3)
    for turned in (x.T, x[:, ::2], x.expand(2, 2, 3)):
        straight = turned.contiguous()
        assert straight.is_contiguous()
        assert straight.view(-1).tolist() == turned.reshape(-1).tolist()
    assert x.contiguous() is x


@pytest.mark.parametrize(
    "text",
    ["tensor([1., 2.])", "tensor([0.5000, 2.0000])", "tensor([1, 2])", "tensor([ True, False])", "tensor(3.)",
     "tensor([])", "tensor([[1., 2.],\n        [3., 4.]])", "tensor([1.0000e-05, 1.0000e+00])"],
)  # fmt: skip
def test_a_tensor_shows_itself_as_pytorch_does(text):
    inner = text.removeprefix("tensor(").removesuffix(")")
    assert repr(engine.tensor(eval(inner, {}, {}))) == text


def test_what_is_out_of_the_ordinary_is_shown():
    x = engine.ones(2, dtype=engine.float64, requires_grad=True)
    assert repr(x) == "tensor([1., 1.], dtype=float64, requires_grad=True)"
    assert repr(x * 2) == "tensor([2., 2.], dtype=float64, grad_fn=<ScaleBackward>)"
    assert repr(engine.zeros(2, 0)) == "tensor([], size=(2, 0))"


def test_values_come_out():
    x = engine.tensor([[1.5, 2.0]])
    assert x.tolist() == [[1.5, 2.0]]
    assert float(x[0, 0]) == x[0, 0].item() == 1.5
    assert int(engine.tensor(3)) == [0, 1, 2, 3][engine.tensor(3)]
    assert f"{engine.tensor(1.23456):.2f}" == "1.23"
    assert bool(engine.tensor([True]))
    assert np.asarray(x).dtype == np.float32


@pytest.mark.parametrize(
    ("act", "error", "sentence"),
    [
        (lambda: engine.ones(2).item(), ShapeError, "there are 2 elements, expected one"),
        (lambda: bool(engine.ones(2)), ShapeError, "use .any() or .all()"),
        (lambda: engine.ones(2, 3) + engine.ones(4), ShapeError, "shapes 2 x 3 and 4 do not go together"),
        (lambda: engine.ones(2, 3) @ engine.ones(2, 3), ShapeError, "2 x 3 is multiplied with 2 x 3"),
        (lambda: engine.ones(2, 3) @ engine.ones(3, 2).double(), TypeMismatch, "float32 is multiplied with float64"),
        (lambda: engine.ones(2, 3).reshape(4), ShapeError, "2 x 3 has 6 elements"),
        (lambda: engine.ones(2, 3).sum(2), ShapeError, "dim 2 was asked of 2 axes, expected -2 to 1"),
        (lambda: engine.ones(2)[5], ShapeError, "place 5 was asked of axis 0"),
        (lambda: engine.ones(2)[0.5], ShapeError, "index"),
        (lambda: engine.ones(3)[engine.tensor([0.0])], TypeMismatch, "expected whole numbers or bool"),
        (lambda: engine.tensor([[1, 2], [3]]), ShapeError, "the rows are of different lengths"),
        (lambda: engine.tensor("x"), TypeMismatch, "expected numbers"),
        (lambda: engine.ones(2) + "x", TypeError, "unsupported operand"),
        (lambda: engine.ones(2, dtype=engine.int64).mean(), TypeMismatch, "call .float()"),
        (lambda: engine.ones(2, dtype=engine.int64).requires_grad_(), TypeMismatch, "float32 or float64"),
        (lambda: engine.ones(2) & engine.ones(2), TypeMismatch, "compare first"),
        (lambda: engine.cat([engine.ones(2, 2), engine.ones(2, 3)]), ShapeError, "2 x 2 and 2 x 3 are joined"),
        (lambda: engine.stack([engine.ones(2), engine.ones(3)]), ShapeError, "tensors of one shape"),
        (lambda: engine.cat([]), TypeMismatch, "no tensors came"),
        (lambda: engine.zeros(-1), ShapeError, "negative length"),
        (lambda: engine.triu_indices(-1, 2), OptionError, "triu_indices: -1 rows and 2 columns"),
        (lambda: engine.zeros(2, 0).max(1), ShapeError, "the axis is empty"),
        (lambda: len(engine.tensor(1)), TypeMismatch, "a single number has no length"),
        (lambda: engine.device("gpu"), DeviceError, "no such device is known"),
        (lambda: engine.ones(2, device="meta").tolist(), TypeMismatch, "has no values"),
        (lambda: engine.ones(2) + engine.ones(2, device="meta"), DeviceError, "the tensors are on cpu and meta"),
        (lambda: pickle.dumps(engine.ones(2)), TypeMismatch, "engine.save"),
    ],
)
def test_mistakes_are_told_in_one_sentence(act, error, sentence):
    with pytest.raises(error) as caught:
        act()
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_device_without_gpu_says_what_is_missing():
    found = {d.device: d for d in engine.diagnose()}
    assert found["cpu"].usable
    assert engine.cuda.is_available() == found["cuda:0"].usable
    if found["cuda:0"].usable:
        pytest.skip("there is a GPU here")
    with pytest.raises(DeviceError) as caught:
        engine.ones(2).cuda()
    assert found["cuda:0"].reason in str(caught.value)
    assert found["cuda:0"].mend


def test_new_tensors_are_made_on_the_device_that_was_entered():
    with engine.device("meta"):
        x = engine.randn(2, 3)
        assert (x @ engine.ones(3, 4)).shape == (2, 4)
        with engine.device("cpu"):
            assert engine.ones(1).device == engine.device("cpu")
    assert x.is_meta
    assert engine.ones(1).device is engine.device("cpu")


def test_a_deep_copy_stands_by_itself():
    x = engine.ones(2, requires_grad=True)
    y = copy.deepcopy(x)
    with engine.no_grad():
        y += 1
    assert (x.tolist(), y.tolist(), y.requires_grad) == ([1, 1], [2, 2], True)


def test_tensors_join_and_choose():
    x = engine.tensor([1.0, -2.0])
    assert engine.where(x > 0, x, 0).tolist() == [1.0, 0.0]
    assert engine.where(x > 0, 1.0, 0.0).dtype == engine.float32
    assert x.masked_fill(x < 0, 9).tolist() == [1.0, 9.0]
    assert x.masked_select(x > 0).tolist() == [1.0]
    assert (~(x > 0) | (x == 1)).tolist() == [True, True]
    assert engine.allclose(x, x + 1e-9)
    assert 1.0 in x


def test_infinity_is_a_value_and_no_warning():
    script = (
        "import engine\n"
        "x = engine.tensor([0.0, 1000.0])\n"
        "print(x.log().tolist()[0], (1 / x).tolist()[0], x.exp().tolist()[1], (x / 0).tolist()[0])\n"
        "x[0] = 1e300\n"
        "made = engine.full((1,), 1e300), engine.linspace(0, float('inf'), 2), engine.where(x > 0, 1e300, x)\n"
        "print(x.tolist()[0], *(row.tolist()[-1] for row in made))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.split(), done.stderr) == (["-inf", "inf", "inf", "nan", *["inf"] * 4], "")


def test_changes_in_place_reach_the_memory_that_is_shared():
    array = np.ones(3, np.float32)
    x = engine.from_numpy(array)
    x.add_(1).mul_(engine.tensor([1.0, 2.0, 3.0])).sub_(1, alpha=2).div_(2)
    assert array.tolist() == [0.0, 1.0, 2.0]
    assert x._version == 4


def test_a_broken_cupy_is_a_reason_and_not_a_traceback(tmp_path, monkeypatch):
    (tmp_path / "cupy").mkdir()
    (tmp_path / "cupy" / "__init__.py").write_text("raise ImportError('libcudart.so is missing')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    found = {d.device: d for d in engine.diagnose()}["cuda:0"]
    assert not found.usable
    assert "libcudart.so is missing" in found.reason


@pytest.mark.parametrize("place", [engine, engine.Tensor])
def test_every_function_is_called_by_a_name_of_its_own(place):
    functions = {name: f for name in dir(place) if inspect.isfunction(f := getattr(place, name))}
    assert [name for name, f in functions.items() if "<locals>" in f.__qualname__ or f.__name__ == "method"] == []


SPECIAL = [-1.0, -0.0, 0.0, -2.0, float("inf"), -float("inf"), float("nan"), 1e38, -1e38]
OF_ONE = [
    "log",
    "log1p",
    "log2",
    "log10",
    "sqrt",
    "rsqrt",
    "exp",
    "expm1",
    "exp2",
    "reciprocal",
    "lgamma",
    "digamma",
    "erfinv",
    "asin",
    "acos",
    "acosh",
    "atanh",
    "cosh",
    "sinh",
    "tan",
    "square",
    "sigmoid",
    "tanh",
    "erf",
    "erfc",
    "sinc",
    "logit",
    "special.i0",
    "special.i1",
    "special.erfcx",
    "special.entr",
]
OF_TWO = [
    "add",
    "sub",
    "mul",
    "div",
    "pow",
    "fmod",
    "remainder",
    "floor_divide",
    "atan2",
    "hypot",
    "logaddexp",
    "xlogy",
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [engine.float32, engine.float64])
@pytest.mark.parametrize("name", [*OF_ONE, *OF_TWO])
def test_special_values_are_computed_with_in_silence(name, dtype):
    function = functools.reduce(getattr, name.split("."), engine)
    x = engine.tensor(SPECIAL, dtype=dtype, requires_grad=True)
    out = function(x) if name in OF_ONE else function(x.unsqueeze(1), x)
    if out.requires_grad:
        out.sum().backward()
    assert np.geterr()["invalid"] == "warn"  # others hear of theirs
