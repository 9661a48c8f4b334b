"""What the window and the process that reads for it say to each other, through pipes: a length, then MessagePack."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import msgspec
import numpy as np

from engine.errors import DataError
from engine.graph.spec import DataSpec

_TEXTS = np.dtype(object).str
_LENGTH = struct.Struct("<Q")


class Request(msgspec.Struct, frozen=True):
    """Do this task with these data; paths are seen from `base`."""

    task: str
    spec: DataSpec
    base: str | None


class Moved(msgspec.Struct, frozen=True, tag=True):
    """How far it is, 0..1."""

    fraction: float


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The data are at fault."""

    error: DataError


class NotRead(msgspec.Struct, frozen=True, tag=True):
    """The system refuses."""

    number: int
    why: str
    path: str


class NoMemory(msgspec.Struct, frozen=True, tag=True):
    """The data are too large for this machine."""


class Answer(msgspec.Struct, frozen=True, tag=True):
    """What the task gave, still encoded: only who asked knows of what type it is."""

    content: bytes


Reply = Moved | Failed | NotRead | NoMemory | Answer


def send(stream: BinaryIO, message: Any) -> None:
    """Write one message."""
    content = pack(message)
    stream.write(_LENGTH.pack(len(content)) + content)
    stream.flush()


def receive(stream: BinaryIO, type: Any) -> Any:
    """The next message; None where the other side has gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = stream.read(length)
    return unpack(content, type) if len(content) == length else None


def pack(content: Any) -> bytes:
    """As MessagePack; arrays with dtype and shape, of texts as a list."""
    return msgspec.msgpack.encode(content, enc_hook=_from_array)


def unpack(content: bytes, type: Any) -> Any:
    """Back again, as an object of that type."""
    return msgspec.msgpack.decode(content, type=type, dec_hook=_to_array)


def _from_array(array: Any) -> tuple[str, tuple[int, ...], bytes]:
    if not isinstance(array, np.ndarray):
        raise NotImplementedError(f"{type(array).__name__} is nothing that is sent here")
    content = array.tobytes() if array.dtype != object else msgspec.msgpack.encode(array.ravel().tolist())
    return array.dtype.str, array.shape, content


def _to_array(type: type, parts: Any) -> np.ndarray:
    if type is not np.ndarray:
        raise NotImplementedError(f"{type.__name__} is nothing that is sent here")
    dtype, shape, content = parts
    if dtype == _TEXTS:
        array = np.empty(len(texts := msgspec.msgpack.decode(content, type=list[str])), dtype=object)
        array[:] = texts
        return array.reshape(shape)
    return np.frombuffer(content, dtype).reshape(shape)
