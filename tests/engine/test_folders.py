"""The folders in which the user's things are kept are one and the same for engine, window and doctor."""

from __future__ import annotations

import sys

import pytest

from engine.cli import doctor
from engine.formats import elsewhere, trust
from engine.graph.spec import CodeFile
from gui import settings

where_xdg_counts = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it would write to the user's own")


@pytest.mark.parametrize("is_set", [True, pytest.param(False, marks=where_xdg_counts)])
def test_the_doctor_shows_the_folders_that_are_used(monkeypatch, user_folders, is_set):
    if not is_set:
        monkeypatch.delenv("LAYERLOOM_HOME")
    shown = doctor.folders()
    settings.look.set("dark")
    trust.remember([CodeFile("swish.py", "x = 1\n")])
    assert {"Layerloom.ini", "trusted-code.json"} <= {path.name for path in shown["settings"].iterdir()}
    assert settings.state_folder() == elsewhere.unsaved_runs().parent == shown["autosave and runs"]
    assert trust.user_folder() == shown["layers of one's own"]
    for purpose in ("settings", "autosave and runs", "layers of one's own"):
        assert shown[purpose].is_relative_to(user_folders)


@pytest.mark.parametrize("is_set", [True, False])
def test_the_doctor_shows_the_cache_in_which_kernels_lie(monkeypatch, tmp_path, is_set):
    compile = pytest.importorskip("engine.kernels.cpu.compile")
    if is_set:
        monkeypatch.setenv("LAYERLOOM_CACHE", str(tmp_path))
    else:
        monkeypatch.delenv("LAYERLOOM_CACHE")
    shown = doctor.folders()["cache"]
    assert compile.folder().parent == shown
    assert (shown == tmp_path) is is_set
