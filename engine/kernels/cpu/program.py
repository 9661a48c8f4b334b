"""Programs: kernels bound to their arrays, in the order in which all threads run them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.kernels.aligned import aligned
from engine.kernels.cpu import pool
from engine.kernels.cpu.compile import compiled


@dataclass(frozen=True)
class Entry:
    """One call of a kernel: its code, its argument block, and what must stay alive for it."""

    address: int
    block: np.ndarray
    alone: bool  # thread 0 does all of it
    arrays: tuple[Any, ...]


class Program:
    """A list of entries as the threads read it.

    Between two entries that thread 0 runs alone no barrier is needed.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        self.alone = all(entry.alone for entry in self.entries)
        last = len(self.entries) - 1
        rows = []
        for i, entry in enumerate(self.entries):
            waits = i == last or not (entry.alone and self.entries[i + 1].alone)
            rows.append(
                (entry.address, entry.block.ctypes.data, waits * 1 + entry.alone * 2)
            )  # as executor.BARRIER, ALONE
        self.table = np.array(rows, np.int64).reshape(-1, 3)
        self.address, self.length = self.table.ctypes.data, len(rows)


@dataclass(frozen=True)
class Kernel:
    """A kernel for certain shapes: what emits it, with which parameters.

    Args:
        emit: returns the module; see `compile.compiled`.
        parameters: what it is called with.
        alone: whether the work is so small that thread 0 does it alone.
    """

    emit: Callable[..., Any]
    parameters: tuple[Any, ...]
    alone: bool = False

    def bind(self, *arguments: Any) -> Entry:
        """An entry with these arrays, of the shapes that the kernel was made for, and numbers.

        Raises:
            ValueError: an array is not C-contiguous.
        """
        block = np.empty(max(1, len(arguments)), np.int64)
        for slot, argument in enumerate(arguments):
            if isinstance(argument, float | np.floating):
                block[slot : slot + 1].view(np.float32)[0] = argument
            elif isinstance(argument, int | np.integer):
                block[slot] = argument
            elif not argument.flags.c_contiguous:
                raise ValueError(f"argument {slot} of a kernel lies with gaps; it must be C-contiguous")
            else:
                block[slot] = argument.__array_interface__["data"][0]
        return Entry(compiled(self.emit, *self.parameters), block, self.alone, arguments)


@dataclass(frozen=True)
class Step:
    """A kernel and the names of its arguments: an entry before there are arrays."""

    kernel: Kernel
    arguments: tuple[
        Any, ...
    ]  # names of arrays; (name, offset in elements) for a part of one; a number stands for itself

    def bind(self, arrays: Mapping[str, Any]) -> Entry:
        """The entry with these arrays, by name."""
        return self.kernel.bind(*(_chosen(argument, arrays) for argument in self.arguments))


@dataclass(frozen=True)
class Plan:
    """What one operation does: steps, and the scratch arrays that they need.

    Args:
        steps: in order.
        scratch: floats of each scratch array, by name; its contents need not be kept between two runs.
    """

    steps: tuple[Step, ...]
    scratch: Mapping[str, int] = field(default_factory=dict)

    def entries(self, arrays: Mapping[str, Any]) -> list[Entry]:
        """The steps bound to arrays, by name; scratch arrays too."""
        return [step.bind(arrays) for step in self.steps]

    def room(self) -> dict[str, np.ndarray]:
        """Fresh scratch arrays."""
        return {name: aligned(floats) for name, floats in self.scratch.items()}

    def __call__(self, **arrays: Any) -> None:
        """Run it now."""
        pool.run(Program(self.entries({**arrays, **self.room()})))


def _chosen(argument: Any, arrays: Mapping[str, Any]) -> Any:
    if isinstance(argument, tuple):
        name, offset = argument
        return arrays[name].reshape(-1)[offset:]
    return arrays[argument] if isinstance(argument, str) else argument
