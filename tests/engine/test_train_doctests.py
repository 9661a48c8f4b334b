"""The examples in the docstrings of training, metrics, checkpoints and command line run as they stand."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = (
    "engine.metrics",
    *(
        f"engine.metrics.{part}"
        for part in ("classification", "curves", "detection", "metric", "ranking", "regression", "text")
    ),
    "engine.formats.atomic",
    "engine.formats.checkpoint",
    "engine.train.run_folder",
    "engine.train.reporting",
    "engine.train.diagnosis",
    "engine.train.snapshots",
    "engine.train.task",
    "engine.train.warm",
    "engine.kernels.cache",
    "engine.cli.output",
    "engine.cli.progress",
    "engine.cli.projects",
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
