"""Handles of hooks, those of tensors and of modules."""

from __future__ import annotations

from itertools import count
from typing import Any

_ids = count()


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook away again, and so does the end of a `with` block.

    Example:
        >>> from engine import nn
        >>> layer = nn.Identity()
        >>> with layer.register_forward_hook(lambda module, inputs, output: None):
        ...     len(layer._forward_hooks)
        1
        >>> len(layer._forward_hooks)
        0
    """

    def __init__(self, hooks: dict[int, Any], hook: Any, prepend: bool = False):
        self.id = next(_ids)
        self._hooks = hooks
        hooks[self.id] = hook
        if prepend:
            for id in [id for id in hooks if id != self.id]:
                hooks[id] = hooks.pop(id)

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()
