"""Rules of tables: rows by index, and the gradient that goes back to them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.kernels import cpu
from engine.kernels.cpu.expression import leaf
from engine.kernels.update import Update
from engine.plan.lazy import SUM, Gather, Heavy, Lazy
from engine.plan.lower import FLOAT, Lowering, rule
from engine.plan.places import Place
from engine.plan.trace import Call

INDEX = np.dtype(np.int64)


@rule("rows")
def rows(low: Lowering, call: Call) -> bool:
    """y = table[index]"""
    table, index = call.arguments
    if table.dtype != FLOAT or index.dtype != INDEX or table.ndim != 2 or not index.size:
        return False
    out = low.env[call.results] = low.new(call.results.shape)
    low.emit(cpu.embedding.gather(index.size, table.shape[1]), table=low.packed(table), index=low.packed(index), y=out)
    return True


@rule("add_rows")
def add_rows(low: Lowering, call: Call) -> bool:
    """The gradient of a table: dense where it is wanted, or the optimizer's step right from the rows'."""
    count, index, values = call.arguments
    if values.dtype != FLOAT or index.dtype != INDEX or values.ndim != 2 or not index.size:
        return False
    samples, columns = values.shape
    reads = {"dy": low.packed(values), "index": low.packed(index)}

    def emit(lazy: Lazy, gather: Gather | None) -> Place | None:
        if gather or lazy.expr != leaf(SUM):
            return None
        out = low.new((count, columns))
        low.emit(cpu.embedding.gradient(samples, count, columns), **reads, dtable=out)
        return out

    def update(step: Update, places: Mapping[str, Place]) -> None:
        low.emit(cpu.embedding.update(samples, count, columns, step), **reads, **places)

    heavy = Heavy(emit, tuple(place.buffer for place in reads.values()), (count, columns), update=update)
    low.env[call.results] = Lazy((count, columns), leaf(SUM), {}, heavy)
    return True
