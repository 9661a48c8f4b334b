"""Every test runs offscreen, with user folders of its own, and leaves no thread and no process behind."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before any import of Qt
os.environ.setdefault("QT_API", "pyside6")
os.environ.setdefault("PYQTGRAPH_QT_LIB", "PySide6")
sys.path.insert(0, str(Path(__file__).parent.parent))

from gui.system import obstacle

COMPILED = pytest.StashKey[str]()  # the folder of what this run of the tests has compiled
MOST_PROCESSES = 4


def pytest_xdist_auto_num_workers(config):
    """All tests are shared out among processes, one for each core; a few that are named stay in this one."""
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        return 0
    return min(_cores(), MOST_PROCESSES)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if reason := obstacle():  # asked before pytest-qt loads Qt, which would abort
        pytest.exit(f"the tests cannot run here: {reason}", returncode=4)
    if not is_worker(config):
        compile_once(config)


def pytest_unconfigure(config):
    if COMPILED in config.stash:
        shutil.rmtree(config.stash[COMPILED])


def compile_once(config):
    """Let all processes of this run of the tests share what one of them has compiled: kernels, and Python's code."""
    folder = config.stash[COMPILED] = tempfile.mkdtemp()
    os.environ["LAYERLOOM_CACHE"] = folder
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):  # else it lies beside the sources, where it is found again
        os.environ["PYTHONPYCACHEPREFIX"] = os.path.join(folder, "python")


def is_worker(config) -> bool:
    """Whether this process was started by another one that shares the tests out."""
    return hasattr(config, "workerinput")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pytest_sessionfinish():
    """Empty the clipboard: offscreen, Qt would free what it holds after Python has gone, and crash."""
    widgets = sys.modules.get("PySide6.QtWidgets")
    if widgets is not None and widgets.QApplication.instance() is not None:
        widgets.QApplication.clipboard().clear()


@pytest.fixture(autouse=True)
def user_folders(tmp_path_factory, monkeypatch):
    """Settings, state and caches go to a temporary folder that each test has for itself; kernels to one for all."""
    home = tmp_path_factory.mktemp("home")
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(home / variable.lower()))
    monkeypatch.setenv("LAYERLOOM_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """Fails a test that leaves a non-daemon thread or a child process alive."""
    threads, children = set(threading.enumerate()), _children()
    yield
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        left = [t.name for t in set(threading.enumerate()) - threads if t.is_alive() and not t.daemon]
        left += [f"process {pid}" for pid in _children() - children]
        if not left:
            return
        time.sleep(0.02)
    pytest.fail(f"left behind: {', '.join(left)}")


def _children() -> set[int]:
    """The living child processes, where the system tells (Linux)."""
    found = set()
    for listing in Path("/proc/self/task").glob("*/children") if sys.platform == "linux" else ():
        try:
            pids = listing.read_text().split()
        except OSError:  # the thread ended meanwhile
            continue
        found.update(int(pid) for pid in pids if _is_alive(int(pid)))
    return found


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
