"""Convolution of channels-last images in all three passes, and what comes before and after it, in one kernel.

Axes are x (N, H, W, C), y (N, OH, OW, O), weight (KH, KW, C / groups, O). A thread computes a piece of the images
that are read, with their border of zeros, into scratch memory of its own, small enough for the second-level cache, and
works on that; what is stored is finished and summed up while it is there. Transposed convolution is the input gradient
run forwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

import llvmlite.ir as ir

from engine.kernels.cpu import pack, pool
from engine.kernels.cpu.ahead import Ahead, Job, Stream
from engine.kernels.cpu.contraction import PARTS, SMALL_FLOPS
from engine.kernels.cpu.dense import Dense
from engine.kernels.cpu.depthwise import Depthwise
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.expression import apply, leaf
from engine.kernels.cpu.frames import Frame, Pieces, backward_pieces, forward_frame, forward_pieces, gradient_frame
from engine.kernels.cpu.imagewise import finish
from engine.kernels.cpu.operands import Epilogue, Source, array
from engine.kernels.cpu.pool import num_threads
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.reduction import column_sums
from engine.kernels.cpu.shapes import Conv
from engine.kernels.cpu.sweep import Plane, Sweep, contiguous
from engine.kernels.cpu.values import Value

X, DY = array("x"), array("dy")


def forward(conv: Conv, bias: bool = True, activation: str = "", residual: bool = False, *, source: Source = X,
            epilogue: Epilogue | None = None, statistics: bool = False) -> Plan:  # fmt: skip
    """y = activation(conv(source, weight) + bias + residual), or epilogue(conv(source, weight)).

    Arrays: those of the source (x), weight, y, bias, residual (like y), those of the epilogue; see `gathered`.

    Args:
        conv: sizes.
        bias, activation, residual: what follows, where no epilogue is given.
        source: what is convolved.
        epilogue: what follows.
        statistics: gather the moments of y.
    """
    epilogue = epilogue or usual(bias, activation, residual)
    work = Work(conv, forward_pieces(conv), x=source, y=replace(epilogue, moments=epilogue.moments or statistics))
    return work.plan()


def input_gradient(conv: Conv, gated: bool = False, *, source: Source = DY, epilogue: Epilogue | None = None) -> Plan:
    """dx = the gradient of x, zero where x is not positive if gated, or the epilogue of it.

    Arrays: those of the source (dy), weight, dx, x if gated, those of the epilogue; see `gathered`.
    """
    gate = Epilogue(("x",), formula=apply("where_positive", leaf("x"), leaf("sum"), 0.0))
    return Work(conv, backward_pieces(conv), dy=source, dx=epilogue or (gate if gated else Epilogue())).plan()


def weight_gradient(conv: Conv, bias: bool = True, *, x: Source = X, dy: Source = DY) -> Plan:
    """dweight and dbias = the gradients of the weight and the bias. Arrays: those of x and dy, dweight, dbias.

    Each thread sums over its own pieces; the threads' sums are added in order, so that the result is the same every
    time for a given number of threads.
    """
    return Work(conv, backward_pieces(conv), x=x, dy=dy, dweight=True, dbias=bias).plan()


def backward(conv: Conv, x: Source = X, dy: Source = DY, needs_dx: bool = True, bias: bool = True,
             epilogue: Epilogue | None = None) -> Plan:  # fmt: skip
    """Both gradients in one kernel, of pieces that are read once.

    Arrays: those of x and dy, weight, dweight, dbias, dx, those of the epilogue (of dx); see `gathered`.
    """
    dx = (epilogue or Epilogue()) if needs_dx else None
    return Work(conv, backward_pieces(conv), x=x, dy=dy, dx=dx, dweight=True, dbias=bias).plan()


def transposed_backward(conv: Conv, x: Source = X, dy: Source = DY, needs_dy: bool = True,
                        epilogue: Epilogue | None = None) -> Plan:  # fmt: skip
    """Both gradients of `input_gradient(conv)` run forwards: its result's gradient is x, what it read is dy.

    Arrays: those of x and dy, weight, dweight, y (the gradient of what was read), those of the epilogue (of y).
    """
    y = (epilogue or Epilogue()) if needs_dy else None
    return Work(conv, backward_pieces(conv), x=x, dy=dy, y=y, dweight=True).plan()


def gathered(conv: Conv, result: str) -> Pieces:
    """The pieces that "moments" and "sums" (pieces, ..., channels) have, of the result "y" of `forward`, or else."""
    return forward_pieces(conv) if result == "y" else backward_pieces(conv)


def usual(bias: bool, activation: str, residual: bool) -> Epilogue:
    """activation(sum + bias + residual)"""
    formula = leaf("sum")
    for name, wanted in (("bias", bias), ("residual", residual)):
        formula = formula + leaf(name) if wanted else formula
    if activation:
        formula = apply(activation, formula)
    return Epilogue(("residual",) * residual, ("bias",) * bias, formula=formula)


def _turn(conv: Conv) -> Kernel:
    """The weight as the input gradient reads it: inputs in columns; taps in reverse, so that they go as the places."""
    inner, outputs = conv.inner, conv.outputs // conv.groups
    taps = (prod(conv.kernel), -inner * conv.outputs, inner * conv.outputs)
    per_group = (conv.groups, outputs, outputs * inner)
    last = (prod(conv.kernel) - 1) * inner * conv.outputs
    return pack.kernel(pack.Move((taps, per_group), outputs, inner, (1, conv.outputs), inner, (last, 0)))


@dataclass(frozen=True)
class Work:
    """What one kernel does with each piece.

    Args:
        conv: sizes.
        pieces: how the batch is cut.
        x, dy: what is read; None where nothing needs it.
        y, dx: what is done with these results; None where they are not wanted.
        dweight, dbias: whether these gradients are wanted.
    """

    conv: Conv
    pieces: Pieces
    x: Source | None = None
    dy: Source | None = None
    y: Epilogue | None = None
    dx: Epilogue | None = None
    dweight: bool = False
    dbias: bool = False

    @property
    def threads(self) -> int:
        """Each thread sums gradients of weights over images of its own, so that their number shows in the last bits."""
        if self.conv.flops < SMALL_FLOPS or (pool.threads_may_not_show and (self.dweight or self.dbias)):
            return 1
        return num_threads()

    @property
    def x_frame(self) -> Frame | None:
        return self.x and forward_frame(self.conv, self.pieces, self.x.is_array)

    @property
    def dy_frame(self) -> Frame | None:
        owns = self.dweight or self.dbias
        return self.dy and gradient_frame(self.conv, self.pieces, self.dy.is_array, self.dx is not None, owns)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the kernel's arrays."""
        operands = [part.names for part in (self.x, self.dy, self.y, self.dx) if part]
        fixed = {
            "frames": True,
            "weight": self.y or (self.dx and not self.turns),
            "turned weight": self.dx and self.turns,
            "y": self.y,
            "dx": self.dx,
            "dweight parts": self.dweight,
            "dbias parts": self.dbias,
            "moments": self._gathers("moments"),
            "sums": self._gathers("sums"),
        }
        return tuple(
            dict.fromkeys([*(n for n, wanted in fixed.items() if wanted), *(n for names in operands for n in names)])
        )

    @property
    def turns(self) -> bool:
        """Whether the input gradient reads a weight that is turned around."""
        return not self.conv.is_depthwise and not self.conv.has_few_inputs

    def _gathers(self, what: str) -> bool:
        return any(part and getattr(part, what) for part in (self.y, self.dx))

    def plan(self) -> Plan:
        """The kernel, with the weight turned around before it and the threads' sums added up behind it."""
        conv, threads = self.conv, self.threads
        steps, scratch = [], {"frames": threads * sum(f.size for f in (self.x_frame, self.dy_frame) if f)}
        if self.dx and self.turns:
            steps.append(Step(_turn(conv), ("weight", "turned weight")))
            scratch["turned weight"] = conv.weight_size
        names = tuple("dweight" if n == "dweight parts" and threads == 1 else n for n in self.arguments)
        steps.append(Step(Kernel(emit, (self, threads), threads == 1), names))
        if self.dweight and threads > 1:
            steps.append(Step(column_sums(threads, conv.weight_size), ("dweight parts", "dweight")))
            scratch["dweight parts"] = threads * conv.weight_size
        if self.dbias:
            steps.append(Step(column_sums(self.pieces.count, conv.outputs), ("dbias parts", "dbias")))
            scratch["dbias parts"] = self.pieces.count * conv.outputs
        return Plan(tuple(steps), scratch)


