"""Random numbers inside a kernel: Philox 4x32-10, and dropout that needs no mask kept.

J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011. The number of an element depends on the seed, the
offset and its index alone, not on threads or vector width; backward draws the same numbers again.
"""

from __future__ import annotations

from math import ceil

import llvmlite.ir as ir

from engine.kernels.cpu.elementwise import SMALL_LOOP
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.values import I8, I32, I64, Value

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
LOW = 0xFFFFFFFF
ROUNDS, WORDS, GROUP = 10, 4, 16  # 64 elements share 16 counters of four words each


def dropout(size: int, p: float, keeps_mask: bool = False) -> Plan:
    """y = x / (1 - p) where a random number says so, else 0. Arrays: x, y, state = (seed, offset) int64.

    Args:
        size: of x.
        p: with which probability a number is dropped.
        keeps_mask: whether the array mask (bytes) gets 1 where a number stayed, else 0.

    Raises:
        ValueError: p is not from 0 to below 1.
    """
    names = ("state", "x", "y", *(("mask",) if keeps_mask else ()))
    return Plan((Step(Kernel(emit_dropout, (size, _checked(p), True, keeps_mask), size < SMALL_LOOP // 4), names),))


def mask(size: int, p: float) -> Plan:
    """mask (bytes) = 0 with probability p, else 1, as in `dropout`. Arrays: mask, state = (seed, offset) int64."""
    return Plan(
        (Step(Kernel(emit_dropout, (size, _checked(p), False, True), size < SMALL_LOOP // 4), ("state", "mask")),)
    )


def masked(size: int, p: float) -> Plan:
    """y = x · mask / (1 - p). Arrays: x, mask (bytes), y."""
    return Plan((Step(Kernel(emit_masked, (size, _checked(p)), size < SMALL_LOOP), ("x", "mask", "y")),))


def _checked(p: float) -> float:
    if not 0 <= p < 1:
        raise ValueError(f"the probability is {p}; it must be from 0 to below 1")
    return p


def threshold(p: float) -> int:
    """Words below this, of 32 bits, drop a number. One word at least stays, as one does that has a chance."""
    return min(round(p * 2**32), LOW)


def emit_dropout(size: int, p: float, drops: bool, keeps_mask: bool) -> ir.Module:
    """Element 64 b + 16 w + i gets word w of counter 16 b + i."""
    code = new_kernel("dropout")
    block, thread, threads = code.arguments
    state, *places = (code.pointer(block, slot) for slot in range(1 + 2 * drops + keeps_mask))
    seed, offset = code.load(state, 0, kind=I64), code.load(state, 1, kind=I64)
    lanes, limit = min(code.lanes, GROUP), threshold(p)

    def store(index: Value, word: Value, inside: Value | None) -> None:
        kept = Value(code, code.ir.icmp_unsigned(">=", word.ir, code.constant(limit, word.type).ir))
        if drops:
            x = code.at(places[0], index)
            value = code.load(x, 0, lanes) if inside is None else code.load_masked(x, inside)
            _put(code, code.select(kept, value * (1 / (1 - p)), 0.0), code.at(places[1], index), inside)
        if keeps_mask:
            _put(code, code.extend(kept, I8), code.at(places[-1], index, I8), inside)

    def draw(number: Value, whole: bool) -> None:
        for part in range(0, GROUP, lanes):
            for word, value in enumerate(philox(code, number * GROUP + part, offset, seed, lanes)):
                index = number * (GROUP * WORDS) + (word * GROUP + part)
                left = code.minimum(code.maximum(code.int(size) - index, 0), lanes)
                store(index, value, None if whole else code.first(lanes, left))

    whole, rest = divmod(size, GROUP * WORDS)
    with code.loop(*code.share(whole, thread, threads)) as number:
        draw(number, True)
    if rest:
        with code.when(thread.equals(0)):
            draw(code.int(whole), False)
    code.finish()
    return code.module


def _put(code: Code, value: Value, place: Value, inside: Value | None) -> None:
    if inside is None:
        code.store(value, place)
    else:
        code.store_masked(value, place, inside)


def emit_masked(size: int, p: float) -> ir.Module:
    """Vectors of numbers and of bytes."""
    code = new_kernel("masked")
    block, thread, threads = code.arguments
    x, mask, y = (code.pointer(block, slot) for slot in range(3))
    lanes = code.lanes
    with code.loop(*code.share(ceil(size / lanes), thread, threads)) as number:
        index = number * lanes
        inside = code.first(lanes, code.minimum(code.int(size) - index, lanes))
        kept = code.to_float(code.extend(code.load_masked(code.at(mask, index, I8), inside, I8), I32))
        result = code.load_masked(code.at(x, index), inside) * kept * (1 / (1 - p))
        code.store_masked(result, code.at(y, index), inside)
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
