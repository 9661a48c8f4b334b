"""The way back along the tape: from outputs to leaves, the latest op first."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

from engine.device import Device
from engine.errors import GradientError, OptionError
from engine.ops.base import times
from engine.tensor.anomaly import watch
from engine.tensor.operands import cast
from engine.tensor.tape import Core, Node, memory_of, mode, wrap
from engine.wording import counted

Aims = dict[Node, tuple[bool, ...]]
"""The nodes from which a wanted gradient can be reached, and which of their inputs lead there."""


class Walk:
    """One walk back that computes with arrays, so that the gradients have no history of their own.

    Args:
        retain_graph: whether saved values stay for another walk.
        into: where given, gradients of the nodes in it, and of leaves whose id is, are put here, and no `.grad` is
            touched.
        since: where given, the walk ends at what is older; its hooks are for another walk to call.
    """

    on_tensors = False
    """Whether the backward of an op runs on tensors, and so calls ops."""

    def __init__(self, retain_graph: bool, into: dict[Any, Any] | None = None, since: int = -1) -> None:
        self.retain_graph, self.into, self.since = retain_graph, into, since
        self.waiting: dict[int, tuple[Any, Any]] = {}  # leaves with hooks, which see the sum of what arrives

    def run(self, outputs: list[tuple[Any, Any]]) -> None:
        """Walk back from pairs of a tensor and its gradient, and add up the gradients of the leaves.

        Raises:
            GradientError: where saved values were freed by an earlier walk or changed in place since.
        """
        heap: list[tuple[int, Node]] = []  # the latest op first: all that used its result lies behind it
        pending: dict[Node, Any] = {}  # the sum of the gradients that have arrived
        checks = watch.on and _anomalies_are_looked_for()
        opened, into, retain_graph, since, quietly = self.opened, self.into, self.retain_graph, self.since, mode.quietly

        def send(node: Node, grad: Any) -> None:
            if node in pending:
                pending[node] = self.add(pending[node], grad, node.device)
            else:
                pending[node] = grad
                heapq.heappush(heap, (-node.order, node))

        for tensor, grad in outputs:
            if tensor._node is None:
                self.arrive(tensor, grad, grad, ())
            else:
                send(tensor._node, grad)
        aims = None if into is None else aims_of(list(pending), into, self.since)
        while heap:
            node = heapq.heappop(heap)[1]
            grad = pending.pop(node)
            if node.hooks and node.order > since:
                grad = self.hooked(node.hooks, grad, node.device)
            needs = node.needs
            if aims is not None:
                if node in into:
                    into[node] = grad
                needs = aims.get(node)
                if needs is None:
                    continue
            elif node.retained is not None:
                self.retain(node, grad)
            backward, k, saved = opened(node)
            if self.on_tensors or node.op.calls_back:
                gradients = backward(k, grad, needs, *saved)
            else:
                gradients = quietly(backward, k, grad, needs, *saved)
            if checks:
                require_numbers(node, gradients)
            if not retain_graph:
                node.saved = None
            for edge, gradient in zip(node.edges, gradients):
                if edge is None or gradient is None:
                    continue
                if type(edge) is Node:
                    send(edge, gradient)
                elif edge._hooks or edge._after:
                    self.arrive(edge, gradient, grad, gradients)
                else:
                    self.gather(edge, gradient, grad, gradients)
        for leaf, grad in self.waiting.values():
            if leaf._hooks:
                grad = self.hooked(leaf._hooks, grad, leaf.device)
            self.gather(leaf, grad, grad, ())
            if leaf._after and into is None:
                self.tell(leaf)

    def opened(self, node: Node) -> tuple[Any, Any, list[Any]]:
        """The backward of an op, the kernel set for it, and what was saved.

        Raises:
            GradientError: where that was freed by an earlier walk, or changed in place since.
        """
        if node.saved is None:
            raise GradientError(_through(node), got="its values were freed by an earlier backward()",
                                mend="run the forward pass again, or pass retain_graph=True the first time",
                                )  # fmt: skip
        for cell, number in node.guards:
            if cell.number != number:
                raise GradientError(_through(node), got="a value that its gradient needs was changed in place since",
                                    mend="use the op that makes a new tensor, or clone() before the change",
                                    )  # fmt: skip
        return node.op.backward, node.device.kernels, node.saved

    def add(self, a: Any, b: Any, device: Device) -> Any:
        """The sum of two gradients of one tensor."""
        return mode.quietly(device.kernels.add, a, b)

    def hooked(self, hooks: Any, grad: Any, device: Device) -> Any:
        """The gradient after the hooks."""
        if hooks and mode.recorder is not None:
            mode.recorder.fail("a tensor has a hook")
        for hook in [*hooks.values()]:
            given = wrap(device.kernels.as_array(grad), device)
            grad = changed_by(hook, given).array
        return grad

    def tell(self, leaf: Any) -> None:
        """Call the hooks that wait for a leaf to have its gradient."""
        if mode.recorder is not None:
            mode.recorder.fail("a tensor has a hook")
        for hook in [*leaf._after.values()]:
            hook(leaf)

    def retain(self, node: Node, grad: Any) -> None:
        """Add a gradient to a tensor that is no leaf and keeps its own."""
        tensor = node.retained()
        if tensor is not None:
            k = node.device.kernels
            whole = k.copy(grad) if tensor.grad is None else k.as_array(k.add(tensor.grad.array, grad))
            tensor.grad = wrap(whole, node.device)

    def arrive(self, leaf: Any, grad: Any, above: Any, beside: tuple[Any, ...]) -> None:
        """A gradient has come to a leaf with hooks; it may lie in the memory of the one above, or of one beside it."""
        if self.since < 0 and (self.into is None or id(leaf) in self.into):
            before = self.waiting.get(id(leaf))
            self.waiting[id(leaf)] = leaf, grad if before is None else self.add(before[1], grad, leaf.device)
        else:
            self.gather(leaf, grad, above, beside)

    def gather(self, leaf: Any, grad: Any, above: Any, beside: tuple[Any, ...]) -> None:
        """Add a gradient to a leaf's."""
        k = leaf.device.kernels
        if self.into is not None:
            if id(leaf) in self.into:
                before = self.into[id(leaf)]
                self.into[id(leaf)] = grad if before is None else k.add(before, grad)
            return
        if mode.recorder is not None:
            mode.recorder.reads_gradient(leaf)
        gathered = leaf._grad
        if gathered is None:
            own = _is_owned(grad) and not _is_shared(grad, above, beside)
            leaf._grad = wrap(grad if own else k.copy(grad), leaf.device)
        elif gathered._requires_grad:  # it has a history, of which what is added is no part
            leaf._grad = wrap(k.as_array(k.add(gathered.array, grad)), leaf.device)
        else:
            k.add(gathered.array, grad, out=gathered.array)


