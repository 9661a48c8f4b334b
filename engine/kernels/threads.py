"""How many threads the kernels of the processor use, and whether that may show in results."""

from __future__ import annotations

import importlib.util

from engine import installing
from engine.errors import EngineError


def get_num_threads() -> int:
    """How many threads compute: as many as there are physical cores, if not set otherwise; 1 without llvmlite.

    >>> get_num_threads() >= 1
    True
    """
    if importlib.util.find_spec("llvmlite") is None:
        return 1
    from engine.kernels.cpu import pool

    return pool.num_threads()


def set_num_threads(count: int) -> None:
    """Compute with so many threads from now on.

    Results may differ in the last digits then; `use_deterministic_algorithms` says that they may not.

    Args:
        count: from 1 to 62.

    Raises:
        EngineError: another number, or there are no compiled kernels here, whose threads they would be.

    >>> count = get_num_threads()
    >>> if count > 1:  # there are compiled kernels
    ...     set_num_threads(1)
    >>> get_num_threads()
    1
    >>> if count > 1:
    ...     set_num_threads(count)
    """
    if importlib.util.find_spec("llvmlite") is None:
        raise EngineError("set_num_threads", got="llvmlite, which compiles the kernels, is not installed",
                          mend=f"{installing.package('llvmlite')}; "
                               "NumPy's own threads are set by OPENBLAS_NUM_THREADS")  # fmt: skip
    from engine.kernels.cpu import pool

    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= pool.MAX_THREADS:
        raise EngineError(
            "set_num_threads", got=f"{count!r} came", expected=f"a whole number from 1 to {pool.MAX_THREADS}"
        )
    pool.set_num_threads(count)


def use_deterministic_algorithms(mode: bool) -> None:
    """Compute the same bits whatever the number of threads.

    With one number of threads results are the same every time in any case. Without this, gradients of the weights of
    convolutions are added up thread by thread; with it, one thread does that alone, which takes longer.

    Args:
        mode: whether the number of threads may not show.

    >>> use_deterministic_algorithms(True)
    >>> are_deterministic_algorithms_enabled()
    True
    >>> use_deterministic_algorithms(False)
    """
    global _deterministic
    _deterministic = bool(mode)
    if importlib.util.find_spec("llvmlite") is not None:
        from engine.kernels.cpu import pool

        pool.let_threads_show(not _deterministic)


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was told last.

    >>> are_deterministic_algorithms_enabled()
    False
    """
    return _deterministic


_deterministic = False


PRECISIONS = ("highest", "high", "medium")


def set_float32_matmul_precision(precision: str) -> None:
    """Allow products of float32 matrices to be rounded more coarsely; here they never are, whatever is allowed.

    Args:
        precision: "highest", "high" or "medium".

    Raises:
        EngineError: another word.

    >>> set_float32_matmul_precision("medium")
    >>> get_float32_matmul_precision()
    'highest'
    """
    if precision not in PRECISIONS:
        raise EngineError("set_float32_matmul_precision", got=f"{precision!r} came", expected=f"one of {PRECISIONS}")


def get_float32_matmul_precision() -> str:
    """How products of float32 matrices are rounded.

    >>> set_float32_matmul_precision("high")
    >>> get_float32_matmul_precision()
    'highest'
    """
    return "highest"
