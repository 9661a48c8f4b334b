"""One sample or one unlabelled file as a batch of inputs, in the data's own units: for predicting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.data import csv, images, npz, shipped, texts
from engine.data.sniff import NO_CATEGORY, NO_NUMBER, sniff
from engine.data.source import Progress, locate, no_progress, reading
from engine.data.spec import DataSpec, FieldSpec
from engine.data.table import Column, listed
from engine.errors import DataError

LONGEST_HEADER = 2**16  # bytes of a table's first line that are looked at


def sample_from_inputs(fields: tuple[FieldSpec, ...], inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """A batch of one from what was typed or drawn.

    Args:
        fields: those of the project; targets are passed over.
        inputs: by field name, a text, nested lists of its shape, or for a vector a dict of values by column, where a
            category is given by its text. With a single vector field its columns may also stand at the top.

    Raises:
        DataError: a value is missing, is no number, or has another shape.

    >>> fields = (FieldSpec("features", "vector", (3,), "input", columns=("age", "sex=f", "sex=m")),)
    >>> sample_from_inputs(fields, {"age": 40, "sex": "m"})["features"].tolist()
    [[40.0, 0.0, 1.0]]
    """
    wanted = [field for field in fields if field.role == "input"]
    if len(wanted) == 1 and wanted[0].name not in inputs:
        inputs = {wanted[0].name: inputs}
    return {field.name: _sample(field, inputs) for field in wanted}


def _sample(field: FieldSpec, inputs: Mapping[str, Any]) -> np.ndarray:
    where = f"Input {field.name!r}"
    if field.name not in inputs:
        raise DataError(where, got="nothing is given for it", expected=f"values of shape {field.shape}")
    value = inputs[field.name]
    if field.kind == "text":
        return _texts([_a_text(where, value)])
    if isinstance(value, Mapping):
        if field.kind != "vector" or not field.columns:
            raise DataError(where, got="values by name came", expected=f"nested lists of shape {field.shape}")
        return vector_of(where, field, {name: [given] for name, given in value.items()}, 1)
    if field.kind == "category":
        return np.array([_class_of(where, field, value)], dtype=np.int64)
    try:
        values = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError):
        raise DataError(
            where,
            got="its values are no numbers in rows of one length",
            expected=f"nested lists of shape {field.shape}",
        ) from None
    if field.kind == "image" and values.shape == field.shape[1:] and field.shape[0] == 1:
        values = values[None]
    if values.shape == () and field.shape == (1,):
        values = values[None]
    if values.shape != field.shape:
        raise DataError(where, got=f"values of shape {values.shape} came", expected=f"shape {field.shape}")
    if not np.isfinite(values).all():
        raise DataError(where, got="a value is NaN or infinite", expected="finite numbers")
    return values[None]


def _a_text(where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise DataError(where, got=f"a {type(value).__name__} came", expected="a text")
    return value.strip()


def _texts(values: list[str]) -> np.ndarray:
    """(N,) of str."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _class_of(where: str, field: FieldSpec, value: Any) -> int:
    if str(value) in field.classes:
        return field.classes.index(str(value))
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(field.classes):
        return value
    raise DataError(where, got=f"{value!r} is no class of it", expected=f"one of {listed(field.classes)}")


def vector_of(where: str, field: FieldSpec, columns: Mapping[str, list[Any]], samples: int) -> np.ndarray:
    """(samples, F) float32 from columns of values: numbers as they are, a category as its mark, gaps as NaN.

    Raises:
        DataError: a column is missing or holds a text where a number belongs, or a category that was never learned.
    """
    vector = np.zeros((samples, len(field.columns)), dtype=np.float32)
    marks: dict[str, dict[str, int]] = {}  # category column -> text -> place in the vector
    for at, name in enumerate(field.columns):
        if name in columns:
            vector[:, at] = [_number(f"{where}, column {name!r}", value) for value in columns[name]]
            continue
        source = next((name[:i] for i, letter in enumerate(name) if letter == "=" and name[:i] in columns), None)
        if source is None:
            there = f"there are {listed(columns)}" if columns else "there are none"
            raise DataError(
                where, got=f"no column is called {name.split('=')[0]!r}; {there}", expected="the columns trained with"
            )
        marks.setdefault(source, {})[name[len(source) + 1 :]] = at
    for source, places in marks.items():
        for row, value in enumerate(columns[source]):
            text = "" if value is None else _text(value)
            if text in places:
                vector[row, places[text]] = 1.0
            elif text.casefold() not in NO_CATEGORY:
                raise DataError(
                    f"{where}, column {source!r}",
                    got=f"{text!r} is no category of it",
                    expected=f"one of {listed(places)}",
                )
    return vector


