"""Attention of many heads: all of a head's work at once, so that scores and weights stay in the caches.

Queries, keys, values and the result lie anywhere: heads need no transposing. Of many queries some are taken at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import llvmlite.ir as ir

from engine.kernels.cpu import maths, pack
from engine.kernels.cpu.contraction import Tiles
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.geometry import Contraction, Dim
from engine.kernels.cpu.host import L2_FLOATS
from engine.kernels.cpu.pool import num_threads
from engine.kernels.cpu.products import Matrix
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.rowwise import Vector, each, sum_of, vectors
from engine.kernels.cpu.values import F32, I8, I32, Value

BAND_FLOATS = L2_FLOATS // 8  # scores that are computed before the next queries' turn


@dataclass(frozen=True)
class Heads:
    """Sizes, options and where arrays lie; each matrix is (queries or keys, features) with batch (samples, heads).

    Args:
        samples, heads, queries, keys, depth, width: sizes N, heads, L, S, E and V.
        scale: what the products of queries and keys are multiplied with.
        causal: whether query i sees only the keys up to i.
        dropped: with which probability weights are dropped; the array mask (bytes) says which.
        query, key, value, out: where they lie.
        bias: what is added to the scores: rows are queries, columns keys; strides may be 0.
    """

    samples: int
    heads: int
    queries: int
    keys: int
    depth: int
    width: int
    scale: float
    causal: bool
    dropped: float
    query: Matrix
    key: Matrix
    value: Matrix
    out: Matrix
    bias: Matrix | None = None

    @property
    def items(self) -> int:
        return self.samples * self.heads

    @property
    def band(self) -> int:
        """Queries that are taken together."""
        bands = ceil(self.queries * self.keys / max(BAND_FLOATS, 8 * self.keys))
        return ceil(self.queries / bands)

    @property
    def threads(self) -> int:
        """How many take part: each has memory of its own."""
        return min(num_threads(), self.items) if self.items * self.queries * self.keys > 2000 else 1


def heads(samples: int, heads: int, queries: int, keys: int, depth: int, width: int = 0, *, scale: float | None = None,
          causal: bool = False, dropped: float = 0.0, query: Matrix | None = None, key: Matrix | None = None,
          value: Matrix | None = None, out: Matrix | None = None, bias: Matrix | None = None) -> Heads:  # fmt: skip
    """What `attention` and `attention_gradient` are told; what is not said lies as (samples, heads, rows, features).

    Args:
        samples, heads, queries, keys, depth, width: sizes N, heads, L, S, E and V; V is E if not said.
        scale: 1 / √E if not said.
        causal, dropped, query, key, value, out, bias: as in `Heads`.

    >>> heads(2, 4, 10, 10, 8).query.over(2)
    (320, 80)
    """
    width = width or depth
    plain = lambda name, rows, wide: Matrix(name, wide, 1, (heads * rows * wide, rows * wide))  # noqa: E731
    return Heads(samples, heads, queries, keys, depth, width, depth**-0.5 if scale is None else scale, causal, dropped,
                 query or plain("query", queries, depth), key or plain("key", keys, depth),
                 value or plain("value", keys, width), out or plain("out", queries, width), bias)  # fmt: skip


def attention(spec: Heads) -> Plan:
    """out = softmax(scale · query keyᵀ + bias) · mask / (1 - dropped) · value.

    Arrays: those of the description; weights (N, heads, L, S), which backward needs; mask (bytes) like it if dropped. A
    query that sees no key gets zeros.
    """
    names = ["weights", *(["mask"] if spec.dropped else [])]
    places = [spec.query, spec.key, spec.value, spec.out, *([spec.bias] if spec.bias else [])]
    arguments = (*(place.argument for place in places), *names, "head room")
    threads = spec.threads
    kernel = Kernel(emit, (spec, threads), alone=threads == 1)
    return Plan((Step(kernel, arguments),), {"head room": threads * _room(spec)})


def _room(spec: Heads) -> int:
    """Floats that a thread needs: the keys turned around, and weights after dropout."""
    return _padded(spec.keys * spec.depth) + (_padded(spec.band * spec.keys) if spec.dropped else 0)


def _padded(floats: int) -> int:
    return -(-floats // 16) * 16


def emit(spec: Heads, most: int) -> ir.Module:
    """Every thread takes some heads; `most` threads take part."""
    code = new_kernel("attention")
    block, thread, threads = code.arguments
    names = ["query", "key", "value", "out", *(["bias"] if spec.bias else []), "weights",
             *(["mask"] if spec.dropped else []), "room"]  # fmt: skip
    at = {name: code.pointer(block, slot) for slot, name in enumerate(names)}
    at["room"] = code.at(at["room"], thread * _room(spec))
    bands = ceil(spec.queries / spec.band)
    with code.when(thread < most), code.loop(*code.share(spec.items, thread, code.minimum(threads, most))) as item:
        places = head(code, spec, at, item)
        turned = code.at(places["room"], 0)
        pack.walk(code, pack.Move((), spec.depth, spec.keys, (1, spec.key.rows), spec.keys), places["key"], turned,
                  code.int(0), code.int(1))  # fmt: skip
        for_bands(code, spec, bands, lambda first, rows: _band(code, spec, places, first, rows))
    code.finish()
    return code.module


def head(code: Code, spec: Heads, at: dict[str, Value], item: Value) -> dict[str, Value]:
    """The same pointers at one head."""
    sample, number = item // spec.heads, item % spec.heads
    places = dict(at)
    matrices = {"query": spec.query, "key": spec.key, "value": spec.value, "out": spec.out, "bias": spec.bias}
    for name, matrix in matrices.items():
        if name in at:
            far, near = matrix.over(2)
            places[name] = code.at(at[name], sample * far + number * near)
    for name in ("weights", "mask"):
        if name in at:
            kind = I8 if name == "mask" else F32
            places[name] = code.at(at[name], item * (spec.queries * spec.keys), kind)
    return places


def for_bands(code: Code, spec: Heads, bands: int, work: Callable[[Value, int], None]) -> None:
    """Call work(first query, how many) for all bands; the last one may be smaller."""
    last = spec.queries - (bands - 1) * spec.band
    whole = bands if last == spec.band else bands - 1
    with code.loop(0, whole) as band:
        work(band * spec.band, spec.band)
    if whole < bands:
        work(code.int(whole * spec.band), last)


def _band(code: Code, spec: Heads, at: dict[str, Value], first: Value, rows: int) -> None:
    """Scores, weights and results of some queries."""
    keys = spec.keys
    weights = code.at(at["weights"], first * keys)
    score = Contraction((), (Dim(rows, a=spec.query.rows, c=keys),), keys, (Dim(spec.depth, a=1, b=keys),),
                        steps=spec.depth)  # fmt: skip
    product(code, score, f"scores{rows}_", code.at(at["query"], first * spec.query.rows), at["room"], weights)
    used, kept = weights, None
    if spec.dropped:
        used = code.at(at["room"], _padded(keys * spec.depth))
        kept = code.at(at["mask"], first * keys, I8)
    with code.loop(0, rows) as row:
        bias = None if spec.bias is None else code.at(at["bias"], (first + row) * spec.bias.rows)
        line = code.at(weights, row * keys)
        _softmax(code, spec, line, bias, first + row)
        if kept is not None:
            target, chosen = code.at(used, row * keys), code.at(kept, row * keys, I8)
            drop = lambda load, chosen=chosen, line=line: load(line) * share_kept(code, spec, load, chosen)  # noqa: E731
            each(code, keys, drop, target)
    result = Contraction((), (Dim(rows, a=keys, c=spec.out.rows),), spec.width, (Dim(keys, a=1, b=spec.value.rows),),
                         steps=keys)  # fmt: skip
    product(code, result, f"out{rows}_", used, at["value"], code.at(at["out"], first * spec.out.rows))


def _softmax(code: Code, spec: Heads, line: Value, bias: Value | None, query: Value) -> None:
    """In place; where all is -∞ the result is 0."""
    lowest = -math.inf
    most = [code.variable(code.float(lowest, code.lanes)) for _ in range(4)]

    def score(load: Vector) -> None:
        value = load(line, lowest) * spec.scale
        if bias is not None:
            value = value + (load(bias) if spec.bias.columns else code.splat(code.load(bias), code.lanes))
        if spec.causal:
            number = code.iota(code.lanes) + code.splat(code.truncate(load.index), code.lanes)
            value = code.select(number <= code.splat(code.truncate(query), code.lanes), value, lowest)
        load.store(value, line)
        inside = (
            value
            if load.count >= code.lanes
            else code.select(code.first(code.lanes, code.int(load.count)), value, lowest)
        )
        most[load.slot].set(code.maximum(most[load.slot].get(), inside))

    vectors(code, spec.keys, score)
    a, b, c, d = (slot.get() for slot in most)
    top = code.largest(code.maximum(code.maximum(a, b), code.maximum(c, d)))
    top = code.select(top.equals(lowest), 0.0, top)

    def exponential(load: Vector) -> Value:
        value = maths.exp_negative(load(line, lowest) - top)
        load.store(value, line)
        return value

    total = code.total(sum_of(code, spec.keys, exponential))
    factor = 1.0 / code.select(total.equals(0.0), 1.0, total)
    each(code, spec.keys, lambda load: load(line) * factor, line)


def share_kept(code: Code, spec: Heads, load: Vector, mask: Value) -> Value:
    """mask / (1 - dropped), for one vector."""
    chosen = code.load(mask, load.index, code.lanes, load.count, I8)
    return code.to_float(code.extend(chosen, I32)) * (1 / (1 - spec.dropped))


def product(code: Code, spec: Contraction, prefix: str, a: Value, b: Value, c: Value) -> None:
    """All tiles of a product, by the thread that runs it."""
    tiles = Tiles(code.module, spec.simplified(), prefix)
    tiles.walk(code, [a, b, c], code.int(0), code.int(tiles.count))
