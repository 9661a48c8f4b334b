"""Options from a project file are checked before anything is read."""

from __future__ import annotations

import pytest

from engine import data
from engine.data import DataSpec
from engine.errors import DataError


@pytest.mark.parametrize(
    ("reader", "options", "sentence"),
    [
        ("csv", {"delimiter": ";;"}, "Data options, delimiter: expected"),
        ("csv", {"delimiter": '"'}, "Data options, delimiter: expected"),
        ("csv", {"header": "yes"}, "Data options, header: expected true or false or nothing, got a text"),
        ("csv", {"kinds": ["a"]}, "Data options, kinds: expected named values, got a list"),
        ("csv", {"kinds": {"a": "date"}}, "Data options, kinds[...]: invalid enum value 'date'"),
        ("csv", {"missing": "guess"}, "Data options, missing: invalid enum value 'guess'"),
        ("csv", {"seperator": ";"}, "Data options: the field 'seperator' is unknown"),
        ("bundled", {"columns": "bmi"}, "Data options, columns: expected a list or nothing, got a text"),
        ("bundled", {"columns": []}, "Data options, columns: expected a list of length at least 1"),
        ("images", {"size": [0, 5]}, "Data options, size[0]: expected a whole number of at least 1"),
        ("images", {"size": [10_000, 5]}, "Data options, size[0]: expected a whole number of at most 4096"),
        ("images", {"mode": "CMYK"}, "Data options, mode: invalid enum value 'CMYK'"),
        ("npz", {"channels": 3}, "Data options, channels: "),
    ],
)
@pytest.mark.parametrize("way", [data.open, data.describe, data.preview])
def test_an_option_that_cannot_be_is_named_and_the_fix_guesses(reader, options, sentence, way):
    source = "bundled:diabetes" if reader == "bundled" else "table"
    with pytest.raises(DataError) as caught:
        way(DataSpec(source=source, reader=reader, options=options))
    assert str(caught.value).startswith(sentence)
    fix = caught.value.fixes[0]
    assert (fix.action, fix.name, fix.value) == ("set_data", "options", {})
