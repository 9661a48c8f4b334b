"""Functions of single elements, of one tensor or of several stretched to a common shape."""

from __future__ import annotations

from math import inf, log, pi
from typing import Any

import numpy as np

from engine.errors import OptionError, TypeMismatch
from engine.ops import elementary as el
from engine.ops import elementwise as ew
from engine.ops.elementwise import refuse_truths, require_float
from engine.tensor.arithmetic import cast, full_like, meet, number, operand, real
from engine.tensor.promotion import float64, get_default_dtype
from engine.tensor.tape import Core, apply

DEFINITIONS = {
    "acos": "The angle in radians whose cosine is x, from 0 to pi",
    "acosh": "The y >= 0 whose hyperbolic cosine is x",
    "asin": "The angle in radians whose sine is x, from -pi / 2 to pi / 2",
    "asinh": "The y whose hyperbolic sine is x",
    "atan": "The angle in radians whose tangent is x, from -pi / 2 to pi / 2",
    "atanh": "The y whose hyperbolic tangent is x",
    "cosh": "(e^x + e^-x) / 2",
    "erfc": "1 - erf(x), without cancellation",
    "erfinv": "The y whose error function is x",
    "exp2": "2^x",
    "lgamma": "log |gamma(x)|",
    "log10": "The logarithm to the base 10",
    "log2": "The logarithm to the base 2",
    "sinh": "(e^x - e^-x) / 2",
    "tan": "The tangent of x in radians",
}
"""The functions that are one op of one tensor each, gradient included: name -> what it is."""

WHOLE = {
    "bitwise_and": "The bits that both have, or logical and of truth values",
    "bitwise_or": "The bits that either has, or logical or of truth values",
    "bitwise_xor": "The bits that exactly one has, or logical xor of truth values",
    "bitwise_left_shift": "input * 2^other of whole numbers",
    "bitwise_right_shift": "input / 2^other of whole numbers, rounded down",
    "gcd": "The greatest common divisor of whole numbers",
    "lcm": "The least common multiple of whole numbers",
}
"""The functions of two tensors of whole numbers: name -> what it is."""


def _elementary(name: str) -> Any:
    op = el.Elementary(name) if name in el.BY_INPUT else el.ElementaryByResult(name)

    def function(input: Any) -> Any:
        return apply(op, real(input))

    function.__name__, function.__doc__ = name, f"{DEFINITIONS[name]}."
    return function


def _whole(name: str) -> Any:
    op = el.WholePair(name.removeprefix("bitwise_") if name.endswith("shift") else name)

    def function(input: Any, other: Any) -> Any:
        a, b = pair(input, other)
        if a.dtype.kind == "f" or (a.dtype.kind == "b" and not name.startswith("bitwise_")):
            raise TypeMismatch(name, got=f"the values are {a.dtype}", expected="whole numbers", mend="call .long()")
        return apply(op, a, b)

    function.__name__, function.__doc__ = name, f"{WHOLE[name]}."
    return function


for _name in DEFINITIONS:
    globals()[_name] = _elementary(_name)
for _name in WHOLE:
    globals()[_name] = _whole(_name)


def pair(input: Any, other: Any) -> tuple[Any, Any]:
    """Two tensors in the dtype in which they meet, of two of which one may be a number."""
    if not isinstance(input, Core):
        input = full_like(other, number(input))
    return meet(input, operand(input, other))


def real_pair(input: Any, other: Any) -> tuple[Any, Any]:
    """The same as real numbers."""
    a, b = pair(input, other)
    return real(a), real(b)


def bitwise_not(input: Any) -> Any:
    """Every bit turned, or logical not of truth values."""
    if input.dtype.kind == "f":
        raise TypeMismatch("bitwise_not", got=f"the values are {input.dtype}", expected="whole numbers or bool")
    return apply(el.Whole("bitwise_not"), input)


def atan2(input: Any, other: Any) -> Any:
    """The angle in radians of the point (x, y) = (other, input), from -pi to pi."""
    return apply(el.ATan2(), *real_pair(input, other))


