"""Recurrent layers over whole sequences, back through time: every thread takes some samples through all steps."""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir

from engine.kernels.cpu import pack
from engine.kernels.cpu.cells import Cell
from engine.kernels.cpu.contraction import Tiles
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.geometry import Contraction, Dim, best_width
from engine.kernels.cpu.host import host
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.recurrent import Sequence, for_samples
from engine.kernels.cpu.values import Value


def backward(kind: str, steps: int, samples: int, hidden: int, initial: bool = False, reverse: bool = False,
             batch_first: bool = False, cell_gradient: bool = False) -> Plan:  # fmt: skip
    """Gradients of the gates' sums and of where the state began; all else follows from them as in a linear layer.

    Arrays: grad (T, N, H), of the states; weight_hh (G, H); gates (but for Elman networks), before; for an LSTM cells,
    if initial cell (N, H), and with `cell_gradient` dlast (N, H), the gradient of the cell at the end; for a GRU
    recalled; for an Elman network states. Written: sums (T, N, G); dhidden (N, H); for an LSTM dcell (N, H); for a GRU
    "state sums" (T, N, G), where the sums from the state have gradients of their own.

    The weights' gradients: weight_ih from sums and x, weight_hh from sums ("state sums") and before, biases likewise.

    Args:
        kind, steps, samples, hidden, initial, reverse, batch_first: as in `recurrent.forward`.
        cell_gradient: whether there is a gradient of the last cell.
    """
    spec = Sequence(Cell(kind), steps, samples, hidden, batch_first, reverse, initial)
    width = best_width(hidden, spec.share) * host().lanes
    packing = Step(pack.kernel(*pack.panels(spec.gates, hidden, (hidden, 1), width)), ("weight_hh", "packed weight"))
    names = _names(spec, cell_gradient)
    kernel = Kernel(emit_backward, (spec, spec.share, cell_gradient), alone=spec.share >= samples)
    return Plan((packing, Step(kernel, names)), {"packed weight": pack.panel_floats(spec.gates, hidden, width)})


def _names(spec: Sequence, cell_gradient: bool) -> tuple[str, ...]:
    shared = ("grad", "packed weight", "sums", "dhidden")
    if spec.cell.name == "lstm":
        given = ("cell",) if spec.initial else ()
        return (*shared, "gates", "cells", "dcell", *given, *(("dlast",) if cell_gradient else ()))
    if spec.cell.name == "gru":
        return (*shared, "gates", "recalled", "before", "state sums")
    return (*shared, "states")


def emit_backward(spec: Sequence, share: int, cell_gradient: bool) -> ir.Module:
    """Each thread takes its samples back through all steps."""
    code = new_kernel("recurrent_backward")
    block, thread, threads = code.arguments
    at = {name: code.pointer(block, slot) for slot, name in enumerate(_names(spec, cell_gradient))}
    for_samples(code, spec, share, thread, threads, _Backward(code.module, spec, at, best_width(spec.hidden, share)))
    code.finish()
    return code.module


class _Backward:
    """All steps of some samples."""

    def __init__(self, module: ir.Module, spec: Sequence, at: dict[str, Value], width: int) -> None:
        self.module, self.spec, self.at, self.width = module, spec, at, width

    def __call__(self, code: Code, first: Value, samples: int) -> None:
        spec, hidden = self.spec, self.spec.hidden
        pack.clear(code, code.at(self.at["dhidden"], first * hidden), samples * hidden)
        if spec.cell.has_cell:
            target = code.at(self.at["dcell"], first * hidden)
            if "dlast" in self.at:
                pack.copy_row(code, code.at(self.at["dlast"], first * hidden), target, samples * hidden)
            else:
                pack.clear(code, target, samples * hidden)
        tiles = self._product(samples)
        with code.loop(0, spec.steps - 1) as back:
            self._step(code, first, samples, (spec.steps - 1) - back, tiles, False)
        self._step(code, first, samples, code.int(0), tiles, True)

    def _product(self, samples: int) -> Tiles:
        """dhidden (+)= sums weight_hh"""
        spec, lanes = self.spec, host().lanes
        _, wide = spec.strides(spec.gates)
        columns = self.width * lanes
        contraction = Contraction(
            outer=(),
            rows=(Dim(samples, a=wide, c=spec.hidden),),
            columns=spec.hidden,
            reduce=(Dim(spec.gates, a=1, b=columns),),
            panel=spec.gates * columns,
            accumulate=spec.cell.name == "gru",
            width=self.width,
            steps=spec.gates,
        ).simplified()
        return Tiles(self.module, contraction, f"product{samples}_")

    def _step(self, code: Code, first: Value, samples: int, number: Value, tiles: Tiles, begins: bool) -> None:
        """One step back; `begins`: it is the first of the sequence."""
        spec, hidden, lanes = self.spec, self.spec.hidden, code.lanes
        time, before = spec.step(number), spec.step(number - 1)
        whole = hidden // lanes * lanes
        with code.loop(first, first + samples) as sample:
            with code.loop(0, whole, lanes) as unit:
                self._cell(code, sample, time, before, unit, lanes, begins)
            if whole < hidden:
                self._cell(code, sample, time, before, code.int(whole), hidden - whole, begins)
        step, each = spec.strides(spec.gates)
        source = self.at["state sums" if spec.cell.name == "gru" else "sums"]
        pointers = [code.at(source, time * step + first * each), self.at["packed weight"],
                    code.at(self.at["dhidden"], first * hidden)]  # fmt: skip
        tiles.walk(code, pointers, code.int(0), code.int(tiles.count))

    def _cell(
        self, code: Code, sample: Value, time: Value, before: Value, unit: Value, count: int, begins: bool
    ) -> None:
        spec, hidden, lanes, at = self.spec, self.spec.hidden, code.lanes, self.at
        step, each = spec.strides(hidden)
        far, wide = spec.strides(spec.gates)
        here, gates = time * step + sample * each + unit, time * far + sample * wide + unit
        own = sample * hidden + unit
        load = lambda name, place: code.load(at[name], place, lanes, count)  # noqa: E731
        values: dict[str, Value] = {}
        for name in ("cells", "recalled"):
            if name in at:
                values[name] = load(name, here)
        if spec.cell.has_cell:
            values["dcell"] = load("dcell", own)
            values["c"] = self._cell_before(code, load, before * step + sample * each + unit, own, begins)
        elif spec.cell.name == "gru":
            values["h"] = load("before", here)
        else:
            values["h"] = load("states", here)
        d_hidden = load("grad", here) + load("dhidden", own)
        after = [load("gates", gates + g * hidden) for g in range(spec.cell.gates)] if "gates" in at else []
        results = spec.cell.backward(d_hidden, after, values)
        self._store(code, results, gates, own, count)

    def _cell_before(self, code: Code, load: Any, place: Value, own: Value, begins: bool) -> Value:
        if not begins:
            return load("cells", place)
        return load("cell", own) if "cell" in self.at else code.float(0.0, code.lanes)

    def _store(self, code: Code, results: dict[str, Value], gates: Value, own: Value, count: int) -> None:
        for g in range(self.spec.cell.gates):
            place = gates + g * self.spec.hidden
            code.store(results[str(g)], self.at["sums"], place, count)
            if f"s{g}" in results:
                code.store(results[f"s{g}"], self.at["state sums"], place, count)
        for name in ("dcell", "dhidden"):
            if name in results:
                code.store(results[name], self.at[name], own, count)
