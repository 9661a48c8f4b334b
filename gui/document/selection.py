"""Which nodes are selected: shared by canvas, inspector and menus; not undoable."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal


class Selection(QObject):
    """The ids of the selected nodes, in the order in which they were selected; forgets nodes that go away."""

    changed = Signal()

    def __init__(self, document, parent: QObject | None = None):
        super().__init__(parent)
        self._ids: tuple[str, ...] = ()
        document.nodes_leaving.connect(self.remove)
        document.was_reset.connect(self.clear)

    @property
    def ids(self) -> tuple[str, ...]:
        """The selected nodes, the last selected one at the end."""
        return self._ids

    @property
    def current(self) -> str | None:
        """The node selected last, which the inspector shows and the arrow keys start from."""
        return self._ids[-1] if self._ids else None

    def __contains__(self, id: str) -> bool:
        return id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def set(self, ids: Iterable[str]) -> None:
        """Select these and no others."""
        ids = tuple(dict.fromkeys(ids))
        if ids != self._ids:
            self._ids = ids
            self.changed.emit()

    def add(self, ids: Iterable[str]) -> None:
        """Select these besides."""
        self.set((*self._ids, *ids))

    def remove(self, ids: Iterable[str]) -> None:
        """Select these no longer."""
        gone = set(ids)
        self.set(id for id in self._ids if id not in gone)

    def toggle(self, id: str) -> None:
        """Select it, or no longer."""
        self.remove([id]) if id in self._ids else self.add([id])

    def clear(self) -> None:
        """Select nothing."""
        self.set(())
