"""Tables from CSV and TSV files: encoding, delimiter, header, decimal mark and types are found by looking.

Options that replace a guess: "delimiter", "header" (bool), "encoding", "decimal" ("." or ","), "quotes" (whether they
hold a value together, or are letters as others), "kinds" ({column:
"number", "category" or "text"}), "missing" (gaps in the inputs: filled with the training part's "mean", "median" or
"mode", or with the "constant" "missing_value"; or "drop" or "refuse" such rows), "missing_target" (how to go on without
one: "drop"); and for texts those of `engine.data.tokens`.
Rows are counted as a spreadsheet counts them: the first line of the file is row 1, header or not.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from engine.data.columns import Categories, Numbers, Texts, collector
from engine.data.sniff import (
    BARE_QUOTES,
    HEAD_BYTES,
    LATIN,
    BrokenQuotes,
    Format,
    as_text,
    broken_quotes,
    check_lines,
    open_bytes,
    sniff,
)
from engine.data.source import CHOOSE_AGAIN, Progress, no_progress, report
from engine.data.spec import DataSpec
from engine.data.table import Column, Table
from engine.errors import DataError
from engine.wording import format_size

CHUNK_FIELDS = 8_000  # parsed in one go: 1-2 ms, so that a window in the same process stays smooth


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
        raise no_rows(path) if form.is_whole else _long_row(path)
    try:
        return _read(path, spec, form, progress, most_rows), form
    except BrokenQuotes:
        if form.delimiter != "\t" or "quotes" in spec.options:
            raise
        told, note = {"quotes": False}, BARE_QUOTES
    except UnicodeDecodeError:
        if form.encoding != "utf-8" or "encoding" in spec.options:
            raise DataError(
                str(path),
                got=f"it is not written in {form.encoding} all through",
                mend="choose another encoding",
                fixes=(CHOOSE_AGAIN,),
            ) from None
        told, note = {"encoding": "latin-1"}, LATIN
    again = DataSpec(source=spec.source, options={**spec.options, **told}, roles=spec.roles)
    table, form = read_table(path, again, progress, most_rows=most_rows)
    table.notes.insert(0, note)
    return table, form


def no_rows(path: Path) -> DataError:
    """A table without a sample."""
    return DataError(
        str(path),
        got="there is a header but no row below it",
        expected="rows of values",
        fixes=(CHOOSE_AGAIN,),
    )


def _long_row(path: Path) -> DataError:
    return DataError(f"{path}, row 2", got=f"it does not end within {format_size(HEAD_BYTES)}",
                     expected="shorter rows", mend="shorten it, or put such texts in files, in a folder for each class",
                     fixes=(CHOOSE_AGAIN,))  # fmt: skip


def _read(path: Path, spec: DataSpec, form: Format, progress: Progress, most_rows: int | None) -> Table:
    builders = [
        None if spec.roles.get(name) == "unused" else collector(path, name, kind, form, spec)
        for name, kind in zip(form.names, form.kinds, strict=True)
    ]
    at_once = max(64, CHUNK_FIELDS // len(form.names))
    size = max(1, path.stat().st_size)
    samples = 0
    with open_bytes(path) as raw:
        rows = _Rows(path, form, raw)
        while samples != most_rows:
            chunk = rows.take(at_once if most_rows is None else min(at_once, most_rows - samples), builders)
            if chunk is None:
                break
            for builder, values in zip(builders, chunk.columns):
                if builder is not None:
                    builder.add(values, chunk.numbers)
            samples += len(chunk.numbers)
            report(progress, raw.tell() / size)
    if samples == 0:
        raise no_rows(path)
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


@dataclass(frozen=True)
class _Chunk:
    """Some rows: their numbers in the file, and by column the texts, or numbers where they are parsed already."""

    numbers: Sequence[int]
    columns: Sequence[Any]


class _Rows:
    """The rows of an open file: parsed by NumPy while lines are plain, by the csv module from the first quote on."""

    def __init__(self, path: Path, form: Format, raw: Any):
        self.path, self.form = path, form
        self.text = as_text(path, raw, form.encoding)
        self.next = 1  # number of the row that comes next
        self.quoted: Iterator[list[str]] | None = None
        if form.header:
            self._skip_header()

    def _skip_header(self) -> None:
        for row in self._split(self.text):
            self.next += 1
            if "".join(row).strip():
                return

    def _split(self, lines: Iterable[str]) -> Iterator[list[str]]:
        quoting = csv.QUOTE_MINIMAL if self.form.quotes else csv.QUOTE_NONE
        return csv.reader(lines, delimiter=self.form.delimiter, quoting=quoting, strict=True)

    def take(self, count: int, builders: Sequence[Numbers | Categories | Texts | None]) -> _Chunk | None:
        """The next rows, `count` at most and fewer where some are blank; None at the end."""
        try:
            if self.quoted is None:
                lines = list(islice(self.text, count))
                if not lines:
                    return None
                if not self.form.quotes or '"' not in "".join(lines):
                    return self._plain(lines, builders) or self._texts(self._split(lines), count)
                self.quoted = self._split(chain(lines, self.text))
            return self._texts(self.quoted, count)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(str(self.path), got=f"it cannot be unpacked ({error})", fixes=(CHOOSE_AGAIN,)) from None

    def _plain(self, lines: list[str], builders: Sequence[Numbers | Categories | Texts | None]) -> _Chunk | None:
        """All used columns in one go; None where something in them needs a closer look."""
        width = len(self.form.names)
        used = [i for i, builder in enumerate(builders) if builder is not None]
        has_numbers = any(builders[i].takes_numbers for i in used)  # else a blank row could not be told
        delimiters = {line.count(self.form.delimiter) for line in lines}
        if delimiters != {width - 1} or width == 1 or not has_numbers or self.form.decimal == ",":
            return None
        kinds = np.dtype([(str(i), np.float64 if builders[i].takes_numbers else object) for i in used])
        try:
            parsed = np.loadtxt(lines, kinds, delimiter=self.form.delimiter, comments=None, usecols=used, ndmin=1)
        except ValueError:
            return None
        columns = [parsed[str(i)] if builder is not None else None for i, builder in enumerate(builders)]
        if len(parsed) != len(lines) or any(column is not None and _is_odd(column) for column in columns):
            return None
        return _Chunk(self._count(len(lines)), columns)

    def _texts(self, reader: Iterator[list[str]], count: int) -> _Chunk | None:
        rows: list[list[str]] = []
        try:
            rows.extend(islice(reader, count))
        except csv.Error as error:
            raise broken_quotes(self.path, self.next + len(rows), error) from None
        if not rows:
            return None
        if self.form.quotes and self.form.delimiter == "\t":
            check_lines(self.path, rows, self.next)
        numbers: Sequence[int] = self._count(len(rows))
        if not all(map(any, rows)) or set(map(len, rows)) != {len(self.form.names)}:
            filled = [(n, row) for n, row in zip(numbers, rows, strict=True) if "".join(row).strip()]
            numbers = [n for n, _ in filled]
            rows = [_full_row(self.path, self.form, row, n) for n, row in filled]
        return _Chunk(numbers, list(zip(*rows, strict=True)))

    def _count(self, rows: int) -> range:
        self.next += rows
        return range(self.next - rows, self.next)


def _is_odd(column: np.ndarray) -> bool:
    """Gaps and numbers beyond float32 are looked for by their texts."""
    return column.dtype != object and not bool((np.abs(column) <= np.finfo(np.float32).max).all())


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
