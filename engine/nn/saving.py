"""What a module gives away as its state, and takes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from engine.errors import EngineError, MissingMethod, TypeMismatch
from engine.nn.members import Members
from engine.nn.parameter import Parameter, is_lazy
from engine.tensor import Tensor, no_grad
from engine.tensor.hooks import RemovableHandle

EXTRA = "_extra_state"
"""The key of what `get_extra_state` gives, as PyTorch calls it."""


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict(strict=False)` could not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not any(self):
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Saved(Members):
    """The members of a module as tensors by dotted name."""

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Parameters and persistent buffers by dotted name, sharing their values with the module.

        Args:
            destination: a dict to fill, instead of a new one.
            prefix: what every key begins with.
            keep_vars: give the parameters themselves, not tensors detached from the graph.
        """
        found = {} if destination is None else destination
        for hook in self._state_hooks("before saving"):
            hook(self, prefix, keep_vars)
        for name, member in self._saved_members():
            found[prefix + name] = member if keep_vars or is_lazy(member) else member.detach()
        if self._has_extra_state():
            found[prefix + EXTRA] = self.get_extra_state()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=found, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_hooks("after saving"):
            hook(self, found, prefix, {})
        return found

    def _saved_members(self) -> Iterator[tuple[str, Tensor]]:
        for members in (self._parameters, self._buffers):
            for name, member in members.items():
                if member is not None and name not in self._non_persistent_buffers_set:
                    yield name, member

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
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
            if isinstance(state_dict, Saved):
                mend = "give its state_dict()"
            raise TypeMismatch("load_state_dict", got=f"{type(state_dict).__name__} arrives",
                               expected="a dict of tensors by name", mend=mend)  # fmt: skip
        modules = list(self.named_modules(remove_duplicate=False))
        state, told = self._before_loading(modules, state_dict, strict)
        places = {_under(path, name): (module, name, member)
                  for path, module in modules for name, member in module._saved_members()}  # fmt: skip
        extras = {_under(path, EXTRA): module for path, module in modules if module._has_extra_state()}
        known = {**places, **extras}
        keys = IncompatibleKeys([*(key for key in known if key not in state), *told.missing_keys],
                                [*(key for key in state if key not in known), *told.unexpected_keys])  # fmt: skip
        fitting = [key for key in places if key in state]
        faults = [fault for key in fitting if (fault := _misfit(key, places[key][2], state[key], assign))]
        may_forgive = any(module._state_hooks("after loading") for _, module in modules)
        self._require(keys if strict and not may_forgive else IncompatibleKeys([], []), faults, state)
        for key in [key for key in known if key in state]:
            if key in extras:
                extras[key].set_extra_state(state[key])
            else:
                places[key][0]._take(places[key][1], places[key][2], state[key], assign)
        for _, module in reversed(modules):  # those inside of others first
            for hook in module._state_hooks("after loading"):
                hook(module, keys)
        if strict and may_forgive:
            self._require(keys, [], state)
        return keys

    def _before_loading(self, modules: list[tuple[str, Any]], state_dict: Mapping[str, Any], strict: bool) -> Any:
        """The state after the hooks that may change it, and the keys that these say are missing or unexpected."""
        state, told = dict(state_dict), IncompatibleKeys([], [])
        faults: list[str] = []
        for path, module in modules:
            for hook in module._state_hooks("before loading"):
                hook(module, state, f"{path}." if path else "", {}, strict, *told, faults)
        self._require(IncompatibleKeys([], []), faults, state)
        return state, told

    def _require(self, keys: IncompatibleKeys, faults: list[str], state: Mapping[str, Any]) -> None:
        """An EngineError that names all keys and faults, where there are any."""
        named = {"missing": keys.missing_keys, "unexpected": keys.unexpected_keys}
        faults = [*(f"{kind} {_listing(found)}" for kind, found in named.items() if found), *faults]
        if faults:
            raise EngineError(f"state dict for {type(self).__name__}", got="; ".join(faults),
                              mend=_state_mend(state, *keys))  # fmt: skip

    def _take(self, name: str, member: Tensor, value: Tensor, assign: bool) -> None:
        with no_grad():
            if assign and name in self._parameters:
                self._parameters[name] = Parameter(value, requires_grad=member.requires_grad)
            elif assign:
                self._buffers[name] = value
            else:
                if is_lazy(member) and not is_lazy(value):
                    member.materialize(tuple(value.shape))
                if not is_lazy(value):
                    member.copy_(value)

    # what is no tensor

    def get_extra_state(self) -> Any:
        """What else is saved under the key "_extra_state": a subclass that has it has `set_extra_state`, too.

        Raises:
            MissingMethod: the subclass has none.
        """
        raise MissingMethod(type(self).__name__, got="it has no state but its parameters and buffers",
                            mend="define get_extra_state() and set_extra_state(state) in it")  # fmt: skip

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave.

        Raises:
            MissingMethod: the subclass has none.
        """
        raise MissingMethod(type(self).__name__, got="it has a get_extra_state() and no set_extra_state()",
                            mend="define set_extra_state(state) in it")  # fmt: skip

    def _has_extra_state(self) -> bool:
        return type(self).get_extra_state is not Saved.get_extra_state

    # hooks

    def _state_hooks(self, moment: str) -> tuple[Callable[..., Any], ...]:
        return tuple(self.__dict__.get("_hooks_of_state", {}).get(moment, {}).values())

    def _register(self, moment: str, hook: Callable[..., Any]) -> RemovableHandle:
        return RemovableHandle(self.__dict__.setdefault("_hooks_of_state", {}).setdefault(moment, {}), hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before the module gives its state."""
        return self._register("before saving", hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, {})`, which may change the dict, after the module gave its state."""
        return self._register("after saving", hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call a hook before anything is loaded; it may change the dict, which is a copy of the one given.

        It is called as hook(module, state_dict, prefix, {}, strict, missing_keys, unexpected_keys, error_msgs), and
        what it appends to the last is an error.
        """
        return self._register("before loading", hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, keys)` after loading; what it takes off `keys.missing_keys` is forgiven."""
        return self._register("after loading", hook)


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


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
    if is_lazy(member) or is_lazy(value):
        return "" if is_lazy(member) else f"{key!r} has no size yet"
    if tuple(value.shape) != tuple(member.shape):
        return f"{key!r} has shape {tuple(value.shape)} instead of {tuple(member.shape)}"
    if member.is_meta and not assign:
        return f"{key!r} is on meta and has no place for values (assign=True gives it one)"
    return ""
