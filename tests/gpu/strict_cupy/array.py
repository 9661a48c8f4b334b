"""The stand-in's array: as strict as CuPy's, and stricter where CuPy would wait or upload without a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.gpu.strict_cupy.counts import counts
from tests.gpu.strict_cupy.runtime import Block, current, is_pinned, pool

API = json.loads(Path(__file__).with_name("cupy_api.json").read_text())
"""The names, and the keywords where they are known, that CuPy 14.2 has."""
SCALARS = (bool, int, float, complex, np.generic)


def host(value: Any) -> Any:
    """What lies behind device arrays, also in a list or tuple of them; NumPy's own arrays are refused."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, list | tuple):
        parts = [host(part) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    return value


def on_device(values: Any, base: ndarray | None = None) -> Any:
    """A NumPy result as an array of the device; one without axes stays an array. base: whose memory it may share."""
    if isinstance(values, tuple | list):
        parts = [on_device(part, base) for part in values]
        return parts if isinstance(values, list) else tuple(parts)
    if not isinstance(values, np.ndarray | np.generic):
        return values
    out = object.__new__(ndarray)
    out._host = np.asarray(values)
    shares = base is not None and np.may_share_memory(out._host, base._host)
    out.base = (base if base.base is None else base.base) if shares else None
    out._block = None if shares else Block(pool, out._host.nbytes)
    return out


def garbage(shape: Any, dtype: Any = float) -> np.ndarray:
    """Memory as it comes, filled with what shows itself where it is used: not a number, or the largest one."""
    dtype = np.dtype(dtype)
    return np.full(shape, np.nan if dtype.kind in "fc" else True if dtype.kind == "b" else np.iinfo(dtype).max, dtype)


def place(index: Any, shape: tuple[int, ...]) -> Any:
    """An index for the memory behind; what CuPy would upload is counted, and what lies outside goes round."""
    parts = [part._host if isinstance(part, ndarray) else _uploaded(part) for part in parts_of(index)]
    axis = 0
    for number, part in enumerate(parts):
        if part is Ellipsis:
            behind = sum(_axes(later) for later in parts[number + 1 :])
            axis = len(shape) - behind
        elif isinstance(part, np.ndarray) and part.dtype.kind in "iu" and part.size and axis < len(shape):
            size = shape[axis]
            if size and (part.min() < -size or part.max() >= size):
                counts.outside += 1
                parts[number] = part % size
        axis += _axes(part)
    return tuple(parts) if isinstance(index, tuple) else parts[0]


def _axes(part: Any) -> int:
    """How many axes a part of an index takes up."""
    if isinstance(part, np.ndarray) and part.dtype == bool:
        return part.ndim
    return 0 if part is None or part is Ellipsis or isinstance(part, bool) else 1


def _uploaded(part: Any) -> Any:
    if isinstance(part, list | np.ndarray):
        counts.upload()
        return np.asarray(part)
    return part


def parts_of(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def has_mask(index: Any) -> bool:
    return any(isinstance(part, ndarray | np.ndarray) and part.dtype == bool for part in parts_of(index))


def names_twice(shape: tuple[int, ...], index: Any) -> bool:
    """Whether an index with integer arrays names a place more than once."""
    if not any(isinstance(part, ndarray) and part.dtype.kind in "iu" and part.ndim for part in parts_of(index)):
        return False
    named = np.arange(int(np.prod(shape))).reshape(shape)[_plain(index)].ravel()
    return len(np.unique(named)) != named.size


def _plain(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(_plain(part) for part in index)
    return index._host if isinstance(index, ndarray) else index


class ndarray:
    """An array on the device. Shape, dtype and strides are known to the host; values are not."""

    __array_priority__ = 100
    __hash__ = None
    _host: np.ndarray
    base: ndarray | None

    def __init__(self, shape: Any, dtype: Any = float) -> None:
        self._host, self.base = garbage(shape, dtype), None
        self._block = Block(pool, self._host.nbytes)

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    # to the host

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
        counts.download()
        return self._host.copy(order)

    def set(self, values: Any, stream: Any = None) -> None:
        if not isinstance(values, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if values.shape != self.shape or values.dtype != self.dtype:
            raise ValueError("Shape or dtype mismatch")
        if is_pinned(values) and (stream or current()).is_own:
            counts.copies += 1
        else:
            counts.upload()
        self._host[...] = values

    def _read(self) -> np.ndarray:
        counts.download()
        return self._host

    def item(self, *args: int) -> Any:
        return self._read().item(*args)

    def tolist(self) -> Any:
        return self._read().tolist()

    def __float__(self) -> float:
        return float(self._read())

    def __int__(self) -> int:
        return int(self._read())

    def __index__(self) -> int:
        return self._read().__index__()

    def __bool__(self) -> bool:
        return bool(self._read())

    def __repr__(self) -> str:
        return repr(self._read())

    def __contains__(self, value: Any) -> bool:
        return value in self._read()

    def __array__(self, *args: Any, **named: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a "
                        "NumPy array explicitly.")  # fmt: skip

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **named: Any) -> Any:
        raise TypeError(f"numpy.{ufunc.__name__} was called on an array of the device")

    def __array_function__(self, function: Any, types: Any, args: Any, named: Any) -> Any:
        raise TypeError(f"numpy.{function.__name__} was called on an array of the device")

    def __reduce__(self) -> Any:
        raise TypeError("an array of the device is pickled")

    # parts

    def __getitem__(self, index: Any) -> ndarray:
        if has_mask(index):
            counts.wait()  # how many there are decides the shape
        if any(isinstance(part, ndarray | list | np.ndarray) for part in parts_of(index)):
            counts.launch("take")
        where = place(index, self.shape)
        found = self._host[where]
        if not isinstance(found, np.ndarray):
            found = self._host[(*parts_of(where), Ellipsis)]
        return on_device(found, self)

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, np.ndarray) and value.ndim:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        if not isinstance(value, (ndarray, np.ndarray, *SCALARS)):
            raise TypeError(f"Unsupported type {type(value)}")
        if has_mask(index) and isinstance(value, ndarray) and value.size != 1:
            counts.wait()
        if names_twice(self.shape, index):
            raise AssertionError("a store names a place twice: on a device, which value stays is left to chance")
        counts.launch("put")
        self._host[place(index, self.shape)] = value._host if isinstance(value, ndarray) else value

    def scatter_add(self, index: Any, value: Any) -> None:
        require_atomic("add", self.dtype)
        counts.launch("scatter_add")
        np.add.at(self._host, place(index, self.shape), host(value))

    def fill(self, value: Any) -> None:
        counts.launch("fill")
        self._host.fill(value._host if isinstance(value, ndarray) else value)

    def __copy__(self) -> ndarray:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> ndarray:
        return self.copy()

    @property
    def shape(self) -> tuple[int, ...]:
        return self._host.shape

    @property
    def flags(self) -> Any:
        return _Flags(self)


class _Flags:
    """CuPy's have these three only."""

    def __init__(self, array: ndarray) -> None:
        flags = array._host.flags
        self.c_contiguous, self.f_contiguous = flags.c_contiguous, flags.f_contiguous
        self.owndata = array.base is None


ATOMIC = {"add": "efdilqILQ", "subtract": "iI", "maximum": "fdilqILQ", "minimum": "fdilqILQ",
          "bitwise_and": "ilqILQ", "bitwise_or": "ilqILQ", "bitwise_xor": "ilqILQ"}  # fmt: skip
"""The dtypes, by their letters, of which a device can change one value undisturbed."""


def require_atomic(ufunc: str, dtype: np.dtype) -> None:
    if dtype.char not in ATOMIC[ufunc]:
        raise TypeError(f"cupy.{ufunc}.at does not support {dtype}")


def _attribute(name: str) -> property:
    return property(lambda self: on_device(getattr(self._host, name), self))


for _name in ("dtype", "ndim", "size", "strides", "nbytes", "itemsize", "T", "mT", "real", "imag"):
    setattr(ndarray, _name, _attribute(_name))


def _operator(name: str, in_place: bool) -> Any:
    def operate(self: ndarray, *other: Any) -> Any:
        if other and isinstance(other[0], np.ndarray):
            raise TypeError(f"Unsupported type {type(other[0])}")
        if other and not isinstance(other[0], (ndarray, *SCALARS)):
            return NotImplemented
        counts.launch(name.strip("_"))
        found = getattr(self._host, name)(*(host(value) for value in other))
        return self if in_place else found if found is NotImplemented else on_device(found)

    return operate


for _name in [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
    "matmul",
]:
    for _kind in ("", "r", "i"):
        setattr(ndarray, f"__{_kind}{_name}__", _operator(f"__{_kind}{_name}__", _kind == "i"))
for _name in ["lt", "le", "gt", "ge", "eq", "ne", "neg", "pos", "abs", "invert"]:
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__", False))

FREE = {"reshape", "transpose", "swapaxes", "view", "squeeze", "diagonal", "ravel"}
"""Methods that launch nothing where the memory need not be moved."""
WAITING = {"nonzero"}
METHODS = {
    "sum": ("axis", "dtype", "out", "keepdims"), "prod": ("axis", "dtype", "out", "keepdims"),
    "mean": ("axis", "dtype", "out", "keepdims"),
    "max": ("axis", "out", "keepdims"), "min": ("axis", "out", "keepdims"),
    "any": ("axis", "out", "keepdims"), "all": ("axis", "out", "keepdims"),
    "argmax": ("axis", "out", "dtype", "keepdims"), "argmin": ("axis", "out", "dtype", "keepdims"),
    "std": ("axis", "dtype", "out", "ddof", "keepdims"), "var": ("axis", "dtype", "out", "ddof", "keepdims"),
    "take": ("indices", "axis", "out"), "astype": ("dtype", "order", "casting", "subok", "copy"),
    "argsort": ("axis", "kind"), "sort": ("axis", "kind"), "cumsum": ("axis", "dtype", "out"),
}  # fmt: skip
"""The keywords of methods where NumPy has more."""


def _method(name: str) -> Any:
    def call(self: ndarray, *args: Any, **named: Any) -> Any:
        for given in set(named) - set(METHODS.get(name, named)):
            raise TypeError(f"{name}() got an unexpected keyword argument {given!r}")
        if name not in FREE:
            counts.launch(name)
        if name in WAITING:
            counts.wait()
        if name == "take" and isinstance(args[0], ndarray):
            axis = named.get("axis")
            shape = (self.size if axis is None else self.shape[axis],)
            args = (on_device(place(args[0], shape)), *args[1:])
        out = named.pop("out", None)
        found = getattr(self._host, name)(*map(host, args), **{key: host(value) for key, value in named.items()})
        if name == "diagonal":
            found.flags.writeable = True  # as there
        if out is None:
            return on_device(found, self)
        out._host[...] = found
        return out

    return call


for _name in API["ndarray"]:
    if not hasattr(ndarray, _name) and hasattr(np.ndarray, _name):
        setattr(ndarray, _name, _method(_name))
