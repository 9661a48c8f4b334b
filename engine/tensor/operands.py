"""Where tensors and numbers meet: one dtype, one device, numbers as tensors beside others."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np

from engine.errors import TypeMismatch
from engine.ops import elementwise as ew
from engine.tensor.promotion import get_default_dtype, require_fit, result_dtype, with_scalar, wrapped
from engine.tensor.tape import Core, apply, wrap


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
