"""The folder of compiled kernels: what is in it, and how to empty it."""

from __future__ import annotations

import importlib.util
import secrets
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Contents:
    """What a folder of kernels holds.

    Args:
        kernels: how many.
        bytes: of all files.
        writable: whether more can be kept.
        refused: how many of them are never run, as others could have written them.
    """

    folder: Path
    kernels: int
    bytes: int
    writable: bool
    refused: int = 0


def contents() -> Contents | None:
    """What is kept for this user; None where no kernels are compiled, for want of llvmlite.

    >>> found = contents()
    >>> found is None or found.bytes >= 0
    True
    """
    if importlib.util.find_spec("llvmlite") is None:
        return None
    from engine.kernels.cpu import compile

    folder = compile.folder()
    files = compile.kept(folder)
    kernels = [path for path, _, _ in files if path.suffix == ".o"]
    refused = sum(path.exists() and not compile.is_own(path.stat()) for path in kernels)
    return Contents(folder, len(kernels), sum(size for _, size, _ in files), _can_be_written(folder), refused)


def clear() -> int:
    """Take all kernels away; how many there were. Processes that run keep theirs in memory.

    Raises:
        OSError: one cannot be taken away.
    """
    found = contents()
    if found is None:
        return 0
    from engine.kernels.cpu import compile

    for path, _, _ in compile.kept(found.folder):
        path.unlink(missing_ok=True)
    return found.kernels


def _can_be_written(folder: Path) -> bool:
    probe = folder / f".{secrets.token_hex(4)}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True
