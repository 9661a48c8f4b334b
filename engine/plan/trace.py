"""Recording one step: a stand-in for the device's kernel set that runs each kernel and notes the call."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from engine.device import Device
from engine.nn.members import attributes
from engine.random import Generator
from engine.tensor.tape import mode

WRITES = {
    "update_running": (0, 1), "assign": (0,), "assign_at": (0,), "update_step": (0, 2), "muon_step": (0, 2),
}  # fmt: skip
"""Kernels that write into arguments, and into which."""
RENEWS = frozenset({"add", "sub", "mul", "div", "assign"})
"""Kernels that write a whole array, so that afterwards it may count as a new one."""


@dataclass(eq=False)
class Value:
    """An array of the step: what a kernel made, an argument, or what was there before (state: weights, statistics).

    Args:
        shape, dtype: of the array.
        kind: where it comes from.
        array: the array itself, of state.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    kind: Literal["result", "input", "state"] = "result"
    array: Any = None

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


@dataclass
class Trace:
    """What one step did.

    Args:
        calls: in order.
        inputs: Values of the step's arguments.
        lives: what is read anew before each replay, in order.
        checks: (kernel, arguments, result) of what must hold of the arguments, as it was found.
        watched: (tensor, its array, whether it wants a gradient) of tensors from outside: a replay is right for these.
        gradients: (tensor, its gradient before the step) of leaves whose gradient the step does not begin anew.
        modules: (module, its attributes), so that it is known when one is another.
        fault: why the step cannot be replayed; "" where it can.
    """

    calls: list[Call] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    lives: list[Live] = field(default_factory=list)
    checks: list[tuple[Any, tuple[Any, ...], Any]] = field(default_factory=list)
    watched: dict[int, tuple[Any, Any, bool]] = field(default_factory=dict)
    gradients: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    modules: dict[int, tuple[Any, dict[str, Any]]] = field(default_factory=dict)
    fault: str = ""


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


