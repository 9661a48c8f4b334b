"""A checkpoint: one safetensors file from which a run goes on as if it had never been interrupted.

Tensors lie under model/, optimizer/, preparation/ and state/; what is no tensor is JSON in the file's metadata.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from engine.errors import ProjectError
from engine.formats.atomic import write_atomic
from engine.formats.regular import is_folder, is_regular, open_regular

VERSION = 1
FOLDER, SUFFIX = "checkpoints", ".safetensors"
"""Where a run keeps them."""
MODEL = "model/"
MAX_HEADER = 100_000_000
"""Bytes of a header at the most, as the format says."""
PREPARATION = "preparation/"
"""Prefix of the scaling statistics, in a checkpoint and in the weights of a project alike."""


@dataclass(frozen=True)
class Checkpoint:
    """Everything of a run that changes while it trains.

    Args:
        model: the state dict.
        optimizer: its state_dict(), nested, with arrays or tensors in it.
        preparation: the statistics fitted on the training part.
        state: the rest (schedule, random state, position, best, figures so far), nested, arrays allowed.
    """

    model: dict[str, Any]
    optimizer: dict[str, Any]
    preparation: dict[str, Any]
    state: dict[str, Any]

    def weights(self) -> bytes:
        """What a project file keeps: the state dict under its keys and the preparation."""
        return join_weights(self.model, self.preparation)


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write atomically.

    Raises:
        OSError: the disk is full or the folder not writable; an older file at `path` stays whole.
    """
    write_atomic(path, encode(checkpoint))


def encode(checkpoint: Checkpoint) -> bytes:
    """The bytes of the file."""
    arrays: dict[str, np.ndarray] = {}
    plain = {
        part: _take_arrays(getattr(checkpoint, part), part, arrays)
        for part in ("model", "optimizer", "preparation", "state")
    }
    return save(arrays, {"layerloom": json.dumps({"version": VERSION, **plain})})


def read(path: Path) -> Checkpoint:
    """Read a checkpoint back; tensors come as NumPy arrays.

    Raises:
        ProjectError: the file is missing, cut off, or no checkpoint.
    """
    with _reading(path), open_regular(path, "rb") as file:
        _read_header(file)
        file.seek(0)
        return decode(file.read(), str(path))


def decode(content: bytes, where: str = "checkpoint") -> Checkpoint:
    """The checkpoint that `encode` wrote.

    >>> kept = Checkpoint({"fc.weight": np.ones((2, 1))}, {"lr": 0.1}, {}, {"epoch": 3, "best": float("inf")})
    >>> back = decode(encode(kept))
    >>> back.model["fc.weight"].shape, back.optimizer, back.state
    ((2, 1), {'lr': 0.1}, {'epoch': 3, 'best': inf})
    """
    with _reading(where):
        arrays = load(content)
        size = int.from_bytes(content[:8], "little")
        plain = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["layerloom"])
        _check_version(plain, where)
        parts = [_put_arrays(plain[part], arrays) for part in ("model", "optimizer", "preparation", "state")]
        if not all(isinstance(part, dict) for part in parts):
            raise ValueError("a part is no table")
    return Checkpoint(*parts)


def kept_in(run: Path, kind: str) -> Path | None:
    """The checkpoint "last" or "best" of a run folder; None where there is none, or only a link to elsewhere."""
    path = run / FOLDER / f"{kind}{SUFFIX}"
    return path if is_folder(run / FOLDER) and is_regular(path) else None


def best_in(run: Path) -> Path | None:
    """The best checkpoint of a run folder, or the last where none was best; None where there is neither."""
    return kept_in(run, "best") or kept_in(run, "last")


def read_weights(path: Path) -> bytes:
    """The weights of a checkpoint's file as `Checkpoint.weights` gives them, copied without reading anything else.

    Raises:
        ProjectError: the file is missing, cut off, or no checkpoint.
    """
    with _reading(path), open_regular(path, "rb") as file:
        header, begin = _read_header(file)
        _check_version(json.loads(header.pop("__metadata__")["layerloom"]), str(path))
        return _pack_raw(_weights_in(header), lambda start, end: _read_part(file, begin + start, end - start))


def join_weights(model: dict[str, Any], preparation: dict[str, Any]) -> bytes:
    """Weights as a project file keeps them."""
    arrays = {key: as_array(value) for key, value in model.items()}
    arrays |= {PREPARATION + key: as_array(value) for key, value in preparation.items()}
    return save(arrays)


