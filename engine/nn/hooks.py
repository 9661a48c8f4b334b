"""Hooks: functions of the user's that run when a module does, forward or backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.ops.base import Op, Spec
from engine.tensor import Tensor, apply, is_grad_enabled

Hook = Callable[..., Any]


class Pass(Op):
    """y = x: a place on the tape where a gradient can be met."""

    view = True

    def shape(self, x: Any) -> Spec:
        return Spec(x.shape, x.dtype)

    def forward(self, k: Any, x: Any) -> Any:
        return x.view()

    def backward(self, k: Any, grad: Any, needs: tuple[bool, ...]) -> tuple[Any, ...]:
        return (grad,)

    def flops(self, x: Any) -> int:
        return 0


class BackwardWatch:
    """Meets the gradients of one call's inputs and outputs and shows them to the backward hooks, once each walk.

    Each tensor passes two gates. The walk back goes by age, latest first, so it opens all inner gates of the inputs,
    which note what arrives, before the first outer one, where the noted gradients are complete.

    Args:
        module: whose call it is.
        hooks: pairs of a hook, called as hook(module, grad_input, grad_output), and whether it comes before backward
            has gone through the module, as hook(module, grad_output).
    """

    def __init__(self, module: Any, hooks: list[tuple[Hook, bool]]):
        self._module = module
        self._before = [hook for hook, comes_before in hooks if comes_before]
        self._hooks = [hook for hook, comes_before in hooks if not comes_before]
        self._begun = False
        self._grad_input: list[Tensor | None] = []
        self._grad_output: list[Tensor | None] = []
        self._replaced: tuple[Tensor | None, ...] | None = None
        self._meets_inputs = False

    def inputs(self, inputs: tuple) -> tuple:
        """The inputs with gates around them."""
        self._grad_input = [None] * len(inputs)
        watched = [i for i, x in enumerate(inputs) if _is_tracked(x)]
        self._meets_inputs = bool(watched)
        outer = [apply(Pass(), x) if i in watched else x for i, x in enumerate(inputs)]
        inner = [apply(Pass(), x) if i in watched else x for i, x in enumerate(outer)]
        for i in watched:
            inner[i].register_hook(self._noting(self._grad_input, i))
            outer[i].register_hook(lambda grad, i=i: self._replacement(i))
        return tuple(inner)

    def outputs(self, output: Any) -> Any:
        """The output, or a tuple or list of them, with gates around them."""
        several = isinstance(output, tuple | list)
        outputs = list(output) if several else [output]
        self._grad_output = [None] * len(outputs)
        watched = [i for i, y in enumerate(outputs) if _is_tracked(y)]
        inner = [apply(Pass(), y) if i in watched else y for i, y in enumerate(outputs)]
        outer = [apply(Pass(), y) if i in watched else y for i, y in enumerate(inner)]
        for i in watched:
            outer[i].register_hook(self._noting(self._grad_output, i))
            if self._before:
                inner[i].register_hook(lambda grad, i=i: self._passed_on(i))
            if self._hooks and not self._meets_inputs:
                inner[i].register_hook(lambda grad: self._show())
        return type(output)(outer) if several else outer[0]

    def _noting(self, place: list[Tensor | None], i: int) -> Hook:
        def note(grad: Tensor) -> None:
            place[i] = grad
            self._replaced, self._begun = None, False

        return note

    def _passed_on(self, i: int) -> Tensor | None:
        """The gradient of an output after the hooks that come before, which are called at the first one."""
        if not self._begun:
            self._begun = True
            for hook in self._before:
                changed = hook(self._module, tuple(self._grad_output))
                if changed is not None:
                    self._grad_output[:] = changed if isinstance(changed, tuple) else (changed,)
        return self._grad_output[i]

    def _replacement(self, i: int) -> Tensor | None:
        self._show()
        return self._replaced[i]

    def _show(self) -> None:
        """Call the hooks, unless this walk has already done so."""
        if self._replaced is not None:
            return
        grads = tuple(self._grad_input)
        for hook in self._hooks:
            changed = hook(self._module, grads, tuple(self._grad_output))
            if changed is not None:
                grads = changed if isinstance(changed, tuple) else (changed,)
        self._replaced = grads


def _is_tracked(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad and is_grad_enabled()
