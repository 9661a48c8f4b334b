"""Recurrent layers over a whole sequence, and back through time; one layer and one direction at a time.

Products with the input are one for all steps; only those with the state wait for the step before.
"""

from __future__ import annotations

from typing import Any


def steps(count: int, reverse: bool) -> range:
    """The steps in the order in which they are taken.

    >>> list(steps(3, True))
    [2, 1, 0]
    """
    return range(count - 1, -1, -1) if reverse else range(count)


class Recurrent:
    """Elman networks, LSTM and GRU.

    x (T, N, I), weight_ih (G, I), weight_hh (G, H), biases (G); G is H for an Elman network, 3 H for a GRU and 4 H
    for an LSTM. hidden and cell (N, H) are where the state begins; None is zero. Backwards they give the gradients of
    the gates before their activations, from which those of x and the weights follow as in a linear layer.
    """

    xp: Any

    def states_before(self, states: Any, hidden: Any, reverse: bool) -> Any:
        """states (T, N, H) after each step -> (T, N, H) before each step."""
        out = self.xp.empty(states.shape, states.dtype)
        inner, outer, first = (out[:-1], states[1:], -1) if reverse else (out[1:], states[:-1], 0)
        inner[...] = outer
        out[first] = 0 if hidden is None else hidden
        return out

    def _gates(self, x: Any, weight: Any, bias_ih: Any, bias_hh: Any = None) -> Any:
        """What the input adds to the gates of each step: (T, N, G), in memory that the caller may write to."""
        return self.linear(x, weight, bias_ih if bias_hh is None else bias_ih + bias_hh)

    # Elman

    def rnn(self, x: Any, hidden: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any, relu: bool,
            reverse: bool) -> Any:  # fmt: skip
        """-> states (T, N, H): tanh, or relu, of W_ih x + W_hh h + b"""
        out = self._gates(x, weight_ih, bias_ih, bias_hh)
        for t in steps(len(x), reverse):
            if hidden is not None:
                out[t] += hidden @ weight_hh.T
            if relu:
                self.xp.maximum(out[t], 0, out=out[t])
            else:
                self.xp.tanh(out[t], out=out[t])
            hidden = out[t]
        return out

    def rnn_backward(self, grad: Any, out: Any, weight_hh: Any, relu: bool, reverse: bool) -> tuple[Any, Any]:
        """grad (T, N, H) -> gradients of the sums under the activation (T, N, H), and of the first state (N, H)"""
        sums = self.xp.empty(out.shape, out.dtype)
        later = 0
        for t in reversed(steps(len(out), reverse)):
            slope = out[t] > 0 if relu else 1 - out[t] * out[t]
            self.xp.multiply(grad[t] + later, slope, out=sums[t])
            later = sums[t] @ weight_hh
        return sums, later

    # LSTM

    def lstm(self, x: Any, hidden: Any, cell: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any,
             weight_hr: Any, reverse: bool) -> tuple[Any, Any, Any]:  # fmt: skip
        """-> states (T + 1, N, H), gates (T, N, 4 H) after their activations, cells (T, N, H)

        states holds h of each step and, behind them, c of the last. With weight_hr (P, H) h is projected, so that
        hidden is (N, P), weight_hh (4 H, P), and h lies in the first P columns.
        """
        (count, n, _), width, size = x.shape, weight_hh.shape[1], weight_hh.shape[0] // 4
        gates = self._gates(x, weight_ih, bias_ih, bias_hh)
        states = self.xp.zeros((count + 1, n, size), gates.dtype)
        cells = self.xp.empty((count, n, size), gates.dtype)
        for t in steps(count, reverse):
            if hidden is not None:
                gates[t] += hidden @ weight_hh.T
            admit, keep, new, show = self._quarters(gates[t])
            admit[...], keep[...], show[...] = self.sigmoid(admit), self.sigmoid(keep), self.sigmoid(show)
            self.xp.tanh(new, out=new)
            self.xp.multiply(admit, new, out=cells[t])
            if cell is not None:
                cells[t] += keep * cell
            cell, hidden = cells[t], states[t, :, :width]
            if weight_hr is None:
                self.xp.multiply(show, self.xp.tanh(cell), out=hidden)
            else:
                hidden[...] = (show * self.xp.tanh(cell)) @ weight_hr.T
        states[count] = cell
        return states, gates, cells

    def lstm_backward(self, grad: Any, cell: Any, weight_hh: Any, weight_hr: Any, gates: Any, cells: Any,
                      reverse: bool) -> tuple[Any, Any, Any, Any]:  # fmt: skip
        """grad (T + 1, N, H) -> gradients of the gates' sums (T, N, 4 H), first h, first c, and weight_hr or None"""
        (count, n, size), width = cells.shape, weight_hh.shape[1]
        sums = self.xp.empty(gates.shape, gates.dtype)
        projected = None if weight_hr is None else self.xp.empty((count, n, width), gates.dtype)
        order = list(steps(count, reverse))
        d_hidden, d_cell = 0, grad[count]
        for i in range(count - 1, -1, -1):
            t = order[i]
            before = cells[order[i - 1]] if i else cell
            admit, keep, new, show = self._quarters(gates[t])
            d_admit, d_keep, d_new, d_show = self._quarters(sums[t])
            d_out = grad[t, :, :width] + d_hidden
            if projected is not None:
                projected[t] = d_out
                d_out = d_out @ weight_hr
            shown = self.xp.tanh(cells[t])
            d_cell = d_cell + d_out * show * (1 - shown * shown)
            d_admit[...] = d_cell * new * admit * (1 - admit)
            d_keep[...] = 0 if before is None else d_cell * before * keep * (1 - keep)
            d_new[...] = d_cell * admit * (1 - new * new)
            d_show[...] = d_out * shown * show * (1 - show)
            d_cell = d_cell * keep
            d_hidden = sums[t] @ weight_hh
        if projected is None:
            return sums, d_hidden, d_cell, None
        shown = gates[:, :, 3 * size :] * self.xp.tanh(cells)
        return sums, d_hidden, d_cell, self.linear_backward_weight(projected, shown)

    def _quarters(self, gates: Any) -> tuple[Any, Any, Any, Any]:
        """(N, 4 H) -> four (N, H), in PyTorch's order: input gate, forget gate, new cell, output gate"""
        size = gates.shape[1] // 4
        return tuple(gates[:, i * size : (i + 1) * size] for i in range(4))

    # GRU

    def gru(self, x: Any, hidden: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any,
            reverse: bool) -> tuple[Any, Any, Any]:  # fmt: skip
        """-> states (T, N, H), gates (T, N, 3 H) after their activations, and W_hn h + b_hn (T, N, H)"""
        size = weight_hh.shape[1]
        gates = self._gates(x, weight_ih, bias_ih)
        states = self.xp.empty((*x.shape[:2], size), gates.dtype)
        recalled = self.xp.empty(states.shape, gates.dtype)
        if hidden is None:
            hidden = self.xp.zeros(states.shape[1:], gates.dtype)
        for t in steps(len(x), reverse):
            from_state = self.linear(hidden, weight_hh, bias_hh)
            both, new = gates[t, :, : 2 * size], gates[t, :, 2 * size :]
            both += from_state[:, : 2 * size]
            both[...] = self.sigmoid(both)
            reset, keep = both[:, :size], both[:, size:]
            recalled[t] = from_state[:, 2 * size :]
            new += reset * recalled[t]
            self.xp.tanh(new, out=new)
            states[t] = new + keep * (hidden - new)
            hidden = states[t]
        return states, gates, recalled

    def gru_backward(self, grad: Any, before: Any, weight_hh: Any, gates: Any, recalled: Any,
                     reverse: bool) -> tuple[Any, Any, Any]:  # fmt: skip
        """grad (T, N, H) -> gradients of the gates' sums on the side of the input and on that of the state, both
        (T, N, 3 H), and of the first state; before (T, N, H) is the state before each step"""
        size = weight_hh.shape[1]
        of_input = self.xp.empty(gates.shape, gates.dtype)
        of_state = self.xp.empty(gates.shape, gates.dtype)
        later = 0
        for t in reversed(steps(len(gates), reverse)):
            reset, keep, new = (gates[t, :, i * size : (i + 1) * size] for i in range(3))
            d_hidden = grad[t] + later
            d_new = d_hidden * (1 - keep) * (1 - new * new)
            of_input[t, :, :size] = d_new * recalled[t] * reset * (1 - reset)
            of_input[t, :, size : 2 * size] = d_hidden * (before[t] - new) * keep * (1 - keep)
            of_input[t, :, 2 * size :] = d_new
            of_state[t, :, : 2 * size] = of_input[t, :, : 2 * size]
            of_state[t, :, 2 * size :] = d_new * reset
            later = d_hidden * keep + of_state[t] @ weight_hh
        return of_input, of_state, later
