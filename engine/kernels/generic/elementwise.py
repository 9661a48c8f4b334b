"""Kernels that work on each element by itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import pi, sqrt
from typing import Any

UFUNCS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "div": "true_divide", "pow": "power", "neg": "negative",
    "floor_divide": "floor_divide", "remainder": "remainder", "exp": "exp", "log": "log", "log1p": "log1p",
    "expm1": "expm1", "sqrt": "sqrt", "square": "square", "abs": "absolute", "sign": "sign", "floor": "floor",
    "ceil": "ceil", "round": "rint", "sin": "sin", "cos": "cos", "tan": "tan", "tanh": "tanh",
    "maximum": "maximum", "minimum": "minimum", "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal",
    "gt": "greater", "ge": "greater_equal", "logical_and": "logical_and", "logical_or": "logical_or",
    "logical_xor": "logical_xor", "logical_not": "logical_not", "isnan": "isnan", "isfinite": "isfinite",
    "isinf": "isinf", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "sinh": "sinh", "cosh": "cosh",
    "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "exp2": "exp2", "log2": "log2", "log10": "log10",
    "trunc": "trunc", "signbit": "signbit", "atan2": "arctan2", "hypot": "hypot", "fmod": "fmod",
    "logaddexp": "logaddexp", "logaddexp2": "logaddexp2", "copysign": "copysign", "nextafter": "nextafter",
    "bitwise_and": "bitwise_and", "bitwise_or": "bitwise_or", "bitwise_xor": "bitwise_xor", "bitwise_not": "invert",
    "left_shift": "left_shift", "right_shift": "right_shift", "gcd": "gcd", "lcm": "lcm",
}  # fmt: skip
"""Kernels that are one function of the array module: kernel -> function."""

# erf(x) = x P(x^2) / Q(x^2) for float32, |x| < 3.8325 (the minimax fit that Eigen and XLA use)
_P32 = (0.00022905065861350646, 0.0034082910107109506, 0.050955695062380861, 0.18520832239976145, 1.128379143519084)
_Q32 = (-1.1791602954361697e-7, 0.000023547966471313185, 0.0010179625278914885, 0.014070470171167667,
        0.11098505178285362, 0.49746925110067538, 1.0)  # fmt: skip
# float64, from the Cephes library (Moshier): |x| < 1 by x T(x^2) / U(x^2), beyond by 1 - exp(-x^2) P(|x|) / Q(|x|)
_T64 = (9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3, 7.00332514112805075473e3,
        5.55923013010394962768e4)  # fmt: skip
_U64 = (1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3, 2.26290000613890934246e4,
        4.92673942608635921086e4)  # fmt: skip
_P64 = (2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0, 4.86371970985681366614e1,
        1.96520832956077098242e2, 5.26445194995477358631e2, 9.34528527171957607540e2, 1.02755188689515710272e3,
        5.57535335369399327526e2)  # fmt: skip
_Q64 = (1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2, 9.75708501743205489753e2,
        1.82390916687909736289e3, 2.24633760818710981792e3, 1.65666309194161350182e3,
        5.57535340817727675546e2)  # fmt: skip


def polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    """Horner's rule, highest power first."""
    value = x * coefficients[0]
    value += coefficients[1]
    for c in coefficients[2:]:
        value *= x
        value += c
    return value


