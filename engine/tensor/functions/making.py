"""New tensors, beside those of `engine.tensor.creation`."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import OptionError
from engine.random import Generator
from engine.tensor.creation import Where, as_tensor, empty, full, ones, placed, tensor, zeros
from engine.tensor.promotion import get_default_dtype, int64
from engine.tensor.random import randint


def logspace(start: float, end: float, steps: int, base: float = 10.0, *, dtype: Any = None, device: Where = None,
             requires_grad: bool = False) -> Any:  # fmt: skip
    """base ** x for `steps` numbers x evenly from start to end.

    >>> logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    if steps < 0:
        raise OptionError("logspace", got=f"{steps} steps", expected="0 or more")
    values = float(base) ** np.linspace(float(start), float(end), steps)
    return placed(values.astype(np.dtype(dtype or get_default_dtype())), device, requires_grad)


def randint_like(input: Any, low: int, high: int | None = None, *, generator: Generator | None = None,
                 dtype: Any = None, device: Where = None) -> Any:  # fmt: skip
    """Random whole numbers from low (or 0) to high - 1 in the shape and dtype of the input.

    >>> import engine
    >>> engine.randint_like(engine.zeros(2, 3), 10).shape
    (2, 3)
    """
    low, high = (0, low) if high is None else (low, high)
    out = randint(low, high, tuple(input.shape), generator=generator, device=device or input.device)
    return out.to(dtype=dtype or input.dtype)


def _triangle(name: str, row: int, col: int, offset: int, dtype: Any, device: Where) -> Any:
    if row < 0 or col < 0:
        raise OptionError(name, got=f"{row} rows and {col} columns", expected="0 or more")
    places = getattr(np, name)(row, offset, col)
    return placed(np.stack(places).astype(np.dtype(dtype or int64)), device, False)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Where = None) -> Any:
    """Where the lower triangle of a matrix stands: rows, and below them columns.

    Args:
        row, col: how many rows and columns the matrix has.
        offset: the last diagonal that belongs to it; 1 is the one above.

    >>> import engine
    >>> engine.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _triangle("tril_indices", row, col, offset, dtype, device)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Where = None) -> Any:
    """Where the upper triangle of a matrix stands: rows, and below them columns.

    Args:
        row, col: how many rows and columns the matrix has.
        offset: the first diagonal that belongs to it; 1 is the one above.

    >>> import engine
    >>> engine.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _triangle("triu_indices", row, col, offset, dtype, device)


def asarray(obj: Any, *, dtype: Any = None, device: Where = None, copy: bool | None = None) -> Any:
    """A tensor of these values, sharing memory where that can be and no copy is asked for.

    >>> import engine
    >>> engine.asarray([1, 2], dtype="float32")
    tensor([1., 2.])
    """
    return tensor(obj, dtype=dtype, device=device) if copy else as_tensor(obj, dtype=dtype, device=device)


def scalar_tensor(s: float, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """A tensor with no axes, of the default dtype.

    >>> import engine
    >>> engine.scalar_tensor(3)
    tensor(3.)
    """
    return tensor(s, dtype=dtype or get_default_dtype(), device=device, requires_grad=requires_grad)


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Any:
    """A row in the memory of an object that shows its bytes.

    Args:
        buffer: bytes, or whatever has Python's buffer protocol.
        count: how many elements; -1 is all.
        offset: bytes to leave out at the beginning.

    >>> import engine
    >>> engine.frombuffer(bytearray([1, 0, 2, 0]), dtype="int16")
    tensor([1, 2], dtype=int16)
    """
    out = as_tensor(np.frombuffer(buffer, np.dtype(dtype), count, offset))
    return out.requires_grad_() if requires_grad else out


def new_full(input: Any, size: Any, fill_value: Any, *, dtype: Any = None, device: Where = None,
             requires_grad: bool = False) -> Any:  # fmt: skip
    """One value, in the dtype and on the device of the input.

    Args:
        size: the shape.
        fill_value: the value.

    >>> import engine
    >>> engine.tensor([1.5]).new_full((2,), 3)
    tensor([3., 3.])
    """
    return full(size, fill_value, dtype=dtype or input.dtype, device=device or input.device,
                requires_grad=requires_grad)  # fmt: skip


def new_zeros(input: Any, *size: Any, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """Zeros, in the dtype and on the device of the input.

    Args:
        size: the lengths of the axes, one by one or as a tuple.

    >>> import engine
    >>> engine.tensor([1.5]).new_zeros(2)
    tensor([0., 0.])
    """
    return zeros(*size, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def new_ones(input: Any, *size: Any, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """Ones, in the dtype and on the device of the input.

    Args:
        size: the lengths of the axes, one by one or as a tuple.

    >>> import engine
    >>> engine.tensor([1, 2]).new_ones(2)
    tensor([1, 1])
    """
    return ones(*size, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def new_tensor(input: Any, data: Any, *, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """These values, in the dtype and on the device of the input.

    Args:
        data: as of `engine.tensor`.

    >>> import engine
    >>> engine.tensor([1.5]).new_tensor([1, 2])
    tensor([1., 2.])
    """
    return tensor(data, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def new_empty(input: Any, *size: Any, dtype: Any = None, device: Where = None, requires_grad: bool = False) -> Any:
    """Whatever lay in memory, in the dtype and on the device of the input.

    Args:
        size: the lengths of the axes, one by one or as a tuple.

    >>> import engine
    >>> engine.tensor([1.5]).new_empty(2, 3).shape
    (2, 3)
    """
    return empty(*size, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def _window(name: str, definition: str, shape: Any) -> Any:
    def function(window_length: int, periodic: bool = True, *, dtype: Any = None, device: Where = None,
                 requires_grad: bool = False) -> Any:  # fmt: skip
        if window_length < 0:
            raise OptionError(name, got=f"a length of {window_length}", expected="0 or more")
        count = max(window_length - (not periodic), 1)
        values = shape(2 * np.pi * np.arange(window_length) / count) if window_length > 1 else np.ones(window_length)
        return placed(values.astype(np.dtype(dtype or get_default_dtype())), device, requires_grad)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{definition}, t from 0 to 2 pi: weights that fade a row out at both ends.

    Args:
        window_length: how many places.
        periodic: without the last place of the symmetric one of length + 1, as a spectrum wants it.

    >>> import engine
    >>> engine.{name}(4).amax()
    tensor(1.)
    """
    return function


bartlett_window = _window("bartlett_window", "1 - |t / pi - 1|", lambda t: 1 - np.abs(t / np.pi - 1))
hann_window = _window("hann_window", "0.5 - 0.5 cos t", lambda t: 0.5 - 0.5 * np.cos(t))
hamming_window = _window("hamming_window", "0.54 - 0.46 cos t", lambda t: 0.54 - 0.46 * np.cos(t))
blackman_window = _window(
    "blackman_window", "0.42 - 0.5 cos t + 0.08 cos 2t", lambda t: 0.42 - 0.5 * np.cos(t) + 0.08 * np.cos(2 * t)
)
