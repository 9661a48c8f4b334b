"""This very program as another process: its headless parts, from a checkout or out of a frozen bundle."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = {"engine": "engine", "reader": "gui.reading.child"}
"""What `main.py --PART` runs, by module."""
NICENESS = 5


def command(part: str, arguments: list[str]) -> list[str]:
    """The command line that runs a part: by this Python, or by the bundle that it is frozen in."""
    if getattr(sys, "frozen", False):
        return [sys.executable, f"--{part}", *arguments]
    return [sys.executable, "-m", PARTS[part], *arguments]


def environment() -> dict[str, str]:
    """What such a process is to find around it."""
    # safe path: the working folder may be somebody else's, and no module is to be found in it
    variables = dict(os.environ, PYTHONUTF8="1", PYTHONUNBUFFERED="1", PYTHONSAFEPATH="1")
    if not getattr(sys, "frozen", False):
        inherited = variables.get("PYTHONPATH")
        variables["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([inherited] if inherited else [])])
    return variables


def behind_the_window() -> int:
    """Flags of Popen on Windows: no console, and after the window in the queue for a processor; 0 elsewhere."""
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
    return 0


def let_the_window_go_first(process: subprocess.Popen) -> None:
    """Where both want the same processor the window gets it: a frame is short, a training run long."""
    if sys.platform != "win32":  # there it is said at the start
        go_behind_the_window(process.pid)


def go_behind_the_window(pid: int) -> None:
    """The same by the number of the process, where there is a niceness to set."""
    os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
