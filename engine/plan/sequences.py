"""Rules of recurrent layers: all steps in one kernel, there and back."""

from __future__ import annotations

from typing import Any

from engine.kernels import cpu
from engine.plan.elementwise import is_basic
from engine.plan.lazy import Scattered
from engine.plan.lower import FLOAT, Lowering, rule
from engine.plan.places import Place, dense
from engine.plan.trace import Call, Value

BY_STEP, BY_SAMPLE = (0, 1, 2), (1, 0, 2)
"""How (T, N, ...) may lie: one step behind the other, or one sample behind the other."""


@rule("lstm")
def lstm(low: Lowering, call: Call) -> bool:
    """h of each step and c of the last lie apart, as what reads the states reads either."""
    x, hidden, cell, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, reverse = call.arguments
    states, gates, cells = call.results
    readers = [c for c in low.readers.get(states, []) if id(c) not in low.done]
    parts = [_part(c, len(low.place(x).shape) and x.shape[0]) for c in readers]
    if weight_hr is not None or x.dtype != FLOAT or None in parts or (hidden is None) != (cell is None):
        return False
    made = _forward(low, "lstm", (x, weight_ih, weight_hh, bias_ih, bias_hh), {"hidden": hidden, "cell": cell}, reverse)
    low.env[gates], low.env[cells] = made["gates"], made["cells"]
    for reader, part in zip(readers, parts):
        rest = reader.arguments[1][1:]
        low.env[reader.results] = (
            made["last"].sliced(rest) if part == "last" else made["states"].sliced((slice(None), *rest))
        )
        low.finish(reader)
    return True


@rule("gru")
def gru(low: Lowering, call: Call) -> bool:
    x, hidden, weight_ih, weight_hh, bias_ih, bias_hh, reverse = call.arguments
    states, gates, recalled = call.results
    if x.dtype != FLOAT:
        return False
    made = _forward(low, "gru", (x, weight_ih, weight_hh, bias_ih, bias_hh), {"hidden": hidden}, reverse)
    low.env[states], low.env[gates], low.env[recalled] = made["states"], made["gates"], made["recalled"]
    return True


@rule("rnn")
def rnn(low: Lowering, call: Call) -> bool:
    x, hidden, weight_ih, weight_hh, bias_ih, bias_hh, relu, reverse = call.arguments
    if x.dtype != FLOAT:
        return False
    kind = "relu" if relu else "tanh"
    made = _forward(low, kind, (x, weight_ih, weight_hh, bias_ih, bias_hh), {"hidden": hidden}, reverse)
    low.env[call.results] = made["states"]
    return True


@rule("states_before")
def states_before(low: Lowering, call: Call) -> bool:
    """The layer has kept them."""
    states = low.env.get(call.arguments[0])
    before = low.notes.get((states.buffer, "before")) if isinstance(states, Place) else None
    if before is None or states.shape != before.shape:
        return False
    low.env[call.results] = before
    return True


@rule("lstm_backward")
def lstm_backward(low: Lowering, call: Call) -> bool:
    grad, cell, weight_hh, weight_hr, gates, cells, reverse = call.arguments
    sums, d_hidden, d_cell, _ = call.results
    before = low.notes.get((_buffer(low, cells), "before"))
    if weight_hr is not None or before is None:
        return False
    by_states, by_last = _split(low, grad, before)
    places = {"gates": low.place(gates), "cells": low.place(cells), "dcell": low.new(d_cell.shape)}
    places |= {"dlast": by_last} if by_last else {}
    places |= {"cell": low.packed(cell)} if cell is not None else {}
    low.env[d_cell] = places["dcell"]
    _backward(low, "lstm", by_states, weight_hh, places, before, cell is not None, reverse, by_last is not None,
              (sums, d_hidden))  # fmt: skip
    return True


@rule("gru_backward")
def gru_backward(low: Lowering, call: Call) -> bool:
    grad, before, weight_hh, gates, recalled, reverse = call.arguments
    sums, state_sums, d_hidden = call.results
    known = low.notes.get((_buffer(low, gates), "before"))
    if known is None or low.env.get(before) != known:
        return False
    places = {"gates": low.place(gates), "recalled": low.place(recalled), "before": known}
    places["state sums"] = low.env[state_sums] = low.new(state_sums.shape, known.order)
    _backward(low, "gru", low.packed(grad, known.order), weight_hh, places, known, True, reverse, False,
              (sums, d_hidden))  # fmt: skip
    return True


