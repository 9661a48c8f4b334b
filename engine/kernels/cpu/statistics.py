"""Statistics of the channels of a batch, out of those of its pieces."""

from __future__ import annotations

import llvmlite.ir as ir

from engine.kernels.cpu import maths
from engine.kernels.cpu.emit import new_kernel
from engine.kernels.cpu.program import Kernel


def merge(parts: int, rows: int, channels: int, eps: float, momentum: float | None) -> Kernel:
    """mean and 1 / √(var + eps), and the running statistics moved towards them where there is a momentum.

    Arguments: moments (parts, 2, channels), as `Epilogue.moments` gathers them; mean, rstd, running mean and running
    variance (channels); without a momentum the last two may be anything.

    Args:
        parts: how many, all of the same size.
        rows: of one part.
        channels: how many.
        eps: added to the variance.
        momentum: share of the new statistics in the running ones, whose variance is the unbiased one.
    """
    return Kernel(emit_merge, (parts, rows, channels, eps, momentum), alone=True)


def emit_merge(parts: int, rows: int, channels: int, eps: float, momentum: float | None) -> ir.Module:
    """Σ (x - mean)² = Σ over the parts of their own sums, and of rows · (their mean - mean)²."""
    code = new_kernel("merge_moments")
    block, _, _ = code.arguments
    moments, *places = (code.pointer(block, slot) for slot in range(5))
    count = parts * rows
    with code.loop(0, channels, code.lanes) as channel:
        mask = code.first(code.lanes, code.minimum(code.int(channels) - channel, code.lanes))
        load = lambda pointer, index: code.load_masked(code.at(pointer, index), mask)  # noqa: E731
        total, spread = (code.variable(code.float(0.0, code.lanes)) for _ in range(2))
        with code.loop(0, parts) as part:
            total.set(total.get() + load(moments, part * (2 * channels) + channel))
        mean = total.get() * (1 / parts)
        with code.loop(0, parts) as part:
            at = part * (2 * channels) + channel
            distance = load(moments, at) - mean
            spread.set(spread.get() + load(moments, at + channels) + distance * distance * float(rows))
        store = lambda value, pointer: code.store_masked(value, code.at(pointer, channel), mask)  # noqa: E731
        mean_at, rstd_at, running_mean, running_var = places
        store(mean, mean_at)
        store(1.0 / maths.sqrt(spread.get() * (1 / count) + eps), rstd_at)
        if momentum is not None:
            store(load(running_mean, channel) * (1 - momentum) + mean * momentum, running_mean)
            unbiased = spread.get() * (momentum / max(count - 1, 1))
            store(load(running_var, channel) * (1 - momentum) + unbiased, running_var)
    code.finish()
    return code.module
