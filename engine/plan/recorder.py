"""Recording one step: a stand-in for the device's kernel set that runs each kernel and notes the call."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from engine.device import Device
from engine.plan.arguments import home
from engine.plan.outside import Outside
from engine.plan.trace import OUTSIDE, WRITES, Call, Gradient, Live, Trace, Value, leaves, mapped
from engine.random import Generator
from engine.tensor.tape import mode

RENEWS = frozenset({"add", "sub", "mul", "div", "assign"})
"""Kernels that write a whole array, so that afterwards it may count as a new one."""


class Recorder:
    """Runs every kernel of the real set and notes the call; what is not a kernel is the real set's.

    Only calls of the thread that made it are noted.

    Args:
        real: the kernel set that computes.
        inputs: arrays of the step's arguments.
    """

    def __init__(self, real: Any, inputs: list[Any]) -> None:
        self.real, self.xp, self.array_type = real, real.xp, real.array_type
        self.trace, self.outside = Trace(), Outside()
        self._old: dict[int, tuple[Any, Any]] = {}  # id of an array that was there before -> the array, what was in it
        self._streams: dict[int, tuple[Generator, Any]] = {}  # random numbers, and where they stood
        self._thread = threading.get_ident()
        self._known: dict[int, tuple[Callable[[], Any], Value]] = {}
        self._constants: set[int] = set()  # ids of arrays that the step makes outside of the kernels
        self._viewed: dict[int, Any] = {}  # id of an array of which there are views -> a weak reference to it
        for array in inputs:
            self._require_elements(array)
            if id(array) not in self._known:
                self._know(array, Value(array.shape, array.dtype, "input"))
            self.trace.inputs.append(self.value(array))

    def fail(self, reason: str) -> None:
        """The step cannot be replayed; it goes on as it is."""
        self.trace.fault = self.trace.fault or reason

    def saw(self, tensors: Iterable[Any]) -> None:
        """Tensors take part: where one comes from outside, a replay is only right while it keeps its array."""
        for tensor in tensors:
            if tensor is None or tensor.device.is_meta:
                continue
            if not isinstance(tensor.array, self.array_type) or tensor.device.type != "cpu":
                self.fail(f"it computes on {tensor.device}")
            elif self.is_outside(tensor.array):
                self.outside.saw(tensor)

    def makes(self, array: Any) -> None:
        """An array is made of numbers that are the same at each replay."""
        self.value(array)
        self._constants.add(id(array))

    def entered(self, module: Any) -> None:
        """A module is called, walked through, or asked for a part of it."""
        self.outside.entered(module)

    def grouped(self, optimizer: Any) -> None:
        """An optimizer goes through its parameters."""
        self.outside.grouped(optimizer)

    def steps(self, optimizer: Any) -> None:
        """An optimizer changes the parameters that have a gradient."""
        self.outside.grouped(optimizer)
        for group in optimizer.param_groups:
            self.saw(group["params"])
            for param in group["params"]:
                self.reads_gradient(param)

    def reads_gradient(self, tensor: Any) -> None:
        """Somebody looks whether a tensor has a gradient, and perhaps at that."""
        gradient = self._began(tensor, True)
        if gradient is None or gradient.before is None:
            return
        array = gradient.before.array
        if id(array) in self._known and self._known[id(array)][0]() is array:
            self.fail("a gradient is also something else that the step uses")
            return
        strides = tuple(step // array.itemsize for step in array.strides)
        gradient.value = Value(array.shape, array.dtype, "gradient", None, strides)
        self._know(array, gradient.value)

    def sets_gradient(self, tensor: Any) -> None:
        """Somebody gives a tensor another gradient, or none."""
        self._began(tensor, False)

    def _began(self, tensor: Any, is_read: bool) -> Gradient | None:
        """What is noted of the gradient of a leaf from outside that is met for the first time."""
        if id(tensor) in self.trace.gradients or not isinstance(tensor.array, self.array_type):
            return None
        if not self.is_outside(tensor.array):
            return None
        gradient = self.trace.gradients[id(tensor)] = Gradient(tensor, tensor._grad, is_read)
        return gradient

    def is_outside(self, array: Any) -> bool:
        """Whether an array was there before the step and is no gradient."""
        return self.value(array).kind == "state" and id(array) not in self._constants

    def require_apart(self) -> None:
        """The gradients that the step found must not lie in the memory of other state: they move, and that does not."""
        homes = {id(home(gradient.before.array)) for gradient in self.trace.read}
        if any(value.kind == "state" and id(home(value.array)) in homes for _, value in self._known.values()):
            self.fail("a gradient lies where something else lies that the step uses")

    def roll_back(self) -> None:
        """Bring back what was there before: contents of arrays, gradients, and where random numbers stood."""
        for array, contents in reversed(self._old.values()):  # parts of one memory come back as they were at first
            array[...] = contents
        for generator, state in self._streams.values():
            generator.set_state(state)
        for gradient in self.trace.gradients.values():
            gradient.tensor._grad = gradient.before

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
        return self._know(array, Value(array.shape, array.dtype, "state", array))

    def _know(self, array: Any, value: Value) -> Value:
        """An array from outside is this Value from now on."""
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

    def _require_elements(self, array: Any) -> None:
        if not array.size:
            self.fail("an array in it is empty")

    def _made(self, result: Any) -> Any:
        """(the array or what else came, its Value or the same)"""
        if isinstance(result, np.generic):
            result = self.xp.asarray(result)
        if not isinstance(result, self.array_type):
            return result, result
        found = self._known.get(id(result))
        if found is not None and found[0]() is result:
            return result, found[1]
        self._require_elements(result)
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
            if self.value(array).kind in OUTSIDE and id(array) not in self._old:
                self._old[id(array)] = array, array.copy()

    def _written(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
        places = [arguments[i] for i in WRITES.get(name, ())] + [named.get("out")]
        return [array for array in leaves(places) if isinstance(array, self.array_type)]

    def _append(self, call: Call, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Note a call. One that changes a result in place makes a new Value, which is the array's from now on."""
        if call.kernel == "getitem" and any(value.dtype.kind == "b" for value in call.reads()[1:]):
            self.fail("a mask chooses elements, of which there may be more or fewer at another call")
        for array in self._written(call.kernel, arguments, named):
            old = self.value(array)
            if id(array) in self._constants:
                self.fail("a constant that it makes is changed in place")
            if old.kind in OUTSIDE:
                continue
            if old.kind == "input":
                self.fail("an argument of the step is changed in place")
                continue
            if call.kernel == "assign" and not _is_plain_assignment(call, old):
                self.fail("values of another dtype are written into a result")
                continue
            has_views = id(array) in self._viewed and self._viewed[id(array)]() is array
            if has_views or type(array.base) is type(array) or call.kernel not in RENEWS:
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
