"""Random numbers inside a kernel: Philox 4x32-10, and the masks of dropout.

J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011. The number of an element depends on the seed, the
offset and its index alone, not on threads or vector width.
"""

from __future__ import annotations

import llvmlite.ir as ir

from engine.kernels.cpu.elementwise import SMALL_LOOP
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.values import I8, I64, Value

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
LOW = 0xFFFFFFFF
ROUNDS, WORDS, GROUP = 10, 4, 16  # 64 elements share 16 counters of four words each


def mask(size: int, p: float) -> Plan:
    """mask (bytes) = 0 with probability p, else 1. Arrays: mask, state = (seed, offset) int64.

    Args:
        size: of the mask.
        p: with which probability a number is dropped.

    Raises:
        ValueError: p is not from 0 to below 1.
    """
    if not 0 <= p < 1:
        raise ValueError(f"the probability is {p}; it must be from 0 to below 1")
    return Plan((Step(Kernel(emit_mask, (size, p), size < SMALL_LOOP // 4), ("state", "mask")),))


def threshold(p: float) -> int:
    """Words below this, of 32 bits, drop a number. One word at least stays, as one does that has a chance."""
    return min(round(p * 2**32), LOW)


def emit_mask(size: int, p: float) -> ir.Module:
    """Element 64 b + 16 w + i gets word w of counter 16 b + i."""
    code = new_kernel("dropout_mask")
    block, thread, threads = code.arguments
    state, mask = code.pointer(block, 0), code.pointer(block, 1)
    seed, offset = code.load(state, 0, kind=I64), code.load(state, 1, kind=I64)
    lanes, limit = min(code.lanes, GROUP), threshold(p)

    def draw(number: Value, whole: bool) -> None:
        for part in range(0, GROUP, lanes):
            for word, value in enumerate(philox(code, number * GROUP + part, offset, seed, lanes)):
                index = number * (GROUP * WORDS) + (word * GROUP + part)
                kept = Value(code, code.ir.icmp_unsigned(">=", value.ir, code.constant(limit, value.type).ir))
                place = code.at(mask, index, I8)
                if whole:
                    code.store(code.extend(kept, I8), place)
                else:
                    left = code.minimum(code.maximum(code.int(size) - index, 0), lanes)
                    code.store_masked(code.extend(kept, I8), place, code.first(lanes, left))

    whole, rest = divmod(size, GROUP * WORDS)
    with code.loop(*code.share(whole, thread, threads)) as number:
        draw(number, True)
    if rest:
        with code.when(thread.equals(0)):
            draw(code.int(whole), False)
    code.finish()
    return code.module


def philox(code: Code, counter: Value, offset: Value, seed: Value, lanes: int) -> list[Value]:
    """Four words for each of the counters counter, counter + 1, ... (64 bit), beside a 64-bit offset.

    Each word has a lane of 64 bits to itself, whose upper half is not looked at: so a product needs no unpacking.
    """
    halves = lambda v: [code.splat(part, lanes) for part in (v & LOW, v >> 32)]  # noqa: E731
    low = code.iota(lanes, I64) + code.splat(counter, lanes)
    words = [low, low >> 32, *halves(offset)]
    keys = halves(seed)
    for _ in range(ROUNDS):
        first, second = ((words[i] & LOW) * multiplier for i, multiplier in zip((0, 2), MULTIPLIERS))
        words = [(second >> 32) ^ words[1] ^ keys[0], second, (first >> 32) ^ words[3] ^ keys[1], first]
        keys = [key + weyl for key, weyl in zip(keys, WEYL)]
    return [code.truncate(word) for word in words]
