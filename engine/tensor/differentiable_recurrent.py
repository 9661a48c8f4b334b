"""Gradients of recurrent layers that have gradients: those of the same steps, each an op on the tape."""

from __future__ import annotations

from typing import Any

from engine.kernels.generic.recurrent import steps
from engine.ops import layout, products
from engine.ops.base import Op
from engine.tensor.creation import zeros
from engine.tensor.shapes import stack
from engine.tensor.tape import apply
from engine.tensor.walk import grad as gradients

LINEAR = products.Linear()


class RecurrentKernels:
    """What the backward of RNN, GRU and LSTM calls where gradients are to have gradients."""

    device: Any

    def through_time(self, op: Op, grad: Any, needs: tuple[bool, ...], inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The gradient for each input; slower than the op's own, and with more on the tape."""
        apart = [None if x is None else x.clone() for x in inputs]  # so that no input is reached through another
        result = _LAYERS[op.name](op, *apart)
        wanted = [x for x, needed in zip(apart, needs) if needed]
        found = iter(gradients(result, wanted, grad, create_graph=True, materialize_grads=True))
        return tuple(next(found) if needed else None for needed in needs)


def _rnn(op: Any, x: Any, hidden: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any) -> Any:
    """-> states (T, N, H)"""
    of_input, state = apply(LINEAR, x, weight_ih, bias_ih), _start(hidden, x, weight_hh.shape[1])
    found = [None] * len(x)
    for t in steps(len(x), op.reverse):
        total = of_input[t] + apply(LINEAR, state, weight_hh, bias_hh)
        state = found[t] = total.relu() if op.relu else total.tanh()
    return stack(found)


def _gru(op: Any, x: Any, hidden: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any) -> Any:
    """-> states (T, N, H)"""
    size = weight_hh.shape[1]
    of_input, state = apply(LINEAR, x, weight_ih, bias_ih), _start(hidden, x, size)
    found = [None] * len(x)
    for t in steps(len(x), op.reverse):
        of_state = apply(LINEAR, state, weight_hh, bias_hh)
        both = (of_input[t][:, : 2 * size] + of_state[:, : 2 * size]).sigmoid()
        new = (of_input[t][:, 2 * size :] + both[:, :size] * of_state[:, 2 * size :]).tanh()
        state = found[t] = new + both[:, size:] * (state - new)
    return stack(found)


def _lstm(op: Any, x: Any, hidden: Any, cell: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any,
          weight_hr: Any) -> Any:  # fmt: skip
    """-> states (T + 1, N, H): h of each step, widened to H, and c of the last"""
    width, size = weight_hh.shape[1], weight_hh.shape[0] // 4
    of_input, state, cell = apply(LINEAR, x, weight_ih, bias_ih), _start(hidden, x, width), _start(cell, x, size)
    found = [None] * len(x)
    for t in steps(len(x), op.reverse):
        gates = of_input[t] + apply(LINEAR, state, weight_hh, bias_hh)
        admit, keep, show = (gates[:, i * size : (i + 1) * size].sigmoid() for i in (0, 1, 3))
        cell = keep * cell + admit * gates[:, 2 * size : 3 * size].tanh()
        state = show * cell.tanh()
        state = state if weight_hr is None else apply(LINEAR, state, weight_hr, None)
        found[t] = apply(layout.Pad(((0, 0), (0, size - width)), 0), state)
    return stack([*found, cell])


_LAYERS = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}


def _start(state: Any, x: Any, size: int) -> Any:
    return zeros(x.shape[1], size, dtype=x.dtype, device=x.device) if state is None else state
