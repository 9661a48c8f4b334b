"""What a check of values says: at once on the processor, when it is next read on a GPU."""

from __future__ import annotations

from engine.errors import EngineError, OptionError, RangeError
from engine.wording import counted


def no_row(number: int, rows: int) -> EngineError:
    return RangeError("Embedding", got=f"index {number} was asked of a table of {counted(rows, 'row')}",
                      expected=f"0 to {rows - 1}", mend="raise num_embeddings or check the data")  # fmt: skip


def no_score(number: int, where: str, classes: int) -> EngineError:
    mend = f"let the last layer have {number + 1} outputs" if number >= classes else "count classes from 0"
    return RangeError(
        where,
        got=f"the target holds class {number}, and there are scores for {counted(classes, 'class')}",
        expected=f"0 to {classes - 1}",
        mend=mend,
    )


def no_variance() -> EngineError:
    return OptionError("GaussianNLLLoss", got="a variance is under 0", expected="0 or more",
                       mend="put a Softplus before it")  # fmt: skip


def no_length(number: int, what: str, most: int) -> EngineError:
    return EngineError("CTCLoss", got=f"a length of the {what}s is {number}", expected=f"0 to {most}")