def backward(tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
             inputs: Any = None) -> None:  # fmt: skip
    """Add to the `.grad` of leaves the gradient of tensors by them: `engine.autograd.backward`.

    Args:
        tensors: one tensor or several.
        grad_tensors: their own gradients; None for that of a single number.
        retain_graph: keep what the tape saved, so that it can be walked again; as create_graph where absent.
        create_graph: note on the tape how the gradients come about, so that they have gradients, too.
        inputs: the tensors whose `.grad` is wanted, leaves or not; all leaves where absent.

    Raises:
        GradientError: where a tensor has no history, or the tape was walked before.

    >>> import engine
    >>> x = engine.tensor([1.0, 2.0], requires_grad=True)
    >>> engine.autograd.backward([x.sum(), (x * x).sum()])
    >>> x.grad
    tensor([3., 5.])
    """
    if inputs is None:
        if create_graph or not isinstance(tensors, Core):
            _walk("backward()", tensors, grad_tensors, retain_graph, create_graph)
        else:  # the loop of every training
            seeds = [(tensors, seed("backward()", tensors, grad_tensors).array)]
            Walk(retain_graph, None).run(seeds)
        return
    inputs = list({_key(x): x for x in _listed(inputs)}.values())
    if not inputs:
        raise GradientError("backward()", got="inputs is empty", expected="the tensors whose .grad is wanted",
                            mend="leave it away for all leaves")  # fmt: skip
    for x, gradient in zip(inputs, _gathered("backward()", tensors, inputs, grad_tensors, retain_graph, create_graph)):
        if gradient is not None:
            x.grad = gradient if x.grad is None else x.grad + gradient


