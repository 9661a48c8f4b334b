"""Pooling of channels-last images: x (N, H, W, C) -> y (N, OH, OW, C)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

import llvmlite.ir as ir

from engine.kernels.cpu import maths, pack
from engine.kernels.cpu.elementwise import SMALL_LOOP
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.expression import evaluate, leaf
from engine.kernels.cpu.imagewise import over
from engine.kernels.cpu.operands import Epilogue, Source
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.sweep import Plane
from engine.kernels.cpu.values import I8, I32, Value

Pair = tuple[int, int]
ARRAY = Source()
WRITTEN_OUT = 9  # taps of a window that are looked at without a loop


@dataclass(frozen=True)
class Pool:
    """Sizes of a pooling layer.

    Args:
        images, height, width, channels: of x.
        kernel, stride, dilation, padding: (vertical, horizontal); padding is the same on both sides.
        count_padding: whether an average counts the border.
    """

    images: int
    height: int
    width: int
    channels: int
    kernel: Pair = (2, 2)
    stride: Pair = (2, 2)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    count_padding: bool = True

    @property
    def out_height(self) -> int:
        return (self.height + 2 * self.padding[0] - self.dilation[0] * (self.kernel[0] - 1) - 1) // self.stride[0] + 1

    @property
    def out_width(self) -> int:
        return (self.width + 2 * self.padding[1] - self.dilation[1] * (self.kernel[1] - 1) - 1) // self.stride[1] + 1

    @property
    def is_small(self) -> bool:
        return self.images * self.height * self.width * self.channels < SMALL_LOOP


def max_forward(
    pool: Pool, source: Source = ARRAY, *, kept: str = "", chosen: bool = False, stores: bool = True
) -> Plan:
    """y = the largest under the window, and where it is: the first of equals.

    Arrays: those of the source (x); y (N, OH, OW, C); index int32 (row times width of x plus column) or chosen uint8
    (row times width of the window plus column), both like y; kept, like y.

    Args:
        pool: sizes.
        source: what is pooled.
        kept: name of an array of the source whose number at the chosen place is kept too.
        chosen: what is said of the place: `operands.Source` reads a gradient by it.
        stores: whether there is a y: what is kept may be all that is needed.
    """
    work = _Largest(pool, source, kept, chosen, stores)
    return Plan((Step(Kernel(emit_max_forward, (work,), pool.is_small), work.arguments),))


def max_gradient(pool: Pool) -> Plan:
    """dx: each gradient goes to where the largest was. Arrays: dy, index, dx."""
    return Plan((Step(Kernel(emit_max_gradient, (pool,), pool.is_small), ("dy", "index", "dx")),))


def average_forward(pool: Pool, source: Source = ARRAY) -> Plan:
    """y = the mean under the window. Arrays: those of the source (x), y."""
    return Plan((Step(Kernel(emit_average_forward, (pool, source), pool.is_small), (*source.names, "y")),))


def average_gradient(pool: Pool) -> Plan:
    """dx: each gradient is divided among the places under its window. Arrays: dy, dx."""
    return Plan((Step(Kernel(emit_average_gradient, (pool,), pool.is_small), ("dy", "dx")),))


def global_average(images: int, height: int, width: int, channels: int, source: Source = ARRAY) -> Plan:
    """sums (N, 1, C) = the mean over all pixels. Arrays: those of the source (x), sums.

    Its gradient is the same number at all pixels, which `operands.Source` reads as `image`.
    """
    mean = Epilogue(sums=(leaf("value") * (1 / (height * width)),))
    return over(images, height, width, channels, source, mean, stores=False)


@dataclass(frozen=True)
class _Largest:
    pool: Pool
    source: Source
    kept: str
    chosen: bool
    stores: bool

    @property
    def arguments(self) -> tuple[str, ...]:
        place = "chosen" if self.chosen else "index"
        return (*self.source.names, place, *(["y"] if self.stores else []), *(["kept"] if self.kept else []))


def emit_max_forward(work: _Largest) -> ir.Module:
    """Every thread takes some rows of y."""
    pool, source = work.pool, work.source
    code = new_kernel("max_pool")
    at = {name: code.pointer(code.arguments[0], slot) for slot, name in enumerate(work.arguments)}

    def window(planes: dict[str, Plane], i: Value, j: Value, channel: Value, count: int, out: Value) -> None:
        best = code.variable(code.float(-math.inf, code.lanes))
        where = code.variable(code.constant(-1, ir.VectorType(I32, code.lanes)))
        keep = code.variable(code.float(0.0, code.lanes))

        def look(row: Value, column: Value, tap: Value) -> None:
            values = {n: plane.load(code, (code.int(0), row, column), channel, count) for n, plane in planes.items()}
            value = evaluate(source.formula, values)
            here = code.splat(code.truncate(tap if work.chosen else row * pool.width + column), code.lanes)
            better = (value > best.get()) | maths.is_nan(value) | (where.get() < 0)
            best.set(code.select(better, value, best.get()))
            where.set(code.select(better, here, where.get()))
            if work.kept:
                keep.set(code.select(better, values[work.kept], keep.get()))

        _window(code, pool, i, j, look)
        if work.stores:
            code.store(best.get(), at["y"], out, count)
        if work.kept:
            code.store(keep.get(), at["kept"], out, count)
        place = code.truncate(where.get(), I8) if work.chosen else where.get()
        code.store(place, at["chosen" if work.chosen else "index"], out, count)

    _outputs(code, pool, source, at, window)
    code.finish()
    return code.module


def emit_average_forward(pool: Pool, source: Source) -> ir.Module:
    """Every thread takes some rows of y."""
    code = new_kernel("average_pool")
    at = {name: code.pointer(code.arguments[0], slot) for slot, name in enumerate((*source.names, "y"))}

    def window(planes: dict[str, Plane], i: Value, j: Value, channel: Value, count: int, out: Value) -> None:
        total = code.variable(code.float(0.0, code.lanes))

        def look(row: Value, column: Value, tap: Value) -> None:
            values = {n: plane.load(code, (code.int(0), row, column), channel, count) for n, plane in planes.items()}
            total.set(total.get() + evaluate(source.formula, values))

        _window(code, pool, i, j, look)
        code.store(total.get() / _counted(code, pool, i, j), at["y"], out, count)

    _outputs(code, pool, source, at, window)
    code.finish()
    return code.module


def emit_max_gradient(pool: Pool) -> ir.Module:
    """Every thread takes some images; windows that overlap add up in order."""
    code = new_kernel("max_pool_gradient")
    block, thread, threads = code.arguments
    dy, index, dx = (code.pointer(block, slot) for slot in range(3))

    def window(i: Value, j: Value, to: Value, out: Value, channel: Value, count: int) -> None:
        slope = code.load(dy, out, code.lanes, count)
        where = code.load(index, out, code.lanes, count, I32)

        def look(row: Value, column: Value, tap: Value) -> None:
            place = row * pool.width + column
            at = code.at(to, place * pool.channels + channel)
            hit = where.equals(code.splat(code.truncate(place), code.lanes)) & code.first(code.lanes, code.int(count))
            code.store_masked(code.load_masked(at, hit) + slope, at, hit)

        _window(code, pool, i, j, look)

    _gradients(code, pool, thread, threads, dx, window)
    code.finish()
    return code.module


def emit_average_gradient(pool: Pool) -> ir.Module:
    """Every thread takes some images; windows that overlap add up in order."""
    code = new_kernel("average_pool_gradient")
    block, thread, threads = code.arguments
    dy, dx = (code.pointer(block, slot) for slot in range(2))

    def window(i: Value, j: Value, to: Value, out: Value, channel: Value, count: int) -> None:
        part = code.load(dy, out, code.lanes, count) / _counted(code, pool, i, j)

        def look(row: Value, column: Value, tap: Value) -> None:
            at = code.at(to, (row * pool.width + column) * pool.channels + channel)
            code.store(code.load(at, 0, code.lanes, count) + part, at, 0, count)

        _window(code, pool, i, j, look)

    _gradients(code, pool, thread, threads, dx, window)
    code.finish()
    return code.module


def _outputs(code: Code, pool: Pool, source: Source, at: Mapping[str, Value], window: Callable[..., None]) -> None:
    """Call window(planes of the image, i, j, channel, count, place in y) for this thread's rows of y."""
    _, thread, threads = code.arguments
    with code.loop(*code.share(pool.images * pool.out_height, thread, threads)) as line:
        image, i = line // pool.out_height, line % pool.out_height
        planes = source.planes(code, at, (pool.height, pool.width, pool.channels), (image, code.int(0), code.int(0)))
        with code.loop(0, pool.out_width) as j:
            start = (line * pool.out_width + j) * pool.channels
            _channels(code, pool, lambda channel, count: window(planes, i, j, channel, count, start + channel))


