"""Module: what every layer and network is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from engine.errors import EngineError
from engine.nn import hooks
from engine.nn.hooks import Hook, RemovableHandle
from engine.nn.parameter import Parameter
from engine.tensor import Tensor, no_grad
from engine.tensor.creation import empty_like


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict(strict=False)` could not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not any(self):
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class ModuleError(EngineError, AttributeError):
    """A module that was not set up, or an attribute that cannot be what is assigned."""


class Module:
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

    def __init__(self):
        put = super().__setattr__
        put("training", True)
        put("_parameters", {})
        put("_buffers", {})
        put("_non_persistent_buffers_set", set())
        put("_modules", {})
        put("_forward_pre_hooks", {})
        put("_forward_hooks", {})
        put("_backward_hooks", {})

    def forward(self, *inputs: Any) -> Any:
        """What the module computes; every subclass has its own.

        Raises:
            NotImplementedError: the subclass has none.
        """
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        if not (self._forward_pre_hooks or self._forward_hooks or self._backward_hooks):
            return self.forward(*inputs, **named)
        return self._call_with_hooks(inputs, named)

    def _call_with_hooks(self, inputs: tuple, named: dict) -> Any:
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

    # attributes

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        if "_modules" not in own:
            if name in ("_parameters", "_buffers", "_modules", "_forward_pre_hooks", "training"):
                raise self._not_set_up()
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
        for members in (own["_parameters"], own["_buffers"], own["_modules"]):
            if name in members:
                return members[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if isinstance(value, Parameter):
            self._forget(name, keep="_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._forget(name, keep="_modules")
            own["_modules"][name] = value
        elif name in own.get("_parameters", ()):
            self._expect_none(name, value, "parameter", "a Parameter")
            own["_parameters"][name] = value
        elif name in own.get("_modules", ()):
            self._expect_none(name, value, "child module", "a Module")
            own["_modules"][name] = value
        elif name in own.get("_buffers", ()):
            if not isinstance(value, Tensor):
                self._expect_none(name, value, "buffer", "a Tensor")
            own["_buffers"][name] = value
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        for members in (self._parameters, self._buffers, self._modules):
            if name in members:
                del members[name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})

    def _forget(self, name: str, keep: str) -> None:
        """A name means one thing: what it meant before is dropped from the other tables."""
        if "_modules" not in self.__dict__:
            raise self._not_set_up()
        self.__dict__.pop(name, None)
        for table in ("_parameters", "_buffers", "_modules"):
            if table != keep:
                self.__dict__[table].pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def _not_set_up(self) -> ModuleError:
        name = type(self).__name__
        return ModuleError(name, got="its base class was not set up",
                           mend=f"begin {name}.__init__ with super().__init__()")  # fmt: skip

    def _expect_none(self, name: str, value: Any, role: str, expected: str) -> None:
        if value is not None:
            raise TypeError(
                f"{type(self).__name__}.{name} is a {role}: {expected} or None can be assigned, "
                f"not {type(value).__name__}; delete the attribute first to make it something else"
            )

    # registering

    def _check_name(self, name: str, role: str, members: str) -> None:
        if "_modules" not in self.__dict__:
            raise self._not_set_up()
        if not isinstance(name, str):
            raise TypeError(f"the name of a {role} is text, not {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f"a {role} cannot be called {name!r}: a name has letters and no dot")
        if hasattr(self, name) and name not in self.__dict__[members]:
            raise KeyError(f"{type(self).__name__} already has an attribute {name!r}")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under a name; None keeps the name for one that is switched off."""
        self._check_name(name, "parameter", "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"parameter {name!r} has to be a Parameter or None, not {type(param).__name__}")
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that moves and is saved with the module but is not learned; not saved unless `persistent`."""
        self._check_name(name, "buffer", "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"buffer {name!r} has to be a Tensor or None, not {type(tensor).__name__}")
        self._buffers[name] = tensor
        (self._non_persistent_buffers_set.discard if persistent else self._non_persistent_buffers_set.add)(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child under a name that need not be a valid attribute."""
        self._check_name(name, "child module", "_modules")
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"child module {name!r} has to be a Module or None, not {type(module).__name__}")
        self._modules[name] = module

    register_module = add_module

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

    # walking

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """The module itself and everything in it, with dotted names; one used twice comes once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """The module itself and everything in it."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly in it, with their names."""
        seen: set[Module] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly in it."""
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names; a shared one comes once, under its first name."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters; a shared one once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """All buffers with dotted names; a shared one comes once."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers; a shared one once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named_members(self, table: str, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator:
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        seen: set[int] = set()
        for module_name, module in modules:
            for name, member in getattr(module, table).items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield (f"{module_name}.{name}" if module_name else name), member

    def get_submodule(self, target: str) -> Module:
        """The module of that dotted name; "" is the module itself.

        Raises:
            AttributeError: there is none of that name, or it is no module.
        """
        found = self
        for name in target.split(".") if target else ():
            inner = found._modules.get(name)
            if inner is None:
                raise AttributeError(f"{type(found).__name__} has no module {name!r} (of {target!r})")
            found = inner
        return found

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of that dotted name."""
        owner, _, name = target.rpartition(".")
        found = self.get_submodule(owner)._parameters.get(name)
        if found is None:
            raise AttributeError(f"{type(self).__name__} has no parameter {target!r}")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of that dotted name."""
        owner, _, name = target.rpartition(".")
        found = self.get_submodule(owner)._buffers.get(name)
        if found is None:
            raise AttributeError(f"{type(self).__name__} has no buffer {target!r}")
        return found

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
            raise TypeError(f"a state dict is a dict of tensors, not {type(state_dict).__name__}")
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
            raise EngineError(f"state dict for {type(self).__name__}", got="; ".join(faults))
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
            if parameter.grad is not None and set_to_none:
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


def _indented(text: str) -> str:
    """Every line but the first two spaces in."""
    return text.replace("\n", "\n  ")


def _listing(keys: list[str]) -> str:
    return ("key " if len(keys) == 1 else "keys ") + ", ".join(f"{key!r}" for key in keys)


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