def grad(outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None,
         create_graph: bool = False, only_inputs: bool = True, allow_unused: bool | None = None, *,
         materialize_grads: bool = False) -> tuple[Any, ...]:  # fmt: skip
    """The gradients of outputs by inputs, touching no `.grad`: `engine.autograd.grad`.

    Args:
        outputs, inputs: one tensor or several; inputs need be no leaves.
        grad_outputs: the gradients of the outputs themselves; None for that of a single number.
        retain_graph: keep what the tape saved, so that it can be walked again; as create_graph where absent.
        create_graph: note on the tape how the gradients come about, so that they have gradients, too.
        only_inputs: True; here for those who say it, as PyTorch lets them.
        allow_unused: give None for an input that has no part in the outputs, and raise nothing.
        materialize_grads: give zeros for such an input.

    Raises:
        GradientError: where an output has no history, or an input no part in it.

    >>> import engine
    >>> x = engine.tensor(3.0, requires_grad=True)
    >>> grad(x * x, x)
    (tensor(6.),)
    >>> (slope,) = grad(x**3, x, create_graph=True)
    >>> grad(slope, x)
    (tensor(18.),)
    """
    if not only_inputs:
        raise OptionError("grad()", got="only_inputs=False came", expected="True",
                          mend="use backward(), which adds to the .grad of all leaves")  # fmt: skip
    if materialize_grads and allow_unused is False:
        raise OptionError("grad()", got="materialize_grads came with allow_unused=False", expected="one of the two")
    inputs = _listed(inputs)
    found = _gathered("grad()", outputs, inputs, grad_outputs, retain_graph, create_graph)
    if materialize_grads:
        return tuple(_zeros(x) if g is None else g for x, g in zip(inputs, found))
    if not allow_unused and any(g is None for g in found):
        raise GradientError("grad()", got="an input has no part in the outputs", mend="pass allow_unused=True")
    return tuple(found)


def _gathered(where: str, outputs: Any, inputs: Iterable[Any], gradients: Any, retain_graph: bool | None,
              create_graph: bool) -> list[Any]:  # fmt: skip
    """The gradients of outputs by inputs; None where one has no part in them."""
    for x in inputs:
        x._catch_up()
        if not x._requires_grad:
            raise GradientError(where, got="an input requires no gradient",
                                mend="set requires_grad=True on it before the outputs are computed")  # fmt: skip
    into: dict[Any, Any] = dict.fromkeys(map(_key, inputs))
    _walk(where, outputs, gradients, retain_graph, create_graph, into)
    found = [into[_key(x)] for x in inputs]
    if create_graph:
        return found
    return [None if g is None else wrap(x.device.kernels.copy(g), x.device) for g, x in zip(found, inputs)]


def _walk(where: str, outputs: Any, gradients: Any, retain_graph: bool | None, create_graph: bool,
          into: dict[Any, Any] | None = None) -> None:  # fmt: skip
    outputs = _listed(outputs)
    given = [None] * len(outputs) if gradients is None else _listed(gradients)
    if len(given) != len(outputs):
        raise GradientError(where, got=f"{counted(len(given), 'gradient')} came for {counted(len(outputs), 'tensor')}",
                            expected="one for each, or None")  # fmt: skip
    pairs = [(tensor, seed(where, tensor, gradient)) for tensor, gradient in zip(outputs, given)]
    retain_graph = create_graph if retain_graph is None else retain_graph
    if create_graph:
        from engine.tensor.history import WalkWithHistory  # only those who take second derivatives need it

        WalkWithHistory(retain_graph, into).run(pairs)
    else:
        Walk(retain_graph, into).run([(tensor, gradient.array) for tensor, gradient in pairs])


def _listed(tensors: Any) -> Any:
    return (tensors,) if isinstance(tensors, Core) else tuple(tensors)


def _key(x: Any) -> Any:
    """What a tensor's gradient is gathered under: its node, or the id of a leaf."""
    return id(x) if x._node is None else x._node


