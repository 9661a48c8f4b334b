"""Functions of single elements, of one tensor or of several stretched to a common shape."""

from __future__ import annotations

from math import inf, pi
from typing import Any

import numpy as np

from engine.errors import TypeMismatch
from engine.ops import elementary as el
from engine.ops import elementwise as ew
from engine.ops.elementwise import refuse_truths, require_float
from engine.tensor.described import described
from engine.tensor.operands import cast, full_like, meet, number, operand, real
from engine.tensor.promotion import float64, get_default_dtype
from engine.tensor.tape import Core, apply

DEFINITIONS = {
    "acos": ("The angle in radians whose cosine is x, from 0 to pi.", "0.0", "1.5708"),
    "acosh": ("The y >= 0 whose hyperbolic cosine is x: log(x + sqrt(x² - 1)).", "1.0", "0."),
    "asin": ("The angle in radians whose sine is x, from -pi / 2 to pi / 2.", "1.0", "1.5708"),
    "asinh": ("The y whose hyperbolic sine is x: log(x + sqrt(x² + 1)).", "1.0", "0.8814"),
    "atan": ("The angle in radians whose tangent is x, from -pi / 2 to pi / 2.", "1.0", "0.7854"),
    "atanh": ("The y whose hyperbolic tangent is x: log((1 + x) / (1 - x)) / 2.", "0.5", "0.5493"),
    "cosh": ("(e^x + e^-x) / 2", "1.0", "1.5431"),
    "erfc": ("1 - erf(x), without cancellation.", "1.0", "0.1573"),
    "erfinv": ("The y whose error function is x.", "0.5", "0.4769"),
    "exp2": ("2^x", "3.0", "8."),
    "erfcx": ("e^(x²) erfc(x), without underflow.", "1.0", "0.4276"),
    "i0": ("The modified Bessel function of the first kind of order 0.", "1.0", "1.2661"),
    "i0e": ("e^-|x| times the modified Bessel function of order 0, without overflow.", "1.0", "0.4658"),
    "i1": ("The modified Bessel function of the first kind of order 1.", "1.0", "0.5652"),
    "i1e": ("e^-|x| times the modified Bessel function of order 1, without overflow.", "1.0", "0.2079"),
    "lgamma": ("log |gamma(x)|; gamma(n) is (n - 1)! of whole numbers.", "4.5", "2.4537"),
    "log10": ("The logarithm to the base 10.", "20.0", "1.3010"),
    "log2": ("The logarithm to the base 2.", "8.0", "3."),
    "sinh": ("(e^x - e^-x) / 2", "1.0", "1.1752"),
    "tan": ("The tangent of x in radians: sin(x) / cos(x).", "1.0", "1.5574"),
}
"""The functions that are one op of one tensor each, gradient included: name -> what it is, and an example of it."""

SPECIAL = ("erfcx", "i0e", "i1", "i1e")
"""Those that stand in engine.special alone."""


def _elementary(name: str) -> Any:
    op = el.Elementary(name) if name in el.BY_INPUT else el.ElementaryByResult(name)

    def function(input: Any) -> Any:
        return apply(op, real(input))

    place = f"special.{name}" if name in SPECIAL else name
    function.__name__ = function.__qualname__ = name
    function.__doc__ = described(place, *DEFINITIONS[name])
    return function


for _name in DEFINITIONS:
    globals()[_name] = _elementary(_name)


def pair(input: Any, other: Any) -> tuple[Any, Any]:
    """Two tensors in the dtype in which they meet, of two of which one may be a number."""
    if not isinstance(input, Core):
        input = full_like(other, number(input))
    return meet(input, operand(input, other))


def real_pair(input: Any, other: Any) -> tuple[Any, Any]:
    """The same as real numbers."""
    a, b = pair(input, other)
    return real(a), real(b)


def atan2(input: Any, other: Any) -> Any:
    """The angle in radians of the point (x, y) = (other, input), from -pi to pi.

    >>> import engine
    >>> engine.atan2(engine.tensor([1.0, 0.0]), engine.tensor([1.0, -1.0]))
    tensor([0.7854, 3.1416])
    """
    return apply(el.ATan2(), *real_pair(input, other))


def hypot(input: Any, other: Any) -> Any:
    """sqrt(input^2 + other^2), without overflow.

    >>> import engine
    >>> engine.hypot(engine.tensor(3.0), engine.tensor(4.0))
    tensor(5.)
    """
    return apply(el.Hypot(), *real_pair(input, other))


def logaddexp(input: Any, other: Any) -> Any:
    """log(exp(input) + exp(other)), without overflow.

    >>> import engine
    >>> engine.logaddexp(engine.tensor(1000.0), engine.tensor(1000.0))
    tensor(1000.6932)
    """
    return apply(el.LogAdd("logaddexp"), *real_pair(input, other))


def logaddexp2(input: Any, other: Any) -> Any:
    """log2(2^input + 2^other), without overflow.

    >>> import engine
    >>> engine.logaddexp2(engine.tensor(3.0), engine.tensor(3.0))
    tensor(4.)
    """
    return apply(el.LogAdd("logaddexp2"), *real_pair(input, other))


