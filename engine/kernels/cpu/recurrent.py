"""Recurrent layers over whole sequences, forward: one layer and one direction at a time.

The products with the input are one for all steps. Then every thread takes some samples through all steps by itself:
the weight of the state stays in its second-level cache, and no thread waits for another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import llvmlite.ir as ir

from engine.kernels.cpu import pack
from engine.kernels.cpu.cells import Cell
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.expression import leaf
from engine.kernels.cpu.geometry import pieces
from engine.kernels.cpu.host import host
from engine.kernels.cpu.pool import num_threads
from engine.kernels.cpu.products import Matrix, product
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.values import POINTER, VOID, Value

SOURCES = {"row": "before", "next": "states"}  # arrays of what a tile is given under another name
SMALL_STEP = 4000  # multiply-adds of a step that one thread does sooner than several


@dataclass(frozen=True)
class Sequence:
    """Sizes and layout.

    Args:
        cell: the kind of cell.
        steps, samples, hidden: sizes T, N and H.
        batch_first: whether arrays lie as (N, T, ...) instead of (T, N, ...).
        reverse: whether the last step is taken first.
        initial: whether the state begins with given arrays, not with zeros.
        bias: whether the sums from the state have a bias of their own (GRU).
    """

    cell: Cell
    steps: int
    samples: int
    hidden: int
    batch_first: bool = False
    reverse: bool = False
    initial: bool = False
    bias: bool = True

    @property
    def gates(self) -> int:
        """Width of the gates' arrays."""
        return self.cell.gates * self.hidden

    @property
    def share(self) -> int:
        """Samples that a thread takes together."""
        threads = 1 if self.samples * self.gates * self.hidden < SMALL_STEP else num_threads()
        return ceil(self.samples / threads)

    def strides(self, width: int) -> tuple[int, int]:
        """Distances between steps and samples of an array of rows of `width`."""
        return (width, self.steps * width) if self.batch_first else (self.samples * width, width)

    def step(self, number: Value) -> Value:
        """The time of the number-th step that is taken."""
        return (self.steps - 1) - number if self.reverse else number


def forward(kind: str, steps: int, samples: int, inputs: int, hidden: int, bias: bool = True, initial: bool = False,
            reverse: bool = False, batch_first: bool = False) -> Plan:  # fmt: skip
    """States of all steps, and what backward needs.

    Arrays, with G = 4 H (LSTM), 3 H (GRU) or H: x (T, N, I), weight_ih (G, I), weight_hh (G, H), bias_ih, bias_hh (G);
    if initial, hidden and, for an LSTM, cell (N, H). Written: states (T, N, H); before (T, N, H), the state before each
    step; gates (T, N, G) after their activations, but for Elman networks, where they are room to compute in; for an
    LSTM cells (T, N, H) and last (N, H), the cell at the end; for a GRU recalled (T, N, H), W_hn h + b_hn.

    Args:
        kind: "lstm", "gru", "tanh" or "relu".
        steps, samples, inputs, hidden: sizes T, N, I, H.
        bias: whether there are biases.
        initial: whether the state begins with arrays; else with zeros.
        reverse: whether the last step is taken first.
        batch_first: all arrays (T, N, ...) lie as (N, T, ...).
    """
    cell = Cell(kind)
    spec = Sequence(cell, steps, samples, hidden, batch_first, reverse, initial, bias and kind == "gru")
    width, formula, operands = spec.gates, leaf("sum"), []
    for name in ("bias_ih", "bias_hh")[: (1 if kind == "gru" else 2) if bias else 0]:
        formula, operands = formula + leaf(name), [*operands, Matrix(name, 0, 1)]
    first = product(steps * samples, inputs, width, Matrix("x", inputs, 1), Matrix("weight_ih", 1, inputs),
                    Matrix("gates", width, 1), epilogue=formula, operands=tuple(operands))  # fmt: skip
    packing = Step(pack.kernel(*_panels(spec)), ("weight_hh", "packed state weight"))
    names = _names(spec)
    kernel = Kernel(emit_forward, (spec, spec.share), alone=spec.share >= samples)
    scratch = {**first.scratch, "packed state weight": ceil(hidden / host().lanes) * hidden * cell.gates * host().lanes}
    return Plan((*first.steps, packing, Step(kernel, names)), scratch)


def _names(spec: Sequence) -> tuple[str, ...]:
    given = (("hidden", *(("cell",) if spec.cell.has_cell else ())) if spec.initial else ()) + (
        ("bias_hh",) if spec.bias else ()
    )
    last = ("last",) if spec.cell.has_cell else ()
    return ("gates", "packed state weight", "states", "before", *spec.cell.kept, *last, *given)


