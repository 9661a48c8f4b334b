"""What a command says: sentences and tables for people, one JSON object for programs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from engine.wording import legible


def a_path(text: str) -> Path:
    """An argument that names a file or folder; an empty one, as of an unset variable, would mean the folder one is in.

    Raises:
        argparse.ArgumentTypeError: it is empty.
    """
    if not text:
        raise argparse.ArgumentTypeError("the name of a file or folder is expected, not an empty text")
    return Path(text)


@dataclass(frozen=True)
class Result:
    """What a command gives back: figures for --json, and the exit code."""

    figures: dict[str, Any] = field(default_factory=dict)
    code: int = 0


class Output:
    """Standard output for people, or, with --json, for one object; people then read standard error."""

    def __init__(self, json: bool):
        self.json = json
        self._people = sys.stderr if json else sys.stdout
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace")  # a console may lack a letter; that is no reason to fail

    def keep_stdout_free(self) -> None:
        """From now on people read standard error."""
        self._people = sys.stderr

    def say(self, text: str = "") -> None:
        """A line for people; what a stranger's file says cannot move their cursor."""
        print(legible(text), file=self._people, flush=True)

    def letter_for_letter(self, text: str) -> None:
        """A whole file on standard output, for another program."""
        print(text, flush=True)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> None:
        """Columns wide enough for what is in them; the first `left` to the left, numbers to the right."""
        for line in columns(header, rows, left):
            self.say(line)

    def result(self, figures: dict[str, Any]) -> None:
        """The last line, with --json."""
        if self.json:
            sys.stdout.flush()
            sys.stdout.buffer.write(msgspec.json.encode(figures) + b"\n")
        sys.stdout.flush()

    def fail(self, message: str, code: int) -> int:
        """One line on standard error, and the object for --json; returns the code."""
        print(legible(" ".join(message.split())), file=sys.stderr, flush=True)
        self.result({"error": message})
        return code


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Lines of a table.

    >>> columns(("layer", "size"), [("fc", "10"), ("convolution", "3")])
    ['layer        size', '───────────  ────', 'fc             10', 'convolution     3']
    """
    widths = [max(map(len, cells)) for cells in zip(header, *rows)]

    def line(cells: Sequence[str]) -> str:
        padded = [c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths))]
        return "  ".join(padded).rstrip()

    heading = "  ".join(c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(header, widths)))
    return [heading.rstrip(), "  ".join("─" * width for width in widths), *map(line, rows)]


def grouped(number: float) -> str:
    """A count with thin groups of three.

    >>> grouped(1234567)
    '1,234,567'
    """
    return f"{number:,.0f}"


def duration(seconds: float) -> str:
    """A time in the two units that matter.

    >>> duration(0.4), duration(75), duration(7300)
    ('0.4 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def metrics(figures: dict[str, float]) -> str:
    """Figures in a row.

    >>> metrics({"loss": 0.123456, "accuracy": 0.5})
    'loss 0.1235  accuracy 0.5000'
    """
    return "  ".join(f"{name} {value:.4g}" if value >= 10 else f"{name} {value:.4f}" for name, value in figures.items())
