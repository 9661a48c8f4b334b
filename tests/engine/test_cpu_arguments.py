"""What compiled kernels must leave to NumPy, or look at twice: other dtypes, byte orders, overlapping memory."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

import engine
from engine.kernels.cpu.eager import CpuKernels
from engine.kernels.generic import Kernels
from engine.kernels.update import Pace
from engine.optim.sgd import sgd_rule

fast, oracle = CpuKernels(np), Kernels(np)
SIZE = 20_000  # elements: more than NumPy is asked for


def numbers(*shape):
    return np.random.default_rng(0).standard_normal(shape or SIZE).astype(np.float32)


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "uint8"])
@pytest.mark.parametrize("name", ["add", "mul", "maximum"])
def test_arithmetic_with_a_number_keeps_the_dtype(name, dtype):
    x = np.abs(numbers() * 20).astype(dtype)
    number = 0.1 if x.dtype.kind == "f" else 3
    got, expected = getattr(fast, name)(x, number), getattr(oracle, name)(x, number)
    assert got.dtype == expected.dtype == dtype
    np.testing.assert_array_equal(got, expected)
    assert getattr(fast, name)(x, number, out=x) is x
    np.testing.assert_array_equal(x, expected)


def test_an_array_of_the_other_byte_order_is_not_taken_for_one_that_lies_alike():
    x = numbers()
    swapped = x.astype(x.dtype.newbyteorder())
    for name in ("exp", "neg"):
        expected = getattr(fast, name)(x)
        np.testing.assert_allclose(getattr(fast, name)(swapped), expected, rtol=1e-6)
    np.testing.assert_array_equal(fast.add(swapped, x), fast.add(x, x))


@pytest.mark.parametrize(
    "part",
    [lambda a: (a[1:], a[:-1]), lambda a: (a[:-1], a[1:]), lambda a: (a, a[::-1]), lambda a: (a, a.T),
     lambda a: (a, a[:1])],
    ids=["later", "earlier", "reversed", "transposed", "first row"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["add", "assign"])
def test_an_array_that_is_changed_while_it_is_read_gets_what_it_would_from_a_copy(part, name):
    values = numbers(160, 160)
    got, expected = values.copy(), values.copy()
    target, other = part(got)
    if name == "add":
        fast.add(target, other, out=target)
    else:
        fast.assign(target, other)
    target, other = part(expected)
    target[...] = other.copy() + (target if name == "add" else 0)
    np.testing.assert_array_equal(got, expected)


def test_statistics_of_more_channels_than_a_stack_holds():
    x = np.ones((2, 3_000_000), np.float32)
    x[1] = 3
    mean, variance = fast.batch_statistics(x)
    assert (mean == 2).all()
    assert (variance == 1).all()


def step(k, params, grads, buffers):
    """Of SGD with momentum."""
    room = lambda i, n: [np.empty_like(params[i]) for _ in range(n)]  # noqa: E731
    rule = sgd_rule(momentum=True)
    k.update_step(params, grads, [buffers], room, Pace(rule, [tuple(0.5 for _ in rule.scalars)] * len(params)))


def test_a_step_looks_at_how_the_state_lies_too():
    for order, dtype in [("C", "float32"), ("F", "float32"), ("C", "float64")]:
        one, two = ([numbers(60, 50), np.asarray(numbers(60, 50), dtype, order=order)] for _ in range(2))
        for k, (param, buffer) in ((fast, one), (oracle, two)):
            step(k, [param], [numbers(60, 50)], [buffer])
        for got, expected in zip(one, two):
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


def test_a_step_refuses_parameters_whose_memory_can_only_be_read(tmp_path):
    np.save(tmp_path / "weight.npy", numbers())
    weight = np.load(tmp_path / "weight.npy", mmap_mode="r").view(np.ndarray)
    with pytest.raises(ValueError, match="read-only"):
        step(fast, [weight], [numbers()], [numbers()])


def test_values_of_the_other_byte_order_are_copied_in_order_and_memory_of_it_is_refused():
    values = numbers(3).astype(np.dtype("float32").newbyteorder())
    assert engine.tensor(values).numpy().dtype.isnative
    assert engine.as_tensor(values).tolist() == values.tolist()
    with pytest.raises(engine.errors.TypeMismatch, match="in another order than here"):
        engine.from_numpy(values)
