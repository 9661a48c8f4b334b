"""Every example in the docstrings of tensors, ops, kernels and functions runs."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

PACKAGES = ("engine.ops", "engine.kernels", "engine.kernels.generic", "engine.tensor", "engine.tensor.functions",
            "engine.autograd")  # fmt: skip
SINGLE = ("engine.device", "engine.random", "engine.functions", "engine.nn.functional", "engine.nn.losses_functional",
          "engine.nn.padding_functional", "engine.errors")  # fmt: skip


def modules():
    for package in PACKAGES:
        yield package
        found = importlib.import_module(package)
        for module in pkgutil.iter_modules(found.__path__):
            yield f"{package}.{module.name}"
    yield from SINGLE


@pytest.mark.parametrize("name", sorted(set(modules())))
def test_the_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    count = sum(len(test.examples) for name in set(modules()) for test in finder.find(importlib.import_module(name)))
    assert count > 25
