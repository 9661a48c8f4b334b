"""A loop over images, rows, pixels and channels that computes formulas, stores them and sums them for each channel.

It is what goes over a piece of an image beside the arithmetic of a convolution: reading it into a frame, finishing
what was computed while it is in the cache, pooling it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import ceil

from engine.kernels.cpu.emit import Code
from engine.kernels.cpu.expression import Expr, evaluate
from engine.kernels.cpu.values import I8, I32, Value

BLOCK = 4  # vectors of channels at a time: what is known of each channel stays in registers
Index = tuple[Value, Value, Value]  # image, row, pixel


@dataclass(frozen=True)
class Plane:
    """Where numbers lie: the first pixel's channels, and the distances between images, rows and pixels in floats."""

    pointer: Value
    image: int = 0
    row: int = 0
    pixel: int = 0

    @property
    def strides(self) -> tuple[int, int, int]:
        return self.image, self.row, self.pixel

    def at(self, code: Code, index: Index, channel: Value | int) -> Value:
        place = code.like(channel, code.int(0))
        for i, stride in zip(index, self.strides):
            place = place + i * stride
        return code.at(self.pointer, place)

    def load(self, code: Code, index: Index, channel: Value | int, count: int) -> Value:
        return code.load(self.at(code, index, channel), 0, code.lanes, count)


