"""Functions of single elements beside PyTorch's: values, dtypes, gradients, limits, and what both refuse."""

from __future__ import annotations

import operator

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.parity.comparing import SHAPES, rand, randn, same, whole  # noqa: E402

ODD = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.5, np.inf, -np.inf, np.nan, 1e-3, 30.0, -30.0, 8.5, 0.7])
UNARY = {  # name: the values from which to draw
    "acos": (-0.95, 0.95), "acosh": (1.1, 5), "asin": (-0.95, 0.95), "asinh": (-9, 9), "atan": (-9, 9),
    "atanh": (-0.95, 0.95), "cosh": (-4, 4), "erfc": (-4, 4), "erfinv": (-0.99, 0.99), "exp2": (-4, 4),
    "lgamma": (-3.9, 9), "digamma": (0.1, 9), "log10": (0.1, 9), "log2": (0.1, 9), "sinh": (-4, 4), "tan": (-1.4, 1.4),
    "logit": (0.05, 0.95), "sinc": (-3, 3), "trunc": (-4, 4), "frac": (-4, 4), "positive": (-4, 4), "sgn": (-1, 1),
    "signbit": (-1, 1), "isposinf": (-1, 1), "isneginf": (-1, 1), "isreal": (-1, 1), "deg2rad": (-200, 200),
    "rad2deg": (-4, 4), "nan_to_num": (-4, 4), "square": (-4, 4), "expm1": (-2, 2), "isnan": (-1, 1),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", UNARY)
def test_function_of_one_tensor(name, dtype):
    low, high = UNARY[name]
    tolerance = {"float32": 2e-5, "float64": 1e-8 if name == "digamma" else 1e-11}[
        dtype
    ]  # PyTorch's slope is no better
    same(lambda t, x: getattr(t, name)(x), rand(40, low=low, high=high), dtype=dtype, tolerance=tolerance)
    same(lambda t, x: getattr(x, name)(), rand(2, 3, low=low, high=high), dtype=dtype, tolerance=tolerance)


@pytest.mark.parametrize("name", UNARY)
def test_limits_and_what_is_no_number(name):
    values = ODD[~np.isnan(ODD)] if name == "sgn" else ODD  # PyTorch's sign of NaN is 0
    same(lambda t, x: getattr(t, name)(x), values, dtype="float64", gradients=False, tolerance=1e-11)
    same(lambda t, x: getattr(t, name)(x), values, gradients=False)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["asin", "erfinv", "lgamma", "trunc", "sinc", "nan_to_num", "signbit"])
def test_functions_of_any_shape(name, shape):
    same(lambda t, x: getattr(t, name)(x), rand(*shape, low=-0.9, high=0.9), tolerance=2e-5)


@pytest.mark.parametrize("values", [whole(4), whole(4).astype("uint8"), np.array([True, False])], ids=str)
@pytest.mark.parametrize("name", [*UNARY, "abs", "exp", "sign", "reciprocal"])
def test_whole_numbers_and_truth_values(name, values):
    same(lambda t, x: getattr(t, name)(x), values, tolerance=1e-5)


@pytest.mark.parametrize("a", [9e4, 1.1e5, 1e9, 1e38])
@pytest.mark.parametrize("name", ["igamma", "igammac"])
def test_shares_of_large_gamma_functions_agree_and_take_no_longer(name, a):
    around = [a * (1 + spread / a**0.5) for spread in (-8, -3, -0.1, 0, 0.3, 4, 8)]
    x = np.array([*around, a / 2, 2 * a, 0.0, np.inf, np.nan])
    same(
        lambda t, a, x: getattr(t, name)(a, x), np.full(len(x), a), x, dtype="float64", tolerance=1e-10, gradients=False
    )


