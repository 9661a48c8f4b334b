"""Operators, and functions of two tensors, element by element."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np

from engine.errors import TypeMismatch
from engine.ops import arithmetic as ar
from engine.ops import elementary as el
from engine.ops import elementwise as ew
from engine.ops.products import MatMul, caster
from engine.tensor.described import described, named
from engine.tensor.operands import cast, full_like, meet, number, operand, real, result_dtype_of, scaled
from engine.tensor.promotion import int64, require_fit, with_scalar, wrapped
from engine.tensor.tape import Core, apply

ADD, SUB, MUL, DIV, POW = ar.Add(), ar.Sub(), ar.Mul(), ar.Div(), ar.Pow()
REMAINDER = el.Modulo("remainder")
MATMUL = MatMul()


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
    """The operators of a tensor beside another or a number, and its functions of two."""

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

    __and__ = __rand__ = _bits("&", "logical_and", "bitwise_and")
    __or__ = __ror__ = _bits("|", "logical_or", "bitwise_or")
    __xor__ = __rxor__ = _bits("^", "logical_xor", "bitwise_xor")
    __lshift__ = _bits("<<", "", "left_shift")
    __rshift__ = _bits(">>", "", "right_shift")

    def __rlshift__(self, other: Any) -> Any:
        return full_like(self, wrapped(self.dtype, number(other))) << self

    def __rrshift__(self, other: Any) -> Any:
        return full_like(self, wrapped(self.dtype, number(other))) >> self

    def __reversed__(self) -> Any:
        return self.flip(0) if self.ndim else self

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


named(Arithmetic)
