"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import stat
import time
from pathlib import Path


def write_atomic(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a crash, a kill or a full disk leaves the old file as it was.

    Raises:
        OSError: the folder is not writable or the disk is full; nothing is left behind.

    >>> import tempfile; folder = Path(tempfile.mkdtemp())
    >>> write_atomic(folder / "note.txt", b"whole")
    >>> (folder / "note.txt").read_bytes(), len(list(folder.iterdir()))
    (b'whole', 1)
    """
    write_all_atomic({path: content})


def sweep(folder: Path, name: str = "*", seconds: float = 0.0) -> None:
    """Remove what a killed `write_atomic` left in `folder`.

    Args:
        name: of the file that was to be written.
        seconds: how long nobody has written there; shorter, and another process may still be at it.

    >>> import tempfile; folder = Path(tempfile.mkdtemp())
    >>> (folder / ".note.txt.0123abcd.part").write_bytes(b"ha")
    2
    >>> sweep(folder); list(folder.iterdir())
    []
    """
    for left in folder.glob(f".{glob.escape(name) if name != '*' else name}.{'[0-9a-f]' * 8}.part"):
        with contextlib.suppress(FileNotFoundError):  # somebody else swept
            if time.time() - left.lstat().st_mtime >= seconds:
                left.unlink()


def write_all_atomic(contents: dict[Path, bytes]) -> None:
    """The same for several files: all are written beside the old ones before the first takes its name.

    Raises:
        OSError: as in `write_atomic`; no file was changed.
    """
    temporaries: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            temporaries[path] = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
            with open(temporaries[path], "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                temporaries[path].chmod(stat.S_IMODE(path.stat().st_mode))
        for path, temporary in temporaries.items():
            os.replace(temporary, path)
    except BaseException:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)
        raise
    for folder in {path.parent for path in contents}:
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    """The new name itself must reach the disk; Windows cannot open folders, and its replace does that alone."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
