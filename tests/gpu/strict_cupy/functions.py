"""The stand-in's ufuncs and functions: NumPy's, under the names and with the keywords that CuPy has."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from tests.gpu.strict_cupy.array import API, SCALARS, garbage, host, ndarray, on_device, place, require_atomic
from tests.gpu.strict_cupy.counts import counts
from tests.gpu.strict_cupy.runtime import current, is_pinned

WAITING = {"nonzero", "argwhere", "flatnonzero", "unique", "compress", "extract", "bincount", "array_equal", "allclose",
           "histogram", "setdiff1d", "intersect1d", "union1d"}  # fmt: skip
"""Functions whose result has a size, or is a truth, that the host has to wait for."""
VIEWS = {"reshape", "transpose", "expand_dims", "squeeze", "broadcast_to", "broadcast_arrays", "moveaxis", "swapaxes",
         "ravel", "split", "array_split", "atleast_1d", "atleast_2d", "flip", "diagonal"}  # fmt: skip
KEYWORDS = {"einsum": [], "sum": ["axis", "dtype", "out", "keepdims"], "argsort": ["axis", "kind"]}
"""Where the signature does not say them."""


class Ufunc:
    """One ufunc. CuPy takes `out`, `dtype` and `casting`, and has `at` and `reduceat` for a few."""

    def __init__(self, of: np.ufunc) -> None:
        self._of, self.__name__, self.nin, self.nout = of, of.__name__, of.nin, of.nout

    def __call__(self, *args: Any, out: Any = None, dtype: Any = None, casting: str = "same_kind") -> Any:
        for arg in args:
            if not isinstance(arg, (ndarray, *SCALARS)):
                raise TypeError(f"Unsupported type {type(arg)}")
        if not any(isinstance(arg, ndarray) for arg in args) and not isinstance(out, ndarray):
            raise AssertionError(f"{self.__name__} of numbers alone: CuPy would launch a kernel for it")
        counts.launch(self.__name__)
        if out is not None and not isinstance(out, ndarray):
            raise TypeError("Output arguments type must be cupy.ndarray")
        found = self._of(*map(host, args), out=None if out is None else out._host, dtype=dtype, casting=casting)
        return on_device(found) if out is None else out

    def at(self, array: ndarray, index: Any, values: Any = None) -> None:
        if self.__name__ not in ("add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"):
            raise NotImplementedError(f"`cupy_{self.__name__}.at` is not supported yet")
        require_atomic(self.__name__, array.dtype)
        counts.launch(f"{self.__name__}.at")
        self._of.at(array._host, place(index, array.shape), host(values))

    def reduce(self, array: ndarray, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        if self.__name__ not in ("add", "multiply"):
            raise NotImplementedError(f"`cupy_{self.__name__}.reduce` is not supported yet")
        counts.launch(f"{self.__name__}.reduce")
        return on_device(self._of.reduce(host(array), axis=axis, dtype=dtype, keepdims=keepdims))


def function(name: str, of: Any) -> Any:
    """A function of NumPy that takes arrays of the device."""
    spec = KEYWORDS.get(name, API["cupy"].get(name))

    def call(*args: Any, **named: Any) -> Any:
        for given in set(named) - set(named if spec is None else spec):
            raise TypeError(f"{name}() got an unexpected keyword argument {given!r}")
        if name in WAITING or (name == "where" and len(args) == 1):
            counts.wait()
        if name not in VIEWS:
            counts.launch(name)
        out = named.pop("out", None)
        found = of(*map(host, args), **{key: host(value) for key, value in named.items()})
        if name == "diagonal":
            found.flags.writeable = True  # as there
        if out is None:
            return on_device(found, args[0] if args and isinstance(args[0], ndarray) else None)
        out._host[...] = found
        return out

    return call


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """CuPy wants the condition on the device; the dtype comes of arrays first, as in NumPy."""
    if not isinstance(condition, ndarray):
        raise TypeError(f"Unsupported type {type(condition)}")
    counts.launch("where")
    if x is None:
        counts.wait()
        return on_device(np.where(condition._host))
    return on_device(np.where(condition._host, host(x), host(y)))


def array(obj: Any, dtype: Any = None, copy: bool = True, order: str = "K", subok: bool = False, ndmin: int = 0,
          *, blocking: bool = False) -> ndarray:  # fmt: skip
    """A copy on the device; of arrays that are there already in one piece, of others by an upload."""
    if isinstance(obj, ndarray):
        if not copy and (dtype is None or obj.dtype == dtype):
            return obj
        counts.launch("copy")
        return on_device(np.array(obj._host, dtype, order=order))
    if isinstance(obj, list | tuple) and obj and all(isinstance(part, ndarray) for part in obj):
        counts.launch("stack")
        return on_device(np.array(host(obj), dtype))
    if isinstance(obj, list | tuple) and any(isinstance(part, ndarray) for part in obj):
        raise ValueError("a list of numbers and of arrays on the device")
    values = np.array(obj, dtype)
    if values.dtype.kind not in "biufc":
        raise ValueError(f"Unsupported dtype {values.dtype}")
    if is_pinned(obj) and current().is_own:
        counts.copies += 1
    else:
        counts.upload()
    return on_device(values)


def asarray(a: Any, dtype: Any = None, order: str | None = None, *, copy: Any = None, blocking: bool = False) -> Any:
    return array(a, dtype, copy=False)


def ascontiguousarray(a: Any, dtype: Any = None) -> Any:
    if isinstance(a, ndarray) and a.flags.c_contiguous and dtype in (None, a.dtype):
        return a
    return on_device(np.ascontiguousarray(array(a, dtype, copy=False)._host))


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True) -> np.ndarray:
    return a.get() if isinstance(a, ndarray) else np.asarray(a)


def empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return on_device(garbage(shape, dtype))


def empty_like(prototype: ndarray, dtype: Any = None, order: str = "K", subok: Any = None, shape: Any = None) -> Any:
    return on_device(garbage(prototype.shape if shape is None else shape, dtype or prototype.dtype))


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> ndarray:
    counts.launch("fill")
    return on_device(np.full(shape, host(fill_value), dtype))


def pad(array: ndarray, pad_width: Any, mode: str = "constant", **named: Any) -> ndarray:
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp"):
        raise NotImplementedError(mode)
    counts.launch("pad")
    return on_device(np.pad(array._host, pad_width, mode, **named))


def matmul(a: ndarray, b: ndarray, out: Any = None, **named: Any) -> ndarray:
    counts.launch("matmul")
    for operand in (a, b):
        if not isinstance(operand, ndarray):
            raise TypeError(f"Unsupported type {type(operand)}")
    if named:
        raise TypeError(f"matmul() got an unexpected keyword argument {next(iter(named))!r}")
    found = np.matmul(a._host, b._host)
    if out is None:
        return on_device(found)
    out._host[...] = found
    return out


def copyto(dst: ndarray, src: Any, casting: str = "same_kind", where: Any = None) -> None:
    if not isinstance(dst, ndarray) or not isinstance(src, (ndarray, *SCALARS)):
        raise TypeError(f"copyto from {type(src)} to {type(dst)}")
    counts.launch("copy")
    np.copyto(dst._host, host(src), casting, True if where is None else host(where))


def put_along_axis(arr: ndarray, indices: ndarray, values: Any, axis: int | None) -> None:
    counts.launch("put")
    ordered = np.sort(indices._host, axis=axis)
    if (np.diff(ordered, axis=axis) == 0).any():
        raise AssertionError("a store names a place twice: on a device, which value stays is left to chance")
    np.put_along_axis(arr._host, indices._host, host(values), axis)


OWN = {f.__name__: f for f in (where, array, asarray, ascontiguousarray, asnumpy, empty, empty_like, full, pad, matmul,
                               copyto, put_along_axis)}  # fmt: skip
OWN["asanyarray"] = asarray


def module(name: str, of: Any, **own: Any) -> types.ModuleType:
    """A module with the names that CuPy's has; one that CuPy lacks is an AttributeError, as there."""
    made, known = types.ModuleType(name), API[name]

    def look_up(wanted: str) -> Any:
        if wanted not in known:
            raise AttributeError(f"module {name!r} has no attribute {wanted!r} in CuPy {API['version']}")
        if wanted in own:
            found = own[wanted]
        elif not hasattr(of, wanted):
            raise AttributeError(f"{name}.{wanted} is there in CuPy, and the stand-in does not do it")
        elif isinstance(getattr(of, wanted), np.ufunc):
            found = Ufunc(getattr(of, wanted))
        elif isinstance(getattr(of, wanted), type) or not callable(getattr(of, wanted)):
            found = getattr(of, wanted)
        else:
            found = function(wanted, getattr(of, wanted))
        setattr(made, wanted, found)
        return found

    made.__getattr__ = look_up
    return made
