"""Chains of elementwise operations as one loop."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import llvmlite.ir as ir

from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.expression import Expr, evaluate
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.values import F32, I8, I32, I64, Value

SMALL_LOOP = 30_000  # elements that one thread does sooner than several
UNROLL = 4


@dataclass(frozen=True)
class Chain:
    """outputs = formulas over inputs, element by element.

    Args:
        shape: of the outputs.
        inputs: names and strides (in elements; 0 where an axis is stretched) of what the formulas read. An output may
            be an input too: it is read before it is written.
        outputs: names and formulas.
        targets: strides of each output; they lie in C order where there are none.
        bytes: names of the inputs that are bytes instead of float32 numbers.
    """

    shape: tuple[int, ...]
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    outputs: tuple[tuple[str, Expr], ...]
    targets: tuple[tuple[int, ...], ...] = ()
    bytes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return prod(self.shape)

    def axes(self) -> list[tuple[int, ...]]:
        """(size, strides of the outputs, strides of the inputs) of each axis, joined where they lie as one."""
        result: list[tuple[int, ...]] = []
        targets = self.targets or (strides_for(self.shape, self.shape),) * len(self.outputs)
        for axis, size in enumerate(self.shape):
            if size == 1:
                continue
            strides = (*(strides[axis] for strides in targets), *(strides[axis] for _, strides in self.inputs))
            if result and all(outer == inner * size for outer, inner in zip(result[-1][1:], strides)):
                result[-1] = (result[-1][0] * size, *strides)
            else:
                result.append((size, *strides))
        return result or [(1, *(1 for _ in self.outputs), *(0 for _ in self.inputs))]


def chain(shape: tuple[int, ...], inputs: dict[str, tuple[int, ...]], outputs: dict[str, Expr]) -> Plan:
    """A plan of one loop; inputs are given with their shapes, stretched as in NumPy."""
    spec = Chain(shape, tuple((n, strides_for(s, shape)) for n, s in inputs.items()), tuple(outputs.items()))
    kernel = Kernel(emit, (spec,), alone=spec.size < SMALL_LOOP)
    return Plan((Step(kernel, (*inputs, *outputs)),))


def strides_for(shape: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a C-ordered array of `shape`, stretched to `target`.

    >>> strides_for((4, 1), (3, 4, 5))
    (0, 1, 0)
    """
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(0 if size == 1 else step)
        step *= size
    return (0,) * (len(target) - len(shape)) + tuple(reversed(strides))


def emit(spec: Chain) -> ir.Module:
    """The innermost axis in vectors; the longer of it and the others together is divided among the threads."""
    code = new_kernel("chain")
    block, thread, threads = code.arguments
    names = [name for name, _ in spec.inputs]
    pointers = [code.pointer(block, slot) for slot in range(len(names) + len(spec.outputs))]
    reads, writes = pointers[: len(names)], pointers[len(names) :]
    *outer, inner = spec.axes()
    count_out = len(writes)
    is_plain = all(stride == 1 for stride in inner[1 : 1 + count_out]) and all(
        s in (0, 1) for s in inner[1 + count_out :]
    )
    lanes = code.lanes if is_plain else 1
    fixed = {
        n: code.splat(code.load(p), lanes)
        for (n, s), p in zip(spec.inputs, reads)
        if not any(s) and n not in spec.bytes
    }
    count, size = prod(axis[0] for axis in outer), inner[0]
    if count >= size or (outer and count * size < SMALL_LOOP):
        bounds, inside = code.share(count, thread, threads), (code.int(0), code.int(size))
    else:
        bounds, inside = (code.int(0), code.int(count)), code.share(size, thread, threads, lanes * UNROLL)
    with code.loop(*bounds) as number:
        offsets = _offsets(code, outer, number, count_out + len(names))
        body = _Body(code, spec, inner, _moved(code, spec, reads, offsets[count_out:]), fixed,
                     [code.at(p, o) for p, o in zip(writes, offsets)], lanes)  # fmt: skip
        body.run(*inside)
    code.finish()
    return code.module


