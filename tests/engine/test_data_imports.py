"""Importing engine.data stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


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
