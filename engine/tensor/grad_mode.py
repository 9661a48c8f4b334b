"""Switches of the tape: whether what is computed is noted on it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ContextDecorator
from typing import Any

from engine.tensor.tape import mode


class set_grad_enabled(ContextDecorator):
    """Switch the tape on or off: from now on, inside a `with`, or, as a decorator, inside the function.

    Args:
        on: whether it runs.

    >>> import engine
    >>> x = engine.ones(2, requires_grad=True)
    >>> with engine.set_grad_enabled(False):
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self, on: bool) -> None:
        self.before, self.on = mode.grad, bool(on)
        mode.grad = self.on

    def __call__(self, function: Callable[..., Any]) -> Any:
        mode.grad = self.before  # as a decorator it holds for the calls, not from now on
        return super().__call__(function)

    def _recreate_cm(self) -> set_grad_enabled:
        return set_grad_enabled(self.on)

    def __enter__(self) -> None:
        mode.grad = self.on

    def __exit__(self, *exception: object) -> None:
        mode.grad = self.before


class _Switch(ContextDecorator):
    on: bool

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        self.before: list[bool] = []

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        # `@no_grad` without brackets, as PyTorch allows
        return cls()(function) if callable(function) else object.__new__(cls)

    def _recreate_cm(self) -> Any:
        return type(self)()  # each call of a decorated function remembers for itself, also in several threads

    def __enter__(self) -> None:
        self.before.append(mode.grad)
        mode.grad = self.on

    def __exit__(self, *exception: object) -> None:
        mode.grad = self.before.pop()


class no_grad(_Switch):
    """Inside, nothing is noted on the tape: `with no_grad():` or `@no_grad()`.

    Called `inference_mode`, too. Results take no memory for a backward pass, and none can follow.

    Args:
        function: what `@no_grad` without brackets stands above.

    >>> import engine
    >>> x = engine.ones(2, requires_grad=True)
    >>> with engine.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    on = False


class enable_grad(_Switch):
    """Inside, the tape runs, also within `no_grad`.

    Args:
        function: what `@enable_grad` without brackets stands above.

    >>> import engine
    >>> x = engine.ones(2, requires_grad=True)
    >>> with engine.no_grad(), engine.enable_grad():
    ...     (x * 2).requires_grad
    True
    """

    on = True


def is_grad_enabled() -> bool:
    """Whether the tape runs.

    >>> import engine
    >>> engine.is_grad_enabled()
    True
    """
    return mode.grad
