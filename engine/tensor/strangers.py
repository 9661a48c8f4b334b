"""What is said where something else than a tensor is given to what computes with tensors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from engine.errors import TypeMismatch
from engine.ops.base import times


def raise_stranger(where: str, values: Iterable[Any], tensor: type) -> None:
    """A TypeMismatch where one of the values is neither a `tensor` nor absent, for who has failed and asks why."""
    for value in values:
        if value is not None and not isinstance(value, tensor):
            kind, mend = _described(value, tensor)
            raise TypeMismatch(where, got=f"{kind} arrives", expected="a tensor", mend=mend) from None


def _described(value: Any, tensor: type) -> tuple[str, str]:
    """-> what it is, and how a tensor comes of it"""
    if isinstance(value, np.ndarray):
        return f"a NumPy array of {times(value.shape)}", "make a tensor of it with engine.from_numpy(array)"
    if isinstance(value, bool | int | float | np.generic):
        return f"the number {value}", f"make a tensor of it with engine.tensor({value})"
    if isinstance(value, list | tuple) and any(isinstance(part, tensor) for part in value):
        kind = f"a {type(value).__name__} with {len(value)} {'entry' if len(value) == 1 else 'entries'}"
        return kind, "take out the tensor that is meant, as in `output, state = lstm(x)`, or join them by stack()"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__}", "make a tensor of it with engine.tensor(values)"
    if isinstance(value, type):
        return f"the class {value.__name__}", f"make one first: {value.__name__}(...)"
    return f"{type(value).__name__}", ""