def _gradients(code: Code, pool: Pool, thread: Value, threads: Value, dx: Value, window: Callable[..., None]) -> None:
    """Call window(i, j, image of dx, place in dy, channel, count) for this thread's images, which are cleared first."""
    size = pool.height * pool.width * pool.channels
    with code.loop(*code.share(pool.images, thread, threads)) as image:
        to = code.at(dx, image * size)
        pack.clear(code, to, size)
        with code.loop(0, pool.out_height) as i, code.loop(0, pool.out_width) as j:
            start = ((image * pool.out_height + i) * pool.out_width + j) * pool.channels
            _channels(code, pool, lambda channel, count: window(i, j, to, start + channel, channel, count))


def _channels(code: Code, pool: Pool, body: Callable[[Value, int], None]) -> None:
    """A loop over vectors of channels: (first channel, how many)."""
    rest = pool.channels % code.lanes
    with code.loop(0, pool.channels - rest, code.lanes) as channel:
        body(channel, code.lanes)
    if rest:
        body(code.int(pool.channels - rest), rest)


def _window(code: Code, pool: Pool, i: Value, j: Value, look: Callable[[Value, Value, Value], None]) -> None:
    """Call look(row, column, number of the tap) for the places under a window that lie inside the image."""
    (top, a, b), (left, c, d) = (_bounds(code, pool, axis, index) for axis, index in enumerate((i, j)))
    place = lambda v, h: (top + v * pool.dilation[0], left + h * pool.dilation[1], v * pool.kernel[1] + h)  # noqa: E731
    if pool.padding == (0, 0) and prod(pool.kernel) <= WRITTEN_OUT:
        for v in range(pool.kernel[0]):
            for h in range(pool.kernel[1]):
                look(*place(code.int(v), code.int(h)))
        return
    with code.loop(a, b) as v, code.loop(c, d) as h:
        look(*place(v, h))


def _bounds(code: Code, pool: Pool, axis: int, index: Value) -> tuple[Value, Value, Value]:
    """(start of the window, first tap inside, tap behind the last inside)"""
    size, dilation = (pool.height, pool.width)[axis], pool.dilation[axis]
    start = index * pool.stride[axis] - pool.padding[axis]
    first, last = code.int(0), code.int(pool.kernel[axis])
    if pool.padding[axis]:
        first = code.maximum(code.int(pool.padding[axis]) - index * pool.stride[axis] + (dilation - 1), 0) // dilation
        last = code.minimum(code.maximum(code.int(size) - start + (dilation - 1), 0) // dilation, pool.kernel[axis])
    return start, first, last


def _counted(code: Code, pool: Pool, i: Value, j: Value) -> Value:
    """How many places an average is taken over."""
    if pool.count_padding or pool.padding == (0, 0):
        return code.float(pool.kernel[0] * pool.kernel[1], code.lanes)
    (_, a, b), (_, c, d) = (_bounds(code, pool, axis, index) for axis, index in enumerate((i, j)))
    return code.splat(code.to_float((b - a) * (d - c)), code.lanes)
