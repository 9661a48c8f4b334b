"""Pooling of channels-last images: x (N, H, W, C) -> y (N, OH, OW, C)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import llvmlite.ir as ir

from engine.kernels.cpu import maths, pack
from engine.kernels.cpu.elementwise import SMALL_LOOP
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.values import I32, Value

Pair = tuple[int, int]


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


def max_forward(pool: Pool) -> Plan:
    """y = the largest under the window, index = where it is (int32, y W + x; the first of equals). x, y, index."""
    return Plan((Step(Kernel(emit_max_forward, (pool,), pool.is_small), ("x", "y", "index")),))


def max_gradient(pool: Pool) -> Plan:
    """dx: each gradient goes to where the largest was. Arrays: dy, index, dx."""
    return Plan((Step(Kernel(emit_max_gradient, (pool,), pool.is_small), ("dy", "index", "dx")),))


def average_forward(pool: Pool) -> Plan:
    """y = the mean under the window. Arrays: x, y."""
    return Plan((Step(Kernel(emit_average_forward, (pool,), pool.is_small), ("x", "y")),))


def average_gradient(pool: Pool) -> Plan:
    """dx: each gradient is divided among the places under its window. Arrays: dy, dx."""
    return Plan((Step(Kernel(emit_average_gradient, (pool,), pool.is_small), ("dy", "dx")),))


def emit_max_forward(pool: Pool) -> ir.Module:
    """Every thread takes some rows of y."""
    code = new_kernel("max_pool")
    block, thread, threads = code.arguments
    x, y, index = (code.pointer(block, slot) for slot in range(3))
    with code.loop(*code.share(pool.images * pool.out_height, thread, threads)) as line:
        image, i = line // pool.out_height, line % pool.out_height
        from_x = code.at(x, image * (pool.height * pool.width * pool.channels))
        with code.loop(0, pool.out_width) as j, _channels(code, pool) as (channel, mask):
            best = code.variable(code.float(-math.inf, code.lanes))
            where = code.variable(code.constant(-1, ir.VectorType(I32, code.lanes)))
            with _window(code, pool, i, j) as place:
                value = code.load_masked(code.at(from_x, place * pool.channels + channel), mask)
                here = code.splat(code.truncate(place), code.lanes)
                first = where.get() < 0
                better = (value > best.get()) | maths.is_nan(value) | first
                best.set(code.select(better, value, best.get()))
                where.set(code.select(better, here, where.get()))
            out = (line * pool.out_width + j) * pool.channels + channel
            code.store_masked(best.get(), code.at(y, out), mask)
            code.store_masked(where.get(), code.at(index, out, I32), mask)
    code.finish()
    return code.module


def emit_max_gradient(pool: Pool) -> ir.Module:
    """Every thread takes some images; windows that overlap add up in order."""
    code = new_kernel("max_pool_gradient")
    block, thread, threads = code.arguments
    dy, index, dx = (code.pointer(block, slot) for slot in range(3))
    with _images(code, pool, thread, threads, dx) as (line, i, j, to), _channels(code, pool) as (channel, mask):
        out = (line * pool.out_width + j) * pool.channels + channel
        slope = code.load_masked(code.at(dy, out), mask)
        where = code.load_masked(code.at(index, out, I32), mask, I32)
        with _window(code, pool, i, j) as place:
            at = code.at(to, place * pool.channels + channel)
            hit = Value(code, code.ir.and_(where.equals(code.splat(code.truncate(place), code.lanes)).ir, mask.ir))
            code.store_masked(code.load_masked(at, hit) + slope, at, hit)
    code.finish()
    return code.module


def emit_average_forward(pool: Pool) -> ir.Module:
    """Every thread takes some rows of y."""
    code = new_kernel("average_pool")
    block, thread, threads = code.arguments
    x, y = (code.pointer(block, slot) for slot in range(2))
    with code.loop(*code.share(pool.images * pool.out_height, thread, threads)) as line:
        image, i = line // pool.out_height, line % pool.out_height
        from_x = code.at(x, image * (pool.height * pool.width * pool.channels))
        with code.loop(0, pool.out_width) as j, _channels(code, pool) as (channel, mask):
            total = code.variable(code.float(0.0, code.lanes))
            with _window(code, pool, i, j) as place:
                at = code.at(from_x, place * pool.channels + channel)
                total.set(total.get() + code.load_masked(at, mask))
            out = (line * pool.out_width + j) * pool.channels + channel
            code.store_masked(total.get() / _counted(code, pool, i, j), code.at(y, out), mask)
    code.finish()
    return code.module


def emit_average_gradient(pool: Pool) -> ir.Module:
    """Every thread takes some images; windows that overlap add up in order."""
    code = new_kernel("average_pool_gradient")
    block, thread, threads = code.arguments
    dy, dx = (code.pointer(block, slot) for slot in range(2))
    with _images(code, pool, thread, threads, dx) as (line, i, j, to), _channels(code, pool) as (channel, mask):
        slope = code.load_masked(code.at(dy, (line * pool.out_width + j) * pool.channels + channel), mask)
        part = slope / _counted(code, pool, i, j)
        with _window(code, pool, i, j) as place:
            at = code.at(to, place * pool.channels + channel)
            code.store_masked(code.load_masked(at, mask) + part, at, mask)
    code.finish()
    return code.module


@contextmanager
def _images(code: Code, pool: Pool, thread: Value, threads: Value, dx: Value
            ) -> Iterator[tuple[Value, Value, Value, Value]]:  # fmt: skip
    """Loops over a thread's images, cleared first, and their windows: (row of y over all images, i, j, image of dx)."""
    size = pool.height * pool.width * pool.channels
    with code.loop(*code.share(pool.images, thread, threads)) as image:
        to = code.at(dx, image * size)
        pack.clear(code, to, size)
        with code.loop(0, pool.out_height) as i, code.loop(0, pool.out_width) as j:
            yield image * pool.out_height + i, i, j, to


@contextmanager
def _channels(code: Code, pool: Pool) -> Iterator[tuple[Value, Value]]:
    """A loop over vectors of channels: (first channel, mask)."""
    with code.loop(0, pool.channels, code.lanes) as channel:
        yield channel, code.first(code.lanes, code.minimum(code.int(pool.channels) - channel, code.lanes))


@contextmanager
def _window(code: Code, pool: Pool, i: Value, j: Value) -> Iterator[Value]:
    """Loops over the places under a window that lie inside the image: row times width plus column."""
    bounds = [_bounds(code, pool, axis, index) for axis, index in enumerate((i, j))]
    with code.loop(*bounds[0][1:]) as a, code.loop(*bounds[1][1:]) as b:
        row, column = bounds[0][0] + a * pool.dilation[0], bounds[1][0] + b * pool.dilation[1]
        yield row * pool.width + column


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
