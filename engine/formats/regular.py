"""Opening files that came from elsewhere: only what is a file, never what a link, a pipe or a device makes of it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_FLAGS = {
    "rb": os.O_RDONLY,
    "r+b": os.O_RDWR,
    "ab": os.O_WRONLY | os.O_APPEND | os.O_CREAT,
}
_ALWAYS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


def open_regular(path: Path, mode: str, buffering: int = -1) -> BinaryIO:
    """Open `path` in the mode "rb", "r+b" or "ab", as `open` does, if it is a regular file itself.

    A run folder may have been sent by anyone: a link in it would have us write to, or read from, another place.

    Raises:
        OSError: it is a link, a pipe, a device or a folder; or what `open` raises.

    >>> import tempfile; folder = Path(tempfile.mkdtemp())
    >>> with open_regular(folder / "events.jsonl", "ab") as file:
    ...     file.write(b"x")
    1
    """
    if os.path.islink(path):
        raise OSError(errno.ELOOP, "it is a link, not a file", str(path))
    descriptor = os.open(path, _FLAGS[mode] | _ALWAYS, 0o644)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return os.fdopen(descriptor, mode, buffering)


def read_regular(path: Path, limit: int) -> bytes:
    """The content of `path`, if it is a regular file itself and no longer than `limit` bytes.

    Raises:
        OSError: as `open_regular`, or it is longer.
    """
    with open_regular(path, "rb") as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise OSError(errno.EFBIG, f"it is longer than {limit} bytes", str(path))
        return file.read(limit)


def is_regular(path: Path) -> bool:
    """Whether there is a file of that name: no link to one, no pipe and no device."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except (OSError, ValueError):  # ValueError: a name with a NUL in it
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder of that name, and no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False


def make_folder(path: Path) -> None:
    """Make the folder `path` where there is none yet.

    Raises:
        OSError: it cannot be made, or a link or a file is in its place.
    """
    path.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        raise OSError(errno.ELOOP, f"{path.name} is a link, not a folder", str(path))
