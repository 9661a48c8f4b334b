"""New tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.device import Device, resolve
from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.ops.base import Spec, whole_length
from engine.tensor.promotion import get_default_dtype, int64, require_fit, wrapped
from engine.tensor.spellings import whole
from engine.tensor.tape import Core, mode, require_gradient_type, wrap

Where = str | Device | None


def as_array(values: Any, dtype: Any, device: Where) -> tuple[Any, Device]:
    """Values as an array of their own on a device; Python numbers and lists of them get the default dtypes."""
    place = resolve(device)
    if isinstance(values, Core):
        if device is None:
            place = values.device
        if not values.device.is_meta:
            values._require_values("tensor()")
        array = values.array if values.device.is_meta else values.device.to_numpy(values.array)
        if place.is_meta:
            return Spec(array.shape, dtype or array.dtype), place
    elif isinstance(values, np.ndarray | np.generic):
        array = np.asarray(values)
    else:
        array = _from_lists(values, dtype)
    if array.dtype.kind not in "biuf":
        kind = {"U": "texts", "S": "bytes", "O": "objects"}.get(array.dtype.kind, str(array.dtype))
        mend = {"U": "give every category a number first", "O": "look for None and for texts among them"}
        raise TypeMismatch("tensor()", got=f"the values are {kind}", expected="numbers",
                           mend=mend.get(array.dtype.kind, ""))  # fmt: skip
    dtype = np.dtype(dtype) if dtype is not None else array.dtype
    dtype = dtype if dtype.isnative else np.dtype(dtype.name)
    if place.is_meta:
        return Spec(array.shape, dtype), place
    return _constant(np.array(array, dtype), place), place


def _constant(array: np.ndarray, place: Device) -> Any:
    """An array of numbers that owe nothing to other tensors, on a device."""
    made = place.asarray(array)
    if mode.recorder is not None:
        mode.recorder.makes(made)
    return made


def _from_lists(values: Any, dtype: Any) -> np.ndarray:
    if isinstance(values, list | tuple) and any(isinstance(v, Core) for v in values):
        values = [v.tolist() if isinstance(v, Core) else v for v in values]
    try:
        array = np.array(values)
    except ValueError:
        raise ShapeError("tensor()", got="the rows are of different lengths", expected="equal lengths",
                         mend="pad the shorter ones") from None  # fmt: skip
    if dtype is not None:
        if array.size and array.dtype.kind in "iu":
            require_fit("tensor()", np.dtype(dtype), int(array.max()))
        return array  # not through another dtype, which would round
    if array.dtype.kind == "f":
        return array.astype(get_default_dtype())
    if array.size == 0:
        return array.astype(get_default_dtype())
    return array.astype(int64) if array.dtype.kind in "iu" else array


def made_of(array: Any, device: Device, requires_grad: bool) -> Any:
    """A tensor around a new array."""
    out = wrap(array, device)
    if requires_grad:
        require_gradient_type("requires_grad", out.dtype)
        out._requires_grad = True
    return out


def tensor(data: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """A tensor with a copy of these values; whole numbers become int64, real ones float32.

    Args:
        data: a number, lists of numbers in lists, an array or a tensor.
        dtype: that of the values, in place of the one that follows from them.
        device: "cpu", "cuda", "cuda:0" or "meta"; the default device where absent.
        requires_grad: whether `backward` gives it a gradient.

    These last three mean the same wherever a tensor is made.

    Raises:
        ShapeError: rows of different lengths.
        TypeMismatch: values that are no numbers.

    >>> import engine
    >>> engine.tensor([[1, 2], [3, 4]]).dtype, engine.tensor(0.5).dtype
    (dtype('int64'), dtype('float32'))
    """
    return made_of(*as_array(data, dtype, device), requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Where = None) -> Any:
    """A tensor with these values, sharing memory where that can be.

    Args:
        data: as of `tensor`; a NumPy array of the dtype, or a tensor of dtype and device, is not copied.

    >>> import engine
    >>> import numpy
    >>> array = numpy.zeros(2)
    >>> engine.as_tensor(array)[0] = 5
    >>> array
    array([5., 0.])
    """
    if isinstance(data, Core):
        return data.to(dtype=dtype, device=device)
    if isinstance(data, np.ndarray) and data.dtype.isnative and resolve(device).type == "cpu":
        return from_numpy(data).to(dtype=dtype)
    return tensor(data, dtype=dtype, device=device)


def from_numpy(ndarray: np.ndarray) -> Any:
    """A tensor in the memory of a NumPy array.

    Args:
        ndarray: an array of numbers; what changes in it changes in the tensor.

    >>> import engine
    >>> import numpy
    >>> array = numpy.arange(3)
    >>> shared = engine.from_numpy(array)
    >>> array[0] = 7
    >>> shared
    tensor([7, 1, 2])
    """
    if not isinstance(ndarray, np.ndarray) or ndarray.dtype.kind not in "biuf":
        raise TypeMismatch("from_numpy", got=f"a {getattr(ndarray, 'dtype', type(ndarray).__name__)} came",
                           expected="an array of numbers")  # fmt: skip
    if not ndarray.dtype.isnative:
        raise TypeMismatch("from_numpy", got=f"the bytes of each {ndarray.dtype.name} are in another order than here",
                           expected="this machine's", mend="engine.tensor(array) copies them in order")  # fmt: skip
    return wrap(ndarray, Device("cpu"))


def from_array(array: Any, device: Where = None) -> Any:
    """A tensor in the memory of an array that lies on this device."""
    return wrap(array, resolve(device))


def shape_of(size: tuple[Any, ...]) -> tuple[int, ...]:
    """The lengths of the axes, given one by one or as a tuple."""
    if len(size) == 1 and isinstance(size[0], tuple | list):
        size = tuple(size[0])
    if any(n < 0 for n in size):
        raise ShapeError("a new tensor", got=f"the shape {size} has a negative length", expected="0 or more")
    return tuple(whole_length(n) for n in size)


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """A tensor filled with one value.

    Args:
        size: the shape, or the length of a row.
        fill_value: its kind decides on the dtype where none is given: bool, int64 or the default dtype.

    >>> import engine
    >>> engine.full((2, 3), 7)
    tensor([[7, 7, 7],
            [7, 7, 7]])
    """
    place = resolve(device)
    shape = shape_of((size,) if isinstance(size, int) else tuple(size))
    if dtype is None:
        dtype = (
            "bool" if isinstance(fill_value, bool) else int64 if isinstance(fill_value, int) else get_default_dtype()
        )
    require_fit("full", np.dtype(dtype), fill_value)
    if place.is_meta:
        return made_of(Spec(shape, dtype), place, requires_grad)
    array = place.kernels.full(shape, wrapped(np.dtype(dtype), fill_value), np.dtype(dtype))
    return made_of(array, place, requires_grad)


@whole("size")
def zeros(*size: Any, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """A tensor of zeros in the default dtype.

    Args:
        size: the lengths of the axes, one by one or as a tuple: zeros(2, 3) or zeros((2, 3)).

    >>> import engine
    >>> engine.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return full(shape_of(size), 0, dtype=dtype or get_default_dtype(), device=device, requires_grad=requires_grad)


