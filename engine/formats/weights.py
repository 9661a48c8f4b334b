"""save and load: state dicts, nested ones too, as safetensors files; nothing in such a file can run.

Tensors are the file's tensors, under their keys. Where there is more than a flat dict of tensors (an optimizer's
state dict, say) the rest stands as JSON in the file's metadata, with the tensors' names in their places.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np

from engine.errors import EngineError
from engine.formats.atomic import write_atomic
from engine.tensor import Tensor
from engine.tensor.creation import from_numpy
from engine.wording import counted

STRUCTURE = "layerloom"
"""The metadata entry that holds what is no tensor."""

DTYPES = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "U16": np.dtype(np.uint16),
    "I16": np.dtype(np.int16),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(np.uint16),  # widened to float32 when read
    "U32": np.dtype(np.uint32),
    "I32": np.dtype(np.int32),
    "F32": np.dtype(np.float32),
    "U64": np.dtype(np.uint64),
    "I64": np.dtype(np.int64),
    "F64": np.dtype(np.float64),
}
NAMES = {dtype: name for name, dtype in DTYPES.items() if name != "BF16"}
CONVERT = "write it anew where PyTorch is: safetensors.torch.save_file(model.state_dict(), path)"
HEADER_LIMIT = 100_000_000


class WeightsError(EngineError, ValueError):
    """A file that is no whole safetensors file, or a value that cannot be kept in one."""


def save(obj: Any, f: str | PathLike[str] | IO[bytes]) -> None:
    """Write a state dict, or dicts and lists of tensors, numbers and text, as a safetensors file.

    The file is there whole or not at all: an interrupted save leaves an older file as it was.

    Args:
        obj: what is saved; a module itself is not, `model.state_dict()` is.
        f: a path, or a file open for writing bytes.

    Raises:
        WeightsError: a value that is neither tensor nor plain data, with the key where it stands.
        OSError: the disk is full or the folder cannot be written to.

    Example:
        >>> import engine, io
        >>> file = io.BytesIO()
        >>> engine.save({"weight": engine.ones(2), "epoch": 3}, file)
        >>> _ = file.seek(0)
        >>> engine.load(file)["epoch"]
        3
    """
    content = pack(obj)
    if hasattr(f, "write"):
        f.write(content)
    else:
        write_atomic(Path(f), content)


def load(f: str | PathLike[str] | IO[bytes], map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Read back what `save` wrote, or any safetensors file as a dict of tensors.

    Args:
        f: a path, or a file open for reading bytes.
        map_location: the device to which the tensors go; the main memory where none is given.
        weights_only: as in PyTorch; a file never holds more than data here, so False changes nothing.

    Raises:
        WeightsError: it is cut off, or no safetensors file.
        OSError: there is no such file, or it cannot be read.

    >>> import engine
    >>> import io
    >>> from engine.tensor import zeros
    >>> file = io.BytesIO()
    >>> save({"weight": zeros(2)}, file)
    >>> file = io.BytesIO(file.getvalue())
    >>> load(file)["weight"]
    tensor([0., 0.])
    """
    if hasattr(f, "read"):
        content, where = f.read(), getattr(f, "name", "the open file")
    else:
        content, where = Path(f).read_bytes(), str(f)
    return unpack(content, str(where), map_location)


def pack(obj: Any) -> bytes:
    """The bytes of the file that `save` writes."""
    arrays: dict[str, np.ndarray] = {}
    structure = _take_apart(obj, "", arrays)
    is_flat = isinstance(obj, Mapping) and list(arrays) == list(obj) and len(structure) == len(arrays)
    header: dict[str, Any] = {} if is_flat else {"__metadata__": {STRUCTURE: json.dumps(structure)}}
    position = 0
    for key, array in arrays.items():
        header[key] = {
            "dtype": NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [position, position + array.nbytes],
        }
        position += array.nbytes
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # so that the data begin at a multiple of 8
    return b"".join([len(text).to_bytes(8, "little"), text, *(array.tobytes() for array in arrays.values())])


def unpack(content: bytes, where: str = "weights", map_location: Any = None) -> Any:
    """What `pack` was given, tensors as tensors. `where` names the file in errors."""
    arrays, structure = _read(content, where)
    tensors = {key: from_numpy(array) for key, array in arrays.items()}
    if map_location is not None:
        tensors = {key: tensor.to(map_location) for key, tensor in tensors.items()}
    return tensors if structure is None else _rebuild(structure, tensors, where)


def _read(content: bytes, where: str) -> tuple[dict[str, np.ndarray], str | None]:
    """-> arrays by key, the structure as JSON (None where the file is flat)"""
    header, begin = _header(content, where)
    metadata = header.pop("__metadata__", {})
    _check_layout(header, len(content) - begin, where)
    arrays = {key: _array(entry, memoryview(content)[begin:]) for key, entry in header.items()}
    return arrays, metadata.get(STRUCTURE) if isinstance(metadata, dict) else None


