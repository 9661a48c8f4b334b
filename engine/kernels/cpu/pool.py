"""The pool of threads that runs programs: any Python thread may call it, one program runs at a time."""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from queue import SimpleQueue
from typing import Any, Protocol

import numpy as np

from engine.kernels.cpu import context as layout
from engine.kernels.cpu import executor
from engine.kernels.cpu.compile import compiled
from engine.kernels.cpu.forks import open_in_children
from engine.kernels.cpu.host import physical_cores

LINGER_SECONDS = 0.0005  # how long a thread without work keeps spinning before it parks
MAX_THREADS = 62  # one bit each, in a mask

_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
_lock = open_in_children(threading.Lock())
_pool: Pool | None = None
_wanted = 0  # 0: as many as there are physical cores
_closed = False
threads_may_not_show = False
on_change: list[Callable[[], None]] = []  # called when another number of threads is set
_kept: list[Any] = []  # contexts of pools that were; a thread may look at one for the last time


class Program(Protocol):
    """A table of entries as `executor` reads it, and whether thread 0 does all of them."""

    address: int
    length: int
    alone: bool


class Pool:
    """Worker threads 1 .. threads - 1; the caller is thread 0.

    A worker is a Python thread inside a native call, without the interpreter's lock. It waits for work by spinning,
    and after `LINGER_SECONDS` without any it returns to Python and sleeps there until it is woken.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._launch, self._finish, self._follow = map(_native, (executor.launch, executor.finish, executor.follow))
        self.context = _context(threads)
        self.address = self.context.ctypes.data
        self._wakers = [SimpleQueue() for _ in range(threads)]
        self._running: Any = None  # keeps the arrays alive, also where an interrupt came between
        self._workers = [
            threading.Thread(target=self._serve, args=(number,), name=f"kernels {number}", daemon=True)
            for number in range(1, threads)
        ]
        for worker in self._workers:
            worker.start()

    def run(self, program: Program) -> None:
        """Run a program in all threads; returns when all are done. Not for two callers at once."""
        if self.context[layout.PENDING]:
            self._complete()  # an interrupt (Ctrl+C) came before thread 0 had done its part
        self._running = program
        self.context[layout.TABLE] = program.address
        self.context[layout.LENGTH] = program.length
        self._launch(self.address, 0, 0)
        if self.context[layout.PENDING]:
            self._complete()
        self._running = None

    def enter(self, record: Record, arrays: tuple[Any, ...]) -> None:
        """The same for a record and the arrays that it is to run on."""
        if self.context[layout.PENDING]:
            self._complete()
        self._running = record, arrays
        if record.context != self.address:
            record.context = record.words[executor.RECORD_CONTEXT] = self.address
        _entrances()[1](record.address, id(arrays))
        if self.context[layout.PENDING]:
            self._complete()
        self._running = None

    def close(self) -> None:
        """Let the workers end, once they have done what an interrupt may have left."""
        if self.context[layout.PENDING]:
            self._complete()
        for waker in self._wakers:
            waker.put(False)
        for worker in self._workers:
            worker.join(1.0)

    def _complete(self) -> None:
        """Wake who sleeps, then do thread 0's part. Waking somebody twice is harmless."""
        mask = int(self.context[layout.WAKE])
        for number in range(1, self.threads):
            if mask >> number & 1:
                self._wakers[number].put(True)
        self._finish(self.address, 0, 0)

    def _serve(self, number: int) -> None:
        state = layout.STATES + layout.STATE_WORDS * number
        while self._wakers[number].get():
            self._follow(self.address, number, int(self.context[state + layout.SEEN]))


def run(program: Program) -> None:
    """Run a program, on as many threads as are set; callers of other threads wait for their turn."""
    if program.alone or num_threads() == 1:
        _serial()(program.address, program.length, 0)
        return
    with _lock:
        _current().run(program)


class Record:
    """A program whose arrays are given when it is run: `executor.enter` puts their addresses into its blocks.

    Args:
        program: its blocks may hold anything where arrays belong.
        moves: (number of the array in the tuple, address of the slot, offset in bytes) of each.
    """

    def __init__(self, program: Program, moves: list[tuple[int, int, int]]) -> None:
        self.program, self.alone, self.context = program, program.alone, 0
        head = [program.address, program.length, 0, len(moves)]
        self.words = np.array([*head, *(word for move in moves for word in move)], np.int64)
        self.address = self.words.ctypes.data


