"""Rules of attention: all heads in one kernel, on arrays that lie anywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.kernels import cpu
from engine.kernels.cpu.products import Matrix
from engine.plan.lower import FLOAT, Lowering, rule
from engine.plan.places import Place
from engine.plan.trace import Call, Value

BY_QUERY = (0, 2, 1, 3)
"""(N, heads, L, E) as it lies in memory: N, L, heads, E, so that the heads of a query are neighbours."""


@rule("attention")
def attention(low: Lowering, call: Call) -> bool:
    query, key, value, bias, scale, causal, drop = call.arguments
    out, weights, kept = call.results
    shapes = {v.shape[:2] for v in (query, key, value)}
    if query.ndim != 4 or len(shapes) > 1 or any(v.dtype != FLOAT for v in (query, key, value, bias) if v is not None):
        return False
    (n, h, queries, depth), keys, width = query.shape, key.shape[2], value.shape[3]
    places = {name: _rows(low, v) for name, v in (("query", query), ("key", key), ("value", value))}
    low.env[out] = places["out"] = low.new(out.shape, BY_QUERY)
    low.env[weights] = low.new(weights.shape)
    matrices = {name: _matrix(name, place) for name, place in places.items()}
    if bias is not None:
        seen = low.place(bias).broadcast((n, h, queries, keys))
        places["bias"], matrices["bias"] = seen, Matrix("bias", *seen.strides[2:], seen.strides[:2])
    spec = cpu.attention.heads(n, h, queries, keys, depth, width, scale=scale, causal=causal,
                 dropped=drop[1] if drop else 0.0, **matrices)  # fmt: skip
    places["weights"] = low.env[weights]
    if drop:
        places["mask"] = low.env[kept] = low.new(kept.shape, None, "uint8")
        low.emit(cpu.dropout.mask(kept.size, drop[1]), mask=places["mask"], state=low.drawn(drop[0]))
    low.emit(cpu.attention.attention(spec), **places)
    low.notes[weights] = spec
    return True


@rule("attention_backward")
def attention_backward(low: Lowering, call: Call) -> bool:
    grad, query, key, value, weights, kept, _ = call.arguments
    spec = low.notes.get(weights)
    if spec is None:
        return False
    d_query, d_key, d_value, d_scores = call.results
    places = {name: _rows(low, v) for name, v in (("query", query), ("key", key), ("value", value), ("grad", grad))}
    places["weights"] = low.place(weights)
    if kept is not None:
        places["mask"] = low.place(kept)
    made = {"dquery": d_query, "dkey": d_key, "dvalue": d_value}
    for name, result in made.items():
        places[name] = low.env[result] = low.new(result.shape, BY_QUERY)
    wants_scores = low.uses[d_scores] > 0
    if wants_scores:
        places["dscores"] = low.env[d_scores] = low.new(d_scores.shape)
    lies = {name: _matrix(name, places[name]) for name in ("query", "key", "value")}
    to: dict[str, Any] = {name: _matrix(f"d{name}", places[f"d{name}"]) for name in lies}
    spec, grad = replace(spec, **lies, bias=None), _matrix("grad", places["grad"])
    plan = cpu.attention_gradient.attention_gradient(spec, **to, grad=grad, scores=wants_scores)
    low.emit(plan, **places)
    return True


def _rows(low: Lowering, value: Value) -> Place:
    """(N, heads, L, E) with features next to each other."""
    place = low.place(value)
    return place if place.strides[3] == 1 or place.shape[3] == 1 else low.dense_place(place, BY_QUERY)


def _matrix(name: str, place: Place) -> Matrix:
    return Matrix(name, place.strides[2], 1, place.strides[:2])
