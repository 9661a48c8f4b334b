"""Switches of the tape: whether what is computed is noted on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ContextDecorator
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any

from engine.tensor.tape import mode as tape


class _Decorator(ContextDecorator):
    """A context that may also stand above a function, or above a generator: then around each of its pieces."""

    def __call__(self, function: Callable[..., Any]) -> Any:
        if not isgeneratorfunction(function):
            return super().__call__(function)

        @wraps(function)
        def in_pieces(*args: Any, **named: Any) -> Iterator[Any]:
            pieces = function(*args, **named)
            resume, value = pieces.send, None
            while True:
                try:
                    with self._recreate_cm():
                        piece = resume(value)
                except StopIteration as end:
                    return end.value
                try:
                    resume, value = pieces.send, (yield piece)
                except GeneratorExit:
                    with self._recreate_cm():
                        pieces.close()
                    raise
                except BaseException as fault:  # thrown in from outside: it is the generator's to deal with
                    resume, value = pieces.throw, fault

        return in_pieces


class set_grad_enabled(_Decorator):
    """Switch the tape on or off: from now on, inside a `with`, or, as a decorator, inside the function.

    Args:
        mode: whether it runs.

    >>> import engine
    >>> x = engine.ones(2, requires_grad=True)
    >>> with engine.set_grad_enabled(False):
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        self.before, self.on = tape.grad, bool(mode)
        tape.grad = self.on

    def __call__(self, function: Callable[..., Any]) -> Any:
        tape.grad = self.before  # as a decorator it holds for the calls, not from now on
        return super().__call__(function)

    def _recreate_cm(self) -> set_grad_enabled:
        return set_grad_enabled(self.on)

    def __enter__(self) -> None:
        tape.grad = self.on

    def __exit__(self, *exception: object) -> None:
        tape.grad = self.before


class _Switch(_Decorator):
    on: bool

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        self.before: list[bool] = []

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        # `@no_grad` without brackets, as PyTorch allows
        return cls()(function) if callable(function) else object.__new__(cls)

    def _recreate_cm(self) -> Any:
        return type(self)()  # each call of a decorated function remembers for itself, also in several threads

    def __enter__(self) -> None:
        self.before.append(tape.grad)
        tape.grad = self.on

    def __exit__(self, *exception: object) -> None:
        tape.grad = self.before.pop()


class no_grad(_Switch):
    """Inside, nothing is noted on the tape: `with no_grad():` or `@no_grad()`.

    Results take no memory for a backward pass, and none can follow.

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


class inference_mode(_Switch):
    """As `no_grad`: inside, nothing is noted on the tape; with mode=False, as `enable_grad`.

    Args:
        mode: whether nothing is noted, or the function that `@inference_mode` without brackets stands above.

    >>> import engine
    >>> x = engine.ones(2, requires_grad=True)
    >>> with engine.inference_mode():
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self, mode: Callable[..., Any] | bool = True) -> None:
        super().__init__()
        self.on = not mode

    def __new__(cls, mode: Callable[..., Any] | bool = True) -> Any:
        return super().__new__(cls, mode if callable(mode) else None)

    def _recreate_cm(self) -> inference_mode:
        return inference_mode(not self.on)


def is_grad_enabled() -> bool:
    """Whether the tape runs.

    >>> import engine
    >>> engine.is_grad_enabled()
    True
    """
    return tape.grad
