"""Arrays from NPZ and NPY files: the first axis counts the samples.

Names and shapes say what an array is: "x", "data", "image", "features" ... are inputs, "y", "label", "target" ...
targets; roles by array name replace the guess. Integers of shape (N,) with few values are classes.
A NPY file is one array (N, F) whose last column is the target.
Options: "channels" ("first" or "last"), "kinds" ({array: "number" or "category"}), "classes" ({array: [names]}).
"""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from engine.data.dataset import FieldDataset
from engine.data.source import CHOOSE_AGAIN, Progress, no_progress, report, unreadable
from engine.data.spec import DataSpec, FieldSpec, Role
from engine.data.table import MOST_BYTES, MOST_CLASSES, listed, one_class_only
from engine.errors import DataError, Fix
from engine.wording import counted, format_size

INPUT_NAMES = (
    "x", "data", "input", "inputs", "image", "images", "features", "x_train", "train_images", "arr_0",
    "anchor", "positive", "negative", "x1", "x2", "input1", "input2",
)  # fmt: skip
TARGET_NAMES = ("y", "label", "labels", "target", "targets", "class", "classes", "y_train", "train_labels", "arr_1")


@dataclass(frozen=True)
class Found:
    """An array of the file and what it is taken for."""

    field: FieldSpec
    values: np.ndarray
    maximum: float | None = None
    notes: tuple[str, ...] = ()


_DAMAGED = (
    ValueError, TypeError, KeyError, EOFError, SyntaxError, tokenize.TokenError, OverflowError,
    zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError,
)  # fmt: skip
"""What NumPy and zipfile raise for bytes that are no arrays (a header is a Python literal)."""


def read_arrays(path: Path, progress: Progress = no_progress) -> dict[str, np.ndarray]:
    """Every array of the file by name; no pickled object is ever loaded.

    Raises:
        DataError: the file is cut off, is of another kind, holds Python objects, or is too large.
    """
    try:
        if path.suffix.lower() == ".npy":
            with path.open("rb") as file:
                _check_header(path, file, path.stat().st_size)
            return {"data": np.load(path, allow_pickle=False, mmap_mode="r")}
        return _read_zip(path, progress)
    except DataError:
        raise
    except _DAMAGED:
        raise DataError(
            str(path),
            got="it is cut off or no NumPy file",
            expected="a file written by numpy.savez or save",
            fixes=(CHOOSE_AGAIN,),
        ) from None
    except OSError as error:
        raise unreadable(path, error) from None


