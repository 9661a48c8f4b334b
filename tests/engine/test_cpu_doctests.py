"""The examples in the docstrings of the compiled kernels."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

import engine.kernels.cpu


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(engine.kernels.cpu.__path__)])
def test_examples_of(name):
    assert doctest.testmod(importlib.import_module(f"engine.kernels.cpu.{name}")).failed == 0
