"""Functions of one number as instructions that work on whole vectors.

Polynomials are near-minimax fits of the relative error, evaluated by Horner's rule with fused multiply-adds. Relative
errors stay under 2e-7; infinities, NaN, zeros and denormal numbers come out as in C's <math.h>.
"""

from __future__ import annotations

import math

import llvmlite.ir as ir

from engine.kernels.cpu.host import host
from engine.kernels.cpu.values import I32, Value

LOG2E = 1 / math.log(2)
LN2_HIGH, LN2_LOW = 355 / 512, math.log(2) - 355 / 512  # n times the high part is exact for all exponents n
EXP = (0.49999993411977817, 0.16666520102727742, 0.041668394315868884, 0.00836878088387469, 0.0013814462047833458)
LOG = (0.33333331712269665, -0.2500082108422709, 0.2000122639796095, -0.1662335537104118, 0.14201768230978826,
       -0.13160211317327114, 0.12761515925147407, -0.07634344130069125)  # fmt: skip
TANH = (-0.33333259842146806, 0.13330830222837403, -0.05368801489850009, 0.020469397763840432, -0.005515143074224639)
ERF = (0.12837914828223015, -0.376124850677663, 0.11281724415044878, -0.02676324506676873, 0.004988182173952493,
       -0.0005965163168223506)  # fmt: skip
LOG_ERFC = (-1.1286484950110616, -0.6351512960056453, -0.10623691319869713, 0.02376209511595262,
            -0.003642475004472217, 0.0003228079708830196, -1.1231735162011243e-05)  # fmt: skip
SQRT_HALF_BITS = 0x3F3504F3


def polynomial(x: Value, coefficients: tuple[float, ...]) -> Value:
    """c0 + c1 x + c2 x² + ..."""
    result = x.code.like(coefficients[-1], x)
    for coefficient in reversed(coefficients[:-1]):
        result = x.code.fma(result, x, coefficient)
    return result


def absolute(x: Value) -> Value:
    return x.code.intrinsic("fabs", x)


def sqrt(x: Value) -> Value:
    return x.code.intrinsic("sqrt", x)


def exp(x: Value) -> Value:
    """eˣ = 2ⁿ eʳ with x = n ln 2 + r; the power of two is put on in two halves, so that denormals come out right."""
    code = x.code
    clamped = code.select(x > -104.0, x, -104.0)  # NaN is clamped too, and put back at the end
    clamped = code.select(clamped < 89.0, clamped, 89.0)
    n = code.intrinsic("rint", clamped * LOG2E)
    r = code.fma(n, -LN2_LOW, code.fma(n, -LN2_HIGH, clamped))
    power = code.fma(r * r, polynomial(r, EXP), r) + 1.0
    whole = code.to_int(n)
    half = Value(code, code.ir.ashr(whole.ir, code.like(1, whole).ir))
    result = power * _power_of_two(half) * _power_of_two(whole - half)
    return code.select(is_nan(x), x, result)


def exp_negative(x: Value) -> Value:
    """eˣ for x <= 0, and 0 below -86.5, where it would leave the normal numbers; half the work of `exp`."""
    code = x.code
    result = _exp_within(code.select(x > -86.5, x, -86.5))
    return code.select(is_nan(x), x, code.select(x < -86.5, code.like(0.0, x), result))


def _exp_within(x: Value) -> Value:
    """eˣ for -86.5 <= x <= 88"""
    code = x.code
    n = code.intrinsic("rint", x * LOG2E)
    r = code.fma(n, -LN2_LOW, code.fma(n, -LN2_HIGH, x))
    power = code.fma(r * r, polynomial(r, EXP), r) + 1.0
    return code.bitcast(code.bitcast(power, I32) + (code.to_int(n) << 23), ir.FloatType())


def expm1_negative(x: Value) -> Value:
    """eˣ - 1 for x <= 0 without cancellation near 0, as ELU needs it: 2 t / (1 - t) with t = tanh(x / 2)."""
    half = tanh(x * 0.5)
    return x.code.select(x > -1.0, half * 2.0 / (1.0 - half), exp(x) - 1.0)


def log(x: Value) -> Value:
    """ln x = k ln 2 + ln m with x = 2ᵏ m, m between √½ and √2."""
    code = x.code
    denormal = x < 1.17549435e-38
    scaled = code.select(denormal, x * 8388608.0, x)
    bits = code.bitcast(scaled, I32) - SQRT_HALF_BITS
    k = Value(code, code.ir.ashr(bits.ir, code.like(23, bits).ir))
    m = code.bitcast((bits & 0x7FFFFF) + SQRT_HALF_BITS, ir.FloatType())
    exponent = code.to_float(k) - code.select(denormal, code.like(23.0, x), 0.0)
    f = m - 1.0
    square = f * f
    tail = code.fma(square * f, polynomial(f, LOG), code.fma(exponent, LN2_LOW, square * -0.5))
    result = code.fma(exponent, LN2_HIGH, f + tail)
    result = code.select(x.equals(math.inf), x, result)
    result = code.select(x.equals(0.0), code.like(-math.inf, x), result)
    return code.select(x >= 0.0, result, code.like(math.nan, x))


