"""The gradients of attention: of queries, keys, values and, where it is wanted, of the scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import llvmlite.ir as ir

from engine.kernels.cpu import pack
from engine.kernels.cpu.attention import Heads, for_bands, head, product, share_kept
from engine.kernels.cpu.emit import Code, new_kernel
from engine.kernels.cpu.geometry import Contraction, Dim
from engine.kernels.cpu.products import Matrix
from engine.kernels.cpu.program import Kernel, Plan, Step
from engine.kernels.cpu.rowwise import Vector, each, sum_of
from engine.kernels.cpu.values import F32, I8, Value


@dataclass(frozen=True)
class Gradients:
    """Where the gradients lie, as in `Heads`; whether those of the scores are kept."""

    query: Matrix
    key: Matrix
    value: Matrix
    scores: bool = False


def attention_gradient(spec: Heads, query: Matrix | None = None, key: Matrix | None = None, value: Matrix | None = None,
                       grad: Matrix | None = None, scores: bool = False) -> Plan:  # fmt: skip
    """Arrays: grad (that of out), query, key, value, weights and mask as in `attention`; dquery, dkey, dvalue, dscores.

    Args:
        spec: as it was for `attention`.
        query, key, value: where the gradients lie; as query, key and value, under the names above, if not said.
        grad: where out's gradient lies; as out, under that name, if not said.
        scores: whether dscores (N, heads, L, S), the gradient of what the softmax was taken of, is written: its sums
            are the bias's gradient.
    """
    to = Gradients(query or replace(spec.query, name="dquery"), key or replace(spec.key, name="dkey"),
                   value or replace(spec.value, name="dvalue"), scores)  # fmt: skip
    spec = replace(spec, out=grad or replace(spec.out, name="grad"), bias=None)
    places = (spec.query, spec.key, spec.value, spec.out, to.query, to.key, to.value)
    names = ("weights", *(("mask",) if spec.dropped else ()), *(("dscores",) if scores else ()), "gradient room")
    threads = spec.threads
    kernel = Kernel(emit_gradient, (spec, to, threads), alone=threads == 1)
    step = Step(kernel, (*(place.argument for place in places), *names))
    return Plan((step,), {"gradient room": threads * _room(spec)})


def _parts(spec: Heads) -> tuple[int, ...]:
    """Sizes of what a thread needs: values turned around, gradients of a band's weights, weights after dropout."""
    padded = lambda floats: -(-floats // 16) * 16  # noqa: E731
    band = padded(spec.band * spec.keys)
    return padded(spec.keys * spec.width), band, band if spec.dropped else 0


def _room(spec: Heads) -> int:
    return sum(_parts(spec))


def emit_gradient(spec: Heads, to: Gradients, most: int) -> ir.Module:
    """Every thread takes some heads."""
    code = new_kernel("attention_gradient")
    block, thread, threads = code.arguments
    names = ["query", "key", "value", "out", "dquery", "dkey", "dvalue", "weights",
             *(["mask"] if spec.dropped else []), *(["dscores"] if to.scores else []), "room"]  # fmt: skip
    at = {name: code.pointer(block, slot) for slot, name in enumerate(names)}
    at["turned"] = code.at(at["room"], thread * _room(spec))
    values, band, _ = _parts(spec)
    at["slopes"], at["used"] = code.at(at["turned"], values), code.at(at["turned"], values + band)
    bands = ceil(spec.queries / spec.band)
    with code.when(thread < most), code.loop(*code.share(spec.items, thread, code.minimum(threads, most))) as item:
        places = head(code, spec, at, item)
        sample, number = item // spec.heads, item % spec.heads
        for name, matrix in (("dquery", to.query), ("dkey", to.key), ("dvalue", to.value)):
            far, near = matrix.over(2)
            places[name] = code.at(at[name], sample * far + number * near)
        if to.scores:
            places["dscores"] = code.at(at["dscores"], item * (spec.queries * spec.keys))
        move = pack.Move((), spec.width, spec.keys, (1, spec.value.rows), spec.keys)
        pack.walk(code, move, places["value"], places["turned"], code.int(0), code.int(1))
        if bands > 1:  # what all bands add to
            with code.loop(0, spec.keys) as row:
                pack.clear(code, code.at(places["dkey"], row * to.key.rows), spec.depth)
                pack.clear(code, code.at(places["dvalue"], row * to.value.rows), spec.width)
        band_of = lambda first, rows: _band(code, spec, to, places, first, rows, bands > 1)  # noqa: E731
        for_bands(code, spec, bands, band_of)
    code.finish()
    return code.module


def _band(code: Code, spec: Heads, to: Gradients, at: dict[str, Value], first: Value, rows: int, adds: bool) -> None:
    keys, depth, width = spec.keys, spec.depth, spec.width
    weights, grad = code.at(at["weights"], first * keys), code.at(at["out"], first * spec.out.rows)
    slopes, used = at["slopes"], at["used"] if spec.dropped else weights
    by_weights = Contraction((), (Dim(rows, a=spec.out.rows, c=keys),), keys, (Dim(width, a=1, b=keys),), steps=width)
    product(code, by_weights, f"weights{rows}_", grad, at["turned"], slopes)
    with code.loop(0, rows) as row:
        _row(code, spec, at, row, first)
    by_value = Contraction((), (Dim(keys, a=1, c=to.value.rows),), width, (Dim(rows, a=keys, b=spec.out.rows),),
                           accumulate=adds, steps=rows)  # fmt: skip
    product(code, by_value, f"value{rows}_", used, grad, at["dvalue"])
    by_query = Contraction((), (Dim(rows, a=keys, c=to.query.rows),), depth, (Dim(keys, a=1, b=spec.key.rows),),
                           steps=keys)  # fmt: skip
    product(code, by_query, f"query{rows}_", slopes, at["key"], code.at(at["dquery"], first * to.query.rows))
    by_key = Contraction((), (Dim(keys, a=1, c=to.key.rows),), depth, (Dim(rows, a=keys, b=spec.query.rows),),
                         accumulate=adds, steps=rows)  # fmt: skip
    product(code, by_key, f"key{rows}_", slopes, code.at(at["query"], first * spec.query.rows), at["dkey"])


def _row(code: Code, spec: Heads, at: dict[str, Value], row: Value, first: Value) -> None:
    """From the gradient of the weights to that of the scores, in place; the weights as they were used."""
    keys, place = spec.keys, (first + row) * spec.keys
    line, slope = code.at(at["weights"], place), code.at(at["slopes"], row * keys)
    if spec.dropped:
        mask, used = code.at(at["mask"], place, I8), code.at(at["used"], row * keys)

        def drop(load: Vector) -> Value:
            kept = share_kept(code, spec, load, mask)
            load.store(load(line) * kept, used)
            return load(slope) * kept

        each(code, keys, drop, slope)
    total = code.total(sum_of(code, keys, lambda load: load(slope) * load(line)))
    by_score = lambda load: load(line) * (load(slope) - total)  # noqa: E731
    if "dscores" in at:
        each(code, keys, by_score, code.at(at["dscores"], place, F32))
    each(code, keys, lambda load: by_score(load) * spec.scale, slope)
