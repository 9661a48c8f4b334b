"""One step of a recurrent layer, for scripts that walk through a sequence and networks that update a state."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar

from engine.describe import Choice, Inferred, Outputs, Port, Range, layer
from engine.errors import ShapeError
from engine.nn import init
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.nn.recurrent import check_nonlinearity
from engine.ops import recurrent as ops
from engine.ops.base import times
from engine.tensor import Tensor, apply
from engine.tensor.creation import empty

InputSize = Annotated[int, Inferred(-1), Range(1, 65_536)]
HiddenSize = Annotated[int, Inferred(-1, port=1), Range(1, 65_536)]


class _Cell(Module):
    """What the cells share."""

    _gates: ClassVar[int]

    def __init__(self, input_size, hidden_size, bias, device, dtype):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows, place = self._gates * hidden_size, {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(empty(rows, input_size, **place))
        self.weight_hh = Parameter(empty(rows, hidden_size, **place))
        self.register_parameter("bias_ih", Parameter(empty(rows, **place)) if bias else None)
        self.register_parameter("bias_hh", Parameter(empty(rows, **place)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _step(self, op: Any, x: Tensor, *states: Tensor | None) -> Tensor:
        """A sequence of one step: x (N, I) or (I) -> what the op gives."""
        if x.ndim not in (1, 2):
            raise ShapeError(type(self).__name__, got=f"a tensor of {times(x.shape)} arrives",
                             expected="one step (N, features)")  # fmt: skip
        if x.ndim == 1:
            x = x.unsqueeze(0)
            states = tuple(None if state is None else state.unsqueeze(0) for state in states)
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return apply(op, x.unsqueeze(0), *states, *weights, *([None] if self._gates == 4 else []))

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            parts.append(f"nonlinearity={self.nonlinearity}")
        return ", ".join(parts)


@layer("RNN cell", category="Recurrent", axes=("features",), synonyms=("recurrent", "elman", "one step", "state"))
class RNNCell(_Cell):
    """One step of an RNN: a state is changed by what comes.

    h' = tanh(W_ih x + b_ih + W_hh h + b_hh)

    Args:
        input_size: Features of x; on the canvas filled in from the wire.
        hidden_size: Units, the features of the state; on the canvas filled in from its wire.
        bias: Whether b_ih and b_hh are added and learned.
        nonlinearity: "tanh" or "relu".

    Shape:
        x: (N, input_size) or (input_size), hx: (N, hidden_size), zero where it is not given -> as hx

    Example:
        >>> import engine
        >>> tuple(engine.nn.RNNCell(3, 8)(engine.zeros(2, 3)).shape)
        (2, 8)
    """

    _gates = 1

    def __init__(
        self,
        input_size: InputSize,
        hidden_size: HiddenSize,
        bias: bool = True,
        nonlinearity: Annotated[str, Choice(("tanh", "relu"))] = "tanh",
        device=None,
        dtype=None,
    ):
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity
        check_nonlinearity(self)

    def forward(self, x: Tensor, hx: Annotated[Tensor | None, Port()] = None) -> Tensor:
        out = self._step(ops.RNN(False, self.nonlinearity == "relu"), x, hx)
        return out[0] if x.ndim == 2 else out[0, 0]


@layer("GRU cell", category="Recurrent", axes=("features",), synonyms=("recurrent", "gated", "one step", "state"))
class GRUCell(_Cell):
    """One step of a GRU: gates decide how much of a state is changed by what comes.

    h' = (1 - z) · n + z · h, with the gates as in GRU

    Args:
        input_size: Features of x; on the canvas filled in from the wire.
        hidden_size: Units, the features of the state; on the canvas filled in from its wire.
        bias: Whether the b are added and learned.

    Shape:
        x: (N, input_size) or (input_size), hx: (N, hidden_size), zero where it is not given -> as hx

    Example:
        >>> import engine
        >>> tuple(engine.nn.GRUCell(3, 8)(engine.zeros(2, 3)).shape)
        (2, 8)
    """

    _gates = 3

    def __init__(self, input_size: InputSize, hidden_size: HiddenSize, bias: bool = True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, device, dtype)

    def forward(self, x: Tensor, hx: Annotated[Tensor | None, Port()] = None) -> Tensor:
        out = self._step(ops.GRU(False), x, hx)
        return out[0] if x.ndim == 2 else out[0, 0]


@layer("LSTM cell", category="Recurrent", axes=("features",), synonyms=("recurrent", "memory", "one step", "state"))
class LSTMCell(_Cell):
    """One step of an LSTM: a state of two parts, h that goes on and c that is remembered, is changed by what comes.

    c' = f · c + i · g, h' = o · tanh(c'), with the gates as in LSTM

    Args:
        input_size: Features of x; on the canvas filled in from the wire.
        hidden_size: Units, the features of both states; on the canvas filled in from the wire of h.
        bias: Whether the b are added and learned.

    Shape:
        x: (N, input_size) or (input_size), hx: (h, c), both (N, hidden_size), zero where not given -> (h', c')

    Example:
        >>> import engine
        >>> h, c = engine.nn.LSTMCell(3, 8)(engine.zeros(2, 3))
        >>> tuple(h.shape)
        (2, 8)
    """

    _gates = 4

    def __init__(self, input_size: InputSize, hidden_size: HiddenSize, bias: bool = True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, device, dtype)

    def forward(
        self, x: Tensor, hx: Annotated[tuple[Tensor, Tensor] | None, Port(("h", "c"))] = None
    ) -> Annotated[tuple[Tensor, Tensor], Outputs(("out", "c"))]:
        out = self._step(ops.LSTM(False), x, *((None, None) if hx is None else hx))
        return (out[0], out[1]) if x.ndim == 2 else (out[0, 0], out[1, 0])
