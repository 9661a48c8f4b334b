"""The other names that PyTorch takes for the same argument: `axis` for `dim`, `keepdims` for `keepdim`, `size=`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from engine.errors import TypeMismatch


def also(**names: str) -> Callable[[Any], Any]:
    """Let a function take an argument by another name, too: `also(axis="dim")`."""

    def decorate(function: Any) -> Any:
        @wraps(function)
        def call(*args: Any, **named: Any) -> Any:
            if named:
                for other, name in names.items():
                    if other in named:
                        if name in named:
                            raise TypeMismatch(function.__name__, got=f"{name} and {other} came",
                                               expected="one of them, they mean the same")  # fmt: skip
                        named[name] = named.pop(other)
            return function(*args, **named)

        return call

    return decorate


axis = also(axis="dim", keepdims="keepdim")


def whole(name: str, ahead: int = 0) -> Callable[[Any], Any]:
    """Let a function that takes lengths one by one take all of them by a name: zeros(2, 3) is zeros(size=(2, 3)).

    ahead: how many arguments stand before them.
    """

    def decorate(function: Any) -> Any:
        @wraps(function)
        def call(*args: Any, **named: Any) -> Any:
            if name in named:
                if len(args) > ahead:
                    raise TypeMismatch(function.__name__, got=f"{name} came twice", expected="it once")
                args = (*args, named.pop(name))
            return function(*args, **named)

        return call

    return decorate
