"""New tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.device import Device, resolve
from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.ops.base import Spec, whole_length
from engine.random import Generator, default_generator
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


def _made(array: Any, device: Device, requires_grad: bool) -> Any:
    out = wrap(array, device)
    if requires_grad:
        require_gradient_type("requires_grad", out.dtype)
        out._requires_grad = True
    return out


def tensor(data: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """A tensor with a copy of these values; whole numbers become int64, real ones float32.

    >>> tensor([[1, 2], [3, 4]]).dtype, tensor(0.5).dtype
    (dtype('int64'), dtype('float32'))
    """
    return _made(*as_array(data, dtype, device), requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Where = None) -> Any:
    """A tensor with these values, sharing memory where that can be."""
    if isinstance(data, Core):
        return data.to(dtype=dtype, device=device)
    if isinstance(data, np.ndarray) and resolve(device).type == "cpu":
        return from_numpy(data).to(dtype=dtype)
    return tensor(data, dtype=dtype, device=device)


def from_numpy(array: np.ndarray) -> Any:
    """A tensor in the memory of a NumPy array."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        raise TypeMismatch("from_numpy", got=f"a {getattr(array, 'dtype', type(array).__name__)} came",
                           expected="an array of numbers")  # fmt: skip
    return wrap(array, Device("cpu"))


def from_array(array: Any, device: Where = None) -> Any:
    """A tensor in the memory of an array that lies on this device."""
    return wrap(array, resolve(device))


def _shape_of(size: tuple[Any, ...]) -> tuple[int, ...]:
    if len(size) == 1 and isinstance(size[0], tuple | list):
        size = tuple(size[0])
    if any(n < 0 for n in size):
        raise ShapeError("a new tensor", got=f"the shape {size} has a negative length", expected="0 or more")
    return tuple(whole_length(n) for n in size)


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """A tensor filled with one value."""
    place = resolve(device)
    shape = _shape_of((size,) if isinstance(size, int) else tuple(size))
    if dtype is None:
        dtype = (
            "bool" if isinstance(fill_value, bool) else int64 if isinstance(fill_value, int) else get_default_dtype()
        )
    require_fit("full", np.dtype(dtype), fill_value)
    if place.is_meta:
        return _made(Spec(shape, dtype), place, requires_grad)
    array = place.kernels.full(shape, wrapped(np.dtype(dtype), fill_value), np.dtype(dtype))
    return _made(array, place, requires_grad)


@whole("size")
def zeros(*size: Any, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """A tensor of zeros: zeros(2, 3) or zeros((2, 3))."""
    return full(_shape_of(size), 0, dtype=dtype or get_default_dtype(), device=device, requires_grad=requires_grad)


@whole("size")
def ones(*size: Any, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """A tensor of ones."""
    return full(_shape_of(size), 1, dtype=dtype or get_default_dtype(), device=device, requires_grad=requires_grad)


@whole("size")
def empty(*size: Any, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """A tensor whose values are whatever lay in memory."""
    place, shape = resolve(device), _shape_of(size)
    dtype = np.dtype(dtype or get_default_dtype())
    array = Spec(shape, dtype) if place.is_meta else place.kernels.empty(shape, dtype)
    return _made(array, place, requires_grad)


def zeros_like(input: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """Zeros of the same shape, dtype and device."""
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones_like(input: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """Ones of the same shape, dtype and device."""
    return full_like(input, 1, dtype=dtype, device=device, requires_grad=requires_grad)


def full_like(
    input: Any, fill_value: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False
) -> Any:
    """One value in the same shape, dtype and device."""
    return full(input.shape, fill_value, dtype=dtype or input.dtype, device=device or input.device,
                requires_grad=requires_grad)  # fmt: skip


def empty_like(input: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """The same shape, dtype and device, with whatever lay in memory."""
    return empty(input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def _drawn(draw: Any, shape: tuple[int, ...], dtype: Any, device: Where, requires_grad: bool = False) -> Any:
    """A tensor of what `draw` makes with the kernels of the device."""
    place = resolve(device)
    array = Spec(shape, dtype) if place.is_meta else draw(place.kernels)
    return _made(array, place, requires_grad)


def placed(array: np.ndarray, device: Where, requires_grad: bool) -> Any:
    """A tensor of an array that was made on the host."""
    place = resolve(device)
    return _made(Spec(array.shape, array.dtype) if place.is_meta else _constant(array, place), place, requires_grad)


@whole("size")
def randn(
    *size: Any, generator: Generator | None = None, dtype: Any = None, device: Where = None, requires_grad: bool = False
) -> Any:
    """Standard normal random numbers."""
    shape, dtype = _shape_of(size), np.dtype(dtype or get_default_dtype())
    draw = lambda k: k.normal(generator or default_generator, shape, dtype)  # noqa: E731
    return _drawn(draw, shape, dtype, device, requires_grad)


@whole("size")
def rand(
    *size: Any, generator: Generator | None = None, dtype: Any = None, device: Where = None, requires_grad: bool = False
) -> Any:
    """Random numbers evenly between 0 and 1."""
    shape, dtype = _shape_of(size), np.dtype(dtype or get_default_dtype())
    draw = lambda k: k.uniform(generator or default_generator, shape, dtype)  # noqa: E731
    return _drawn(draw, shape, dtype, device, requires_grad)


def randn_like(input: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """Standard normal random numbers of the same shape, dtype and device."""
    return randn(input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def rand_like(input: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """Random numbers evenly between 0 and 1 of the same shape, dtype and device."""
    return rand(input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def randint(low: int, high: Any = None, size: Any = None, *, generator: Generator | None = None, dtype: Any = None,
            device: Where = None) -> Any:  # fmt: skip
    """Random whole numbers from low (or 0) to high - 1: randint(10, (3,)) or randint(5, 10, (3,))."""
    if size is None:
        low, high, size = 0, low, high
    shape = _shape_of((size,) if isinstance(size, int) else tuple(size))
    if high <= low:
        raise TypeMismatch("randint", got=f"from {low} to {high}", expected="a high above the low")
    dtype = np.dtype(dtype or int64)
    draw = lambda k: k.integers(generator or default_generator, low, high, shape, dtype)  # noqa: E731
    return _drawn(draw, shape, dtype, device)


def randperm(n: int, *, generator: Generator | None = None, dtype: Any = None, device: Where = None) -> Any:
    """The numbers 0 to n - 1, shuffled."""
    dtype = np.dtype(dtype or int64)
    return _drawn(lambda k: k.permutation(generator or default_generator, n, dtype), (n,), dtype, device)


def bernoulli(input: Any, *, generator: Generator | None = None) -> Any:
    """1 with the probability that stands in the input, otherwise 0."""
    k = input.device.kernels
    draw = k.uniform(generator or default_generator, input.array.shape, np.dtype("float32"))
    return wrap(k.astype(k.lt(draw, input.array), input.dtype), input.device)


def arange(start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Where = None,
           requires_grad: bool = False) -> Any:  # fmt: skip
    """Numbers from start (or 0) up to, without, end."""
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
    """`steps` numbers evenly from start to end, both included."""
    dtype = np.dtype(dtype or get_default_dtype())
    return placed(np.linspace(start, end, steps).astype(dtype), device, requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """Ones on the diagonal, zeros elsewhere."""
    dtype = np.dtype(dtype or get_default_dtype())
    return placed(np.eye(n, m, dtype=dtype), device, requires_grad)
