"""Module: what every layer and network is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from engine.errors import EngineError, MissingMethod, TypeMismatch
from engine.nn import hooks
from engine.nn.hooks import Hook
from engine.nn.members import Members, Table
from engine.nn.parameter import Parameter
from engine.tensor import Tensor, no_grad
from engine.tensor.creation import empty_like
from engine.tensor.hooks import RemovableHandle
from engine.tensor.strangers import raise_stranger
from engine.tensor.tape import mode


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict(strict=False)` could not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not any(self):
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Module(Members):
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
        self._forward_hooks: dict[int, tuple[Hook, bool]] = Table()
        self._backward_hooks: dict[int, Hook] = Table()

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
        for hook, with_kwargs in list(self._forward_hooks.values()):
            changed = hook(self, inputs, named, output) if with_kwargs else hook(self, inputs, output)
            if changed is not None:
                output = changed
        return output if watch is None else watch.outputs(output)

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, inputs)` before forward; what it returns, unless None, replaces the inputs."""
        return RemovableHandle(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False) -> RemovableHandle:
        """Call `hook(module, inputs, output)` after forward; what it returns, unless None, replaces the output."""
        return RemovableHandle(self._forward_hooks, (hook, with_kwargs), prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` in backward; a tuple it returns replaces grad_input."""
        return RemovableHandle(self._backward_hooks, hook, prepend)

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module in it, children first, then on itself; for initialisation, say."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # state

    def state_dict(
        self, *, destination: dict[str, Tensor] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Tensor]:
        """Parameters and persistent buffers by dotted name, sharing their values with the module.

        Args:
            destination: a dict to fill, instead of a new one.
            prefix: what every key begins with.
            keep_vars: give the parameters themselves, not tensors detached from the graph.
        """
        found = {} if destination is None else destination
        for name, member in self._saved_members():
            found[prefix + name] = member if keep_vars else member.detach()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=found, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return found

    def _saved_members(self) -> Iterator[tuple[str, Tensor]]:
        for members in (self._parameters, self._buffers):
            for name, member in members.items():
                if member is not None and name not in self._non_persistent_buffers_set:
                    yield name, member

    def load_state_dict(
        self, state_dict: Mapping[str, Tensor], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values into parameters and buffers by name; where anything does not fit, nothing is changed.

        Args:
            state_dict: tensors by dotted name, as `state_dict()` gives them.
            strict: whether keys that are missing or unexpected are an error.
            assign: use the given tensors themselves, with their dtype and device, instead of copying their values.

        Returns:
            missing_keys and unexpected_keys.

        Raises:
            EngineError: every key that is missing, unexpected or of another shape, in one message.
        """
        if not isinstance(state_dict, Mapping):
            mend = "read the file first: load_state_dict(engine.load(path))"
            if isinstance(state_dict, Module):
                mend = "give its state_dict()"
            raise TypeMismatch("load_state_dict", got=f"{type(state_dict).__name__} arrives",
                               expected="a dict of tensors by name", mend=mend)  # fmt: skip
        places = {
            f"{path}.{name}" if path else name: (module, name, member)
            for path, module in self.named_modules(remove_duplicate=False)
            for name, member in module._saved_members()
        }
        missing = [key for key in places if key not in state_dict]
        unexpected = [key for key in state_dict if key not in places]
        faults = [
            fault
            for key in places
            if key in state_dict and (fault := _misfit(key, places[key][2], state_dict[key], assign))
        ]
        if strict and unexpected:
            faults.insert(0, f"unexpected {_listing(unexpected)}")
        if strict and missing:
            faults.insert(0, f"missing {_listing(missing)}")
        if faults:
            raise EngineError(f"state dict for {type(self).__name__}", got="; ".join(faults),
                              mend=_state_mend(state_dict, missing, unexpected))  # fmt: skip
        with no_grad():
            for key, (module, name, member) in places.items():
                if key in state_dict and assign:
                    module._assign(name, state_dict[key])
                elif key in state_dict:
                    member.copy_(state_dict[key])
        return IncompatibleKeys(missing, unexpected)

    def _assign(self, name: str, value: Tensor) -> None:
        if name in self._parameters:
            self._parameters[name] = Parameter(value, requires_grad=self._parameters[name].requires_grad)
        else:
            self._buffers[name] = value

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
                    module._buffers[name] = change(buffer)
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


def _listing(keys: list[str]) -> str:
    return ("key " if len(keys) == 1 else "keys ") + ", ".join(f"{key!r}" for key in keys)


def _state_mend(state_dict: Mapping[str, Any], missing: list[str], unexpected: list[str]) -> str:
    """What makes a state dict fit that does not."""
    inside = [key for key, value in state_dict.items() if isinstance(value, Mapping)]
    if inside:
        return f"the weights are one level down: load_state_dict(loaded[{inside[0]!r}])"
    if missing and {key.removeprefix("module.") for key in unexpected} == set(missing):
        return 'take "module." off the keys, which DataParallel put there'
    if missing or unexpected:
        return "build the model as it was when it was saved, or pass strict=False to go without these"
    return "build the model with the sizes that it had when it was saved"


def _misfit(key: str, member: Tensor, value: Any, assign: bool) -> str:
    """Why `value` cannot be copied into `member`; "" when it can."""
    if not isinstance(value, Tensor):
        return f"{key!r} is {type(value).__name__}, not a Tensor"
    if tuple(value.shape) != tuple(member.shape):
        return f"{key!r} has shape {tuple(value.shape)} instead of {tuple(member.shape)}"
    if member.is_meta and not assign:
        return f"{key!r} is on meta and has no place for values (assign=True gives it one)"
    return ""


def _moved(tensor: Tensor, args: tuple, kwargs: dict) -> Tensor:
    """`tensor.to(...)`, with a dtype applied to floating point only."""
    if tensor.is_floating_point():
        return tensor.to(*args, **kwargs)
    kept = [a for a in args if not _is_dtype(a)]
    named = {name: value for name, value in kwargs.items() if name != "dtype"}
    return tensor.to(*kept, **named) if kept or named else tensor


def _is_dtype(value: Any) -> bool:
    return isinstance(value, np.dtype) or value in (float, int, bool)
