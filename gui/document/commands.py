"""The undo step: one gesture, one name, the project before it and after it.

A project is a frozen snapshot that shares all unchanged nodes with the one before, so a step costs little, holds
neither items nor widgets, and cannot fail: everything is checked before it is pushed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from PySide6.QtGui import QUndoCommand

from engine.graph.spec import Project

_MERGES = 1


class Edit(QUndoCommand):
    """From `before` to `after` and back. Successive edits with the same `gesture` merge into one."""

    def __init__(
        self, text: str, show: Callable[[Project], None], before: Project, after: Project, gesture: Hashable = None
    ):
        super().__init__(text)
        self.before, self.after = before, after
        self.gesture = gesture
        self._show = show

    def redo(self) -> None:
        self._show(self.after)

    def undo(self) -> None:
        self._show(self.before)

    def id(self) -> int:
        return -1 if self.gesture is None else _MERGES

    def mergeWith(self, other: QUndoCommand) -> bool:
        if other.gesture != self.gesture:
            return False
        self.after = other.after
        self.setObsolete(self.after == self.before)
        return True
