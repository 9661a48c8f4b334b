"""The suite for GPUs: `pytest -m gpu` runs it on a real one, `pytest -c tests/gpu/pytest.ini tests/gpu` on a stand-in.

Both walk over the tables of ops and the networks that the tests of the processor use.
"""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_addoption(parser):
    parser.addoption("--stand-in", action="store_true", help="run on a strict stand-in for CuPy, without a GPU")


def pytest_ignore_collect(collection_path, config):
    """Deselected by default; then not even read, as the tables are long."""
    return True if config.option.markexpr == "not gpu" else None


def pytest_configure(config):
    if config.getoption("--stand-in", default=False):
        from tests.gpu import strict_cupy

        strict_cupy.install()


def pytest_collection_modifyitems(config, items):
    ours = [item for item in items if HERE in item.path.parents]
    if ours:
        from engine.device import diagnose

        gpu = diagnose()[1]
        for item in ours:
            item.add_marker("gpu")
            if not gpu.usable:
                item.add_marker(pytest.mark.skip(reason=f"there is no usable GPU here: {gpu.reason}"))
            elif item.get_closest_marker("counts") and not config.getoption("--stand-in", default=False):
                item.add_marker(pytest.mark.skip(reason="only the stand-in counts transfers"))
