"""A recorded step that can be replayed: what must hold for it, what it leaves, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from sys import getrefcount
from typing import Any

import numpy as np

from engine.device import Device
from engine.errors import PlanError
from engine.plan.arguments import home
from engine.plan.losses import join_cross_entropy
from engine.plan.lower import Lowering
from engine.plan.outside import equal
from engine.plan.recorder import Recorder
from engine.plan.replay import Replay
from engine.plan.trace import Gradient, Trace, Value, leaves
from engine.plan.updates import STEPS, structure
from engine.tensor import Size, Tensor, wrap
from engine.tensor.tape import mode

CPU = Device("cpu")
PLAIN = (type(None), bool, int, float, complex, str, bytes)


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
    """What is wanted of a step in the end: the tensors that it returns, and the gradients that it leaves.

    Args:
        recorder: of the step.
        result: what the step returned.
        arguments: the tensors among its arguments, as the step got them.
    """

    def __init__(self, recorder: Recorder, result: Any, arguments: list[Tensor]) -> None:
        self.recorder, self.tensors = recorder, arguments
        self.values: list[Value] = []
        self.arrays: list[np.ndarray] = []  # as the step made them while it was recorded
        self.of_arguments = [
            (position, self._number(tensor._grad.array))
            for position, tensor in enumerate(arguments)
            if tensor._requires_grad and tensor._grad is not None
        ]
        self.form = self._noted(result)
        self.gradients: list[tuple[Tensor, int | None]] = []  # a leaf, the number of its gradient among the values
        used = {v for call in recorder.trace.calls if call.kernel in STEPS for v in leaves(call.arguments[0])}
        for gradient in recorder.trace.gradients.values():
            self._leave(gradient, recorder.value(gradient.tensor.array) in used)

    def _leave(self, gradient: Gradient, is_used: bool) -> None:
        """Note what a leaf has for a gradient in the end.

        One that the step begins anew and an optimizer in it has used is not kept: what it was need not be stored then.
        """
        tensor = gradient.tensor
        if tensor._grad is None or (is_used and not gradient.is_read):
            self.gradients.append((tensor, None))
            return
        value = self.recorder.value(tensor._grad.array)
        if value.kind == "result":
            self.gradients.append((tensor, self._number(tensor._grad.array)))
        elif value is not gradient.value:
            self.recorder.fail("it gives a tensor a gradient that it has not computed")

    def _number(self, array: np.ndarray) -> int:
        self.values.append(self.recorder.value(array))
        self.arrays.append(array)
        return len(self.values) - 1

    def _noted(self, result: Any) -> Any:
        if isinstance(result, Tensor):
            return self._noted_tensor(result)
        if type(result) is dict:
            return {key: self._noted(value) for key, value in result.items()}
        if type(result) in (list, tuple, Size) or (isinstance(result, tuple) and hasattr(result, "_fields")):
            return _rebuilt(result, [self._noted(value) for value in result])
        if type(result) not in PLAIN:
            self.recorder.fail(f"it returns a {type(result).__name__}, which a replay could not make anew; tensors, "
                               "plain values, and tuples, lists and dicts of them can be returned")  # fmt: skip
        return result

    def _noted_tensor(self, tensor: Tensor) -> Any:
        recorder = self.recorder
        if tensor._node is not None and tensor._node.saved is not None:
            recorder.fail("it returns a tensor whose gradient is still to be taken; call backward() inside")
        if not isinstance(tensor.array, np.ndarray) or tensor.device is not CPU:
            recorder.fail(f"it returns a tensor on {tensor.device}")
            return tensor
        position = next((i for i, own in enumerate(self.tensors) if own is tensor), None)
        if position is not None:
            return Argument(position)
        if recorder.is_outside(tensor.array):
            return tensor
        value = recorder.value(tensor.array)
        if value.kind == "gradient" or (tensor._grad is not None and tensor._node is not None):
            recorder.fail("it returns a gradient from before, or a tensor that has one")
        return Slot(self._number(tensor.array))


@dataclass(frozen=True)
class Argument:
    """Stands for a tensor that a step returns as it came."""

    position: int


@dataclass(frozen=True)
class Slot:
    """Stands for a tensor in what a step returns."""

    number: int


class Left:
    """A gradient that a plan leaves in a leaf, in memory that the plan writes into again once nobody else has it.

    Args:
        tensor: the leaf.
        number: of the gradient among the kept values; None where it is to have none.
    """

    __slots__ = ("gradient", "number", "tensor")

    def __init__(self, tensor: Tensor, number: int | None) -> None:
        self.tensor, self.number, self.gradient = tensor, number, None

    def is_held(self) -> bool:
        """Whether anybody but the leaf has the gradient of the last replay, or its array."""
        return self._holders() > ALONE or getrefcount(self.gradient.array) > ALONE_ARRAY

    def _holders(self) -> int:
        return getrefcount(self.gradient) - (self.tensor._grad is self.gradient)


def _alone() -> tuple[int, int]:
    """What is counted, in this Python, where nobody has the gradient."""
    left = Left(wrap(np.zeros(1), CPU), 0)
    left.gradient = wrap(np.zeros(1), CPU)
    return left._holders(), getrefcount(left.gradient.array)


ALONE, ALONE_ARRAY = _alone()


class Planned:
    """A recorded step that can be replayed."""

    def __init__(self, recorder: Recorder, kept: Kept, kernels: Any) -> None:
        self.trace, self.outside, self.kernels = join_cross_entropy(recorder.trace), recorder.outside, kernels
        self._values, self._form, self._of_arguments = kept.values, kept.form, kept.of_arguments
        self._read = self.trace.read
        self._absent = [g.tensor for g in self.trace.gradients.values() if g.is_read and g.before is None]
        self._left = [Left(tensor, number) for tensor, number in kept.gradients]
        self._written = {id(home(array)) for array in recorder.written()}
        for gradient in self.trace.gradients.values():
            gradient.before = None
        inputs = [*self.trace.inputs, *(gradient.value for gradient in self._read)]
        self._checks = [
            (function, [_told(argument, inputs) for argument in arguments], result)
            for function, arguments, result in self.trace.checks
        ]
        self._lower()

    def _lower(self) -> None:
        """Make the kernels, for the options as they are now."""
        numbers = [left.number for left in self._left if left.number is not None]
        low = Lowering(self.trace, self.kernels, self._values, numbers)
        self._places = low.run()
        self.run, self.items = Replay(low, self._places), low.items
        self._structure = [structure(live.now) for live in self.trace.lives]
        for left in self._left:
            if left.number is not None:
                left.gradient = wrap(self.run.array(self._places[left.number]), CPU)
        self._kept = {
            number: self.run.array(place) for number, place in enumerate(self._places) if number not in numbers
        }

    def holds(self, tensors: list[Tensor]) -> bool:
        """Whether nothing that the plan was made for is another now."""
        for position, _ in self._of_arguments:
            if tensors[position]._grad is not None or id(tensors[position]) in self.trace.gradients:
                return False
        if self._written:
            for tensor in tensors:
                if id(home(tensor.array)) in self._written:
                    return False
        for tensor in self._absent:
            if tensor._grad is not None:
                return False
        for number, gradient in enumerate(self._read):
            if gradient.tensor._grad is None or not self.run.reads(number, gradient.tensor._grad.array):
                return False
        return self.outside.is_same() and self._checks_hold(tensors)

    def is_gone(self) -> bool:
        """Whether it will hardly hold again."""
        return self.outside.is_gone()

    def _checks_hold(self, tensors: list[Tensor]) -> bool:
        if not self._checks:
            return True
        arrays = [tensor.array for tensor in tensors] + [gradient.tensor._grad.array for gradient in self._read]
        for function, arguments, result in self._checks:
            now = [known if number is None else arrays[number] for number, known in arguments]
            if not equal(function(*now), result):
                return False
        return True

    def replay(self, tensors: list[Tensor]) -> Any:
        """The step once more, with these arguments."""
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
        gradients = [gradient.tensor._grad.array for gradient in self._read]
        for left in self._left:
            if left.number is not None and left.is_held():
                left.gradient = wrap(self.run.renewed(self._places[left.number]), CPU)
        mode.quietly(self.run, [np.ascontiguousarray(tensor.array) for tensor in tensors], gradients)
        for left in self._left:
            left.tensor._grad = left.gradient
        for position, number in self._of_arguments:
            tensors[position]._grad = wrap(self._kept[number].copy(), CPU)
        return self._filled(self._form, tensors)

    def values(self) -> list[np.ndarray]:
        """What the last replay has made of all that is kept."""
        left = {left.number: left.gradient.array for left in self._left if left.number is not None}
        return [left[number] if number in left else self._kept[number] for number in range(len(self._values))]

    def _filled(self, form: Any, tensors: list[Tensor]) -> Any:
        if isinstance(form, Slot):
            return wrap(self._kept[form.number].copy(), CPU)
        if isinstance(form, Argument):
            return tensors[form.position]
        if isinstance(form, dict):
            return {key: self._filled(value, tensors) for key, value in form.items()}
        if isinstance(form, list | tuple):
            return _rebuilt(form, [self._filled(value, tensors) for value in form])
        return form


def _rebuilt(like: Any, parts: list[Any]) -> Any:
    """A list or tuple of the same type with these parts."""
    return type(like)(*parts) if hasattr(like, "_fields") else type(like)(parts)


def _told(argument: Any, inputs: list[Value]) -> tuple[int | None, Any]:
    """What a check is told: the array of the input of this number, or else always the same."""
    if not isinstance(argument, Value):
        return None, argument
    return (inputs.index(argument), None) if argument in inputs else (None, argument.array)
