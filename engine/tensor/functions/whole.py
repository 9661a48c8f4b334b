"""Functions of whole numbers: bits and divisors."""

from __future__ import annotations

from typing import Any

from engine.errors import TypeMismatch
from engine.ops import elementary as el
from engine.tensor.described import described
from engine.tensor.functions.elementwise import pair
from engine.tensor.tape import apply

WHOLE = {
    "bitwise_and": ("The bits that both input and other have, or logical and of truth values.", "12, 10", "8"),
    "bitwise_or": ("The bits that either input or other has, or logical or of truth values.", "12, 10", "14"),
    "bitwise_xor": ("The bits that one of input and other has, or logical xor of truth values.", "12, 10", "6"),
    "bitwise_left_shift": ("input * 2^other of whole numbers.", "3, 2", "12"),
    "bitwise_right_shift": ("input / 2^other of whole numbers, rounded down.", "12, 2", "3"),
    "gcd": ("The greatest common divisor of input and other, whole numbers.", "12, 18", "6"),
    "lcm": ("The least common multiple of input and other, whole numbers.", "4, 6", "12"),
}
"""The functions of two tensors of whole numbers: name -> what it is, and an example of it."""


def _whole(name: str) -> Any:
    op = el.WholePair(name.removeprefix("bitwise_") if name.endswith("shift") else name)

    def function(input: Any, other: Any) -> Any:
        a, b = pair(input, other)
        if a.dtype.kind == "f" or (a.dtype.kind == "b" and not name.startswith("bitwise_")):
            raise TypeMismatch(name, got=f"the values are {a.dtype}", expected="whole numbers", mend="call .long()")
        return apply(op, a, b)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = described(name, *WHOLE[name])
    return function


for _name in WHOLE:
    globals()[_name] = _whole(_name)


def bitwise_not(input: Any) -> Any:
    """Every bit turned, or logical not of truth values.

    >>> import engine
    >>> engine.bitwise_not(engine.tensor([0, 5])), engine.bitwise_not(engine.tensor([True]))
    (tensor([-1, -6]), tensor([False]))
    """
    if input.dtype.kind == "f":
        raise TypeMismatch("bitwise_not", got=f"the values are {input.dtype}", expected="whole numbers or bool")
    return apply(el.Whole("bitwise_not"), input)
