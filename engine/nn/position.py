"""Where a step is in its sequence, for layers that look at all steps at once."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np

from engine.describe import Inferred, Range, layer
from engine.device import resolve
from engine.errors import Fix, ShapeError
from engine.nn import functional as F
from engine.nn import init
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.ops.base import times
from engine.tensor import Tensor
from engine.tensor.creation import empty, tensor
from engine.wording import counted

Features = Annotated[int, Inferred(-1), Range(1, 65_536)]


@layer("Positional encoding", category="Attention", axes=("steps", "features"),
       synonyms=("position", "sinusoidal", "sine", "transformer", "order"))  # fmt: skip
class PositionalEncoding(Module):
    """Adds waves of many lengths, so that attention, which sees all steps at once, knows where each of them is.

    y[t, 2i] = x[t, 2i] + sin(t / 10000^(2i / d)), y[t, 2i + 1] = x[t, 2i + 1] + cos(t / 10000^(2i / d))

    Vaswani et al., 2017. Nothing is learned.

    Args:
        d_model: Features of each step; on the canvas filled in from the wire.
        dropout: Share of values set to zero while training.
        max_len: The longest sequence.

    Shape:
        x: (N, T, d_model) -> the same

    Raises:
        ShapeError: a sequence longer than max_len.

    Example:
        >>> import engine
        >>> engine.nn.PositionalEncoding(4)(engine.zeros(1, 1, 4)).tolist()
        [[[0.0, 1.0, 0.0, 1.0]]]
    """

    def __init__(
        self,
        d_model: Features,
        dropout: Annotated[float, Range(0.0, 1.0)] = 0.0,
        max_len: Annotated[int, Range(1, 65_536, log=True)] = 1000,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.d_model = d_model
        self.dropout = dropout
        self.max_len = max_len
        place = {"device": device, "dtype": dtype}
        if resolve(device).is_meta:  # a shape alone costs nothing, however long the sequence
            encoding = empty(max_len, d_model, **place)
        else:
            encoding = tensor(_waves(max_len, d_model), **place)
        self.register_buffer("encoding", encoding, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        _check_length(self, x)
        return F.dropout(x + self.encoding[: x.shape[1]], self.dropout, self.training)

    def extra_repr(self) -> str:
        return f"{self.d_model}, dropout={self.dropout}, max_len={self.max_len}"


@layer("Learned positions", category="Attention", axes=("steps", "features"),
       synonyms=("positional encoding", "position embedding", "order", "transformer"))  # fmt: skip
class LearnedPositionalEncoding(Module):
    """Adds a learned vector to each step, so that attention, which sees all steps at once, knows where each is.

    y[t] = x[t] + weight[t]

    The vectors start normally distributed with deviation 0.02.

    Args:
        d_model: Features of each step; on the canvas filled in from the wire.
        max_len: The longest sequence; on the canvas filled in from the wire.

    Shape:
        x: (N, T, d_model) -> the same

    Raises:
        ShapeError: a sequence longer than max_len.

    Example:
        >>> import engine
        >>> tuple(engine.nn.LearnedPositionalEncoding(8, 20)(engine.zeros(2, 12, 8)).shape)
        (2, 12, 8)
    """

    def __init__(
        self, d_model: Features, max_len: Annotated[int, Inferred(1), Range(1, 65_536)], device=None, dtype=None
    ):
        super().__init__()
        self.d_model = d_model
        self.max_len = max_len
        self.weight = Parameter(empty(max_len, d_model, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the vectors anew."""
        init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        _check_length(self, x)
        return x + self.weight[: x.shape[1]]

    def extra_repr(self) -> str:
        return f"{self.d_model}, max_len={self.max_len}"


def _waves(length: int, features: int) -> np.ndarray:
    """(T, D): sine and cosine in turn, ever slower."""
    rates = np.exp(np.arange(0, features, 2) * (-math.log(10_000.0) / features))
    angles = np.arange(length)[:, None] * rates
    out = np.empty((length, features), np.float32)
    out[:, 0::2] = np.sin(angles)
    out[:, 1::2] = np.cos(angles[:, : features // 2])
    return out


def _check_length(module: PositionalEncoding | LearnedPositionalEncoding, x: Tensor) -> None:
    """x is (N, T, D), with no more steps than there are positions."""
    expected = f"(N, at most {counted(module.max_len, 'step')}, features)"
    if x.ndim != 3:
        raise ShapeError(type(module).__name__, got=f"a tensor of {times(x.shape)} arrives", expected=expected)
    if x.shape[1] > module.max_len:
        fix = Fix(f"Set max_len to {x.shape[1]}", "set_parameter", name="max_len", value=x.shape[1])
        raise ShapeError(type(module).__name__, got=f"a sequence of {x.shape[1]} steps arrives", expected=expected,
                         mend=f"set max_len to {x.shape[1]}", fixes=(fix,))  # fmt: skip
