"""A strict stand-in for CuPy over NumPy, for tests where there is no GPU.

Its arrays are no NumPy arrays and never become some by themselves; it has the names and keywords of CuPy 14.2 and no
others; it counts transfers, waits and launches; fresh memory is not a number; a store that names a place twice, or
lies outside, fails. It knows nothing of races, of the order of streams, or of speed.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from typing import Any

import numpy as np

from tests.gpu.strict_cupy import runtime
from tests.gpu.strict_cupy.array import API, ndarray
from tests.gpu.strict_cupy.counts import counts, undisturbed
from tests.gpu.strict_cupy.functions import OWN, Ufunc, module
from tests.gpu.strict_cupy.kernels import ElementwiseKernel

__all__ = ["counts", "install", "undisturbed"]


def scatter_add(array: ndarray, index: Any, values: Any) -> None:
    array.scatter_add(index, values)


def install() -> types.ModuleType:
    """Make `import cupy` and `import cupyx` give the stand-in."""
    cuda = module("cupy.cuda", object(), Stream=runtime.Stream, Event=runtime.Event, Device=runtime.Device,
                  runtime=runtime.runtime, is_available=lambda: True, get_current_stream=runtime.current,
                  using_allocator=runtime.using_allocator)  # fmt: skip
    parts = {
        "cuda": cuda,
        "linalg": module("cupy.linalg", np.linalg),
        "random": module("cupy.random", object()),
        "ndarray": ndarray,
        "ElementwiseKernel": ElementwiseKernel,
        "ufunc": Ufunc,
        "get_default_memory_pool": lambda: runtime.pool,
        "get_default_pinned_memory_pool": lambda: runtime.pinned_pool,
        "get_array_module": lambda *arrays: cupy if any(isinstance(a, ndarray) for a in arrays) else np,
        **OWN,
    }
    cupy = module("cupy", np, **parts)
    cupy.__version__ = API["version"]
    cupyx = module("cupyx", object(), scatter_add=scatter_add, empty_pinned=runtime.empty_pinned)
    for made in (cupy, cupyx):
        made.__spec__ = importlib.machinery.ModuleSpec(made.__name__, None)
    sys.modules.update({"cupy": cupy, "cupyx": cupyx, "cupy.cuda": cuda, "cupy.linalg": parts["linalg"]})
    return cupy
