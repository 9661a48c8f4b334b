"""One formula over images, with what is gathered of its results, as a kernel by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import llvmlite.ir as ir

from engine.kernels.cpu.contraction import PARTS
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.expression import Expr, leaf, substitute
from engine.kernels.cpu.operands import Epilogue, Source
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.sweep import Plane, Sweep, contiguous
from engine.kernels.cpu.values import Value

SMALL = 30_000  # numbers that one thread does sooner than several
PIECE = 8 * 1024  # numbers in a piece: it stays in the first-level cache between the passes over it
MOST_PIECES = 256
MOST_CHANNELS = 2**17  # whose moments are gathered: their pivots lie on the stack, half a megabyte
PIVOT = "mean of the first row"
PLAIN = Epilogue()


@dataclass(frozen=True)
class Pass:
    """out = formula(source), over pieces of images.

    Args:
        images, height, width, channels: sizes.
        step: rows of an image in a piece; the last piece of an image may be shorter.
        source: what is read.
        epilogue: what is stored and gathered; its "sum" is what the source gives.
        stores: whether the result is stored, in the array "out".
    """

    images: int
    height: int
    width: int
    channels: int
    step: int
    source: Source
    epilogue: Epilogue
    stores: bool

    @property
    def bands(self) -> int:
        return ceil(self.height / self.step)

    @property
    def pieces(self) -> int:
        return self.images * self.bands

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the kernel's arrays."""
        gathered = [*(["moments"] if self.epilogue.moments else []), *(["sums"] if self.epilogue.sums else [])]
        return tuple(
            dict.fromkeys([*self.source.names, *self.epilogue.names, *(["out"] if self.stores else []), *gathered])
        )

    def plan(self) -> Plan:
        alone = self.images * self.height * self.width * self.channels < SMALL
        return Plan((Step(Kernel(emit, (self,), alone), self.arguments),))


def over(images: int, height: int, width: int, channels: int, source: Source, epilogue: Epilogue = PLAIN,
         stores: bool = True, step: int = 0) -> Plan:  # fmt: skip
    """out = the epilogue of the source, over images (N, H, W, C).

    Arrays: those of the source and the epilogue, out, moments and sums (pieces, ..., channels), the pieces being
    images x ceil(height / step).

    Args:
        images, height, width, channels: sizes.
        source: what is read.
        epilogue: what is stored and gathered.
        stores: whether there is an array out, beside what is gathered.
        step: rows in a piece; 0 for whole images.
    """
    return Pass(images, height, width, channels, step or height, source, epilogue, stores).plan()


def rows_in_piece(rows: int, channels: int) -> int:
    """How a matrix is best cut.

    >>> rows_in_piece(32 * 32 * 32, 32)
    256
    """
    return min(rows, max(1, PIECE // channels, ceil(rows / MOST_PIECES)))


def emit(work: Pass) -> ir.Module:
    """Every thread takes some pieces."""
    code = new_kernel("imagewise")
    block, thread, threads = code.arguments
    at = {name: code.pointer(block, slot) for slot, name in enumerate(work.arguments)}
    size = (work.height, work.width, work.channels)
    with code.taken(work.pieces, thread, threads, PARTS) as part, code.loop(*part) as number:
        image, first = number // work.bands, number % work.bands * work.step
        rows = code.minimum(code.int(work.height) - first, work.step) if work.height % work.step else work.step
        start = first * (work.width * work.channels)
        planes = work.source.planes(code, at, size, (image, first, 0))
        planes |= work.epilogue.planes(code, at, size, image, start)
        sweep = Sweep(1, rows, work.width, work.channels, planes)
        target = None
        if work.stores:
            place = image * (work.height * work.width * work.channels) + start
            target = contiguous(code.at(at["out"], place), *size)
        read = substitute(work.epilogue.formula, {"sum": work.source.formula})
        finish(code, sweep, work.epilogue, read, target, at, number)
    code.finish()
    return code.module


def finish(code: Code, sweep: Sweep, epilogue: Epilogue, formula: Expr, target: Plane | None, at: dict[str, Value],
           number: Value) -> None:  # fmt: skip
    """Store a piece's formula and gather what the epilogue wants of it.

    Deviations are taken from the mean of the piece's first row, which is near enough to its mean that nothing cancels:
    of the squared deviations from there at most as many are lost as there are rows.

    Args:
        code: the function that is written.
        sweep: the piece, with the planes of all operands.
        epilogue: what is gathered.
        formula: what is stored.
        target: where to; None if it lies nowhere.
        at: pointers to "moments" and "sums".
        number: of the piece.
    """
    channels = sweep.channels
    stored = {"value": (formula, target)} if target else {}
    value = leaf("value") if stored else formula
    sums = [
        (substitute(expr, {"value": value}), code.at(at["sums"], (number * len(epilogue.sums) + i) * channels), 1.0)
        for i, expr in enumerate(epilogue.sums)
    ]
    if not epilogue.moments:
        return sweep.run(code, stored, sums)
    moments = code.at(at["moments"], number * (2 * channels))
    count = code.to_float(code.like(sweep.rows, code.int(0)) * (sweep.images * sweep.pixels))
    pivot, first = code.scratch(channels), substitute(value, {"value": formula})
    replace(sweep, images=1, rows=1).run(code, {}, [(first, pivot, 1 / sweep.pixels)])
    distance = value - leaf(PIVOT)
    around = [(distance, moments, 1.0 / count), (distance * distance, code.at(moments, channels), 1.0)]
    replace(sweep, planes={**sweep.planes, PIVOT: Plane(pivot)}).run(code, stored, [*sums, *around])
    with code.loop(0, channels, code.lanes) as channel:
        mask = code.first(code.lanes, code.minimum(code.int(channels) - channel, code.lanes))
        mean, spread = code.at(moments, channel), code.at(moments, channel + channels)
        beside = code.load_masked(mean, mask)
        code.store_masked(code.load_masked(spread, mask) - beside * beside * count, spread, mask)
        code.store_masked(code.load_masked(code.at(pivot, channel), mask) + beside, mean, mask)
