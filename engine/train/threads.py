"""How many threads a run computes with."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from functools import cache
from pathlib import Path

import numpy

import engine

MOST = 8
"""Matrices of the networks that people build here gain nothing from more of OpenBLAS's."""
MOST_COMPILED = 62
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What the environment may say; the first holds for compiled kernels too."""


def available() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def choose(kept: int | None = None, spare: int = 0) -> int:
    """Set the number and return it: `kept`, else what the environment says, else the physical cores without `spare`.

    Threads wait for each other many times a step. Where something else takes a processor from one of them all stand
    still, until a step takes ten times its time; that is why a window that is open beside a run wants one spared.
    With compiled kernels OpenBLAS, which does the little that they leave, has one thread: its threads would go on
    spinning for a while where theirs are to compute. Without them it never gets the last processor.

    Args:
        kept: the number of the run that is taken up: sums come out the same bit for bit only with as many.
        spare: cores to leave to others.
    """
    if is_compiled():
        from engine.kernels.cpu.host import physical_cores

        engine.set_num_threads(kept or _asked() or min(max(physical_cores() - spare, 1), MOST_COMPILED))
        set_blas(1)
    elif kept:
        set_blas(kept)
    elif not any(os.environ.get(name) for name in VARIABLES):
        set_blas(min(max(available() - 1, 1), MOST))
    return count()


def count() -> int:
    """The number in force."""
    return engine.get_num_threads() if is_compiled() else blas()


def is_compiled() -> bool:
    """Whether kernels are compiled here."""
    return importlib.util.find_spec("llvmlite") is not None


def _asked() -> int:
    """What OMP_NUM_THREADS says; 0 where it says nothing that can be."""
    said = os.environ.get(VARIABLES[0], "")
    return min(int(said), MOST_COMPILED) if said.isdecimal() else 0


def set_blas(number: int) -> None:
    """Use that many, where the linear algebra is OpenBLAS as in NumPy's wheels; others keep their own number."""
    if _openblas() is not None:
        _function("set_num_threads")(number)


def blas() -> int:
    """The threads of the linear algebra under NumPy."""
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
