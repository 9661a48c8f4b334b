"""Convolution where each channel has a window of its own: vectors run over channels, sums over the few taps.

Axes are x (N, H, W, C), y (N, OH, OW, C), weight (KH, KW, 1, C); bands with borders as in `convolution`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import llvmlite.ir as ir

from engine.kernels.cpu import pack
from engine.kernels.cpu.contraction import SMALL_FLOPS
from engine.kernels.cpu.convolution import epilogue_of
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.expression import Expr, apply, evaluate, leaf
from engine.kernels.cpu.frames import Conv, Frame, Phase, Share, forward_frame, gradient_frame
from engine.kernels.cpu.geometry import Dim
from engine.kernels.cpu.pool import num_threads
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.reduction import column_sums
from engine.kernels.cpu.values import Value

PIXELS = 6  # neighbours that are computed together, so that their sums need not wait for each other
SUMS = 12  # running sums of the weight gradient that stay in registers


def forward(conv: Conv, bias: bool, activation: str, residual: bool) -> Plan:
    """As `convolution.forward`."""
    names = ("x", "weight", "y", "frames", *(["bias"] if bias else []), *(["residual"] if residual else []))
    kernel = Kernel(emit_forward, (conv, bias, activation, residual, num_threads()), conv.flops < SMALL_FLOPS)
    return Plan((Step(kernel, names),), {"frames": num_threads() * forward_frame(conv).size})


def input_gradient(conv: Conv, gated: bool) -> Plan:
    """As `convolution.input_gradient`."""
    kernel = Kernel(emit_input_gradient, (conv, gated, num_threads()), conv.flops < SMALL_FLOPS)
    names = ("dy", "weight", "dx", "frames", *(["x"] if gated else []))
    return Plan((Step(kernel, names),), {"frames": num_threads() * gradient_frame(conv).size})


def weight_gradient(conv: Conv, bias: bool) -> Plan:
    """As `convolution.weight_gradient`."""
    threads = num_threads() if conv.flops >= SMALL_FLOPS else 1
    steps = [
        Step(Kernel(emit_weight_gradient, (conv, threads), threads == 1), ("x", "dy", "partial", "frames")),
        Step(column_sums(threads, conv.weight_size), ("partial", "dweight")),
    ]
    if bias:
        pixels = conv.images * conv.out_height * conv.out_width
        steps.append(Step(column_sums(pixels, conv.outputs), ("dy", "dbias")))
    scratch = {"partial": threads * conv.weight_size, "frames": threads * forward_frame(conv).size}
    return Plan(tuple(steps), scratch)


@dataclass(frozen=True)
class Window:
    """Sums over taps, for all pixels of a piece.

    Args:
        taps: (offset in the source, offset in the weight) of each, in floats.
        rows, pixels: axes of the piece; a is the source, c the result and the operands like it.
        epilogue: formula over "sum" and the operands.
        operands: of each operand whether it lies like the result; else it has one number for each channel.
    """

    taps: tuple[tuple[int, int], ...]
    rows: Dim
    pixels: Dim
    channels: int
    epilogue: Expr | None
    operands: tuple[bool, ...]

    def walk(self, code: Code, a: Value, weight: Value, out: Value, operands: list[Value]) -> None:
        """Write the loops over rows, blocks of channels and groups of pixels."""
        lanes, tail = code.lanes, self.channels % code.lanes
        with code.loop(0, self.rows.size) as row:
            at = [code.at(a, row * self.rows.a), weight, code.at(out, row * self.rows.c)]
            extra = [code.at(o, row * self.rows.c) if like else o for o, like in zip(operands, self.operands)]
            with code.loop(0, self.channels - tail, lanes) as channel:
                self._row(code, *(code.at(p, channel) for p in at), [code.at(o, channel) for o in extra], lanes)
            if tail:
                rest = self.channels - tail
                self._row(code, *(code.at(p, rest) for p in at), [code.at(o, rest) for o in extra], tail)

    def _row(self, code: Code, a: Value, weight: Value, out: Value, operands: list[Value], count: int) -> None:
        rest = self.pixels.size % PIXELS
        with code.loop(0, self.pixels.size - rest, PIXELS) as pixel:
            self._pixels(code, a, weight, out, operands, count, pixel, PIXELS)
        if rest:
            self._pixels(code, a, weight, out, operands, count, code.int(self.pixels.size - rest), rest)

    def _pixels(self, code: Code, a: Value, weight: Value, out: Value, operands: list[Value], count: int, pixel: Value,
                group: int) -> None:  # fmt: skip
        lanes = code.lanes
        sums = [code.float(0.0, lanes)] * group
        from_a, to = code.at(a, pixel * self.pixels.a), code.at(out, pixel * self.pixels.c)
        for in_a, in_weight in self.taps:
            factor = code.load(weight, in_weight, lanes, count)
            sums = [
                code.fma(code.load(from_a, in_a + i * self.pixels.a, lanes, count), factor, total)
                for i, total in enumerate(sums)
            ]
        for i, total in enumerate(sums):
            if self.epilogue is not None:
                values = {"sum": total}
                for number, (operand, like) in enumerate(zip(operands, self.operands)):
                    index = (pixel + i) * self.pixels.c if like else 0
                    values[str(number)] = code.load(operand, index, lanes, count)
                total = evaluate(self.epilogue, values)
            code.store(total, to, i * self.pixels.c, count)


def emit_forward(conv: Conv, bias: bool, activation: str, residual: bool, most: int) -> ir.Module:
    """Every thread takes some bands."""
    frame, channels = forward_frame(conv), conv.channels
    band, out_row = conv.out_height // frame.bands, conv.out_width * channels
    epilogue, _, _, _, _ = epilogue_of(bias, activation, residual, 0, channels, out_row)
    window = Window(
        tuple((a, b) for a, b in _taps(conv, frame.pitch)),
        Dim(band, a=conv.stride[0] * frame.pitch, c=out_row),
        Dim(conv.out_width, a=conv.stride[1] * channels, c=channels),
        channels, epilogue, (False,) * bias + (True,) * residual,
    )  # fmt: skip
    code = new_kernel("depthwise_forward")
    block, thread, threads = code.arguments
    x, weight, y, room, *operands = (code.pointer(block, slot) for slot in range(4 + bias + residual))
    with Share(code, conv.images * frame.bands, thread, threads, most, room, frame) as (number, mine):
        a = frame.enter(code, x, mine, number // frame.bands, number % frame.bands)
        start = number * (band * out_row)
        at = [code.at(o, start) if like else o for o, like in zip(operands, window.operands)]
        window.walk(code, a, weight, code.at(y, start), at)
    code.finish()
    return code.module


def emit_input_gradient(conv: Conv, gated: bool, most: int) -> ir.Module:
    """Every thread takes some images, phase by phase as in `convolution`."""
    frame, pixel, row = gradient_frame(conv), conv.channels, conv.width * conv.channels
    epilogue = apply("where_positive", leaf("0"), leaf("sum"), 0.0) if gated else None
    code = new_kernel("depthwise_input_gradient")
    block, thread, threads = code.arguments
    dy, weight, dx, room, *gate = (code.pointer(block, slot) for slot in range(4 + gated))
    with Share(code, conv.images, thread, threads, most, room, frame) as (image, mine):
        a = frame.enter(code, dy, mine, image, code.int(0))
        for i in range(min(conv.stride[0], conv.height)):
            for j in range(min(conv.stride[1], conv.width)):
                v, h = Phase.of(conv, 0, i), Phase.of(conv, 1, j)
                window = Window(
                    _phase_taps(conv, v, h, frame.pitch),
                    Dim(v.count, a=frame.pitch, c=conv.stride[0] * row),
                    Dim(h.count, a=pixel, c=conv.stride[1] * pixel),
                    pixel, epilogue, (True,) * gated,
                )  # fmt: skip
                start = image * (conv.height * row) + (v.first * row + h.first * pixel)
                from_a = code.at(a, (v.source + frame.top) * frame.pitch + (h.source + frame.left) * pixel)
                window.walk(code, from_a, weight, code.at(dx, start), [code.at(g, start) for g in gate])
    code.finish()
    return code.module


def emit_weight_gradient(conv: Conv, most: int) -> ir.Module:
    """Every thread sums over its bands, a few taps at a time."""
    frame, channels = forward_frame(conv), conv.channels
    taps = _taps(conv, frame.pitch)
    code = new_kernel("depthwise_weight_gradient")
    block, thread, threads = code.arguments
    x, dy, partial, room = (code.pointer(block, slot) for slot in range(4))
    sums = code.at(partial, thread * conv.weight_size)
    with code.when(thread < most):
        pack.clear(code, sums, conv.weight_size)
    with code.when((threads < most) & thread.equals(0)), code.loop(threads, most) as absent:
        pack.clear(code, code.at(partial, absent * conv.weight_size), conv.weight_size)
    with Share(code, conv.images * frame.bands, thread, threads, most, room, frame) as (number, mine):
        a = frame.enter(code, x, mine, number // frame.bands, number % frame.bands)
        out_size = conv.out_height // frame.bands * conv.out_width * channels
        grad = code.at(dy, number * out_size)
        tail = channels % code.lanes
        for first in range(0, len(taps), SUMS):
            some = taps[first : first + SUMS]
            with code.loop(0, channels - tail, code.lanes) as channel:
                _sum_taps(code, conv, frame, some, *(code.at(p, channel) for p in (a, grad, sums)), code.lanes)
            if tail:
                rest = channels - tail
                _sum_taps(code, conv, frame, some, *(code.at(p, rest) for p in (a, grad, sums)), tail)
    code.finish()
    return code.module


def _sum_taps(code: Code, conv: Conv, frame: Frame, taps: list[tuple[int, int]], a: Value, grad: Value, sums: Value,
              count: int) -> None:  # fmt: skip
    lanes, channels = code.lanes, conv.channels
    totals = [code.variable(code.load(sums, in_weight, lanes, count)) for _, in_weight in taps]
    with code.loop(0, conv.out_height // frame.bands) as row:
        from_a, from_grad = (
            code.at(a, row * (conv.stride[0] * frame.pitch)),
            code.at(grad, row * (conv.out_width * channels)),
        )
        with code.loop(0, conv.out_width) as pixel:
            slope = code.load(from_grad, pixel * channels, lanes, count)
            place = code.at(from_a, pixel * (conv.stride[1] * channels))
            for total, (in_a, _) in zip(totals, taps):
                total.set(code.fma(code.load(place, in_a, lanes, count), slope, total.get()))
    for total, (_, in_weight) in zip(totals, taps):
        code.store(total.get(), sums, in_weight, count)


def _taps(conv: Conv, pitch: int) -> list[tuple[int, int]]:
    """(offset in a framed band, offset in the weight) of each tap."""
    return [
        (i * conv.dilation[0] * pitch + j * conv.dilation[1] * conv.channels, (i * conv.kernel[1] + j) * conv.channels)
        for i in range(conv.kernel[0])
        for j in range(conv.kernel[1])
    ]


def _phase_taps(conv: Conv, v: Phase, h: Phase, pitch: int) -> tuple[tuple[int, int], ...]:
    """The taps through which y sees the pixels of a phase; Phase counts taps from the last one back."""
    last = prod(conv.kernel) - 1
    return tuple(
        (
            i * v.source_step * pitch + j * h.source_step * conv.channels,
            (last - (v.tap + i * v.tap_step) * conv.kernel[1] - (h.tap + j * h.tap_step)) * conv.channels,
        )
        for i in range(v.taps)
        for j in range(h.taps)
    )