def in_single(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Let a kernel compute float16 in float32: steps in between would overflow, or lose all digits."""

    @wraps(kernel)
    def call(self: Any, *arrays: Any) -> Any:
        if arrays[-1].dtype.itemsize > 2:
            return kernel(self, *arrays)
        return kernel(self, *(a.astype(self.xp.float32) for a in arrays)).astype(arrays[-1].dtype)

    return call


class Elementwise:
    """Activations and their gradients, choice and clipping."""

    xp: Any

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        return self.xp.where(condition, a, b)

    def clip(self, x: Any, low: float | None, high: float | None, out: Any = None) -> Any:
        return self.xp.clip(x, low, high, out=out)

    def between(self, x: Any, low: float | None, high: float | None) -> Any:
        """Whether low <= x <= high."""
        inside = self.xp.ones(x.shape, bool) if low is None else x >= low
        return inside if high is None else inside & (x <= high)

    def astype(self, x: Any, dtype: Any) -> Any:
        return x.astype(dtype)

    def relu(self, x: Any) -> Any:
        return self.xp.maximum(x, 0)

    def relu_backward(self, grad: Any, out: Any) -> Any:
        return grad * (out > 0)

    def leaky_relu(self, x: Any, slope: float) -> Any:
        return self.xp.where(x > 0, x, x * slope)

    def leaky_relu_backward(self, grad: Any, x: Any, slope: float) -> Any:
        return self.xp.where(x > 0, grad, grad * slope)

    def sigmoid(self, x: Any) -> Any:
        value = self.xp.exp(-x)  # infinite far below, where the result is 0
        value += 1
        return 1 / value

    def sigmoid_backward(self, grad: Any, out: Any) -> Any:
        value = 1 - out
        value *= out
        value *= grad
        return value

    def tanh_backward(self, grad: Any, out: Any) -> Any:
        value = out * out
        value = 1 - value
        value *= grad
        return value

    def silu(self, x: Any) -> Any:
        return x * self.sigmoid(x)

    def silu_backward(self, grad: Any, x: Any) -> Any:
        # d/dx x s(x) = s + x s (1 - s)
        s = self.sigmoid(x)
        return grad * (s * (1 + x * (1 - s)))

    def erf(self, x: Any) -> Any:
        """The error function 2/sqrt(pi) * integral of exp(-t^2) from 0 to x."""
        if x.dtype.itemsize < 8:
            x = self.xp.clip(x, -3.832506856900711, 3.832506856900711)
            square = x * x
            return x * (polynomial(square, _P32) / polynomial(square, _Q32))
        size = self.xp.minimum(self.xp.abs(x), 6.0)  # from 6 on erf is 1 to the last digit
        square = size * size
        inner = x * (polynomial(square, _T64) / polynomial(square, _U64))
        outer = 1 - self.xp.exp(-square) * (polynomial(size, _P64) / polynomial(size, _Q64))
        return self.xp.where(size < 1, inner, self.xp.sign(x) * outer)

    @in_single
    def gelu(self, x: Any) -> Any:
        return 0.5 * x * (1 + self.erf(x * sqrt(0.5)))

    @in_single
    def gelu_backward(self, grad: Any, x: Any) -> Any:
        # d/dx x F(x) = F(x) + x f(x), F and f the normal distribution and its density
        density = self.xp.exp(x * x * -0.5) * (1 / sqrt(2 * pi))
        return grad * (0.5 * (1 + self.erf(x * sqrt(0.5))) + x * density)

    @in_single
    def gelu_tanh(self, x: Any) -> Any:
        return 0.5 * x * (1 + self.xp.tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)))

    @in_single
    def gelu_tanh_backward(self, grad: Any, x: Any) -> Any:
        square = x * x
        t = self.xp.tanh(sqrt(2 / pi) * (x + 0.044715 * square * x))
        slope = sqrt(2 / pi) * (1 + 3 * 0.044715 * square)
        return grad * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)

    @in_single
    def hardswish(self, x: Any) -> Any:
        return x * self.xp.clip(x + 3, 0, 6) / 6

    def hardswish_backward(self, grad: Any, x: Any) -> Any:
        return grad * self.xp.where(x <= -3, 0, self.xp.where(x < 3, x / 3 + 0.5, 1))

    def softplus(self, x: Any) -> Any:
        """log(1 + exp(x)), without overflow."""
        return self.xp.maximum(x, 0) + self.xp.log1p(self.xp.exp(-self.xp.abs(x)))

    def bernoulli(self, generator: Any, like: Any, keep: float) -> Any:
        """A mask of the shape of `like`, each element 1 / keep with probability keep, otherwise 0."""
        mask = generator.uniform(like.shape) < keep
        return self.xp.asarray(mask) * like.dtype.type(1 / keep if keep else 0)

    def normal(self, generator: Any, shape: tuple[int, ...], dtype: Any) -> Any:
        """Standard normal numbers."""
        return self.xp.asarray(generator.normal(shape, dtype), dtype)

    def uniform(self, generator: Any, shape: tuple[int, ...], dtype: Any) -> Any:
        """Numbers evenly between 0 and 1, without the 1."""
        return self.xp.asarray(generator.uniform(shape, dtype), dtype)

    def integers(self, generator: Any, low: int, high: int, shape: tuple[int, ...], dtype: Any) -> Any:
        """Whole numbers from low to high - 1."""
        return self.xp.asarray(generator.integers(low, high, shape), dtype)

    def permutation(self, generator: Any, count: int, dtype: Any) -> Any:
        """The numbers 0 to count - 1, shuffled."""
        return self.xp.asarray(generator.permutation(count), dtype)
