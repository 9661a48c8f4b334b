"""The process that reads for the window: one request on its standard input, replies on its output, no Qt."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO

from engine.errors import DataError
from gui.reading.look import Look, look
from gui.reading.messages import Answer, Failed, Moved, NoMemory, NotRead, Request, pack, receive, send
from gui.reading.samples import Samples, load

TASKS: dict[str, tuple[Callable[..., Any], type]] = {"look": (look, Look), "samples": (load, Samples)}
"""By name, what can be asked for and what comes of it."""
BEAT = 0.05
"""Seconds between two words on how far it is."""


def main() -> int:
    """Answer one request. Returns the exit code."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr  # nothing that is printed mixes with the replies
    request = receive(sys.stdin.buffer, Request)
    if request is None:
        return 1
    try:
        send(replies, _work(request, replies))
    except BrokenPipeError:  # whoever asked has gone
        return 1
    return 0


def _work(request: Request, replies: BinaryIO) -> Answer | Failed | NotRead | NoMemory:
    told = monotonic()

    def progress(fraction: float) -> bool:
        nonlocal told
        if monotonic() - told > BEAT:
            told = monotonic()
            send(replies, Moved(fraction))
        return True

    task, _ = TASKS[request.task]
    try:
        return Answer(pack(task(request.spec, Path(request.base) if request.base is not None else None, progress)))
    except DataError as error:
        return Failed(error)
    except MemoryError:
        return NoMemory()
    except BrokenPipeError:
        raise
    except OSError as error:
        return NotRead(error.errno or 0, error.strerror or str(error), str(error.filename or ""))


if __name__ == "__main__":
    sys.exit(main())
