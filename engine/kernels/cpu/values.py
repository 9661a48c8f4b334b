"""Values inside a function that is being written: numbers, vectors and pointers with Python's operators."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import llvmlite.ir as ir

F32, I1, I8, I32, I64, VOID, POINTER = (
    ir.FloatType(), ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.VoidType(), ir.PointerType(),
)  # fmt: skip
KERNEL = ir.FunctionType(VOID, [I64] * 4)  # its arguments, thread, threads, context of the pool: 0 where it is alone


@cache
def vector(lanes: int, element: Any = F32) -> Any:
    """The type of `lanes` numbers in one register; a scalar type for one."""
    return element if lanes == 1 else ir.VectorType(element, lanes)


def constant(kind: Any, numbers: tuple[Any, ...]) -> ir.Constant:
    """A vector of known numbers: one for each lane, or one for all."""
    return _kept(kind, numbers, repr(numbers))


@lru_cache(256)
def _kept(kind: Any, numbers: tuple[Any, ...], _: str) -> ir.Constant:
    """Kept with its text, which takes longer to write than most instructions; `_` tells 0.0 from -0.0."""
    return ir.Constant(kind, numbers[0] if len(numbers) == 1 else list(numbers))


class Value:
    """A number, vector or pointer inside a function; operators append instructions to the function, its `code`."""

    __slots__ = ("code", "ir")

    def __init__(self, code: Any, value: Any) -> None:
        self.code, self.ir = code, value

    @property
    def type(self) -> Any:
        return self.ir.type

    @property
    def lanes(self) -> int:
        return getattr(self.type, "count", 1)

    @property
    def is_float(self) -> bool:
        return getattr(self.type, "element", self.type) == F32

    def __add__(self, other: Any) -> Value:
        return self.code.binary("add", self, other)

    def __sub__(self, other: Any) -> Value:
        return self.code.binary("sub", self, other)

    def __rsub__(self, other: Any) -> Value:
        return self.code.binary("sub", self.code.like(other, self), self)

    def __mul__(self, other: Any) -> Value:
        return self.code.binary("mul", self, other)

    def __truediv__(self, other: Any) -> Value:
        return self.code.binary("div", self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return self.code.binary("div", self.code.like(other, self), self)

    def __floordiv__(self, other: Any) -> Value:
        return self.code.binary("div", self, other)

    def __mod__(self, other: Any) -> Value:
        return self.code.binary("rem", self, other)

    def __and__(self, other: Any) -> Value:
        return self.code.bits("and_", self, other)

    def __or__(self, other: Any) -> Value:
        return self.code.bits("or_", self, other)

    def __xor__(self, other: Any) -> Value:
        return self.code.bits("xor", self, other)

    def __lshift__(self, other: Any) -> Value:
        return self.code.bits("shl", self, other)

    def __rshift__(self, other: Any) -> Value:
        """Logical: zeros come in from above."""
        return self.code.bits("lshr", self, other)

    def __neg__(self) -> Value:
        return Value(self.code, self.code.ir.fneg(self.ir)) if self.is_float else 0 - self

    def __lt__(self, other: Any) -> Value:
        return self.code.compare("<", self, other)

    def __le__(self, other: Any) -> Value:
        return self.code.compare("<=", self, other)

    def __gt__(self, other: Any) -> Value:
        return self.code.compare(">", self, other)

    def __ge__(self, other: Any) -> Value:
        return self.code.compare(">=", self, other)

    def equals(self, other: Any) -> Value:
        return self.code.compare("==", self, other)

    def differs(self, other: Any) -> Value:
        return self.code.compare("!=", self, other)

    __radd__, __rmul__ = __add__, __mul__


class Variable:
    """A place in the frame that the optimiser turns into a register."""

    def __init__(self, code: Any, initial: Value) -> None:
        self.code = code
        with code.ir.goto_block(code.frame):
            self.place = code.ir.alloca(initial.type)
        self.type = initial.type
        self.set(initial)

    def get(self) -> Value:
        return Value(self.code, self.code.ir.load(self.place, typ=self.type))

    def set(self, value: Value) -> None:
        self.code.ir.store(value.ir, self.place)
