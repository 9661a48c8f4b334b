"""Every example in a docstring runs as it stands, in whatever module it is written."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMPILED = ("engine.kernels.cpu.", "engine.plan.")
"""What begins with these imports llvmlite, which not every machine has."""


def modules_with_examples() -> list[str]:
    """All modules of the program and of its benchmarks in whose text an example stands."""
    files = [ROOT / "main.py"]
    for package in ("engine", "gui", "resources", "tests/benchmarks"):
        files += (ROOT / package).rglob("*.py")
    names = [path.relative_to(ROOT).with_suffix("").parts for path in files if ">>> " in path.read_text("utf-8")]
    return sorted(".".join(parts).removesuffix(".__init__") for parts in names)


@pytest.mark.parametrize("name", modules_with_examples())
def test_the_examples_run(name):
    if name.startswith(COMPILED) and importlib.util.find_spec("llvmlite") is None:
        pytest.skip("the compiled kernels need llvmlite")
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted, "an example stands where no docstring is found"
    assert not result.failed
