"""Few results for each pixel: vectors run along the sum, which is as long as the neighbouring numbers of a pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import llvmlite.ir as ir

from engine.kernels.cpu.ahead import Job
from engine.kernels.cpu.emit import Code
from engine.kernels.cpu.geometry import Dim
from engine.kernels.cpu.values import POINTER, VOID, Value, Variable

UNROLLED = 9  # steps of a sum that are written out


@dataclass(frozen=True)
class Dots:
    """C[rows, pixels, columns] = sum over reduce and depth of A[rows, pixels, reduce, depth] B[reduce, columns, depth].

    Args:
        rows: axes that B does not have.
        pixels: the last of them.
        columns: how many, next to each other in C.
        reduce: axes that C does not have.
        depth: numbers that lie next to each other in A and in B.
        column: distance between columns in B.
    """

    rows: tuple[Dim, ...]
    pixels: Dim
    columns: int
    reduce: tuple[Dim, ...]
    depth: int
    column: int

    def job(self, code: Code, a: Value, b: Value, c: Value, known: dict[Dots, Any]) -> Job:
        """All of it, with a call for each row of pixels.

        What computes a row is a function that all share whose rows are alike, kept in `known`: written out again for
        each of many phases, it would take the compiler minutes.
        """
        alike = replace(self, rows=())
        if alike not in known:
            known[alike] = alike._row(code.module, f"dots{len(known)}")

        def run(each: Callable[[], None]) -> None:
            self._rows(code, self.rows, a, b, c, known[alike], each)

        return Job(prod(dim.size for dim in self.rows), run)

    def _rows(self, code: Code, dims: tuple[Dim, ...], a: Value, b: Value, c: Value, row: Any,
              each: Callable[[], None]) -> None:  # fmt: skip
        if not dims:
            each()
            code.call(row, a, b, c)
            return
        with code.loop(0, dims[0].size) as index:
            self._rows(code, dims[1:], code.at(a, index * dims[0].a), b, code.at(c, index * dims[0].c), row, each)

    def _row(self, module: ir.Module, name: str) -> Any:
        """name(a, b, c): the results of a row of pixels."""
        code = Code(module, name, ir.FunctionType(VOID, [POINTER] * 3))
        code.function.attributes.add("noinline")
        a, b, c = code.arguments
        lanes, size = code.lanes, self.pixels.size
        with code.loop(0, size - size % lanes, lanes) as first:
            self._pixels(code, a, b, c, first, lanes)
        if size % lanes:
            self._pixels(code, a, b, c, code.int(size - size % lanes), size % lanes)
        return code.finish()

    def _pixels(self, code: Code, a: Value, b: Value, c: Value, first: Value, count: int) -> None:
        a, c = code.at(a, first * self.pixels.a), code.at(c, first * self.pixels.c)
        for column in range(self.columns):
            totals = [code.variable(code.float(0.0, code.lanes)) for _ in range(count)]
            self._sum(code, self.reduce, a, code.at(b, column * self.column), totals)
            result = across(code, [total.get() for total in totals])
            if self.pixels.c == 1:
                code.store(result, c, 0, count)
                continue
            for lane in range(count):
                code.store(code.lane(result, lane), c, lane * self.pixels.c + column)

    def _sum(self, code: Code, dims: tuple[Dim, ...], a: Value, b: Value, totals: list[Variable]) -> None:
        if not dims:
            return self._along(code, a, b, totals)

        def step(index: Value) -> None:
            self._sum(code, dims[1:], code.at(a, index * dims[0].a), code.at(b, index * dims[0].b), totals)

        if prod(dim.size for dim in dims) <= UNROLLED:
            for index in range(dims[0].size):
                step(code.int(index))
            return
        with code.loop(0, dims[0].size) as index:
            step(index)

    def _along(self, code: Code, a: Value, b: Value, totals: list[Variable]) -> None:
        def add(start: Value, count: int) -> None:
            factor = code.load(b, start, code.lanes, count)
            for pixel, total in enumerate(totals):
                number = code.load(a, start + pixel * self.pixels.a, code.lanes, count)
                total.set(code.fma(number, factor, total.get()))

        rest = self.depth % code.lanes
        with code.loop(0, self.depth - rest, code.lanes) as start:
            add(start, code.lanes)
        if rest:
            add(code.int(self.depth - rest), rest)


def across(code: Code, vectors: list[Value]) -> Value:
    """The sums of the lanes of up to as many vectors as there are lanes, each in its own lane."""
    lanes = code.lanes
    vectors = vectors + [code.float(0.0, lanes)] * (lanes - len(vectors))
    distance = lanes // 2
    while distance:
        own = [j if not j & distance else lanes + j for j in range(lanes)]
        other = [j + distance if not j & distance else lanes + j - distance for j in range(lanes)]
        pairs = [(vectors[i], vectors[i + distance]) for i in range(distance)]
        vectors = [code.shuffle(a, b, own) + code.shuffle(a, b, other) for a, b in pairs]
        distance //= 2
    return vectors[0]
