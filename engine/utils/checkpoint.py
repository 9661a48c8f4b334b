"""Activations that are computed again on the way back instead of being kept (Chen et al., 2016)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.autograd.function import Context, Function
from engine.random import get_rng_state, set_rng_state
from engine.tensor import enable_grad, zeros
from engine.tensor.tape import Core, mode
from engine.tensor.walk import backward

__all__ = ["checkpoint"]


def checkpoint(function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None,
               preserve_rng_state: bool = True, **named: Any) -> Any:  # fmt: skip
    """Call a function without keeping what its gradient needs; on the way back it is called once more.

    The gradient is that of the plain call: of the tensors among the arguments, and of parameters that the function
    uses. It goes by `backward()`; `autograd.grad` for single parameters inside does not reach them.

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
    # the function may use parameters where no argument asks for a gradient: then this asks for one
    anchor = zeros((), requires_grad=True)
    device = next((a.device for a in args if isinstance(a, Core)), anchor.device)
    if device is not anchor.device:
        anchor = zeros((), device=device, requires_grad=True)
    call = _Call(function, named, preserve_rng_state)
    return _Again.apply(call, anchor, *args)


class _Call:
    """A function with what surrounds it: options, random numbers, mixed precision."""

    def __init__(self, function: Callable[..., Any], named: dict[str, Any], preserve: bool) -> None:
        self.function, self.named = function, named
        self.random = get_rng_state() if preserve else None
        self.autocast = mode.autocast

    def again(self, args: list[Any]) -> Any:
        """As the first time."""
        now, precision = get_rng_state(), mode.autocast
        if self.random is not None:
            set_rng_state(self.random)
        mode.autocast = self.autocast
        try:
            with enable_grad():
                return self.function(*args, **self.named)
        finally:
            mode.autocast = precision
            if self.random is not None:
                set_rng_state(now)


class _Again(Function):
    @staticmethod
    def forward(ctx: Context, call: _Call, anchor: Any, *args: Any) -> Any:
        ctx.call = call
        ctx.args = [None if isinstance(a, Core) else a for a in args]
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Core)]
        ctx.wanted = ctx.needs_input_grad[2:]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        return call.function(*args, **call.named)

    @staticmethod
    def backward(ctx: Context, *grads: Any) -> tuple[Any, ...]:
        args = list(ctx.args)
        for place, tensor in zip(ctx.places, ctx.saved_tensors):
            args[place] = tensor.detach().requires_grad_(ctx.wanted[place])
        outputs = ctx.call.again(args)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        for output, grad in zip(outputs, grads):
            if isinstance(output, Core) and output.requires_grad:
                backward(output, grad, True, False, None)
        found = [a.grad if isinstance(a, Core) else None for a in args]
        return None, None, *found
