"""What follows a sum before it is stored: formulas over it and over operands, with as many results as wanted."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from engine.kernels.cpu.emit import Code
from engine.kernels.cpu.expression import Expr, evaluate
from engine.kernels.cpu.geometry import Contraction, Dim
from engine.kernels.cpu.values import F32, I8, I32, Value

SHORT = 5  # operations that are written out for every vector of a tile; more are put into a loop over its rows


def kind_of(spec: Contraction, operand: int) -> Any:
    """The type of an operand's elements."""
    return I8 if operand in spec.bytes else F32


def finish(code: Code, spec: Contraction, rows: list[Dim], valid: list[int], totals: dict[Any, Any], c: Value,
           operands: list[Value]) -> None:  # fmt: skip
    """Write the results of a tile whose sums are `totals`.

    Args:
        code: the tile's function.
        spec: what it is a tile of.
        rows: where each row lies, as offsets.
        valid: columns in each vector.
        totals: the sum's variable by (row, vector).
        c, operands: addresses of the tile's first elements.
    """
    lanes = code.lanes
    operations = len({e for _, formula in spec.results for e in _operations(formula)})
    strides = _strides(rows)
    if strides is None or len(rows) == 1 or operations <= SHORT:
        known: dict[Any, Value] = {}
        for r, row in enumerate(rows):
            for v, count in enumerate(valid):
                _cell(code, spec, row, v, count, totals[r, v].get(), c, operands, known)
        return
    room = code.room(len(rows) * len(valid) * lanes)
    for (r, v), total in totals.items():
        code.store(total.get(), room, (r * len(valid) + v) * lanes)
    with code.loop(0, len(rows)) as r:
        at = code.at(c, r * strides.c)
        places = [code.at(p, r * s, kind_of(spec, i)) for i, (p, s) in enumerate(zip(operands, strides.operands))]
        for v, count in enumerate(valid):
            total = code.load(room, r * (len(valid) * lanes) + v * lanes, lanes)
            _cell(code, spec, rows[0], v, count, total, at, places, {})


def _cell(code: Code, spec: Contraction, row: Dim, v: int, count: int, total: Value, c: Value, operands: list[Value],
          known: dict[Any, Value]) -> None:  # fmt: skip
    """One vector: `known` are operands that several cells share."""
    used = {name for _, formula in spec.results for name in formula.leaves()}
    values = {"sum": total}
    for i, pointer in enumerate(operands):
        if str(i) in used:
            place = (i, row.operands[i], v if spec.operand_columns[i] else 0)
            if place not in known:
                known[place] = _operand(code, spec, i, pointer, row.operands[i], v, count)
            values[str(i)] = known[place]
    computed: dict[Expr, Value] = {}
    results = [(operand, evaluate(formula, values, computed)) for operand, formula in spec.results]
    for operand, value in results:
        pointer, offset = (c, row.c) if operand < 0 else (operands[operand], row.operands[operand])
        code.store(value, pointer, offset + v * code.lanes, count)


def _operand(code: Code, spec: Contraction, i: int, pointer: Value, offset: int, v: int, count: int) -> Value:
    lanes, kind = code.lanes, kind_of(spec, i)
    if spec.operand_columns[i] == 0:
        value = code.splat(code.load(pointer, offset, kind=kind), lanes)
    else:
        value = code.load(pointer, offset + v * lanes, lanes, count, kind)
    return value if kind == F32 else code.to_float(code.extend(value, I32))


def _strides(rows: list[Dim]) -> Dim | None:
    """The distances from row to row, if they are all the same."""
    if len(rows) == 1:
        return rows[0]
    steps = {tuple(b - a for a, b in zip(*pair)) for pair in pairwise(row.strides for row in rows)}
    if len(steps) > 1:
        return None
    ((a, b, c, *operands),) = steps
    return Dim(1, a, b, c, tuple(operands))


def _operations(formula: Expr) -> list[Expr]:
    if formula.op in ("leaf", "number"):
        return []
    return [formula, *(e for arg in formula.args for e in _operations(arg))]
