"""Recurrent layers: one layer and one direction over a whole sequence, with its way back through time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.errors import Fix, ShapeError
from engine.ops.base import Op, Spec, times
from engine.ops.products import same_dtype
from engine.wording import arrivals


@dataclass(eq=False)
class _Recurrent(Op):
    """`reverse` goes from the last step to the first; results lie at the step that they belong to."""

    reverse: bool

    checked = True
    gates: ClassVar[int]  # how many times the hidden size weight_ih has rows
    pointwise: ClassVar[int]  # operations for each unit and step beside the products

    def _check(self, x, states, weight_ih, weight_hh):
        """states: those given, with their sizes; -> T, N"""
        if x.ndim != 3:
            raise ShapeError(self.name, got=f"a tensor of {times(x.shape)} arrives",
                             expected="a sequence (steps, N, features)")  # fmt: skip
        (count, n, features), expected = x.shape, weight_ih.shape[1]
        if features != expected:
            raise ShapeError(
                self.name, got=arrivals(features, "feature"), expected=f"{expected}",
                mend=f"set input_size to {features}",
                fixes=(Fix(f"Set input_size to {features}", "set_parameter", name="input_size", value=features),),
            )  # fmt: skip
        if not count:
            raise ShapeError(self.name, got="the sequence has no steps", expected="at least one")
        for state, size in states:
            if state is not None and tuple(state.shape) != (n, size):
                raise ShapeError(self.name, got=f"the first state is {times(state.shape)}", expected=times((n, size)))
        same_dtype(self.name, x, weight_ih)
        same_dtype(self.name, x, weight_hh)
        return count, n

    def flops(self, x, *others):
        weight_ih, weight_hh = self._weights(*others)
        size = weight_hh.shape[0] // self.gates
        products = 2 * (weight_ih.size + weight_hh.size)
        return x.shape[0] * x.shape[1] * (products + self.pointwise * size)

    def _weights(self, hidden, weight_ih, weight_hh, *others):
        return weight_ih, weight_hh

    def backward_of_tensors(self, k, grad, needs, *saved):
        """Where the gradients are to have gradients; all inputs are saved, in their order, before the rest."""
        return k.through_time(self, grad, needs, saved[: len(self._inputs)])

    def _linear_gradients(self, k, needs, of_input, of_state, x, before, weight_ih):
        """Gradients of x, and of weight_ih, weight_hh, bias_ih, bias_hh; `needs` is for these five."""
        by_bias = k.linear_backward_bias(of_input) if needs[3] else None
        same = of_state is of_input
        return (
            k.linear_backward_input(of_input, weight_ih) if needs[0] else None,
            k.linear_backward_weight(of_input, x) if needs[1] else None,
            k.linear_backward_weight(of_state, before()) if needs[2] else None,
            by_bias,
            (by_bias if same and needs[3] else k.linear_backward_bias(of_state)) if needs[4] else None,
        )


@dataclass(eq=False)
class RNN(_Recurrent):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu (Elman, 1990).

    x (T, N, I), hidden (N, H) or None, weight_ih (H, I), weight_hh (H, H), biases (H) or None -> (T, N, H)
    """

    relu: bool

    saves = ("x", "hidden", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "out")
    gates = 1
    pointwise = 4

    def shape(self, x, hidden, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
        size = weight_hh.shape[1]
        return Spec((*self._check(x, [(hidden, size)], weight_ih, weight_hh), size), x.dtype)

    def forward(self, k, x, hidden, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
        return k.rnn(x, hidden, weight_ih, weight_hh, bias_ih, bias_hh, self.relu, self.reverse)

    def backward(self, k, grad, needs, x, hidden, weight_ih, weight_hh, bias_ih, bias_hh, out):
        sums, by_hidden = k.rnn_backward(grad, out, weight_hh, self.relu, self.reverse)

        def before():
            return k.states_before(out, hidden, self.reverse)

        by_x, *others = self._linear_gradients(k, (needs[0], *needs[2:]), sums, sums, x, before, weight_ih)
        return by_x, by_hidden if needs[1] else None, *others


@dataclass(eq=False)
class GRU(_Recurrent):
    """h' = (1 - z) n + z h, n = tanh(W_in x + b_in + r (W_hn h + b_hn)), r and z = σ(...) (Cho et al., 2014).

    x (T, N, I), hidden (N, H) or None, weight_ih (3 H, I), weight_hh (3 H, H), biases (3 H) or None -> (T, N, H);
    rows are in the order r, z, n.
    """

    saves = ("x", "hidden", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "out", "gated", "recalled")
    extras = ("gated", "recalled")
    gates = 3
    pointwise = 23

    def shape(self, x, hidden, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
        size = weight_hh.shape[1]
        return Spec((*self._check(x, [(hidden, size)], weight_ih, weight_hh), size), x.dtype)

    def forward(self, k, x, hidden, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
        return k.gru(x, hidden, weight_ih, weight_hh, bias_ih, bias_hh, self.reverse)

    def backward(self, k, grad, needs, x, hidden, weight_ih, weight_hh, bias_ih, bias_hh, out, gated, recalled):
        before = k.states_before(out, hidden, self.reverse)
        of_input, of_state, by_hidden = k.gru_backward(grad, before, weight_hh, gated, recalled, self.reverse)
        by_x, *others = self._linear_gradients(
            k, (needs[0], *needs[2:]), of_input, of_state, x, lambda: before, weight_ih
        )
        return by_x, by_hidden if needs[1] else None, *others


@dataclass(eq=False)
class LSTM(_Recurrent):
    """c' = f c + i g, h' = o tanh(c'), with i, f, o = σ(...), g = tanh(...) (Hochreiter and Schmidhuber, 1997).

    x (T, N, I), hidden (N, H), cell (N, H) or None, weight_ih (4 H, I), weight_hh (4 H, H), biases (4 H) or None
    -> (T + 1, N, H): h of each step and, behind them, c of the last; rows of the weights are in the order i, f, g, o.
    With weight_hr (P, H) h' = W_hr o tanh(c'): hidden (N, P), weight_hh (4 H, P), and h is in the first P columns.
    """

    saves = (
        "x",
        "hidden",
        "cell",
        "weight_ih",
        "weight_hh",
        "bias_ih",
        "bias_hh",
        "weight_hr",
        "out",
        "gated",
        "cells",
    )
    extras = ("gated", "cells")
    gates = 4
    pointwise = 30

    def shape(self, x, hidden, cell, weight_ih, weight_hh, bias_ih=None, bias_hh=None, weight_hr=None):
        size = weight_hh.shape[0] // 4
        states = [(hidden, weight_hh.shape[1]), (cell, size)]
        count, n = self._check(x, states, weight_ih, weight_hh)
        return Spec((count + 1, n, size), x.dtype)

    def forward(self, k, x, hidden, cell, weight_ih, weight_hh, bias_ih=None, bias_hh=None, weight_hr=None):
        return k.lstm(x, hidden, cell, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, self.reverse)

    def backward(self, k, grad, needs, x, hidden, cell, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, out, gated,
                 cells):  # fmt: skip
        sums, by_hidden, by_cell, by_hr = k.lstm_backward(grad, cell, weight_hh, weight_hr, gated, cells, self.reverse)

        def before():
            states = k.getitem(out, (slice(0, len(x)), slice(None), slice(0, weight_hh.shape[1])))
            return k.states_before(states, hidden, self.reverse)

        by_x, *others = self._linear_gradients(k, (needs[0], *needs[3:7]), sums, sums, x, before, weight_ih)
        return by_x, by_hidden if needs[1] else None, by_cell if needs[2] else None, *others, by_hr

    def _weights(self, hidden, cell, weight_ih, weight_hh, *others):
        return weight_ih, weight_hh

    def flops(self, x, *others):
        projection = others[6] if len(others) > 6 else None
        more = 0 if projection is None else 2 * projection.size * x.shape[0] * x.shape[1]
        return super().flops(x, *others) + more
