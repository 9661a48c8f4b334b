"""The cells of recurrent layers: what becomes of the sums of a step, and of the gradient of its state.

Values are vectors of hidden units. The order of gates and the formulas are PyTorch's.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.kernels.cpu import maths
from engine.kernels.cpu.values import Value

Values = dict[str, Value]


@dataclass(frozen=True)
class Cell:
    """A kind of cell.

    Args:
        name: "lstm", "gru", "tanh" or "relu", the last two of Elman networks.
    """

    name: str

    @property
    def gates(self) -> int:
        return {"lstm": 4, "gru": 3}.get(self.name, 1)

    @property
    def kept(self) -> tuple[str, ...]:
        """Arrays beside the gates and states that forward writes for backward."""
        return {"lstm": ("cells",), "gru": ("recalled",)}.get(self.name, ())

    @property
    def has_cell(self) -> bool:
        return self.name == "lstm"

    def forward(self, sums: list[Value], values: Values) -> Values:
        """Results of a step: "h", the gates by number, and what is kept.

        Args:
            sums: of each gate; for the new state of a GRU only what comes from the state.
            values: "c", the cell before (LSTM); "h", the state before, and "x", what the input adds (GRU).
        """
        if self.name == "lstm":
            admit, keep, show = (maths.logistic(sums[i]) for i in (0, 1, 3))
            new = maths.tanh(sums[2])
            cell = admit.code.fma(keep, values["c"], admit * new)
            return {"0": admit, "1": keep, "2": new, "3": show, "cells": cell, "h": show * maths.tanh(cell)}
        if self.name == "gru":
            reset, keep = (maths.logistic(total) for total in sums[:2])
            new = maths.tanh(reset.code.fma(reset, sums[2], values["x"]))
            state = new.code.fma(keep, values["h"] - new, new)
            return {"0": reset, "1": keep, "2": new, "recalled": sums[2], "h": state}
        (total,) = sums
        state = maths.tanh(total) if self.name == "tanh" else total.code.select(total < 0.0, 0.0, total)
        return {"h": state}

    def backward(self, d_hidden: Value, gates: list[Value], values: Values) -> Values:
        """Gradients: of the sums by number, "dcell", and for a GRU of the sums from the state ("s0" to "s2") and
        "dhidden", what goes to the state before on the direct way.

        Args:
            d_hidden: of the state, all of it.
            gates: after their activations.
            values: "cells", "c" (the cell before) and "dcell" (LSTM); "recalled" and "h", the state before (GRU); "h",
                the state (Elman).
        """
        if self.name == "lstm":
            admit, keep, new, show = gates
            shown = maths.tanh(values["cells"])
            d_cell = values["dcell"] + d_hidden * show * (1.0 - shown * shown)
            return {
                "0": d_cell * new * admit * (1.0 - admit),
                "1": d_cell * values["c"] * keep * (1.0 - keep),
                "2": d_cell * admit * (1.0 - new * new),
                "3": d_hidden * shown * show * (1.0 - show),
                "dcell": d_cell * keep,
            }
        if self.name == "gru":
            reset, keep, new = gates
            d_new = d_hidden * (1.0 - keep) * (1.0 - new * new)
            d_reset = d_new * values["recalled"] * reset * (1.0 - reset)
            d_keep = d_hidden * (values["h"] - new) * keep * (1.0 - keep)
            both = {"0": d_reset, "1": d_keep, "2": d_new, "s0": d_reset, "s1": d_keep, "s2": d_new * reset}
            return {**both, "dhidden": d_hidden * keep}
        state = values["h"]
        if self.name == "tanh":
            return {"0": d_hidden * (1.0 - state * state)}
        return {"0": state.code.select(state > 0.0, d_hidden, 0.0)}
