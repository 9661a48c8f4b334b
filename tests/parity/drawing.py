"""What hypothesis draws of a layer or loss: options for its constructor, and what it is called with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LEFT_OUT: Any = object()
"""Among the values of an option: it is not given, so that the default counts."""


@dataclass
class Drawn:
    """One layer with one call: arrays stand for tensors, in options too; `around` changes what goes in and comes out.

    `make(nn, **options)` makes it, where a name is not enough. `tolerance` is a factor of the dtype's. Of the inputs
    the first so many are `leaves`, of which gradients are asked for.
    """

    options: dict[str, Any]
    inputs: tuple[Any, ...]
    named: dict[str, Any] = field(default_factory=dict)
    modes: tuple[str, ...] = ("train", "eval")
    make: Callable[..., Any] | None = None
    around: Callable[..., Any] = lambda layer, *inputs, **named: layer(*inputs, **named)
    tolerance: float = 1.0
    leaves: int = 99


ENTRIES: dict[str, Callable[[Draw, str], Drawn]] = {}
"""Name of a layer or loss -> what draws one."""


def entry(*names: str) -> Callable:
    """What draws these."""

    def note(function: Callable) -> Callable:
        ENTRIES.update(dict.fromkeys(names, function))
        return function

    return note


class Draw:
    """The source of all choices of one example."""

    def __init__(self, pick: Callable[[int, int], int]):
        """`pick` gives a whole number, ends included."""
        self.whole = pick
        self._rng: np.random.Generator | None = None

    def of(self, *values: Any) -> Any:
        """One of these."""
        return values[self.whole(0, len(values) - 1)]

    def sizes(self, count: int, low: int, high: int) -> tuple[int, ...]:
        """So many lengths of axes."""
        return tuple(self.whole(low, high) for _ in range(count))

    def each(self, count: int, low: int, high: int) -> Any:
        """One number for all axes, or one for each."""
        return self.of(self.whole(low, high), self.sizes(count, low, high))

    def options(self, **choices: tuple[Any, ...]) -> dict[str, Any]:
        """For each argument one of its values, or none."""
        picked = {name: self.of(LEFT_OUT, *values) for name, values in choices.items()}
        return {name: value for name, value in picked.items() if value is not LEFT_OUT}

    @property
    def rng(self) -> np.random.Generator:
        """Random numbers for values, seeded by the example."""
        if self._rng is None:
            self._rng = np.random.default_rng(self.whole(0, 99))
        return self._rng

    def array(self, *shape: int) -> np.ndarray:
        """Normal numbers, or small whole ones, among which are equals and the kinks of activations."""
        if self.whole(0, 2):
            return np.asarray(self.rng.standard_normal(shape))
        return self.rng.integers(-3, 4, shape).astype(np.float64)

    def positive(self, *shape: int) -> np.ndarray:
        """Numbers from 0 to 1, ends apart."""
        return np.asarray(self.rng.uniform(0.01, 0.99, shape))

    def indices(self, count: int, *shape: int) -> np.ndarray:
        """Whole numbers under `count`."""
        return self.rng.integers(0, max(count, 1), shape)

    def batch(self) -> tuple[int, ...]:
        """The axis of samples, of 0 to 3 of them, or no such axis."""
        return self.of((), (0,), (1,), (2,), (3,))

    def any_shape(self, least: int = 0) -> tuple[int, ...]:
        """So many axes or more, lengths 0 and 1 among them."""
        return self.sizes(self.whole(least, 4), 0, 4)
