"""Batch normalisation over the rows of a matrix (samples and pixels, channels), in training and evaluation.

Statistics are gathered block by block in two passes over each block, and merged: T. Chan, G. Golub, R. LeVeque,
"Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
"""

from __future__ import annotations

import llvmlite.ir as ir

from engine.kernels.cpu import maths
from engine.kernels.cpu.elementwise import SMALL_LOOP, chain, channel_sums
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.expression import Expr, apply, leaf
from engine.kernels.cpu.pool import num_threads
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.values import Value

BLOCK = 64  # rows


def training(rows: int, channels: int, eps: float = 1e-5, momentum: float = 0.1, activation: str = "",
             residual: bool = False) -> Plan:  # fmt: skip
    """y = activation((x - mean) · rstd · weight + bias + residual), and the running statistics.

    Arrays: x, y, residual (rows, channels); mean, rstd, weight, bias, "running mean", "running var" (channels).
    """
    threads = num_threads() if rows * channels >= SMALL_LOOP else 1
    gather = Kernel(emit_gather, (rows, channels, threads), threads == 1)
    merge = Kernel(emit_merge, (rows, channels, threads, eps, momentum))
    after = normalise(rows, channels, activation, residual)
    steps = (
        Step(gather, ("x", "moments")),
        Step(merge, ("moments", "mean", "rstd", "running mean", "running var")),
        *after.steps,
    )
    return Plan(steps, {"moments": threads * 2 * channels})


def normalise(rows: int, channels: int, activation: str = "", residual: bool = False) -> Plan:
    """The same with a mean and rstd that are given."""
    result = normalised() * leaf("weight") + leaf("bias")
    if residual:
        result = result + leaf("residual")
    if activation:
        result = apply(activation, result)
    whole, each = (rows, channels), (channels,)
    inputs = {"x": whole, "mean": each, "rstd": each, "weight": each, "bias": each}
    return chain(whole, inputs | ({"residual": whole} if residual else {}), {"y": result})


def gradient(rows: int, channels: int, gated: bool = False) -> Plan:
    """dx, and "dweight dbias" (2, channels). Arrays: x, dy, mean, rstd, weight, dx, "dweight dbias"; y if gated.

    Args:
        rows, channels: sizes.
        gated: y went through a ReLU: dy counts where y is positive.
    """
    slope: Expr = apply("where_positive", leaf("y"), leaf("dy"), 0.0) if gated else leaf("dy")
    kinds = {"x": "all", "dy": "all", "mean": "column", "rstd": "column"} | ({"y": "all"} if gated else {})
    sums = channel_sums(rows, channels, kinds, {"dweight": slope * normalised(), "dbias": slope})
    centred = slope - leaf("dbias") * (1 / rows) - normalised() * leaf("dweight") * (1 / rows)
    shapes = {name: (rows, channels) if kind == "all" else (channels,) for name, kind in kinds.items()}
    shapes |= {"weight": (channels,), "dweight": (channels,), "dbias": (channels,)}
    after = chain((rows, channels), shapes, {"dx": leaf("weight") * leaf("rstd") * centred})
    (last,) = after.steps
    both = tuple(
        {"dweight": ("dweight dbias", 0), "dbias": ("dweight dbias", channels)}.get(a, a) for a in last.arguments
    )
    return Plan((*sums.steps, Step(last.kernel, both)), sums.scratch)


def normalised() -> Expr:
    """(x - mean) · rstd"""
    return (leaf("x") - leaf("mean")) * leaf("rstd")


def emit_gather(rows: int, channels: int, most: int) -> ir.Module:
    """Mean and sum of squared deviations of each thread's rows: moments (threads, 2, channels)."""
    code = new_kernel("batch_norm_gather")
    block, thread, threads = code.arguments
    x, moments = code.pointer(block, 0), code.pointer(block, 1)
    with code.when(thread < most):
        start, stop = code.share(rows, thread, code.minimum(threads, most))
        mine = code.at(moments, thread * (2 * channels))
        with code.loop(0, channels, code.lanes) as channel:
            mask = code.first(code.lanes, code.minimum(code.int(channels) - channel, code.lanes))
            mean, spread = _gather(code, code.at(x, channel), channels, start, stop, mask)
            code.store_masked(mean, code.at(mine, channel), mask)
            code.store_masked(spread, code.at(mine, channel + channels), mask)
    code.finish()
    return code.module


