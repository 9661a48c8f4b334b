"""Inference after each edit, in slices: a large network never holds up the event loop."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from PySide6.QtCore import QObject, QTimer, Signal

from engine.graph.infer import Inference, NodeResult, infer, infer_steps
from engine.graph.spec import FieldSpec, Graph

AT_ONCE = 40
"""Networks of up to so many nodes are inferred within the edit, so that their shapes are there when it returns."""
SLICE = 0.003
"""Seconds that one slice may take."""


class Inferring(QObject):
    """Holds the newest Inference and brings it up to date; `changed` carries the ids whose result is another."""

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self.inference: Inference = infer(Graph(), ())
        self._steps: Iterator[tuple[str, NodeResult]] | None = None
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._work)

    @property
    def is_running(self) -> bool:
        """Whether the results still lag behind the network."""
        return self._steps is not None

    def start(self, graph: Graph, fields: tuple[FieldSpec, ...]) -> None:
        """Begin anew for this network; what was under way is dropped."""
        self._steps = infer_steps(graph, fields)
        if len(graph.nodes) <= AT_ONCE:
            self.finish()
        else:
            self._timer.start()

    def finish(self) -> None:
        """Go through to the end now."""
        while self._steps is not None:
            self._work()

    def _work(self) -> None:
        end = perf_counter() + SLICE
        while perf_counter() < end:
            try:
                next(self._steps)
            except StopIteration as stop:
                self._take(stop.value)
                return

    def _take(self, inference: Inference) -> None:
        self._timer.stop()
        self._steps = None
        before, self.inference = self.inference, inference
        new, old = inference.nodes, before.nodes
        self.changed.emit({id for id in new.keys() | old.keys() if new.get(id) != old.get(id)})
