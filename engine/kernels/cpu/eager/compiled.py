"""How a method of the kernel set becomes compiled code for the shapes at hand, and where it stays the generic one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from engine.kernels.cpu import pool
from engine.kernels.cpu.caller import Caller, Layout, Recipe
from engine.kernels.cpu.forks import open_in_children
from engine.kernels.generic import Kernels
from engine.kernels.generic.elementwise import UFUNCS

MOST = 4096  # calls that are kept for one kernel: whoever has more shapes than that goes on without the oldest
_building = open_in_children(threading.RLock())
_known: dict[int, dict[Any, Any]] = {}


def compiled(
    least: int = 0, generic: Callable[..., Any] | None = None, number: int = 0
) -> Callable[[Callable[..., Recipe | None]], Callable[..., Any]]:
    """Make a kernel of a function that, given the layouts of the arrays, says how it is computed.

    What is no array comes as it is.

    Args:
        least: elements of argument `number` below which NumPy is sooner done.
        generic: what runs then, and where the function returns None; the kernel of that name in the generic set.
        number: of the argument whose size counts.
    """

    def decorate(build: Callable[..., Recipe | None]) -> Callable[..., Any]:
        calls: dict[Any, Any] = {}
        otherwise = generic or ufunc_or_method(build.__name__)

        @wraps(build)
        def kernel(self: Any, *arguments: Any) -> Any:
            if arguments[number].size < least:
                return otherwise(self, *arguments)
            # a 0 by its text: 0.0 and -0.0 are equal
            key = tuple([(a.shape, a.strides, a.dtype) if type(a) is np.ndarray else a or repr(a) for a in arguments])
            call = calls.get(key)
            if call is None:
                call = cached(calls, key, lambda: bind(self, arguments))
            return call(*arguments) if call is not otherwise else otherwise(self, *arguments)

        def bind(self: Any, arguments: tuple[Any, ...]) -> Any:
            if not all(_is_regular(argument) for argument in arguments):
                return otherwise
            recipe = build(self, *(Layout.of(a) if type(a) is np.ndarray else a for a in arguments))
            return otherwise if recipe is None else Caller(recipe)

        return kernel

    return decorate


def cached(calls: dict[Any, Any], key: Any, make: Callable[[], Any]) -> Any:
    """What is kept under a key, made where there is nothing."""
    found = calls.get(key)
    if found is None:
        with _building:
            _known[id(calls)] = calls
            if len(calls) >= MOST:
                del calls[next(iter(calls))]
            found = calls[key] = make()
    return found


def ufunc_or_method(name: str) -> Callable[..., Any]:
    """The generic kernel of this name."""
    if name in UFUNCS:
        ufunc = getattr(np, UFUNCS[name])
        return lambda self, *arguments, **named: ufunc(*arguments, **named)
    return getattr(Kernels, name)


def forget() -> None:
    """The number of threads has changed: plans are made for it."""
    with _building:
        for calls in _known.values():
            calls.clear()


def _is_regular(argument: Any) -> bool:
    """Whether compiled code can read it: no array, or one of elements that lie at whole multiples of their size."""
    if not hasattr(argument, "dtype"):
        return True
    if type(argument) is not np.ndarray or argument.size == 0 or not argument.flags.aligned:
        return False
    return argument.dtype.isnative and all(s % argument.itemsize == 0 for s in argument.strides)


pool.on_change.append(forget)
