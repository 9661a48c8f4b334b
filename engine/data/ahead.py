"""Things made in a background thread before they are asked for."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Generator, Iterable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from engine.errors import EngineError

Item, Made = TypeVar("Item"), TypeVar("Made")
END = object()


def ahead(make: Callable[[Item], Made], items: Iterable[Item], most: int,
          timeout: float | None = None) -> Generator[Made, None, None]:  # fmt: skip
    """`make(item)` of each item in turn, made by one thread, up to `most` before they are asked for.

    What `make` raises is raised here when its turn comes, and ends the thread, as does closing or dropping the
    iterator. Nothing begins before the first `next()`. Who waits longer than `timeout` seconds gets an EngineError.

    >>> list(ahead(str, [1, 2, 3], most=2))
    ['1', '2', '3']
    """
    made: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
    room, is_over = threading.Semaphore(most), threading.Event()

    def work() -> None:
        try:
            left = iter(items)
            while room.acquire() and not is_over.is_set():
                item = next(left, END)
                if item is END:
                    made.put((END, None))
                    return
                made.put((make(item), None))
        except BaseException as fault:  # it is the caller's
            made.put((END, fault))

    context = contextvars.copy_context()  # NumPy's errstate among others
    thread = threading.Thread(target=context.run, args=(work,), name="loading", daemon=True)
    thread.start()
    try:
        while True:
            result, fault = _next(made, timeout)
            if result is END:
                break
            room.release()
            yield result
    finally:
        is_over.set()
        room.release()
        if timeout is None:  # otherwise it may be stuck
            thread.join()
    if fault is not None:
        raise fault


def _next(made: SimpleQueue[Any], timeout: float | None) -> Any:
    try:
        return made.get(timeout=timeout)
    except Empty:
        raise EngineError("DataLoader", got=f"no batch came in {timeout:g} seconds", expected="one within timeout",
                          mend="see what the data set waits for, or give it more time") from None  # fmt: skip
