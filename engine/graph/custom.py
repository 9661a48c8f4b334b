"""Running layers of one's own: only what was permitted in this process, each file as a module of its own."""

from __future__ import annotations

import linecache
import sys
import threading
import time
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from traceback import walk_tb
from typing import Any

from engine.errors import EngineError, GraphError
from engine.graph import catalogue, source
from engine.graph.catalogue import Entry
from engine.graph.spec import CodeFile, Graph
from engine.nn import Module

_PREFIX = "layerloom_custom_"
_permitted: set[str] = set()


def permit(files: Iterable[CodeFile]) -> None:
    """Let these files run in this process: a person trusts them. The window never calls this."""
    _permitted.update(file.digest for file in files)


def may_run(file: CodeFile) -> bool:
    """Whether it was permitted in this process."""
    return file.digest in _permitted


def know(files: tuple[CodeFile, ...]) -> None:
    """Put the layers of these files into the catalogue; nothing runs."""
    catalogue.set_custom(*source.read_all(files))


def used(graph: Graph) -> tuple[CodeFile, ...]:
    """The files whose layers a network uses."""
    known = catalogue.custom()
    files = {known[node.type].code: None for node in graph.nodes if node.type in known}
    return tuple(files)


def make(entry: Entry, params: dict[str, Any]) -> Module:
    """A layer of the catalogue with these arguments.

    Raises:
        GraphError: it is one's own, and its file is not permitted here or at fault.
    """
    return entry.make(params) if entry.code is None else _class_of(entry)(**params)


def _class_of(entry: Entry) -> type:
    if not may_run(entry.code):
        raise GraphError(entry.code.name, got="its code is not trusted, so it does not run",
                         mend="look at it and trust it first")  # fmt: skip
    found = getattr(_load(entry.code), entry.type, None)
    if not (isinstance(found, type) and issubclass(found, Module)):
        place = f"{entry.code.name}, line {entry.line}"
        raise GraphError(place, got=f"{entry.type} is no engine.nn.Module",
                         mend="import nn from engine and derive the class from nn.Module")  # fmt: skip
    return found


@cache
def _load(file: CodeFile) -> types.ModuleType:
    """The file as a module, under a name of its hash: two projects never see each other's."""
    name = _PREFIX + file.digest[:16]
    where = f"<{name}>/{file.name}"
    module = types.ModuleType(name)
    module.__file__ = where
    linecache.cache[where] = (len(file.source), None, file.source.splitlines(keepends=True), where)
    code = compile(file.source, where, "exec", dont_inherit=True)
    sys.modules[name] = module
    try:
        exec(code, vars(module))
    except BaseException:
        del sys.modules[name]
        raise
    return module


def place_of(error: BaseException) -> str:
    """Where in a file of one's own an error arose: "swish.py, line 12"; "" for an error from elsewhere."""
    if isinstance(error, SyntaxError) and str(error.filename).startswith(f"<{_PREFIX}"):
        return _shown(error.filename, error.lineno or 1)
    places = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    return next((_shown(*place) for place in reversed(places) if place[0].startswith(f"<{_PREFIX}")), "")


def _shown(filename: str, line: int) -> str:
    return f"{filename.split('/', 1)[1]}, line {line}"


def sentence(error: BaseException) -> str:
    """What an error in a file of one's own says, without its place and without a full stop."""
    if isinstance(error, EngineError):
        said = str(error)
    elif isinstance(error, ModuleNotFoundError) and str(error.name).split(".")[0] == "torch":
        said = "there is no torch here; write `import engine as torch` or `from engine import nn`"
    elif isinstance(error, SystemExit):
        said = "it ends the program"
    else:
        said = f"{type(error).__name__}: {' '.join(str(error).split())}" if str(error) else type(error).__name__
    return said.rstrip(".")


def placed(error: Exception) -> Exception:
    """The error as a sentence with file and line, where it arose in a file of one's own; else as it is."""
    place = place_of(error)
    if not place or str(error).startswith(place):
        return error
    return GraphError(place, got=sentence(error), fixes=error.fixes if isinstance(error, EngineError) else ())


@contextmanager
def limited(seconds: float, overdue: Callable[[str], None]) -> Iterator[None]:
    """Call `overdue(place)` from another thread where this takes longer: a loop in a layer may have no end.

    Seconds of the processor count, so that a busy machine is no fault; of the clock, four times as many at the most.
    """
    asked, over = threading.get_ident(), threading.Event()
    worked, began = time.process_time(), time.monotonic()

    def look() -> None:
        while not over.wait(seconds / 20):
            if time.process_time() - worked > seconds or time.monotonic() - began > 4 * seconds:
                overdue(_running_at(asked))
                return

    threading.Thread(target=look, daemon=True, name="layerloom-limit").start()
    try:
        yield
    finally:
        over.set()


def _running_at(thread: int) -> str:
    """The line of a file of one's own at which a thread is, or ""."""
    frame = sys._current_frames().get(thread)
    while frame is not None:
        if frame.f_code.co_filename.startswith(f"<{_PREFIX}"):
            return _shown(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return ""
