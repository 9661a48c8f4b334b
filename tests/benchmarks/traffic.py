"""How long the memory alone takes for what an operation reads and writes: the other bound beside arithmetic."""

from __future__ import annotations

import llvmlite.ir as ir
import numpy as np

from engine.kernels.aligned import aligned
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.pool import MAX_THREADS
from engine.kernels.cpu.program import Kernel, Program
from engine.kernels.cpu.values import Value, Variable

STREAMS = 8  # vectors on their way at once


def program(read: list[np.ndarray], written: list[np.ndarray]) -> Program:
    """Reads some arrays from front to back and fills others with zeros, in all threads, but for some last numbers."""
    kernel = Kernel(emit, (tuple(a.size for a in read), tuple(a.size for a in written)))
    return Program([kernel.bind(*read, *written, aligned((MAX_THREADS, 16)))])


def emit(read: tuple[int, ...], written: tuple[int, ...]) -> ir.Module:
    """Every thread takes its share of each array; sizes in floats. What is read is summed up into the last argument."""
    code = new_kernel("traffic")
    block, thread, threads = code.arguments
    lanes = code.lanes
    sums = [code.variable(code.float(0.0, lanes)) for _ in range(STREAMS)]
    for slot, size in enumerate((*read, *written)):
        step = STREAMS * lanes
        start, stop = code.share(size // step, thread, threads)
        place = code.pointer(block, slot)
        with code.loop(start * step, stop * step, step) as i:
            for number, total in enumerate(sums):
                _touch(code, code.at(place, i + number * lanes), total if slot < len(read) else None)
    result = code.at(code.pointer(block, len(read) + len(written)), thread * lanes)
    for total in sums:
        code.store(total.get() + code.load(result, 0, lanes), result)
    code.finish()
    return code.module


def _touch(code: Code, place: Value, total: Variable | None) -> None:
    if total is None:
        code.store(code.float(0.0, code.lanes), place)
    else:
        total.set(total.get() + code.load(place, 0, code.lanes))
