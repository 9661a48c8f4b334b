"""Hooks of optimizers: functions of the user's that run at steps, and when state is saved and loaded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import Any

from engine.nn.hooks import Hook
from engine.tensor.hooks import RemovableHandle
from engine.tensor.tape import mode

_pre_hooks: dict[int, Hook] = {}
_post_hooks: dict[int, Hook] = {}


class Hooked:
    """What an optimizer knows of its hooks, by the occasion that calls them."""

    def __init__(self) -> None:
        self._hooks: defaultdict[str, dict[int, Hook]] = defaultdict(dict)

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) before each step; a pair that it returns replaces args and kwargs.

        The first of args is the optimizer, as in PyTorch.

        Example:
            >>> import engine
            >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))])
            >>> with optimizer.register_step_pre_hook(lambda optimizer, args, kwargs: print("a step")):
            ...     optimizer.step()
            a step
        """
        return RemovableHandle(self._hooks["step_pre"], hook)

    def has_step_hooks(self) -> bool:
        """Whether hooks run before or after its steps."""
        own = self._hooks.get("step_pre") or self._hooks.get("step_post")
        return bool(own or _pre_hooks or _post_hooks)

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) after each step."""
        return RemovableHandle(self._hooks["step_post"], hook)

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer) before `state_dict`."""
        return RemovableHandle(self._hooks["state_dict_pre"], hook, prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer, state_dict) after `state_dict`; what it returns, if anything, is returned instead."""
        return RemovableHandle(self._hooks["state_dict_post"], hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer, state_dict) before loading; what it returns, if anything, is loaded instead."""
        return RemovableHandle(self._hooks["load_state_dict_pre"], hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer) after loading."""
        return RemovableHandle(self._hooks["load_state_dict_post"], hook, prepend)

    def _changed_by(self, occasion: str, state_dict: dict[str, Any]) -> dict[str, Any]:
        for hook in [*self._hooks[occasion].values()]:
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        return state_dict


def register_optimizer_step_pre_hook(hook: Hook) -> RemovableHandle:
    """Call hook(optimizer, args, kwargs) before each step of every optimizer."""
    return RemovableHandle(_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Hook) -> RemovableHandle:
    """Call hook(optimizer, args, kwargs) after each step of every optimizer."""
    return RemovableHandle(_post_hooks, hook)


def with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step that calls the hooks around it."""

    @wraps(step)
    def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not (self._hooks or _pre_hooks or _post_hooks):
            return step(self, *args, **kwargs)
        before = [*_pre_hooks.values(), *self._hooks["step_pre"].values()]
        after = [*self._hooks["step_post"].values(), *_post_hooks.values()]
        if (before or after) and mode.recorder is not None:
            mode.recorder.fail("hooks of an optimizer run in it")
        args = (self, *args)  # as PyTorch's hooks see them
        for hook in before:
            changed = hook(self, args, kwargs)
            if changed is not None:
                args, kwargs = changed
        result = step(*args, **kwargs)
        for hook in after:
            hook(self, args, kwargs)
        return result

    return hooked
