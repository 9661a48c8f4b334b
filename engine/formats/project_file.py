"""The project file `NAME.loom`: a stored zip of a few members, or a plain folder with the same files.

    project.json          what engine.graph.spec.Project says
    weights.safetensors   the state dict, if there is one; 64-byte aligned in the zip, so that it can be mapped
    thumbnail.png         a picture of the canvas, if there is one
    layers/NAME.py        layers of one's own, as text

In memory the path of the data is absolute; on disk it is relative to the project where the data lie below it,
so that a folder with project and data can be moved or sent as a whole.
"""

from __future__ import annotations

import errno
import io
import os
import re
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO

import msgspec
from msgspec import Meta

from engine.errors import ProjectError
from engine.formats import damage
from engine.formats.atomic import sweep, write_all_atomic
from engine.formats.regular import is_folder, is_regular, make_folder, read_regular
from engine.graph import spec
from engine.graph.spec import CODE_NAME, MAX_CODE_FILES, MAX_CODE_LETTERS, CodeFile, Project
from engine.wording import format_size

SUFFIX = ".loom"
PROJECT, WEIGHTS, THUMBNAIL = "project.json", "weights.safetensors", "thumbnail.png"
LIMITS = {PROJECT: spec.MAX_BYTES, WEIGHTS: 2 << 30, THUMBNAIL: 16 << 20}
CODE = "layers"
CODE_LIMIT = 4 * MAX_CODE_LETTERS
MOST_PARTS = len(LIMITS) + MAX_CODE_FILES
ALIGNMENT = 64
_PADDING_ID = 0xD935  # the extra field by which Android's zipalign pads; readers skip it
_PARTS = f"{', '.join(LIMITS)} and {CODE}/NAME.py"
_ITEM_SIZES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip
ABANDONED = 600.0
"""Seconds after which nobody is still writing."""
LARGEST_DIRECTORY = 4096 + 256 * MAX_CODE_FILES
"""Bytes of a zip's directory: a part takes some hundred."""


@dataclass(frozen=True)
class ProjectFile:
    """What a project file holds; `weights` are safetensors bytes."""

    project: Project
    weights: bytes | None = None
    thumbnail: bytes | None = None


def runs_folder(path: str | Path) -> Path:
    """Where the runs of a project lie: beside it.

    >>> runs_folder("work/digits.loom").name
    'digits.runs'
    """
    path = location(path)
    return path.with_name((path.stem if path.suffix == SUFFIX else path.name) + ".runs")


def base_folder(path: str | Path) -> Path:
    """The folder that a relative data path is counted from: the project folder, or the one the file lies in."""
    path = location(path)
    return path if _is_folder(path) else path.parent


def location(path: str | Path) -> Path:
    """The project that a path means: absolute, links followed, the folder for a `project.json` within one."""
    path = Path(os.path.realpath(path))
    return path.parent if path.name == PROJECT else path


def write(path: str | Path, project: Project, weights: bytes | None = None, thumbnail: bytes | None = None) -> None:
    """Write a project as a file, where the name ends in .loom, or as a folder; whole or not at all.

    Raises:
        ProjectError: the folder cannot be written, the disk is full, or the project holds what cannot be read again;
            what was there before is untouched.

    >>> import tempfile; path = Path(tempfile.mkdtemp()) / "first steps.loom"
    >>> write(path, Project(name="First steps"))
    >>> read(path).project.name
    'First steps'
    """
    path = location(path)
    spec.check_code(project.code, path.name)
    contents = {PROJECT: spec.encode(_with_relative_data(msgspec.structs.replace(project, code=()), base_folder(path)))}
    contents |= {f"{CODE}/{file.name}": file.source.encode() for file in project.code}
    contents |= {n: c for n, c in ((WEIGHTS, weights), (THUMBNAIL, thumbnail)) if c is not None}
    for name, content in contents.items():
        _check_size(f"{path.name}/{name}", len(content), _limit(name))
    try:
        if _is_folder(path):
            _write_folder(path, contents)
        else:
            sweep(path.parent, path.name, ABANDONED)
            write_all_atomic({path: _pack(contents)})
    except OSError as error:
        raise ProjectError(
            path.name, got=f"it could not be saved: {_reason(error, path)}", expected="a folder that can be written",
            mend="what was saved before is untouched; save it somewhere else",
        ) from error  # fmt: skip