def enter(record: Record, arrays: tuple[Any, ...]) -> None:
    """Run a record on these arrays; callers of other threads wait for their turn."""
    with _lock:
        if record.alone or num_threads() == 1:
            if record.context:
                record.context = record.words[executor.RECORD_CONTEXT] = 0
            _entrances()[not record.alone](record.address, id(arrays))
        else:
            _current().enter(record, arrays)


@cache
def _entrances() -> tuple[Any, Any]:
    """`executor.enter` with and without the interpreter's lock: small work is not worth giving it away."""
    native = compiled(executor.enter, *_places())
    return tuple(kind(None, ctypes.c_int64, ctypes.c_int64)(native) for kind in (ctypes.PYFUNCTYPE, ctypes.CFUNCTYPE))


def _places() -> tuple[int, int]:
    """Where a tuple has its first item and an array the address of its memory, in bytes, found by looking."""
    array = np.zeros(1)
    items = (array,)
    word = lambda thing, at: ctypes.c_uint64.from_address(id(thing) + at).value  # noqa: E731
    item = next(at for at in range(0, 64, 8) if word(items, at) == id(array))
    return item, next(at for at in range(0, 64, 8) if word(array, at) == array.ctypes.data)


def num_threads() -> int:
    """How many threads run a program: the physical cores that the process may use, if not set otherwise.

    >>> num_threads() >= 1
    True
    """
    return _wanted or min(physical_cores(), MAX_THREADS)


def set_num_threads(count: int) -> None:
    """Use `count` threads from the next program on.

    Raises:
        ValueError: it is not between 1 and 62.
    """
    global _wanted
    if not 1 <= count <= MAX_THREADS:
        raise ValueError(f"the number of threads is {count}; it must be between 1 and {MAX_THREADS}")
    changed, _wanted = count != num_threads(), count
    if changed:
        for listener in on_change:
            listener()


def let_threads_show(allowed: bool) -> None:
    """Whether the number of threads may show in the last bits of sums; where not, some are left to one thread."""
    global threads_may_not_show
    if threads_may_not_show == allowed:
        threads_may_not_show = not allowed
        for listener in on_change:
            listener()


def _current() -> Pool:
    """The pool, made anew where the number of threads has changed. The caller holds the lock."""
    global _pool
    threads = 1 if _closed else num_threads()
    if _pool is None or _pool.threads != threads:
        if _pool is not None:
            _pool.close()
        _pool = Pool(threads)
    return _pool


def _context(threads: int) -> np.ndarray:
    words = layout.context_words(threads)
    memory = np.zeros(words + 16, np.int64)
    start = -memory.ctypes.data % 128 // 8
    context = memory[start : start + words]
    context[layout.THREADS] = threads
    context[layout.YIELD] = _yield_address()
    context[layout.PATIENCE] = _patience()
    context[layout.STATES + layout.PARKED :: layout.STATE_WORDS] = 1
    _kept.append(memory)
    return context


_natives: dict[Any, Any] = {}


def _native(emit: Any) -> Any:
    if emit not in _natives:
        _natives[emit] = _FUNCTION(compiled(emit))
    return _natives[emit]


def _serial() -> Any:
    return _native(executor.serial)


def _yield_address() -> int:
    """What offers the processor to others: sched_yield, SwitchToThread on Windows."""
    library, name = (
        (ctypes.WinDLL("kernel32"), "SwitchToThread") if sys.platform == "win32" else (ctypes.CDLL(None), "sched_yield")
    )
    function = getattr(library, name, None)
    if function is None:
        return compiled(executor.nothing)
    _kept.append(library)
    return ctypes.cast(function, ctypes.c_void_p).value


def _patience() -> int:
    """Pauses in `LINGER_SECONDS`: a pause takes 5 to 140 cycles, depending on the processor."""
    rest, pauses, shortest = _native(executor.rest), 1000, float("inf")
    for _ in range(5):
        start = time.perf_counter()
        rest(pauses, 0, 0)
        shortest = min(shortest, time.perf_counter() - start)
    return max(100, int(LINGER_SECONDS / shortest * pauses))


def _forget() -> None:
    """In a forked child, where the workers do not exist."""
    global _pool
    _pool = None


def _close() -> None:
    """At exit: nobody may be in native code when it goes."""
    global _pool, _closed
    with _lock:
        _closed = True
        if _pool is not None:
            _pool.close()
            _pool = None


atexit.register(_close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
