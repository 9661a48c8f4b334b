"""Columns collected chunk by chunk while a table is read: numbers and categories, with the rows of their gaps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.data.sniff import NO_CATEGORY, NO_NUMBER, NUMBER, Format
from engine.data.spec import DataSpec
from engine.data.table import MOST_CLASSES, Column
from engine.errors import DataError, Fix

NAMED_GAPS = 20  # rows without a value that are named


def collector(path: Path, name: str, kind: str, form: Format, spec: DataSpec) -> Numbers | Categories | Texts:
    """What gathers a column of that kind; "" where the head of the file left it open."""
    if kind == "text":
        return Texts(name)
    return Categories(name) if kind == "category" else Numbers(path, name, form, spec, is_certain=kind == "number")


class Numbers:
    """Collects a column of numbers; turns to categories where the head was empty and a text comes."""

    def __init__(self, path: Path, name: str, form: Format, spec: DataSpec, is_certain: bool):
        self.path, self.name, self.spec, self.is_certain = path, name, spec, is_certain
        self.comma = form.decimal == ","
        self.parts: list[np.ndarray] = []
        self.missing = 0
        self.missing_rows: list[int] = []
        self.instead: Categories | None = None

    @property
    def takes_numbers(self) -> bool:
        """Whether values may come parsed already."""
        return self.instead is None

    def add(self, texts: Sequence[str] | np.ndarray, numbers: Sequence[int]) -> None:
        if self.instead is not None:
            return self.instead.add(texts, numbers)
        if isinstance(texts, np.ndarray):
            self.parts.append(texts.astype(np.float32))
            self.is_certain = True
            return None
        try:
            values = self._fast(texts)
        except ValueError:
            found = self._with_gaps(texts, numbers)
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

    def _with_gaps(self, texts: tuple[str, ...], numbers: Sequence[int]) -> np.ndarray | None:
        try:
            return self._fast(tuple(text or "nan" for text in texts))  # most gaps are just empty
        except ValueError:
            return self._one_by_one(texts, numbers)

    def _one_by_one(self, texts: tuple[str, ...], numbers: Sequence[int]) -> np.ndarray | None:
        """None where the first value of the column is a text: then it is one of categories."""
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
        self.instead = Categories(self.name)
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
        self.missing_rows += [numbers[int(i)] for i in gaps[: NAMED_GAPS - len(self.missing_rows)]]

    def finish(self) -> Column:
        if self.instead is not None:
            return self.instead.finish()
        return Column(self.name, "number", np.concatenate(self.parts), (), self.missing, tuple(self.missing_rows))


class Codes(dict):
    """Text as it stands in the file -> its code; new texts get the next, gaps get -1."""

    def __init__(self):
        self.by_text: dict[str, int] = {}

    def __missing__(self, text: str) -> int:
        clean = text.strip()
        code = -1 if clean.casefold() in NO_CATEGORY else self.by_text.setdefault(clean, len(self.by_text))
        self[text] = code
        return code


class Categories:
    """Collects a column of categories; gives up, to bound memory, where nearly every text is another."""

    takes_numbers = False

    def __init__(self, name: str):
        self.name = name
        self.codes = Codes()
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
        self.missing_rows += [numbers[int(i)] for i in gaps[: NAMED_GAPS - len(self.missing_rows)]]
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


class Texts:
    """Collects a column of free texts, each as it stands but for spaces around it."""

    takes_numbers = False

    def __init__(self, name: str):
        self.name = name
        self.parts: list[np.ndarray] = []
        self.missing = 0
        self.missing_rows: list[int] = []

    def add(self, texts: Sequence[str] | np.ndarray, numbers: Sequence[int]) -> None:
        part = np.empty(len(texts), dtype=object)
        part[:] = [text.strip() for text in texts]
        gaps = np.flatnonzero(part == "")
        self.missing += len(gaps)
        self.missing_rows += [numbers[int(i)] for i in gaps[: NAMED_GAPS - len(self.missing_rows)]]
        self.parts.append(part)

    def finish(self) -> Column:
        return Column(self.name, "text", np.concatenate(self.parts), (), self.missing, tuple(self.missing_rows))


def _natural(text: str) -> tuple[bool, float, str, str]:
    """Numbers by value before texts by letter."""
    is_number = NUMBER.fullmatch(text) is not None
    return not is_number, float(text) if is_number else 0.0, text.casefold(), text
