"""A missing library or display is a sentence, never an abort."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gui import system

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for X11 libraries")


def run_main(**environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    return subprocess.run(
        [sys.executable, "main.py"], env=clean | environment, capture_output=True, text=True, timeout=60
    )


@linux_only
@pytest.mark.parametrize(("environment", "part"), [({}, "no display"), ({"DISPLAY": ":4711"}, ":4711 does not answer")])
def test_main_names_a_missing_display_in_one_sentence(environment, part):
    done = run_main(**environment)
    assert done.returncode == 1
    assert part in done.stderr
    assert "xvfb-run" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@linux_only
def test_a_missing_system_library_is_named_with_its_package(monkeypatch):
    monkeypatch.setitem(system._EVERYWHERE, "libno-such-library.so.7", "libno-such-library7")
    assert "libno-such-library.so.7" in system.obstacle()
    assert "apt-get install libno-such-library7" in system.obstacle()


def test_nothing_stands_in_the_way_of_the_tests():
    assert system.obstacle() == ""
