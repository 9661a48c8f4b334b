"""Random masks, the same for one seed whatever the number of threads and the vectors' width."""

from __future__ import annotations

import llvmlite.ir as ir

from engine.kernels.cpu.dropout import GROUP, WORDS, philox, threshold
from engine.kernels.cpu.elementwise import SMALL_LOOP
from engine.kernels.cpu.emit import new_kernel
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.values import I64, Value


def bernoulli(size: int, keep: float) -> Plan:
    """y = 1 / keep with probability keep, otherwise 0. Arrays: state = (seed, offset) int64, y.

    Raises:
        ValueError: keep is not above 0 and at most 1.
    """
    if not 0 < keep <= 1:
        raise ValueError(f"the probability is {keep}; it must be above 0 and at most 1")
    return Plan((Step(Kernel(emit_bernoulli, (size, keep), size < SMALL_LOOP // 4), ("state", "y")),))


def emit_bernoulli(size: int, keep: float) -> ir.Module:
    """Element 64 b + 16 w + i gets word w of counter 16 b + i, as in `dropout`."""
    code = new_kernel("bernoulli")
    block, thread, threads = code.arguments
    state, y = (code.pointer(block, slot) for slot in range(2))
    seed, offset = code.load(state, 0, kind=I64), code.load(state, 1, kind=I64)
    lanes, limit = min(code.lanes, GROUP), threshold(1 - keep)
    blocks = -(-size // (GROUP * WORDS))
    with code.loop(*code.share(blocks, thread, threads)) as number:
        for part in range(0, GROUP, lanes):
            for word, value in enumerate(philox(code, number * GROUP + part, offset, seed, lanes)):
                index = number * (GROUP * WORDS) + (word * GROUP + part)
                kept = Value(code, code.ir.icmp_unsigned(">=", value.ir, code.constant(limit, value.type).ir))
                left = code.minimum(code.maximum(code.int(size) - index, 0), lanes)
                result = code.select(kept, code.float(1 / keep, lanes), code.float(0.0, lanes))
                code.store_masked(result, code.at(y, index), code.first(lanes, left))
    code.finish()
    return code.module
