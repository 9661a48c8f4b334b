"""Layers that read a sequence step by step and remember."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, ClassVar

from engine.describe import Choice, Fixed, Inferred, Range, Start, layer
from engine.errors import Fix, OptionError, ShapeError, TypeMismatch
from engine.nn import functional as F
from engine.nn import init
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.nn.utils.rnn import PackedSequence
from engine.ops import recurrent as ops
from engine.ops.base import times
from engine.tensor import Tensor, apply
from engine.tensor.creation import empty, zeros
from engine.tensor.shapes import cat, stack

Size = Annotated[int, Inferred(-1), Range(1, 65_536)]
Units = Annotated[int, Range(1, 16_384, log=True), Start(64)]
Layers = Annotated[int, Range(1, 16)]
Share = Annotated[float, Range(0.0, 1.0)]
States = tuple[Tensor | None, ...]


class _RecurrentLayer(Module):
    """What RNN, GRU and LSTM share: weights by layer and direction, and the way of a sequence through them."""

    _gates: ClassVar[int]  # how many times the hidden size a weight has rows

    def __init__(self, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
                 device, dtype):  # fmt: skip
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_options()
        for index in range(num_layers * self._directions):
            features = input_size if index < self._directions else self._width * self._directions
            for name, shape in self._weights_of(index, features):
                self.register_parameter(name, Parameter(empty(*shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def _check_options(self) -> None:
        for name in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, name) < 1:
                raise self._refuse(name, "1 or more", 1)
        if not 0 <= self.dropout <= 1:
            raise self._refuse("dropout", "a probability from 0 to 1", 0.0)
        if not 0 <= self.proj_size < self.hidden_size:
            raise self._refuse("proj_size", f"less than hidden_size, which is {self.hidden_size}", 0)

    def _refuse(self, name: str, expected: str, value: Any) -> OptionError:
        fix = Fix(f"Set {name} to {value}", "set_parameter", name=name, value=value)
        return OptionError(type(self).__name__, got=f"{name}={getattr(self, name)}", expected=expected, fixes=(fix,))

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _width(self) -> int:
        """Length of h."""
        return self.proj_size or self.hidden_size

    def _weights_of(self, index: int, features: int) -> list[tuple[str, tuple[int, ...]]]:
        """Names and shapes of the parameters of one layer and direction."""
        rows, end = self._gates * self.hidden_size, self._suffix(index)
        found = [(f"weight_ih_{end}", (rows, features)), (f"weight_hh_{end}", (rows, self._width))]
        if self.bias:
            found += [(f"bias_ih_{end}", (rows,)), (f"bias_hh_{end}", (rows,))]
        if self.proj_size:
            found.append((f"weight_hr_{end}", (self.proj_size, self.hidden_size)))
        return found

    def _suffix(self, index: int) -> str:
        level, direction = divmod(index, self._directions)
        return f"l{level}" + ("_reverse" if direction else "")

    def _named(self, index: int) -> list[Parameter | None]:
        """weight_ih, weight_hh, bias_ih, bias_hh, weight_hr of one layer and direction; None for one it has not."""
        end = self._suffix(index)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        return [self._parameters.get(f"{name}_{end}") for name in names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[w for w in self._named(i) if w is not None] for i in range(self.num_layers * self._directions)]

    def flatten_parameters(self) -> None:
        """For PyTorch's sake: parameters need no particular place in memory here."""

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _run(self, x: Tensor, first: States) -> tuple[Tensor, States]:
        """x (T, N, I) or, with batch_first, (N, T, I), or (T, I); states (layers · directions, N, H) or None."""
        if x.ndim not in (2, 3):
            raise ShapeError(type(self).__name__, got=f"a tensor of {times(x.shape)} arrives",
                             expected="a sequence (N, steps, features)")  # fmt: skip
        single = x.ndim == 2
        if single:
            x = x.unsqueeze(1)
            first = tuple(None if state is None else state.unsqueeze(1) for state in first)
        elif self.batch_first:
            x = x.transpose(0, 1)
        self._check_states(x.shape[1], first)
        x, last = self._through(x, first, self._sweep)
        if single:
            return x.squeeze(1), tuple(state.squeeze(1) for state in last)
        return x.transpose(0, 1) if self.batch_first else x, last

    def _run_packed(self, packed: PackedSequence, first: States) -> tuple[PackedSequence, States]:
        """The same for sequences of different lengths, packed; states in the order in which they came."""
        runs, order = list(packed.runs()), packed.sorted_indices
        self._check_states(runs[0][2], first)
        if order is not None:
            first = tuple(None if state is None else state[:, order] for state in first)
        data, last = self._through(packed.data, first, partial(self._sweep_packed, runs))
        if order is not None:
            last = tuple(state[:, packed.unsorted_indices] for state in last)
        return packed._replace(data=data), last

    def _sweep_packed(self, runs: list[tuple[int, int, int]], data: Tensor, states: States,
                      weights: list[Parameter | None], reverse: bool) -> tuple[Tensor, ...]:  # fmt: skip
        """`_sweep` of packed data (values, I), one stretch of equally many sequences after the other."""
        count, place = runs[0][2], {"dtype": data.dtype, "device": data.device}
        sizes = (self._width, self.hidden_size)
        start = [zeros(count, n, **place) if state is None else state for state, n in zip(states, sizes)]
        going, ended, found = [state[: runs[-1][2] if reverse else count] for state in start], [], []
        for first, steps, n in reversed(runs) if reverse else runs:
            if reverse:  # more sequences begin, at their own ends
                going = [cat([state, new[len(state) : n]]) for state, new in zip(going, start)]
            else:  # the shortest have ended
                ended.insert(0, [state[n:] for state in going])
                going = [state[:n] for state in going]
            out, *going = self._sweep(data[first : first + steps * n].reshape(steps, n, -1), tuple(going), weights,
                                      reverse)  # fmt: skip
            found.append(out.reshape(steps * n, -1))
        return cat(found[::-1] if reverse else found), *(cat(list(parts)) for parts in zip(going, *ended))

    def _check_states(self, samples: int, first: States) -> None:
        for state, size in zip(first, (self._width, self.hidden_size)):
            expected = (self.num_layers * self._directions, samples, size)
            if state is not None and tuple(state.shape) != expected:
                raise ShapeError(type(self).__name__, got=f"the first state is {times(state.shape)}",
                                 expected=f"{times(expected)} (layers and directions, N, units)",
                                 mend="make it anew for every batch")  # fmt: skip

    def _through(self, x: Tensor, first: States, sweep: Callable[..., tuple[Tensor, ...]]) -> tuple[Tensor, States]:
        last: list[tuple[Tensor, ...]] = []
        for level in range(self.num_layers):
            sides = []
            for direction in range(self._directions):
                index = level * self._directions + direction
                states = tuple(None if state is None else state[index] for state in first)
                side, *final = sweep(x, states, self._named(index), bool(direction))
                sides.append(side)
                last.append(tuple(final))
            x = sides[0] if len(sides) == 1 else cat(sides, dim=-1)
            if self.dropout and level < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.training)
        return x, tuple(stack(list(finals)) for finals in zip(*last))

    def _sweep(self, x: Tensor, states: States, weights: list[Parameter | None], reverse: bool) -> tuple[Tensor, ...]:
        """One layer in one direction: x (T, N, I) -> (T, N, H), and the last of each state (N, H)."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0,
                    "bidirectional": False}  # fmt: skip
        parts = [f"{name}={getattr(self, name)}" for name, value in defaults.items() if getattr(self, name) != value]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *parts])


class _OneState(_RecurrentLayer):
    """A layer that remembers h alone."""

    def forward(self, x: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        out, (hidden,) = self._run_packed(x, (hx,)) if isinstance(x, PackedSequence) else self._run(x, (hx,))
        return out, hidden

    def _sweep(self, x, states, weights, reverse):
        out = apply(self._op(reverse), x, states[0], *weights[:4])
        return out, out[0 if reverse else -1]

    def _op(self, reverse: bool) -> ops.RNN | ops.GRU:
        raise NotImplementedError


@layer("RNN", category="Recurrent", synonyms=("elman", "recurrent", "sequence", "memory"), axes=("steps", "features"))
class RNN(_OneState):
    """Reads a sequence step by step; each step sees what the step before gave.

    h[t] = tanh(W_ih x[t] + b_ih + W_hh h[t - 1] + b_hh)

    All parameters start uniform in ±1/√hidden_size. Elman, 1990. On the canvas it gives h of every step.

    Args:
        input_size: Features of each step; on the canvas filled in from the wire.
        hidden_size: Units: the length of what is remembered.
        num_layers: Layers one above the other; each reads the sequence that the one below gives.
        nonlinearity: The activation: tanh or relu.
        bias: Whether b_ih and b_hh are added and learned.
        batch_first: Whether N is the first axis instead of the second.
        dropout: Share of values set to zero between the layers while training.
        bidirectional: Whether a second set of units reads the sequence backwards; both results are joined.

    Shape:
        x: (N, T, input_size) with batch_first, else (T, N, input_size), or (T, input_size)
        -> the same with hidden_size · directions; and the last h (num_layers · directions, N, hidden_size).
        A PackedSequence of sequences with different lengths gives one of the same lengths

    Example:
        >>> import engine
        >>> out, h = engine.nn.RNN(3, 8, batch_first=True)(engine.zeros(2, 5, 3))
        >>> tuple(out.shape), tuple(h.shape)
        ((2, 5, 8), (1, 2, 8))
    """

    _gates = 1

    def __init__(
        self,
        input_size: Size,
        hidden_size: Units,
        num_layers: Layers = 1,
        nonlinearity: Annotated[str, Choice(("tanh", "relu"))] = "tanh",
        bias: bool = True,
        batch_first: Annotated[bool, Fixed(True)] = False,
        dropout: Share = 0.0,
        bidirectional: bool = False,
        device=None,
        dtype=None,
    ):
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device,
                         dtype)  # fmt: skip
        self.nonlinearity = nonlinearity
        check_nonlinearity(self)

    def _op(self, reverse):
        return ops.RNN(reverse, self.nonlinearity == "relu")


@layer("GRU", category="Recurrent", synonyms=("gated recurrent unit", "recurrent", "sequence", "memory"),
       axes=("steps", "features"))  # fmt: skip
class GRU(_OneState):
    """Reads a sequence step by step and learns what to keep and what to overwrite; smaller than an LSTM.

    r = σ(W_ir x + b_ir + W_hr h + b_hr), z = σ(W_iz x + b_iz + W_hz h + b_hz)

    n = tanh(W_in x + b_in + r · (W_hn h + b_hn)), h' = (1 - z) · n + z · h

    All parameters start uniform in ±1/√hidden_size. Cho et al., 2014. On the canvas it gives h of every step.

    Args:
        input_size: Features of each step; on the canvas filled in from the wire.
        hidden_size: Units: the length of what is remembered.
        num_layers: Layers one above the other; each reads the sequence that the one below gives.
        bias: Whether the b are added and learned.
        batch_first: Whether N is the first axis instead of the second.
        dropout: Share of values set to zero between the layers while training.
        bidirectional: Whether a second set of units reads the sequence backwards; both results are joined.

    Shape:
        x: (N, T, input_size) with batch_first, else (T, N, input_size), or (T, input_size)
        -> the same with hidden_size · directions; and the last h (num_layers · directions, N, hidden_size).
        A PackedSequence of sequences with different lengths gives one of the same lengths

    Example:
        >>> import engine
        >>> out, h = engine.nn.GRU(3, 8, batch_first=True)(engine.zeros(2, 5, 3))
        >>> tuple(out.shape), tuple(h.shape)
        ((2, 5, 8), (1, 2, 8))
    """

    _gates = 3

    def __init__(
        self,
        input_size: Size,
        hidden_size: Units,
        num_layers: Layers = 1,
        bias: bool = True,
        batch_first: Annotated[bool, Fixed(True)] = False,
        dropout: Share = 0.0,
        bidirectional: bool = False,
        device=None,
        dtype=None,
    ):
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device,
                         dtype)  # fmt: skip

    def _op(self, reverse):
        return ops.GRU(reverse)


@layer("LSTM", category="Recurrent", synonyms=("long short-term memory", "recurrent", "sequence", "memory"),
       axes=("steps", "features"))  # fmt: skip
class LSTM(_RecurrentLayer):
    """Reads a sequence step by step with a memory that it learns to write, keep and show.

    i = σ(W_ii x + b_ii + W_hi h + b_hi), f = σ(W_if x + b_if + W_hf h + b_hf)

    g = tanh(W_ig x + b_ig + W_hg h + b_hg), o = σ(W_io x + b_io + W_ho h + b_ho)

    c' = f · c + i · g, h' = o · tanh(c')

    All parameters start uniform in ±1/√hidden_size. Hochreiter and Schmidhuber, 1997. On the canvas it gives h of
    every step.

    Args:
        input_size: Features of each step; on the canvas filled in from the wire.
        hidden_size: Units: the length of the memory.
        num_layers: Layers one above the other; each reads the sequence that the one below gives.
        bias: Whether the b are added and learned.
        batch_first: Whether N is the first axis instead of the second.
        dropout: Share of values set to zero between the layers while training.
        bidirectional: Whether a second set of units reads the sequence backwards; both results are joined.
        proj_size: Length to which h is brought by a learned matrix; 0 leaves it as long as the memory.

    Shape:
        x: (N, T, input_size) with batch_first, else (T, N, input_size), or (T, input_size)
        -> the same with hidden_size (or proj_size) · directions; and the last h and c
        (num_layers · directions, N, hidden_size). A PackedSequence of sequences with different lengths gives one of
        the same lengths

    Raises:
        OptionError: a proj_size that is not less than hidden_size.

    Example:
        >>> import engine
        >>> out, (h, c) = engine.nn.LSTM(3, 8, batch_first=True)(engine.zeros(2, 5, 3))
        >>> tuple(out.shape), tuple(h.shape), tuple(c.shape)
        ((2, 5, 8), (1, 2, 8), (1, 2, 8))
    """

    _gates = 4

    def __init__(
        self,
        input_size: Size,
        hidden_size: Units,
        num_layers: Layers = 1,
        bias: bool = True,
        batch_first: Annotated[bool, Fixed(True)] = False,
        dropout: Share = 0.0,
        bidirectional: bool = False,
        proj_size: Annotated[int, Range(0, 16_384)] = 0,
        device=None,
        dtype=None,
    ):
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
                         device, dtype)  # fmt: skip

    def forward(self, x: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        if isinstance(hx, Tensor):
            raise TypeMismatch("LSTM", got="one first state arrives", expected="a pair of them",
                               mend="give it as (h, c)")  # fmt: skip
        first = (None, None) if hx is None else tuple(hx)
        return self._run_packed(x, first) if isinstance(x, PackedSequence) else self._run(x, first)

    def _sweep(self, x, states, weights, reverse):
        found = apply(ops.LSTM(reverse), x, *states, *weights)
        count = x.shape[0]
        out = found[:count] if not self.proj_size else found[:count, :, : self.proj_size]
        return out, out[0 if reverse else -1], found[count]


def check_nonlinearity(module: Module) -> None:
    if module.nonlinearity not in ("tanh", "relu"):
        fix = Fix("Set nonlinearity to tanh", "set_parameter", name="nonlinearity", value="tanh")
        raise OptionError(type(module).__name__, got=f"nonlinearity={module.nonlinearity!r}",
                          expected="'tanh' or 'relu'", fixes=(fix,))  # fmt: skip