@dataclass(frozen=True)
class Unpooled(Plane):
    """Numbers of a pooled image, each seen at the place in its window that was chosen, and 0 at the other places.

    Args:
        chosen: uint8, laid out like the numbers: row times width of the window plus column.
        window: (height, width), without gap or overlap.
        first: (row, pixel) in the whole image of the first pixel.
    """

    chosen: Value | None = None
    window: tuple[int, int] = (2, 2)
    first: tuple[Value | int, Value | int] = (0, 0)

    def load(self, code: Code, index: Index, channel: Value | int, count: int) -> Value:
        image, row, pixel = index
        row, pixel = row + self.first[0], pixel + self.first[1]
        height, width = self.window
        place = image * self.image + (row // height) * self.row + (pixel // width) * self.pixel + channel
        here = code.truncate((row % height) * width + pixel % width)
        chosen = code.extend(code.load(self.chosen, place, code.lanes, count, I8), I32)
        value = code.load(self.pointer, place, code.lanes, count)
        return code.select(chosen.equals(code.splat(here, code.lanes)), value, 0.0)


@dataclass(frozen=True)
class Sweep:
    """Sizes, and what the formulas read.

    Args:
        images, pixels, channels: sizes.
        rows: how many, maybe known only when it runs.
        planes: by the names that the formulas use; one with strides 0 has a number for each channel.
    """

    images: int
    rows: int | Value
    pixels: int
    channels: int
    planes: Mapping[str, Plane]

    def run(self, code: Code, stored: Mapping[str, tuple[Expr, Plane]],
            sums: Sequence[tuple[Expr, Value, float | Value]] = ()) -> None:  # fmt: skip
        """Store formulas; set vectors of channels to sums of formulas times a factor.

        Args:
            code: the function that is written.
            stored: name: (formula, where to); what comes later, and the sums, may read it by that name.
            sums: (formula, where to, factor).
        """
        read = {name for expr in (*(e for e, _ in stored.values()), *(e for e, _, _ in sums)) for name in expr.leaves()}
        used = replace(self, planes={name: plane for name, plane in self.planes.items() if name in read})
        sweep = used.joined(_targets(stored), bool(sums))
        planes = [*sweep.planes.values(), *_targets(stored)]
        if sweep.channels == 1 and all(p.pixel in (0, 1) and not isinstance(p, Unpooled) for p in planes):
            return _Narrow(code, sweep, stored, sums).run()
        work = _Work(code, sweep, stored, sums)
        lanes = code.lanes
        width = min(BLOCK, ceil(sweep.channels / lanes))
        whole = sweep.channels // (lanes * width) * lanes * width
        with code.loop(0, whole, lanes * width) as channel:
            work.block(channel, [lanes] * width)
        if rest := sweep.channels - whole:
            work.block(code.int(whole), [min(lanes, rest - i) for i in range(0, rest, lanes)])

    def joined(self, targets: Sequence[Plane], sums: bool) -> Sweep:
        """The same with axes joined where all planes lie so: rows and pixels, images and both, pixels and channels.

        A joined axis has the distances of its inner one, so that the planes stay as they are.
        """
        planes, sweep = [*self.planes.values(), *targets], self
        if any(isinstance(plane, Unpooled) for plane in planes):
            return sweep
        if isinstance(sweep.rows, int) and all(p.row == p.pixel * sweep.pixels for p in planes):
            sweep = replace(sweep, rows=1, pixels=sweep.rows * sweep.pixels)
            if all(p.image == p.pixel * sweep.pixels for p in planes):
                sweep = replace(sweep, images=1, pixels=sweep.images * sweep.pixels)
        if not sums and all(p.pixel == sweep.channels for p in planes):
            sweep = replace(sweep, pixels=1, channels=sweep.pixels * sweep.channels)
        return sweep


class _Work:
    """The loops for a block of channels."""

    def __init__(self, code: Code, sweep: Sweep, stored: Mapping[str, tuple[Expr, Plane]],
                 sums: Sequence[tuple[Expr, Value, float | Value]]) -> None:  # fmt: skip
        self.code, self.sweep, self.stored, self.sums = code, sweep, stored, sums
        self.fixed = {name: plane for name, plane in sweep.planes.items() if not any(plane.strides)}
        self.moving = {name: plane for name, plane in sweep.planes.items() if any(plane.strides)}

    def block(self, channel: Value, counts: list[int]) -> None:
        """`counts` are the channels of each vector."""
        code, pixels = self.code, self.sweep.pixels
        together = max(1, BLOCK // len(counts))  # pixels, so that sums need not wait for each other
        together = min(together, pixels)
        nowhere = (code.int(0),) * 3
        starts = [channel + v * code.lanes for v in range(len(counts))]
        fixed = [
            {name: plane.load(code, nowhere, start, count) for name, plane in self.fixed.items()}
            for start, count in zip(starts, counts)
        ]
        zero = code.float(0.0, code.lanes)
        totals = [[[code.variable(zero) for _ in self.sums] for _ in counts] for _ in range(together)]

        def pixel(image: Value, row: Value, number: Value, lane: int) -> None:
            for start, count, known, total in zip(starts, counts, fixed, totals[lane]):
                self._pixel((image, row, number), start, count, known, total)

        with self._rows() as (image, row):
            whole = pixels // together * together
            with code.loop(0, whole, together) as first:
                for lane in range(together):
                    pixel(image, row, first + lane, lane)
            for lane in range(pixels - whole):
                pixel(image, row, code.int(whole + lane), lane)
        for v, (start, count) in enumerate(zip(starts, counts)):
            for number, (_, target, factor) in enumerate(self.sums):
                parts = [totals[lane][v][number].get() for lane in range(together)]
                total = sum(parts[1:], parts[0])
                code.store(total if factor == 1.0 else total * factor, target, start, count)

    @contextmanager
    def _rows(self) -> Iterator[tuple[Value, Value]]:
        with self.code.loop(0, self.sweep.images) as image, self.code.loop(0, self.sweep.rows) as row:
            yield image, row

    def _pixel(self, index: Index, channel: Value, count: int, fixed: dict[str, Value], totals: list) -> None:
        code = self.code
        values = dict(fixed)
        for name, plane in self.moving.items():
            values[name] = plane.load(code, index, channel, count)
        known: dict[Expr, Value] = {}
        for name, (expr, plane) in self.stored.items():
            values[name] = _full(code, evaluate(expr, values, known))
            code.store(values[name], plane.at(code, index, channel), 0, count)
        for (expr, _, _), total in zip(self.sums, totals):
            total.set(total.get() + evaluate(expr, values, known))


class _Narrow:
    """The loops where there is one channel: vectors run over pixels."""

    def __init__(self, code: Code, sweep: Sweep, stored: Mapping[str, tuple[Expr, Plane]],
                 sums: Sequence[tuple[Expr, Value, float | Value]]) -> None:  # fmt: skip
        self.code, self.sweep, self.stored, self.sums = code, sweep, stored, sums
        self.totals = [code.variable(code.float(0.0, code.lanes)) for _ in sums]

    def run(self) -> None:
        code, lanes, rest = self.code, self.code.lanes, self.sweep.pixels % self.code.lanes
        with code.loop(0, self.sweep.images) as image, code.loop(0, self.sweep.rows) as row:
            with code.loop(0, self.sweep.pixels - rest, lanes) as pixel:
                self._pixels((image, row, pixel), lanes)
            if rest:
                self._pixels((image, row, code.int(self.sweep.pixels - rest)), rest)
        for total, (_, target, factor) in zip(self.totals, self.sums):
            code.store(code.total(total.get()) * factor, target)

    def _pixels(self, index: Index, count: int) -> None:
        code, known, values = self.code, {}, {}
        for name, plane in self.sweep.planes.items():
            if plane.pixel:
                values[name] = plane.load(code, index, 0, count)
            else:
                values[name] = code.splat(code.load(plane.at(code, index, 0)), code.lanes)
        for name, (expr, plane) in self.stored.items():
            values[name] = _full(code, evaluate(expr, values, known))
            code.store(values[name], plane.at(code, index, 0), 0, count)
        for (expr, _, _), total in zip(self.sums, self.totals):
            value = _full(code, evaluate(expr, values, known))
            inside = value if count == code.lanes else code.select(code.first(code.lanes, code.int(count)), value, 0.0)
            total.set(total.get() + inside)


def _targets(stored: Mapping[str, tuple[Expr, Plane]]) -> list[Plane]:
    return [plane for _, plane in stored.values()]


def _full(code: Code, value: Value) -> Value:
    return code.splat(value, code.lanes) if value.lanes == 1 else value


def contiguous(pointer: Value, rows: int, pixels: int, channels: int) -> Plane:
    """Images one after the other."""
    return Plane(pointer, rows * pixels * channels, pixels * channels, channels)
