"""What a reader can be told instead of guessing, checked before anything is read: a project may come from anywhere."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from engine.data.spec import DataSpec
from engine.errors import DataError, Fix
from engine.wording import plain_words

Kinds = dict[str, Literal["number", "category"]]
TableKinds = dict[str, Literal["number", "category", "text"]]
Side = Annotated[int, Meta(ge=1, le=4096)]


class TextOptions(Struct, forbid_unknown_fields=True):
    """For whatever holds texts; see `engine.data.tokens`."""

    tokens: Literal["words", "characters", "pairs"] = "words"
    vocabulary: Annotated[int, Meta(ge=3, le=1_000_000)] | None = None
    length: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    lower: bool = True
    side: Literal["right", "left"] = "right"


class TableOptions(TextOptions, forbid_unknown_fields=True):
    """For "csv"; see `engine.data.csv`."""

    delimiter: Annotated[str, Meta(min_length=1, max_length=1, pattern=r'[^"\r\n]')] | None = None
    header: bool | None = None
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None
    quotes: bool | None = None
    kinds: TableKinds = {}
    missing: Literal["mean", "median", "mode", "constant", "drop", "refuse"] = "mean"
    missing_value: Annotated[float, Meta(ge=-3.4e38, le=3.4e38)] = 0.0
    missing_target: Literal["refuse", "drop"] = "refuse"


class BundledOptions(TextOptions, forbid_unknown_fields=True):
    """For "bundled"; see `engine.data.shipped`."""

    columns: Annotated[list[str], Meta(min_length=1)] | None = None
    kinds: TableKinds = {}


class ImageOptions(Struct, forbid_unknown_fields=True):
    """For "images"; see `engine.data.images`."""

    size: tuple[Side, Side] | None = None
    without: tuple[str, ...] = ()
    mode: Literal["L", "RGB"] | None = None


class TextFolderOptions(TextOptions, forbid_unknown_fields=True):
    """For "texts"; see `engine.data.texts`."""

    without: tuple[str, ...] = ()


class ArrayOptions(Struct, forbid_unknown_fields=True):
    """For "npz"; see `engine.data.npz`."""

    channels: Literal["first", "last"] | None = None
    kinds: Kinds = {}
    classes: dict[str, list[str]] = {}


KNOWN = {
    "csv": TableOptions, "bundled": BundledOptions, "images": ImageOptions, "npz": ArrayOptions,
    "texts": TextFolderOptions,
}  # fmt: skip


def check_options(spec: DataSpec) -> None:
    """Raises DataError where an option is unknown to the reader or has a value that cannot be.

    >>> check_options(DataSpec("table.csv", reader="csv", options={"decimal": "."}))
    """
    try:
        msgspec.convert(spec.options, KNOWN[spec.reader])
    except msgspec.ValidationError as error:
        name, words = plain_words(str(error))
        raise DataError(
            f"Data options{f', {name}' if name else ''}",
            got=words,
            mend="leave the option out to have it guessed",
            fixes=(Fix("Guess everything", "set_data", name="options", value={}),),
        ) from None
