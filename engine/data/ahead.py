"""Things made in a background thread before they are asked for."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Generator, Iterable
from queue import SimpleQueue
from typing import Any, TypeVar

Item, Made = TypeVar("Item"), TypeVar("Made")
END = object()


def ahead(make: Callable[[Item], Made], items: Iterable[Item], most: int) -> Generator[Made, None, None]:
    """`make(item)` of each item in turn, made by one thread, up to `most` before they are asked for.

    What `make` raises is raised here when its turn comes, and ends the thread, as does closing or dropping the
    iterator. Nothing begins before the first `next()`.

    >>> list(ahead(str, [1, 2, 3], most=2))
    ['1', '2', '3']
    """
    made: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
    room, is_over = threading.Semaphore(most), threading.Event()

    def work() -> None:
        try:
            for item in items:
                room.acquire()
                if is_over.is_set():
                    return
                made.put((make(item), None))
            made.put((END, None))
        except BaseException as fault:  # it is the caller's
            made.put((END, fault))

    context = contextvars.copy_context()  # NumPy's errstate among others
    thread = threading.Thread(target=context.run, args=(work,), name="loading", daemon=True)
    thread.start()
    try:
        while True:
            result, fault = made.get()
            if result is END:
                break
            room.release()
            yield result
    finally:
        is_over.set()
        room.release()
        thread.join()
    if fault is not None:
        raise fault
