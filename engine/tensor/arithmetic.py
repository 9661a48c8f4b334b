"""Operators and functions of single elements."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np

from engine.errors import TypeMismatch
from engine.ops import activation as act
from engine.ops import arithmetic as ar
from engine.ops import elementary as el
from engine.ops import elementwise as ew
from engine.ops.products import MatMul, caster
from engine.tensor.promotion import get_default_dtype, int64, require_fit, result_dtype, with_scalar, wrapped
from engine.tensor.tape import Core, apply, wrap

ADD, SUB, MUL, DIV, POW = ar.Add(), ar.Sub(), ar.Mul(), ar.Div(), ar.Pow()
NEG, EXP, LOG, SQRT, ABS = ew.Neg(), ew.Exp(), ew.Log(), ew.Sqrt(), ew.Abs()
REMAINDER = el.Modulo("remainder")
RELU, SIGMOID, TANH, MATMUL = act.ReLU(), act.Sigmoid(), act.Tanh(), MatMul()


def cast(x: Any, dtype: Any) -> Any:
    """x as this dtype, itself where it is that already."""
    return x if x.dtype == dtype else apply(ew.Cast(dtype), x)


def real(x: Any) -> Any:
    """x as real numbers: whole numbers become the default dtype."""
    return x if x.array.dtype.kind == "f" else cast(x, get_default_dtype())


def meet(a: Any, b: Any) -> tuple[Any, Any]:
    """Two tensors in the dtype in which they meet; a number with no axes follows the other to its device."""
    if a.device is not b.device:
        if b.array.ndim == 0 and b.device.type == "cpu":
            b = b.to(a.device)
        elif a.array.ndim == 0 and a.device.type == "cpu":
            a = a.to(b.device)
    if a.array.dtype == b.array.dtype:
        return a, b
    dtype = result_dtype(a.array, b.array)
    return cast(a, dtype), cast(b, dtype)


def number(value: Any) -> Any:
    """A Python number; NumPy's own count as Python's, so that they are weak too."""
    if type(value) in (int, float, bool):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Number) and not isinstance(value, complex):
        return value
    raise TypeMismatch("arithmetic", got=f"a {type(value).__name__} came", expected="a tensor or a number")


def full_like(x: Any, value: Any) -> Any:
    """A Python number as a tensor with no axes, of the dtype that it has beside x."""
    dtype = with_scalar(x.array.dtype, value)
    require_fit("a number beside a tensor", dtype, value)
    value = wrapped(dtype, value)
    if x.device.is_meta:
        from engine.ops.base import Spec

        return wrap(Spec((), dtype), x.device)
    return wrap(x.device.asarray(value, dtype), x.device)


def operand(x: Any, other: Any) -> Any:
    """What stands on the other side, as a tensor."""
    return other if isinstance(other, Core) else full_like(x, number(other))


def result_dtype_of(x: Any, other: Any) -> Any:
    """The dtype in which a tensor meets another or a number."""
    return result_dtype(x.array, other.array) if isinstance(other, Core) else with_scalar(x.array.dtype, other)


def scaled(where: str, x: Any, other: Any, alpha: Any) -> Any:
    """other * alpha, which must not make real numbers of whole ones."""
    if isinstance(alpha, float) and result_dtype_of(x, other).kind != "f":
        raise TypeMismatch(where, got=f"alpha is {alpha} for whole numbers", expected="a whole number",
                           mend="call .float() on the tensor")  # fmt: skip
    return other * alpha


def described(name: str, text: str, values: str, result: str) -> str:
    """The docstring of a function that is made from a table: what it is, and an example.

    >>> described("exp", "e^x", "0.0", "1.").splitlines()[3:5]
    ['    >>> engine.exp(engine.tensor(0.0))', '    tensor(1.)']
    """
    called = ", ".join(f"engine.tensor({value})" for value in values.split(", "))
    return f"{text}\n\n    >>> import engine\n    >>> engine.{name}({called})\n    tensor({result})\n    "


def _arithmetic(op: Any, scalar_op: Any, sign: int = 1) -> Any:
    def method(self: Any, other: Any) -> Any:
        if isinstance(other, Core):
            if self.array.dtype == other.array.dtype and self.device is other.device:
                return apply(op, self, other)
            return apply(op, *meet(self, other))
        if not isinstance(other, Number | np.generic):
            return NotImplemented
        value = number(other)
        dtype = with_scalar(self.array.dtype, value)
        value = value if sign > 0 else -value
        return apply(scalar_op(wrapped(dtype, value)), cast(self, dtype))

    return method


def _comparison(kind: str, sign: str, example: str) -> Any:
    op = ar.Compare(kind)

    def method(self: Any, other: Any) -> Any:
        if isinstance(other, Core):
            return apply(op, *meet(self, other))
        if not isinstance(other, Number | np.generic):
            return NotImplemented
        return apply(ar.CompareScalar(kind, number(other)), self)

    method.__doc__ = described(kind, f"Where self {sign} other, which may be a number.", "2.0, 3.0", example)
    return method


def _function(op: Any, name: str, text: str, *example: str, floats: bool = True) -> Any:
    def method(self: Any) -> Any:
        return apply(op, real(self) if floats else self)

    method.__doc__ = described(name, text, *example)
    return method


def _step(op: Any, name: str, *example: str) -> Any:
    """floor, ceil and round, which leave whole numbers as they are."""

    def method(self: Any) -> Any:
        return apply(op, self) if self.array.dtype.kind == "f" else self.clone()

    method.__doc__ = described(name, f"{op.__doc__}.", *example)
    return method


def _clamped(x: Any, low: Any, high: Any) -> Any:
    """x between limits that are tensors or numbers; the gradient goes to x up to the limits, beyond to these."""
    for limit, beyond in ((low, "lt"), (high, "gt")):
        if limit is not None:
            x, limit = meet(x, operand(x, limit))
            out = getattr(x, beyond)(limit) | (limit != limit)
            x = apply(ar.Where(), out, limit, x)
    return x


def _bit_operands(sign: str, *sides: Any) -> tuple[Any, ...]:
    for side in sides:
        if side.dtype.kind == "f":
            raise TypeMismatch("&, | and ~" if sign in "&|^~" else sign, got=f"the values are {side.dtype}",
                               expected="bool", mend="compare first, for instance x > 0")  # fmt: skip
    return sides


def _bits(sign: str, truths: str, kernel: str) -> Any:
    """An operator of truth values, or bit by bit of whole numbers."""

    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, Core | Number | np.generic):
            return NotImplemented
        sides = _bit_operands(sign, self, operand(self, other))
        a, b = meet(*sides)
        if a.array.dtype.kind == "b" and truths:
            return apply(ar.Compare(truths), a, b)
        return apply(el.WholePair(kernel), a, b)

    return method


class Arithmetic:
    """The operators of a tensor, and its functions of single elements."""

    array: Any
    device: Any

    __add__ = __radd__ = _arithmetic(ADD, ar.AddScalar)
    __mul__ = __rmul__ = _arithmetic(MUL, ar.Scale)
    __sub__ = _arithmetic(SUB, ar.AddScalar, sign=-1)
    __rsub__ = _arithmetic(None, ar.RSubScalar)

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, Core):
            a, b = meet(self, other)
            return apply(DIV, real(a), real(b))
        if not isinstance(other, Number | np.generic):
            return NotImplemented
        return apply(ar.DivScalar(number(other)), real(self))

    def __rtruediv__(self, other: Any) -> Any:
        return apply(ar.RDivScalar(number(other)), real(self))

    def __floordiv__(self, other: Any) -> Any:
        return apply(ar.Division("floor_divide"), *meet(*self._beside(other)))

    def __mod__(self, other: Any) -> Any:
        return apply(REMAINDER, *meet(*self._beside(other)))

    def __rfloordiv__(self, other: Any) -> Any:
        return full_like(self, wrapped(self.dtype, number(other))) // self

    def __rmod__(self, other: Any) -> Any:
        return full_like(self, wrapped(self.dtype, number(other))) % self

    def __pow__(self, other: Any) -> Any:
        if isinstance(other, Core):
            return apply(POW, *meet(self, other))
        value = number(other)
        require_fit("pow", self.array.dtype, value)
        return apply(ar.PowScalar(value), cast(self, with_scalar(self.array.dtype, value)))

    def __rpow__(self, other: Any) -> Any:
        value = number(other)
        dtype = with_scalar(self.array.dtype, value)
        return apply(ar.RPowScalar(wrapped(dtype, value)), cast(self, dtype))

    def _beside(self, other: Any) -> tuple[Any, Any]:
        """self and a number as two tensors of one dtype."""
        if isinstance(other, Core):
            return self, other
        other = full_like(self, wrapped(self.dtype, number(other)))
        return cast(self, other.dtype), other

    __eq__ = _comparison("eq", "==", "False")
    __ne__ = _comparison("ne", "!=", "True")
    __lt__ = _comparison("lt", "<", "True")
    __le__ = _comparison("le", "<=", "True")
    __gt__ = _comparison("gt", ">", "False")
    __ge__ = _comparison("ge", ">=", "False")
    eq, ne, lt, le, gt, ge = __eq__, __ne__, __lt__, __le__, __gt__, __ge__
    __hash__ = object.__hash__

    __neg__ = neg = _function(NEG, "neg", "-x", "2.0", "-2.", floats=False)

    def abs(self) -> Any:
        """|x|; the gradient at 0 is 0.

        >>> import engine
        >>> engine.tensor([-1.5, 2.0]).abs()
        tensor([1.5000, 2.0000])
        """
        ew.refuse_truths("abs", self.array.dtype, "use it as it is")
        return apply(ABS, self)

    __abs__ = abs

    def __pos__(self) -> Any:
        return self

    __and__ = __rand__ = _bits("&", "logical_and", "bitwise_and")
    __or__ = __ror__ = _bits("|", "logical_or", "bitwise_or")
    __xor__ = __rxor__ = _bits("^", "logical_xor", "bitwise_xor")
    __lshift__ = _bits("<<", "", "left_shift")
    __rshift__ = _bits(">>", "", "right_shift")

    def __invert__(self) -> Any:
        if self.array.dtype.kind in "iu":
            return apply(el.Whole("bitwise_not"), self)
        return apply(ew.Test("logical_not"), _bit_operands("~", self)[0])

    def logical_and(self, other: Any) -> Any:
        """Whether both self and other are other than 0.

        >>> import engine
        >>> engine.tensor([0, 1, 2]).logical_and(engine.tensor([1, 0, 3]))
        tensor([False, False,  True])
        """
        return apply(ar.Compare("logical_and"), self, other)

    def logical_or(self, other: Any) -> Any:
        """Whether self or other is other than 0.

        >>> import engine
        >>> engine.tensor([0, 1, 0]).logical_or(engine.tensor([1, 0, 0]))
        tensor([ True,  True, False])
        """
        return apply(ar.Compare("logical_or"), self, other)

    def logical_xor(self, other: Any) -> Any:
        """Whether exactly one of self and other is other than 0.

        >>> import engine
        >>> engine.tensor([0, 1, 2]).logical_xor(engine.tensor([1, 0, 3]))
        tensor([ True,  True, False])
        """
        return apply(ar.Compare("logical_xor"), self, other)

    def logical_not(self) -> Any:
        """Whether it is 0.

        >>> import engine
        >>> engine.tensor([0, 2]).logical_not()
        tensor([ True, False])
        """
        return apply(ew.Test("logical_not"), self)

    def isnan(self) -> Any:
        """Where there is no number.

        >>> import engine
        >>> engine.tensor([1.0, engine.nan]).isnan()
        tensor([False,  True])
        """
        return apply(ew.Test("isnan"), real(self))

    def isinf(self) -> Any:
        """Where the value is infinite.

        >>> import engine
        >>> engine.tensor([1.0, -engine.inf]).isinf()
        tensor([False,  True])
        """
        return apply(ew.Test("isinf"), real(self))

    def isfinite(self) -> Any:
        """Where the value is neither infinite nor NaN.

        >>> import engine
        >>> engine.tensor([1.0, engine.inf, engine.nan]).isfinite()
        tensor([ True, False, False])
        """
        return apply(ew.Test("isfinite"), real(self))

    def add(self, other: Any, *, alpha: float = 1) -> Any:
        """self + alpha * other

        >>> import engine
        >>> engine.tensor([1.0, 2.0]).add(engine.tensor([1.0, 1.0]), alpha=10)
        tensor([11., 12.])
        """
        return self + (other if alpha == 1 else scaled("add", self, other, alpha))

    def sub(self, other: Any, *, alpha: float = 1) -> Any:
        """self - alpha * other

        >>> import engine
        >>> engine.tensor([1.0, 2.0]).sub(1)
        tensor([0., 1.])
        """
        return self - (other if alpha == 1 else scaled("sub", self, other, alpha))

    def mul(self, other: Any) -> Any:
        """self * other

        >>> import engine
        >>> engine.tensor([1.0, 2.0]).mul(3)
        tensor([3., 6.])
        """
        return self * other

    def div(self, other: Any, *, rounding_mode: str | None = None) -> Any:
        """self / other; whole numbers give real ones, unless rounded.

        Args:
            rounding_mode: None, "floor" (down) or "trunc" (towards 0).

        >>> import engine
        >>> engine.tensor([-7, 7]).div(2), engine.tensor([-7, 7]).div(2, rounding_mode="trunc")
        (tensor([-3.5000,  3.5000]), tensor([-3,  3]))
        """
        if rounding_mode is None:
            return self / other
        if rounding_mode not in ("floor", "trunc"):
            raise TypeMismatch("div", got=f"rounding_mode is {rounding_mode!r}", expected='None, "floor" or "trunc"')
        if rounding_mode == "floor":
            return self // other
        if result_dtype_of(self, other).kind == "f":
            quotient = self / other
            return quotient.sign() * quotient.abs().floor()
        down = self // other
        return down + ((down < 0) & (down * other != self)).to(down.dtype)

    def pow(self, exponent: Any) -> Any:
        """self ** exponent

        >>> import engine
        >>> engine.tensor([1.0, 2.0]).pow(3)
        tensor([1., 8.])
        """
        return self**exponent

    exp = _function(EXP, "exp", "e^x", "1.0", "2.7183")
    expm1 = _function(ew.Expm1(), "expm1", "e^x - 1, exact near 0.", "1e-10", "1.0000e-10")
    log = _function(
        LOG, "log", "The natural logarithm; log(0) is -infinity, and below 0 there is none.", "10.0", "2.3026"
    )
    log1p = _function(ew.Log1p(), "log1p", "log(1 + x), exact near 0.", "1e-10", "1.0000e-10")
    sqrt = _function(SQRT, "sqrt", "The square root; there is none below 0.", "9.0", "3.")
    sin = _function(ew.Sin(), "sin", "The sine of x in radians.", "1.0", "0.8415")
    cos = _function(ew.Cos(), "cos", "The cosine of x in radians.", "1.0", "0.5403")
    erf = _function(
        ew.Erf(), "erf", "The error function: 2 / sqrt(pi) times the integral of e^-t² from 0 to x.", "1.0", "0.8427"
    )
    sigmoid = _function(SIGMOID, "sigmoid", "1 / (1 + e^-x)", "2.0", "0.8808")
    tanh = _function(TANH, "tanh", "(e^x - e^-x) / (e^x + e^-x)", "1.0", "0.7616")
    relu = _function(RELU, "relu", "max(x, 0)", "-2.0", "0.", floats=False)

    def sign(self) -> Any:
        """-1, 0 or 1

        >>> import engine
        >>> engine.tensor([-3.0, 0.0, 2.0]).sign()
        tensor([-1.,  0.,  1.])
        """
        return self.clone() if self.array.dtype.kind == "b" else apply(ew.Sign(), self)

    floor = _step(ew.Floor(), "floor", "-1.5", "-2.")
    ceil = _step(ew.Ceil(), "ceil", "-1.5", "-1.")
    _round = _step(ew.Round(), "round", "2.5", "2.")

    def round(self, *, decimals: int = 0) -> Any:
        """To the nearest number of so many decimals, halves to the even one; -2 is to hundreds.

        >>> import engine
        >>> engine.tensor([0.5, 1.5]).round(), engine.tensor([1.25]).round(decimals=1)
        (tensor([0., 2.]), tensor([1.2000]))
        """
        if decimals == 0:
            return self._round()
        ew.require_float("round", self.array.dtype)
        scale = 10.0 ** abs(decimals)
        return (self * scale)._round() / scale if decimals > 0 else (self / scale)._round() * scale

    def rsqrt(self) -> Any:
        """1 / sqrt(x)

        >>> import engine
        >>> engine.tensor([4.0]).rsqrt()
        tensor([0.5000])
        """
        return apply(ar.PowScalar(-0.5), real(self))

    def reciprocal(self) -> Any:
        """1 / x

        >>> import engine
        >>> engine.tensor([4.0]).reciprocal()
        tensor([0.2500])
        """
        return 1 / self

    def square(self) -> Any:
        """x ** 2

        >>> import engine
        >>> engine.tensor([-3.0]).square()
        tensor([9.])
        """
        return self**2

    def clamp(self, min: Any = None, max: Any = None) -> Any:
        """x, no less than min and no more than max, which are numbers or tensors.

        >>> import engine
        >>> engine.tensor([-2.0, 0.5, 9.0]).clamp(0, 1)
        tensor([0.0000, 0.5000, 1.0000])
        """
        if isinstance(min, Core) or isinstance(max, Core):
            return _clamped(self, min, max)
        if min is None and max is None:
            raise TypeMismatch("clamp", got="neither min nor max was given", expected="one of them")
        x = self
        for limit in (min, max):
            require_fit("clamp", self.array.dtype, limit)
            x = x if limit is None else cast(x, with_scalar(x.array.dtype, limit))
        return apply(ew.Clamp(min, max), x)

    clip = clamp

    def maximum(self, other: Any) -> Any:
        """The greater of self and other, element by element.

        >>> import engine
        >>> engine.tensor([1, 5]).maximum(engine.tensor([3, 2]))
        tensor([3, 5])
        """
        return apply(ar.Maximum(), *meet(self, other))

    def minimum(self, other: Any) -> Any:
        """The smaller of self and other, element by element.

        >>> import engine
        >>> engine.tensor([1, 5]).minimum(engine.tensor([3, 2]))
        tensor([1, 2])
        """
        return apply(ar.Minimum(), *meet(self, other))

    def where(self, condition: Any, other: Any) -> Any:
        """self where the condition holds, other elsewhere, which may be a number.

        >>> import engine
        >>> x = engine.tensor([-1.0, 2.0])
        >>> x.where(x > 0, 0.0)
        tensor([0., 2.])
        """
        a, b = meet(*self._beside(other))
        return apply(ar.Where(), condition, a, b)

    def masked_fill(self, mask: Any, value: Any) -> Any:
        """A copy with one value wherever the mask holds.

        >>> import engine
        >>> engine.tensor([1.0, 2.0]).masked_fill(engine.tensor([True, False]), 0)
        tensor([0., 2.])
        """
        fill = value if isinstance(value, Core) else full_like(self, value)
        return apply(ar.Where(), mask, cast(fill, self.dtype), self)

    def matmul(self, other: Any) -> Any:
        """Matrix product with other, batched with broadcasting; a vector is a row on the left, a column on the right.

        Shape:
            (..., M, K), (..., K, N) -> (..., M, N)

        Raises:
            TypeMismatch: the two differ in dtype.
            ShapeError: lengths that do not go together.

        >>> import engine
        >>> engine.tensor([[1.0, 2.0], [3.0, 4.0]]).matmul(engine.tensor([1.0, 1.0]))
        tensor([3., 7.])
        """
        if not isinstance(other, Core):
            raise TypeMismatch("matmul", got=f"a {type(other).__name__} came", expected="a tensor")
        a, b = self, other
        if a.array.dtype != b.array.dtype:
            kept, other = (a, b) if a.dtype.kind == "f" else (b, a)
            raise TypeMismatch("matmul", got=f"{a.dtype} is multiplied with {b.dtype}", expected="one dtype",
                               mend=f"call {caster(kept.dtype)} on the one of {other.dtype}")  # fmt: skip
        row, column = a.array.ndim == 1, b.array.ndim == 1
        if row:
            a = a.unsqueeze(0)
        if column:
            b = b.unsqueeze(1)
        out = apply(MATMUL, a, b)
        if column:
            out = out.squeeze(-1)
        return out.squeeze(-1 if column else -2) if row else out

    __matmul__ = matmul

    def _whole(self) -> Any:
        return cast(self, int64)


for _name in sorted(vars(Arithmetic), key=lambda name: name.startswith("_")):  # `eq` is the name of `__eq__`, too
    _made = vars(Arithmetic)[_name]
    if "<locals>" in getattr(_made, "__qualname__", ""):
        _made.__name__, _made.__qualname__ = _name, f"Arithmetic.{_name}"
