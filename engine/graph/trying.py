"""Custom layers tried in a process of their own: a question and its answer, as a line of JSON each."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec
import numpy as np

from engine.errors import Fix
from engine.graph import custom, trial
from engine.graph.spec import CodeFile
from engine.graph.trial import Trial
from engine.ops import Spec

LIMIT = 5.0
"""Seconds after which a layer that is tried on shapes has no end."""
Shaped = tuple[tuple[int, ...], str]
"""Shape, with the batch axis, and dtype."""


class Question(msgspec.Struct, frozen=True):
    """What does this layer make of these inputs? Whoever asks has made sure that the code is trusted."""

    number: int
    code: tuple[CodeFile, ...]
    type: str
    params: dict[str, Any]
    inputs: tuple[Shaped, ...]


class Answer(msgspec.Struct, frozen=True):
    """The Trial without its parameters, which whoever asked knows."""

    number: int
    output: Shaped | None = None
    parameter_count: int = 0
    flops: int = 0
    activation_bytes: int = 0
    fault: str = ""
    fixes: tuple[Fix, ...] = ()

    def trial(self, params: dict[str, Any]) -> Trial:
        """As inference takes it."""
        output = None if self.output is None else Spec(tuple(self.output[0]), np.dtype(self.output[1]))
        return Trial(
            params, output, self.parameter_count, self.flops, self.activation_bytes, self.fault, self.fixes
        )  # fmt: skip


def answer(question: Question) -> Answer:
    """Try the layer here; its code runs."""
    custom.know(question.code)
    custom.permit(question.code)
    inputs = tuple(Spec(tuple(shape), np.dtype(dtype)) for shape, dtype in question.inputs)
    found = trial.attempt(question.type, question.params, inputs)
    output = None if found.output is None else (found.output.shape, found.output.dtype.name)
    return Answer(
        question.number, output, found.parameter_count, found.flops, found.activation_bytes, found.fault, found.fixes
    )


def answer_all(questions: BinaryIO, answers: BinaryIO, limit: float = LIMIT) -> None:
    """Answer line by line until nobody asks any more; one that takes too long is said so, and the process ends."""

    def say(found: Answer) -> None:
        answers.write(msgspec.json.encode(found) + b"\n")
        answers.flush()

    for line in questions:
        question = msgspec.json.decode(line, type=Question)
        with custom.limited(limit, _gives_up(question, limit, say)):
            found = answer(question)
        say(found)


def _gives_up(question: Question, limit: float, say: Callable[[Answer], None]) -> Callable[[str], None]:
    def give_up(place: str) -> None:
        say(Answer(question.number, fault=overdue(limit, place)))
        os._exit(3)

    return give_up


def overdue(limit: float, place: str = "") -> str:
    """What is said of a layer that came to no end."""
    text = f"it came to no end within {limit:g} seconds; look for a loop that never ends"
    return f"{place}: {text}" if place else text
