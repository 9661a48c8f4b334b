"""Random arguments for the functions of single elements: name -> what draws them."""

from __future__ import annotations

from math import inf, nan
from typing import Any

from tests.parity.random_arguments import ANY, FLOATS, WHOLE, Draw, call

UNARY = {  # between which values; whole numbers among them
    "abs": (-3, 3), "acos": (-0.95, 0.95), "acosh": (1.1, 5), "asin": (-0.95, 0.95), "asinh": (-9, 9), "atan": (-9, 9),
    "atanh": (-0.9, 0.9), "bitwise_not": (-9, 9), "ceil": (-4, 4), "clone": (-3, 3), "cos": (-9, 9), "cosh": (-4, 4),
    "deg2rad": (-200, 200), "digamma": (0.3, 9), "erf": (-3, 3), "erfc": (-3, 3),
    "erfinv": (-0.9, 0.9), "exp": (-3, 3), "exp2": (-4, 4), "expm1": (-2, 2), "floor": (-4, 4), "frac": (-4, 4),
    "i0": (-9, 30), "isfinite": (-3, 3), "isinf": (-3, 3), "isnan": (-3, 3), "isneginf": (-3, 3), "isposinf": (-3, 3),
    "isreal": (-3, 3), "lgamma": (0.3, 9), "log": (0.1, 9), "log10": (0.1, 9), "log1p": (-0.7, 9), "log2": (0.1, 9),
    "logical_not": (-1, 1), "neg": (-3, 3), "positive": (-3, 3), "rad2deg": (-4, 4), "reciprocal": (0.3, 4),
    "relu": (-3, 3), "rsqrt": (0.3, 4), "sgn": (-3, 3), "sigmoid": (-4, 4), "sign": (-3, 3), "signbit": (-3, 3),
    "sin": (-9, 9), "sinc": (-3, 3), "sinh": (-4, 4), "sqrt": (0.1, 9), "square": (-3, 3), "tan": (-1.2, 1.2),
    "tanh": (-3, 3), "trunc": (-4, 4),
}  # fmt: skip

BINARY = {  # between which values the first and the second one lie
    "atan2": (-3, 3, 0.5, 3), "bitwise_and": (0, 9, 0, 9), "bitwise_or": (0, 9, 0, 9), "bitwise_xor": (0, 9, 0, 9),
    "bitwise_left_shift": (0, 9, 0, 4), "bitwise_right_shift": (0, 99, 0, 4), "copysign": (-3, 3, -3, 3),
    "eq": (-2, 2, -2, 2), "floor_divide": (-9, 9, 1, 4), "fmax": (-3, 3, -3, 3), "fmin": (-3, 3, -3, 3),
    "fmod": (-9, 9, 1, 4), "gcd": (0, 30, 0, 30), "ge": (-2, 2, -2, 2), "gt": (-2, 2, -2, 2),
    "hypot": (0.3, 3, 0.3, 3), "lcm": (1, 9, 1, 9), "le": (-2, 2, -2, 2),
    "logaddexp": (-3, 3, -3, 3), "logaddexp2": (-3, 3, -3, 3), "logical_and": (-1, 1, -1, 1),
    "logical_or": (-1, 1, -1, 1), "logical_xor": (-1, 1, -1, 1), "lt": (-2, 2, -2, 2), "maximum": (-3, 3, -3, 3),
    "minimum": (-3, 3, -3, 3), "mul": (-3, 3, -3, 3), "ne": (-2, 2, -2, 2), "nextafter": (-3, 3, -3, 3),
    "remainder": (-9, 9, 1, 4), "true_divide": (-3, 3, 0.5, 3), "xlogy": (0.3, 3, 0.3, 3),
    "float_power": (0.3, 3, -2, 2), "pow": (0.5, 3, 0, 3),
}  # fmt: skip

NUMBER_TOO = {"bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift", "copysign", "eq",
              "floor_divide", "fmod", "ge", "gt", "le", "lt", "mul", "ne", "remainder", "true_divide", "xlogy",
              "float_power", "pow"}  # fmt: skip
"""Of the pairs, those whose second one may be a number."""


def unary(low: float, high: float) -> Any:
    return lambda d: call(d.tensor(low=low, high=high))


def partner(d: Draw, shape: Any, low: float, high: float) -> Any:
    """A second tensor, of another shape and now and then of another dtype."""
    dtype = d.pick(*ANY) if d.int(0, 3) == 3 else d.dtype
    return d.tensor(d.partner(shape), low, high, dtype)


def binary(name: str, low: float, high: float, low2: float, high2: float) -> Any:
    def case(d: Draw) -> Any:
        x = d.tensor(shape := d.shape(), low, high)
        if name in NUMBER_TOO and d.int(0, 2) == 0:
            whole = d.int(max(1, low2), int(high2))
            return call(x, whole if "bit" in name or d.maybe() else whole + 0.5)
        return call(x, partner(d, shape, low2, high2))

    return case


