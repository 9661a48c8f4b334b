"""Ctrl-C while the program `layerloom` is still being loaded: one line and exit code 130, as later on.

Where the engine is imported by a script, Ctrl-C is the script's.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130
"""The exit code, as shells give it: 128 and the signal's number."""


def is_program() -> bool:
    """Whether this process is `layerloom` or `python -m engine`."""
    if sys.argv[:1] == ["-m"]:  # what stands there until Python has found the module
        words = sys.orig_argv
        return "-mengine" in words or ("-m", "engine") in itertools.pairwise(words)
    return os.path.basename("".join(sys.argv[:1])).removesuffix(".exe") == "layerloom"


def leave(number: int, frame: FrameType | None) -> None:
    """Say so and go: nothing has been begun that would have to be put in order."""
    os.write(2, b"Interrupted.\n")
    os._exit(INTERRUPTED)


def leaves() -> None:
    """From now on Ctrl-C ends the program at once, if this is the program, and Ctrl-C was not turned off outside."""
    if is_program() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)


def raises() -> None:
    """From now on it raises KeyboardInterrupt again, for what is begun must be put in order."""
    if signal.getsignal(signal.SIGINT) is leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
