"""Which ops compute in which dtype under `engine.autocast`."""

from __future__ import annotations

from typing import Any, NamedTuple

from engine.ops import (
    activation,
    attention,
    convolution,
    losses,
    normalisation,
    products,
    recurrent,
    reduction,
    transposed,
)
from engine.ops import arithmetic as ar
from engine.ops import elementwise as ew
from engine.tensor.operands import cast
from engine.tensor.promotion import float16, float32

SMALL = (products.Linear, products.MatMul, convolution.Conv2d, transposed.ConvTranspose2d, attention.Attention,
         recurrent.RNN, recurrent.LSTM, recurrent.GRU)  # fmt: skip
"""Products, which a GPU computes several times as fast in float16, with sums in float32."""

WHOLE = (
    activation.Softmax, activation.LogSoftmax, activation.Softplus, normalisation.BatchNorm, normalisation.LayerNorm,
    normalisation.GroupNorm, losses.SquaredError, losses.NLL, losses.CrossEntropy, losses.SoftCrossEntropy,
    losses.BCEWithLogits, losses.BCE, losses.CTC, reduction.Sum, reduction.Mean, reduction.Prod, reduction.LogSumExp,
    reduction.Norm, reduction.CumSum, ew.Exp, ew.Expm1, ew.Log, ew.Log1p, ar.Pow, ar.PowScalar, ar.RPowScalar,
)  # fmt: skip
"""What overflows in float16, or adds up many numbers."""


class Precision(NamedTuple):
    """What is asked for: on devices of this type products compute in `dtype`."""

    device_type: str
    dtype: Any

    def cast(self, op: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs as the op is to have them; float64 is left alone."""
        if all(x is None or x.device.type != self.device_type for x in inputs):
            return inputs
        kind = self.dtype if isinstance(op, SMALL) else float32 if isinstance(op, WHOLE) else None
        if kind is None:
            if not {float16, float32} <= {x.dtype for x in inputs if x is not None}:
                return inputs
            kind = float32
        return tuple(cast(x, kind) if x is not None and x.dtype in (float16, float32) else x for x in inputs)
