"""What a step finds outside of itself: a replay is right while it finds the same there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from operator import is_
from typing import Any

from engine.nn.members import Members, attributes, changes
from engine.tensor import Tensor

Attributes = list[tuple[Any, Any]]
Group = tuple[dict[str, Any], tuple[Tensor, ...], list[str], list[bool]]


class Outside:
    """Tensors, modules and optimizers that take part in a step, as they were when the step came to them.

    Of tensors it is the memory that counts, not what is in it. Modules are compared only after some module has changed.
    """

    def __init__(self) -> None:
        self._tensors: dict[
            int, tuple[Tensor, Any, bool]
        ] = {}  # by id: a tensor, its array, whether it wants gradients
        self._modules: dict[int, tuple[Members, Attributes]] = {}
        self._containers: dict[int, tuple[Any, tuple[Any, ...]]] = {}  # lists, dicts and sets, and what is in them
        self._optimizers: dict[int, tuple[Any, list[Group]]] = {}
        self._changes = -1

    # while the step is recorded

    def saw(self, tensor: Tensor) -> None:
        """A tensor takes part."""
        self._tensors.setdefault(id(tensor), (tensor, tensor.array, tensor._requires_grad))

    def entered(self, module: Members) -> None:
        """A module takes part, and so may all that are in it."""
        if id(module) in self._modules:
            return
        held = attributes(module)
        self._modules[id(module)] = module, held
        for name, value in held:
            if name != "_non_persistent_buffers_set":  # says only what is saved
                self._look_into(value)
        for inner in module._modules.values():
            if inner is not None:
                self.entered(inner)

    def _look_into(self, value: Any) -> None:
        """Note what is in a list, dict or set, and in those within: it can be changed unknown to the module."""
        if type(value) not in (list, dict, set, tuple) or id(value) in self._containers:
            return
        if type(value) is not tuple:
            self._containers[id(value)] = value, tuple(_within(value))
        for part in _within(value):
            self._look_into(part)

    def grouped(self, optimizer: Any) -> None:
        """An optimizer takes part, with its parameters and with options that are on or off."""
        if id(optimizer) not in self._optimizers:
            self._optimizers[id(optimizer)] = optimizer, [_group(optimizer, group) for group in optimizer.param_groups]

    # before a replay

    def is_same(self) -> bool:
        """Whether all of it is as it was."""
        for tensor, array, wants in self._tensors.values():
            hooks = tensor._hooks or tensor._after
            if tensor.array is not array or tensor._requires_grad is not wants or hooks:
                return False
        for container, before in self._containers.values():
            if not _has_just(container, before):
                return False
        for optimizer, before in self._optimizers.values():
            if len(optimizer.param_groups) != len(before) or optimizer.has_step_hooks():
                return False
            for group, (known, params, options, switches) in zip(optimizer.param_groups, before):
                if group is not known or not _are(group["params"], params) or _switches(group, options) != switches:
                    return False
        if self._changes != changes():
            if not all(_same(attributes(module), before) for module, before in self._modules.values()):
                return False
            self._changes = changes()
        return True

    def is_gone(self) -> bool:
        """Whether a tensor lies elsewhere now or a module has other parts: what was there is not wanted any more."""
        if any(tensor.array is not array for tensor, array, _ in self._tensors.values()):
            return True
        return any(not _are(_parts(attributes(module)), _parts(before)) for module, before in self._modules.values())


def _within(container: Any) -> Iterable[Any]:
    return chain(container.values(), container) if type(container) is dict else container


def _has_just(container: Any, before: tuple[Any, ...]) -> bool:
    """Whether these very objects are in a list, dict or set, and no others."""
    size = 2 * len(container) if type(container) is dict else len(container)
    return size == len(before) and all(map(is_, _within(container), before))


def _are(now: Sequence[Any], before: Sequence[Any]) -> bool:
    """Whether these are the same objects."""
    return len(now) == len(before) and all(map(is_, now, before))


def _parts(held: Attributes) -> tuple[Any, ...]:
    return tuple([value for _, value in held if isinstance(value, Tensor | Members)])


def _group(optimizer: Any, group: dict[str, Any]) -> Group:
    """The group, its parameters, the names of its options, and which of these are off."""
    options = [name for name in optimizer.defaults if name != "lr"]
    return group, tuple(group["params"]), options, _switches(group, options)


def _switches(group: dict[str, Any], options: list[str]) -> list[bool]:
    """Of each option whether it is 0, False or None: the others are numbers that may change from step to step."""
    return [not group[name] for name in options]


def _same(now: Attributes, before: Attributes) -> bool:
    if len(now) != len(before):
        return False
    return all(name == other and equal(value, old) for (name, value), (other, old) in zip(now, before))


def equal(a: Any, b: Any) -> bool:
    """Whether these are one object, or equal as plain values are."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return repr(a) == repr(b) if isinstance(a, float) else isinstance(a, int | str) and a == b
