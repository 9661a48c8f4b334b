"""Walking back with a history: the gradients are tensors, made by ops that are on the tape themselves.

An op needs no second formula: its `backward` runs on tensors, through a kernel set whose kernels are ops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.device import Device
from engine.errors import GradientError
from engine.ops.base import Op
from engine.ops.layout import Clone
from engine.tensor.arithmetic import ADD
from engine.tensor.differentiable import DifferentiableKernels
from engine.tensor.tape import Node, Version, apply, mode, wrap
from engine.tensor.walk import Walk, changed_by


class WalkWithHistory(Walk):
    """A walk back after which the gradients have gradients: `create_graph=True`."""

    on_tensors = True

    def run(self, outputs: list[tuple[Any, Any]]) -> None:
        if mode.recorder is not None:
            mode.recorder.fail("it takes gradients with create_graph=True, and kernels of a plan are made for one walk")
        before, mode.grad, mode.listeners = (mode.grad, mode.listeners), True, ()
        try:
            super().run(outputs)
        finally:
            mode.grad, mode.listeners = before

    def opened(self, node: Node) -> tuple[Any, Any, list[Any]]:
        _, _, saved = super().opened(node)
        if not node.op.twice:
            return _Once(node), None, saved
        of_tensors = getattr(node.op, "backward_of_tensors", node.op.backward)
        return of_tensors, DifferentiableKernels(node.device, node.op), lifted(node)

    def add(self, a: Any, b: Any, device: Device) -> Any:
        return apply(ADD, a, b)

    def hooked(self, hooks: Any, grad: Any, device: Device) -> Any:
        for hook in [*hooks.values()]:
            grad = changed_by(hook, grad)
        return grad

    def retain(self, node: Node, grad: Any) -> None:
        tensor = node.retained()
        if tensor is not None:
            tensor.grad = _own(grad) if tensor.grad is None else tensor.grad + grad

    def gather(self, leaf: Any, grad: Any, above: Any, beside: tuple[Any, ...]) -> None:
        if self.into is None:
            leaf.grad = _own(grad) if leaf.grad is None else leaf.grad + grad
        elif id(leaf) in self.into:
            before = self.into[id(leaf)]
            self.into[id(leaf)] = grad if before is None else before + grad


def _own(grad: Any) -> Any:
    """A gradient in memory that it shares with no other."""
    return apply(Clone(), grad)


def lifted(node: Node) -> list[Any]:
    """What an op saved, arrays as tensors with the history that they had in the forward pass."""
    op = node.op
    guarded = [name for name, value in zip(op.saves, node.saved) if name in op._inputs and value is not None]
    guards = dict(zip(guarded, node.guards))
    found = []
    for name, value in zip(op.saves, node.saved):
        if not isinstance(value, node.device.kernels.array_type | np.generic):
            found.append(value)
        elif name == "out":
            found.append(_with(value, node, node.device, node.guards[-1]))
        elif name in op.extras:
            found.append(_with(value, _derivation(node, name, value, guards), node.device, None))
        else:
            found.append(_with(value, node.edges[op._inputs.index(name)], node.device, guards.get(name)))
    return found


def _derivation(node: Node, extra: str, value: Any, guards: dict[str, Any]) -> Node | None:
    """The node that an extra would have, had it been made by an op of its own."""
    op = node.op.derived(extra)
    if op is None:
        return None
    outer = node.op._inputs
    edges = [node.edges[outer.index(name)] if outer.index(name) < len(node.edges) else None for name in op._inputs]
    saved = dict(zip(node.op.saves, node.saved)) | {"out": value}
    if edges == [None] * len(edges):
        return None
    still = [guards[name] for name in op.saves if name in guards]
    if "out" in op.saves:
        still.append((Version(), 0))  # nobody else knows the extra
    return Node(op, edges, [saved[name] for name in op.saves], still, node.device)


def _with(array: Any, edge: Any, device: Device, guard: Any) -> Any:
    """A tensor of an array with a history: a node, a leaf, or none."""
    if edge is not None and type(edge) is not Node and edge.array is array:
        return edge
    tensor = wrap(device.kernels.as_array(array), device)
    if guard is not None:
        tensor._version_cell = guard[0]
    if edge is not None:  # a leaf may have another array by now
        tensor._node = edge if type(edge) is Node else Node(Clone(), [edge], [], (), device)
        tensor._requires_grad = True
    return tensor


class _Once:
    """The backward of an op whose gradient has none: computed on arrays, and refused where one goes on from there."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def __call__(self, k: Any, grad: Any, needs: tuple[bool, ...], *saved: Any) -> tuple[Any, ...]:
        node = self.node
        real = node.device.kernels
        gradients = node.op.backward(real, grad.array, needs, *saved)
        above = grad if grad._node is None else grad._node
        edges = [above if grad._requires_grad else None, *node.edges]
        return tuple(
            None if g is None else _with(g, Node(_Refused(node.op.name), edges, [], (), node.device), node.device, None)
            for g in gradients
        )


class _Refused(Op):
    """Where a second derivative would have to go through an op that has none."""

    def __init__(self, of: str) -> None:
        self.of = of

    def backward(self, k: Any, grad: Any, needs: tuple[bool, ...]) -> tuple[Any, ...]:
        raise no_second_derivative(self.of)


def no_second_derivative(of: str) -> GradientError:
    """The error of an op that can be derived once only."""
    return GradientError(f"backward through the gradient of {of}", got="it can be derived once only",
                         mend="leave create_graph away, or build the network without it")  # fmt: skip
