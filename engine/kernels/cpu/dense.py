"""The three passes of a convolution over a piece, as contractions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil, prod
from typing import Any

from engine.kernels.cpu.ahead import Job
from engine.kernels.cpu.contraction import Tiles
from engine.kernels.cpu.depthwise import Correlation
from engine.kernels.cpu.dots import Dots
from engine.kernels.cpu.emit import Code
from engine.kernels.cpu.expression import Expr, leaf, substitute
from engine.kernels.cpu.frames import Frame
from engine.kernels.cpu.geometry import Contraction, Dim
from engine.kernels.cpu.operands import Epilogue
from engine.kernels.cpu.shapes import Conv, Phase
from engine.kernels.cpu.values import Value

Part = tuple[Tiles, list[Value]]
CALLS = 32  # of micro-kernels for a piece's part of dweight


@dataclass(frozen=True)
class Dense:
    """Every output channel sees all channels of its group.

    Args:
        conv: sizes.
        x, dy: how pieces of these lie.
    """

    conv: Conv
    x: Frame | None
    dy: Frame | None

    def finishes(self, result: str) -> bool:
        """Whether "y" or "dx" can be finished number by number as it is stored."""
        return not (self.conv.has_one_output if result == "y" else self.conv.has_few_inputs)

    def forward(
        self, code: Code, x: Value, weight: Value, y: Value, epilogue: Epilogue, at: Mapping[str, Value]
    ) -> list[Job]:
        """y = epilogue(conv(x, weight)); `at` points to the epilogue's operands at this piece."""
        conv, frame = self.conv, self.x
        outputs, out_row = conv.outputs // conv.groups, conv.out_width * conv.outputs
        band = conv.out_height // frame.pieces.bands
        if conv.has_one_output:
            return [self._pixel_sums(code, x, weight, y)]
        spec = Contraction(
            outer=(Dim(conv.groups, conv.inner, outputs, outputs, _like(epilogue, outputs, outputs)),),
            rows=(
                Dim(frame.pieces.together, frame.image, c=band * out_row, operands=_like(epilogue, band * out_row)),
                Dim(band, conv.stride[0] * frame.pitch, c=out_row, operands=_like(epilogue, out_row)),
                Dim(
                    conv.out_width,
                    conv.stride[1] * conv.channels,
                    c=conv.outputs,
                    operands=_like(epilogue, conv.outputs),
                ),
            ),
            columns=outputs,
            reduce=_taps(conv, frame),
            epilogue=_numbered(epilogue),
            operand_columns=(1,) * len(epilogue.names),
        ).simplified()
        return [_job(code, Tiles(code.module, spec), [x, weight, y, *(at[name] for name in epilogue.names)])]

    def input_gradient(self, code: Code, dy: Value, weight: Value, dx: Value, epilogue: Epilogue,
                       at: Mapping[str, Value]) -> list[Job]:  # fmt: skip
        """dx = epilogue(the gradient of x); pixels that differ in their remainder by the stride see different taps."""
        conv, frame = self.conv, self.dy
        if conv.is_whole:
            return [self._whole(code, dy, weight, dx, epilogue, at)]
        if conv.has_few_inputs:
            rows: dict[Dots, Any] = {}
            return [self._few(code, v, h, dy, weight, dx, rows) for v, h in self._phases()]
        known: dict[Contraction, Tiles] = {}
        summed, blank = [], []
        for v, h in self._phases():
            spec = self._phase(v, h, epilogue)
            start = (v.first * conv.width + h.first) * conv.channels
            from_dy = (v.source + frame.top) * frame.pitch + (h.source + frame.left) * conv.outputs
            from_weight = (v.tap * conv.kernel[1] + h.tap) * conv.inner * conv.outputs
            moves = dict.fromkeys(epilogue.whole, start)
            operands = [code.at(at[name], moves.get(name, 0)) for name in epilogue.names]
            pointers = [code.at(dy, from_dy), code.at(weight, from_weight), code.at(dx, start), *operands]
            if spec not in known:
                known[spec] = Tiles(code.module, spec, f"phase{len(known)}_")
            (summed if spec.depth else blank).append((known[spec], pointers))
        return _together(code, summed, blank)

    def weight_gradient(self, code: Code, x: Value, dy: Value, dweight: Value) -> list[Job]:
        """dweight += the gradient of the weight, from this piece."""
        conv = self.conv
        outputs, together = conv.outputs // conv.groups, self.x.pieces.together
        spec = Contraction(
            outer=(Dim(conv.groups, conv.inner, outputs, outputs),),
            rows=tuple(Dim(dim.size, a=dim.a, c=dim.b) for dim in _taps(conv, self.x)),
            columns=outputs,
            reduce=(
                Dim(together, self.x.image, self.dy.image),
                Dim(conv.out_height // self.x.pieces.bands, conv.stride[0] * self.x.pitch, self.dy.pitch),
                Dim(conv.out_width, conv.stride[1] * conv.channels, conv.outputs),
            ),
            accumulate=True,
        ).simplified()
        if conv.has_one_output:
            return [Correlation(conv, self.x, self.dy).job(code, x, dy, dweight)]
        own = max(0, self.dy.top) * self.dy.pitch + max(0, self.dy.left) * conv.outputs
        tiles = Tiles(code.module, spec, "weight_")
        if tiles.calls < CALLS:  # so few that what they fetch ahead would come in bursts
            steps = max(1, spec.reduce[0].size * tiles.calls // CALLS)
            tiles = Tiles(code.module, replace(spec, steps=steps), "weight_")
        return [_job(code, tiles, [x, code.at(dy, own), dweight])]

    def _phases(self) -> list[tuple[Phase, Phase]]:
        rows, columns = (Phase.all(self.conv, axis, size) for axis, size in enumerate((self._rows, self.conv.width)))
        return [(v, h) for v in rows for h in columns]

    @property
    def _rows(self) -> int:
        """Of dx in a piece."""
        return self.conv.height // self.dy.pieces.bands

    def _whole(
        self, code: Code, dy: Value, weight: Value, dx: Value, epilogue: Epilogue, at: Mapping[str, Value]
    ) -> Job:
        """Each tap is one pixel of x: a matrix product for each, with the taps from the last one back."""
        conv, frame, taps = self.conv, self.dy, self.conv.height * self.conv.width
        per_tap, image = conv.inner * conv.outputs, taps * conv.channels
        spec = Contraction(
            outer=(Dim(taps, b=-per_tap, c=conv.inner, operands=_like(epilogue, conv.inner)),),
            rows=(Dim(frame.pieces.together, frame.image, c=image, operands=_like(epilogue, image)),),
            columns=conv.inner,
            reduce=(Dim(conv.outputs, 1, conv.inner),),
            epilogue=_numbered(epilogue),
            operand_columns=(1,) * len(epilogue.names),
        ).simplified()
        last = code.at(weight, (taps - 1) * per_tap)
        return _job(code, Tiles(code.module, spec, "whole_"), [dy, last, dx, *(at[name] for name in epilogue.names)])

    def _few(self, code: Code, v: Phase, h: Phase, dy: Value, weight: Value, dx: Value, known: dict[Dots, Any]) -> Job:
        """The phase's part of dx where x has few channels, of the weight as it is."""
        conv, frame, last = self.conv, self.dy, prod(self.conv.kernel) - 1
        row, per_tap = conv.width * conv.channels, conv.inner * conv.outputs
        dots = Dots(
            rows=(
                Dim(frame.pieces.together, frame.image, c=self._rows * row),
                Dim(v.count, frame.pitch, c=conv.stride[0] * row),
            ),
            pixels=Dim(h.count, conv.outputs, c=conv.stride[1] * conv.channels),
            columns=conv.channels,
            reduce=(
                Dim(v.taps, v.source_step * frame.pitch, -v.tap_step * conv.kernel[1] * per_tap),
                Dim(h.taps, h.source_step * conv.outputs, -h.tap_step * per_tap),
            ),
            depth=conv.outputs,
            column=conv.outputs,
        )
        start = (v.first * conv.width + h.first) * conv.channels
        from_dy = (v.source + frame.top) * frame.pitch + (h.source + frame.left) * conv.outputs
        from_weight = (last - v.tap * conv.kernel[1] - h.tap) * per_tap
        return dots.job(code, code.at(dy, from_dy), code.at(weight, from_weight), code.at(dx, start), known)

    def _pixel_sums(self, code: Code, x: Value, weight: Value, y: Value) -> Job:
        """The forward pass where there is one output."""
        conv, frame = self.conv, self.x
        rows_axis, columns_axis, _ = _taps(conv, frame)
        band = conv.out_height // frame.pieces.bands
        dots = Dots(
            rows=(
                Dim(frame.pieces.together, frame.image, c=band * conv.out_width),
                Dim(band, conv.stride[0] * frame.pitch, c=conv.out_width),
            ),
            pixels=Dim(conv.out_width, conv.stride[1] * conv.channels, c=1),
            columns=1,
            reduce=(rows_axis, columns_axis),
            depth=conv.channels,
            column=0,
        )
        return dots.job(code, x, weight, y, {})

    def _phase(self, v: Phase, h: Phase, epilogue: Epilogue) -> Contraction:
        conv, frame = self.conv, self.dy
        inner, outputs, row = conv.inner, conv.outputs // conv.groups, conv.width * conv.channels
        image, per_tap = conv.height // frame.pieces.bands * row, inner * conv.outputs
        strides = (conv.stride[0] * row, conv.stride[1] * conv.channels)
        return Contraction(
            outer=(Dim(conv.groups, outputs, outputs * inner, inner, _like(epilogue, inner, inner)),),
            rows=(
                Dim(frame.pieces.together, frame.image, c=image, operands=_like(epilogue, image)),
                Dim(v.count, frame.pitch, c=strides[0], operands=_like(epilogue, strides[0])),
                Dim(h.count, conv.outputs, c=strides[1], operands=_like(epilogue, strides[1])),
            ),
            columns=inner,
            reduce=(
                Dim(v.taps, v.source_step * frame.pitch, v.tap_step * conv.kernel[1] * per_tap),
                Dim(h.taps, h.source_step * conv.outputs, h.tap_step * per_tap),
                Dim(outputs, 1, inner),
            ),
            epilogue=_numbered(epilogue),
            operand_columns=(1,) * len(epilogue.names),
        ).simplified()


def _job(code: Code, tiles: Tiles, pointers: list[Value]) -> Job:
    return Job(tiles.calls, lambda each: tiles.walk(code, pointers, code.int(0), code.int(tiles.count), each))


def _together(code: Code, summed: list[Part], blank: list[Part]) -> list[Job]:
    """Jobs for the tiles that are sums; those that are not, and only write, are done beside the first of them."""
    if not summed:
        return [_job(code, *part) for part in blank]
    (tiles, pointers), *others = summed
    beside = [Beside(code, *part, tiles.calls) for part in blank]

    def run(each: Callable[[], None]) -> None:
        def all_of_them() -> None:
            each()
            for part in beside:
                part()

        tiles.walk(code, pointers, code.int(0), code.int(tiles.count), all_of_them)

    return [Job(tiles.calls, run), *(_job(code, *part) for part in others)]


class Beside:
    """Called from the loops of other tiles, it computes some of its own."""

    def __init__(self, code: Code, tiles: Tiles, pointers: list[Value], calls: int) -> None:
        self.code, self.tiles, self.pointers = code, tiles, pointers
        self.some, self.done = ceil(tiles.count / calls), code.variable(code.int(0))

    def __call__(self) -> None:
        code, begun = self.code, self.done.get()
        self.tiles.walk(code, self.pointers, begun, code.minimum(begun + self.some, self.tiles.count))
        self.done.set(code.minimum(begun + self.some, self.tiles.count))


def _taps(conv: Conv, frame: Frame) -> tuple[Dim, Dim, Dim]:
    """The axes of the weight: rows and columns of the kernel, channels; a in x, b in the weight."""
    per_tap = conv.inner * conv.outputs
    return (
        Dim(conv.kernel[0], conv.dilation[0] * frame.pitch, conv.kernel[1] * per_tap),
        Dim(conv.kernel[1], conv.dilation[1] * conv.channels, per_tap),
        Dim(conv.inner, 1, conv.outputs),
    )


def _like(epilogue: Epilogue, whole: int, channel: int = 0) -> tuple[int, ...]:
    """Strides of the operands along an axis."""
    return (whole,) * len(epilogue.whole) + (channel,) * len(epilogue.channel)


def _numbered(epilogue: Epilogue) -> Expr | None:
    """The formula as a contraction knows it: operands by their numbers."""
    if epilogue.formula == leaf("sum"):
        return None
    return substitute(epilogue.formula, {name: leaf(str(number)) for number, name in enumerate(epilogue.names)})
