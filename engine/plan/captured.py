"""A step that is recorded, planned, and from then on replayed."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.device import Device
from engine.errors import CaptureWarning, PlanError
from engine.kernels.generic import Kernels
from engine.kernels.threads import threads_in_use
from engine.nn.members import attributes, changes
from engine.plan.losses import join_cross_entropy
from engine.plan.lower import Lowering
from engine.plan.replay import Replay
from engine.plan.trace import Recorder, Trace, Value, leaves, recording
from engine.plan.updates import STEPS, structure
from engine.tensor import Tensor, wrap
from engine.tensor.tape import mode

_running = threading.RLock()
CPU = Device("cpu")


class Captured:
    """A step with its plans, one for each kind of arguments."""

    def __init__(self, step: Callable[..., Any], check: bool = False) -> None:
        self.step, self.check = step, check
        self._plans: dict[Any, list[Planned]] = {}
        self._refused: set[Any] = set()
        self._warned = False

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        tensors: list[Tensor] = []
        key = (_kind((arguments, tuple(sorted(named.items()))), tensors), mode.grad, threads_in_use())
        if mode.recorder is not None or not _all_on_cpu(tensors):
            return self.step(*arguments, **named)
        if not _is_hashable(key):
            self._warn("an argument is neither a tensor nor something that can be told apart from others")
            return self.step(*arguments, **named)
        with _running:
            if key in self._refused:
                return self.step(*arguments, **named)
            plans = self._plans.setdefault(key, [])
            planned = next((plan for plan in plans if plan.holds(tensors)), None)
            if planned and not self.check:
                return planned.replay(tensors)
            return self._record(key, lambda: self.step(*arguments, **named), tensors, planned)

    def _record(self, key: Any, step: Callable[[], Any], tensors: list[Tensor], planned: Planned | None) -> Any:
        """Run the step as it is written, once; then take that back and replay it, so that every step is a replay."""
        kernels = CPU.kernels if self.check else Kernels(np)  # the generic ones need no compiling
        with recording(CPU, kernels, [t.array for t in tensors]) as recorder:
            if any(t._requires_grad and t.grad is not None for t in tensors):
                recorder.fail("an argument has a gradient already; set it to None before the call")
            result = step()
        kept = Kept(recorder, result, tensors)
        plans = self._plans[key]
        if len(plans) == MOST_PLANS and not any(plan.was_replayed for plan in plans):
            recorder.fail("something that it uses is another at each call")
        if recorder.trace.fault:
            self._refused.add(key)
            self._warn(recorder.trace.fault)
            return result
        expected = Outcome.of(recorder, kept) if self.check else None
        del result
        recorder.roll_back()
        if planned is None:
            planned = Planned(recorder.trace, kept, CPU.kernels)
            plans.insert(0, planned)
            del plans[MOST_PLANS:]
        result = planned.again(recorder.trace, tensors)
        if expected:
            expected.require(planned.run.kept)
        return result

    def _warn(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(f"the step runs as it is written, without a plan: {reason}", CaptureWarning, stacklevel=4)


MOST_PLANS = 4
"""For one kind of arguments: in training and in evaluation, for instance."""


@dataclass
class Outcome:
    """What a step as it is written has led to, to hold a replay against.

    Args:
        values: copies of the arrays that are wanted.
        state: arrays that it wrote into, and copies of what was in them then.
    """

    values: list[np.ndarray]
    state: list[tuple[np.ndarray, np.ndarray]]

    @staticmethod
    def of(recorder: Recorder, kept: Kept) -> Outcome:
        """What is there now, before it is rolled back."""
        return Outcome([array.copy() for array in kept.arrays], [(a, a.copy()) for a in recorder.written()])

    def require(self, values: list[np.ndarray]) -> None:
        """A PlanError where a replay has led elsewhere, by more than rounding."""
        pairs = [*zip(values, self.values), *self.state]
        sizes = [float(np.abs(e).max(initial=0.0)) if e.dtype.kind == "f" else 0.0 for _, e in pairs]
        floor = 1e-6 * max(sizes, default=0.0)  # what should be zero is rounding of what is not
        for number, ((got, expected), size) in enumerate(zip(pairs, sizes)):
            if not np.allclose(got, expected, rtol=1e-3, atol=1e-3 * size + floor, equal_nan=True):
                what = f"result {number}" if number < len(values) else f"state {number - len(values)}"
                most = float(np.abs(got.astype(float) - expected).max())
                raise PlanError("a replay", got=f"{what} of shape {got.shape} is {most:.3g} from the step as written",
                                expected="nothing but rounding", mend="leave capture() away and report it")  # fmt: skip


class Kept:
    """What is wanted of a step in the end: the tensors that it returns, and the gradients that it leaves."""

    def __init__(self, recorder: Recorder, result: Any, arguments: list[Tensor]) -> None:
        self.values: list[Value] = []
        self.arrays: list[np.ndarray] = []
        self.of_arguments = [
            (position, self._number(recorder, tensor.grad.array))
            for position, tensor in enumerate(arguments)
            if tensor._requires_grad and tensor.grad is not None
        ]
        self.form = self._noted(recorder, result)
        self.gradients: list[tuple[Any, int | None]] = []  # a leaf, and the number of its gradient among the values
        used = {v for call in recorder.trace.calls if call.kernel in STEPS for v in leaves(call.arguments[0])}
        for tensor, _, wants in list(recorder.trace.watched.values()):
            if not wants or tensor._node is not None:
                continue
            if tensor.grad is None or recorder.value(tensor.array) in used:
                self.gradients.append((tensor, None))
            elif recorder.value(tensor.grad.array).kind == "result":
                self.gradients.append((tensor, self._number(recorder, tensor.grad.array)))

    def _number(self, recorder: Recorder, array: np.ndarray) -> int:
        self.values.append(recorder.value(array))
        self.arrays.append(array)
        return len(self.values) - 1

    def _noted(self, recorder: Recorder, result: Any) -> Any:
        if isinstance(result, Tensor):
            if result._node is not None and result._node.saved is not None:
                recorder.fail("it returns a tensor whose gradient is still to be taken; call backward() inside")
            value = recorder.value(result.array)
            if value.kind == "input":
                return Argument(recorder.trace.inputs.index(value))
            if value.kind == "state":
                return result
            return _Slot(self._number(recorder, result.array))
        if isinstance(result, dict):
            return {key: self._noted(recorder, value) for key, value in result.items()}
        if isinstance(result, list | tuple):
            made = [self._noted(recorder, value) for value in result]
            return type(result)(*made) if hasattr(result, "_fields") else type(result)(made)
        return result


@dataclass(frozen=True)
class Argument:
    """Stands for a tensor that a step returns as it came."""

    position: int


@dataclass(frozen=True)
class _Slot:
    """Stands for a tensor in what a step returns."""

    number: int


class Planned:
    """A recorded step that can be replayed, and what must hold for it."""

    def __init__(self, trace: Trace, kept: Kept, kernels: Any) -> None:
        self.trace, self.kept, self.kernels = join_cross_entropy(trace), kept, kernels
        self._watched = list(self.trace.watched.values())
        self._modules = list(self.trace.modules.values())
        self._changes = -1
        self.was_replayed = False
        self._lower()

    def _lower(self) -> None:
        """Make the kernels, for the options as they are now."""
        low = Lowering(self.trace, self.kernels, self.kept.values)
        places = low.run()
        self.run, self.items = Replay(low, places), low.items
        self._structure = [structure(live.now) for live in self.trace.lives]
        self._left = [
            (tensor, None if number is None else wrap(self.run.kept[number], CPU))
            for tensor, number in self.kept.gradients
        ]

    def holds(self, tensors: list[Tensor]) -> bool:
        """Whether nothing that the plan was made for is another now."""
        if any(tensors[position].grad is not None for position, _ in self.kept.of_arguments):
            return False
        for tensor, array, wants in self._watched:
            if tensor.array is not array or tensor._requires_grad is not wants:
                return False
        for tensor, gradient in self.trace.gradients.values():
            if tensor.grad is not gradient:
                return False
        if self._changes != changes():
            if not all(_same(attributes(module), before) for module, before in self._modules):
                return False
            self._changes = changes()
        inputs = dict(zip(self.trace.inputs, tensors))
        for function, arguments, result in self.trace.checks:
            now = [_known(a, inputs) for a in arguments]
            if not _equal(function(*now), result):
                return False
        return True

    def replay(self, tensors: list[Tensor]) -> Any:
        """The step once more, with these arguments."""
        self.was_replayed = True
        for live in self.trace.lives:
            live.refresh()
        return self._replay(tensors)

    def again(self, trace: Trace, tensors: list[Tensor]) -> Any:
        """The step that this trace, which is like the plan's, has recorded: with its options."""
        for live, other in zip(self.trace.lives, trace.lives):
            live.now = other.now
        return self._replay(tensors)

    def _replay(self, tensors: list[Tensor]) -> Any:
        if [structure(live.now) for live in self.trace.lives] != self._structure:
            self._lower()
        self.run([np.ascontiguousarray(t.array) for t in tensors])
        for tensor, gradient in self._left:
            if tensor.grad is not gradient:
                tensor.grad = gradient
        for position, number in self.kept.of_arguments:
            tensors[position].grad = wrap(self.run.kept[number].copy(), CPU)
        return self._filled(self.kept.form, tensors)

    def _filled(self, form: Any, tensors: list[Tensor]) -> Any:
        if isinstance(form, _Slot):
            return wrap(self.run.kept[form.number].copy(), CPU)
        if isinstance(form, Argument):
            return tensors[form.position]
        if isinstance(form, dict):
            return {key: self._filled(value, tensors) for key, value in form.items()}
        if isinstance(form, list | tuple):
            made = [self._filled(value, tensors) for value in form]
            return type(form)(*made) if hasattr(form, "_fields") else type(form)(made)
        return form


def _kind(argument: Any, tensors: list[Tensor]) -> Any:
    """What a plan is made for: shapes and dtypes of tensors (gathered in `tensors`), other arguments as they are."""
    if isinstance(argument, Tensor):
        tensors.append(argument)
        return argument.array.shape, argument.array.dtype, argument._requires_grad
    if isinstance(argument, list | tuple):
        return type(argument), tuple([_kind(part, tensors) for part in argument])
    if isinstance(argument, dict):
        return tuple([(key, _kind(part, tensors)) for key, part in argument.items()])
    return argument


def _is_hashable(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True


def _all_on_cpu(tensors: list[Tensor]) -> bool:
    return all(tensor.device is CPU for tensor in tensors)


def _known(argument: Any, inputs: dict[Value, Tensor]) -> Any:
    if isinstance(argument, Value):
        return inputs[argument].array if argument in inputs else argument.array
    return argument


def _same(now: dict[str, Any], before: dict[str, Any]) -> bool:
    return now.keys() == before.keys() and all(_equal(now[name], value) for name, value in before.items())


def _equal(a: Any, b: Any) -> bool:
    return a is b or (isinstance(a, tuple | int | float | str) and type(a) is type(b) and a == b)
