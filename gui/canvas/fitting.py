"""Which layers can take what a wire carries, and which nodes can go into a wire."""

from __future__ import annotations

from engine.graph.catalogue import Entry
from engine.graph.trial import BATCH, attempt
from engine.ops import Spec
from gui.document.document import Document


def can_splice(document: Document, id: str) -> bool:
    """Whether a node stands free and has an input and an output, so that it can go into a wire."""
    entry = document.entry(id)
    return bool(entry.inputs and entry.outputs) and not document.wires_of(id)


def takes(entry: Entry, arriving: Spec | None) -> bool:
    """Whether a new layer of that kind runs when this arrives; `arriving` is without the batch axis.

    A layer with several inputs may still get a shape to match, and a loss judges whatever comes: they always fit.
    """
    if not entry.inputs or arriving is None or len(entry.inputs) > 1 or entry.kind == "loss":
        return bool(entry.inputs)
    return not attempt(entry.type, entry.starts(), (Spec((BATCH, *arriving.shape), arriving.dtype),)).fault
