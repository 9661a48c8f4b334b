"""How a table file is written: encoding, delimiter, header, decimal mark and types, found by looking at its head."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from engine.data.source import CHOOSE_AGAIN, unreadable
from engine.data.table import listed
from engine.errors import DataError

HEAD_BYTES = 256 * 1024
HEAD_ROWS = 1000
DELIMITERS = ("\t", ";", "|", ",")
NO_NUMBER = frozenset(("", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-", "--", "."))
NO_CATEGORY = frozenset(("", "na", "n/a", "#n/a", "nan", "null", "?"))
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE | re.ASCII)
COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)
LEAST_TEXTS = 10
WORDS_OF_PROSE = 5
UNSPACED = r"\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
"""Chinese characters and Japanese syllables, which stand without spaces between words."""
_UNSPACED = re.compile(f"[{UNSPACED}]")
BARE_QUOTES = "Not all quotes of the file pair; they were read as letters."
LATIN = "The file is not UTF-8; it was read as Latin-1 (western European)."


@dataclass(frozen=True)
class Format:
    """How a file is written, and what its columns seem to hold."""

    encoding: str
    delimiter: str
    quotes: bool  # whether they hold a value together; else they are letters as others
    decimal: str
    header: bool
    names: tuple[str, ...]
    kinds: tuple[str, ...]  # "number", "category", "text" or "" where the head has no value
    rows: tuple[tuple[str, ...], ...]  # of the head, without the header
    is_whole: bool  # the head is the whole file
    rows_guessed: int  # of the whole file, without the header
    notes: tuple[str, ...]


def sniff(path: Path, options: dict[str, Any]) -> Format:
    """Look at the first rows of a file.

    Raises:
        DataError: the file is empty, is no text, or an option names what cannot be.
    """
    content, fraction = _head(path)
    is_whole = fraction == 1
    encoding, notes = _encoding(path, content, options)
    try:
        text = content.decode(encoding, errors="strict" if is_whole else "ignore")
    except (UnicodeDecodeError, LookupError):
        raise DataError(
            str(path), got=f"it is not written in {encoding}", mend="choose another encoding", fixes=(CHOOSE_AGAIN,)
        ) from None
    if not text.strip("\ufeff \t\r\n"):
        raise DataError(str(path), got="the file is empty", expected="rows of values", fixes=(CHOOSE_AGAIN,))
    if not is_whole and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    delimiter = options.get("delimiter") or _delimiter(path, text)
    quotes = _pair(path, text, delimiter, is_whole, notes) if options.get("quotes") is None else bool(options["quotes"])
    rows = [tuple(row) for row in _parse(path, text, delimiter, quotes) if "".join(row).strip()][: HEAD_ROWS + 1]
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
    whole = is_whole and len(rows) <= HEAD_ROWS
    guessed = len(body) if whole else round(text.count("\n") / fraction)
    return Format(encoding, delimiter, quotes, decimal, header, names, kinds, tuple(body), whole, guessed, tuple(notes))


def open_bytes(path: Path) -> Any:
    """The file, open to read. Raises DataError where it cannot be."""
    try:
        return path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from None


def as_text(path: Path, raw: Any, encoding: str) -> io.TextIOWrapper:
    """The open file as text, unpacked where it is a .gz, without a byte order mark."""
    stream = gzip.GzipFile(fileobj=raw) if path.suffix.lower() == ".gz" else raw
    return io.TextIOWrapper(
        io.BufferedReader(stream, 1 << 16), "utf-8-sig" if encoding == "utf-8" else encoding, newline=""
    )


def _head(path: Path) -> tuple[bytes, float]:
    """The first bytes, unpacked, and which fraction of the file they are; 1 for all of it."""
    with open_bytes(path) as raw:
        stream = gzip.GzipFile(fileobj=raw) if path.suffix.lower() == ".gz" else raw
        try:
            content = stream.read(HEAD_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(
                str(path), got=f"it cannot be read ({error})", expected="a CSV file", fixes=(CHOOSE_AGAIN,)
            ) from None
        read, size = raw.tell(), max(1, path.stat().st_size)
    return content[:HEAD_BYTES], 1.0 if len(content) <= HEAD_BYTES else min(read / size, 0.999)


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


def _pair(path: Path, text: str, delimiter: str, is_whole: bool, notes: list[str]) -> bool:
    """Whether quotes hold values together: always but between tabs, where they are letters unless all of them pair."""
    if delimiter != "\t" or '"' not in text:
        return True
    try:
        rows = _parse(path, text, delimiter, whole=is_whole)
        check_lines(path, rows, 1)
    except BrokenQuotes:
        notes.append(BARE_QUOTES)
        return False
    return True


def check_lines(path: Path, rows: Sequence[Sequence[str]], first: int) -> None:
    """That no two quotes at the beginning of values have swallowed all that lies between them.

    Raises:
        BrokenQuotes: a value goes over tabs and ends of lines.
    """
    for number, row in enumerate(rows, first):
        if any("\t" in cell and "\n" in cell for cell in row):
            raise broken_quotes(path, number, csv.Error("a value goes over tabs and ends of lines"))


def _parse(path: Path, text: str, delimiter: str, quotes: bool = True, whole: bool = False) -> list[list[str]]:
    """The rows of the head; where quotes do not pair those before, of which there must be some unless it is `whole`."""
    text = text.removeprefix("\ufeff")
    quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    rows: list[list[str]] = []
    try:
        for row in islice(reader, HEAD_ROWS + 1):
            rows.append(row)
    except csv.Error as error:
        if whole or len(rows) < 2:  # a header alone says nothing of what lies below
            raise broken_quotes(path, len(rows) + 1, error) from None
    return rows


class BrokenQuotes(DataError):
    """A row whose quotes do not pair; `where`, `got`, `expected`, `mend` and `fixes` as of every `DataError`."""


def broken_quotes(path: Path, row: int, error: csv.Error) -> BrokenQuotes:
    """A row whose quotes do not pair."""
    return BrokenQuotes(
        f"{path}, row {row}",
        got=f"a quote is not closed or stands in the wrong place ({error})",
        expected='texts with the delimiter in "quotes"',
        mend="correct that row",
        fixes=(CHOOSE_AGAIN,),
    )


def _delimiter(path: Path, text: str) -> str:
    """The one that splits most rows alike; of equals the one that is rarest in other roles."""

    def share(delimiter: str) -> float:
        lengths = [len(row) for row in _parse_quietly(text, delimiter) if "".join(row).strip()][:200]
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


def is_number(text: str, decimal: str) -> bool:
    text = text.strip()
    return NUMBER.fullmatch(text.replace(",", ".") if decimal == "," else text) is not None


def _has_header(rows: Sequence[Sequence[str]], decimal: str) -> bool:
    first, rest = rows[0], rows[1:]
    if any(is_number(cell, decimal) for cell in first):
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
    """A few texts among many numbers are faults in a column of numbers; many make it one of categories or of prose."""
    filled = [text for text in texts if text.strip().casefold() not in NO_NUMBER]
    numbers = sum(is_number(text, decimal) for text in filled)
    others = len(filled) - numbers
    if not filled:
        return ""
    if others <= 0.1 * len(filled) or (others == 1 and numbers >= 2):
        return "number"
    return "text" if _is_prose(filled) else "category"


def _is_prose(texts: Sequence[str]) -> bool:
    """Whether these are sentences: mostly different ones, of some words each; names and addresses have fewer."""
    if len(texts) < LEAST_TEXTS or len(set(texts)) < 0.5 * len(texts):
        return False
    return sum(map(_words, texts)) >= WORDS_OF_PROSE * len(texts)


def _words(text: str) -> float:
    """How many words there are about; two characters make one where there are no spaces.

    >>> _words("a good film"), _words("这部电影很好看")
    (3.0, 4.5)
    """
    return len(text.split()) + len(_UNSPACED.findall(text)) / 2


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
