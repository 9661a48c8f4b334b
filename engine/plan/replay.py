"""A lowered step bound to memory: what is run again and again."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.kernels.cpu.compile import prepare
from engine.kernels.cpu.pool import run
from engine.kernels.cpu.program import Entry, Program, aligned
from engine.plan.lower import Host, Lowering, Native
from engine.plan.memory import laid_out, lifetimes
from engine.plan.places import Buffer, Place
from engine.plan.trace import Live, leaves, mapped


class Replay:
    """Runs the items of a lowering, in memory of its own.

    Args:
        low: a lowering that has run.
        kept: the places whose contents are wanted after each run.
    """

    def __init__(self, low: Lowering, kept: list[Place]) -> None:
        self._inputs = low.inputs
        self._pointers: list[tuple[np.ndarray, int, int, int]] = []  # block, slot, number of the input, offset
        items = [*low.before, *low.items]
        buffers = [[place.buffer for place in item.touches()] for item in items]
        offsets, size = laid_out(lifetimes(buffers, [place.buffer for place in kept]))
        self.memory = aligned((max(size, 1),), np.uint8)
        self._fixed: dict[Buffer, np.ndarray] = {}
        self._offsets = offsets
        self._lives = [(live, make, self._fixed_memory(buffer)) for live, make, buffer in low.lives]
        self._draws = [(generator, self._fixed_memory(buffer)) for generator, buffer in low.draws]
        self._arguments: list[Any] = [None] * len(low.inputs)
        self.parts = self._bound(items)
        self.kept = [self.array(place) for place in kept]

    @property
    def nbytes(self) -> int:
        """Bytes of the plan's own memory."""
        return self.memory.nbytes

    def __call__(self, arguments: list[np.ndarray]) -> None:
        """Run with these arguments: C-contiguous, of the recorded shapes and dtypes."""
        self._arguments = arguments
        addresses = [_address(array) for array in arguments]
        for block, slot, number, offset in self._pointers:
            block[slot] = addresses[number] + offset
        for live, make, memory in self._lives:
            memory[:] = make(live.now)
        for generator, memory in self._draws:
            memory[:] = generator.draw_seed(), 0
        for part in self.parts:
            part()

    def array(self, place: Place) -> np.ndarray:
        """The place as an array; not of an argument."""
        return np.asarray(_Seen(self._start(place.buffer), place))

    def _start(self, buffer: Buffer) -> np.ndarray:
        """An array that begins where the buffer does."""
        if buffer.kind == "state":
            return buffer.array
        if buffer.kind == "fixed":
            return self._fixed_memory(buffer)
        return self.memory[self._offsets[buffer] :]

    def _fixed_memory(self, buffer: Buffer) -> np.ndarray:
        if buffer not in self._fixed:
            self._fixed[buffer] = aligned((buffer.size,), buffer.dtype)
        return self._fixed[buffer]

    def _bound(self, items: list[Native | Host]) -> list[Any]:
        """Neighbouring compiled kernels as one program; what runs on the host between them."""
        prepare((item.kernel.emit, item.kernel.parameters) for item in items if isinstance(item, Native))
        parts: list[Any] = []
        entries: list[Entry] = []

        def close() -> None:
            if entries:
                program = Program(entries)
                parts.append(lambda: run(program))
                entries.clear()

        for item in items:
            if isinstance(item, Native):
                entries.append(self._entry(item))
            else:
                close()
                parts.append(self._call(item))
        close()
        return parts

    def _entry(self, item: Native) -> Entry:
        entry = item.kernel.bind(*(self._address(a) if isinstance(a, Place) else a for a in item.arguments))
        for slot, place in enumerate(item.arguments):
            if isinstance(place, Place) and place.buffer.kind == "input":
                number = self._inputs.index(place.buffer)
                self._pointers.append((entry.block, slot, number, place.offset * place.dtype.itemsize))
        return entry

    def _address(self, place: Place) -> int:
        if place.buffer.kind == "input":
            return 0  # filled in before each run
        return _address(self._start(place.buffer)) + place.offset * place.dtype.itemsize

    def _call(self, item: Host) -> Any:
        fixed = mapped((item.arguments, tuple(item.named.values())), self._host_argument)
        moving = any(isinstance(a, _Argument) for a in leaves(fixed)) or any(isinstance(a, Live) for a in leaves(fixed))
        names = tuple(item.named)
        results = item.results if isinstance(item.results, tuple) else (item.results,)
        targets = [self.array(place) if isinstance(place, Place) else None for place in results]
        several, function = isinstance(item.results, tuple), item.function

        def call() -> None:
            arguments, values = mapped(fixed, self._now) if moving else fixed
            result = function(*arguments, **dict(zip(names, values)))
            for target, value in zip(targets, result if several else (result,)):
                if target is not None:
                    target[...] = value

        return call

    def _host_argument(self, argument: Any) -> Any:
        if not isinstance(argument, Place):
            return argument
        if argument.buffer.kind == "input":
            return _Argument(self._inputs.index(argument.buffer), argument)
        return self.array(argument)

    def _now(self, argument: Any) -> Any:
        if isinstance(argument, _Argument):
            return np.asarray(_Seen(self._arguments[argument.number], argument.place))
        return argument.now if isinstance(argument, Live) else argument


class _Argument:
    """A part of an argument, which is another array at each run."""

    def __init__(self, number: int, place: Place) -> None:
        self.number, self.place = number, place


class _Seen:
    """A place as NumPy's array interface describes it, in memory that begins with `start`."""

    def __init__(self, start: np.ndarray, place: Place) -> None:
        self.start, size = start, place.dtype.itemsize
        self.__array_interface__ = {
            "version": 3,
            "data": (_address(start) + place.offset * size, False),
            "shape": place.shape,
            "strides": tuple(stride * size for stride in place.strides),
            "typestr": place.dtype.str,
        }


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]
