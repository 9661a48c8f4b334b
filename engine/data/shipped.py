"""The data sets that ship, each checked against its sha256 when it is opened."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from engine.data import csv, npz
from engine.data.dataset import FieldDataset
from engine.data.source import Progress, no_progress
from engine.data.spec import DataSpec, FieldSpec
from engine.data.table import guess_roles, listed, to_dataset
from engine.errors import DataError, Fix

FOLDER = Path(__file__).parents[2] / "resources" / "datasets"
PREFIX = "bundled:"


class BundledSet(msgspec.Struct, frozen=True):
    """What index.json says of a set.

    name, title, summary: what it is called in a project, in the window, and a sentence on it.
    licence: under which it may be passed on.
    fields: what it yields.
    samples: how many there are.
    file, sha256: where it lies, and the sum that it is checked by.
    columns: what each column or field means.
    maximum: the largest value of a pixel.
    generated: whether it was made by a formula, not measured.

    >>> bundled()["digits"].samples
    1797
    """

    name: str
    title: str
    summary: str
    licence: str
    fields: tuple[FieldSpec, ...]
    samples: int
    file: str
    sha256: str
    columns: dict[str, str] = {}
    maximum: float | None = None
    generated: bool = False


class _Index(msgspec.Struct, frozen=True):
    schema: int
    sets: tuple[BundledSet, ...]


@cache
def bundled() -> dict[str, BundledSet]:
    """The sets that ship, by name, without opening their data.

    >>> sorted(bundled())
    ['breast-cancer', 'diabetes', 'digits', 'reviews', 'spirals']
    """
    index = msgspec.json.decode((FOLDER / "index.json").read_bytes(), type=_Index)
    return {each.name: each for each in index.sets}


def find(spec: DataSpec) -> BundledSet:
    """The set that "bundled:NAME" names. Raises DataError where there is none."""
    name = spec.source.removeprefix(PREFIX)
    found = bundled().get(name)
    if found is None:
        raise DataError(
            "Data",
            got=f"no bundled set is called {name!r}",
            expected=f"one of {listed(bundled())}",
            fixes=(Fix("Choose data", "choose_data"),),
        )
    return found


def open_bundled(spec: DataSpec, progress: Progress = no_progress) -> FieldDataset:
    """A bundled set; option "columns" (a list) keeps only those columns of a table as inputs, "kinds"
    and those of `engine.data.tokens` are as for a table of one's own.

    Raises:
        DataError: the set is unknown or its file is damaged.
    """
    found = find(spec)
    path = FOLDER / found.file
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != found.sha256:
        raise DataError(
            str(path),
            got="the bundled file is missing or changed",
            expected="the file that was shipped",
            mend="install Layerloom again",
        )
    if path.suffix == ".npz":
        dataset = npz.open_npz(path, told(found, spec), progress)
        maxima = {} if found.maximum is None else {f.name: found.maximum for f in found.fields if f.kind == "image"}
        dataset = FieldDataset(dataset.fields, dataset.arrays, maxima=maxima)
    else:
        told_spec = told(found, spec)
        table, _ = csv.read_table(path, told_spec, progress)
        dataset = to_dataset(table, guess_roles(table, told_spec), told_spec)
    if len(dataset) != found.samples or (not is_changed(spec) and dataset.fields != found.fields):
        raise DataError(
            str(path), got="the bundled file does not hold what its index says", mend="install Layerloom again"
        )
    return dataset


def is_changed(spec: DataSpec) -> bool:
    """Whether roles or options make other fields of the set than its index lists."""
    return bool(spec.roles or spec.options)


def told(found: BundledSet, spec: DataSpec) -> DataSpec:
    """The spec with all that is known of the set, so that its reader has nothing to guess."""
    targets = [field for field in found.fields if field.role == "target"]
    inputs = [column for field in found.fields if field.role == "input" for column in field.columns or (field.name,)]
    wanted = spec.options.get("columns", inputs)
    for column in wanted:
        if column not in inputs:
            raise DataError(
                f"Data set {found.name!r}",
                got=f"there is no column {column!r}",
                expected=f"one of {listed(inputs, 40)}",
            )
    roles: dict[str, Any] = {column: "input" if column in wanted else "unused" for column in inputs}
    roles.update({field.name: "target" for field in targets})
    roles.update(spec.roles)
    kinds = {field.name: field.kind for field in targets if field.kind in ("number", "category")}
    kinds |= {field.name: "text" for field in found.fields if field.kind == "text"}
    options = {
        **{k: v for k, v in spec.options.items() if k != "columns"},
        "kinds": kinds | spec.options.get("kinds", {}),
        "header": True,
        "delimiter": ",",
    }
    return DataSpec(source=spec.source, options=options, roles=roles, fields=spec.fields)
