"""Tables from CSV and TSV files: encoding, delimiter, header, decimal mark and types are found by looking.

Options that replace a guess: "delimiter", "header" (bool), "encoding", "decimal" ("." or ","), "kinds" ({column:
"number" or "category"}), "missing" ("mean", "drop" or "refuse" rows with gaps in the inputs), "missing_target" (how to
go on without one: "drop").
Rows are counted as a spreadsheet counts them: the first line of the file is row 1, header or not.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from engine.data.source import CHOOSE_AGAIN, Progress, no_progress, report, unreadable
from engine.data.spec import DataSpec
from engine.data.table import MOST_CLASSES, Column, Table, listed
from engine.errors import DataError, Fix

HEAD_BYTES = 256 * 1024
HEAD_ROWS = 1000
CHUNK_FIELDS = 20_000  # parsed in one go: 2-4 ms, so that a window in the same process stays smooth
DELIMITERS = ("\t", ";", "|", ",")
NO_NUMBER = frozenset(("", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-", "--", "."))
NO_CATEGORY = frozenset(("", "na", "n/a", "#n/a", "nan", "null", "?"))
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE | re.ASCII)
COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Format:
    """How a file is written, and what its columns seem to hold."""

    encoding: str
    delimiter: str
    decimal: str
    header: bool
    names: tuple[str, ...]
    kinds: tuple[str, ...]  # "number", "category" or "" where the head has no value
    rows: tuple[tuple[str, ...], ...]  # of the head, without the header
    is_whole: bool  # the head is the whole file
    row_bytes: float  # mean length of a row
    notes: tuple[str, ...]


def sniff(path: Path, options: dict[str, Any]) -> Format:
    """Look at the first rows of a file.

    Raises:
        DataError: the file is empty, is no text, or an option names what cannot be.
    """
    content, is_whole = _head(path)
    encoding, notes = _encoding(path, content, options)
    try:
        text = content.decode(encoding, errors="strict" if is_whole else "ignore")
    except (UnicodeDecodeError, LookupError):
        raise DataError(
            str(path), got=f"it is not written in {encoding}", mend="choose another encoding", fixes=(CHOOSE_AGAIN,)
        ) from None
    if not text.strip():
        raise DataError(str(path), got="the file is empty", expected="rows of values", fixes=(CHOOSE_AGAIN,))
    if not is_whole and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    delimiter = options.get("delimiter") or _delimiter(path, text)
    rows = [tuple(row) for row in _parse(path, text, delimiter) if any(row)][: HEAD_ROWS + 1]
    if not rows:
        raise DataError(str(path), got="no row holds a value", expected="rows of values", fixes=(CHOOSE_AGAIN,))
    decimal = options.get("decimal") or _decimal(rows, delimiter)
    if decimal == ",":
        notes.append("Numbers are written with a decimal comma.")
    header = options.get("header")
    header = _has_header(rows, decimal) if header is None else bool(header)
    names = _names(rows[0] if header else [""] * Counter(map(len, rows)).most_common(1)[0][0], notes)
    body = rows[1:] if header else rows
    told = options.get("kinds", {})
    columns = (tuple(row[i] for row in body if i < len(row)) for i in range(len(names)))
    kinds = tuple(told.get(name) or _kind(texts, decimal) for name, texts in zip(names, columns, strict=True))
    row_bytes = max(1.0, len(text.encode(encoding)) / max(1, text.count("\n")))
    whole = is_whole and len(rows) <= HEAD_ROWS
    return Format(encoding, delimiter, decimal, header, names, kinds, tuple(body), whole, row_bytes, tuple(notes))


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


LATIN = "The file is not UTF-8; it was read as Latin-1 (western European)."


def _read(path: Path, spec: DataSpec, form: Format, progress: Progress, most_rows: int | None) -> Table:
    builders = [
        None if spec.roles.get(name) == "unused" else _builder(path, name, kind, form, spec)
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
    with _open(path) as raw:
        reader = csv.reader(_lines(path, raw, form.encoding), delimiter=form.delimiter, strict=True)
        for _ in range(1 if form.header else 0):
            number += _skip_header(reader)
        while True:
            rows: list[list[str]] = []
            try:
                rows.extend(islice(reader, at_once))
            except csv.Error as error:
                raise _broken_quotes(path, number + len(rows), error) from None
            except (OSError, EOFError) as error:
                raise DataError(str(path), got=f"it cannot be unpacked ({error})", fixes=(CHOOSE_AGAIN,)) from None
            if not rows:
                return
            numbers: Sequence[int] = range(number, number + len(rows))
            number += len(rows)
            if not all(map(any, rows)):
                numbers = [n for n, row in zip(numbers, rows, strict=True) if any(row)]
                rows = [row for row in rows if any(row)]
            if set(map(len, rows)) - {width}:
                rows = [_full_row(path, form, row, n) for n, row in zip(numbers, rows, strict=True)]
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


class _Numbers:
    """Collects a column of numbers; turns to categories where the head was empty and a text comes."""

    def __init__(self, path: Path, name: str, form: Format, spec: DataSpec, is_certain: bool):
        self.path, self.name, self.spec, self.is_certain = path, name, spec, is_certain
        self.comma = form.decimal == ","
        self.parts: list[np.ndarray] = []
        self.missing = 0
        self.missing_rows: list[int] = []
        self.instead: _Categories | None = None

    def add(self, texts: tuple[str, ...], numbers: Sequence[int]) -> None:
        if self.instead is not None:
            return self.instead.add(texts, numbers)
        try:
            values = self._fast(texts)
        except ValueError:
            found = self._slow(texts, numbers)
            if found is None:
                return None
            values = found
        with np.errstate(over="ignore"):
            values = values.astype(np.float32)
        if not np.isfinite(values).all():
            self._note_gaps(values, texts, numbers)
        self.is_certain = self.is_certain or not np.isnan(values).all()
        self.parts.append(values)
        return None

    def _fast(self, texts: tuple[str, ...]) -> np.ndarray:
        together = "".join(texts)
        if "_" in together or not together.isascii():  # float() takes 1_000 and foreign digits
            raise ValueError
        if self.comma:
            return np.fromiter((float(text.replace(",", ".")) for text in texts), np.float64, len(texts))
        return np.fromiter(map(float, texts), np.float64, len(texts))

    def _slow(self, texts: tuple[str, ...], numbers: Sequence[int]) -> np.ndarray | None:
        values = np.full(len(texts), np.nan)
        for i, text in enumerate(texts):
            clean = text.strip()
            plain = clean.replace(",", ".") if self.comma else clean
            if NUMBER.fullmatch(plain):
                values[i] = float(plain)
            elif clean.casefold() not in NO_NUMBER:
                if not self.is_certain and np.isnan(values[:i]).all():
                    self._turn(texts, numbers)
                    return None
                raise self._no_number(clean, numbers[i])
        return values

    def _turn(self, texts: tuple[str, ...], numbers: Sequence[int]) -> None:
        self.instead = _Categories(self.name)
        self.instead.parts = [np.full(len(part), -1, dtype=np.int32) for part in self.parts]
        self.instead.missing, self.instead.missing_rows = self.missing, self.missing_rows
        self.instead.add(texts, numbers)

    def _no_number(self, text: str, row: int) -> DataError:
        options, roles = self.spec.options, self.spec.roles
        kinds = {**options.get("kinds", {}), self.name: "category"}
        shown = text if len(text) <= 40 else text[:39] + "…"
        return DataError(
            f"{self.path}, row {row}, column {self.name!r}",
            got=f"{shown!r} is no number",
            expected="a number as in the other rows",
            mend="correct it, leave the column out or take it as categories",
            fixes=(
                Fix(f"Leave out {self.name!r}", "set_data", name="roles", value={**roles, self.name: "unused"}),
                Fix(f"Take {self.name!r} as categories", "set_data", name="options", value={**options, "kinds": kinds}),
            ),
        )

    def _note_gaps(self, values: np.ndarray, texts: tuple[str, ...], numbers: Sequence[int]) -> None:
        infinite = np.flatnonzero(np.isinf(values))
        if len(infinite):
            row, text = numbers[int(infinite[0])], texts[int(infinite[0])].strip()
            raise DataError(
                f"{self.path}, row {row}, column {self.name!r}",
                got=f"{text!r} is no finite number",
                expected="a number within ±3.4e38",
                mend="correct it or leave the column out",
                fixes=(
                    Fix(
                        f"Leave out {self.name!r}",
                        "set_data",
                        name="roles",
                        value={**self.spec.roles, self.name: "unused"},
                    ),
                ),
            )
        gaps = np.flatnonzero(np.isnan(values))
        self.missing += len(gaps)
        self.missing_rows += [numbers[int(i)] for i in gaps[: 20 - len(self.missing_rows)]]

    def finish(self) -> Column:
        if self.instead is not None:
            return self.instead.finish()
        return Column(self.name, "number", np.concatenate(self.parts), (), self.missing, tuple(self.missing_rows))


class _Codes(dict):
    """Text as it stands in the file -> its code; new texts get the next, gaps get -1."""

    def __init__(self):
        self.by_text: dict[str, int] = {}

    def __missing__(self, text: str) -> int:
        clean = text.strip()
        code = -1 if clean.casefold() in NO_CATEGORY else self.by_text.setdefault(clean, len(self.by_text))
        self[text] = code
        return code


class _Categories:
    """Collects a column of categories; gives up, to bound memory, where nearly every text is another."""

    def __init__(self, name: str):
        self.name = name
        self.codes = _Codes()
        self.parts: list[np.ndarray] = []
        self.missing = 0
        self.missing_rows: list[int] = []
        self.is_text = False

    def add(self, texts: tuple[str, ...], numbers: Sequence[int]) -> None:
        if self.is_text:
            return
        codes = np.fromiter(map(self.codes.__getitem__, texts), np.int32, len(texts))
        gaps = np.flatnonzero(codes < 0)
        self.missing += len(gaps)
        self.missing_rows += [numbers[int(i)] for i in gaps[: 20 - len(self.missing_rows)]]
        self.parts.append(codes)
        if len(self.codes.by_text) > MOST_CLASSES:
            self.is_text = True
            self.parts.clear()
            self.codes.clear()

    def finish(self) -> Column:
        if self.is_text:
            return Column(self.name, "text", missing=self.missing, missing_rows=tuple(self.missing_rows))
        texts = list(self.codes.by_text)
        classes = sorted(texts, key=_natural)
        place = np.empty(len(texts) + 1, dtype=np.int32)
        place[[self.codes.by_text[text] for text in classes]] = np.arange(len(texts), dtype=np.int32)
        place[-1] = -1  # where code -1 points
        codes = place[np.concatenate(self.parts)]
        return Column(self.name, "category", codes, tuple(classes), self.missing, tuple(self.missing_rows))


def _natural(text: str) -> tuple[bool, float, str, str]:
    """Numbers by value before texts by letter."""
    is_number = NUMBER.fullmatch(text) is not None
    return not is_number, float(text) if is_number else 0.0, text.casefold(), text


def _builder(path: Path, name: str, kind: str, form: Format, spec: DataSpec) -> _Numbers | _Categories:
    return _Categories(name) if kind == "category" else _Numbers(path, name, form, spec, is_certain=kind == "number")


def _open(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from None


def _lines(path: Path, raw: Any, encoding: str) -> io.TextIOWrapper:
    stream = gzip.GzipFile(fileobj=raw) if path.suffix.lower() == ".gz" else raw
    return io.TextIOWrapper(
        io.BufferedReader(stream, 1 << 16), "utf-8-sig" if encoding == "utf-8" else encoding, newline=""
    )


def _head(path: Path) -> tuple[bytes, bool]:
    with _open(path) as raw:
        stream = gzip.GzipFile(fileobj=raw) if path.suffix.lower() == ".gz" else raw
        try:
            content = stream.read(HEAD_BYTES + 1)
        except (OSError, EOFError) as error:
            raise DataError(
                str(path), got=f"it cannot be read ({error})", expected="a CSV file", fixes=(CHOOSE_AGAIN,)
            ) from None
    return content[:HEAD_BYTES], len(content) <= HEAD_BYTES


def _encoding(path: Path, content: bytes, options: dict[str, Any]) -> tuple[str, list[str]]:
    if options.get("encoding"):
        return str(options["encoding"]), []
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", []
    if content.startswith(b"PK\x03\x04"):
        raise DataError(
            str(path),
            got="this is an Excel or zip file",
            expected="a CSV file",
            mend="save it as CSV in the spreadsheet",
            fixes=(CHOOSE_AGAIN,),
        )
    if b"\0" in content:
        raise DataError(str(path), got="it holds bytes that are no text", expected="a CSV file", fixes=(CHOOSE_AGAIN,))
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(content) - 3 or len(content) < HEAD_BYTES:
            return "latin-1", [LATIN]
    return "utf-8", []


def _parse(path: Path, text: str, delimiter: str) -> list[list[str]]:
    text = text.removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    try:
        for row in islice(reader, HEAD_ROWS + 1):
            rows.append(row)
    except csv.Error as error:
        if not rows:
            raise _broken_quotes(path, 1, error) from None
    return rows


def _broken_quotes(path: Path, row: int, error: csv.Error) -> DataError:
    return DataError(
        f"{path}, row {row}",
        got=f"a quote is not closed or stands in the wrong place ({error})",
        expected='texts with the delimiter in "quotes"',
        mend="correct that row",
        fixes=(CHOOSE_AGAIN,),
    )


def _delimiter(path: Path, text: str) -> str:
    """The one that splits most rows alike; of equals the one that is rarest in other roles."""

    def share(delimiter: str) -> float:
        lengths = [len(row) for row in _parse_quietly(text, delimiter) if any(row)][:200]
        width, count = Counter(lengths).most_common(1)[0] if lengths else (1, 0)
        return round(count / len(lengths), 2) if width > 1 else 0.0

    name = path.name.removesuffix(".gz").lower()
    if name.endswith((".tsv", ".tab")) and share("\t"):
        return "\t"
    best = max(DELIMITERS, key=share)
    return best if share(best) else ","


def _parse_quietly(text: str, delimiter: str) -> list[list[str]]:
    """Rows as that delimiter would split them, up to where it no longer can."""
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    while len(rows) < 200:
        try:
            rows.append(next(reader))
        except (StopIteration, csv.Error):
            break
    return rows


def _decimal(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    if delimiter == ",":
        quoted = [cell.strip() for row in rows for cell in row if "," in cell]
        return "," if quoted and all(COMMA_NUMBER.fullmatch(cell) for cell in quoted) else "."
    cells = [cell.strip() for row in rows for cell in row]
    with_comma = sum(COMMA_NUMBER.fullmatch(cell) is not None for cell in cells)
    with_point = sum("." in cell and NUMBER.fullmatch(cell) is not None for cell in cells)
    return "," if with_comma > with_point else "."


def _is_number(text: str, decimal: str) -> bool:
    text = text.strip()
    return NUMBER.fullmatch(text.replace(",", ".") if decimal == "," else text) is not None


def _has_header(rows: Sequence[Sequence[str]], decimal: str) -> bool:
    first, rest = rows[0], rows[1:]
    if any(_is_number(cell, decimal) for cell in first):
        return False
    if not rest:
        return True
    for i, cell in enumerate(first):
        below = [row[i].strip() for row in rest if i < len(row)]
        if _kind(below, decimal) == "number":
            return True
        if cell.strip() in below:
            return False
    return len({cell.strip() for cell in first}) == len(first)


def _kind(texts: Sequence[str], decimal: str) -> str:
    """A few texts among many numbers are faults in a column of numbers; many make it a column of categories."""
    filled = [text for text in texts if text.strip().casefold() not in NO_NUMBER]
    numbers = sum(_is_number(text, decimal) for text in filled)
    others = len(filled) - numbers
    if not filled:
        return ""
    return "number" if others <= 0.1 * len(filled) or (others == 1 and numbers >= 2) else "category"


def _names(header: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    names: list[str] = []
    twice: list[str] = []
    for i, cell in enumerate(header):
        name = cell.strip() or f"column {i + 1}"
        if name in names:
            twice.append(name)
            count = 2
            while f"{name} ({count})" in names:
                count += 1
            name = f"{name} ({count})"
        names.append(name)
    if twice:
        notes.append(f"More than one column is called {listed(sorted(set(twice)))}; the later ones got a number.")
    return tuple(names)
