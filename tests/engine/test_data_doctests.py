"""The examples in the docstrings of engine.data run, and importing it stays light."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import engine.data

MODULES = [module.name for module in pkgutil.walk_packages(engine.data.__path__, "engine.data.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0


def test_importing_the_data_package_loads_neither_pillow_nor_qt_nor_llvmlite():
    code = "import sys, engine.data; print([m for m in ('PIL', 'PySide6', 'llvmlite', 'scipy') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"