def emit_merge(rows: int, channels: int, most: int, eps: float, momentum: float) -> ir.Module:
    """The threads' moments as one, in their order; mean, 1 / √(var + eps), and the running mean and variance."""
    code = new_kernel("batch_norm_merge")
    block, thread, threads = code.arguments
    moments, mean_at, rstd_at, running_mean, running_var = (code.pointer(block, slot) for slot in range(5))
    threads = code.minimum(threads, most)
    with code.when(thread.equals(0)), code.loop(0, channels, code.lanes) as channel:
        mask = code.first(code.lanes, code.minimum(code.int(channels) - channel, code.lanes))
        load = lambda pointer, index: code.load_masked(code.at(pointer, index), mask)  # noqa: E731
        moment = _Moments(code)
        with code.loop(0, threads) as part:
            start, stop = code.share(rows, part, threads)
            at = part * (2 * channels) + channel
            with code.when(stop > start):
                moment.merge(stop - start, load(moments, at), load(moments, at + channels))
        mean, spread = moment.mean.get(), moment.spread.get()
        store = lambda value, pointer: code.store_masked(value, code.at(pointer, channel), mask)  # noqa: E731
        store(mean, mean_at)
        store(1.0 / maths.sqrt(spread * (1 / rows) + eps), rstd_at)
        store(load(running_mean, channel) * (1 - momentum) + mean * momentum, running_mean)
        unbiased = spread * (1 / max(rows - 1, 1))
        store(load(running_var, channel) * (1 - momentum) + unbiased * momentum, running_var)
    code.finish()
    return code.module


class _Moments:
    """Count, mean and sum of squared deviations, growing."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.count = code.variable(code.int(0))
        self.mean, self.spread = (code.variable(code.float(0.0, code.lanes)) for _ in range(2))

    def merge(self, count: Value, mean: Value, spread: Value) -> None:
        """Add `count` more numbers with this mean and sum of squared deviations."""
        code = self.code
        before, after = self.count.get(), self.count.get() + count
        share = code.splat(code.to_float(count) / code.to_float(after), code.lanes)
        distance = mean - self.mean.get()
        self.mean.set(code.fma(distance, share, self.mean.get()))
        weight = share * code.splat(code.to_float(before), code.lanes)
        self.spread.set(self.spread.get() + code.fma(distance * distance, weight, spread))
        self.count.set(after)


def _gather(code: Code, x: Value, channels: int, start: Value, stop: Value, mask: Value) -> tuple[Value, Value]:
    moments = _Moments(code)
    with code.loop(start, stop, BLOCK) as first:
        last = code.minimum(first + BLOCK, stop)
        count = last - first
        load = lambda row: code.load_masked(code.at(x, row * channels), mask)  # noqa: E731
        total = _total(code, first, last, load)
        mean = total / code.splat(code.to_float(count), code.lanes)
        spread = _total(code, first, last, lambda row: (load(row) - mean) * (load(row) - mean))
        moments.merge(count, mean, spread)
    return moments.mean.get(), moments.spread.get()


def _total(code: Code, start: Value, stop: Value, term) -> Value:
    """Σ term(row), in two sums so that they need not wait for each other."""
    even, odd = (code.variable(code.float(0.0, code.lanes)) for _ in range(2))
    middle = start + (stop - start) // 2 * 2
    with code.loop(start, middle, 2) as row:
        even.set(even.get() + term(row))
        odd.set(odd.get() + term(row + 1))
    with code.loop(middle, stop) as row:
        even.set(even.get() + term(row))
    return even.get() + odd.get()