@rule("rnn_backward")
def rnn_backward(low: Lowering, call: Call) -> bool:
    grad, states, weight_hh, relu, reverse = call.arguments
    place = low.env.get(states)
    known = low.notes.get((place.buffer, "before")) if isinstance(place, Place) else None
    if known is None:
        return False
    kind = "relu" if relu else "tanh"
    _backward(low, kind, low.packed(grad, known.order), weight_hh, {"states": place}, known, True, reverse, False,
              call.results)  # fmt: skip
    return True


def _forward(low: Lowering, kind: str, layer: tuple[Any, ...], given: dict[str, Value | None], reverse: bool
             ) -> dict[str, Place]:  # fmt: skip
    """Run a layer; its arrays by name, of the order in which x lies."""
    x, weight_ih, weight_hh, bias_ih, bias_hh = layer
    (steps, samples, inputs), hidden = x.shape, weight_hh.shape[1]
    order = BY_SAMPLE if low.place(x).is_dense(BY_SAMPLE) else BY_STEP
    initial = given["hidden"] is not None
    plan = cpu.recurrent.forward(kind, steps, samples, inputs, hidden, bias_ih is not None, initial, reverse,
                             order == BY_SAMPLE)  # fmt: skip
    places = {"x": low.packed(x, order), "weight_ih": low.packed(weight_ih), "weight_hh": low.packed(weight_hh)}
    if bias_ih is not None:
        places |= {"bias_ih": low.packed(bias_ih), "bias_hh": low.packed(bias_hh)}
    if initial:
        places |= {name: low.packed(value) for name, value in given.items()}
    whole, gated = (steps, samples, hidden), (steps, samples, weight_hh.shape[0])
    made = {name: low.new(whole, order) for name in ("states", "before", "cells", "recalled")}
    made |= {"gates": low.new(gated, order), "last": low.new((samples, hidden))}
    low.emit(plan, **places, **made)
    for name in ("states", "gates", "cells"):
        low.notes[made[name].buffer, "before"] = made["before"]
    return made


def _backward(low: Lowering, kind: str, grad: Place, weight_hh: Value, places: dict[str, Place], before: Place,
              initial: bool, reverse: bool, of_cell: bool, results: tuple[Value, Value]) -> None:  # fmt: skip
    steps, samples, hidden = before.shape
    sums, d_hidden = results
    low.env[sums], low.env[d_hidden] = low.new(sums.shape, before.order), low.new(d_hidden.shape)
    by_sample = before.order == BY_SAMPLE
    plan = cpu.recurrent_gradient.backward(kind, steps, samples, hidden, initial, reverse, by_sample, of_cell)
    low.emit(plan, **places, grad=grad, weight_hh=low.packed(weight_hh), sums=low.env[sums],
             dhidden=low.env[d_hidden])  # fmt: skip


def _part(reader: Call, steps: int) -> str | None:
    """Which part of (T + 1, N, H) a call reads: "states", "last", or None for another."""
    if reader.kernel != "getitem" or not isinstance(reader.arguments[1], tuple) or not is_basic(reader.arguments[1]):
        return None
    first = reader.arguments[1][0]
    if first == steps:
        return "last"
    return "states" if isinstance(first, slice) and first.indices(steps + 1) == (0, steps, 1) else None


def _split(low: Lowering, grad: Value, like: Place) -> tuple[Place, Place | None]:
    """The gradient (T + 1, N, H) of states and of the last cell: (T, N, H) that lies as `like`, and (N, H) or None."""
    steps, samples, hidden = like.shape
    found = low.env.get(grad)
    if not isinstance(found, Scattered):
        place = low.place(grad)
        return low.dense_place(place.sliced(slice(0, steps)), like.order), low.dense_place(place.sliced(steps))
    states, last = low.new(like.shape, like.order), low.new((samples, hidden))
    over = Place(states.buffer, grad.shape, states.strides)
    under = Place(last.buffer, grad.shape, (0, hidden, 1))
    flat = dense(states.buffer, grad.shape)
    within, behind = [], []
    for view, lazy in found.parts:
        seen = view(flat)
        end = seen.offset + sum((n - 1) * s for n, s in zip(seen.shape, seen.strides))
        if end < steps * samples * hidden:
            within.append((lambda whole, view=view: view(over), lazy))
        elif seen.offset >= steps * samples * hidden:
            behind.append((lambda whole, view=view: view(under), lazy))
        else:
            place = low.place(grad)
            return low.dense_place(place.sliced(slice(0, steps)), like.order), low.dense_place(place.sliced(steps))
    low.stored(Scattered(states.shape, tuple(within)), None, states)
    if behind:
        low.stored(Scattered(last.shape, tuple(behind)), None, last)
    return states, last if behind else None


def _buffer(low: Lowering, value: Value) -> Any:
    place = low.env.get(value)
    return place.buffer if isinstance(place, Place) else None