def log1p(x: Value) -> Value:
    """ln(1 + x): the rounding of 1 + x is made up for (W. Kahan)."""
    code = x.code
    u = x + 1.0
    corrected = log(u) * (x / (u - 1.0))
    result = code.select(u.equals(1.0), x, corrected)
    return code.select(u.equals(math.inf), u, result)


def tanh(x: Value) -> Value:
    """A polynomial near 0; 1 - 2 / (e²ˣ + 1) with x's sign further out."""
    code = x.code
    size = absolute(x)
    square = size * size
    near = code.fma(size * square, polynomial(square, TANH), size)
    far = 1.0 - quotient(code.like(2.0, x), _exp_within(code.minimum(size, 10.0) * 2.0) + 1.0)
    result = copy_sign(code.select(size < 0.64, near, far), x)
    return code.select(is_nan(x), x, result)


def sigmoid(x: Value) -> Value:
    """1 / (1 + e⁻ˣ), from e to the power of -|x| so that small results keep their digits."""
    code = x.code
    small = exp(-absolute(x))
    return quotient(code.select(x < 0.0, small, code.like(1.0, x)), small + 1.0)


def logistic(x: Value) -> Value:
    """1 / (1 + e⁻ˣ), but never below e^-86.5: what gates need, with half the work of `sigmoid`."""
    code = x.code
    bounded = code.maximum(code.minimum(x, 86.5), -86.5)
    return code.select(is_nan(x), x, quotient(code.like(1.0, x), _exp_within(-bounded) + 1.0))


def quotient(a: Value, b: Value) -> Value:
    """a / b for b from 2^-60 to 2^126 in size, from an estimate and two corrections: division itself takes longer."""
    code = a.code
    guess = estimate(b, "rcp")
    if guess is None:
        return a / b
    guess = guess * code.fma(-b, guess, 2.0)
    result = a * guess
    return code.fma(code.fma(-b, result, a), guess, result)


def softplus(x: Value) -> Value:
    """ln(1 + eˣ) = max(x, 0) + ln(1 + e⁻|ˣ|)"""
    return x.code.maximum(x, 0.0) + log1p(exp(-absolute(x)))


def erf(x: Value) -> Value:
    """A polynomial near 0; 1 - eᵖ⁽ˣ⁾ further out."""
    code = x.code
    size = absolute(x)
    near = code.fma(size, polynomial(size * size, ERF), size)
    limited = code.minimum(size, 3.95)
    far = 1.0 - exp(limited * polynomial(limited, LOG_ERFC))
    far = code.select(is_nan(x), x, far)
    return copy_sign(code.select(size < 0.9275, near, far), x)


def gelu(x: Value) -> Value:
    """x Φ(x), Φ the normal distribution function."""
    return x * 0.5 * (erf(x * math.sqrt(0.5)) + 1.0)


def gelu_slope(x: Value) -> Value:
    """Φ(x) + x φ(x)"""
    density = exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    return x.code.fma(x, density, (erf(x * math.sqrt(0.5)) + 1.0) * 0.5)


def ratio_to_root(x: Value, square: Value, least: Value) -> Value:
    """x / (√square + least), square from 0 to the largest number and least > 0, to two units in the last place.

    Estimates of the processor with one step of Newton's method each: root and quotient themselves take five times as
    long, longer than memory takes to bring the numbers.
    """
    code = x.code
    if estimate(square, "rsqrt") is None:
        return x / (sqrt(square) + least)
    bounded = code.select(square < 1e-37, code.like(1e-37, square), square)  # neither bound takes a NaN away
    bounded = code.select(bounded > 3e38, code.like(3e38, square), bounded)
    guess = estimate(bounded, "rsqrt")
    root = bounded * guess
    divisor = code.fma(root * 0.5, code.fma(-root, guess, 1.0), root + least)
    quotient = estimate(divisor, "rcp")
    return x * (quotient * code.fma(-divisor, quotient, 2.0))


def estimate(x: Value, what: str) -> Value | None:
    """The processor's estimate of 1 / x ("rcp") or 1 / √x ("rsqrt"); None where it has none for such a vector."""
    code = x.code
    if not host().is_x86 or x.lanes not in (8, 16) or x.lanes > host().lanes:
        return None
    if x.lanes == 16:
        mask = ir.IntType(16)
        function = code.declare(f"llvm.x86.avx512.{what}14.ps.512", x.type, [x.type, x.type, mask])
        return Value(code, code.ir.call(function, [x.ir, x.ir, ir.Constant(mask, 0xFFFF)]))
    function = code.declare(f"llvm.x86.avx.{what}.ps.256", x.type, [x.type])
    return Value(code, code.ir.call(function, [x.ir]))


def is_nan(x: Value) -> Value:
    return x.differs(x)


def copy_sign(x: Value, sign: Value) -> Value:
    return x.code.intrinsic("copysign", x, sign)


def _power_of_two(n: Value) -> Value:
    """2ⁿ for -126 <= n <= 127"""
    return n.code.bitcast((n + 127) << 23, ir.FloatType())