def hypot(input: Any, other: Any) -> Any:
    """sqrt(input² + other²), without overflow."""
    return apply(el.Hypot(), *real_pair(input, other))


def logaddexp(input: Any, other: Any) -> Any:
    """log(exp(input) + exp(other)), without overflow."""
    return apply(el.LogAdd("logaddexp"), *real_pair(input, other))


def logaddexp2(input: Any, other: Any) -> Any:
    """log2(2^input + 2^other), without overflow."""
    return apply(el.LogAdd("logaddexp2"), *real_pair(input, other))


def nextafter(input: Any, other: Any) -> Any:
    """The next number that the dtype has from input towards other."""
    return apply(el.WholePair("nextafter"), *real_pair(input, other))


def remainder(input: Any, other: Any) -> Any:
    """What is left of input after whole times other, with the sign of other.

    >>> import engine
    >>> engine.remainder(engine.tensor([-3.0, 5.0]), 2), engine.fmod(engine.tensor([-3.0, 5.0]), 2)
    (tensor([1., 1.]), tensor([-1.,  1.]))
    """
    return apply(el.Modulo("remainder"), *pair(input, other))


def fmod(input: Any, other: Any) -> Any:
    """What is left of input after whole times other, with the sign of input."""
    return apply(el.Modulo("fmod"), *pair(input, other))


def floor_divide(input: Any, other: Any) -> Any:
    """input / other, rounded down."""
    a, b = pair(input, other)
    return a // b


def true_divide(input: Any, other: Any) -> Any:
    """input / other as real numbers."""
    return input / other


def float_power(input: Any, exponent: Any) -> Any:
    """input ** exponent in float64; either may be a number."""
    base, power = (cast(x, float64) if isinstance(x, Core) else float(x) for x in (input, exponent))
    return base**power


def ldexp(input: Any, other: Any) -> Any:
    """input * 2^other"""
    return input * 2.0 ** real(other)


def trunc(input: Any) -> Any:
    """The next whole number towards 0."""
    refuse_truths("trunc", input.dtype, "use it as it is")
    return apply(el.Trunc(), input) if input.dtype.kind == "f" else input.clone()


def frac(input: Any) -> Any:
    """x - trunc(x)"""
    require_float("frac", input.dtype)
    return input - trunc(input)


def positive(input: Any) -> Any:
    """x itself."""
    refuse_truths("positive", input.dtype, "use it as it is")
    return input


def sgn(input: Any) -> Any:
    """-1, 0 or 1"""
    return input.sign()


def signbit(input: Any) -> Any:
    """Whether the sign is a minus, also that of -0."""
    return apply(ew.Test("signbit"), input) if input.dtype.kind == "f" else input < 0


def isposinf(input: Any) -> Any:
    """Where the value is infinity."""
    return real(input) == inf


def isneginf(input: Any) -> Any:
    """Where the value is -infinity."""
    return real(input) == -inf


def isreal(input: Any) -> Any:
    """Whether the value is a real number: always."""
    return input == input if input.dtype.kind != "f" else (input == input) | True


def copysign(input: Any, other: Any) -> Any:
    """|input| with the sign of other."""
    return apply(el.CopySign(), *real_pair(input, other))


