"""The engine as a process of its own: start it detached, tell it something, notice that it died."""

from __future__ import annotations

import atexit
import signal
import subprocess
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from engine.formats.regular import is_regular, open_regular
from engine.train.events import AnyCommand, encode
from gui import program
from gui.i18n import tr

LOG = "engine.log"
EVENTS = "events.jsonl"
COMMANDS = "commands.jsonl"
HEARD = "commands.position"
"""Where the engine notes up to which command it has read."""
LOCK = "run.lock"


_started: list[subprocess.Popen] = []
"""Every engine this process started and has not yet seen end, so that none stays a zombie."""


def engine_command(arguments: list[str]) -> list[str]:
    """The command line that runs the engine."""
    return program.command("engine", arguments)


def launch(arguments: list[str], folder: Path) -> subprocess.Popen:
    """Start the engine in a session of its own: it outlives this process and prints to the folder's engine.log.

    Raises:
        OSError: the folder cannot be written, or the system starts no more processes.
    """
    reap()
    with open_regular(folder / LOG, "ab") as log:
        process = subprocess.Popen(
            engine_command(arguments),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=program.environment(),
            **_detached(),
        )
    program.let_the_window_go_first(process)
    _started.append(process)
    return process


def _detached() -> dict:
    if sys.platform == "win32":
        return {"creationflags": program.behind_the_window() | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def reap() -> None:
    """Collect the exit status of every engine that has ended."""
    _started[:] = [process for process in _started if process.poll() is None]


@atexit.register
def release() -> None:
    """When this process ends: let go of the engines still running, which stay alive."""
    reap()
    for process in _started:
        process.returncode = 0  # they belong to the system's first process from here on; Popen need not warn
    _started.clear()


def send(folder: Path, command: AnyCommand) -> None:
    """Append the command as one line in one write, so that lines of two writers never mix."""
    with open_regular(folder / COMMANDS, "ab", buffering=0) as file:
        file.write(encode(command))


def unsay(folder: Path) -> None:
    """Take back the commands of a folder in which no engine lives: nobody heard them, and the next one must not."""
    for name in (COMMANDS, HEARD):
        (folder / name).unlink(missing_ok=True)


def is_alive(folder: Path) -> bool:
    """Whether an engine holds the folder's lock."""
    path = folder / LOCK
    if not is_regular(path):
        return False
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False  # a folder of somebody else's, opened to look at: nobody here can run in it
    lock.release()
    return False


def last_words(folder: Path) -> str:
    """The last line that the engine printed, without the traceback above it; "" where it printed nothing."""
    path = folder / LOG
    if not is_regular(path):
        return ""
    with open_regular(path, "rb") as log:
        log.seek(max(0, path.stat().st_size - 8192))
        lines = log.read().decode("utf-8", "replace").splitlines()
    said = [line.strip() for line in lines if line.strip()]
    return said[-1] if said else ""


def exit_reason(code: int | None) -> str:
    """How a process ended, as the middle of a sentence: "was killed by the system (SIGKILL)".

    >>> exit_reason(1)
    'ended with exit code 1'
    >>> exit_reason(None)
    'is gone'
    """
    if code is None:
        return "is gone"
    if code == -9:
        return "was killed by the system (SIGKILL), often because memory ran out"
    if code < 0:
        names = {member.value: member.name for member in signal.Signals}
        return f"was ended by the system ({names.get(-code, f'signal {-code}')})"
    return f"ended with exit code {code}"


def why_not_started(folder: Path, code: int | None) -> str:
    """The last words of an engine that never began, or how it ended, as a sentence."""
    said = last_words(folder)
    if said:
        return tr("The engine did not start: {why}", why=said if said.endswith(".") else f"{said}.")
    return tr("The engine did not start: it {how} without a word.", how=exit_reason(code))
