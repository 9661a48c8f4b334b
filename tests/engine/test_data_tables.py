"""Scalers, imputers and encoders of arrays: exact values, fitted on what they are shown alone, kept as JSON."""

from __future__ import annotations

import numpy as np
import pytest

from engine.data.transforms import (
    Fitted,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    SimpleImputer,
    StandardScaler,
)
from engine.errors import EngineError

NAN = float("nan")
NUMBERS = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [6.0, NAN], [900.0, -4.0]])
TEXTS = np.array([["b", "x"], ["a", "x"], ["c", "y"], ["z", "z"]])


@pytest.mark.parametrize(
    ("scaler", "expected"),
    [
        (StandardScaler(), [[-2 / 3.5**0.5, 0], [-1 / 3.5**0.5, 0], [0, 0], [3 / 3.5**0.5, NAN]]),
        (MinMaxScaler(), [[0, 0], [0.2, 0], [0.4, 0], [1, NAN]]),
        (RobustScaler(), [[-0.75, 0], [-0.25, 0], [0.25, 0], [1.75, NAN]]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_scaled_values_are_exact_and_come_back(scaler, expected):
    scaled = scaler.fit(NUMBERS, rows=range(4))(NUMBERS[:4])
    np.testing.assert_allclose(scaled, expected)
    np.testing.assert_allclose(scaler.inverse_transform(scaled), NUMBERS[:4])


@pytest.mark.parametrize(
    ("imputer", "expected"),
    [(SimpleImputer(), 5.0), (SimpleImputer("median"), 3.0), (SimpleImputer("mode"), 2.0),
     (SimpleImputer("constant", -1.0), -1.0)],
)  # fmt: skip
def test_gaps_are_filled_from_the_rows_it_was_fitted_on(imputer, expected):
    column = np.array([[2.0], [2.0], [3.0], [8.0], [10.0], [NAN], [4e9]])
    assert imputer.fit(column, rows=range(6))(column)[5, 0] == expected


@pytest.mark.parametrize(
    "kind", [StandardScaler, MinMaxScaler, RobustScaler, SimpleImputer, lambda: SimpleImputer("mode")]
)
def test_rows_outside_the_training_part_say_nothing(kind):
    other = NUMBERS.copy()
    other[3:] = 7e7
    assert kind().fit(NUMBERS, rows=range(3)).state() == kind().fit(other, rows=range(3)).state()


def test_categories_are_coded_in_order_and_marked():
    ordinal = OrdinalEncoder().fit(TEXTS, rows=range(3))
    assert ordinal(TEXTS[:3]).tolist() == [[1, 0], [0, 0], [2, 1]]
    assert ordinal.inverse_transform(ordinal(TEXTS[:3])) == TEXTS[:3].tolist()
    marks = OneHotEncoder().fit(TEXTS[:3])
    assert marks(TEXTS[:2]).tolist() == [[0, 1, 0, 1, 0], [1, 0, 0, 1, 0]]
    assert marks.inverse_transform(marks(TEXTS[:3])) == TEXTS[:3].tolist()
    assert OneHotEncoder(handle_unknown="ignore").fit(TEXTS[:3])(TEXTS[3:]).tolist() == [[0] * 5]
    assert OrdinalEncoder(unknown_value=-1).fit([[3], [1]])([[3], [2]]).tolist() == [[1], [-1]]


@pytest.mark.parametrize(
    ("fitted", "values"),
    [
        *[(kind().fit(NUMBERS), NUMBERS) for kind in (StandardScaler, MinMaxScaler, RobustScaler, SimpleImputer)],
        (OneHotEncoder(handle_unknown="ignore").fit(TEXTS[:2]), TEXTS),
        (OrdinalEncoder(unknown_value=-1).fit(TEXTS[:2]), TEXTS),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_was_learned_is_kept_as_json_bit_for_bit(fitted, values, tmp_path):
    fitted.save(tmp_path / "kept.json")
    back = Fitted.load(tmp_path / "kept.json")
    assert type(back) is type(fitted)
    np.testing.assert_array_equal(back(values), fitted(values))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda: StandardScaler()([[1.0]]), r"StandardScaler: it is used before it has seen data; call fit\(\) first."),
        (
            lambda: StandardScaler().fit([1.0]),
            r"StandardScaler: float64 of shape \(1,\) came, expected numbers",
        ),
        (lambda: MinMaxScaler().fit([[1.0]])([[1.0, 2.0]]), r"shape \(1, 2\) came, expected numbers \(N, 1\)."),
        (lambda: SimpleImputer("guess"), "SimpleImputer: the strategy 'guess' came, expected mean, median, mode or"),
        (lambda: OrdinalEncoder().fit(TEXTS[:3])(TEXTS), "OrdinalEncoder, column 0: 'z' was not learned, expected one"),
        (lambda: OneHotEncoder().fit([["a", 1.5]]), "OneHotEncoder, column 1: it holds 1.5, expected texts alone"),
        (lambda: OneHotEncoder().fit([["a"], [2]]), "OneHotEncoder, column 0: it mixes kinds, expected texts alone"),
        (lambda: OneHotEncoder().fit([["a"]])([["a", "b"]]), "OneHotEncoder: 2 columns came, expected 1."),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(fault, words):
    with pytest.raises(EngineError, match=words):
        fault()