def _panels(spec: Sequence) -> list[pack.Move]:
    """For each vector of hidden units the weights of all gates side by side, step by step of the sum."""
    lanes, hidden, gates = host().lanes, spec.hidden, spec.cell.gates
    whole, rest = divmod(hidden, lanes)
    block, moves = hidden * gates * lanes, []
    for gate in range(gates):
        start = (gate * hidden * hidden, gate * lanes)
        if whole:
            outer = ((whole, lanes * hidden, block),)
            moves.append(pack.Move(outer, hidden, lanes, (1, hidden), gates * lanes, start))
        if rest:
            begun = (start[0] + whole * lanes * hidden, start[1] + whole * block)
            moves.append(pack.Move((), hidden, rest, (1, hidden), gates * lanes, begun))
    return moves


def emit_forward(spec: Sequence, share: int) -> ir.Module:
    """Each thread takes its samples through all steps."""
    code = new_kernel("recurrent_forward")
    block, thread, threads = code.arguments
    names = _names(spec)
    at = {name: code.pointer(block, slot) for slot, name in enumerate(names)}
    for_samples(code, spec, share, thread, threads, _Forward(code.module, spec, at))
    code.finish()
    return code.module


def for_samples(code: Code, spec: Sequence, share: int, thread: Value, threads: Value, work: Any) -> None:
    """Call work(code, first sample, how many) for this thread's samples; the last share may be smaller."""
    shares = ceil(spec.samples / share)
    rest = spec.samples - (shares - 1) * share
    with code.loop(*code.share(shares, thread, threads)) as number:
        first = number * share
        if shares == 1 or rest == share:
            work(code, first, rest)
        else:
            _either(code, number, shares, lambda: work(code, first, share), lambda: work(code, first, rest))


def _either(code: Code, number: Value, count: int, whole: Callable[[], None], last: Callable[[], None]) -> None:
    """The last of some parts differs from the others."""
    with code.ir.if_else((number < count - 1).ir) as (is_whole, is_last):
        with is_whole:
            whole()
        with is_last:
            last()