def nextafter(input: Any, other: Any) -> Any:
    """The next number that the dtype has from input towards other.

    >>> import engine
    >>> engine.nextafter(engine.tensor(1.0), engine.tensor(2.0)).item()
    1.0000001192092896
    """
    return apply(el.WholePair("nextafter"), *real_pair(input, other))


def remainder(input: Any, other: Any) -> Any:
    """What is left of input after whole times other, with the sign of other: input - other * floor(input / other).

    >>> import engine
    >>> engine.remainder(engine.tensor([-3.0, 5.0]), 2), engine.fmod(engine.tensor([-3.0, 5.0]), 2)
    (tensor([1., 1.]), tensor([-1.,  1.]))
    """
    return apply(el.Modulo("remainder"), *pair(input, other))


def fmod(input: Any, other: Any) -> Any:
    """What is left of input after whole times other, with the sign of input: input - other * trunc(input / other).

    >>> import engine
    >>> engine.fmod(engine.tensor([-3.0, 5.0]), 2)
    tensor([-1.,  1.])
    """
    return apply(el.Modulo("fmod"), *pair(input, other))


def floor_divide(input: Any, other: Any) -> Any:
    """input / other, rounded down.

    >>> import engine
    >>> engine.floor_divide(engine.tensor([-3, 5]), 2)
    tensor([-2,  2])
    """
    a, b = pair(input, other)
    return a // b


def true_divide(input: Any, other: Any) -> Any:
    """input / other as real numbers.

    >>> import engine
    >>> engine.true_divide(engine.tensor([1, 2]), 4)
    tensor([0.2500, 0.5000])
    """
    return input / other


def float_power(input: Any, exponent: Any) -> Any:
    """input ** exponent in float64; either may be a number.

    >>> import engine
    >>> engine.float_power(engine.tensor([2, 3]), -1)
    tensor([0.5000, 0.3333], dtype=float64)
    """
    base, power = (cast(x, float64) if isinstance(x, Core) else float(x) for x in (input, exponent))
    return base**power


def ldexp(input: Any, other: Any) -> Any:
    """input * 2^other

    >>> import engine
    >>> engine.ldexp(engine.tensor([1.5]), engine.tensor([3]))
    tensor([12.])
    """
    return input * 2.0 ** real(other)


def trunc(input: Any) -> Any:
    """The next whole number towards 0.

    >>> import engine
    >>> engine.trunc(engine.tensor([-1.7, 1.7]))
    tensor([-1.,  1.])
    """
    refuse_truths("trunc", input.dtype, "use it as it is")
    return apply(el.Trunc(), input) if input.dtype.kind == "f" else input.clone()


def frac(input: Any) -> Any:
    """x - trunc(x)

    >>> import engine
    >>> engine.frac(engine.tensor([-1.75, 1.75]))
    tensor([-0.7500,  0.7500])
    """
    require_float("frac", input.dtype)
    return input - trunc(input)


def positive(input: Any) -> Any:
    """x itself.

    >>> import engine
    >>> engine.positive(engine.tensor([-1, 2]))
    tensor([-1,  2])
    """
    refuse_truths("positive", input.dtype, "use it as it is")
    return input


def sgn(input: Any) -> Any:
    """-1, 0 or 1: the sign of the input.

    >>> import engine
    >>> engine.sgn(engine.tensor([-3.0, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """
    return input.sign()


def signbit(input: Any) -> Any:
    """Whether the sign is a minus, also that of -0.

    >>> import engine
    >>> engine.signbit(engine.tensor([-1.0, -0.0, 0.0]))
    tensor([ True,  True, False])
    """
    return apply(ew.Test("signbit"), input) if input.dtype.kind == "f" else input < 0


def isposinf(input: Any) -> Any:
    """Where the value is infinity.

    >>> import engine
    >>> engine.isposinf(engine.tensor([1.0, engine.inf]))
    tensor([False,  True])
    """
    return real(input) == inf


def isneginf(input: Any) -> Any:
    """Where the value is -infinity.

    >>> import engine
    >>> engine.isneginf(engine.tensor([1.0, -engine.inf]))
    tensor([False,  True])
    """
    return real(input) == -inf


def isreal(input: Any) -> Any:
    """Whether the value is a real number: always.

    >>> import engine
    >>> engine.isreal(engine.tensor([1.0, engine.nan]))
    tensor([True, True])
    """
    return input == input if input.dtype.kind != "f" else (input == input) | True


def copysign(input: Any, other: Any) -> Any:
    """|input| with the sign of other.

    >>> import engine
    >>> engine.copysign(engine.tensor([1.0, -2.0]), engine.tensor([-5.0, 5.0]))
    tensor([-1.,  2.])
    """
    return apply(el.CopySign(), *real_pair(input, other))


