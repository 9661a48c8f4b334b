"""Activations that are computed again on the way back instead of being kept (Chen et al., 2016)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from engine.autograd.function import parted
from engine.errors import GradientError, OptionError
from engine.ops.base import Op, Spec
from engine.random import get_rng_state, set_rng_state
from engine.tensor import cat, enable_grad, no_grad, wrap
from engine.tensor.history import WalkWithHistory
from engine.tensor.tape import Core, Node, mode, now
from engine.tensor.walk import Walk
from engine.wording import counted

__all__ = ["checkpoint", "checkpoint_sequential"]


def checkpoint(function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None,
               preserve_rng_state: bool = True, **named: Any) -> Any:  # fmt: skip
    """Call a function without keeping what its gradient needs; on the way back it is called once more.

    The gradients are those of the plain call: of the arguments, and of parameters and other tensors that the function
    uses; gradients of gradients, too.

    Args:
        function: takes the arguments, returns a tensor or a tuple of tensors; it must do the same both times.
        args: its arguments.
        use_reentrant: accepted for scripts; both ways are one here.
        preserve_rng_state: whether the second call draws the same random numbers as the first, as dropout needs.
        named: further arguments by name.

    Example:
        >>> import engine
        >>> layer = engine.nn.Linear(4, 4)
        >>> x = engine.ones(2, 4, requires_grad=True)
        >>> checkpoint(lambda x: layer(x).tanh(), x).sum().backward()
        >>> x.grad.shape, layer.weight.grad is not None
        ((2, 4), True)
    """
    call, since = _Call(function, args, named, preserve_rng_state), now()
    result = call.now()
    outputs = result if isinstance(result, tuple) else (result,)
    smooth = [i for i, output in enumerate(outputs) if _made_since(output, since)]
    if not (mode.grad and smooth):
        return result
    known = _noted(_Again(call, smooth), [outputs[i] for i in smooth], since)
    outputs = tuple(known[smooth.index(i)] if i in smooth else output for i, output in enumerate(outputs))
    return outputs if isinstance(result, tuple) else outputs[0]


def checkpoint_sequential(functions: Iterable[Callable[..., Any]], segments: int, input: Any,
                          use_reentrant: bool | None = None, preserve_rng_state: bool = True) -> Any:  # fmt: skip
    """Call functions one after the other in some segments, of which all but the last go through `checkpoint`.

    Args:
        functions: a Sequential or a list of layers.
        segments: how many; the last one takes what is left over.
        input: goes into the first function.
        use_reentrant, preserve_rng_state: as for `checkpoint`.

    Raises:
        OptionError: fewer functions than segments.

    Example:
        >>> import engine
        >>> model = engine.nn.Sequential(engine.nn.Linear(4, 8), engine.nn.Tanh(), engine.nn.Linear(8, 2))
        >>> checkpoint_sequential(model, 2, engine.ones(3, 4)).shape
        (3, 2)
    """
    functions = list(functions)
    if not 1 <= segments <= len(functions):
        raise OptionError(
            "checkpoint_sequential",
            got=f"{counted(segments, 'segment')} of {counted(len(functions), 'function')}",
            expected="at least one function in each",
        )
    size = len(functions) // segments
    starts = [size * number for number in range(segments)]
    for begin, end in pairwise(starts):
        input = checkpoint(_chained(functions[begin:end]), input, preserve_rng_state=preserve_rng_state)
    return _chained(functions[starts[-1] :])(input)


def _chained(functions: list[Callable[..., Any]]) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        for function in functions:
            x = function(x)
        return x

    return call


class _Call:
    """A function with its arguments and what surrounds it: random numbers, mixed precision."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any], keep: bool) -> None:
        self.function, self.args, self.named = function, args, named
        self.random = get_rng_state() if keep else None
        self.autocast = mode.autocast

    def now(self) -> Any:
        return self.function(*self.args, **self.named)

    def again(self) -> Any:
        """As the first time."""
        random, precision = get_rng_state(), mode.autocast
        if self.random is not None:
            set_rng_state(self.random)
        mode.autocast = self.autocast
        try:
            with enable_grad():
                return self.now()
        finally:
            mode.autocast = precision
            if self.random is not None:
                set_rng_state(random)


class _Again(Op):
    """A call that is made once more when its gradient is wanted.

    Args:
        call: of the function.
        smooth: which of its results have a gradient: they are one vector here, where they are several.
    """

    name = "checkpoint"
    outside: list[Any]  # the nodes and leaves from which the function took something
    calls_back = True

    def __init__(self, call: _Call, smooth: list[int]) -> None:
        self.call, self.smooth = call, smooth

    def backward(self, k: Any, grad: Any, needs: tuple[bool, ...]) -> list[Any]:
        device = self.device
        return self._gradients(Walk, [part.array for part in self._parts(wrap(k.as_array(grad), device))], needs)

    def backward_of_tensors(self, k: Any, grad: Any, needs: tuple[bool, ...]) -> list[Any]:
        return self._gradients(WalkWithHistory, self._parts(grad), needs)

    def _parts(self, grad: Any) -> list[Any]:
        return [grad] if len(self.specs) == 1 else parted(grad, self.specs)

    def _gradients(self, walk: type[Walk], grads: list[Any], needs: tuple[bool, ...]) -> list[Any]:
        since = now()
        result = self.call.again()
        outputs = result if isinstance(result, tuple) else (result,)
        keys = [edge if type(edge) is Node else id(edge) for edge in self.outside]
        into = dict.fromkeys(key for key, needed in zip(keys, needs) if needed)
        again = [outputs[i] for i in self.smooth]
        if not all(_made_since(output, since) for output in again):
            raise GradientError("checkpoint", got="the function computed something else the second time",
                                expected="the same as at first")  # fmt: skip
        walk(walk is WalkWithHistory, into, since).run(list(zip(again, grads)))
        return [into.get(key) for key in keys]


def _noted(op: _Again, outputs: list[Any], since: int) -> list[Any]:
    """The outputs with one step of the tape behind them, instead of all that the function did."""
    op.outside = _outside([output._node for output in outputs], since)
    op.device, op.specs = outputs[0].device, [Spec(o.array.shape, o.array.dtype) for o in outputs]
    with no_grad():
        whole = outputs[0].detach() if len(outputs) == 1 else cat([output.reshape(-1) for output in outputs])
    whole = wrap(whole.array, op.device)
    cells = [a._cell() for a in (*op.call.args, *op.call.named.values()) if isinstance(a, Core)]
    whole._node = Node(op, op.outside, [], [(cell, cell.number) for cell in cells], op.device)
    whole._requires_grad = True
    return [whole] if len(outputs) == 1 else parted(whole, op.specs)


def _made_since(output: Any, since: int) -> bool:
    """Whether a result has a history that is younger."""
    return isinstance(output, Core) and output._node is not None and output._node.order > since


def _outside(nodes: list[Node], since: int) -> list[Any]:
    """The older nodes, and the leaves, to which the younger ones lead."""
    found: dict[int, Any] = {}
    left, seen = list(nodes), set(nodes)
    while left:
        for edge in left.pop().edges:
            if type(edge) is not Node or edge.order <= since:
                if edge is not None:
                    found[id(edge)] = edge
            elif edge not in seen:
                seen.add(edge)
                left.append(edge)
    return list(found.values())
