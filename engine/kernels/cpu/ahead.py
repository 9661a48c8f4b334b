"""Memory fetched ahead: while one piece is computed, what the next one reads comes into the second-level cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from engine.kernels.cpu.emit import Code
from engine.kernels.cpu.values import Value

LINE = 16  # floats


@dataclass(frozen=True)
class Stream:
    """Neighbouring floats that will be read, or written."""

    pointer: Value
    floats: int
    writes: bool = False


@dataclass(frozen=True)
class Job:
    """A part of a piece's work.

    Args:
        calls: how often it calls the function that `run` is given.
        run: writes it.
    """

    calls: int
    run: Callable[[Callable[[], None]], None]


class Ahead:
    """Called from the loops of a piece's work, it fetches the streams a little at a time.

    The caches' own logic fetches a stream only once it is read, and arithmetic that waits for it does nothing else.

    Args:
        code: the function that is written.
        streams: what to fetch.
        calls: how often it will be called.
    """

    def __init__(self, code: Code, streams: list[Stream], calls: int) -> None:
        self.code = code
        self.streams = [(stream, code.variable(code.int(0)), ceil(stream.floats / LINE / calls)) for stream in streams]

    def __call__(self) -> None:
        code = self.code
        for stream, done, lines in self.streams:
            position = done.get()
            with code.when(position < stream.floats):
                with code.loop(position, position + lines * LINE, LINE) as place:
                    code.prefetch(stream.pointer, place, stream.writes)
                done.set(position + lines * LINE)
