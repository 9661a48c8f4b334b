"""Functions of single elements of one tensor."""

from __future__ import annotations

from typing import Any

from engine.errors import TypeMismatch
from engine.ops import activation as act
from engine.ops import arithmetic as ar
from engine.ops import elementwise as ew
from engine.tensor.described import described, named
from engine.tensor.operands import cast, meet, operand, real
from engine.tensor.promotion import require_fit, with_scalar
from engine.tensor.tape import Core, apply

NEG, EXP, LOG, SQRT, ABS = ew.Neg(), ew.Exp(), ew.Log(), ew.Sqrt(), ew.Abs()
RELU, SIGMOID, TANH = act.ReLU(), act.Sigmoid(), act.Tanh()


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


class Elementwise:
    """The functions of the elements of a tensor."""

    array: Any

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


named(Elementwise)