def _sum(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    named = {"alpha": d.pick(2, 0.5)} if d.dtype != "bool" and d.maybe() else {}
    return call(x, d.pick(2, 1.5) if d.int(0, 3) == 0 else partner(d, shape, -3, 3), **named)


def _div(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(), -9, 9)
    other = d.pick(2, -2.5) if d.maybe() else partner(d, shape, 1, 3)
    return call(x, other, **({} if d.maybe() else {"rounding_mode": d.pick(None, "floor", "trunc")}))


def _clamp(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    if d.maybe():
        low = 0 if d.dtype == "uint8" else -1
        return call(x, **d.pick({"min": 1}, {"max": 1}, {"min": low, "max": 2}, {"min": 0.5, "max": 1.5}, {}))
    low, high = (d.pick(None, d.tensor(d.partner(shape), -3, 3)) for _ in range(2))
    return call(x, low, high)


def _limit(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    return call(x, d.pick(1, -0.5, d.tensor(d.partner(shape))))


def _where(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    return call(d.mask(d.partner(shape)), *d.pick((x, 2), (1.5, x), (x, partner(d, shape, -3, 3))))


def _masked_fill(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    value = d.pick(2, 1.5, d.tensor((), dtype=d.dtype))
    return call(x, d.mask(d.partner(shape)), value)


def _lerp(d: Draw) -> Any:
    x = d.tensor(shape := d.shape())
    return call(x, d.tensor(d.partner(shape)), d.pick(0.3, 0.8, -1, d.tensor(d.partner(shape), -0.5, 1.5)))


def _added(low: float) -> Any:
    def case(d: Draw) -> Any:
        x = d.tensor(shape := d.shape())
        named = {"value": d.pick(2, 0.5 if d.dtype in FLOATS else 3)} if d.maybe() else {}
        return call(x, d.tensor(d.partner(shape), -3, 3), d.tensor(d.partner(shape), low, 3), **named)

    return case


def _isclose(d: Draw) -> Any:
    x = d.tensor(shape := d.shape(), 1, 2)
    other = d.tensor(shape, 1, 2)
    return call(x, other, rtol=d.pick(1e-5, 0.3), atol=d.pick(1e-8, 0.2), equal_nan=d.maybe())


def _nan_to_num(d: Draw) -> Any:
    x = d.tensor(d.shape(1))
    if d.dtype in FLOATS and x.leaf.size > 2:
        x.leaf.reshape(-1)[:3] = nan, inf, -inf
    return call(x, **d.pick({}, {"nan": 1.0}, {"posinf": 2.0, "neginf": -2.0}))


def _round(d: Draw) -> Any:
    return call(d.tensor(low=-99, high=99), **({"decimals": d.pick(1, 2, -1, 0)} if d.maybe() else {}))


def _isin(d: Draw) -> Any:
    x, tests = d.tensor(low=0, high=4, plain=True), d.tensor(d.shape(0, 2), 0, 4, plain=True)
    return call(*d.pick((x, tests), (x, 2), (2, tests)), **({"invert": True} if d.maybe() else {}))


ELEMENTWISE = {
    **{name: unary(*limits) for name, limits in UNARY.items()},
    **{name: binary(name, *limits) for name, limits in BINARY.items()},
    "add": _sum, "sub": _sum, "div": _div, "clamp": _clamp, "clamp_min": _limit, "clamp_max": _limit, "where": _where,
    "masked_fill": _masked_fill, "lerp": _lerp, "addcmul": _added(-3), "addcdiv": _added(1), "isclose": _isclose,
    "allclose": _isclose, "nan_to_num": _nan_to_num, "round": _round, "isin": _isin,
    "equal": lambda d: call(d.tensor(shape := d.shape(), 0, 1), d.tensor(d.pick(shape, d.shape()), 0, 1)),
    "heaviside": lambda d: call(d.tensor(shape := d.shape(), tracked=False), d.tensor(d.partner(shape), tracked=False)),
    "logit": lambda d: call(d.tensor(low=0.05, high=0.95), **({"eps": d.pick(0.01, 0.3)} if d.maybe() else {})),
    "detach": lambda d: call(d.tensor(plain=True)),
    "ldexp": lambda d: call(d.tensor(s := d.shape()), d.tensor(d.partner(s))),
    **dict.fromkeys(("igamma", "igammac"), lambda d: call(d.tensor(s := d.shape(), 0.5, 30), d.tensor(s, 0.3, 40))),
    "mvlgamma": lambda d: call(d.tensor(low=4, high=9), d.int(1, 4)),
    "polygamma": lambda d: call(d.int(0, 3), d.tensor(low=0.5, high=6)),
    "is_nonzero": lambda d: call(d.tensor(d.shape(sizes=(0, 1, 1, 1, 2)), -1, 1)),
    "isfinite": unary(-3, 3),
}  # fmt: skip

KINDS = {
    "igamma": FLOATS, "igammac": FLOATS,  # where PyTorch's answers for other kinds differ from build to build, or warn
    "gcd": WHOLE, "lcm": WHOLE, "bitwise_left_shift": WHOLE, "bitwise_right_shift": WHOLE,
}  # fmt: skip


_SPECIAL = {"entr": (0.1, 3), "erfcx": (-2, 30), "expit": (-4, 4), "gammaln": (0.3, 9), "i0e": (-9, 60), "i1": (-9, 30),
            "i1e": (-9, 60), "log_ndtr": (-30, 4), "ndtr": (-3, 4), "psi": (0.3, 9)}  # fmt: skip

SPECIAL = {
    **dict.fromkeys(("gammainc", "gammaincc"), ELEMENTWISE["igamma"]),
    **{name: unary(*limits) for name, limits in _SPECIAL.items()},
    "multigammaln": ELEMENTWISE["mvlgamma"],
    "xlog1py": binary("xlog1py", 0.3, 3, 0.3, 3),
}
"""Of engine.special, what does not stand beside it at the top level, too."""