class _Forward:
    """All steps of some samples."""

    def __init__(self, module: ir.Module, spec: Sequence, at: dict[str, Value]) -> None:
        self.module, self.spec, self.at = module, spec, at
        self._tiles: dict[tuple[int, int], Any] = {}

    def __call__(self, code: Code, first: Value, samples: int) -> None:
        spec, hidden, lanes = self.spec, self.spec.hidden, code.lanes
        self._begin(code, first, samples)
        most = {4: 6, 3: 8, 1: 16}[spec.cell.gates] if host().registers >= 32 else {4: 2, 3: 3, 1: 8}[spec.cell.gates]
        blocks = ceil(hidden / lanes)
        with code.loop(0, spec.steps) as number:
            moments = (spec.step(number), spec.step(number + 1), number < spec.steps - 1)
            with code.loop(0, blocks) as block:
                row = 0
                for size in pieces(samples, most):
                    places = self._places(code, moments, first + row, block * lanes)
                    row += size
                    self._tile(code, size, block, blocks, places)

    def _begin(self, code: Code, first: Value, samples: int) -> None:
        """The state before the first step."""
        spec, hidden = self.spec, self.spec.hidden
        time, sample = spec.strides(hidden)
        start = time * (spec.steps - 1) if spec.reverse else 0
        with code.loop(first, first + samples) as n:
            targets = {"hidden": code.at(self.at["before"], n * sample + start)}
            if spec.cell.has_cell:
                targets["cell"] = code.at(self.at["last"], n * hidden)
            for name, target in targets.items():
                if spec.initial:
                    pack.copy_row(code, code.at(self.at[name], n * hidden), target, hidden)
                else:
                    pack.clear(code, target, hidden)

    def _places(self, code: Code, moments: tuple[Value, Value, Value], sample: Value, unit: Value) -> list[Value]:
        """`moments`: this step's time, the next one's, and whether there is a next one."""
        spec, places = self.spec, []
        now, following, goes_on = moments
        for name in self._arguments():
            if name == "weights":
                block = unit * (spec.hidden * spec.cell.gates)
                places.append(code.at(self.at["packed state weight"], block))
            elif name == "bias_hh":
                places.append(code.at(self.at[name], unit))
            elif name == "last":
                places.append(code.at(self.at[name], sample * spec.hidden + unit))
            else:
                step, each = spec.strides(spec.gates if name == "gates" else spec.hidden)
                begun = code.int(0) if name == "row" else unit
                place = code.at(self.at[SOURCES.get(name, name)], now * step + sample * each + begun)
                if name == "next":
                    ahead = code.at(self.at["before"], following * step + sample * each + unit)
                    place = code.select(goes_on, ahead, place)
                places.append(place)
        return places

    def _arguments(self) -> tuple[str, ...]:
        spec = self.spec
        last, bias = ("last",) if spec.cell.has_cell else (), ("bias_hh",) if spec.bias else ()
        return ("row", "weights", "gates", "states", "next", "before", *spec.cell.kept, *last, *bias)

    def _tile(self, code: Code, rows: int, block: Value, blocks: int, places: list[Value]) -> None:
        lanes = code.lanes
        rest = self.spec.hidden - (blocks - 1) * lanes
        if rest == lanes or blocks == 1:
            code.call(self._compiled(rows, rest), *places)
            return
        whole, last = self._compiled(rows, lanes), self._compiled(rows, rest)
        _either(code, block, blocks, lambda: code.call(whole, *places), lambda: code.call(last, *places))

    def _compiled(self, rows: int, count: int) -> Any:
        if (rows, count) not in self._tiles:
            self._tiles[rows, count] = self._write(rows, count)
        return self._tiles[rows, count]

    def _write(self, rows: int, count: int) -> Any:
        """tile(places...): the sums of some samples and a vector of units, then the cell."""
        spec, names = self.spec, self._arguments()
        code = Code(self.module, f"tile_{rows}x{count}", ir.FunctionType(VOID, [POINTER] * len(names)))
        code.function.attributes.add("noinline")
        at = dict(zip(names, code.arguments))
        lanes, gates, hidden = code.lanes, spec.cell.gates, spec.hidden
        (_, each), (_, wide) = spec.strides(hidden), spec.strides(spec.gates)
        totals = {}
        for r in range(rows):
            for g in range(gates):
                totals[r, g] = code.variable(self._begun(code, at, r * wide, g, count))
        with code.loop(0, hidden) as k:
            weights = [code.load(at["weights"], k * (gates * lanes) + g * lanes, lanes) for g in range(gates)]
            for r in range(rows):
                number = code.splat(code.load(at["row"], k + r * each), lanes)
                for g in range(gates):
                    totals[r, g].set(code.fma(number, weights[g], totals[r, g].get()))
        room = code.room(rows * gates * lanes)
        for (r, g), total in totals.items():
            code.store(total.get(), room, (r * gates + g) * lanes)
        with code.loop(0, rows) as r:
            sums = [code.load(room, r * (gates * lanes) + g * lanes, lanes) for g in range(gates)]
            self._finish(code, at, sums, r, count)
        return code.finish()

    def _begun(self, code: Code, at: dict[str, Value], offset: int, gate: int, count: int) -> Value:
        """What a sum begins with: what the input adds, and the bias."""
        spec, hidden, lanes = self.spec, self.spec.hidden, code.lanes
        if spec.cell.name != "gru":
            return code.load(at["gates"], offset + gate * hidden, lanes, count)
        zero = code.float(0.0, lanes)
        bias = code.load(at["bias_hh"], gate * hidden, lanes, count) if spec.bias else zero
        return bias if gate == 2 else bias + code.load(at["gates"], offset + gate * hidden, lanes, count)

    def _finish(self, code: Code, at: dict[str, Value], sums: list[Value], row: Value, count: int) -> None:
        spec, hidden, lanes = self.spec, self.spec.hidden, code.lanes
        (_, each), (_, wide) = spec.strides(hidden), spec.strides(spec.gates)
        values = {}
        if spec.cell.has_cell:
            values["c"] = code.load(at["last"], row * hidden, lanes, count)
        if spec.cell.name == "gru":
            values["h"] = code.load(at["before"], row * each, lanes, count)
            values["x"] = code.load(at["gates"], row * wide + 2 * hidden, lanes, count)
        results = spec.cell.forward(sums, values)
        for g in range(spec.cell.gates):
            if str(g) in results:
                code.store(results[str(g)], at["gates"], row * wide + g * hidden, count)
        for name in spec.cell.kept:
            code.store(results[name], at[name], row * each, count)
        if spec.cell.has_cell:
            code.store(results["cells"], at["last"], row * hidden, count)
        for name in ("states", "next"):
            code.store(results["h"], at[name], row * each, count)
