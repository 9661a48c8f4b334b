"""Sums of formulas over any axes, element-wise results on the way.

Long sums are taken in bands whose number depends on the sizes alone, and the bands are added in order: the number of
threads changes no bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod

import llvmlite.ir as ir

from engine.kernels.cpu.elementwise import SMALL_LOOP, strides_for
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.expression import Expr, evaluate
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.values import Value, Variable

BANDS, BAND = 32, 4096  # at most so many bands, each of at least so many elements
UNROLL = 4
Axis = tuple[int, bool, tuple[int, ...]]  # size, whether it is summed over, strides of the stored arrays and the inputs


@dataclass(frozen=True)
class Sums:
    """Sums over some axes, and formulas that are stored for each element.

    Args:
        shape: of all elements.
        axes: those that are summed over.
        inputs: names and strides, 0 where an axis is stretched.
        sums: formulas and factors of the sums.
        stored: formulas of arrays of the whole shape.
    """

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    sums: tuple[tuple[Expr, float], ...]
    stored: tuple[Expr, ...]

    @property
    def kept(self) -> int:
        """Numbers in each result."""
        return prod(size for axis, size in enumerate(self.shape) if axis not in self.axes)

    @property
    def bands(self) -> int:
        summed = prod(self.shape[axis] for axis in self.axes)
        elements = prod(self.shape)
        wanted = min(BANDS, elements // BAND)
        return 1 if self.kept >= 4 * BANDS or wanted < 2 else min(wanted, max(1, summed // 16))

    def joined(self) -> list[Axis]:
        """The axes, joined where they lie as one; those of size 1 are left out."""
        result: list[Axis] = []
        step = prod(self.shape)
        for axis, size in enumerate(self.shape):
            step //= size
            if size == 1:
                continue
            summed, strides = axis in self.axes, (step, *(strides[axis] for _, strides in self.inputs))
            if result and result[-1][1] == summed and all(a == b * size for a, b in zip(result[-1][2], strides)):
                result[-1] = (result[-1][0] * size, summed, strides)
            else:
                result.append((size, summed, strides))
        return result or [(1, True, (1, *(0 for _ in self.inputs)))]


def sums(shape: tuple[int, ...], axes: tuple[int, ...], inputs: dict[str, tuple[int, ...]],
         results: dict[str, tuple[Expr, float]], stored: dict[str, Expr] | None = None) -> Plan:  # fmt: skip
    """result = factor · Σ formula, over `axes`; stored = formula, element by element.

    Args:
        shape: of all elements.
        axes: those that are summed over.
        inputs: names and shapes, stretched as in NumPy; an input may be stored too.
        results: names, formulas and factors.
        stored: names and formulas of arrays of the whole shape.

    >>> from engine.kernels.cpu.expression import leaf
    >>> import numpy as np
    >>> x, mean = np.ones((4, 3), np.float32), np.zeros(3, np.float32)
    >>> sums((4, 3), (0,), {"x": (4, 3)}, {"mean": (leaf("x"), 0.25)})(x=x, mean=mean)
    >>> mean.tolist()
    [1.0, 1.0, 1.0]
    """
    stored = stored or {}
    lies = tuple((name, strides_for(source, shape)) for name, source in inputs.items())
    spec = Sums(shape, tuple(sorted(axes)), lies, tuple(results.values()), tuple(stored.values()))
    return planned(spec, tuple(results), tuple(stored))


def planned(spec: Sums, results: tuple[str, ...], stored: tuple[str, ...] = ()) -> Plan:
    """The plan of sums; arrays are the inputs, and what is named here."""
    inputs = tuple(name for name, _ in spec.inputs)
    size, small = spec.kept * len(results), prod(spec.shape) < SMALL_LOOP
    if spec.bands == 1:
        return Plan((Step(Kernel(emit, (spec,), small), (*inputs, *stored, *results)),))
    first = Step(Kernel(emit, (spec,), small), (*inputs, *stored, "bands"))
    factors = tuple(factor for _, factor in spec.sums)
    join = Kernel(emit_join, (spec.bands, spec.kept, factors), size * spec.bands < SMALL_LOOP)
    return Plan((first, Step(join, ("bands", *results))), {"bands": spec.bands * size})


def emit(spec: Sums) -> ir.Module:
    """Units of work are a band of what is summed and a place of what is kept; the innermost axis goes in vectors."""
    code = new_kernel("sums")
    block, thread, threads = code.arguments
    outputs = 1 if spec.bands > 1 else len(spec.sums)
    pointers = [code.pointer(block, slot) for slot in range(len(spec.inputs) + len(spec.stored) + outputs)]
    work = _Work(code, spec, pointers)
    with code.loop(*code.share(spec.bands * work.places, thread, threads)) as unit:
        work.unit(unit // work.places, unit % work.places)
    code.finish()
    return code.module


class _Work:
    """One band at one place: all axes but the innermost are walked through element by element."""

    def __init__(self, code: Code, spec: Sums, pointers: list[Value]) -> None:
        self.code, self.spec = code, spec
        reads, rest = len(spec.inputs), len(spec.inputs) + len(spec.stored)
        self.reads, self.writes, self.results = pointers[:reads], pointers[reads:rest], pointers[rest:]
        *outer, self.inner = spec.joined()
        self.kept = [axis for axis in outer if not axis[1]]
        self.summed = [axis for axis in outer if axis[1]]
        self.places = prod(size for size, _, _ in self.kept)
        self.rows = prod(size for size, _, _ in self.summed)
        steps = (stride for strides in [self.inner[2]] for stride in strides)
        self.lanes = code.lanes if all(stride in (0, 1) for stride in steps) else 1

    def unit(self, band: Value, place: Value) -> None:
        """`place` is a number among the kept axes but the innermost."""
        code, (size, is_summed, _) = self.code, self.inner
        begun = self._offsets(self.kept, place)
        rows = code.share(self.rows, band, code.int(self.spec.bands)) if self.summed else (code.int(0), code.int(1))
        inside = (code.int(0), code.int(size))
        if not self.summed and is_summed:
            inside = code.share(size, band, code.int(self.spec.bands), self.lanes)
        if is_summed:
            totals = self._totals(UNROLL)
            with code.loop(*rows) as row:
                self._along(self._moved(begun, row), inside, totals)
            for i, each in enumerate(zip(*totals)):
                total = self._added(each)
                self._put(i, band, place, code.total(total) if self.lanes > 1 else total, None)
            return
        with code.loop(0, ceil(size / self.lanes)) as number:
            column = number * self.lanes
            mask = self._mask(column, code.int(size))
            totals = self._totals(2)
            even = rows[0] + (rows[1] - rows[0]) // 2 * 2
            with code.loop(rows[0], even, 2) as row:
                for half in (0, 1):
                    self._vector(self._moved(begun, row + half), column, mask, totals[half])
            with code.loop(even, rows[1]) as row:
                self._vector(self._moved(begun, row), column, mask, totals[0])
            for i, each in enumerate(zip(*totals)):
                self._put(i, band, place * size + column, self._added(each), mask)

    def _along(self, offsets: list[Value], inside: tuple[Value, Value], totals: list[list[Variable]]) -> None:
        code, step = self.code, self.lanes * UNROLL
        start, stop = inside
        many = start + (stop - start) // step * step
        with code.loop(start, many, step) as index:
            for part in range(UNROLL):
                self._vector(offsets, index + part * self.lanes, None, totals[part])
        with code.loop(many, stop, self.lanes) as index:
            self._vector(offsets, index, self._mask(index, stop), totals[0])

    def _vector(self, offsets: list[Value], index: Value, mask: Value | None, totals: list[Variable]) -> None:
        code, lanes = self.code, self.lanes
        values: dict[str, Value] = {}
        for (name, _), pointer, offset, stride in zip(self.spec.inputs, self.reads, offsets[1:], self.inner[2][1:]):
            place = code.at(pointer, offset + index * stride)
            if stride == 0 or lanes == 1:
                values[name] = code.splat(code.load(place), lanes)
            else:
                values[name] = code.load(place, 0, lanes) if mask is None else code.load_masked(place, mask)
        known: dict[Expr, Value] = {}
        stored = [evaluate(formula, values, known) for formula in self.spec.stored]
        for (formula, _), total in zip(self.spec.sums, totals):
            value = evaluate(formula, values, known)
            total.set(total.get() + (value if mask is None else code.select(mask, value, 0.0)))
        for value, pointer in zip(stored, self.writes):
            place = code.at(pointer, offsets[0] + index * self.inner[2][0])
            if mask is None:
                code.store(value, place)
            else:
                code.store_masked(value, place, mask)

    def _put(self, number: int, band: Value, place: Value, value: Value, mask: Value | None) -> None:
        code, spec = self.code, self.spec
        if spec.bands > 1:
            pointer, place = self.results[0], (band * len(spec.sums) + number) * spec.kept + place
        else:
            factor = spec.sums[number][1]
            pointer, value = self.results[number], value if factor == 1.0 else value * factor
        if mask is None:
            code.store(value, pointer, place)
        else:
            code.store_masked(value, code.at(pointer, place), mask)

    def _mask(self, index: Value, stop: Value) -> Value | None:
        return None if self.lanes == 1 else self.code.first(self.lanes, self.code.minimum(stop - index, self.lanes))

    def _totals(self, count: int) -> list[list[Variable]]:
        zero = self.code.float(0.0, self.lanes)
        return [[self.code.variable(zero) for _ in self.spec.sums] for _ in range(count)]

    def _added(self, parts: tuple[Variable, ...]) -> Value:
        values = [part.get() for part in parts]
        while len(values) > 1:
            values = [a + b for a, b in zip(values[::2], values[1::2])]
        return values[0]

    def _offsets(self, axes: list[Axis], number: Value) -> list[Value]:
        code = self.code
        offsets = [code.int(0)] * (1 + len(self.spec.inputs))
        for position, (size, _, strides) in reversed(list(enumerate(axes))):
            index, number = (number % size, number // size) if position else (number, number)
            offsets = [offset + index * stride for offset, stride in zip(offsets, strides)]
        return offsets

    def _moved(self, begun: list[Value], row: Value) -> list[Value]:
        return [a + b for a, b in zip(begun, self._offsets(self.summed, row))]


def emit_join(bands: int, size: int, factors: tuple[float, ...]) -> ir.Module:
    """Each result is its factor times the sum of its bands, in order."""
    code = new_kernel("join_bands")
    block, thread, threads = code.arguments
    source, *results = (code.pointer(block, slot) for slot in range(1 + len(factors)))
    lanes = code.lanes
    with code.loop(*code.share(ceil(size / lanes), thread, threads)) as number:
        column = number * lanes
        mask = code.first(lanes, code.minimum(code.int(size) - column, lanes))
        for i, (factor, result) in enumerate(zip(factors, results)):
            total = code.variable(code.float(0.0, lanes))
            with code.loop(0, bands) as band:
                place = code.at(source, (band * len(factors) + i) * size + column)
                total.set(total.get() + code.load_masked(place, mask))
            code.store_masked(total.get() * factor, code.at(result, column), mask)
    code.finish()
    return code.module
