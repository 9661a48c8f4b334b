"""The functions that kernels write into their loops, over the whole range of float32."""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

from engine.kernels.cpu.compile import compiled
from engine.kernels.cpu.emit import new_kernel
from engine.kernels.cpu.expression import apply, evaluate, leaf

SPECIAL = [
    0.0,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    1e-45,
    -1e-45,
    1e-40,
    -1e-40,
    1.17549435e-38,
    3.4028235e38,
    -3.4028235e38,
]


def elementwise(expr, lanes):
    code = new_kernel("elementwise")
    block, start, stop = code.arguments
    x, y = code.pointer(block, 0), code.pointer(block, 1)
    with code.loop(start, stop, lanes) as i:
        code.store(evaluate(expr, {"x": code.load(x, i, lanes)}), y, i)
    code.finish()
    return code.module


def run(name, x, lanes=16):
    y = np.empty_like(x)
    block = np.array([x.ctypes.data, y.ctypes.data])
    address = compiled(elementwise, apply(name, leaf("x")), lanes)
    ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(address)(block.ctypes.data, 0, x.size)
    return y


def every_magnitude(low=-np.inf, high=np.inf):
    """All exponents with both signs, and the special numbers; a multiple of 16 of them."""
    bits = np.arange(0, 1 << 32, 9973, dtype=np.uint64).astype(np.uint32)
    x = np.concatenate(
        [np.array(SPECIAL, np.float32), bits.view(np.float32), np.linspace(-100, 100, 200_003, dtype=np.float32)]
    )
    x = x[~((x < low) | (x > high))]
    return x[: x.size // 16 * 16].copy()


def reference(name, x):
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        return {
            "exp": np.exp,
            "exp_negative": np.exp,
            "log": np.log,
            "tanh": np.tanh,
            "sqrt": np.sqrt,
            "log1p": np.log1p,
            "erf": np.vectorize(math.erf),
            "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
            "logistic": lambda v: 1 / (1 + np.exp(-v)),
            "expm1_negative": np.expm1,
            "softplus": lambda v: np.logaddexp(0, v),
        }[name](wide)


def assert_close(got, want, relative):
    """Within the relative error, or two units of the last place of a denormal number; specials exactly."""
    with np.errstate(all="ignore"):
        rounded = want.astype(np.float32)
        plain = np.isfinite(rounded)
        wrong = np.where(
            plain,
            np.abs(got - want) > np.abs(want) * relative + 3e-45,
            ~((got == rounded) | np.isnan(got) & np.isnan(rounded)),
        )
    assert not wrong.any(), (got[wrong][:5], want[wrong][:5])


@pytest.mark.parametrize("lanes", [1, 4, 16])
@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sqrt", "erf", "sigmoid"])
def test_functions_are_accurate_from_denormals_to_infinity(name, lanes):
    x = every_magnitude()
    got, want = run(name, x, lanes), reference(name, x)
    assert_close(got, want, 2e-7)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("log1p", -0.999, 3e38),
        ("expm1_negative", -1e30, 0),
        ("exp_negative", -86, 0),
        ("logistic", -86, 3e38),
        ("softplus", -80, 3e38),
    ],
)
def test_functions_that_avoid_cancellation_are_accurate(name, low, high):
    x = every_magnitude(low, high)
    x = x[np.isfinite(x)]
    x = x[: x.size // 16 * 16].copy()
    assert_close(run(name, x), reference(name, x), 6e-7)


def test_relu_keeps_what_is_not_a_number():
    x = np.array([np.nan, -1, 0, 2] * 4, np.float32)
    assert np.array_equal(run("relu", x), np.array([np.nan, 0, 0, 2] * 4, np.float32), equal_nan=True)