def read(path: str | Path) -> ProjectFile:
    """Read a project from its file or folder, trusting nothing in it.

    Raises:
        ProjectError: there is none, it is cut off or damaged, holds foreign or oversized members, or its
            project.json is faulty (see engine.graph.spec.decode).
    """
    path = location(path)
    try:
        contents = _read_folder(path) if path.is_dir() else _read_zip(path)
    except OSError as error:
        raise ProjectError(path.name, got=f"it could not be opened: {_reason(error, path)}") from error
    if PROJECT not in contents:
        raise ProjectError(path.name, got=f"there is no {PROJECT} in it", expected="a Layerloom project")
    if WEIGHTS in contents:
        _check_weights(contents[WEIGHTS], f"{path.name}/{WEIGHTS}")
    project = spec.decode(contents[PROJECT], f"{path.name}/{PROJECT}")
    project = _with_absolute_data(_with_code(project, contents, path.name), base_folder(path))
    return ProjectFile(project, contents.get(WEIGHTS), contents.get(THUMBNAIL))


def code_files_in(folder: Path) -> tuple[CodeFile, ...]:
    """The files of layers in a folder, by name; none where there is no such folder.

    Raises:
        ProjectError: one has a name that no project can hold, is too long, no regular file or no text.
    """
    files = []
    for path in sorted(folder.glob("*.py")) if is_folder(folder) else ():
        _check_code_name(path.name, folder.name)
        try:
            files.append(_code_file(path.name, read_regular(path, CODE_LIMIT), folder.name))
        except FileNotFoundError:
            continue  # gone since the folder was listed, as an editor's own files are
        except OSError as error:
            raise ProjectError(f"{folder.name}/{path.name}", got=f"it cannot be read: {error.strerror}") from None
    if len(files) > MAX_CODE_FILES:
        raise ProjectError(folder.name, got=f"{len(files)} Python files lie in it",
                           expected=f"at most {MAX_CODE_FILES}")  # fmt: skip
    return tuple(files)


def _code_file(name: str, content: bytes, where: str) -> CodeFile:
    _check_size(f"{where}/{name}", len(content), CODE_LIMIT)
    try:
        source = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ProjectError(f"{where}/{name}", got=f"it is no text in UTF-8 ({error.reason})") from None
    if len(source) > MAX_CODE_LETTERS:
        raise ProjectError(f"{where}/{name}", got=f"it has {len(source):,} letters",
                           expected=f"at most {MAX_CODE_LETTERS:,}")  # fmt: skip
    return CodeFile(name, source)


def _check_code_name(name: str, where: str) -> None:
    if not re.match(CODE_NAME, name):
        raise ProjectError(where, got=f"a file of layers is called {name[:80]!r}", expected="a name like swish.py",
                           mend="use letters, digits, _ and - in it")  # fmt: skip


def _with_code(project: Project, contents: dict[str, bytes], where: str) -> Project:
    """The project with the files of layers that lie beside its project.json, which count before those inside it."""
    beside = {name.removeprefix(f"{CODE}/"): content for name, content in contents.items() if "/" in name}
    if not beside:
        return project
    files = {file.name: file for file in project.code}
    files |= {name: _code_file(name, content, f"{where}/{CODE}") for name, content in sorted(beside.items())}
    spec.check_code(tuple(files.values()), where)
    return msgspec.structs.replace(project, code=tuple(files.values()))


def _limit(name: str) -> int:
    return CODE_LIMIT if name.startswith(f"{CODE}/") else LIMITS[name]


def _is_folder(path: Path) -> bool:
    return path.is_dir() or path.suffix != SUFFIX