@whole("size")
def ones(*size: Any, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """A tensor of ones in the default dtype.

    Args:
        size: the lengths of the axes, one by one or as a tuple.

    >>> import engine
    >>> engine.ones(2, dtype=engine.int64)
    tensor([1, 1])
    """
    return full(shape_of(size), 1, dtype=dtype or get_default_dtype(), device=device, requires_grad=requires_grad)


@whole("size")
def empty(*size: Any, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """A tensor whose values are whatever lay in memory.

    Args:
        size: the lengths of the axes, one by one or as a tuple.

    >>> import engine
    >>> engine.empty(2, 3).shape
    (2, 3)
    """
    place, shape = resolve(device), shape_of(size)
    dtype = np.dtype(dtype or get_default_dtype())
    array = Spec(shape, dtype) if place.is_meta else place.kernels.empty(shape, dtype)
    return made_of(array, place, requires_grad)


def zeros_like(input: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """Zeros of the same shape, dtype and device.

    Args:
        input: the tensor whose shape, dtype and device are taken.

    >>> import engine
    >>> engine.zeros_like(engine.tensor([1, 2]))
    tensor([0, 0])
    """
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones_like(input: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """Ones of the same shape, dtype and device.

    Args:
        input: the tensor whose shape, dtype and device are taken.

    >>> import engine
    >>> engine.ones_like(engine.tensor([1.5, 2.5]))
    tensor([1., 1.])
    """
    return full_like(input, 1, dtype=dtype, device=device, requires_grad=requires_grad)


def full_like(
    input: Any, fill_value: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False
) -> Any:
    """One value in the same shape, dtype and device.

    Args:
        input: the tensor whose shape, dtype and device are taken.
        fill_value: the value; in a tensor of whole numbers a whole one.

    >>> import engine
    >>> engine.full_like(engine.tensor([1, 2]), 7)
    tensor([7, 7])
    """
    return full(input.shape, fill_value, dtype=dtype or input.dtype, device=device or input.device,
                requires_grad=requires_grad)  # fmt: skip


def empty_like(input: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """The same shape, dtype and device, with whatever lay in memory.

    Args:
        input: the tensor whose shape, dtype and device are taken.

    >>> import engine
    >>> engine.empty_like(engine.tensor([1, 2])).dtype
    dtype('int64')
    """
    return empty(input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def placed(array: np.ndarray, device: Where, requires_grad: bool) -> Any:
    """A tensor of an array that was made on the host."""
    place = resolve(device)
    return made_of(Spec(array.shape, array.dtype) if place.is_meta else _constant(array, place), place, requires_grad)


def arange(start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Where = None,
           requires_grad: bool = False) -> Any:  # fmt: skip
    """Numbers from start (or 0) up to, without, end.

    Args:
        start, end: the first number, and the one before which it ends; of a single number the end.
        step: the distance of neighbours, below 0 for a descending row.

    Raises:
        OptionError: steps that lead away from the end.

    >>> import engine
    >>> engine.arange(5), engine.arange(1, 2, 0.5)
    (tensor([0, 1, 2, 3, 4]), tensor([1.0000, 1.5000]))
    """
    if end is None:
        start, end = 0, start
    whole = all(isinstance(v, int) for v in (start, end, step))
    dtype = np.dtype(dtype or (int64 if whole else get_default_dtype()))
    if (end - start) * step < 0:
        raise OptionError("arange", got=f"steps of {step} do not lead from {start} to {end}",
                          expected="a step in that direction",
                          mend=f"write arange({start}, {end}, {-step})")  # fmt: skip
    return placed(np.arange(start, end, step).astype(dtype), device, requires_grad)


def linspace(start: float, end: float, steps: int, *, dtype: Any = None, device: Where = None,
             requires_grad: bool = False) -> Any:  # fmt: skip
    """`steps` numbers evenly from start to end, both included.

    x_i = start + i (end - start) / (steps - 1)

    Args:
        start, end: the first and the last number.
        steps: how many numbers.

    >>> import engine
    >>> engine.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    dtype = np.dtype(dtype or get_default_dtype())
    return placed(mode.quietly(np.linspace, start, end, steps).astype(dtype), device, requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """A matrix with ones on the diagonal, zeros elsewhere.

    Args:
        n, m: how many rows and columns; as many columns as rows where m is absent.

    >>> import engine
    >>> engine.eye(2, 3)
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    dtype = np.dtype(dtype or get_default_dtype())
    return placed(np.eye(n, m, dtype=dtype), device, requires_grad)
