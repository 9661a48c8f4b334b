"""A lowered step bound to memory: what is run again and again."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from engine.kernels.aligned import aligned
from engine.kernels.cpu.compile import prepare
from engine.kernels.cpu.pool import run
from engine.kernels.cpu.program import Entry, Program
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
        self._first = len(low.trace.inputs)  # of the inputs that is a gradient
        self._values = [gradient.value for gradient in low.trace.read]
        self._at: list[Any] = [_nothing] * len(low.inputs)  # weak references to the arrays of the last replay
        self._slots: dict[Buffer, list[tuple[np.ndarray, int, int]]] = {}  # block, slot, offset: of what moves
        items = [*low.before, *low.items]
        buffers = [[place.buffer for place in item.touches()] for item in items]
        offsets, size = laid_out(lifetimes(buffers, [place.buffer for place in kept]))
        self.memory = aligned((max(size, 1),), np.uint8)
        self._fixed: dict[Buffer, np.ndarray] = {}
        self._offsets = offsets
        self._lives = [(live, make, self._fixed_memory(buffer)) for live, make, buffer in low.lives]
        self._draws = [(generator, self._fixed_memory(buffer)) for generator, buffer in low.draws]
        self._present: list[Any] = []  # the arrays of the inputs, while it runs
        self._calls: dict[Buffer, list[_Called]] = {}  # those on the host that an output has a part in
        self.parts = self._bound(items)

    @property
    def nbytes(self) -> int:
        """Bytes of the plan's own memory."""
        return self.memory.nbytes

    def __call__(self, arguments: list[np.ndarray], gradients: list[np.ndarray]) -> None:
        """Run with these arguments, C-contiguous, and these gradients, all of the recorded shapes and dtypes."""
        self._present = [*arguments, *gradients]
        for number, array in enumerate(self._present):
            if self._at[number]() is not array:
                self._at[number] = weakref.ref(array)
                self._move(self._inputs[number], _address(array))
        for live, make, memory in self._lives:
            memory[:] = make(live.now)
        for generator, memory in self._draws:
            memory[:] = generator.draw_seed(), 0
        for part in self.parts:
            part()
        self._present = []

    def reads(self, number: int, array: np.ndarray) -> bool:
        """Whether this array can be the gradient of that number."""
        if self._at[self._first + number]() is array:
            return True
        value = self._values[number]
        strides = tuple(step // array.itemsize for step in array.strides)
        return array.dtype == value.dtype and array.shape == value.shape and strides == value.strides

    def _move(self, buffer: Buffer, address: int) -> None:
        for block, slot, offset in self._slots.get(buffer, ()):
            block[slot] = address + offset

    def renewed(self, place: Place) -> np.ndarray:
        """The place of an output in new memory, where it is from now on; who holds the old keeps what is in it."""
        buffer = place.buffer
        self._fixed[buffer] = aligned((buffer.size,), buffer.dtype)
        self._move(buffer, _address(self._fixed[buffer]))
        for called in self._calls.get(buffer, ()):
            called.bind()
        return self.array(place)

    def array(self, place: Place) -> np.ndarray:
        """The place as an array; not of an input."""
        return np.asarray(_Seen(self._start(place.buffer), place))

    def _start(self, buffer: Buffer) -> np.ndarray:
        """An array that begins where the buffer does."""
        if buffer.kind == "state":
            return buffer.array
        if buffer.kind in ("fixed", "output"):
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
                parts.append(_Called(self, item))
                for place in item.touches():
                    if place.buffer.kind == "output":
                        self._calls.setdefault(place.buffer, []).append(parts[-1])
        close()
        return parts

    def _entry(self, item: Native) -> Entry:
        entry = item.kernel.bind(*(self._address(a) if isinstance(a, Place) else a for a in item.arguments))
        for slot, place in enumerate(item.arguments):
            if isinstance(place, Place) and place.buffer.kind in ("input", "output"):
                offset = place.offset * place.dtype.itemsize
                self._slots.setdefault(place.buffer, []).append((entry.block, slot, offset))
        return entry

    def _address(self, place: Place) -> int:
        if place.buffer.kind == "input":
            return 0  # filled in before each run
        return _address(self._start(place.buffer)) + place.offset * place.dtype.itemsize

    def host_argument(self, argument: Any) -> Any:
        """What a kernel on the host gets for a place; for one in an input, what tells `now` where it is."""
        if not isinstance(argument, Place):
            return argument
        if argument.buffer.kind == "input":
            return _Argument(self._inputs.index(argument.buffer), argument)
        return self.array(argument)

    def now(self, argument: Any) -> Any:
        """What an argument is in this replay."""
        if isinstance(argument, _Argument):
            return np.asarray(_Seen(self._present[argument.number], argument.place))
        return argument.now if isinstance(argument, Live) else argument


class _Called:
    """A kernel that runs on the host."""

    def __init__(self, replay: Replay, item: Host) -> None:
        self.replay, self.item = replay, item
        self.names = tuple(item.named)
        self.bind()

    def bind(self) -> None:
        """See the arguments and results where they lie now."""
        item, replay = self.item, self.replay
        self.fixed = mapped((item.arguments, tuple(item.named.values())), replay.host_argument)
        self.moves = any(isinstance(a, _Argument | Live) for a in leaves(self.fixed))
        results = item.results if isinstance(item.results, tuple) else (item.results,)
        self.targets = [replay.array(place) if isinstance(place, Place) else None for place in results]

    def __call__(self) -> None:
        arguments, values = mapped(self.fixed, self.replay.now) if self.moves else self.fixed
        result = self.item.function(*arguments, **dict(zip(self.names, values)))
        results = result if isinstance(self.item.results, tuple) else (result,)
        for target, value in zip(self.targets, results):
            if target is not None:
                target[...] = value


class _Argument:
    """A part of an input, which is another array at each run."""

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


def _nothing() -> None:
    """A reference to no array."""