def choose(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, b elsewhere; either may be a number."""
    if not isinstance(a, Core):
        a, b = cast(full_like(b, a), b.dtype), b
    return a.where(condition, b)


def heaviside(input: Any, values: Any) -> Any:
    """0 where x < 0, 1 where x > 0, values where x = 0.

    >>> import engine
    >>> engine.heaviside(engine.tensor([-1.0, 0.0, 2.0]), engine.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    a, b = meet(input, values)
    return choose(a == 0, b, cast(a > 0, a.dtype)).detach()


def deg2rad(input: Any) -> Any:
    """Degrees as radians: input * pi / 180.

    >>> import engine
    >>> engine.deg2rad(engine.tensor([0.0, 180.0]))
    tensor([0.0000, 3.1416])
    """
    return real(input) * (pi / 180)


def rad2deg(input: Any) -> Any:
    """Radians as degrees: input * 180 / pi.

    >>> import engine
    >>> engine.rad2deg(engine.tensor([0.0, engine.pi]))
    tensor([  0., 180.])
    """
    return real(input) * (180 / pi)


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight (end - input), exact at both ends.

    >>> import engine
    >>> engine.lerp(engine.tensor([0.0, 10.0]), engine.tensor([1.0, 20.0]), 0.5)
    tensor([ 0.5000, 15.0000])
    """
    step = end - input
    if not isinstance(weight, Core):
        return input + step * weight if abs(weight) < 0.5 else end - step * (1 - weight)
    near = weight.abs() < 0.5
    return choose(near, input + step * weight, end - step * (1 - weight))


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value * tensor1 * tensor2

    >>> import engine
    >>> engine.addcmul(engine.tensor([1.0]), engine.tensor([2.0]), engine.tensor([3.0]), value=0.5)
    tensor([4.])
    """
    return input + tensor1 * tensor2 * value


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value * tensor1 / tensor2

    >>> import engine
    >>> engine.addcdiv(engine.tensor([1.0]), engine.tensor([2.0]), engine.tensor([4.0]))
    tensor([1.5000])
    """
    if tensor1.dtype.kind != "f" and tensor2.dtype.kind != "f":
        raise TypeMismatch("addcdiv", got=f"{tensor1.dtype} is divided by {tensor2.dtype}", expected="real numbers",
                           mend="call .float() on one of them")  # fmt: skip
    return input + tensor1 / tensor2 * value


def clamp_min(input: Any, min: Any) -> Any:
    """x, no less than min.

    >>> import engine
    >>> engine.clamp_min(engine.tensor([-1.0, 2.0]), 0)
    tensor([0., 2.])
    """
    return input.clamp(min=min)


def clamp_max(input: Any, max: Any) -> Any:
    """x, no more than max.

    >>> import engine
    >>> engine.clamp_max(engine.tensor([-1.0, 2.0]), 0)
    tensor([-1.,  0.])
    """
    return input.clamp(max=max)


def fmax(input: Any, other: Any) -> Any:
    """The greater of input and other; where one is not a number, the other one.

    >>> import engine
    >>> engine.fmax(engine.tensor([1.0, engine.nan]), engine.tensor([3.0, 2.0]))
    tensor([3., 2.])
    """
    a, b = pair(input, other)
    return choose(((a >= b) | isnan(b)), a, b)


def fmin(input: Any, other: Any) -> Any:
    """The smaller of input and other; where one is not a number, the other one.

    >>> import engine
    >>> engine.fmin(engine.tensor([1.0, engine.nan]), engine.tensor([3.0, 2.0]))
    tensor([1., 2.])
    """
    a, b = pair(input, other)
    return choose(((a <= b) | isnan(b)), a, b)


def isnan(input: Any) -> Any:
    """Where there is no number."""
    return input != input


def nan_to_num(input: Any, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """Numbers in place of what is none, and in place of infinity.

    Args:
        nan: in place of what is no number.
        posinf, neginf: in place of infinity; the greatest and the least number of the dtype where absent.

    >>> import engine
    >>> engine.nan_to_num(engine.tensor([engine.nan, 2.0, engine.inf]), posinf=9.0)
    tensor([0., 2., 9.])
    """
    if input.dtype.kind != "f":
        return input.clone()
    limits = np.finfo(input.dtype)
    out = choose(isnan(input), 0.0 if nan is None else nan, input)
    out = choose(input == inf, float(limits.max) if posinf is None else posinf, out)
    return choose(input == -inf, float(limits.min) if neginf is None else neginf, out)


def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Where |input - other| <= atol + rtol |other|.

    Args:
        equal_nan: whether two that are no number count as equal.

    Raises:
        TypeMismatch: the two differ in dtype.

    >>> import engine
    >>> engine.isclose(engine.tensor([1.0, 2.0]), engine.tensor([1.0, 2.1]))
    tensor([ True, False])
    """
    if input.dtype != other.dtype:
        raise TypeMismatch("isclose", got=f"{input.dtype} is compared with {other.dtype}", expected="one dtype")
    same = input == other
    a, b = (x if x.dtype.kind == "f" else cast(x, get_default_dtype()) for x in (input.detach(), other.detach()))
    distance = (a - b).abs()
    out = same | ((distance <= b.abs() * rtol + atol) & distance.isfinite())
    return out | (isnan(input) & isnan(other)) if equal_nan else out
