"""Softmax and cross-entropy, row by row; rows of tables."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from engine.kernels import cpu
from engine.kernels.cpu.caller import Layout, Recipe
from engine.kernels.cpu.eager.compiled import compiled
from engine.kernels.cpu.eager.loops import loop
from engine.kernels.cpu.expression import apply, leaf
from engine.kernels.cpu.program import Plan
from engine.kernels.generic import Kernels

LEAST = 512
SMALL_GATHER = 8_192  # floats that NumPy's take copies sooner


class Rows:
    """See the generic kernels of these names."""

    @compiled(LEAST)
    def softmax(self, x: Layout, axis: int) -> Recipe | None:
        return _along(axis, cpu.rows.softmax, x=x)

    @compiled(LEAST)
    def log_softmax(self, x: Layout, axis: int) -> Recipe | None:
        return _along(axis, lambda n, c: cpu.rows.softmax(n, c, logarithm=True), x=x)

    @compiled(LEAST)
    def softmax_backward(self, grad: Layout, out: Layout, axis: int) -> Recipe | None:
        return _along(axis, cpu.rows.softmax_gradient, dy=grad, y=out)

    @compiled(LEAST)
    def log_softmax_backward(self, grad: Layout, out: Layout, axis: int) -> Recipe | None:
        return _along(axis, lambda n, c: cpu.rows.softmax_gradient(n, c, logarithm=True), dy=grad, y=out)

    def cross_entropy_backward(self, share: Any, log_p: Any, target: Any, ignored: Any) -> Any:
        if log_p.ndim != 2 or log_p.size < LEAST:
            return Kernels.cross_entropy_backward(self, share, log_p, target, ignored)
        out = self._shared(log_p, np.asarray(share)[..., None])
        if ignored is not None:
            target = np.where(ignored, 0, target)
        out[np.arange(len(out)), target] -= share
        return out

    def _shared_(self, log_p: Layout, share: Layout) -> Recipe | None:
        return loop(apply("exp", leaf("log_p")) * leaf("share"), {"log_p": log_p, "share": share})

    _shared = compiled(generic=lambda self, log_p, share: np.exp(log_p) * share)(_shared_)

    @compiled(number=1)
    def rows(self, table: Layout, index: Layout) -> Recipe | None:
        columns = table.size // table.shape[0]
        if not table.is_float or not index.is_kind("int64") or index.size * columns < SMALL_GATHER:
            return None
        recipe = Recipe()
        recipe.take(0, table, "table")
        if not index.lies(tuple(range(index.ndim))):
            return None
        recipe.passed(1, "index")
        recipe.give("y", (*index.shape, *table.shape[1:]))
        return recipe.add(cpu.embedding.gather(index.size, columns))

    def add_rows(self, rows: int, index: Any, values: Any) -> Any:
        if values.size == 0:
            return Kernels.add_rows(self, rows, index, values)
        return self._add_rows(values, index, rows)

    def _add_rows_(self, values: Layout, index: Layout, rows: int) -> Recipe | None:
        if not values.is_float or not index.is_kind("int64") or not index.lies((0,)):
            return None
        recipe = Recipe()
        recipe.take(0, values, "dy")
        recipe.passed(1, "index")
        recipe.give("dtable", (rows, *values.shape[1:]))
        return recipe.add(cpu.embedding.gradient(index.size, rows, values.size // index.size))

    _add_rows = compiled(generic=lambda self, values, index, rows: Kernels.add_rows(self, rows, index, values))(
        _add_rows_
    )


def _along(axis: int, plan: Any, **arrays: Layout) -> Recipe | None:
    """A plan of rows along an axis, whose numbers are brought next to each other; its result is y or dx."""
    first = next(iter(arrays.values()))
    if not all(a.is_float and a.shape == first.shape for a in arrays.values()) or not first.ndim:
        return None
    axis %= first.ndim
    order = (*(a for a in range(first.ndim) if a != axis), axis)
    columns = first.shape[axis]
    made: Plan = plan(prod(first.shape) // columns, columns)
    recipe = Recipe()
    for number, (name, layout) in enumerate(arrays.items()):
        recipe.take(number, layout, name, order)
    recipe.give("y" if "y" not in arrays else "dx", first.shape, order)
    return recipe.add(made)