def split_weights(content: bytes, where: str = "weights") -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """-> state dict, preparation.

    >>> model, preparation = split_weights(join_weights({"fc.bias": np.zeros(2)}, {"mean": np.ones(3)}))
    >>> list(model), list(preparation)
    (['fc.bias'], ['mean'])

    Raises:
        ProjectError: the bytes are no safetensors file.
    """
    try:
        arrays = load(content)
    except SafetensorError:
        raise ProjectError(where, got="the weights are cut off or no safetensors file") from None
    model = {key: value for key, value in arrays.items() if not key.startswith(PREPARATION)}
    return model, {key.removeprefix(PREPARATION): arrays[key] for key in arrays if key not in model}


def as_array(value: Any) -> np.ndarray:
    """A tensor's or an array's values as a C-contiguous array on the CPU: safetensors writes others wrongly."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value, order="C")


@contextlib.contextmanager
def _reading(where: str | Path) -> Iterator[None]:
    """Whatever is wrong with a checkpoint is said in one sentence that names it."""
    try:
        yield
    except ProjectError:
        raise
    except FileNotFoundError:
        raise ProjectError(str(where), got="there is no checkpoint", mend="train first") from None
    except OSError as error:
        raise ProjectError(str(where), got=f"it cannot be read ({error.strerror})", mend="train again") from None
    except (SafetensorError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ProjectError(str(where), got="it is cut off or no checkpoint", mend="train again") from None


def _read_header(file: BinaryIO) -> tuple[dict[str, Any], int]:
    """-> header, the byte at which the data begin; raises ValueError unless the arrays fill the file's rest exactly.

    So nothing is read, or room made for it, that a few words of a header only claim to be there.
    """
    whole = file.seek(0, os.SEEK_END)
    file.seek(0)
    size = int.from_bytes(file.read(8), "little")
    if size > min(MAX_HEADER, whole - 8):
        raise ValueError("cut off")
    header = json.loads(file.read(size))
    end = 0
    for start, stop in sorted(entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"):
        if start != end or stop < start:
            raise ValueError("arrays overlap")
        end = stop
    if end != whole - 8 - size:
        raise ValueError("cut off")
    return header, 8 + size


def _check_version(plain: dict[str, Any], where: str) -> None:
    if plain["version"] > VERSION:
        raise ProjectError(where, got=f"it is a checkpoint of version {plain['version']}",
                           expected=f"{VERSION} or older", mend="update Layerloom")  # fmt: skip


def _weights_in(header: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Name in the weights -> entry in the header, in the order in which safetensors lays arrays out."""
    kinds = list(dict.fromkeys(entry["dtype"] for entry in header.values()))
    found = {key.removeprefix(MODEL): entry for key, entry in header.items() if key.startswith((MODEL, PREPARATION))}
    return dict(sorted(found.items(), key=lambda item: (kinds.index(item[1]["dtype"]), item[0])))


def _pack_raw(arrays: dict[str, dict[str, Any]], read: Callable[[int, int], bytes]) -> bytes:
    """A safetensors file of these arrays, whose bytes `read(start, end)` gives."""
    header, parts, at = {}, [], 0
    for name, entry in arrays.items():
        part = read(*entry["data_offsets"])
        header[name] = {"dtype": entry["dtype"], "shape": entry["shape"], "data_offsets": [at, at + len(part)]}
        parts.append(part)
        at += len(part)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def _read_part(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(start)
    part = file.read(max(length, 0))
    if len(part) != length:
        raise ValueError("cut off")
    return part


def _take_arrays(tree: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """Move the arrays of a nested structure to `arrays` by path; in their place stays that path."""
    if isinstance(tree, dict):
        whole = [key for key in tree if isinstance(key, int)]  # JSON turns them to text
        kept = {"$int": whole} if whole else {}
        return kept | {str(key): _take_arrays(value, f"{path}/{key}", arrays) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_take_arrays(value, f"{path}/{index}", arrays) for index, value in enumerate(tree)]
    if isinstance(tree, np.ndarray) or hasattr(tree, "detach"):
        arrays[path] = as_array(tree)
        return {"$array": path}
    return tree.item() if isinstance(tree, np.generic) else tree


def _put_arrays(tree: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(tree, dict):
        if "$array" in tree:
            return arrays[tree["$array"]]
        whole = {str(key) for key in tree.get("$int", ())}
        return {
            int(key) if key in whole else key: _put_arrays(value, arrays)
            for key, value in tree.items()
            if key != "$int"
        }
    if isinstance(tree, list):
        return [_put_arrays(value, arrays) for value in tree]
    return tree
