"""What one step did: its arrays, its calls of kernels, and the gradients that it looked at or began anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

WRITES = {
    "update_running": (0, 1), "assign": (0,), "assign_at": (0,), "update_step": (0, 2), "muon_step": (0, 2),
}  # fmt: skip
"""Kernels that write into arguments, and into which."""
LOOKUPS = frozenset({
    "getitem", "setitem", "index_select", "gather", "scatter", "scatter_fill", "scatter_add", "scatter_extreme",
    "scatter_prod",
})  # fmt: skip
"""Kernels that refuse an index which leads nowhere."""
OUTSIDE = ("state", "gradient")
"""Kinds of what lies outside and may be changed in place."""


@dataclass(eq=False)
class Value:
    """An array of the step: what a kernel made, an argument, or what was there before (state: weights, statistics).

    The gradient of a leaf that was there before is a kind of its own: it lies somewhere else at each replay.

    Args:
        shape, dtype: of the array.
        kind: where it comes from.
        array: the array itself, of state.
        strides: in elements, of a gradient.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    kind: Literal["result", "input", "state", "gradient"] = "result"
    array: Any = None
    strides: tuple[int, ...] | None = None

    @property
    def size(self) -> int:
        size = 1
        for n in self.shape:
            size *= n
        return size

    @property
    def ndim(self) -> int:
        return len(self.shape)


@dataclass(eq=False)
class Call:
    """One call of a kernel: arrays among the arguments are Values, in nested tuples; so are the results.

    Args:
        kernel: name of the method of the kernel set.
        arguments: positional ones.
        named: keyword arguments.
        results: a Value, a tuple of them and of what else was returned, or None.
    """

    kernel: str
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    results: Any = None

    def reads(self) -> list[Value]:
        """The Values among the arguments."""
        return [v for v in leaves((self.arguments, tuple(self.named.values()))) if isinstance(v, Value)]

    def makes(self) -> list[Value]:
        """The Values that the kernel returned."""
        return [v for v in leaves(self.results) if isinstance(v, Value)]

    @property
    def may_refuse(self) -> bool:
        """Whether it looks places up by whole numbers, of which one may lead nowhere."""
        return self.kernel in LOOKUPS and any(value.dtype.kind in "iu" for value in self.reads()[1:])

    def writes(self) -> list[Value]:
        """The Values that are changed in place."""
        places = [self.arguments[i] for i in WRITES.get(self.kernel, ())] + [self.named.get("out")]
        return [v for v in leaves(tuple(places)) if isinstance(v, Value)]


class Live:
    """Options that are read anew before each replay: a rate, the number of the step, a seed."""

    def __init__(self, make: Callable[[], Any], first: Any) -> None:
        self.make, self.now = make, first

    def refresh(self) -> None:
        self.now = self.make()


@dataclass(eq=False)
class Gradient:
    """The gradient of a leaf from outside, which the step looks at or begins anew.

    Args:
        tensor: the leaf.
        before: its gradient when the step began, or None.
        is_read: whether the step looks at that.
        value: of what was there, where the step looks at it.
    """

    tensor: Any
    before: Any
    is_read: bool
    value: Value | None = None


@dataclass
class Trace:
    """What one step did.

    Args:
        calls: in order.
        inputs: Values of the step's arguments.
        lives: what is read anew before each replay, in order.
        checks: (kernel, arguments, result) of what must hold of the arguments, as it was found.
        gradients: by id of the leaf, in the order in which the step came to them.
        fault: why the step cannot be replayed; "" where it can.
    """

    calls: list[Call] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    lives: list[Live] = field(default_factory=list)
    checks: list[tuple[Any, tuple[Any, ...], Any]] = field(default_factory=list)
    gradients: dict[int, Gradient] = field(default_factory=dict)
    fault: str = ""

    @property
    def read(self) -> list[Gradient]:
        """The gradients that were there before, and that the step looks at."""
        return [gradient for gradient in self.gradients.values() if gradient.value is not None]


def leaves(tree: Any) -> Iterator[Any]:
    """What stands in nested tuples and lists."""
    if isinstance(tree, tuple | list):
        for branch in tree:
            yield from leaves(branch)
    else:
        yield tree


def mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    """The same nested tuples and lists with every leaf changed."""
    if isinstance(tree, tuple | list):
        return type(tree)([mapped(branch, change) for branch in tree])
    return change(tree)
