"""The three passes over a piece where each channel has a window of its own.

Vectors run over channels, sums over the few taps. Axes are as in `convolution`, weight (KH, KW, 1, C).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, prod

from engine.kernels.cpu.ahead import Job
from engine.kernels.cpu.emit import Code
from engine.kernels.cpu.expression import evaluate
from engine.kernels.cpu.frames import Frame
from engine.kernels.cpu.geometry import Dim
from engine.kernels.cpu.operands import Epilogue
from engine.kernels.cpu.shapes import Conv, Phase
from engine.kernels.cpu.values import Value

PIXELS = 6  # neighbours that are computed together, so that their sums need not wait for each other
SUMS = 12  # running sums of the weight gradient that stay in registers
WRITTEN_OUT = 64  # taps that are worked off without a loop over rows of the window: more take seconds to compile


@dataclass(frozen=True)
class Taps:
    """The taps of a window, row by row.

    Args:
        row: (offset in the source, offset in the weight) of each tap of the first row, in floats.
        rows: how many.
        step: how far apart two rows are, in the source and in the weight.
    """

    row: tuple[tuple[int, int], ...]
    rows: int
    step: tuple[int, int]

    @property
    def few(self) -> tuple[tuple[int, int], ...]:
        """All of them one after the other; none where they are too many for that."""
        if len(self.row) * self.rows > WRITTEN_OUT:
            return ()
        (a, b), rows = self.step, range(self.rows)
        return tuple((i * a + in_a, i * b + in_weight) for i in rows for in_a, in_weight in self.row)


@dataclass(frozen=True)
class Depthwise:
    """Every channel sees itself.

    Args:
        conv: sizes.
        x, dy: how pieces of these lie.
    """

    conv: Conv
    x: Frame | None
    dy: Frame | None

    def finishes(self, result: str) -> bool:
        """Whether "y" or "dx" can be finished number by number as it is stored."""
        return True

    def forward(
        self, code: Code, x: Value, weight: Value, y: Value, epilogue: Epilogue, at: Mapping[str, Value]
    ) -> list[Job]:
        """As `Dense.forward`."""
        conv, frame = self.conv, self.x
        band, out_row = conv.out_height // frame.pieces.bands, conv.out_width * conv.channels
        window = Window(
            _taps(conv, frame.pitch),
            Dim(band, conv.stride[0] * frame.pitch, c=out_row),
            Dim(conv.out_width, conv.stride[1] * conv.channels, c=conv.channels),
            conv.channels,
            epilogue,
        )
        return [self._job(code, window, frame, band * out_row, x, weight, y, at)]

    def input_gradient(self, code: Code, dy: Value, weight: Value, dx: Value, epilogue: Epilogue,
                       at: Mapping[str, Value]) -> list[Job]:  # fmt: skip
        """As `Dense.input_gradient`, of the weight as it is."""
        conv, frame, pixel, row = self.conv, self.dy, self.conv.channels, self.conv.width * self.conv.channels
        height, jobs = conv.height // frame.pieces.bands, []
        for v in Phase.all(conv, 0, height):
            for h in Phase.all(conv, 1, conv.width):
                window = Window(
                    _phase_taps(conv, v, h, frame.pitch),
                    Dim(v.count, frame.pitch, c=conv.stride[0] * row),
                    Dim(h.count, pixel, c=conv.stride[1] * pixel),
                    pixel,
                    epilogue,
                )
                start = v.first * row + h.first * pixel
                from_dy = code.at(dy, (v.source + frame.top) * frame.pitch + (h.source + frame.left) * pixel)
                operands = {n: code.at(p, start) if n in epilogue.whole else p for n, p in at.items()}
                to = code.at(dx, start)
                jobs.append(self._job(code, window, frame, height * row, from_dy, weight, to, operands))
        return jobs

    def weight_gradient(self, code: Code, x: Value, dy: Value, dweight: Value) -> list[Job]:
        """As `Dense.weight_gradient`."""
        return [Correlation(self.conv, self.x, self.dy).job(code, x, dy, dweight)]

    def _job(self, code: Code, window: Window, frame: Frame, image: int, a: Value, weight: Value, out: Value,
             at: Mapping[str, Value]) -> Job:  # fmt: skip
        """The images of a piece; `image` is the distance between their results."""

        def run(each: Callable[[], None]) -> None:
            with code.loop(0, frame.pieces.together) as part:
                operands = {n: code.at(p, part * image) if n in window.epilogue.whole else p for n, p in at.items()}
                window.walk(code, code.at(a, part * frame.image), weight, code.at(out, part * image), operands, each)

        return Job(frame.pieces.together * window.rows.size, run)


@dataclass(frozen=True)
class Correlation:
    """dweight += sum over pixels of x, as each tap sees it, times dy: vectors run over the channels of x.

    Args:
        conv: sizes; each channel has a gradient of its own, or all share the one of the only output.
        x, dy: how pieces of these lie.
    """

    conv: Conv
    x: Frame
    dy: Frame

    def job(self, code: Code, x: Value, dy: Value, dweight: Value) -> Job:
        """A few taps at a time, with a call for each row of each."""
        taps = _taps(self.conv, self.x.pitch)
        grad = code.at(dy, max(0, self.dy.top) * self.dy.pitch + max(0, self.dy.left) * self.conv.outputs)

        def run(each: Callable[[], None]) -> None:
            if taps.few:
                self._sums(code, taps.few, x, grad, dweight, each)
                return
            with code.loop(0, taps.rows) as row:
                in_x, in_weight = (code.at(p, row * step) for p, step in zip((x, dweight), taps.step))
                self._sums(code, taps.row, in_x, grad, in_weight, each)

        groups = ceil(len(taps.few) / SUMS) if taps.few else taps.rows * ceil(len(taps.row) / SUMS)
        rows = self.conv.out_height // self.x.pieces.bands * self.x.pieces.together
        return Job(groups * ceil(self.conv.channels / code.lanes) * rows, run)

    def _sums(self, code: Code, taps: tuple[tuple[int, int], ...], x: Value, grad: Value, sums: Value,
              each: Callable[[], None]) -> None:  # fmt: skip
        channels, lanes = self.conv.channels, code.lanes
        tail = channels % lanes
        for first in range(0, len(taps), SUMS):
            some = taps[first : first + SUMS]
            with code.loop(0, channels - tail, lanes) as channel:
                self._sum(code, some, x, grad, sums, channel, lanes, each)
            if tail:
                self._sum(code, some, x, grad, sums, code.int(channels - tail), tail, each)

    def _sum(self, code: Code, taps: tuple[tuple[int, int], ...], x: Value, grad: Value, sums: Value, channel: Value,
             count: int, each: Callable[[], None]) -> None:  # fmt: skip
        conv, lanes, x, sums = self.conv, code.lanes, code.at(x, channel), code.at(sums, channel)
        totals = [code.variable(code.load(sums, in_weight, lanes, count)) for _, in_weight in taps]
        band = conv.out_height // self.x.pieces.bands
        with code.loop(0, self.x.pieces.together) as image, code.loop(0, band) as row:
            each()
            from_x = code.at(x, image * self.x.image + row * (conv.stride[0] * self.x.pitch))
            from_grad = code.at(grad, image * self.dy.image + row * self.dy.pitch)
            with code.loop(0, conv.out_width) as pixel:
                if conv.outputs == 1:
                    slope = code.splat(code.load(from_grad, pixel), lanes)
                else:
                    slope = code.load(from_grad, pixel * conv.outputs + channel, lanes, count)
                place = code.at(from_x, pixel * (conv.stride[1] * conv.channels))
                for total, (in_x, _) in zip(totals, taps):
                    total.set(code.fma(code.load(place, in_x, lanes, count), slope, total.get()))
        for total, (_, in_weight) in zip(totals, taps):
            code.store(total.get(), sums, in_weight, count)


@dataclass(frozen=True)
class Window:
    """Sums over taps, for all pixels of a piece.

    Args:
        taps: where they lie.
        rows, pixels: axes of the piece; a is the source, c the result and the operands like it.
        epilogue: what is stored of a sum.
    """

    taps: Taps
    rows: Dim
    pixels: Dim
    channels: int
    epilogue: Epilogue

    def walk(self, code: Code, a: Value, weight: Value, out: Value, at: Mapping[str, Value], each: Callable[[], None]
             ) -> None:  # fmt: skip
        """Write the loops over rows, blocks of channels and groups of pixels; `each` writes something into each row."""
        lanes, tail = code.lanes, self.channels % code.lanes
        with code.loop(0, self.rows.size) as row:
            each()
            from_a, to = code.at(a, row * self.rows.a), code.at(out, row * self.rows.c)
            here = {n: code.at(p, row * self.rows.c) if n in self.epilogue.whole else p for n, p in at.items()}

            def channels(first: Value, count: int) -> None:
                moved = {name: code.at(pointer, first) for name, pointer in here.items()}
                self._row(code, *(code.at(p, first) for p in (from_a, weight, to)), moved, count)

            with code.loop(0, self.channels - tail, lanes) as channel:
                channels(channel, lanes)
            if tail:
                channels(code.int(self.channels - tail), tail)

    def _row(self, code: Code, a: Value, weight: Value, out: Value, at: Mapping[str, Value], count: int) -> None:
        rest = self.pixels.size % PIXELS
        with code.loop(0, self.pixels.size - rest, PIXELS) as pixel:
            self._pixels(code, a, weight, out, at, count, pixel, PIXELS)
        if rest:
            self._pixels(code, a, weight, out, at, count, code.int(self.pixels.size - rest), rest)

    def _pixels(self, code: Code, a: Value, weight: Value, out: Value, at: Mapping[str, Value], count: int,
                pixel: Value, group: int) -> None:  # fmt: skip
        lanes = code.lanes
        sums = [code.float(0.0, lanes)] * group
        from_a, to = code.at(a, pixel * self.pixels.a), code.at(out, pixel * self.pixels.c)
        if self.taps.few:
            sums = self._add(code, self.taps.few, from_a, weight, sums, count)
        else:
            totals = [code.variable(total) for total in sums]
            with code.loop(0, self.taps.rows) as row:
                in_a, in_weight = (code.at(p, row * step) for p, step in zip((from_a, weight), self.taps.step))
                now = self._add(code, self.taps.row, in_a, in_weight, [total.get() for total in totals], count)
                for total, value in zip(totals, now):
                    total.set(value)
            sums = [total.get() for total in totals]
        for i, total in enumerate(sums):
            values = {"sum": total}
            for name, pointer in at.items():
                index = (pixel + i) * self.pixels.c if name in self.epilogue.whole else 0
                values[name] = code.load(pointer, index, lanes, count)
            code.store(evaluate(self.epilogue.formula, values), to, i * self.pixels.c, count)

    def _add(self, code: Code, taps: tuple[tuple[int, int], ...], a: Value, weight: Value, sums: list[Value],
             count: int) -> list[Value]:  # fmt: skip
        """The sums of neighbouring pixels, and what these taps see."""
        for in_a, in_weight in taps:
            factor = code.load(weight, in_weight, code.lanes, count)
            sums = [
                code.fma(code.load(a, in_a + i * self.pixels.a, code.lanes, count), factor, total)
                for i, total in enumerate(sums)
            ]
        return sums


def _taps(conv: Conv, pitch: int) -> Taps:
    """Where taps lie in a framed band and in the weight."""
    height, width = conv.kernel
    row = tuple((j * conv.dilation[1] * conv.channels, j * conv.channels) for j in range(width))
    return Taps(row, height, (conv.dilation[0] * pitch, width * conv.channels))


def _phase_taps(conv: Conv, v: Phase, h: Phase, pitch: int) -> Taps:
    """The taps through which y sees the pixels of a phase; Phase counts taps from the last one back."""
    first = prod(conv.kernel) - 1 - v.tap * conv.kernel[1]
    row = tuple(
        (j * h.source_step * conv.channels, (first - h.tap - j * h.tap_step) * conv.channels) for j in range(h.taps)
    )
    return Taps(row, v.taps, (v.source_step * pitch, -v.tap_step * conv.kernel[1] * conv.channels))
