"""Tables from CSV and TSV files: encoding, delimiter, header, decimal mark and types are found by looking.

Options that replace a guess: "delimiter", "header" (bool), "encoding", "decimal" ("." or ","), "kinds" ({column:
"number" or "category"}), "missing" ("mean", "drop" or "refuse" rows with gaps in the inputs), "missing_target" (how to
go on without one: "drop").
Rows are counted as a spreadsheet counts them: the first line of the file is row 1, header or not.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from engine.data.columns import collector
from engine.data.sniff import LATIN, Format, as_text, broken_quotes, open_bytes, sniff
from engine.data.source import CHOOSE_AGAIN, Progress, no_progress, report
from engine.data.spec import DataSpec
from engine.data.table import Column, Table
from engine.errors import DataError

CHUNK_FIELDS = 20_000  # parsed in one go: 2-4 ms, so that a window in the same process stays smooth


def read_table(
    path: Path, spec: DataSpec, progress: Progress = no_progress, *, most_rows: int | None = None
) -> tuple[Table, Format]:
    """Read the columns of a file, only those that are used, and at most `most_rows`.

    Raises:
        DataError: what is wrong, with file, row and column.
        Cancelled: `progress` answered False.
    """
    form = sniff(path, spec.options)
    if not form.rows:
        raise DataError(
            str(path), got="there is a header but no row below it", expected="rows of values", fixes=(CHOOSE_AGAIN,)
        )
    try:
        return _read(path, spec, form, progress, most_rows), form
    except UnicodeDecodeError:
        if form.encoding != "utf-8" or "encoding" in spec.options:
            raise DataError(
                str(path),
                got=f"it is not written in {form.encoding} all through",
                mend="choose another encoding",
                fixes=(CHOOSE_AGAIN,),
            ) from None
    told = DataSpec(source=spec.source, options={**spec.options, "encoding": "latin-1"}, roles=spec.roles)
    table, form = read_table(path, told, progress, most_rows=most_rows)
    table.notes.insert(0, LATIN)
    return table, form


def _read(path: Path, spec: DataSpec, form: Format, progress: Progress, most_rows: int | None) -> Table:
    builders = [
        None if spec.roles.get(name) == "unused" else collector(path, name, kind, form, spec)
        for name, kind in zip(form.names, form.kinds, strict=True)
    ]
    samples = 0
    for rows, numbers, fraction in _chunks(path, form, most_rows):
        for builder, texts in zip(builders, zip(*rows, strict=True), strict=True):
            if builder is not None:
                builder.add(texts, numbers)
        samples += len(rows)
        report(progress, fraction)
    columns = [
        Column(name, kind or "category") if builder is None else builder.finish()
        for name, kind, builder in zip(form.names, form.kinds, builders, strict=True)
    ]
    return Table(str(path), _without_empty_tail(columns, samples, spec), samples, list(form.notes))


def _without_empty_tail(columns: list[Column], samples: int, spec: DataSpec) -> list[Column]:
    """Rows that end with a delimiter make a last column without name or value."""
    last = columns[-1]
    if (
        len(columns) > 1
        and last.missing == samples
        and last.name == f"column {len(columns)}"
        and last.name not in spec.roles
    ):
        return columns[:-1]
    return columns


def _chunks(path: Path, form: Format, most_rows: int | None) -> Iterator[tuple[list[list[str]], Sequence[int], float]]:
    """Rows of full length, the number of each in the file, and the fraction read so far."""
    width = len(form.names)
    at_once = max(64, CHUNK_FIELDS // width)
    size = max(1, path.stat().st_size)
    number = 1
    left = most_rows
    with open_bytes(path) as raw:
        reader = csv.reader(as_text(path, raw, form.encoding), delimiter=form.delimiter, strict=True)
        for _ in range(1 if form.header else 0):
            number += _skip_header(reader)
        while True:
            rows: list[list[str]] = []
            try:
                rows.extend(islice(reader, at_once))
            except csv.Error as error:
                raise broken_quotes(path, number + len(rows), error) from None
            except (OSError, EOFError) as error:
                raise DataError(str(path), got=f"it cannot be unpacked ({error})", fixes=(CHOOSE_AGAIN,)) from None
            if not rows:
                return
            numbers: Sequence[int] = range(number, number + len(rows))
            number += len(rows)
            if not all(map(any, rows)) or set(map(len, rows)) != {width}:
                filled = [(n, row) for n, row in zip(numbers, rows, strict=True) if "".join(row).strip()]
                numbers = [n for n, _ in filled]
                rows = [_full_row(path, form, row, n) for n, row in filled]
            if left is not None:
                rows, numbers = rows[:left], numbers[:left]
                left -= len(rows)
            if rows:
                yield rows, numbers, raw.tell() / size
            if left == 0:
                return


def _skip_header(reader: Any) -> int:
    """Pass the header and blank lines above it; how many rows that were."""
    passed = 0
    for row in reader:
        passed += 1
        if any(row):
            break
    return passed


def _full_row(path: Path, form: Format, row: list[str], number: int) -> list[str]:
    width = len(form.names)
    if len(row) == width + 1 and not row[-1].strip():  # a delimiter at the end of the row
        return row[:width]
    if len(row) != width:
        got = "1 value" if len(row) == 1 else f"{len(row)} values"
        raise DataError(
            f"{path}, row {number}",
            got=got,
            expected=f"{width} as in the {'header' if form.header else 'other rows'}",
            mend="look for a missing or extra delimiter or an unclosed quote in that row",
            fixes=(CHOOSE_AGAIN,),
        )
    return row
