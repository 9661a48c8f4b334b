"""The CUDA sources compile for a GPU where there is none."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_every_cuda_source_compiles():
    installed = {name.metadata["Name"] for name in importlib.metadata.distributions()}
    if not installed & {"cupy-cuda12x", "cupy-cuda13x"}:
        pytest.skip("CuPy, whose code generator writes the CUDA code, is not installed")
    ran = subprocess.run([sys.executable, "-m", "tests.gpu.nvrtc"], cwd=ROOT, capture_output=True, text=True,
                         env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
