"""Reading a growing file of lines, a slice at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from engine.formats.regular import open_regular

CHUNK = 1 << 16
LONGEST = 1 << 20
"""Bytes of a line; a longer one is no event and comes in pieces, which are none either."""


class Tail:
    """Hands out the whole lines that a file has gained; an unfinished last one is read again when it has its end."""

    def __init__(self, path: Path):
        self.path = path
        self.is_behind = False
        self.was_restarted = False
        self._offset = 0  # just behind the last newline that was seen

    def read(self, seconds: float) -> Iterator[list[bytes]]:
        """Lists of new lines until the file's end or until the time is up; `is_behind` says which.

        A file that has become shorter is another file: `was_restarted` is set and it is read from its beginning.

        Raises:
            OSError: it is no regular file, or may not be read.
        """
        self.is_behind = self.was_restarted = False
        if not os.path.lexists(self.path):
            return
        deadline = perf_counter() + seconds
        with open_regular(self.path, "rb", buffering=0) as file:
            size = file.seek(0, 2)
            if size < self._offset:
                self._offset, self.was_restarted = 0, True
            file.seek(self._offset)
            rest = b""
            while chunk := file.read(CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > LONGEST:
                    lines, rest = [*lines, rest], b""
                self._offset = file.tell() - len(rest)
                if lines:
                    yield lines
                if perf_counter() > deadline and (lines or not rest):
                    self.is_behind = file.tell() < size
                    return