def test_the_error_functions_stay_exact_far_out():
    far = np.concatenate([np.linspace(-6, 27, 300), [1e-10, -1e-10]])
    same(lambda t, x: t.erfc(x).log() if t else x, far[far < 26], dtype="float64", tolerance=1e-11)
    near_one = np.concatenate([1 - np.logspace(-1, -15, 40), -1 + np.logspace(-1, -15, 40), np.logspace(-9, -1, 9)])
    same(lambda t, x: t.erfinv(x), near_one, dtype="float64", tolerance=1e-11, gradients=False)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_polygamma(n):
    tolerance = 1e-8 if n < 2 else 1e-11  # PyTorch's polygamma of order 1 is no better
    same(lambda t, x: t.polygamma(n, x), rand(20, low=0.1, high=12), dtype="float64", tolerance=tolerance)
    if n < 2:
        same(lambda t, x: t.polygamma(n, x), rand(20, low=-4.9, high=-0.1), dtype="float64", tolerance=tolerance)
    same(lambda t, x: t.mvlgamma(x, n + 1), rand(5, low=4, high=9), dtype="float64", tolerance=1e-11)


PAIRS = ["atan2", "hypot", "logaddexp", "logaddexp2", "remainder", "fmod", "floor_divide", "true_divide", "copysign",
         "fmax", "fmin", "xlogy", "float_power", "ldexp", "maximum", "minimum", "nextafter"]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("b", [(2, 3, 4), (4,), (3, 1), (1, 1, 1), (), (2, 1, 0)], ids=str)
@pytest.mark.parametrize("name", PAIRS)
def test_functions_of_two_tensors_stretched(name, b, dtype):
    first = rand(2, 3, 4) if name in ("xlogy", "float_power") else randn(2, 3, 4) * 3
    if b == (2, 1, 0):
        first = first[..., :1]
    gradients = name not in ("floor_divide", "nextafter")
    same(lambda t, x, y: getattr(t, name)(x, y), first, rand(*b, seed=3), dtype=dtype, tolerance=3 * 10.0 ** -(
        5 if dtype == "float32" else 12), gradients=gradients)  # fmt: skip


@pytest.mark.parametrize("name", ["remainder", "fmod", "floor_divide", "true_divide", "float_power", "xlogy"])
@pytest.mark.parametrize("number", [3, -2, 2.5, -0.7])
def test_a_number_beside_a_tensor(name, number):
    gradients = name != "floor_divide"
    same(lambda t, x: getattr(t, name)(x, number), rand(6) if name == "float_power" else randn(6) * 5,
         gradients=gradients)  # fmt: skip
    same(lambda t, x: getattr(t, name)(x, number), whole(6))
    if name in ("remainder", "float_power", "xlogy"):
        same(lambda t, x: getattr(t, name)(number, x), rand(6) + 1, gradients=name != "remainder")


@pytest.mark.parametrize("name", ["remainder", "fmod", "logaddexp", "logaddexp2", "atan2", "hypot", "fmax", "fmin",
                                  "copysign", "xlogy"])  # fmt: skip
def test_pairs_at_the_limits(name):
    a, b = (x.reshape(-1) for x in np.meshgrid(ODD, ODD))
    same(lambda t, x, y: getattr(t, name)(x, y), a, b, dtype="float64", gradients=False)


INTEGERS = ["bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm", "remainder", "fmod", "floor_divide",
            "true_divide", "atan2", "maximum"]  # fmt: skip


@pytest.mark.parametrize("kinds", [("int64", "int64"), ("uint8", "int64"), ("int32", "int16"), ("bool", "bool"),
                                   ("int64", "bool")], ids=str)  # fmt: skip
@pytest.mark.parametrize("name", INTEGERS)
def test_whole_numbers_in_pairs(name, kinds):
    a, b = whole(3, 4, low=1 if "uint8" in kinds else -9).astype(kinds[0]), whole(4, seed=2, low=1).astype(kinds[1])
    if name in ("gcd", "lcm", "remainder", "fmod", "floor_divide") and "bool" in kinds:
        pytest.skip("PyTorch's answers differ from build to build")
    same(lambda t, x, y: getattr(t, name)(x, y), a, b)


@pytest.mark.parametrize("sign", ["and_", "or_", "xor", "lshift", "rshift"])
def test_operators_bit_by_bit(sign):
    combine = getattr(operator, sign)
    same(lambda t, x, y: combine(x, y), whole(5), whole(5, seed=9, low=0, high=7))
    same(lambda t, x: combine(x, 3), whole(5))
    same(lambda t, x, y: combine(x, y), randn(3), randn(3))
    if "shift" not in sign:
        same(lambda t, x, y: combine(x, y), whole(5) > 0, whole(5, seed=1) > 0)
        same(lambda t, x: combine(x, True), whole(5) > 0)


