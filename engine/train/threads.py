"""How many threads the linear algebra under NumPy uses."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path

import numpy

MOST = 8
"""Matrices of the networks that people build here gain nothing from more."""


def available() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def choose() -> int:
    """Set a sensible number and return the one in force; OPENBLAS_NUM_THREADS or OMP_NUM_THREADS have the last word.

    One processor is left to the window: OpenBLAS's threads wait for each other without sleeping, so that as many as
    there are processors cost a convolutional step four times its time as soon as anything else runs, and hardly
    anything is won by the last one on matrices of this size.
    """
    if not any(os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")):
        set_count(min(max(available() - 1, 1), MOST))
    return count()


def set_count(number: int) -> None:
    """Use that many, where the linear algebra is OpenBLAS as in NumPy's wheels; others keep their own number."""
    if _openblas() is not None:
        _function("set_num_threads")(number)


def count() -> int:
    """The number in force."""
    return int(_function("get_num_threads")()) if _openblas() is not None else available()


@cache
def _openblas() -> ctypes.CDLL | None:
    """NumPy's wheels bring OpenBLAS in a folder of their own; opened a second time, it is the same library."""
    package = Path(numpy.__file__).parent
    folders = (package.parent / "numpy.libs", package / ".dylibs")
    found = [file for folder in folders for file in sorted(folder.glob("*openblas*"))]
    return ctypes.CDLL(str(found[0])) if found else None


def _function(name: str) -> ctypes._CFuncPtr:
    """The function under whichever name this build has it."""
    for symbol in (f"scipy_openblas_{name}64_", f"scipy_openblas_{name}", f"openblas_{name}64_", f"openblas_{name}"):
        if hasattr(_openblas(), symbol):
            return getattr(_openblas(), symbol)
    raise AttributeError(f"this OpenBLAS has no {name}")
