"""Which dtype two operands meet in, by PyTorch's rules."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from engine.errors import TypeMismatch

float64 = double = np.dtype("float64")
float32 = float = np.dtype("float32")
float16 = half = np.dtype("float16")
int64 = long = np.dtype("int64")
int32 = int = np.dtype("int32")
int16 = short = np.dtype("int16")
int8 = np.dtype("int8")
uint8 = np.dtype("uint8")
bool = np.dtype("bool")

RANK = {"b": 0, "u": 1, "i": 1, "f": 2}
_default = float32


def get_default_dtype() -> np.dtype:
    """The dtype of new tensors of real numbers.

    >>> import engine
    >>> engine.get_default_dtype()
    dtype('float32')
    """
    return _default


def set_default_dtype(d: Any) -> None:
    """Make float32 or float64 the dtype of new tensors of real numbers.

    Args:
        d: float32 or float64.

    Raises:
        TypeMismatch: a dtype of whole numbers.

    >>> import engine
    >>> engine.set_default_dtype(engine.float64)
    >>> engine.tensor(0.5).dtype
    dtype('float64')
    >>> engine.set_default_dtype(engine.float32)
    """
    global _default
    dtype = np.dtype(d)
    if dtype.kind != "f":
        raise TypeMismatch("set_default_dtype", got=f"{dtype} came", expected="float32 or float64")
    _default = dtype


def promote_types(type1: Any, type2: Any) -> np.dtype:
    """The dtype in which both are held: the higher kind of bool < whole < real, the wider within a kind.

    Args:
        type1, type2: dtypes, or their names.

    >>> promote_types("int64", "float32"), promote_types("uint8", "int8")
    (dtype('float32'), dtype('int16'))
    """
    a, b = np.dtype(type1), np.dtype(type2)
    if a == b:
        return a
    rank_a, rank_b = RANK[a.kind], RANK[b.kind]
    if rank_a == rank_b:
        return np.promote_types(a, b)
    return a if rank_a > rank_b else b


def result_dtype(a: Any, b: Any) -> np.dtype:
    """The same for two tensors: one with no axes only counts where its kind is the higher one."""
    rank_a, rank_b = RANK[a.dtype.kind], RANK[b.dtype.kind]
    if rank_a == rank_b and (a.ndim == 0) != (b.ndim == 0):
        return b.dtype if a.ndim == 0 else a.dtype
    return promote_types(a.dtype, b.dtype)


def with_scalar(dtype: np.dtype, value: Any) -> np.dtype:
    """The dtype of a tensor of `dtype` with a Python number, which counts only by its kind."""
    if dtype.kind == "f" or isinstance(value, builtins.bool):
        return dtype
    if isinstance(value, builtins.float):
        return _default
    return int64 if dtype.kind == "b" else dtype


def require_fit(where: str, dtype: np.dtype, value: Any) -> None:
    """A TypeMismatch where a whole number is too large or too small for this dtype; -1 may stand for the largest."""
    if dtype.kind not in "iu" or not isinstance(value, builtins.int):
        return
    info = np.iinfo(dtype)
    if not min(info.min, -info.max) <= value <= info.max:
        raise TypeMismatch(where, got=f"the number {value} came for values of {dtype}",
                           expected=f"{info.min} to {info.max}", mend="use a wider dtype")  # fmt: skip


def wrapped(dtype: np.dtype, value: Any) -> Any:
    """A Python number beside a tensor of whole numbers: what does not fit begins again from the other end.

    >>> wrapped(uint8, 300), wrapped(int8, 200), wrapped(float32, 300)
    (44, -56, 300)
    """
    if dtype.kind not in "iu" or not isinstance(value, builtins.int) or isinstance(value, builtins.bool):
        return value
    require_fit("arithmetic", int64, value)
    info = np.iinfo(dtype)
    return value if info.min <= value <= info.max else (value - info.min) % (1 << info.bits) + info.min