def _text(value: Any) -> str:
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value).strip()


def _number(where: str, value: Any) -> float:
    if value is None or (isinstance(value, str) and value.strip().casefold() in NO_NUMBER):
        return float("nan")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise DataError(where, got=f"{value!r} is no number", expected="a number") from None
    if np.isinf(number):
        raise DataError(where, got=f"{value!r} is no finite number", expected="a number")
    return number


def read_inputs(path: Path, spec: DataSpec, progress: Progress = no_progress) -> dict[str, np.ndarray]:
    """The input fields of a file without targets, in the order of the file: a table, an image, a text where the network
    reads nothing else, a folder of them, NPZ or NPY.

    Args:
        path: what to predict for.
        spec: the project's data, whose `fields` say what the network takes.
        progress: told the share that is done; where it answers False, reading stops.

    Raises:
        DataError: the file lacks a column, holds other shapes, or cannot be read.
        Cancelled: `progress` answered False.

    >>> import tempfile
    >>> spec = DataSpec(fields=(FieldSpec("x", "vector", (2,), "input"),), reader="npz")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(Path(folder, "new.npz"), x=np.float32([[1, 2], [3, 4]]))
    ...     read_inputs(Path(folder, "new.npz"), spec)["x"].tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    path = Path(path)
    with reading(path):
        return _read(path, spec, progress)


def _read(path: Path, spec: DataSpec, progress: Progress) -> dict[str, np.ndarray]:
    fields = tuple(field for field in spec.fields if field.role == "input")
    suffix = path.name.removesuffix(".gz").rpartition(".")[2].lower()
    if (spec.reader == "texts" and (path.is_dir() or suffix == "txt")) or _is_one_text(path, spec, fields):
        return _read_texts(path, spec, fields)
    if path.is_dir() or f".{suffix}" in images.SUFFIXES:
        return _read_images(path, spec, fields)
    located = locate(DataSpec(source=str(path), reader="csv"), None)
    if suffix in ("npz", "npy"):
        return _read_arrays(located, fields, progress)
    if suffix == "json":
        return _read_json(located, fields)
    return _read_table(located, spec, fields, progress)


def _is_one_text(path: Path, spec: DataSpec, fields: tuple[FieldSpec, ...]) -> bool:
    """Whether a .txt file is a text for a network that learned from a table of them, not such a table itself."""
    takes_texts = [field.kind for field in fields] == ["text"] and not spec.source.lower().endswith(".txt")
    if not takes_texts or path.suffix.lower() != ".txt" or not path.is_file():
        return False
    with path.open("rb") as file:
        names = re.split(r"[,;|\t]", file.readline(LONGEST_HEADER).decode("utf-8", "replace"))
    return fields[0].name not in (name.strip(' "\ufeff\r\n') for name in names)


def _only(path: Path, fields: tuple[FieldSpec, ...], kind: str, holds: str) -> FieldSpec:
    found = [field for field in fields if field.kind == kind]
    if len(found) != 1 or len(fields) != 1:
        takes = listed(f"{field.name} ({field.kind})" for field in fields)
        raise DataError(str(path), got=f"it holds {holds}", expected=f"what the network takes: {takes}")
    return found[0]


def _read_table(path: Path, spec: DataSpec, fields: tuple[FieldSpec, ...], progress: Progress) -> dict[str, np.ndarray]:
    if any(field.kind not in ("vector", "text") for field in fields):
        _only(path, fields, "vector", "a table")
    form = sniff(path, spec.options if spec.reader == "csv" else {})
    worded = {field.name for field in fields if field.kind == "text"}
    known = {column for field in fields if field.kind == "vector" for column in field.columns}
    used = {name for name in form.names if name in worded or name in known or _marks(name, known)}
    if not used or not worded <= used:
        raise DataError(str(path), got=f"its columns are {listed(form.names)}",
                        expected=f"those trained with: {listed((*sorted(worded), *_sources(known)))}")  # fmt: skip
    kinds = {name: "text" if name in worded else "number" if name in known else "category" for name in used}
    options = {**(spec.options if spec.reader == "csv" else {}), "kinds": kinds}
    roles: dict[str, Any] = {name: "input" if name in used else "unused" for name in form.names}
    table, _ = csv.read_table(path, DataSpec(source=str(path), options=options, roles=roles), progress)
    columns = {name: _values(table.column(name)) for name in form.names if name in used - worded}
    return {
        field.name: table.column(field.name).values if field.kind == "text"
        else vector_of(str(path), field, columns, table.samples)
        for field in fields
    }  # fmt: skip


def _sources(known: set[str]) -> list[str]:
    """The columns that these numbers come from: of "kind=a" and "kind=b" it is "kind"."""
    heads = [name.partition("=")[0] for name in known]
    return sorted({head if heads.count(head) > 1 else name for name, head in zip(known, heads, strict=True)})


def _marks(column: str, known: set[str]) -> bool:
    """Whether it is a column of categories, each of which has its own place in the vector."""
    return any(name.startswith(f"{column}=") for name in known)


def _read_texts(path: Path, spec: DataSpec, fields: tuple[FieldSpec, ...]) -> dict[str, np.ndarray]:
    field = _only(path, fields, "text", "a text")
    located = locate(DataSpec(source=str(path), reader="texts" if path.is_dir() else "csv"), None)
    files = sorted(filter(texts.TEXTS.holds, located.rglob("*"))) if path.is_dir() else [located]
    if not files:
        raise DataError(str(path), got="the folder holds no text file", expected=texts.TEXTS.files)
    return {field.name: _texts([texts.read_text(file) for file in files])}


def _values(column: Column) -> list[Any]:
    if column.kind == "number":
        return column.values.tolist()
    return [column.classes[code] if code >= 0 else None for code in column.values.tolist()]


def _read_images(path: Path, spec: DataSpec, fields: tuple[FieldSpec, ...]) -> dict[str, np.ndarray]:
    field = _only(path, fields, "image", "images")
    located = locate(DataSpec(source=str(path), reader="images" if path.is_dir() else "csv"), None)
    files = sorted(filter(images.is_image, located.rglob("*"))) if path.is_dir() else [located]
    if not files:
        raise DataError(str(path), got="the folder holds no image", expected="image files")
    mode = "L" if field.shape[0] == 1 else "RGB"
    pixels = np.stack([images.read_image(file, field.shape[1:], mode) for file in files]).astype(np.float32)
    top = shipped.find(spec).maximum if spec.reader == "bundled" else None
    return {field.name: pixels if top is None else pixels * np.float32(top / 255)}


def _read_arrays(path: Path, fields: tuple[FieldSpec, ...], progress: Progress) -> dict[str, np.ndarray]:
    arrays = npz.read_arrays(path, progress)
    inputs = {}
    for field in fields:
        values = arrays.get(field.name)
        if values is None and len(fields) == 1:
            by_name = [name for name in arrays if name.casefold() in npz.INPUT_NAMES]
            values = arrays[(by_name or list(arrays))[0]] if by_name or len(arrays) == 1 else None
        if values is None:
            raise DataError(
                str(path),
                got=f"no array is called {field.name!r}; it holds {listed(arrays)}",
                expected=f"{field.name!r} of shape (N, {', '.join(map(str, field.shape))})",
            )
        inputs[field.name] = _batch(path, field, values)
    return inputs


def _batch(path: Path, field: FieldSpec, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "fiub":
        raise DataError(str(path), got=f"array {field.name!r} has dtype {values.dtype}", expected="numbers")
    if field.kind == "image" and values.ndim == 3 and values.shape[1:] == field.shape[1:] and field.shape[0] == 1:
        values = values[:, None]
    if field.kind == "image" and values.shape[1:] == (*field.shape[1:], field.shape[0]):
        values = values.transpose(0, 3, 1, 2)
    if values.shape == field.shape:
        values = values[None]
    if field.kind == "vector" and values.ndim > 1:
        values = values.reshape(len(values), -1)
    if values.shape[1:] != field.shape:
        raise DataError(
            str(path),
            got=f"the array has shape {values.shape}",
            expected=f"(N, {', '.join(map(str, field.shape))}) for {field.name!r}",
        )
    if not np.isfinite(values).all():
        raise DataError(str(path), got="a value is NaN or infinite", expected="finite numbers")
    return np.ascontiguousarray(values, dtype=field.dtype)


def _read_json(path: Path, fields: tuple[FieldSpec, ...]) -> dict[str, np.ndarray]:
    """A JSON object is one sample, a list of objects several."""
    import msgspec

    try:
        content = msgspec.json.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise DataError(
            str(path), got=f"it is not readable as JSON ({error})", expected="an object per sample"
        ) from None
    samples = content if isinstance(content, list) else [content]
    if not samples or not all(isinstance(sample, dict) for sample in samples):
        raise DataError(
            str(path), got="it holds no objects", expected="an object of values by field or column per sample"
        )
    batches = [sample_from_inputs(fields, sample) for sample in samples]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