def seed(where: str, output: Any, gradient: Any) -> Any:
    """The gradient from which a walk back starts: the one given, or 1 for a single number."""
    output._catch_up()
    if not output._requires_grad:
        raise GradientError(where, got="the tensor has no history and requires no gradient",
                            mend="compute it from parameters, without no_grad, detach() or argmax()")  # fmt: skip
    if output.device.is_meta:
        raise GradientError(where, got="a tensor on the device meta has no values")
    if gradient is None:
        if output.array.size != 1:
            raise GradientError(where, got=f"the tensor is {times(output.array.shape)}",
                                expected="a single number, as a loss is",
                                mend="reduce it with .sum() or .mean(), or pass gradient=")  # fmt: skip
        return wrap(output.device.kernels.full(output.array.shape, 1, output.array.dtype), output.device)
    if tuple(gradient.array.shape) != tuple(output.array.shape):
        raise GradientError(where, got=f"the gradient is {times(gradient.array.shape)}",
                            expected=times(output.array.shape))  # fmt: skip
    return cast(gradient, output.array.dtype)


def _anomalies_are_looked_for() -> bool:
    """Whether gradients are looked at; a step that is being recorded is not planned then."""
    if mode.recorder is not None:
        mode.recorder.fail("it looks for anomalies")
    return watch.check_nan


def require_numbers(node: Node, gradients: Iterable[Any]) -> None:
    """A GradientError where a gradient that the backward of an op gave is no number."""
    names = node.op._inputs if len(node.op._inputs) == len(node.edges) else range(len(node.edges))
    for edge, gradient, name in zip(node.edges, gradients, names):
        array = gradient.array if isinstance(gradient, Core) else gradient
        if edge is not None and array is not None and bool(node.device.kernels.xp.isnan(array).any()):
            raise GradientError(_through(node), got=f"the gradient of {_called(name)} is not a number",
                                mend="keep away from values where its slope is infinite or none") from None  # fmt: skip


def _called(name: str | int) -> str:
    return name if isinstance(name, str) else f"input {name}"


def _through(node: Node) -> str:
    """What was walked through, and where it was called if that was noted."""
    return f"backward through {node.op.name}" + (f", called at {node.line}" if node.line else "")


def _zeros(x: Any) -> Any:
    return wrap(x.device.kernels.zeros(x.array.shape, x.array.dtype), x.device)


def changed_by(hook: Any, grad: Any) -> Any:
    """A gradient after a hook, which may give another of its shape."""
    changed = hook(grad)
    if changed is None:
        return grad
    if tuple(changed.shape) != tuple(grad.shape):
        raise GradientError("a hook of a tensor", got=f"it returns {times(changed.shape)}",
                            expected=f"{times(grad.shape)}, as the gradient is")  # fmt: skip
    return changed


def aims_of(starts: list[Node], wanted: dict[Any, Any], since: int = -1) -> Aims:
    """Of the nodes behind `starts` and made since, those that lead to a node or the id of a leaf that is wanted."""
    left = [node for node in starts if node.order > since]
    behind = set(left)
    while left:
        for edge in left.pop().edges:
            if type(edge) is Node and edge.order > since and edge not in behind:
                behind.add(edge)
                left.append(edge)
    aims: Aims = {}
    for node in sorted(behind, key=lambda node: node.order):  # what lies behind a node comes before it
        needs = tuple(
            edge is not None and (edge in aims or edge in wanted if type(edge) is Node else id(edge) in wanted)
            for edge in node.edges
        )
        if any(needs):
            aims[node] = needs
    return aims


def _is_shared(gradient: Any, above: Any, beside: tuple[Any, ...]) -> bool:
    """Whether a leaf's gradient lies in memory that belongs to another gradient, too."""
    home = memory_of(gradient)
    if home is memory_of(above):
        return True
    there = 0
    for other in beside:
        if other is not None and memory_of(other) is home:
            there += 1  # once for itself
    return there > 1


def _is_owned(grad: Any) -> bool:
    """Whether a gradient can be written to: no stretched view."""
    flags = getattr(grad, "flags", None)
    return flags is not None and getattr(flags, "writeable", True) and 0 not in grad.strides
