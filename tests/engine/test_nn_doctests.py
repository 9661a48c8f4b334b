"""The examples in the docstrings run as they stand."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import engine.nn
import engine.optim

MODULES = [
    "engine.formats.weights",
    *(f"engine.nn.{found.name}" for found in pkgutil.iter_modules(engine.nn.__path__) if found.name != "functional"),
    *(found.name for found in pkgutil.walk_packages(engine.optim.__path__, "engine.optim.")),
    *(f"engine.kernels.{name}" for name in ("formula", "update", "generic.updates")),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_every_described_class_has_an_example_a_shape_and_help_for_each_argument():
    from engine.graph import catalogue

    for entry in catalogue.entries().values():
        assert ">>> " in entry.cls.__doc__, entry.type
        assert entry.summary.endswith("."), entry.type
        assert entry.formula, entry.type
        for parameter in entry.parameters:
            assert parameter.help, f"{entry.type}.{parameter.name}"
        if entry.kind in ("layer", "loss"):
            assert entry.shape, entry.type


def test_what_a_new_node_starts_with_is_accepted_by_the_form():
    from engine.graph import catalogue

    for entry in catalogue.entries().values():
        for parameter in entry.parameters:
            assert parameter.start is not catalogue.MISSING, f"{entry.type}.{parameter.name} starts with nothing"
            assert parameter.check(parameter.start) == "", f"{entry.type}.{parameter.name}"
