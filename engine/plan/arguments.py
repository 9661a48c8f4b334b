"""The arguments of a step: what a plan is made for, and how the step gets them while it is recorded."""

from __future__ import annotations

from collections.abc import Callable, Collection
from copy import copy as shallow
from typing import Any

import numpy as np

from engine.tensor import Tensor
from engine.tensor.tape import mode

CONTAINERS = (list, tuple, dict)


def kind_of(argument: Any, tensors: list[Tensor]) -> Any:
    """What a plan is made for: shapes and dtypes of tensors (gathered in `tensors`), other arguments as they are.

    Of numbers the type counts and every bit: 2, 2.0 and True are three, and so are 0.0, -0.0 and nan.
    """
    if isinstance(argument, Tensor):
        tensors.append(argument)
        array, wants = argument.array, argument._requires_grad
        return array.shape, array.dtype, wants and 2 - (argument._node is None)
    kind = type(argument)
    if isinstance(argument, (list, tuple)):
        return kind, tuple([kind_of(part, tensors) for part in argument])
    if isinstance(argument, dict):
        return kind, tuple([(kind_of(key, tensors), kind_of(part, tensors)) for key, part in argument.items()])
    if isinstance(argument, (float, complex, np.generic)):
        return kind, repr(argument)
    return kind, argument


def shared(tensors: list[Tensor]) -> Any:
    """Which of the tensors are one, or have one array: for each the first like it; None where there are no such."""
    if len({id(tensor.array) for tensor in tensors}) == len(tensors):
        return None
    arrays, ids = [id(tensor.array) for tensor in tensors], [id(tensor) for tensor in tensors]
    return tuple([(ids.index(one), arrays.index(other)) for one, other in zip(ids, arrays)])


def home(array: Any) -> Any:
    """The array that owns the memory."""
    while type(array.base) is np.ndarray:
        array = array.base
    return array


class Own:
    """The arguments with tensors of the step's own in place of the caller's, around the same memory.

    So an argument is never taken for something that the step knows from outside, too.

    Args:
        arguments, named: as they came.
        tensors: all that are among them.
    """

    def __init__(self, arguments: tuple[Any, ...], named: dict[str, Any], tensors: list[Tensor]) -> None:
        views = {id(tensor.array): tensor.array.view() for tensor in tensors}
        self._twins: dict[int, tuple[Tensor, Tensor]] = {}  # by id of the caller's: that, and the step's own
        for tensor in tensors:
            if id(tensor) not in self._twins:
                self._twins[id(tensor)] = tensor, _around(views[id(tensor.array)], tensor)
        self.tensors = [self._twins[id(tensor)][1] for tensor in tensors]
        self._arrays = [tensor.array for tensor in self.tensors]
        self._gradients = {id(tensor): tensor._grad for tensor in tensors}
        self._copies: list[tuple[Any, Any, Any]] = []  # a list or dict of the caller's, the step's own, that as it was
        self.arguments, self.named = self._own(arguments), self._own(named)

    def _own(self, argument: Any) -> Any:
        if isinstance(argument, Tensor):
            return self._twins[id(argument)][1]
        if not isinstance(argument, CONTAINERS):
            return argument
        parts = list(argument.values()) if isinstance(argument, dict) else list(argument)
        own = [self._own(part) for part in parts]
        if all(a is b for a, b in zip(parts, own)):
            return argument
        if isinstance(argument, tuple):
            return type(argument)(*own) if hasattr(argument, "_fields") else type(argument)(own)
        copy = shallow(argument)
        copy.update(zip(argument, own)) if isinstance(argument, dict) else copy.__setitem__(slice(None), own)
        self._copies.append((argument, copy, shallow(copy)))
        return copy

    def require_plain(self, fail: Callable[[str], None]) -> None:
        """Say what of them a replay cannot take."""
        for tensor in self.tensors:
            if tensor._node is not None and mode.grad:
                fail("an argument is the result of an op outside, to which gradients would go; detach() it")
            if tensor._requires_grad and tensor._grad is not None:
                fail("an argument has a gradient already; set it to None before the call")

    def require_unchanged(
        self, fail: Callable[[str], None], written: list[np.ndarray], leaves: Collection[int]
    ) -> None:
        """Say whether the step did more to them than to read them.

        Args:
            fail: takes the reason.
            written: the arrays from outside into which the step has written.
            leaves: ids of tensors from outside at whose gradients it has looked, or which it has given others.
        """
        homes = {id(home(array)) for array in written}
        if any(id(home(array)) in homes for array in self._arrays):
            fail("an argument is also something that the step knows from outside, and changes in place")
        if any(key in leaves for key in self._twins):
            fail("an argument is also something that the step knows from outside, and its gradient matters")
        pairs = self._twins.values()
        if any(own._requires_grad is not outer._requires_grad or own._node is not outer._node for outer, own in pairs):
            fail("an argument is changed in place")
        if any(tensor.array is not array for tensor, array in zip(self.tensors, self._arrays)):
            fail("an argument is given other values")
        if any(_contents(copy) != _contents(before) for _, copy, before in self._copies):
            fail("a list or dict among the arguments is changed in place")

    def hand_back(self) -> None:
        """Let the caller's be what the step made of its own, and gather the gradients that are still to come."""
        arrays = {id(array) for array in self._arrays}
        for outer, own in self._twins.values():
            gradient, meanwhile = own._grad, outer._grad
            held = {name: value for name, value in own.__dict__.items() if name != "array" or id(value) not in arrays}
            outer.__dict__.update(held)
            if meanwhile is not self._gradients[id(outer)]:  # what it had for the caller's is added, as one would have
                outer._grad = meanwhile if gradient is None else gradient if meanwhile is None else gradient + meanwhile
            if own._requires_grad and own._node is None:
                own._hooks = {0: lambda gradient, outer=outer: outer.backward(gradient)}
        callers = {id(own): outer for outer, own in self._twins.values()}
        for argument, copy, before in self._copies:
            if _contents(copy) == _contents(before):
                continue
            back = lambda part: callers.get(id(part), part)  # noqa: E731
            if isinstance(argument, dict):
                changed = {key: back(part) for key, part in copy.items()}
                argument.clear()
                argument.update(changed)
            else:
                argument[:] = [back(part) for part in copy]


def _around(array: Any, tensor: Tensor) -> Tensor:
    """A tensor like another, around this array."""
    own = object.__new__(type(tensor))
    own.__dict__.update(tensor.__dict__, array=array)
    return own


def _contents(container: Any) -> list[int]:
    """Ids of what is in a list or dict."""
    return [*map(id, container), *(map(id, container.values()) if isinstance(container, dict) else ())]