class Recorder:
    """Runs every kernel of the real set and notes the call; what is not a kernel is the real set's.

    Only calls of the thread that made it are noted.

    Args:
        real: the kernel set that computes.
        inputs: arrays of the step's arguments.
    """

    def __init__(self, real: Any, inputs: list[Any]) -> None:
        self.real, self.xp, self.array_type = real, real.xp, real.array_type
        self.trace = Trace()
        self._cleared: set[int] = set()  # ids of the tensors whose gradient was forgotten
        self._old: dict[int, tuple[Any, Any]] = {}  # id of an array that was there before -> the array, what was in it
        self._streams: dict[int, tuple[Generator, Any]] = {}  # random numbers, and where they stood
        self._thread = threading.get_ident()
        self._known: dict[int, tuple[Callable[[], Any], Value]] = {}
        self._viewed: dict[int, Any] = {}  # id of an array of which there are views -> a weak reference to it
        for array in inputs:
            value = Value(array.shape, array.dtype, "input")
            self.trace.inputs.append(value)
            self._known[id(array)] = (lambda array=array: array), value

    def fail(self, reason: str) -> None:
        """The step cannot be replayed; it goes on as it is."""
        self.trace.fault = self.trace.fault or reason

    def saw(self, tensors: Iterable[Any]) -> None:
        """Tensors take part: where one comes from outside, a replay is only right while it keeps its array."""
        for tensor in tensors:
            if tensor is None or tensor.device.is_meta or self.value(tensor.array).kind != "state":
                continue
            if id(tensor) not in self.trace.watched:
                self.trace.watched[id(tensor)] = (tensor, tensor.array, tensor._requires_grad)
                if tensor._requires_grad and id(tensor) not in self._cleared:
                    self.trace.gradients[id(tensor)] = (tensor, tensor.grad)

    def cleared(self, tensor: Any) -> None:
        """The gradient of a tensor is forgotten."""
        self._cleared.add(id(tensor))

    def entered(self, module: Any) -> None:
        """A module takes part, with the attributes that it has now."""
        self.trace.modules.setdefault(id(module), (module, attributes(module)))

    def roll_back(self) -> None:
        """Bring back what was there before: the contents of arrays, and where random numbers stood."""
        for array, contents in reversed(self._old.values()):  # parts of one memory come back as they were at first
            array[...] = contents
        for generator, state in self._streams.values():
            generator.set_state(state)

    def written(self) -> list[Any]:
        """The arrays from outside that were changed."""
        return [array for array, _ in self._old.values()]

    def live(self, make: Callable[[], Any]) -> Any:
        """Options that differ from step to step."""
        if threading.get_ident() != self._thread:
            return make()
        live = Live(make, make())
        self.trace.lives.append(live)
        return live

    def value(self, array: Any) -> Value:
        """The Value of an array; one that nobody knows was there before the step."""
        found = self._known.get(id(array))
        if found is not None and found[0]() is array:
            return found[1]
        if self._is_part_of_result(array):
            self.fail("a part of a result is taken outside of the engine's functions")
        value = Value(array.shape, array.dtype, "state", array)
        self._known[id(array)] = (lambda: array), value
        return value

    def _is_part_of_result(self, array: Any) -> bool:
        home = array
        while type(home.base) is type(home):
            home = home.base
            found = self._known.get(id(home))
            if found is not None and found[0]() is home and found[1].kind == "result":
                return True
        return False

    def _made(self, result: Any) -> Any:
        """(the array or what else came, its Value or the same)"""
        if isinstance(result, np.generic):
            result = self.xp.asarray(result)
        if not isinstance(result, self.array_type):
            return result, result
        found = self._known.get(id(result))
        if found is not None and found[0]() is result:
            return result, found[1]
        value = Value(result.shape, result.dtype)
        self._known[id(result)] = weakref.ref(result), value
        home = result
        while type(home.base) is type(home):
            home = home.base
            self._viewed[id(home)] = weakref.ref(home)
        return result, value

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.real, name)
        if not callable(real):
            return real

        def kernel(*arguments: Any, **named: Any) -> Any:
            plain = mapped(arguments, _plain)
            if threading.get_ident() != self._thread:
                return real(*plain, **named)
            call = Call(name, mapped(arguments, self._noted), {k: mapped(v, self._noted) for k, v in named.items()})
            self._keep_old(name, arguments, named)
            result = real(*plain, **named)
            pairs = mapped(result, self._made) if isinstance(result, tuple) else self._made(result)
            result, call.results = _unzipped(pairs) if isinstance(result, tuple) else pairs
            if name in CHECKS:
                self._check(name, call, result)
            else:
                self._append(call, arguments, named)
            return result

        setattr(self, name, kernel)
        return kernel

    def _noted(self, argument: Any) -> Any:
        if isinstance(argument, Generator) and id(argument) not in self._streams:
            self._streams[id(argument)] = argument, argument.get_state()
        return self.value(argument) if isinstance(argument, self.array_type) else argument

    def _keep_old(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Before a kernel writes into what was there before, remember it."""
        for array in self._written(name, arguments, named):
            if self.value(array).kind == "state" and id(array) not in self._old:
                self._old[id(array)] = array, array.copy()

    def _written(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
        places = [arguments[i] for i in WRITES.get(name, ())] + [named.get("out")]
        return [array for array in leaves(places) if isinstance(array, self.array_type)]

    def _append(self, call: Call, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Note a call. One that changes a result in place makes a new Value, which is the array's from now on."""
        for array in self._written(call.kernel, arguments, named):
            old = self.value(array)
            if old.kind == "state":
                continue
            if old.kind == "input":
                self.fail("an argument of the step is changed in place")
                continue
            if call.kernel == "assign" and not _is_plain_assignment(call, old):
                self.fail("values of another dtype are written into a result")
                continue
            has_views = id(array) in self._viewed and self._viewed[id(array)]() is array
            if has_views or array.base is not None or call.kernel not in RENEWS:
                self.fail("a result, or an argument of the step, is changed in place")
                continue
            call.results = Value(old.shape, old.dtype)
            call.named.pop("out", None)
            self._known[id(array)] = weakref.ref(array), call.results
        self.trace.calls.append(call)

    def _check(self, name: str, call: Call, result: Any) -> None:
        if any(value.kind == "result" for value in call.reads()):
            self.fail("what is computed is looked at while the step runs")
        self.trace.checks.append((getattr(self.real, name), call.arguments, result))
        if call.makes():
            self.trace.calls.append(call)


CHECKS = frozenset({"check_index", "check_classes", "check_finite"})
"""Kernels that look at values and answer with what Python decides by."""


def _is_plain_assignment(call: Call, target: Value) -> bool:
    """Whether float32 numbers, or one number, are written into float32."""
    value = call.arguments[1]
    kind = value.dtype if isinstance(value, Value) else target.dtype
    return target.dtype == kind == np.float32


def _plain(argument: Any) -> Any:
    return argument.now if isinstance(argument, Live) else argument


def _unzipped(pairs: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return tuple([pair[0] for pair in pairs]), tuple([pair[1] for pair in pairs])


@contextmanager
def recording(device: Device, kernels: Any, inputs: list[Any]) -> Iterator[Recorder]:
    """Inside, what this thread does on the device is noted; these kernels compute."""
    before = device.kernels
    recorder = Recorder(kernels, inputs)
    device.kernels, mode.recorder = recorder, recorder
    try:
        yield recorder
    finally:
        device.kernels, mode.recorder = before, None
