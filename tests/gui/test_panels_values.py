"""Fields of numbers: what is shown, what is understood, what a step does."""

from __future__ import annotations

import pytest

from engine.graph import catalogue
from engine.graph.catalogue import Parameter
from gui.panels import values

KERNEL = Parameter("kernel_size", "pair", 3, 3, minimum=1, maximum=64)
PADDING = Parameter("padding", "pair", 0, 0, minimum=0, choices=("same", "valid"))
RATE = Parameter("lr", "float", 0.001, 0.001, minimum=0.0, log=True)
SHARE = Parameter("p", "float", 0.5, 0.5, minimum=0.0, maximum=1.0)
WIDTH = Parameter("in_features", "int", None, None, minimum=1, inferred=1)
BETAS = Parameter("betas", "floats", (0.9, 0.999), (0.9, 0.999), minimum=0.0)


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        (KERNEL, "3", 3), (KERNEL, "3 x 5", (3, 5)), (KERNEL, "3x5", (3, 5)), (KERNEL, "(3, 5)", (3, 5)),
        (KERNEL, "3 × 3", 3), (PADDING, "same", "same"), (PADDING, "Same", "same"), (PADDING, "1", 1),
        (RATE, "1e-3", 0.001), (RATE, "0.5", 0.5), (BETAS, "0.9, 0.99", (0.9, 0.99)), (WIDTH, "", None),
    ],
)  # fmt: skip
def test_what_a_person_types_is_understood(parameter, text, value):
    assert values.parse_value(parameter, text) == (value, "")


@pytest.mark.parametrize(
    ("parameter", "text", "word"),
    [
        (KERNEL, "three", "whole number"), (KERNEL, "0", "under"), (KERNEL, "3 x 3 x 3", "instead of"),
        (KERNEL, "", "nothing"), (RATE, "nan", "finite"), (RATE, "-1", "under"), (RATE, "1 2", "one number"),
        (SHARE, "2", "over"), (KERNEL, "3.5", "whole number"), (KERNEL, "x", "whole number"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_words(parameter, text, word):
    assert word in values.parse_value(parameter, text)[1]


@pytest.mark.parametrize(
    ("parameter", "value", "text"),
    [(KERNEL, 3, "3 x 3"), (KERNEL, (3, 5), "3 x 5"), (PADDING, 1, "1"), (RATE, 1e-3, "0.001"),
     (BETAS, (0.9, 0.999), "0.9, 0.999"), (WIDTH, None, "")],
)  # fmt: skip
def test_values_are_shown_as_the_field_writes_them(parameter, value, text):
    assert values.show_value(parameter, value) == text


@pytest.mark.parametrize(
    ("parameter", "value", "steps", "after"),
    [
        (KERNEL, 3, 1, 4), (KERNEL, 1, -1, 1), (KERNEL, (3, 5), -1, (2, 4)), (RATE, 0.001, 1, 0.002),
        (RATE, 0.001, -1, 0.0005), (RATE, 0.003, 1, 0.005), (SHARE, 0.95, 1, 1.0), (SHARE, 0.0, -1, 0.0),
    ],
)  # fmt: skip
def test_a_step_stays_within_the_range(parameter, value, steps, after):
    assert values.step_value(parameter, value, steps) == pytest.approx(after)


@pytest.mark.parametrize("kind", ["layer", "loss", "optimizer", "schedule"])
def test_every_start_value_of_the_catalogue_survives_being_shown_and_read(kind):
    for entry in catalogue.entries(kind).values():
        for parameter in entry.parameters:
            value = parameter.start
            if parameter.kind in ("int", "float", "pair", "ints", "floats") and value is not catalogue.MISSING:
                shown = values.show_value(parameter, value)
                again, wrong = values.parse_value(parameter, shown)
                given = tuple(value) if isinstance(value, list) else value
                assert not wrong, (entry.type, parameter.name, wrong)
                assert again == given or (isinstance(given, tuple) and again == given[0]), (entry.type, parameter.name)


def test_times_are_written_as_clocks_do():
    assert [values.duration(t) for t in (14, 74, 4000)] == ["0:14", "1:14", "1:06:40"]


def test_cost_carries_its_unit():
    assert values.flops(300_000) == "0.3 MFLOP"
    assert values.flops(1_000) == "1 kFLOP"