def _read_zip(path: Path, progress: Progress) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        members = [entry for entry in archive.infolist() if entry.filename.endswith(".npy")]
        size = sum(entry.file_size for entry in members)
        if size > MOST_BYTES:
            raise DataError(
                str(path),
                got=f"it unpacks to {format_size(size)}",
                expected=f"at most {format_size(MOST_BYTES)}",
                fixes=(CHOOSE_AGAIN,),
            )
        arrays = {}
        for done, entry in enumerate(members):
            with archive.open(entry) as member:
                _check_header(path, member, entry.file_size)
            with archive.open(entry) as member:
                arrays[entry.filename.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
            report(progress, (done + 1) / len(members))
    if not arrays:
        raise DataError(str(path), got="it holds no array", expected="arrays x and y", fixes=(CHOOSE_AGAIN,))
    return arrays


def _check_header(path: Path, stream: IO[bytes], size: int) -> None:
    """Refuse Python objects; ValueError for what is no array, or promises more than the file holds."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise DataError(
            str(path),
            got="an array holds Python objects, which could run code",
            expected="arrays of numbers",
            mend="save it again with a number dtype",
            fixes=(CHOOSE_AGAIN,),
        )
    if math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"shape {shape} does not fit in {size} bytes")


def open_npz(path: Path, spec: DataSpec, progress: Progress = no_progress) -> FieldDataset:
    """The arrays of a file as fields.

    Raises:
        DataError: no input or target is found, lengths differ, a value is not finite, one class only.
    """
    arrays = read_arrays(path, progress)
    if path.suffix.lower() == ".npy":
        arrays = _split_single(path, arrays["data"])
    for name in spec.roles:
        if name not in arrays:
            raise DataError(
                str(path),
                got=f"there is no array {name!r}",
                expected=f"one of {listed(arrays)}",
                fixes=(Fix("Guess the roles again", "set_data", name="roles", value={}),),
            )
    roles = _roles(path, arrays, spec)
    used = {name: values for name, values in arrays.items() if roles[name] != "unused"}
    lengths = {name: len(values) for name, values in used.items()}
    if len(set(lengths.values())) > 1:
        pairs = ", ".join(f"{name!r} has {length:,}" for name, length in lengths.items())
        raise DataError(
            str(path),
            got=f"the arrays have different numbers of samples: {pairs}",
            expected="the same length of the first axis",
            fixes=(CHOOSE_AGAIN,),
        )
    found = [_interpret(path, name, values, roles[name], spec) for name, values in used.items()]
    return FieldDataset(
        tuple(each.field for each in found),
        {each.field.name: each.values for each in found},
        maxima={each.field.name: each.maximum for each in found if each.maximum is not None},
        notes=tuple(note for each in found for note in each.notes),
    )


def _split_single(path: Path, data: np.ndarray) -> dict[str, np.ndarray]:
    if data.ndim != 2 or data.shape[1] < 2:
        raise DataError(
            str(path),
            got=f"the array has shape {data.shape}",
            expected="(samples, columns), the target last",
            mend="save inputs as x and targets as y in one .npz file",
            fixes=(CHOOSE_AGAIN,),
        )
    return {"x": data[:, :-1], "y": data[:, -1]}


def _roles(path: Path, arrays: dict[str, np.ndarray], spec: DataSpec) -> dict[str, Role]:
    """Told, else by name, else the array of most axes is the input and the remaining one the target.

    Two inputs need no target: a loss may compare them.
    """
    roles: dict[str, Role] = {}
    for name, values in arrays.items():
        lower = name.casefold()
        by_name = "input" if lower in INPUT_NAMES else "target" if lower in TARGET_NAMES else "unused"
        roles[name] = spec.roles.get(name, by_name if values.ndim > 0 else "unused")
    unclear = [n for n in arrays if roles[n] == "unused" and n not in spec.roles and arrays[n].ndim > 0]
    if "input" not in roles.values() and unclear:
        name = max(unclear, key=lambda n: arrays[n].size)
        roles[name] = "input"
        unclear.remove(name)
    samples = next((len(arrays[n]) for n in arrays if roles[n] == "input"), 0)
    unclear = [n for n in unclear if len(arrays[n]) == samples]
    if "target" not in roles.values() and unclear:
        roles[min(unclear, key=lambda n: arrays[n].size)] = "target"
    compared = list(roles.values()).count("input") > 1
    for role, names in (("input", "x"), ("target", "y")):
        if role not in roles.values() and not compared:
            raise DataError(
                str(path),
                got=f"no array is the {role}; it holds {listed(arrays)}",
                expected=f"an array called {names!r}",
                mend="give one array that role",
            )
    return roles


def _interpret(path: Path, name: str, values: np.ndarray, role: Role, spec: DataSpec) -> Found:
    where = f"{path}, array {name!r}"
    if values.dtype.kind not in "fiub" and not (values.dtype.kind in "U" and role == "target"):
        raise DataError(where, got=f"it has dtype {values.dtype}", expected="numbers", fixes=(CHOOSE_AGAIN,))
    if len(values) == 0:
        raise DataError(where, got="it holds no sample", expected="at least one", fixes=(CHOOSE_AGAIN,))
    if values.dtype.kind == "f":
        _check_finite(where, values)
    if role == "target":
        return _interpret_target(where, name, values, spec)
    maximum = 255.0 if values.dtype == np.uint8 and values.max() > 1 else None
    if values.ndim in (3, 4):
        image, notes = _channels_first(values, spec.options.get("channels"))
        kept = image if image.dtype == np.uint8 else image.astype(np.float32)
        return Found(FieldSpec(name, "image", tuple(image.shape[1:]), role), kept, maximum, notes)
    if values.ndim > 4:
        raise DataError(
            where, got=f"it has shape {values.shape}", expected="at most 4 axes: (N, C, H, W)", fixes=(CHOOSE_AGAIN,)
        )
    flat = values.reshape(len(values), -1).astype(np.float32)
    columns = tuple(f"{name} {i + 1}" for i in range(flat.shape[1])) if flat.shape[1] <= 1000 else ()
    return Found(FieldSpec(name, "vector", (flat.shape[1],), role, columns=columns), flat, maximum)


def _check_finite(where: str, values: np.ndarray) -> None:
    faulty = np.argwhere(~(np.abs(values) <= np.finfo(np.float32).max))
    if len(faulty):
        place = ", ".join(map(str, faulty[0]))
        raise DataError(
            where,
            got=f"{len(faulty):,} of its values are NaN or infinite, the first at [{place}]",
            expected="finite numbers",
            mend="replace them or leave those samples out",
            fixes=(CHOOSE_AGAIN,),
        )


def _interpret_target(where: str, name: str, values: np.ndarray, spec: DataSpec) -> Found:
    if values.ndim == 2 and values.shape[1] > 1 and _is_one_hot(values):
        values = values.argmax(axis=1)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2:
        field = FieldSpec(name, "vector", (values.shape[1],), "target")
        return Found(field, values.astype(np.float32))
    if values.ndim != 1:
        raise DataError(
            where,
            got=f"it has shape {values.shape}",
            expected="one number or class per sample: (N,)",
            fixes=(CHOOSE_AGAIN,),
        )
    told = spec.options.get("kinds", {}).get(name)
    distinct = np.unique(values)
    whole = values.dtype.kind in "bU" or bool(np.all(distinct == np.floor(distinct)))
    few = len(distinct) <= min(MOST_CLASSES, max(20, len(values) // 10)) and len(values) >= 2 * len(distinct)
    if values.dtype.kind != "U" and (told == "number" or (told is None and not (whole and few))):
        return Found(FieldSpec(name, "number", (1,), "target"), values.reshape(-1, 1).astype(np.float32))
    if len(distinct) < 2:
        raise one_class_only(where, name, str(distinct[0]))
    names = spec.options.get("classes", {}).get(name) or [
        f"{n:g}" if values.dtype.kind == "f" else str(n) for n in distinct
    ]
    if len(names) != len(distinct):
        raise DataError(
            where, got=f"it has {counted(len(distinct), 'class')}", expected=f"{len(names)}, as many as names are given"
        )
    field = FieldSpec(name, "category", (), "target", "int64", classes=tuple(map(str, names)))
    return Found(field, np.searchsorted(distinct, values).astype(np.int64))


def _is_one_hot(values: np.ndarray) -> bool:
    return bool(np.all((values == 0) | (values == 1)) and np.all(values.sum(axis=1) == 1))


def _channels_first(values: np.ndarray, told: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """(N, H, W), (N, H, W, C) or (N, C, H, W) -> (N, C, H, W)."""
    if values.ndim == 3:
        return values[:, None], ()
    channels = (1, 3, 4)
    last = told == "last" or (told is None and values.shape[3] in channels and values.shape[1] not in channels)
    if last:
        return values.transpose(0, 3, 1, 2), ("Images are stored with channels last; they are read as channels first.",)
    return values, ()