def _reason(error: OSError, path: Path) -> str:
    words = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EFBIG: "the file system takes no file of that size",
        errno.EACCES: f"{path.parent} may not be written or read",
        errno.EPERM: f"{path.parent} may not be written or read",
        errno.EROFS: f"{path.parent} is read-only",
        errno.ENOENT: f"{path} does not exist",
        errno.ENAMETOOLONG: "its name is too long",
        errno.ENOTDIR: f"{path.parent} is a file, not a folder",
        errno.EEXIST: f"{path} is a file, not a folder",
        errno.EISDIR: "it is a folder",
    }
    return words.get(error.errno or 0, error.strerror or str(error))


# --- the folder -----------------------------------------------------------------------------------------------------


def _write_folder(folder: Path, contents: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    if any(name.startswith(f"{CODE}/") for name in contents):
        make_folder(folder / CODE)
    for name in contents:
        sweep((folder / name).parent, Path(name).name, ABANDONED)
    write_all_atomic({folder / name: content for name, content in contents.items()})
    for name in LIMITS.keys() - contents.keys():
        (folder / name).unlink(missing_ok=True)


def _read_folder(folder: Path) -> dict[str, bytes]:
    contents = {}
    for name, limit in LIMITS.items():
        if is_regular(folder / name):  # no link out of the folder, no pipe or device, which would never end
            _check_size(f"{folder.name}/{name}", (folder / name).stat().st_size, limit)
            contents[name] = read_regular(folder / name, limit)
        elif os.path.lexists(folder / name):
            raise ProjectError(f"{folder.name}/{name}", got="it is no regular file", expected="a file, no link or pipe")
    if os.path.lexists(folder / CODE) and not is_folder(folder / CODE):
        raise ProjectError(f"{folder.name}/{CODE}", got="it is a link or a file", expected="a folder",
                           mend="put the files of layers themselves into the project")  # fmt: skip
    return contents | {f"{CODE}/{file.name}": file.source.encode() for file in code_files_in(folder / CODE)}


# --- the zip --------------------------------------------------------------------------------------------------------


def _pack(contents: dict[str, bytes]) -> bytes:
    """The zip's bytes: no compression, no dates, so that the same project gives the same file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, content in contents.items():
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.external_attr = 0o644 << 16
            start = file.tell() + 30 + len(name)  # behind the local header and the name come the extra fields
            padding = -(start + 4 + _header_size(name, content)) % ALIGNMENT
            member.extra = struct.pack("<HH", _PADDING_ID, padding) + bytes(padding)
            archive.writestr(member, content)
    return file.getvalue()


def _header_size(name: str, content: bytes) -> int:
    """How far the numbers of a safetensors file begin behind its first byte."""
    return 8 + int.from_bytes(content[:8], "little") if name == WEIGHTS else 0


def _read_zip(path: Path) -> dict[str, bytes]:
    if path.exists() and not path.is_file():
        raise ProjectError(path.name, got="it is no regular file", expected="a Layerloom project")
    try:
        with open(path, "rb") as file:
            count = _check_directory(file, path)
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                damage.check_headers(file, members, count)
                _check_members(members, path.name)
                return {member.filename: archive.read(member) for member in members}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError, struct.error) as error:
        if isinstance(error, ProjectError):
            raise
        raise _damaged(path) from error


def _damaged(path: Path) -> ProjectError:
    left = damage.remains(path, _is_part, sum(LIMITS.values()) + MAX_CODE_FILES * CODE_LIMIT)
    if left.whole or left.damaged:
        return ProjectError(path.name, got=str(left), mend="open its autosave or a copy")
    return ProjectError(path.name, got="it is damaged or no project", expected="a Layerloom project",
                        mend="the file may be cut off; open its autosave or a copy")  # fmt: skip


def _check_directory(file: BinaryIO, path: Path) -> int:
    """The number of parts, as the end of the file says it, before a directory of millions is read into memory."""
    size = os.fstat(file.fileno()).st_size
    file.seek(max(0, size - 65_557))  # the record has 22 bytes, the comment behind it at most 65,535
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) < place + 22:
        raise zipfile.BadZipFile("its directory is missing")
    count, length, start = struct.unpack_from("<HII", tail, place + 10)
    if start + length > size - len(tail) + place or length < count * damage.SHORTEST_ENTRY:
        raise zipfile.BadZipFile("its directory is not where its end says, or not so long")
    if count > MOST_PARTS:
        raise ProjectError(path.name, got=f"{count} parts lie in it", expected=f"only {_PARTS}")
    if length > LARGEST_DIRECTORY or tail[max(0, place - 20) : place].startswith(b"PK\x06\x07"):
        raise ProjectError(
            path.name, got="its directory is larger than that of a project", expected="a Layerloom project"
        )
    return count


def _is_part(name: str) -> bool:
    is_code = name.startswith(f"{CODE}/") and re.match(CODE_NAME, name.removeprefix(f"{CODE}/"))
    return name in LIMITS or bool(is_code)


def _check_members(members: list[zipfile.ZipInfo], where: str) -> None:
    """Names, sizes and kinds, before a single member is read."""
    seen: set[str] = set()
    for member in members:
        name = member.filename
        if not _is_part(name):
            raise ProjectError(where, got=f"{name[:80]!r} lies in it", expected=f"only {_PARTS}")
        if name in seen:
            raise ProjectError(where, got=f"{name} lies in it twice", expected="every part once")
        if member.compress_type != zipfile.ZIP_STORED:
            raise ProjectError(where, got=f"{name} is compressed", expected="parts that are only stored",
                               mend="pack it again without compression (zip -0)")  # fmt: skip
        if member.flag_bits & 1:
            raise ProjectError(where, got=f"{name} is encrypted", expected="parts that are only stored")
        if member.compress_size != member.file_size:
            raise zipfile.BadZipFile(f"{name}, which is only stored, has two sizes")
        _check_size(f"{where}/{name}", member.file_size, _limit(name))
        seen.add(name)


def _check_size(where: str, size: int, limit: int) -> None:
    if size > limit:
        raise ProjectError(where, got=f"it has {format_size(size)}", expected=f"at most {format_size(limit)}")


def _check_weights(content: bytes, where: str) -> None:
    """The header must tell the truth: every array inside the file, of the size that its shape and type need."""

    def refuse(got: str) -> ProjectError:
        return ProjectError(where, got=got, expected="whole safetensors", mend="open an older copy of the project")

    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > min(len(content) - 8, 100_000_000):
        raise refuse("it is cut off")
    try:
        header = msgspec.json.decode(content[8 : 8 + size], type=dict[str, dict])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refuse(f"its header cannot be read ({error})") from None
    end = 0
    header.pop("__metadata__", None)
    try:
        arrays = sorted((msgspec.convert(entry, _Array) for entry in header.values()), key=lambda a: a.data_offsets)
    except msgspec.ValidationError as error:
        raise refuse(f"its header is wrong ({error})") from None
    for array in arrays:
        count = _ITEM_SIZES.get(array.dtype, 0)
        for length in array.shape:
            count = min(count * length, len(content) + 1)  # past the end it is wrong, however large
        if array.data_offsets != (end, end + count) or array.dtype not in _ITEM_SIZES:
            raise refuse("its header does not match what follows")
        end += count
    if end != len(content) - 8 - size:
        raise refuse(f"its arrays have {len(content) - 8 - size} bytes instead of {end}")


class _Array(msgspec.Struct, forbid_unknown_fields=True):
    dtype: str
    shape: Annotated[tuple[Annotated[int, Meta(ge=0)], ...], Meta(max_length=64)]
    data_offsets: tuple[int, int]


# --- the path of the data -------------------------------------------------------------------------------------------


def _with_relative_data(project: Project, base: Path) -> Project:
    data = project.data
    if data.reader == "bundled" or not os.path.isabs(data.source):
        return project
    source = Path(os.path.realpath(data.source))
    if not source.is_relative_to(base):
        return project
    return msgspec.structs.replace(
        project, data=msgspec.structs.replace(data, source=source.relative_to(base).as_posix())
    )


def _with_absolute_data(project: Project, base: Path) -> Project:
    data = project.data
    if data.reader == "bundled" or not data.source or data.source.startswith("~") or os.path.isabs(data.source):
        return project
    source = os.path.realpath(base / PurePosixPath(data.source))
    return msgspec.structs.replace(project, data=msgspec.structs.replace(data, source=source))
