"""What the threads of a pool know of each other: words of a block of memory; different writers' are 128 bytes apart."""

from __future__ import annotations

GENERATION, TABLE, LENGTH, THREADS, YIELD, PATIENCE, WAKE, PENDING, ARRIVED, PHASE, STATES = (
    0, 16, 17, 18, 19, 20, 21, 22, 32, 48, 64,
)  # fmt: skip
STATE_WORDS = 16
PARKED, SEEN, TAKEN = (
    0,
    1,
    8,
)  # of each thread: whether it is parked, the generation it has seen, what of its part is taken
TAKEN_BITS = 24  # of the last: the rest tells which phase it is of


def context_words(threads: int) -> int:
    """Size of a context.

    >>> context_words(2)
    96
    """
    return STATES + STATE_WORDS * threads
