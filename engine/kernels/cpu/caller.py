"""Plans that are called with arrays again and again: bound once, then only addresses change.

What a call costs beside its work is a lookup, the memory of the results and one native call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from engine.kernels.aligned import aligned
from engine.kernels.cpu import pool
from engine.kernels.cpu.compile import compiled
from engine.kernels.cpu.memory import Fresh
from engine.kernels.cpu.pack import move_to
from engine.kernels.cpu.program import Entry, Plan, Program, Step

LINE = 16  # floats in a cache line
FLOAT32 = np.dtype("float32")


@dataclass(frozen=True)
class Layout:
    """How an array lies: its shape, its strides in elements, its dtype's number."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    kind: int

    @staticmethod
    def of(array: np.ndarray) -> Layout:
        item = array.itemsize
        return Layout(array.shape, tuple(s // item for s in array.strides), array.dtype.num)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def is_float(self) -> bool:
        return self.kind == FLOAT32.num

    def is_kind(self, dtype: str) -> bool:
        return self.kind == np.dtype(dtype).num

    def lies(self, order: tuple[int, ...]) -> bool:
        """Whether its axes lie in this order, the last one's elements next to each other, without gaps."""
        step = 1
        for axis in reversed(order):
            if self.shape[axis] != 1:
                if self.strides[axis] != step:
                    return False
                step *= self.shape[axis]
        return True

    @property
    def order(self) -> tuple[int, ...] | None:
        """The order in which its axes lie without gaps; None where they do not."""
        order = tuple(sorted(range(self.ndim), key=lambda axis: (-self.strides[axis], axis)))
        return order if self.lies(order) else None


@dataclass
class Recipe:
    """A plan in the making: which arrays it takes and which it gives.

    Arguments of a call are numbered; `take` names one, copied first where it does not lie as it must, `give` makes a
    result. All are float32 but for what is `passed` as it is.
    """

    steps: list[Step] = field(default_factory=list)
    scratch: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, int] = field(default_factory=dict)
    results: list[tuple[str, Fresh]] = field(default_factory=list)
    finish: Callable[..., Any] | None = None

    def take(self, number: int, layout: Layout, name: str, order: tuple[int, ...] = ()) -> None:
        """Argument `number` under this name, its axes in this order (C order if not said)."""
        order = order or tuple(range(layout.ndim))
        if layout.lies(order):
            self.inputs[name] = number
            return
        given = f"{name} as given"
        self.inputs[given] = number
        self.scratch[name] = layout.size
        shape, strides = [layout.shape[a] for a in order], [layout.strides[a] for a in order]
        self.steps.append(Step(move_to(tuple(shape), tuple(strides)), (given, name)))

    def passed(self, number: int, name: str) -> None:
        """Argument `number` under this name, as it lies."""
        self.inputs[name] = number

    def give(self, name: str, shape: tuple[int, ...], order: tuple[int, ...] = (), dtype: Any = FLOAT32) -> None:
        """A result under this name, its axes in this order (C order if not said)."""
        self.results.append((name, Fresh(shape, order or tuple(range(len(shape))), dtype)))

    def rename(self, names: dict[str, tuple[str, int]]) -> None:
        """Arrays of the steps so far are parts of others: (name, offset in floats)."""
        self.steps = [
            Step(s.kernel, tuple(names.get(a, a) if isinstance(a, str) else a for a in s.arguments)) for s in self.steps
        ]

    def add(self, plan: Plan) -> Recipe:
        """Steps of a plan whose arrays have these names."""
        self.steps += plan.steps
        self.scratch |= plan.scratch
        return self


class Caller:
    """A recipe bound to code: called with the arguments, it gives the results."""

    def __init__(self, recipe: Recipe) -> None:
        self.numbers = tuple(recipe.inputs.values())
        self.fresh = tuple(fresh for _, fresh in recipe.results)
        self.finish = recipe.finish
        self.makes_one = len(self.fresh) == 1 and self.finish is None
        names = [*recipe.inputs, *(name for name, _ in recipe.results)]
        places = {name: (number, 0) for number, name in enumerate(names)}
        self.floats = 0
        for name, floats in recipe.scratch.items():
            if name not in places:
                places[name] = len(names), self.floats
                self.floats += -(-floats // LINE) * LINE
        moves: list[tuple[int, int, int]] = []
        self.record = pool.Record(Program([_entry(step, places, moves) for step in recipe.steps]), moves)

    def __call__(self, *arguments: Any) -> Any:
        results = [fresh() for fresh in self.fresh]
        pool.enter(self.record, (*[arguments[n] for n in self.numbers], *results, _room(self.floats)))
        if self.makes_one:
            return results[0]
        return tuple(results) if self.finish is None else self.finish(*results)


def _entry(step: Step, places: dict[str, tuple[int, int]], moves: list[tuple[int, int, int]]) -> Entry:
    block = np.zeros(max(1, len(step.arguments)), np.int64)
    for slot, argument in enumerate(step.arguments):
        if isinstance(argument, int):
            block[slot] = argument
        elif isinstance(argument, float):
            block[slot : slot + 1].view(np.float32)[0] = argument
        else:
            name, offset = argument if isinstance(argument, tuple) else (argument, 0)
            number, start = places[name]
            moves.append((number, block.ctypes.data + 8 * slot, 4 * (start + offset)))
    return Entry(compiled(step.kernel.emit, *step.kernel.parameters), block, step.kernel.alone, ())


_shared_room = aligned(0)


def _room(floats: int) -> np.ndarray:
    """Scratch memory for a call: calls run one after the other, so that one is enough for all."""
    global _shared_room
    room = _shared_room
    if room.size < floats:
        room = _shared_room = aligned(floats + floats // 4)
    return room
