"""Locks and forks: a forked child has none of the parent's other threads, so nobody there opens what they held."""

from __future__ import annotations

import os
from typing import Any


def open_in_children(lock: Any) -> Any:
    """The same lock; in every forked child it is open.

    >>> import threading
    >>> with open_in_children(threading.Lock()) as lock:
    ...     pass
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)
    return lock


def closed_to_forks(lock: Any) -> Any:
    """The same lock; a fork waits until it is open, so that a child never begins in the midst of what it protects."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock
