"""The tape: `apply` is the one gate through which every op passes; `walk` goes back along what it noted."""

from __future__ import annotations

import contextvars
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from engine.device import Device
from engine.errors import DeviceError, GradientError, ShapeError, TypeMismatch
from engine.ops.base import Op, Spec, times
from engine.ops.indexing import Overlay
from engine.tensor.anomaly import calling_line, watch
from engine.tensor.strangers import raise_stranger


def _silence() -> Callable[..., Any]:
    """What calls a function where NumPy says nothing of infinity and not-a-number: as in PyTorch, they are values.

    A context that is entered costs a hundredth of `numpy.errstate`.
    """
    context = contextvars.Context()
    context.run(np.seterr, all="ignore")
    return context.run


class _Mode(threading.local):
    """What holds for one thread: whether the tape runs, who listens to the ops, and `quietly`, which calls kernels."""

    def __init__(self) -> None:
        self.grad = True
        self.listeners: tuple[list[Call], ...] = ()
        self.recorder: Any = None  # of a plan: sees every tensor that takes part, and who looks at gradients
        self.autocast: Any = None  # the Precision in which products compute
        self.quietly = _silence()


mode = _Mode()
_order = count()


def now() -> int:
    """A moment on the tape: what was noted before has a lesser order, what comes after a greater one."""
    return next(_order)


class Call(NamedTuple):
    """One op call, as `record` notes it; an absent optional input is None."""

    op: Op
    inputs: tuple[Spec | None, ...]
    outputs: tuple[Spec, ...]


class Node:
    """One op on the tape: where the gradient of its result goes on to.

    edges: for each input the node that made it, the leaf itself, or None where no gradient is wanted; `needs` says
    which. saved: what the op keeps for its backward. guards: versions that must not have changed by then.
    """

    op: Op
    edges: list[Any]
    needs: tuple[bool, ...]
    saved: list[Any] | None
    guards: list[tuple[Version, int]]
    device: Device
    order: int
    hooks: dict[int, Callable[[Any], Any]] | None = None
    retained: weakref.ref[Core] | None = None
    line: str = ""
    """Who called the op, where anomalies are looked for."""

    def __init__(self, op: Op, edges: list[Any], saved: Any, guards: Any, device: Device) -> None:
        self.op = op
        self.edges = edges
        self.needs = tuple([edge is not None for edge in edges])
        self.saved = saved
        self.guards = guards
        self.device = device
        self.order = next(_order)

    def __repr__(self) -> str:
        return f"<{type(self.op).__name__}Backward>"


class Version:
    """How often the values in one piece of memory were changed in place; views of it share the count."""

    number = 0


class Core:
    """A tensor as the tape sees it: an array on a device, perhaps with a gradient.

    `array` is the device's array, or a Spec on the device "meta".
    A view knows the tensor `_base` that it was taken from and the ops `_path` that lead there, None where they were
    not noted. `_told` counts how often the base's history was told anew; a view that is behind has to `_catch_up`.
    `_turned` is the count at which it was last given another shape in place: older views cannot be found any more.
    `_is_apart`: it was asked for as a view, and is a copy.
    """

    _grad: Any = None
    _requires_grad = False
    _node: Node | None = None
    _version_cell: Version | None = None
    _base: Core | None = None
    _path: tuple[Op, ...] | None = None
    _told = 0
    _turned = 0
    _hooks: dict[int, Callable[[Any], Any]] | None = None
    _after: dict[int, Callable[[Any], Any]] | None = None  # called with the leaf when its gradient has been added
    _retains = False
    _is_apart = False
    array: Any
    device: Device

    @property
    def grad(self) -> Any:
        """The gradient that has gathered, or None."""
        if mode.recorder is not None:
            mode.recorder.reads_gradient(self)
        return self._grad

    @grad.setter
    def grad(self, gradient: Any) -> None:
        if mode.recorder is not None:
            mode.recorder.sets_gradient(self)
        if gradient is not None and gradient.array.shape != self.array.shape:
            raise ShapeError(".grad", got=f"a gradient of {times(gradient.array.shape)} arrives",
                             expected=f"{times(self.array.shape)}, as its tensor is")  # fmt: skip
        self._grad = gradient

    def _cell(self) -> Version:
        if self._version_cell is None:
            self._version_cell = Version()
        return self._version_cell

    def _catch_up(self) -> None:
        """Take the history anew from the base, which was changed in place since this view of it was taken."""
        base = self._base
        if base is None or self._path is None or self._told == base._told:
            return
        if self._told < base._turned:
            if base._requires_grad or self._requires_grad:
                raise GradientError("a view", got="the tensor that it was taken from was given another shape in place",
                                    mend="take the view again")  # fmt: skip
            self._path = None
            return
        before, mode.grad, mode.listeners = (mode.grad, mode.listeners), True, ()
        try:
            again = base
            for op in self._path:
                again = apply(op, again)
        finally:
            mode.grad, mode.listeners = before
        if not shares_memory(again, self):
            raise GradientError("a view", got="the tensor that it was taken from has other memory now",
                                mend="take the view again")  # fmt: skip
        follow(self, again._node)
        self._told = base._told

    @property
    def _leaf_below(self) -> bool:
        """Whether it is a leaf that requires a gradient, or a view of one."""
        owner = self if self._base is None or self._path is None else self._base
        return owner._requires_grad and owner._node is None


_tensor: type = Core


def results_are(cls: type) -> None:
    """Say once which class the results of ops have."""
    global _tensor
    _tensor = cls


def wrap(array: Any, device: Device) -> Any:
    """A tensor around an array, with no history."""
    tensor = object.__new__(_tensor)
    tensor.array = array
    tensor.device = device
    return tensor


def apply(op: Op, *inputs: Any) -> Any:
    """Run an op on tensors and note it on the tape where a gradient will be wanted.

    Args:
        op: the op with its options.
        inputs: its tensors, all on one device; None for an optional one that is absent.

    Raises:
        ShapeError, TypeMismatch: where the op says that they do not go together.
        DeviceError: for tensors on different devices.
    """
    if mode.autocast is not None:
        inputs = mode.autocast.cast(op, inputs)
    arrays = []
    tracked = False
    try:
        device = inputs[0].device
        for tensor in inputs:
            if tensor is None:
                arrays.append(None)
                continue
            if tensor.device is not device:
                raise _different_devices(op, inputs)
            if tensor._base is not None and tensor._told != tensor._base._told:
                tensor._catch_up()
            if tensor._requires_grad:
                tracked = True
            arrays.append(tensor.array)
    except AttributeError:
        raise_stranger(getattr(op, "where", op.name), inputs, Core)
        raise
    if mode.recorder is not None:
        mode.recorder.saw(inputs)
    if device.is_meta:
        result, extras = op.shape(*arrays), ()
    else:
        if op.checked:
            op.shape(*arrays)
        k = device.kernels
        try:
            result = op.forward(k, *arrays) if op.calls_back else mode.quietly(op.forward, k, *arrays)
        except (ValueError, IndexError, TypeError):
            op.shape(*arrays)  # says in one sentence what does not fit
            raise
        if type(result) is tuple:
            result, *extras = result
        else:
            extras = ()
        if type(result) is not k.array_type:
            result = k.xp.asarray(result)
    if mode.listeners:
        _tell(op, arrays, result)
    out = wrap(result, device)
    if op.view and not device.is_meta and memory_of(result) is memory_of(arrays[0]):
        _link(out, op, inputs[0])
    if tracked and mode.grad and op.differentiable:
        out._requires_grad = True
        out._node = _note(op, inputs, arrays, result, extras, out)
        if watch.on:
            out._node.line = calling_line()
    return out


def _link(view: Any, op: Op, source: Any) -> None:
    """Say of a view where it was taken from; without the tape, how is not noted, as nothing may be told through it."""
    view._version_cell = source._cell()
    view._base = source if source._base is None else source._base
    if mode.grad and (source._base is None or source._path is not None):
        view._path = (*(source._path or ()), op)
    view._told = view._base._told


def follow(tensor: Any, node: Node | None) -> None:
    """From now on this node, or none, is the history of the tensor."""
    if tensor._retains and tensor._node is not None and node is not None:
        tensor._node.retained, node.retained = None, tensor._node.retained
    tensor._node, tensor._requires_grad = node, node is not None


def retell(tensor: Any, node: Node | None) -> None:
    """A tensor was changed in place and this is its history now: tell the tensor of which it is a view, and others.

    The base of a view goes on as its old self with the view's new values laid over; other views of it catch up when
    they are next used.
    """
    base = tensor._base
    if base is None:
        follow(tensor, node)
        tensor._told += 1
        return
    edges = [base._node, node]
    if edges != [None, None]:
        follow(base, Node(Overlay(tensor._path), edges, [base.array.shape], (), base.device))
    base._told += 1
    if node is not None:
        follow(tensor, node)
        tensor._told = base._told


def keep_values(node: Node, tensor: Any) -> None:
    """Let the op that changes a tensor in place keep copies of the old values, where its gradient needs them."""
    cell = tensor._version_cell
    if any(guard[0] is cell for guard in node.guards):
        home = memory_of(tensor.array)
        copy = node.device.kernels.copy
        node.saved = [copy(x) if hasattr(x, "base") and memory_of(x) is home else x for x in node.saved]
        node.guards = [(Version(), 0) if guard[0] is cell else guard for guard in node.guards]


def _note(op: Op, inputs: tuple[Any, ...], arrays: list[Any], result: Any, extras: Any, out: Any) -> Node:
    edges: list[Any] = []
    for tensor in inputs:
        if tensor is None or not tensor._requires_grad:
            edges.append(None)
            continue
        edges.append(tensor if tensor._node is None else tensor._node)
    if out.device.is_meta:
        return Node(op, edges, [], (), out.device)
    guards = []
    for i in op._guarded:
        tensor = inputs[i]
        if tensor is not None:
            cell = tensor._version_cell
            if cell is None:
                cell = tensor._version_cell = Version()
            guards.append((cell, cell.number))
    if op._keeps_out:
        cell = out._cell()
        guards.append((cell, cell.number))
    values = (result, *extras, *arrays)
    return Node(op, edges, [values[i] if i >= 0 else values[~i].shape for i in op._kept], guards, out.device)


def memory_of(array: Any) -> Any:
    """The array that owns the memory."""
    while type(array.base) is type(array):
        array = array.base
    return array


def shares_memory(a: Any, b: Any) -> bool:
    """Whether two tensors with values lie in the same memory, of which each may be a part."""
    return memory_of(a.array) is memory_of(b.array)


def spec_of(array: Any) -> Spec | None:
    """Shape and dtype of an array."""
    return None if array is None else Spec(array.shape, array.dtype)


def _tell(op: Op, arrays: list[Any], result: Any) -> None:
    call = Call(op, tuple(spec_of(a) for a in arrays), (spec_of(result),))
    for listener in mode.listeners:
        listener.append(call)


def _different_devices(op: Op, inputs: tuple[Any, ...]) -> DeviceError:
    raise_stranger(getattr(op, "where", op.name), inputs, Core)
    places = " and ".join(dict.fromkeys(str(t.device) for t in inputs if t is not None))
    return DeviceError(op.name, got=f"the tensors are on {places}", expected="one device",
                       mend="move them with .to(device)")  # fmt: skip


@contextmanager
def record() -> Iterator[list[Call]]:
    """A list that receives every op call made inside: the op, the specs of its inputs and of its outputs.

    >>> import engine
    >>> with record() as calls:
    ...     y = engine.ones(2, 3) @ engine.ones(3, 4)
    >>> calls[0].op.name, calls[0].outputs[0].shape
    ('MatMul', (2, 4))
    """
    calls: list[Call] = []
    before = mode.listeners
    mode.listeners = (*before, calls)
    try:
        yield calls
    finally:
        mode.listeners = before


def require_gradient_type(where: str, dtype: Any) -> None:
    """A TypeMismatch where values of this dtype can have no gradient."""
    if dtype.kind != "f":
        raise TypeMismatch(where, got=f"the values are {dtype}", expected="float32 or float64 for a gradient")