def _header(content: bytes, where: str) -> tuple[dict[str, Any], int]:
    """-> header, position at which the data begin"""
    if content[:4] == b"PK\x03\x04":
        raise WeightsError(where, got="it is a zip archive, as torch.save writes it", expected="a safetensors file",
                           mend=CONVERT)  # fmt: skip
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > min(HEADER_LIMIT, len(content) - 8):
        if content[:1] == b"\x80":
            raise WeightsError(where, got="it is a pickle, which can run code when it is opened",
                               expected="a safetensors file", mend=CONVERT)  # fmt: skip
        raise WeightsError(where, got=f"it is cut off or no safetensors file ({counted(len(content), 'byte')})",
                           expected="a whole file that engine.save or safetensors wrote")  # fmt: skip
    try:
        header = json.loads(content[8 : 8 + size], object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise WeightsError(where, got="its header is not readable", expected="a safetensors file") from None
    if not isinstance(header, dict):
        raise WeightsError(where, got="its header is no table of tensors", expected="a safetensors file")
    return header, 8 + size


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")
    return found


def _check_layout(header: dict[str, Any], size: int, where: str) -> None:
    """Every tensor has the bytes that its shape needs, and together they fill the file without gap or overlap."""
    ranges = [(_check_entry(key, entry, where), key) for key, entry in header.items()]
    position = 0
    for (begin, end), key in sorted(ranges):
        if begin != position:
            raise WeightsError(f"{where}, {key!r}", got=f"its data begin at byte {begin}", expected=f"byte {position}")
        position = end
    if position != size:
        raise WeightsError(where, got=f"{counted(size, 'byte')} of data", expected=f"{position}, as its header says",
                           mend="the file may be cut off")  # fmt: skip


def _check_entry(key: str, entry: Any, where: str) -> tuple[int, int]:
    """-> first and last byte of the tensor's data"""
    place = f"{where}, {key!r}"
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise WeightsError(place, got="its entry is not readable", expected="dtype, shape and data_offsets")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
        raise WeightsError(place, got="its shape or its place is not readable", expected="lists of whole numbers")
    if entry["dtype"] not in DTYPES:
        raise WeightsError(place, got=f"values of type {entry['dtype']}", expected=f"one of {', '.join(DTYPES)}")
    needed = math.prod(shape) * DTYPES[entry["dtype"]].itemsize
    if offsets[1] - offsets[0] != needed:
        raise WeightsError(place, got=f"{offsets[1] - offsets[0]} bytes", expected=f"{needed} for shape {tuple(shape)}")
    return offsets[0], offsets[1]


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _array(entry: dict[str, Any], data: memoryview) -> np.ndarray:
    begin, end = entry["data_offsets"]
    array = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]].newbyteorder("<")).reshape(entry["shape"])
    if entry["dtype"] == "BF16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(array.dtype.newbyteorder("="))  # a copy, which can be written to


def _take_apart(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """`value` as JSON, its tensors put into `arrays` with their names in their places."""
    if isinstance(value, Tensor | np.ndarray):
        return {"$tensor": _keep(value, path, arrays)}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": str(value)}
    if isinstance(value, tuple):
        return {"$tuple": [_take_apart(v, _join(path, i), arrays) for i, v in enumerate(value)]}
    if isinstance(value, list):
        return [_take_apart(v, _join(path, i), arrays) for i, v in enumerate(value)]
    if isinstance(value, Mapping):
        pairs = [(key, _take_apart(v, _join(path, key), arrays)) for key, v in value.items()]
        if all(isinstance(key, str) and not key.startswith("$") for key, _ in pairs):
            return dict(pairs)
        return {"$dict": [[_take_apart(key, path, arrays), v] for key, v in pairs]}
    mend = "save its state_dict()" if hasattr(value, "state_dict") else ""
    raise WeightsError(f"save, {path!r}" if path else "save", got=f"{type(value).__name__} cannot be kept in a file",
                       expected="tensors, numbers, text, and dicts and lists of them", mend=mend)  # fmt: skip


def _keep(value: Tensor | np.ndarray, path: str, arrays: dict[str, np.ndarray]) -> str:
    """Put the values into `arrays`, under a name that is free, laid out row by row whatever their strides."""
    array = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
    if array.dtype not in NAMES:
        raise WeightsError(f"save, {path!r}", got=f"values of type {array.dtype}", expected="numbers or switches")
    name = path or "tensor"
    while name in arrays or name == "__metadata__":
        name += "_"
    arrays[name] = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
    return name


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _rebuild(structure: str, tensors: dict[str, Tensor], where: str) -> Any:
    """What the JSON describes, with the tensors in their places."""
    try:
        return _put_together(json.loads(structure), tensors, where)
    except (json.JSONDecodeError, TypeError):
        raise WeightsError(where, got="its description of what is no tensor is not readable") from None
    except RecursionError:
        raise WeightsError(where, got="it is nested too deeply") from None


def _put_together(plain: Any, tensors: dict[str, Tensor], where: str) -> Any:
    """The reverse of `_take_apart`."""
    if isinstance(plain, list):
        return [_put_together(value, tensors, where) for value in plain]
    if not isinstance(plain, dict):
        return plain
    if len(plain) == 1:
        ((mark, held),) = plain.items()
        if mark == "$tensor":
            if not isinstance(held, str) or held not in tensors:
                raise WeightsError(where, got=f"the tensor {held!r} is missing")
            return tensors[held]
        if mark == "$float" and held in ("nan", "inf", "-inf"):
            return float(held)
        if mark == "$tuple" and isinstance(held, list):
            return tuple(_put_together(value, tensors, where) for value in held)
        if mark == "$dict" and isinstance(held, list):
            return dict(_pair(pair, tensors, where) for pair in held)
    return {key: _put_together(value, tensors, where) for key, value in plain.items()}


def _pair(plain: Any, tensors: dict[str, Tensor], where: str) -> tuple[Any, Any]:
    """One entry of a dict whose keys are not all text."""
    if not isinstance(plain, list) or len(plain) != 2:
        raise WeightsError(where, got="an entry of a dict is not readable", expected="a key and a value")
    return _put_together(plain[0], {}, where), _put_together(plain[1], tensors, where)
