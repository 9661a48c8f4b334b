"""Tables: scaling, filling of gaps and codes for categories, by scikit-learn's names.

Projects do all this by themselves: `engine.data.Preparation` scales and fills by the same figures, and readers mark
categories. These are for scripts with arrays of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from msgspec import Struct

from engine.data.statistics import Statistics
from engine.data.transforms.fitted import Fitted
from engine.errors import DataError, OptionError
from engine.wording import counted

Rows = Sequence[int] | np.ndarray | None


def _numbers(values: Any, where: str, width: int | None = None) -> np.ndarray:
    """(N, F) of float; raises DataError for another shape."""
    values = np.asarray(values)
    if values.ndim != 2 or (width is not None and values.shape[1] != width) or values.dtype.kind not in "fiub":
        columns = "F" if width is None else width
        raise DataError(where, got=f"{values.dtype} of shape {values.shape} came", expected=f"numbers (N, {columns})")
    return values.astype(values.dtype if values.dtype.kind == "f" else np.float64)


class Scaler(Fitted):
    """(x - offset) / scale of each column; what scalers share. Gaps (NaN) are left out, and stay."""

    class State(Struct, frozen=True, forbid_unknown_fields=True):
        offset: list[float]
        scale: list[float]

    how = "none"

    def fit(self, values: Any, rows: Rows = None) -> Self:
        """Look at numbers (N, F).

        Args:
            values: the table.
            rows: indices of the training part, where the table is more than that.
        """
        numbers = _numbers(values, type(self).__name__)
        numbers = numbers if rows is None else numbers[np.asarray(rows)]
        statistics = Statistics(numbers.shape[1], keeps=self.how == "robust")
        statistics.add(numbers)
        self.learned = self.State(*(figures.tolist() for figures in statistics.scaling(self.how)))
        return self

    def __call__(self, values: Any) -> np.ndarray:
        offset, scale = np.array(self.learned.offset), np.array(self.learned.scale)
        numbers = _numbers(values, type(self).__name__, len(offset))
        return ((numbers - offset) / scale).astype(numbers.dtype)

    def inverse_transform(self, values: Any) -> np.ndarray:
        """Scaled numbers (N, F) in the table's own units again."""
        offset, scale = np.array(self.learned.offset), np.array(self.learned.scale)
        numbers = _numbers(values, type(self).__name__, len(offset))
        return (numbers * scale + offset).astype(numbers.dtype)


class StandardScaler(Scaler):
    """Mean 0 and deviation 1.

    >>> StandardScaler().fit([[1.0], [3.0], [100.0]], rows=[0, 1])([[4.0]]).tolist()
    [[2.0]]
    """

    how = "standard"


class MinMaxScaler(Scaler):
    """The least value 0, the largest 1.

    >>> MinMaxScaler().fit([[2.0], [4.0]])([[3.0]]).tolist()
    [[0.5]]
    """

    how = "unit"


class RobustScaler(Scaler):
    """The median 0, the distance of the quartiles 1: a few wild values change nothing.

    >>> RobustScaler().fit([[1.0], [2.0], [3.0], [4.0], [900.0]])([[5.0]]).tolist()
    [[1.0]]
    """

    how = "robust"


class SimpleImputer(Fitted):
    """Gaps (NaN) filled, each column with a value of its own.

    Args:
        strategy: "mean", "median" or "mode" (the commonest value) of the column, or "constant".
        fill_value: the constant.

    >>> SimpleImputer("median").fit([[1.0], [2.0], [9.0]])([[float("nan")], [5.0]]).tolist()
    [[2.0], [5.0]]
    """

    class State(Struct, frozen=True, forbid_unknown_fields=True):
        fill: list[float]

    def __init__(self, strategy: Literal["mean", "median", "mode", "constant"] = "mean", fill_value: float = 0.0):
        if strategy not in ("mean", "median", "mode", "constant"):
            raise OptionError("SimpleImputer", got=f"the strategy {strategy!r} came",
                              expected="mean, median, mode or constant")  # fmt: skip
        self.strategy, self.fill_value = strategy, fill_value

    def fit(self, values: Any, rows: Rows = None) -> Self:
        """Look at numbers (N, F); `rows` are the indices of the training part, where the table is more than that."""
        numbers = _numbers(values, "SimpleImputer")
        numbers = numbers if rows is None else numbers[np.asarray(rows)]
        statistics = Statistics(numbers.shape[1], keeps=self.strategy in ("median", "mode"))
        statistics.add(numbers)
        self.learned = self.State(statistics.fill(self.strategy, self.fill_value).tolist())
        return self

    def __call__(self, values: Any) -> np.ndarray:
        fill = np.array(self.learned.fill)
        numbers = _numbers(values, "SimpleImputer", len(fill))
        return np.where(np.isnan(numbers), fill, numbers).astype(numbers.dtype)


