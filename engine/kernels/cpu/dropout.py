"""Random numbers inside a kernel: Philox 4x32-10, and dropout that needs no mask kept.

J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011. The number of an element depends on the seed, the
offset and its index alone, not on threads or vector width; backward draws the same numbers again.
"""

from __future__ import annotations

import llvmlite.ir as ir

from engine.kernels.cpu.elementwise import SMALL_LOOP
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.values import I64, Value

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS, WORDS, GROUP = 10, 4, 16  # 64 elements share 16 counters of four words each


def dropout(size: int, p: float) -> Plan:
    """y = x / (1 - p) where a random number says so, else 0. Arrays: x, y, state = (seed, offset) int64.

    Raises:
        ValueError: p is not from 0 to below 1.
    """
    if not 0 <= p < 1:
        raise ValueError(f"the probability is {p}; it must be from 0 to below 1")
    return Plan((Step(Kernel(emit_dropout, (size, p), size < SMALL_LOOP // 4), ("x", "y", "state")),))


def emit_dropout(size: int, p: float) -> ir.Module:
    """Element 64 b + 16 w + i gets word w of counter 16 b + i."""
    code = new_kernel("dropout")
    block, thread, threads = code.arguments
    x, y, state = (code.pointer(block, slot) for slot in range(3))
    seed, offset = code.load(state, 0, kind=I64), code.load(state, 1, kind=I64)
    lanes, scale = min(code.lanes, GROUP), 1 / (1 - p)
    limit = round(p * 2**32)
    blocks = -(-size // (GROUP * WORDS))
    with code.loop(*code.share(blocks, thread, threads)) as number:
        for part in range(0, GROUP, lanes):
            words = philox(code, number * GROUP + part, offset, seed, lanes)
            for word, value in enumerate(words):
                index = number * (GROUP * WORDS) + (word * GROUP + part)
                kept = Value(code, code.ir.icmp_unsigned(">=", value.ir, code.constant(limit, value.type).ir))
                left = code.minimum(code.maximum(code.int(size) - index, 0), lanes)
                mask = code.first(lanes, left)
                result = code.select(kept, code.load_masked(code.at(x, index), mask) * scale, 0.0)
                code.store_masked(result, code.at(y, index), mask)
    code.finish()
    return code.module


def philox(code: Code, counter: Value, offset: Value, seed: Value, lanes: int) -> list[Value]:
    """Four words for each of the counters counter, counter + 1, ... (64 bit), beside a 64-bit offset."""
    halves = lambda v: [code.splat(code.truncate(part), lanes) for part in (v, v >> 32)]  # noqa: E731
    low = code.iota(lanes, I64) + code.splat(counter, lanes)
    words = [code.truncate(low), code.truncate(low >> 32), *halves(offset)]
    keys = halves(seed)
    for _ in range(ROUNDS):
        (high0, low0), (high1, low1) = (_wide(code, words[i], m) for i, m in zip((0, 2), MULTIPLIERS))
        words = [high1 ^ words[1] ^ keys[0], low1, high0 ^ words[3] ^ keys[1], low0]
        keys = [key + _signed(weyl) for key, weyl in zip(keys, WEYL)]
    return words


def _wide(code: Code, word: Value, multiplier: int) -> tuple[Value, Value]:
    """(high, low) half of a product of 32-bit numbers."""
    product = code.extend(word) * multiplier
    return code.truncate(product >> 32), code.truncate(product)


def _signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word