def test_bits_turned_and_shifted():
    same(lambda t, x: ~x, whole(5))
    same(lambda t, x: t.bitwise_not(x), whole(5) > 0)
    same(lambda t, x: t.bitwise_not(x), randn(5))
    same(lambda t, x: t.bitwise_left_shift(x, 2), whole(5))
    same(lambda t, x, y: t.bitwise_right_shift(x, y), whole(5), whole(5, low=0, high=4))


THREE = {
    "lerp": lambda t, x, y, z: t.lerp(x, y, z), "lerp by a number": lambda t, x, y, z: x.lerp(y, 0.3),
    "lerp beyond the middle": lambda t, x, y, z: x.lerp(y, 0.8),
    "addcmul": lambda t, x, y, z: t.addcmul(x, y, z), "addcmul by a value": lambda t, x, y, z: x.addcmul(y, z, value=2),
    "addcdiv": lambda t, x, y, z: t.addcdiv(x, y, z + 3, value=0.5),
    "clamp by tensors": lambda t, x, y, z: t.clamp(x, y - 1, z + 1),
    "clamp from below": lambda t, x, y, z: x.clamp(min=y),
    "clamp from above": lambda t, x, y, z: x.clamp(max=z),
    "clamp upside down": lambda t, x, y, z: x.clamp(y + 1, y - 1),
    "clamp_min": lambda t, x, y, z: t.clamp_min(x, 0.2), "clamp_max": lambda t, x, y, z: t.clamp_max(x, y),
    "where": lambda t, x, y, z: t.where(x > y, x, z), "where a number": lambda t, x, y, z: t.where(x > 0, 1.0, z),
    "heaviside": lambda t, x, y, z: t.heaviside(x.detach().round(), y.detach()),
    "logit with eps": lambda t, x, y, z: t.logit(x.sigmoid(), 0.3),
    "nan_to_num with values": lambda t, x, y, z: t.nan_to_num(x / (x.round()), 1.0, 2.0, 3.0),
    "isclose": lambda t, x, y, z: t.isclose(x, x + z * 1e-5, rtol=1e-5, atol=1e-6),
    "cubes": lambda t, x, y, z: x.float_power(3) + t.square(y) + z.rsqrt().nan_to_num(),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", THREE)
def test_functions_of_three(name, dtype):
    same(lambda t, *x: THREE[name](t, *x), randn(3, 4), randn(3, 4, seed=1), randn(4, seed=2), dtype=dtype)


def test_clamp_at_its_limits_and_with_nan():
    x, low = np.array([0.0, 1.0, 2.0, np.nan, 1.0]), np.array([1.0, 1.0, 1.0, 1.0, np.nan])
    same(lambda t, x, y: t.clamp(x, min=y), x, low, gradients=False)
    same(lambda t, x, y: t.clamp(x, max=y), x, low, gradients=False)
    same(lambda t, x, y: t.clamp(x, min=y), x[:3], low[:3])


def test_closeness():
    x, y = np.array([1.0, np.nan, np.inf, -np.inf, 0.0]), np.array([1.0 + 1e-6, np.nan, np.inf, np.inf, 1e-9])
    for equal_nan in (True, False):
        same(lambda t, x, y, e=equal_nan: t.isclose(x, y, equal_nan=e), x, y, dtype="float64")
        same(lambda t, x, y, e=equal_nan: t.allclose(x, y, equal_nan=e), x, y, dtype="float64")
    same(lambda t, x: t.isclose(x, x + 1), whole(4))
    same(lambda t, x, y: t.isclose(x, y), randn(2), whole(2))


@pytest.mark.parametrize("call", [
    lambda t, x: t.polygamma(-1, x), lambda t, x: t.gcd(x, x), lambda t, x: t.bitwise_left_shift(x, x),
    lambda t, x: t.remainder(x.long(), 0), lambda t, x: t.fmod(x.long(), 0), lambda t, x: (x > 0).positive(),
])  # fmt: skip
def test_what_pytorch_refuses_is_refused(call):
    same(call, randn(3))
