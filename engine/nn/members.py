"""Members: how a module knows its parameters, buffers and inner modules by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.errors import EngineError, TypeMismatch
from engine.nn.parameter import Buffer, Parameter
from engine.tensor import Tensor
from engine.tensor.tape import mode


class _Count:
    changes = 0


_count = _Count()


def changes() -> int:
    """How often any module was changed: where that has not grown, no module has other attributes, parts or hooks."""
    return _count.changes


def _counted(name: str) -> Any:
    change = getattr(dict, name)

    def counted(table: dict, *arguments: Any, **named: Any) -> Any:
        _count.changes += 1
        return change(table, *arguments, **named)

    return counted


class Table(dict):
    """A dict of a module's parts or hooks: whoever changes it, the change is counted."""

    __setitem__, __delitem__, __ior__ = _counted("__setitem__"), _counted("__delitem__"), _counted("__ior__")
    clear, pop, popitem = _counted("clear"), _counted("pop"), _counted("popitem")
    setdefault, update = _counted("setdefault"), _counted("update")


def _said(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def _module_meant(value: Any) -> str:
    """What to write instead of something that is no module."""
    if isinstance(value, type):
        return f"make one: {value.__name__}()"
    if isinstance(value, list | tuple):
        return "put a * before the list, as in nn.Sequential(*layers)"
    return "use the layer of that name, as nn.ReLU() for relu, or call it in forward()" if callable(value) else ""


class ModuleError(EngineError, AttributeError):
    """A module whose base class was not set up."""


class Members:
    """The tables behind a module's attributes: what is assigned is sorted by kind, and found again by walking."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]

    def __init__(self):
        put = super().__setattr__
        put("_parameters", Table())
        put("_buffers", Table())
        put("_non_persistent_buffers_set", set())
        put("_modules", Table())

    # attributes

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        if "_modules" not in own:
            if name in ("_parameters", "_buffers", "_modules", "_forward_pre_hooks", "training"):
                raise self._not_set_up()
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
        for members in (own["_parameters"], own["_buffers"], own["_modules"]):
            if name in members:
                if mode.recorder is not None:
                    mode.recorder.entered(self)
                return members[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        _count.changes += 1  # the tables count for themselves
        own = self.__dict__
        if isinstance(value, Parameter):
            self._forget(name, keep="_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Buffer):
            self._forget(name, keep="_buffers")
            self.register_buffer(name, value, value.persistent)
        elif isinstance(value, Members):
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
        _count.changes += 1
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
            wrap = "wrap it as nn.Parameter(tensor)" if role == "parameter" and isinstance(value, Tensor) else ""
            raise TypeMismatch(f"{type(self).__name__}.{name}", got=f"{type(value).__name__} is assigned to a {role}",
                               expected=f"{expected} or None",
                               mend=wrap or "delete the attribute first to make it something else")  # fmt: skip

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

    def add_module(self, name: str, module: Members | None) -> None:
        """Add a child under a name that need not be a valid attribute."""
        self._check_name(name, "child module", "_modules")
        if module is not None and not isinstance(module, Members):
            raise TypeMismatch(type(self).__name__, got=f"child module {name!r} is {_said(module)}",
                               expected="a Module or None", mend=_module_meant(module))  # fmt: skip
        self._modules[name] = module

    register_module = add_module

    # walking

    def named_modules(
        self, memo: set[Members] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Members]]:
        """The module itself and everything in it, with dotted names; one used twice comes once."""
        memo = set() if memo is None else memo
        if mode.recorder is not None:
            mode.recorder.entered(self)
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Members]:
        """The module itself and everything in it."""
        return (module for _, module in self.named_modules(remove_duplicate=remove_duplicate))

    def named_children(self) -> Iterator[tuple[str, Members]]:
        """The modules directly in it, with their names."""
        seen: set[Members] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Members]:
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

    def get_submodule(self, target: str) -> Members:
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

    def set_submodule(self, target: str, module: Members, strict: bool = False) -> None:
        """Put a module in the place of that dotted name.

        Args:
            target: the name; all of it but its last part has to be there.
            module: what is put there.
            strict: whether there has to be a module of that name already.

        Raises:
            ValueError: no name.
            AttributeError: what the name leads through is not there, or no module is where one has to be.
        """
        owner, _, name = target.rpartition(".")
        if not name:
            raise ValueError(f"set_submodule: {target!r} is no name of a module inside; give one, as 'net.0'")
        if not isinstance(module, Members):
            raise ValueError(f"set_submodule: {_said(module)} came, expected a Module")
        place = self.get_submodule(owner)
        if strict and not hasattr(place, name):
            raise AttributeError(f"{type(place).__name__} has no module {name!r} (of {target!r}) to be replaced")
        if hasattr(place, name) and not isinstance(getattr(place, name), Members):
            raise AttributeError(f"{name!r} of {type(place).__name__} is no module")
        setattr(place, name, module)

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


def attributes(module: Members) -> list[tuple[Any, Any]]:
    """All that was assigned to a module, with names: what stands in its tables each by itself, in order."""
    found: list[tuple[Any, Any]] = []
    for name, value in module.__dict__.items():
        found += [((name, key), member) for key, member in value.items()] if type(value) is Table else [(name, value)]
    return found
