"""What one asks about tensors and dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import TypeMismatch
from engine.ops.base import times
from engine.tensor.functions.elementwise import isclose
from engine.tensor.operands import number
from engine.tensor.promotion import RANK, get_default_dtype, promote_types
from engine.tensor.tape import Core


class finfo:
    """The limits of a dtype of real numbers.

    Args:
        type: the dtype; the default one where absent.

    >>> finfo("float32").bits, finfo("float32").eps
    (32, 1.1920928955078125e-07)
    """

    def __init__(self, type: Any = None) -> None:
        dtype = np.dtype(get_default_dtype() if type is None else type)
        if dtype.kind != "f":
            raise TypeMismatch("finfo", got=f"{dtype} came", expected="float32 or float64", mend="use iinfo")
        found = np.finfo(dtype)
        self.bits, self.dtype = found.bits, str(dtype)
        self.eps, self.max, self.min = float(found.eps), float(found.max), float(found.min)
        self.tiny = self.smallest_normal = float(found.smallest_normal)
        self.resolution = float(f"1e-{found.precision}")

    def __repr__(self) -> str:
        return (f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
                f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})")  # fmt: skip


class iinfo:
    """The limits of a dtype of whole numbers.

    Args:
        type: the dtype.

    >>> iinfo("int8").max
    127
    """

    def __init__(self, type: Any) -> None:
        dtype = np.dtype(type)
        if dtype.kind not in "iu":
            raise TypeMismatch("iinfo", got=f"{dtype} came", expected="whole numbers", mend="use finfo")
        found = np.iinfo(dtype)
        self.bits, self.max, self.min, self.dtype = found.bits, int(found.max), int(found.min), str(dtype)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether |input - other| <= atol + rtol |other| everywhere.

    Args:
        equal_nan: whether two that are no number count as equal.

    >>> import engine
    >>> engine.allclose(engine.tensor([1.0]), engine.tensor([1.000001]))
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).all().item())


def can_cast(from_: Any, to: Any) -> bool:
    """Whether values go over to another dtype without losing their kind: real to whole and any to bool do not.

    >>> can_cast("float32", "int64"), can_cast("int64", "float32")
    (False, True)
    """
    a, b = np.dtype(from_), np.dtype(to)
    if a.kind == "f":
        return b.kind == "f"
    return a.kind == "b" if b.kind == "b" else True


def result_type(tensor1: Any, tensor2: Any) -> np.dtype:
    """The dtype in which two tensors, or a tensor and a number, meet: that of `tensor1 + tensor2`.

    >>> import engine
    >>> engine.result_type(engine.tensor([1, 2]), 0.5)
    dtype('float32')
    """
    kinds: list[Any] = []
    for priority in (0, 1, 2):  # tensors with axes, those without, numbers: a later one only counts by a higher kind
        found = None
        for x in (tensor1, tensor2):
            rank = (0 if x.ndim else 1) if isinstance(x, Core) else 2
            if rank == priority:
                dtype = x.dtype if rank < 2 else _dtype_of(number(x))
                found = dtype if found is None else promote_types(found, dtype)
        kinds += [found]
    out = None
    for dtype in kinds:
        if dtype is not None:
            out = dtype if out is None or RANK[dtype.kind] > RANK[out.kind] else out
    return out


def _dtype_of(value: Any) -> np.dtype:
    return np.dtype(bool if isinstance(value, bool) else np.int64 if isinstance(value, int) else get_default_dtype())


def is_complex(input: Any) -> bool:
    """Whether the values are complex numbers: never.

    >>> import engine
    >>> engine.is_complex(engine.ones(1))
    False
    """
    return False


def is_signed(input: Any) -> bool:
    """Whether the dtype has numbers below 0.

    >>> import engine
    >>> engine.is_signed(engine.ones(1)), engine.is_signed(engine.tensor([1], dtype=engine.uint8))
    (True, False)
    """
    return input.dtype.kind in "if"


def is_nonzero(input: Any) -> bool:
    """Whether the one element is other than 0.

    >>> import engine
    >>> engine.is_nonzero(engine.tensor([0.5]))
    True
    """
    if input.numel() != 1:
        raise TypeMismatch("is_nonzero", got=f"a tensor of {times(input.shape)}", expected="one element")
    return bool(input.item())


def is_same_size(input: Any, other: Any) -> bool:
    """Whether input and other have one shape.

    >>> import engine
    >>> engine.is_same_size(engine.ones(2), engine.ones(2, 1))
    False
    """
    return tuple(input.shape) == tuple(other.shape)


def ndimension(input: Any) -> int:
    """How many axes there are.

    >>> import engine
    >>> engine.ones(2, 3).ndimension()
    2
    """
    return input.ndim


def nelement(input: Any) -> int:
    """How many elements there are.

    >>> import engine
    >>> engine.ones(2, 3).nelement()
    6
    """
    return input.numel()


def stride(input: Any, dim: int | None = None) -> Any:
    """How many elements of memory lie between two neighbours along each axis, or along one.

    Args:
        dim: the axis; all where absent.

    >>> import engine
    >>> engine.ones(2, 3).stride(), engine.ones(2, 3).t().stride()
    ((3, 1), (1, 3))
    """
    if input.is_meta:
        raise TypeMismatch("stride", got="a tensor on the device meta has no memory", expected="one on the cpu")
    steps = tuple(step // input.itemsize for step in input.array.strides)
    return steps if dim is None else steps[dim]


def data_ptr(input: Any) -> int:
    """Where the first element lies in memory: of two tensors that share theirs from the start, the same number.

    >>> import engine
    >>> x = engine.zeros(2, 3)
    >>> x.t().data_ptr() == x.data_ptr(), x.clone().data_ptr() == x.data_ptr()
    (True, False)
    """
    if input.is_meta:
        raise TypeMismatch("data_ptr", got="a tensor on the device meta has no memory", expected="one on the cpu")
    return input.array.data.ptr if input.is_cuda else input.array.ctypes.data


def get_device(input: Any) -> int:
    """The number of the GPU on which the values lie, -1 on the cpu.

    >>> import engine
    >>> engine.zeros(2).get_device()
    -1
    """
    return 0 if input.is_cuda else -1