def emit(work: Work, most: int) -> ir.Module:
    """Every thread takes some pieces."""
    code = new_kernel("convolution")
    block, thread, threads = code.arguments
    at = {name: code.pointer(block, slot) for slot, name in enumerate(work.arguments)}
    with code.when(thread < most):
        _Thread(code, work, at, thread, code.minimum(threads, most), most).run()
    code.finish()
    return code.module


class _Thread:
    """A thread's part of the work."""

    def __init__(self, code: Code, work: Work, at: dict[str, Value], thread: Value, threads: Value, most: int) -> None:
        self.code, self.work, self.at, self.conv, self.pieces = code, work, at, work.conv, work.pieces
        self.thread, self.threads, self.most = thread, threads, most
        self.x, self.dy = work.x_frame, work.dy_frame
        self.turned = at.get("turned weight", at.get("weight"))
        passes = Depthwise if work.conv.is_depthwise else Dense
        self.passes = passes(work.conv, self.x, self.dy)
        size = sum(frame.size for frame in (self.x, self.dy) if frame)
        self.room = code.at(at["frames"], thread * size)
        self.dy_room = code.at(self.room, self.x.size if self.x else 0)

    def run(self) -> None:
        code, count = self.code, self.pieces.count
        pack.clear(code, self.room, sum(frame.size for frame in (self.x, self.dy) if frame))
        if self.work.dweight:  # who sums which pieces shows in the last bits
            self._clear_sums()
            self._run(*code.share(count, self.thread, self.threads))
        else:
            with code.taken(count, self.thread, self.threads, PARTS) as (start, stop):
                self._run(start, stop)

    def _run(self, start: Value, stop: Value) -> None:
        """The pieces numbered start to stop."""
        code, work, at = self.code, self.work, self.at
        with code.loop(start, stop) as number:
            x = self.x.enter(code, work.x, at, self.room, number) if work.x else None
            dy = self.dy.enter(code, work.dy, at, self.dy_room, number) if work.dy else None
            parts = self._parts(number, x, dy)
            calls = sum(job.calls for jobs, _ in parts for job in jobs)
            ahead = Ahead(code, self._streams(code.minimum(number + 1, stop - 1)), max(1, calls))
            for jobs, after in parts:
                for job in jobs:
                    job.run(ahead)
                after()

    def _parts(self, number: Value, x: Value, dy: Value) -> list[tuple[list[Job], Callable[[], None]]]:
        """What is done with a piece: jobs, and what follows them."""
        code, work, at, conv, parts = self.code, self.work, self.at, self.conv, []
        if work.dweight:
            dweight = code.at(at["dweight parts"], self.thread * conv.weight_size)
            parts.append((self.passes.weight_gradient(code, x, dy, dweight), lambda: None))
        if work.dbias:
            parts.append(([], lambda: self._sum_bias(dy, number)))
        if work.y:
            size = (conv.out_height, conv.out_width, conv.outputs)
            compute = lambda *to: self.passes.forward(code, x, at["weight"], *to)  # noqa: E731
            parts.append(self._result(number, size, "y", work.y, compute))
        if work.dx:
            size = (conv.height, conv.width, conv.channels)
            compute = lambda *to: self.passes.input_gradient(code, dy, self.turned, *to)  # noqa: E731
            parts.append(self._result(number, size, "dx", work.dx, compute))
        return parts

    def _streams(self, number: Value) -> list[Stream]:
        """What the piece `number` will read from memory and write there."""
        code, work, conv, at = self.code, self.work, self.conv, self.at
        image, band = self.pieces.place(number)
        streams = {}
        for frame, source in ((self.x, work.x), (self.dy, work.dy)):
            if source and not (frame is self.x and conv.skips_pixels):
                size = (frame.height, frame.width, frame.channels)
                streams |= source.streams(code, at, size, *frame.fresh(number))
        for name, epilogue, size in (
            ("y", work.y, (conv.out_height, conv.out_width, conv.outputs)),
            ("dx", work.dx, (conv.height, conv.width, conv.channels)),
        ):
            if epilogue:
                height, width, channels = size
                floats = self.pieces.together * (height // self.pieces.bands) * width * channels
                start = image * (height * width * channels) + band * floats
                results = (name,) if conv.is_depthwise else ()  # tiles fetch their own
                for operand in (*epilogue.whole, *results):
                    streams.setdefault(operand, Stream(code.at(at[operand], start), floats, operand == name))
        return list(streams.values())

    def _clear_sums(self) -> None:
        """This thread's part of dweight, and by thread 0 those of threads that are not there."""
        code, size = self.code, self.conv.weight_size
        pack.clear(code, code.at(self.at["dweight parts"], self.thread * size), size)
        is_due = (self.threads < self.most) & self.thread.equals(0)
        with code.when(is_due), code.loop(self.threads, self.most) as absent:
            pack.clear(code, code.at(self.at["dweight parts"], absent * size), size)

    def _sum_bias(self, dy: Value, number: Value) -> None:
        code, frame, outputs = self.code, self.dy, self.conv.outputs
        own = max(0, frame.top) * frame.pitch + max(0, frame.left) * outputs
        plane = Plane(code.at(dy, own), frame.image, frame.pitch, outputs)
        band = self.conv.out_height // self.pieces.bands
        sweep = Sweep(self.pieces.together, band, self.conv.out_width, outputs, {"dy": plane})
        sweep.run(code, {}, [(leaf("dy"), code.at(self.at["dbias parts"], number * outputs), 1.0)])

    def _result(self, number: Value, size: tuple[int, int, int], name: str, epilogue: Epilogue,
                compute: Callable[..., list[Job]]) -> tuple[list[Job], Callable[[], None]]:  # fmt: skip
        """Compute a piece of y or dx; an epilogue that a tile cannot do is done behind all of them."""
        code, (height, width, channels) = self.code, size
        image, band = self.pieces.place(number)
        rows = height // self.pieces.bands
        start = band * (rows * width * channels)
        target = code.at(self.at[name], image * (height * width * channels) + start)
        planes = epilogue.planes(code, self.at, size, image, start)
        if epilogue.is_simple and self.passes.finishes(name):
            return compute(target, epilogue, {name: plane.pointer for name, plane in planes.items()}), lambda: None
        result = contiguous(target, rows, width, channels)
        sweep = Sweep(self.pieces.together, rows, width, channels, {**planes, "sum": result})
        to = None if epilogue.formula == leaf("sum") else result
        after = lambda: finish(code, sweep, epilogue, epilogue.formula, to, self.at, number)  # noqa: E731
        return compute(target, Epilogue(), {}), after
