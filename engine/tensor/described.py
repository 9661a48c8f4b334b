"""Functions that are made from a table: how they read, and what they are called."""

from __future__ import annotations


def described(name: str, text: str, values: str, result: str) -> str:
    """The docstring of a function that is made from a table: what it is, and an example.

    >>> described("exp", "e^x", "0.0", "1.").splitlines()[3:5]
    ['    >>> engine.exp(engine.tensor(0.0))', '    tensor(1.)']
    """
    called = ", ".join(f"engine.tensor({value})" for value in values.split(", "))
    return f"{text}\n\n    >>> import engine\n    >>> engine.{name}({called})\n    tensor({result})\n    "


def named(cls: type) -> None:
    """Give the methods that functions made for a class the names under which they stand in it."""
    for name in sorted(vars(cls), key=lambda name: name.startswith("_")):  # `eq` is the name of `__eq__`, too
        made = vars(cls)[name]
        if "<locals>" in getattr(made, "__qualname__", ""):
            made.__name__, made.__qualname__ = name, f"{cls.__name__}.{name}"
