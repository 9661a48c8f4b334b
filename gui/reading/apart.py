"""Reading data for a panel: small ones at once, large ones in a process of their own.

A thread that parses for seconds holds the interpreter again and again, and each time the window's thread waits for it:
a form that is laid out in 20 ms then takes 100. A process has an interpreter of its own.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from engine.data import Cancelled, Progress
from engine.errors import EngineError
from engine.graph.spec import DataSpec
from gui import program
from gui.i18n import tr
from gui.reading.child import TASKS
from gui.reading.messages import Answer, Failed, Moved, NoMemory, NotRead, Reply, Request, receive, send, unpack
from gui.run.process import exit_reason

AT_ONCE = 2 * 2**20
"""Bytes of a file that is read in the window's own process."""


def read(task: str, spec: DataSpec, base: Path | None, progress: Progress) -> Any:
    """Do "look" or "samples"; called in a thread that may wait.

    Raises:
        DataError: what is wrong with the data.
        EngineError: the process that read them died.
        Cancelled: `progress` answered False.
    """
    if not is_large(spec, base):
        work, _ = TASKS[task]
        return work(spec, base, progress)
    return _ask(Request(task, spec, str(base) if base is not None else None), progress)


def is_large(spec: DataSpec, base: Path | None) -> bool:
    """Whether reading takes long: a large file, or any folder."""
    if spec.reader == "bundled" or not spec.source:
        return False
    path = Path(base or "", Path(spec.source).expanduser())
    return path.is_dir() or (path.is_file() and path.stat().st_size > AT_ONCE)


def _ask(request: Request, progress: Progress) -> Any:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    how = {"env": program.environment(), "creationflags": program.behind_the_window()}
    with subprocess.Popen(program.command("reader", []), **pipes, **how) as child:
        try:
            program.let_the_window_go_first(child)
            send(child.stdin, request)
            return _listen(child, request.task, progress)
        finally:
            child.kill()


def _listen(child: subprocess.Popen, task: str, progress: Progress) -> Any:
    while True:
        match receive(child.stdout, Reply):
            case Moved(fraction):
                if not progress(fraction):
                    raise Cancelled("", got="opening the data was cancelled")
            case Answer(content):
                _, type = TASKS[task]
                return unpack(content, type)
            case Failed(error):
                raise error
            case NotRead(number, why, path):
                raise OSError(number, why, path)
            case NoMemory():
                raise MemoryError
            case None:
                raise _died(child)


def _died(child: subprocess.Popen) -> EngineError:
    """The end of a process that has not answered, as a sentence."""
    lines = child.stderr.read().decode("utf-8", "replace").split("\n")
    said = next((line for line in reversed(lines) if line.strip()), "")
    got = tr("the process that read it {how}", how=exit_reason(child.wait()))
    return EngineError(tr("the data"), got=f"{got}: {said}" if said else got)
