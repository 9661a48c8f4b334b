"""Names that are imported when they are first used (PEP 562); the stub beside a module says where each comes from.

A module that takes its names from here imports nothing for them; its stub is what it would be if it did, so that type
checkers and editors see all of it:

    engine/nn/__init__.pyi    from engine.nn.linear import Linear
                              __all__ = ["Linear"]
    engine/nn/__init__.py     __getattr__, __dir__, __all__ = lazy.names_of(__name__)
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

_homes: dict[str, dict[str, str]] = {}  # of each module with a stub, in its order: name -> the module it comes from


def names_of(module: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a module, from its stub.

    >>> import engine.nn
    >>> "Linear" in dir(engine.nn), engine.nn.Linear
    (True, <class 'engine.nn.linear.Linear'>)
    """
    here = sys.modules[module]
    homes, names = _read(os.path.splitext(here.__file__ or "")[0] + ".pyi")
    _homes[module] = homes

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name, obj=here)
        if homes[name] == module:  # from engine.nn import init
            value = importlib.import_module(f"{module}.{name}")
        else:
            value = getattr(importlib.import_module(homes[name]), name)
        setattr(here, name, value)  # so that it is looked up but once
        return value

    return find, lambda: sorted({*vars(here), *names}), names


def load(module: str) -> None:
    """Import all that a module offers, in the order of its stub: for those who list it, as the catalogue does."""
    here = importlib.import_module(module)
    for name in _homes[module]:
        getattr(here, name)


def _read(stub: str) -> tuple[dict[str, str], list[str]]:
    """-> the module that each name comes from, and `__all__`."""
    with open(stub, encoding="utf-8") as file:
        lines = ast.parse(file.read()).body
    imports = [line for line in lines if isinstance(line, ast.ImportFrom)]
    homes = {alias.name: str(line.module) for line in imports for alias in line.names}
    (names,) = (ast.literal_eval(line.value) for line in lines if isinstance(line, ast.Assign))
    return homes, names
