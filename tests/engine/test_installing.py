"""Hints on what to install are commands that work where they are given."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

import engine
from engine import installing
from tests.engine.projects import ROOT

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.fixture(params=["pip", "uv pip"])
def pip(request, monkeypatch):
    """The installer of an environment that has pip, and of one that uv made without."""
    module = ModuleType("pip")
    module.__spec__ = ModuleSpec("pip", None)
    monkeypatch.setitem(sys.modules, "pip", module if request.param == "pip" else None)
    return request.param


@pytest.mark.parametrize("name", EXTRAS)
def test_a_checkout_is_installed_from_its_folder(pip, name):
    commands = {"pip": ["pip", "install", "-e", f".[{name}]"], "uv pip": ["uv", "sync", "--extra", name]}
    assert shlex.split(installing.extra(name)) == commands[pip]


def test_an_installed_one_is_named(tmp_path):
    """As a wheel puts it down: without the pyproject.toml that lies beside a checkout's engine."""
    (tmp_path / "engine").mkdir()
    shutil.copy(installing.__file__, tmp_path / "engine")
    code = "from engine.installing import extra; print(extra('cuda12'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert shlex.split(done.stdout)[-2:] == ["install", "layerloom[cuda12]"], done.stderr


def test_a_device_without_cupy_names_the_command_that_brings_it(pip, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setitem(sys.modules, "cupy", None)
    mend = {found.device: found.mend for found in engine.diagnose()}["cuda:0"]
    assert {"pip": '`pip install -e ".[cuda12]"`', "uv pip": "`uv sync --extra cuda12`"}[pip] in mend


def test_a_cupy_that_cannot_be_loaded_is_installed_anew_by_its_own_name(pip, monkeypatch, tmp_path):
    (tmp_path / "cupy").mkdir()
    (tmp_path / "cupy" / "__init__.py").write_text("raise ImportError('no libcudart')")
    facts = tmp_path / "cupy_cuda13x-14.2.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: cupy-cuda13x\nVersion: 14.2.0\n")
    (facts / "top_level.txt").write_text("cupy\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    found = {found.device: found for found in engine.diagnose()}["cuda:0"]
    assert "no libcudart" in found.reason
    assert found.mend == f"install it anew: `{pip} install --force-reinstall cupy-cuda13x==14.2.0`"
