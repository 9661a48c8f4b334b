"""A table in columns, and how columns become fields: numbers and one-hot categories in one vector, others by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from engine.data.dataset import FieldDataset
from engine.data.spec import DataSpec, FieldSpec, Role
from engine.errors import DataError, Fix
from engine.wording import counted, format_size

MOST_CLASSES = 1000  # more different texts are no category
MOST_MARKS = 200  # more different texts make no good input
MOST_BYTES = 8 * 2**30
LONGEST = 60  # letters of a name in a sentence
TARGET_NAMES = ("target", "label", "labels", "class", "y", "output", "outcome", "diagnosis", "species", "category")
ID_NAMES = ("", "id", "index", "idx", "no", "no.", "nr", "nr.", "#", "row", "uid", "uuid", "key")


@dataclass
class Column:
    """One column, read whole.

    `values`: numbers float32 (N,) with NaN where missing; categories int32 codes (N,) into `classes` with -1 where
    missing; texts (N,) of str, "" where missing, or None: too many different ones to be a category.
    `missing` counts, `missing_rows` names the first few rows without a value.
    """

    name: str
    kind: Literal["number", "category", "text"]
    values: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    missing: int = 0
    missing_rows: tuple[int, ...] = ()
    remark: str = ""  # why it is unused, where the guess is that


@dataclass
class Table:
    """A file's columns. `row_numbers` translate a sample's index to the row in the file for a message."""

    where: str
    columns: list[Column]
    samples: int
    notes: list[str] = field(default_factory=list)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def guess_roles(table: Table, spec: DataSpec) -> dict[str, Role]:
    """A role for every column: what `spec` says, else ids and texts unused, one target, the rest inputs.

    Raises:
        DataError: a role is given to a column that is not there.
    """
    names = [column.name for column in table.columns]
    for name in spec.roles:
        if name not in names:
            raise DataError(
                table.where,
                got=f"there is no column {name!r}",
                expected=f"one of {listed(names)}",
                mend="choose the roles of the columns again",
                fixes=(Fix("Guess the roles again", "set_data", name="roles", value={}),),
            )
    roles: dict[str, Role] = {}
    for column in table.columns:
        column.remark = _why_unused(column)
        roles[column.name] = spec.roles.get(column.name, "unused" if column.remark else "input")
    if "target" not in spec.roles.values():
        free = [name for name in names if roles[name] == "input" and name not in spec.roles]
        by_name = [name for name in free if name.casefold() in TARGET_NAMES]
        if free:
            roles[(by_name or free)[-1]] = "target"
    return roles


def _why_unused(column: Column) -> str:
    if column.values is None:
        return "it holds texts that are nearly all different" if column.kind == "text" else ""
    name = column.name.casefold().strip()
    is_named_id = name in ID_NAMES or name.endswith(("_id", " id", "-id")) or name.startswith("unnamed")
    if is_named_id and len(column.values) > 1 and column.kind == "number":
        values = column.values
        if np.all(values == np.floor(values)) and len(np.unique(values)) == len(values):
            return "it numbers the rows"
    if is_named_id and len(column.classes) == len(column.values):
        return "it names the rows"
    if len(column.classes) > MOST_MARKS:
        return f"it has {len(column.classes):,} different texts"
    return ""


def to_dataset(table: Table, roles: Mapping[str, Role], spec: DataSpec, *, is_whole: bool = True) -> FieldDataset:
    """Gather the input columns in the vector field "features", each text and each target in a field of its own.

    `is_whole` is False where the table is only the head of a file, which may hold a single class.

    Two inputs need no target where no column is to be one: a loss may compare them.

    Raises:
        DataError: no input, no target, a target without value in some row, one class only, no value in a whole column.
    """
    inputs = [table.column(name) for name, role in roles.items() if role == "input"]
    targets = [table.column(name) for name, role in roles.items() if role == "target"]
    _check_roles(table, inputs, targets, roles, spec)
    targets = [_as_target(column, table, spec) for column in targets]
    keep = _rows_kept(table, inputs, targets, spec)
    texts = [column for column in inputs if column.kind == "text"]
    fields, arrays = _text_fields(texts, keep, spec)
    taken = {column.name for column in (*texts, *targets)}
    name = next(name for name in ("features", "inputs", "other inputs", "values") if name not in taken)
    others = [column for column in inputs if column.kind != "text"]
    names, switches = _vector_columns(others)
    if names:
        fields.append(FieldSpec(name, "vector", (len(names),), "input", columns=names))
        arrays[name] = _vector(table, others, keep, len(names))
    for target in targets:
        values = target.values if keep is None else target.values[keep]
        if target.kind == "category":
            if is_whole and len(np.unique(values)) < 2:
                raise one_class_only(table.where, target.name, target.classes[int(values[0])])
            fields.append(FieldSpec(target.name, "category", (), "target", "int64", classes=target.classes))
            arrays[target.name] = values.astype(np.int64)
        else:
            fields.append(FieldSpec(target.name, "number", (1,), "target"))
            arrays[target.name] = values.reshape(-1, 1)
    return FieldDataset(tuple(fields), arrays, switches={name: switches} if names else {}, notes=tuple(table.notes))


def _check_roles(
    table: Table, inputs: list[Column], targets: list[Column], roles: Mapping[str, Role], spec: DataSpec
) -> None:
    if not targets and (len(inputs) < 2 or roles.keys() - spec.roles.keys()):
        raise DataError(
            table.where,
            got="no column is the target",
            expected="a column to predict",
            mend="give one column the role 'target'",
        )
    if not inputs:
        raise DataError(
            table.where,
            got="no column is an input",
            expected="at least one column to predict from",
            mend="give one column the role 'input'",
        )
    for column in (*inputs, *targets):
        _check_column(table, column, roles, spec)


def _text_fields(
    texts: list[Column], keep: np.ndarray | None, spec: DataSpec
) -> tuple[list[FieldSpec], dict[str, Any]]:
    if not texts:
        return [], {}
    from engine.data.tokens import text_fields  # data without texts are spared it

    arrays = {column.name: column.values if keep is None else column.values[keep] for column in texts}
    return list(text_fields(list(arrays), list(arrays.values()), spec)), arrays


def one_class_only(where: str, name: str, found: str) -> DataError:
    """Nothing can be learned where every sample is of one class."""
    return DataError(
        where,
        got=f"every sample of {name!r} is of one class, {found!r}",
        expected="two classes or more",
        mend="choose another target or other data",
        fixes=(Fix("Choose other data", "choose_data"),),
    )


def listed(names: Any, most: int = 6) -> str:
    """'a', 'b', 'c' and 4 more; of what is very long only its beginning."""
    names = [f"'{name[:LONGEST]}…'" if len(name) > LONGEST else f"'{name}'" for name in map(str, names)]
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _check_column(table: Table, column: Column, roles: Mapping[str, Role], spec: DataSpec) -> None:
    where = f"{table.where}, column {column.name!r}"
    without = Fix(f"Leave out {column.name!r}", "set_data", name="roles", value={**roles, column.name: "unused"})
    if column.missing == table.samples:
        raise DataError(
            where, got="no row has a value", expected="values", mend="set its role to 'unused'", fixes=(without,)
        )
    if column.kind == "text" and roles[column.name] == "target":
        raise DataError(
            where,
            got="it holds texts" if column.values is not None else f"it holds over {MOST_CLASSES:,} different texts",
            expected="numbers or categories to predict",
            mend="choose another target",
            fixes=(without,),
        )
    if column.values is None:
        kinds = {**spec.options.get("kinds", {}), column.name: "text"}
        as_text = Fix(f"Read {column.name!r} as text", "set_data", name="options",
                      value={**spec.options, "kinds": kinds})  # fmt: skip
        raise DataError(
            where,
            got=f"it holds more than {MOST_CLASSES:,} different texts",
            expected="numbers, categories or texts that are read word by word",
            mend="set its role to 'unused', or read it as text",
            fixes=(without, as_text),
        )


def _as_target(column: Column, table: Table, spec: DataSpec) -> Column:
    """A target of at most 20 different whole numbers is a category, unless options["kinds"] says "number"."""
    if column.kind == "category" or spec.options.get("kinds", {}).get(column.name) == "number":
        return column
    values = column.values[~np.isnan(column.values)]
    for distinct in (np.unique(values[:10_000]), np.unique(values)):  # the first decides most cases without sorting all
        if len(distinct) > 20 or len(values) < 3 * len(distinct) or np.any(distinct != np.floor(distinct)):
            return column
    table.notes.append(f"Column {column.name!r} has {len(distinct)} different whole numbers and is taken as classes.")
    codes = np.searchsorted(distinct, column.values).astype(np.int32)
    codes[np.isnan(column.values)] = -1
    return replace(column, kind="category", values=codes, classes=tuple(f"{number:.0f}" for number in distinct))


def _rows_kept(table: Table, inputs: list[Column], targets: list[Column], spec: DataSpec) -> np.ndarray | None:
    """Which rows are used, (N,) bool, or None for all."""
    keep = _with_targets(table, targets, spec) & _without_gaps(table, inputs, spec)
    if keep.all():
        return None
    if not keep.any():
        raise DataError(
            table.where,
            got="every row has a gap, so that none is left",
            expected="rows with all values",
            mend="fill gaps with the mean or leave out the columns with gaps",
        )
    table.notes.append(f"{counted(f'{(~keep).sum():,}', 'row')} with missing values left out.")
    return keep


def _with_targets(table: Table, targets: list[Column], spec: DataSpec) -> np.ndarray:
    """Rows that all targets have a value in; options["missing_target"] decides whether the others are refused."""
    keep = np.ones(table.samples, dtype=bool)
    for target in targets:
        if target.missing and spec.options.get("missing_target") == "drop":
            keep &= ~_missing(target)
        elif target.missing:
            options = {**spec.options, "missing_target": "drop"}
            raise DataError(
                f"{table.where}, row {target.missing_rows[0]}",
                got=f"the target {target.name!r} has no value there ({counted(f'{target.missing:,}', 'row')} in all)",
                expected="a value in every row",
                mend="fill it in or leave out such rows",
                fixes=(Fix("Leave out rows without a target", "set_data", name="options", value=options),),
            )
    return keep


def _without_gaps(table: Table, inputs: list[Column], spec: DataSpec) -> np.ndarray:
    """Rows that are used by options["missing"], which decides over gaps in the inputs."""
    keep = np.ones(table.samples, dtype=bool)
    gaps = [column for column in inputs if column.missing]
    how = spec.options.get("missing", "mean")
    if how == "drop":
        for column in gaps:
            keep &= ~_missing(column)
    elif gaps and how == "refuse":
        column, options = gaps[0], spec.options
        raise DataError(
            f"{table.where}, row {column.missing_rows[0]}, column {column.name!r}",
            got="there is no value",
            expected="a value in every row",
            mend="fill it in, leave such rows out or fill gaps with the mean",
            fixes=(
                Fix("Leave out rows with gaps", "set_data", name="options", value={**options, "missing": "drop"}),
                Fix("Fill gaps with the mean", "set_data", name="options", value={**options, "missing": "mean"}),
            ),
        )
    return keep


def gap_notes(table: Table, roles: Mapping[str, Role], spec: DataSpec) -> list[str]:
    """Where values are missing, a sentence per column that is used."""
    fate = {"drop": "such rows are left out", "refuse": "the data will be refused"}
    how = spec.options.get("missing", "mean")
    value = {"median": "the median of the training part", "mode": "the commonest value of the training part",
             "constant": f"{spec.options.get('missing_value', 0.0):g}"}  # fmt: skip
    with_what = value.get(how, "the mean of the training part")
    notes = []
    for column in table.columns:
        if column.missing and roles.get(column.name) == "input":
            rows = ", ".join(map(str, column.missing_rows[:5])) + (" ..." if column.missing > 5 else "")
            unmarked = "an empty text stands there" if column.kind == "text" else "no class is marked"
            filled = f"filled with {with_what}" if column.kind == "number" else unmarked
            notes.append(
                f"Column {column.name!r}: {counted(f'{column.missing:,}', 'value')} missing (row {rows}); "
                f"{fate.get(how, filled)}."
            )
        elif column.remark and roles.get(column.name) == "unused":
            notes.append(f"Column {column.name!r} is unused: {column.remark}.")
    return notes


def _missing(column: Column) -> np.ndarray:
    if column.kind == "text":
        return column.values == ""
    return np.isnan(column.values) if column.kind == "number" else column.values < 0


def _vector_columns(inputs: list[Column]) -> tuple[tuple[str, ...], np.ndarray]:
    names: list[str] = []
    switches: list[bool] = []
    for column in inputs:
        marks = [column.name] if column.kind == "number" else [f"{column.name}={text}" for text in column.classes]
        names += marks
        switches += [column.kind == "category"] * len(marks)
    return tuple(names), np.array(switches)


def _vector(table: Table, inputs: list[Column], keep: np.ndarray | None, width: int) -> np.ndarray:
    """(N, F) float32: numbers as they are (NaN where missing), categories as 0/1 marks."""
    rows = table.samples if keep is None else int(keep.sum())
    if rows * width * 4 > MOST_BYTES:
        raise DataError(
            table.where,
            got=f"{rows:,} rows of {width:,} input values do not fit in memory",
            expected=f"at most {format_size(MOST_BYTES)}",
            mend="leave out columns with many texts",
        )
    vector = np.zeros((rows, width), dtype=np.float32)
    at = 0
    for column in inputs:
        values = column.values if keep is None else column.values[keep]
        if column.kind == "number":
            vector[:, at] = values
            at += 1
        else:
            marked = np.flatnonzero(values >= 0)
            vector[marked, at + values[marked]] = 1.0
            at += len(column.classes)
    return vector