def _choose(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, b elsewhere; either may be a number."""
    if not isinstance(a, Core):
        a, b = cast(full_like(b, a), b.dtype), b
    return a.where(condition, b)


def heaviside(input: Any, values: Any) -> Any:
    """0 where x < 0, 1 where x > 0, values where x = 0."""
    a, b = meet(input, values)
    return _choose(a == 0, b, cast(a > 0, a.dtype)).detach()


def deg2rad(input: Any) -> Any:
    """Degrees as radians."""
    return real(input) * (pi / 180)


def rad2deg(input: Any) -> Any:
    """Radians as degrees."""
    return real(input) * (180 / pi)


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight (end - input), exact at both ends."""
    step = end - input
    if not isinstance(weight, Core):
        return input + step * weight if abs(weight) < 0.5 else end - step * (1 - weight)
    near = weight.abs() < 0.5
    return _choose(near, input + step * weight, end - step * (1 - weight))


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value * tensor1 * tensor2"""
    return input + tensor1 * tensor2 * value


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value * tensor1 / tensor2"""
    if tensor1.dtype.kind != "f" and tensor2.dtype.kind != "f":
        raise TypeMismatch("addcdiv", got=f"{tensor1.dtype} is divided by {tensor2.dtype}", expected="real numbers",
                           mend="call .float() on one of them")  # fmt: skip
    return input + tensor1 / tensor2 * value


def clamp_min(input: Any, min: Any) -> Any:
    """x, no less than min."""
    return input.clamp(min=min)


def clamp_max(input: Any, max: Any) -> Any:
    """x, no more than max."""
    return input.clamp(max=max)


def fmax(input: Any, other: Any) -> Any:
    """The greater of the two; where one is not a number, the other."""
    a, b = pair(input, other)
    return _choose(((a >= b) | isnan(b)), a, b)


def fmin(input: Any, other: Any) -> Any:
    """The smaller of the two; where one is not a number, the other."""
    a, b = pair(input, other)
    return _choose(((a <= b) | isnan(b)), a, b)


def isnan(input: Any) -> Any:
    """Where there is no number."""
    return input != input


def nan_to_num(input: Any, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """Numbers in place of what is none, and in place of infinity: the greatest of the dtype where not said."""
    if input.dtype.kind != "f":
        return input.clone()
    limits = np.finfo(input.dtype)
    out = _choose(isnan(input), 0.0 if nan is None else nan, input)
    out = _choose(input == inf, float(limits.max) if posinf is None else posinf, out)
    return _choose(input == -inf, float(limits.min) if neginf is None else neginf, out)


def logit(input: Any, eps: float | None = None) -> Any:
    """log(x / (1 - x)), x kept eps away from 0 and 1."""
    x = real(input) if eps is None else real(input).clamp(eps, 1 - eps)
    return x.log() - (-x).log1p()


def sinc(input: Any) -> Any:
    """sin(pi x) / (pi x), 1 at 0."""
    angle = real(input) * pi
    zero = angle == 0
    safe = _choose(zero, 1.0, angle)
    return _choose(zero, 1.0, safe.sin() / safe)


def xlogy(input: Any, other: Any) -> Any:
    """x log(y), 0 where x is 0."""
    x, y = real_pair(input, other)
    nothing = (x == 0) & ((y <= 0) | (y == inf))
    return x * _choose(nothing, 1.0, y.expand(nothing.shape)).log()


def xlog1py(input: Any, other: Any) -> Any:
    """x log(1 + y), 0 where x is 0."""
    x, y = real_pair(input, other)
    nothing = (x == 0) & ((y <= -1) | (y == inf))
    return x * _choose(nothing, 0.0, y.expand(nothing.shape)).log1p()


def digamma(input: Any) -> Any:
    """The derivative of lgamma."""
    return apply(el.Polygamma(0), real(input))


def polygamma(n: int, input: Any) -> Any:
    """The n-th derivative of digamma."""
    if n < 0:
        raise OptionError("polygamma", got=f"n is {n}", expected="0 or more")
    return apply(el.Polygamma(n), real(input))


def mvlgamma(input: Any, p: int) -> Any:
    """log of the gamma function of p dimensions: p (p - 1) / 4 log(pi) + the sum of lgamma(x - j / 2) for j < p."""
    x, out = real(input), p * (p - 1) / 4 * log(pi)
    for j in range(p):
        out = out + globals()["lgamma"](x - j / 2)
    return out


def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Where |input - other| <= atol + rtol |other|."""
    if input.dtype != other.dtype:
        raise TypeMismatch("isclose", got=f"{input.dtype} is compared with {other.dtype}", expected="one dtype")
    same = input == other
    a, b = (x if x.dtype.kind == "f" else cast(x, get_default_dtype()) for x in (input.detach(), other.detach()))
    distance = (a - b).abs()
    out = same | ((distance <= b.abs() * rtol + atol) & distance.isfinite())
    return out | (isnan(input) & isnan(other)) if equal_nan else out
