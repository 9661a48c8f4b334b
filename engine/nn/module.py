"""Module: what every layer and network is."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from engine.errors import EngineError, MissingMethod, TypeMismatch
from engine.nn import hooks
from engine.nn.hooks import Hook
from engine.nn.members import Table
from engine.nn.parameter import is_lazy
from engine.nn.saving import Saved
from engine.tensor import Tensor, no_grad
from engine.tensor.creation import empty_like
from engine.tensor.hooks import RemovableHandle
from engine.tensor.strangers import raise_stranger
from engine.tensor.tape import mode


class Module(Saved):
    """A layer or network: what is assigned to its attributes is found again by `parameters()`, `state_dict()`, `to()`.

    A subclass makes its parts in `__init__`, after `super().__init__()`, and computes in `forward`.

    Example:
        >>> import engine
        >>> class Double(engine.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.linear = engine.nn.Linear(2, 2)
        ...     def forward(self, x):
        ...         return self.linear(x) * 2
        >>> [name for name, parameter in Double().named_parameters()]
        ['linear.weight', 'linear.bias']
    """

    training: bool

    def __new__(cls, *options: Any, **named: Any) -> Self:
        if any(isinstance(option, Tensor) for option in options) and cls.__module__.startswith("engine.nn."):
            _refuse_input(cls, options)
        return super().__new__(cls)

    def __init__(self):
        super().__init__()
        self.training = True
        self._forward_pre_hooks: dict[int, tuple[Hook, bool]] = Table()
        self._forward_hooks: dict[int, tuple[Hook, bool, bool]] = Table()
        self._backward_hooks: dict[int, tuple[Hook, bool]] = Table()

    def forward(self, *inputs: Any) -> Any:
        """What the module computes; every subclass has its own.

        Raises:
            MissingMethod: the subclass has none; it is a NotImplementedError.
        """
        name = type(self).__name__
        holder = type(self).__module__ == "engine.nn.containers"
        raise MissingMethod(name, got="it is called and has no forward()",
                            mend="call what it holds one by one, or use nn.Sequential" if holder
                            else f"define forward(self, x) in {name}")  # fmt: skip

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        if mode.recorder is not None:
            mode.recorder.entered(self)
        try:
            if not (self._forward_pre_hooks or self._forward_hooks or self._backward_hooks):
                return self.forward(*inputs, **named)
            return self._call_with_hooks(inputs, named)
        except (TypeError, AttributeError) as error:
            if not isinstance(error, EngineError):
                self._explain(inputs, named)
            raise

    def _explain(self, inputs: tuple, named: dict) -> None:
        """After a call that failed: a TypeMismatch where it was called with what forward() does not take."""
        signature = inspect.signature(self.forward)
        try:
            signature.bind(*inputs, **named)
        except TypeError:
            among = f", among them {', '.join(named)}" if named else ""
            count = len(inputs) + len(named)
            raise TypeMismatch(type(self).__name__, got=f"{count} input{'s' * (count != 1)} arrive{'s' * (count == 1)}"
                               f"{among}", expected=f"forward({', '.join(signature.parameters)})",
                               mend="leave out the others" if len(inputs) > len(signature.parameters)
                               else "give those that have no default, by these names") from None  # fmt: skip
        if type(self).__module__.startswith("engine.nn."):
            raise_stranger(type(self).__name__, inputs, Tensor)

    def _call_with_hooks(self, inputs: tuple, named: dict) -> Any:
        if mode.recorder is not None:
            mode.recorder.fail("a module has a hook")
        due, output = dict(self._forward_hooks), None
        try:
            for hook, with_kwargs in list(self._forward_pre_hooks.values()):
                changed = hook(self, inputs, named) if with_kwargs else hook(self, inputs)
                if changed is not None and with_kwargs:
                    inputs, named = changed
                elif changed is not None:
                    inputs = changed if isinstance(changed, tuple) else (changed,)
            watch = hooks.BackwardWatch(self, list(self._backward_hooks.values())) if self._backward_hooks else None
            if watch is not None:
                inputs = watch.inputs(inputs)
            output = self.forward(*inputs, **named)
            for key, (hook, with_kwargs, _) in list(due.items()):
                del due[key]
                changed = hook(self, inputs, named, output) if with_kwargs else hook(self, inputs, output)
                output = output if changed is None else changed
            return output if watch is None else watch.outputs(output)
        except Exception:
            self._call_in_any_case(due, inputs, named, output)
            raise

    def _call_in_any_case(
        self, due: dict[int, tuple[Hook, bool, bool]], inputs: tuple, named: dict, output: Any
    ) -> None:
        """After an error: the forward hooks with always_call; an error of their own becomes a warning beside it."""
        for hook, with_kwargs, always_call in due.values():
            if always_call:
                try:
                    changed = hook(self, inputs, named, output) if with_kwargs else hook(self, inputs, output)
                    output = output if changed is None else changed
                except Exception as error:
                    warnings.warn(f"a forward hook failed, too, after forward() had: {error}", stacklevel=4)

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, inputs)` before forward; what it returns, unless None, replaces the inputs."""
        return RemovableHandle(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, inputs, output)` after forward; what it returns, unless None, replaces the output.

        With always_call it is called after a forward that failed, too, with None as the output.
        """
        return RemovableHandle(self._forward_hooks, (hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` before the module's backward; a tuple it returns replaces grad_output."""
        return RemovableHandle(self._backward_hooks, (hook, True), prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` in backward; a tuple it returns replaces grad_input."""
        return RemovableHandle(self._backward_hooks, (hook, False), prepend)

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module in it, children first, then on itself; for initialisation, say."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # modes and places

    def train(self, mode: bool = True) -> Self:
        """Behave as in training: dropout drops, batch norm uses the batch; with mode=False as in evaluation."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Behave as in evaluation; the same as train(False)."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Learn all parameters, or freeze them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; without set_to_none they become zeros."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = parameter.grad.detach()
                parameter.grad.zero_()

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move to a device, a dtype (for floating point only) or both, in place: `to("cuda")`, `to(engine.float64)`."""
        return self._apply(lambda tensor: _moved(tensor, args, kwargs))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Move to a device without the values; for a module made on "meta"."""
        return self._apply(lambda tensor: empty_like(tensor, device=device), recurse)

    def cpu(self) -> Self:
        """Move to the main memory."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Self:
        """Move to a graphics card."""
        return self.to("cuda" if device is None else device if not isinstance(device, int) else f"cuda:{device}")

    def float(self) -> Self:
        """Make everything that is floating point float32."""
        return self._apply(lambda tensor: tensor.float() if tensor.is_floating_point() else tensor)

    def double(self) -> Self:
        """Make everything that is floating point float64."""
        return self._apply(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)

    def half(self) -> Self:
        """Make everything that is floating point float16; for training see `engine.autocast`, which keeps float32."""
        return self._apply(lambda tensor: tensor.half() if tensor.is_floating_point() else tensor)

    def type(self, dst_type: Any) -> Self:
        """Make all parameters and buffers this dtype, whole numbers too."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def _apply(self, change: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Change every parameter, its gradient and every buffer; a parameter stays the same object."""
        changed: set[int] = set()
        for module in self.modules() if recurse else (self,):
            for parameter in module._parameters.values():
                if parameter is not None and id(parameter) not in changed:
                    changed.add(id(parameter))
                    with no_grad():
                        gradient = parameter.grad
                        parameter.grad = None
                        parameter.data = change(parameter.data)
                        parameter.grad = None if gradient is None else change(gradient)
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = buffer.changed(change) if is_lazy(buffer) else change(buffer)
        return self

    # how it reads

    def extra_repr(self) -> str:
        """What stands between the brackets of its repr, children apart."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {_indented(repr(module))}" for name, module in self._modules.items()]
        if not children and len(lines) <= 1:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"


def _refuse_input(cls: type[Module], options: tuple[Any, ...]) -> None:
    """A TypeMismatch where a layer is given its input as it is made, in the place of an option that is no tensor."""
    for option, parameter in zip(options, inspect.signature(cls, eval_str=True).parameters.values()):
        kinds = str(parameter.annotation)
        if isinstance(option, Tensor) and not any(kind in kinds for kind in ("Tensor", "Any", "Iterable", "empty")):
            raise TypeMismatch(cls.__name__, got=f"a tensor arrives as {parameter.name} where the layer is made",
                               expected="its options",
                               mend=f"make it first, then call it: {cls.__name__}(...)(x)")  # fmt: skip


def _indented(text: str) -> str:
    """Every line but the first two spaces in."""
    return text.replace("\n", "\n  ")


def _moved(tensor: Tensor, args: tuple, kwargs: dict) -> Tensor:
    """`tensor.to(...)`, with a dtype applied to floating point only."""
    if tensor.is_floating_point():
        return tensor.to(*args, **kwargs)
    kept = [a for a in args if not _is_dtype(a)]
    named = {name: value for name, value in kwargs.items() if name != "dtype"}
    return tensor.to(*kept, **named) if kept or named else tensor


def _is_dtype(value: Any) -> bool:
    return isinstance(value, np.dtype) or value in (float, int, bool)