def _moved(code: Code, spec: Chain, pointers: list[Value], offsets: list[Value]) -> list[Value]:
    kinds = [I8 if name in spec.bytes else F32 for name, _ in spec.inputs]
    return [code.at(p, offset, kind) for p, offset, kind in zip(pointers, offsets, kinds)]


@dataclass(frozen=True)
class Flat:
    """outputs = formulas over inputs that lie alike; how many elements there are is told when the kernel runs.

    Args:
        inputs: names, and whether it is one number for all elements.
        outputs: names and formulas.
    """

    inputs: tuple[tuple[str, bool], ...]
    outputs: tuple[tuple[str, Expr], ...]


def emit_flat(spec: Flat) -> ir.Module:
    """Arguments: inputs, outputs, the number of elements."""
    code = new_kernel("flat")
    block, thread, threads = code.arguments
    count = len(spec.inputs)
    pointers = [code.pointer(block, slot) for slot in range(count + len(spec.outputs))]
    size = code.number(block, len(pointers), I64)
    inner = (UNROLL * code.lanes, 1, *(0 if single else 1 for _, single in spec.inputs))
    named = tuple((name, (step,)) for (name, _), step in zip(spec.inputs, inner[2:]))
    fixed = {
        name: code.splat(code.load(pointer), code.lanes)
        for (name, single), pointer in zip(spec.inputs, pointers)
        if single
    }
    chained = Chain(inner[:1], named, spec.outputs)
    body = _Body(code, chained, inner, pointers[:count], fixed, pointers[count:], code.lanes)
    body.run(*code.share(size, thread, threads, code.lanes * UNROLL))
    code.finish()
    return code.module


def _offsets(code: Code, axes: list[tuple[int, ...]], number: Value, count: int) -> list[Value]:
    offsets = [code.int(0)] * count
    for position, (size, *strides) in reversed(list(enumerate(axes))):
        index = number % size if position else number
        number = number // size
        offsets = [offset + index * stride for offset, stride in zip(offsets, strides)]
    return offsets


@dataclass
class _Body:
    code: Code
    spec: Chain
    inner: tuple[int, ...]
    reads: list[Value]
    fixed: dict[str, Value]
    writes: list[Value]
    lanes: int

    def run(self, start: Value, stop: Value) -> None:
        """Whole vectors, several at a time, then one masked vector at the end."""
        code, lanes = self.code, self.lanes
        step = lanes * min(UNROLL if len(self.spec.outputs) < 3 else 2, max(1, self.inner[0] // lanes))
        many = start + (stop - start) // step * step
        with code.loop(start, many, step) as index:
            for part in range(0, step, lanes):
                self._store(self._values(index + part, None), index + part, None)
        with code.loop(many, stop, lanes) as index:
            mask = code.first(lanes, code.minimum(stop - index, lanes)) if lanes > 1 else None
            self._store(self._values(index, mask), index, mask)

    def _values(self, index: Value, mask: Value | None) -> list[Value]:
        values = {"": self.code.float(0.0, self.lanes), **self.fixed}  # numbers take their kind from the first
        for (name, _), pointer, stride in zip(self.spec.inputs, self.reads, self.inner[1 + len(self.writes) :]):
            if name not in values:
                kind = I8 if name in self.spec.bytes else F32
                values[name] = self._load(pointer, index, stride, mask, kind)
        known: dict[Expr, Value] = {}
        return [evaluate(expr, values, known) for _, expr in self.spec.outputs]

    def _load(self, pointer: Value, index: Value, stride: int, mask: Value | None, kind: Any) -> Value:
        code = self.code
        if self.lanes == 1 or stride == 0:
            value = code.splat(code.load(pointer, index * stride, kind=kind), self.lanes)
        elif mask is None:
            value = code.load(pointer, index, self.lanes, kind=kind)
        else:
            value = code.load_masked(code.at(pointer, index, kind), mask, kind)
        return value if kind == F32 else code.to_float(code.extend(value, I32))

    def _store(self, results: list[Value], index: Value, mask: Value | None) -> None:
        for value, pointer, stride in zip(results, self.writes, self.inner[1:]):
            if mask is None:
                self.code.store(value, pointer, index if stride == 1 else index * stride)
            else:
                self.code.store_masked(value, self.code.at(pointer, index), mask)
