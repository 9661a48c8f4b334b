"""Recurrent layers over sequences against the generic kernels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("llvmlite", reason="the compiled kernels need llvmlite")

from engine.kernels.cpu import pool, recurrent, recurrent_gradient
from engine.kernels.cpu.cells import Cell
from engine.kernels.generic import Kernels
from tests.engine.compiled import few, numbers

oracle = Kernels(np)


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=2e-5)


def generic(kind, a, reverse, initial, bias, grad, dlast):
    """States, what is kept, sums and the first state's gradient of the generic kernels."""
    hidden, cell = (a["hidden"], a["cell"]) if initial else (None, None)
    given = (a["weight_ih"], a["weight_hh"], *((a["bias_ih"], a["bias_hh"]) if bias else (None, None)))
    if kind == "lstm":
        states, gates, cells = oracle.lstm(a["x"], hidden, cell, *given, None, reverse)
        both = np.concatenate([grad, dlast[None]])
        sums, d_hidden, d_cell, _ = oracle.lstm_backward(both, cell, a["weight_hh"], None, gates, cells, reverse)
        return states[:-1], {"gates": gates, "cells": cells, "last": states[-1]}, {
            "sums": sums, "dhidden": d_hidden, "dcell": d_cell}  # fmt: skip
    if kind == "gru":
        states, gates, recalled = oracle.gru(a["x"], hidden, *given, reverse)
        before = oracle.states_before(states, hidden, reverse)
        of_input, of_state, later = oracle.gru_backward(grad, before, a["weight_hh"], gates, recalled, reverse)
        return states, {"gates": gates, "recalled": recalled, "before": before}, {
            "sums": of_input, "state sums": of_state, "dhidden": later}  # fmt: skip
    states = oracle.rnn(a["x"], hidden, *given, kind == "relu", reverse)
    sums, later = oracle.rnn_backward(grad, states, a["weight_hh"], kind == "relu", reverse)
    return states, {"before": oracle.states_before(states, hidden, reverse)}, {"sums": sums, "dhidden": later}


@few
@given(
    kind=st.sampled_from(["lstm", "gru", "tanh", "relu"]),
    sizes=st.tuples(st.integers(1, 5), st.sampled_from([1, 2, 5, 13, 32]), st.sampled_from([1, 7, 20]),
                    st.sampled_from([1, 5, 16, 33, 48])),
    initial=st.booleans(),
    reverse=st.booleans(),
    bias=st.booleans(),
    batch_first=st.booleans(),
    threads=st.integers(1, 3),
)  # fmt: skip
def test_sequences_there_and_back(kind, sizes, initial, reverse, bias, batch_first, threads):
    pool.set_num_threads(threads)
    steps, n, inputs, size = sizes
    width = Cell(kind).gates * size
    a = {"x": numbers(steps, n, inputs), "weight_ih": numbers(width, inputs, seed=1) * 0.3,
         "weight_hh": numbers(width, size, seed=2) * 0.2, "bias_ih": numbers(width, seed=3),
         "bias_hh": numbers(width, seed=4), "hidden": numbers(n, size, seed=5),
         "cell": numbers(n, size, seed=6)}  # fmt: skip
    grad, dlast = numbers(steps, n, size, seed=7), numbers(n, size, seed=8)
    states, kept, gradients = generic(kind, a, reverse, initial, bias, grad, dlast)
    turn = (lambda v: np.ascontiguousarray(v.swapaxes(0, 1))) if batch_first else (lambda v: v)
    room = {name: turn(np.empty((steps, n, wide), np.float32)) for name, wide in
            {"gates": width, "sums": width, "state sums": width, "states": size, "before": size, "cells": size,
             "recalled": size}.items()}  # fmt: skip
    room |= {name: np.empty((n, size), np.float32) for name in ("last", "dhidden", "dcell")}
    got = {**a, **room, "x": turn(a["x"]), "grad": turn(grad), "dlast": dlast}
    recurrent.forward(kind, steps, n, inputs, size, bias, initial, reverse, batch_first)(**got)
    close(turn(got["states"]), states)
    for name, want in kept.items():
        close(got[name] if name == "last" else turn(got[name]), want)
    recurrent_gradient.backward(kind, steps, n, size, initial, reverse, batch_first, True)(**got)
    for name, want in gradients.items():
        close(got[name] if name.startswith("d") else turn(got[name]), want)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_the_number_of_threads_changes_no_bit(kind):
    results = []
    for threads in (1, 2, 3):
        pool.set_num_threads(threads)
        width = Cell(kind).gates * 40
        a = {"x": numbers(6, 17, 30), "weight_ih": numbers(width, 30), "weight_hh": numbers(width, 40, seed=1) * 0.1,
             "bias_ih": numbers(width), "bias_hh": numbers(width),
             "gates": np.empty((6, 17, width), np.float32)}  # fmt: skip
        a |= {name: np.empty((6, 17, 40), np.float32) for name in ("states", "before", "cells", "recalled")}
        a["last"] = np.empty((17, 40), np.float32)
        recurrent.forward(kind, 6, 17, 30, 40)(**a)
        results.append(a["states"].tobytes())
    assert len(set(results)) == 1
