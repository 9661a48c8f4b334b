"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
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
