"""Whether a zip's directory and the headers before its parts agree, and what a damaged one still holds."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

PART, ENTRY = b"PK\x03\x04", b"PK\x01\x02"
_HEAD = struct.Struct("<4s5H3I2H")  # of a part: signature, version, flags, method, time, date, CRC, 2 sizes, 2 lengths
SHORTEST_ENTRY = 46
"""Bytes of an entry of the directory before its part's name."""
_ENCRYPTED, _SIZE_BEHIND, _UTF_8 = 1, 8, 0x800  # flags of a part; the second: its size stands behind it


def check_headers(file: BinaryIO, members: list[zipfile.ZipInfo], count: int) -> None:
    """The directory tells of as many parts as it has, and of each what the part's own header says.

    An entry of which one byte is wrong can swallow the next, as if there had never been one.

    Args:
        file: the zip.
        members: what its directory tells.
        count: of parts, as the zip's end says.

    Raises:
        zipfile.BadZipFile: it does not.

    >>> import io; file = io.BytesIO(); archive = zipfile.ZipFile(file, "w"); archive.writestr("a", "first")
    >>> check_headers(file, archive.infolist(), 1)
    >>> check_headers(file, archive.infolist(), 2)
    Traceback (most recent call last):
    zipfile.BadZipFile: its directory tells of 1 parts instead of 2
    """
    if len(members) != count:
        raise zipfile.BadZipFile(f"its directory tells of {len(members)} parts instead of {count}")
    for member in members:
        file.seek(member.header_offset)
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or not head.startswith(PART):
            raise zipfile.BadZipFile(f"{member.filename} is not where its directory says")
        _, _, flags, method, *_, letters, _ = _HEAD.unpack(head)
        name = member.orig_filename.encode("utf-8" if member.flag_bits & _UTF_8 else "cp437")
        differing = (flags ^ member.flag_bits) & (_ENCRYPTED | _UTF_8)
        if differing or (file.read(letters), method) != (name, member.compress_type):
            raise zipfile.BadZipFile(f"its directory and the header of {member.filename} differ")


@dataclass(frozen=True)
class Remains:
    """Names of the parts whose checksum is right, and of those that are cut off, changed or only in the directory."""

    whole: tuple[str, ...]
    damaged: tuple[str, ...]

    def __str__(self) -> str:
        rest = f", but {', '.join(self.whole)} can" if self.whole else ""
        return f"it is damaged: {', '.join(self.damaged) or 'its directory'} cannot be read{rest}"


def remains(path: Path, is_part: Callable[[str], bool], most: int) -> Remains:
    """What is left of a file of at most `most` bytes; of a larger one nothing is looked at.

    Args:
        path: the zip.
        is_part: whether a part may be called so.
        most: bytes.

    >>> import tempfile, zipfile; path = Path(tempfile.mkdtemp()) / "a.zip"
    >>> with zipfile.ZipFile(path, "w") as archive:
    ...     archive.writestr("a", "first"), archive.writestr("b", "second")
    (None, None)
    >>> n = path.write_bytes(path.read_bytes().replace(b"second", b"sekond"))
    >>> str(remains(path, lambda name: True, 1000))
    'it is damaged: b cannot be read, but a can'
    """
    if path.stat().st_size > most:
        return Remains((), ())
    content = path.read_bytes()
    found = _parts(content, is_part)
    named = dict.fromkeys((*found, *_entries(content, is_part)))
    return Remains(tuple(n for n in named if found.get(n)), tuple(n for n in named if not found.get(n)))


def _parts(content: bytes, is_part: Callable[[str], bool]) -> dict[str, bool]:
    """By name, whether what follows the header has its checksum; each name once, so that no file takes long."""
    found: dict[str, bool] = {}
    place = content.find(PART)
    while 0 <= place <= len(content) - _HEAD.size:
        _, _, flags, _, _, _, checksum, size, _, letters, extra = _HEAD.unpack_from(content, place)
        name = _name(content, place + _HEAD.size, letters)
        start, after = place + _HEAD.size + letters + extra, place + len(PART)
        if is_part(name) and name not in found:
            part = memoryview(content)[start : start + size]
            found[name] = not flags & _SIZE_BEHIND and len(part) == size and zlib.crc32(part) == checksum
            after = start + size if found[name] else after
        place = content.find(PART, after)
    return found


def _entries(content: bytes, is_part: Callable[[str], bool]) -> list[str]:
    """The parts that the directory names."""
    names, place = [], content.find(ENTRY)
    while place >= 0:
        letters = int.from_bytes(content[place + 28 : place + 30], "little")
        name = _name(content, place + SHORTEST_ENTRY, letters)
        names += [name] if is_part(name) else []
        place = content.find(ENTRY, place + len(ENTRY))
    return names


def _name(content: bytes, start: int, letters: int) -> str:
    return content[start : start + letters].decode("latin-1")