class OrdinalEncoder(Fitted):
    """Each column's categories as 0, 1, 2 ..., in the order of the alphabet or in that given.

    Args:
        categories: of each column, in their order; None to learn them.
        unknown_value: the code of what was not learned; None to refuse it.

    >>> encoder = OrdinalEncoder([["small", "large"]]).fit([["large"]])
    >>> encoder([["small"], ["large"]]).tolist(), encoder.inverse_transform([[1]])
    ([[0], [1]], [['large']])
    """

    class State(Struct, frozen=True, forbid_unknown_fields=True):
        categories: list[list[str | int | bool]]
        unknown_value: int | None = None

    def __init__(self, categories: Sequence[Sequence[Any]] | None = None, unknown_value: int | None = None):
        self.categories, self.unknown_value = categories, unknown_value

    def fit(self, values: Any, rows: Rows = None) -> Self:
        """Look at texts or whole numbers (N, F); `rows` are the indices of the training part of a larger table."""
        columns = _columns(values, type(self).__name__)
        if rows is not None:
            columns = [[column[row] for row in rows] for column in columns]
        if self.categories is not None and len(self.categories) != len(columns):
            raise DataError(type(self).__name__, got=f"categories of {counted(len(self.categories), 'column')}",
                            expected=f"of {len(columns)}")  # fmt: skip
        found = [sorted(set(column)) for column in columns] if self.categories is None else self.categories
        self._take(self.State([list(each) for each in found], self.unknown_value))
        return self

    def _take(self, state: Any) -> None:
        self.learned, self.unknown_value = state, state.unknown_value
        self._codes = [{category: code for code, category in enumerate(each)} for each in state.categories]

    def __call__(self, values: Any) -> np.ndarray:
        """(N, F) int64."""
        columns = self._known(values)
        codes = np.empty((len(columns[0]), len(columns)), dtype=np.int64)
        for at, (column, known) in enumerate(zip(columns, self._codes, strict=True)):
            codes[:, at] = [known.get(value, self._unknown(value, at)) for value in column]
        return codes

    def _known(self, values: Any) -> list[list[Any]]:
        wanted = len(self.learned.categories)
        columns = _columns(values, type(self).__name__)
        if len(columns) != wanted:
            raise DataError(type(self).__name__, got=f"{counted(len(columns), 'column')} came", expected=str(wanted))
        return columns

    def _unknown(self, value: Any, at: int) -> int:
        if value in self._codes[at]:
            return 0
        if self.unknown_value is None:
            shown = ", ".join(map(str, self.learned.categories[at][:10]))
            raise DataError(f"{type(self).__name__}, column {at}", got=f"{value!r} was not learned",
                            expected=f"one of {shown}")  # fmt: skip
        return self.unknown_value

    def inverse_transform(self, codes: Any) -> list[list[Any]]:
        """The categories of codes (N, F); None for what was not learned."""
        categories = self.learned.categories
        return [
            [known[code] if 0 <= code < len(known) else None for code, known in zip(row, categories, strict=True)]
            for row in np.asarray(codes).tolist()
        ]


class OneHotEncoder(OrdinalEncoder):
    """A column of 0 and 1 for every category of every column.

    Args:
        categories: of each column, in their order; None to learn them.
        handle_unknown: what was not learned is refused ("error") or marked nowhere ("ignore").

    >>> encoder = OneHotEncoder(handle_unknown="ignore").fit([["a"], ["b"]])
    >>> encoder([["b"], ["c"]]).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """

    def __init__(
        self, categories: Sequence[Sequence[Any]] | None = None, handle_unknown: Literal["error", "ignore"] = "error"
    ):
        if handle_unknown not in ("error", "ignore"):
            raise OptionError("OneHotEncoder", got=f"handle_unknown is {handle_unknown!r}", expected="error or ignore")
        super().__init__(categories, None if handle_unknown == "error" else -1)

    def __call__(self, values: Any) -> np.ndarray:
        """(N, categories of all columns) float32."""
        codes = super().__call__(values)
        marks = [codes[:, at, None] == np.arange(len(each)) for at, each in enumerate(self.learned.categories)]
        return np.concatenate(marks, axis=1).astype(np.float32)

    def inverse_transform(self, marks: Any) -> list[list[Any]]:
        """The categories of rows of marks."""
        ends = np.cumsum([len(each) for each in self.learned.categories])[:-1]
        parts = np.split(np.asarray(marks), ends, axis=1)
        return super().inverse_transform(np.stack([np.where(p.any(axis=1), p.argmax(axis=1), -1) for p in parts], 1))


def _columns(values: Any, where: str) -> list[list[Any]]:
    """The columns of a table of texts, whole numbers or switches; raises DataError for others."""
    rows = values.tolist() if isinstance(values, np.ndarray) else [list(row) for row in values]
    if not rows or not all(isinstance(row, list) and len(row) == len(rows[0]) for row in rows):
        raise DataError(where, got="no rows of one length came", expected="a table (N, F) of categories")
    columns = [list(column) for column in zip(*rows, strict=True)]
    for at, column in enumerate(columns):
        wrong = next((v for v in column if not isinstance(v, str | int)), None)
        if wrong is not None or (None in column) or len({isinstance(v, str) for v in column}) > 1:
            raise DataError(f"{where}, column {at}", got=f"it holds {wrong!r}" if wrong else "it mixes kinds",
                            expected="texts alone, or whole numbers alone")  # fmt: skip
    return columns
