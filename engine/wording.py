"""Plain words for what the check of a file's types says, for numbers of things and for a number of bytes."""

from __future__ import annotations

import re

KINDS = {
    "int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false", "null": "nothing",
    "array": "a list", "object": "named values",
}  # fmt: skip
FORMS = {
    r"^(cpu|cuda:\d+)$": "cpu or cuda:0",
    r"^[A-Za-z][A-Za-z0-9_]{0,63}$": "a name of letters, digits and _",
    r'[^"\r\n]': "a single character",
}
"""What a text of a pattern is."""
LIMITS = {">=": "of at least", "<=": "of at most", ">": "above", "<": "below"}
PLURALS = {"is": "es", "ix": "ices", "ex": "ices", "ox": "oxes", "ss": "sses"}
"""How words end of which there are several, where not by an s alone."""


def plain_words(message: str) -> tuple[str, str]:
    """Turn msgspec's message into (place, what is wrong there).

    >>> plain_words("Expected `int`, got `str` - at `$.training.epochs`")
    ('training.epochs', 'expected a whole number, got a text')
    >>> plain_words("Expected `int` >= 1 - at `$.size[0]`")
    ('size[0]', 'expected a whole number of at least 1')
    >>> plain_words("Object contains unknown field `speed`")
    ('', "the field 'speed' is unknown")
    """
    text, _, place = message.partition(" - at ")
    text = re.sub(r"`str` matching regex ('.*'|\".*\")", _form, text)
    text = re.sub(r"`((?:\w+ \| )*\w+)`", _kinds, text) if text.startswith("Expected") else text
    text = re.sub(r"(of length )?(>=|<=|>|<) (?=\S)", _limit, text)
    text = re.sub(r"Object contains unknown field (`.*`)", r"the field \1 is unknown", text)
    text = re.sub(r"Object missing required field (`.*`)", r"the field \1 is missing", text)
    return re.sub(r"^`\$?\.?(.*)`$", r"\1", place), text[:1].lower() + text[1:].replace("`", "'")


def counted(count: int | str, thing: str) -> str:
    """A number of things, as it is or already written out.

    >>> counted(1, "row"), counted("1,797", "row"), counted(2, "class"), counted(0, "axis"), counted(3, "matrix")
    ('1 row', '1,797 rows', '2 classes', '0 axes', '3 matrices')
    """
    if str(count) == "1":
        return f"1 {thing}"
    stem, end = thing[:-2], thing[-2:]
    return f"{count} {stem}{PLURALS.get(end, f'{end}s')}"


def arrivals(count: int, thing: str) -> str:
    """What came where another number was expected.

    >>> arrivals(1, "channel"), arrivals(3, "channel")
    ('1 channel arrives', '3 channels arrive')
    """
    return f"{counted(count, thing)} arrive{'s' * (count == 1)}"


def format_size(count: float) -> str:
    """A number of bytes with two or three figures and its unit.

    >>> format_size(512), format_size(15_400), format_size(3 * 2**20), format_size(2**30)
    ('512 B', '15 KiB', '3 MiB', '1 GiB')
    """
    units = ["GiB", "MiB", "KiB", "B"]
    while count >= 1023.5 and len(units) > 1:
        count /= 1024
        units.pop()
    return f"{count:.3g} {units[-1]}" if count < 100 else f"{count:.0f} {units[-1]}"


_HIDING = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
} | {13: "\\r"}


def legible(text: str) -> str:
    r"""A stranger's text with all that would move the cursor, or turn the order of its letters, written out.

    >>> print(legible("x = 1\x1b[2K\r# nothing"))
    x = 1\x1b[2K\r# nothing
    """
    return text.translate(_HIDING)


def _form(found: re.Match[str]) -> str:
    pattern = found[1][1:-1].replace("\\\\", "\\")
    return FORMS.get(pattern, "a text of another form")


def _limit(found: re.Match[str]) -> str:
    limit = LIMITS[found[2]]
    return f"of length {limit.removeprefix('of ')} " if found[1] else f"{limit} "


def _kinds(found: re.Match[str]) -> str:
    return " or ".join(KINDS.get(kind, f"'{kind}'") for kind in found[1].split(" | "))
