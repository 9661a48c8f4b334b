"""Sequences of different lengths in one batch: padded to the longest, or packed without padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.nn.padding_functional import pad
from engine.ops.base import times
from engine.tensor import Tensor
from engine.tensor.creation import from_numpy
from engine.tensor.shapes import cat, stack


class PackedSequence(NamedTuple):
    """Sequences step by step, without padding: of each step, the values of those that are still going on.

    data: (values, ...), the first step of all sequences, then the second of those that have one, and so on.
    batch_sizes: how many sequences each step has, on the host.
    sorted_indices: which sequence comes at each place, the longest first; None where they came in that order.
    unsorted_indices: at which place each sequence comes.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with its data elsewhere or in another dtype, as `Tensor.to`."""
        data = self.data.to(*args, **kwargs)
        order = (None if i is None else i.to(data.device) for i in (self.sorted_indices, self.unsorted_indices))
        return PackedSequence(data, self.batch_sizes, *order)

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """(first value, steps, sequences) of each stretch of steps that equally many sequences have."""
        first = 0
        for sequences, steps in groupby(self.batch_sizes.tolist()):
            count = len(list(steps))
            yield first, count, sequences
            first += count * sequences


def pack_padded_sequence(input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False,
                         enforce_sorted: bool = True) -> PackedSequence:  # fmt: skip
    """Pack sequences that are padded to one length.

    Args:
        lengths: how long each of them is, at least 1.
        batch_first: whether N is the first axis instead of the second.
        enforce_sorted: whether they have to come with the longest first; otherwise they are sorted.

    Shape:
        input (T, N, ...) or (N, T, ...)

    Raises:
        ShapeError, OptionError: lengths that do not suit the input, or are not sorted.

    >>> import engine
    >>> packed = pack_padded_sequence(engine.tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True)
    >>> packed.data.tolist(), packed.batch_sizes.tolist()
    ([1, 3, 2], [2, 1])
    """
    x = input.transpose(0, 1) if batch_first else input
    lengths = np.asarray(lengths.tolist() if isinstance(lengths, Tensor) else lengths, np.int64)
    if lengths.shape != (x.shape[1],) or not lengths.size or lengths.min() < 1 or lengths.max() > x.shape[0]:
        raise ShapeError("pack_padded_sequence", got=f"lengths {lengths.tolist()} for a tensor of {times(input.shape)}",
                         expected=f"{x.shape[1]} lengths from 1 to {x.shape[0]}")  # fmt: skip
    order = back = None
    if not enforce_sorted:
        places = np.argsort(-lengths, kind="stable")
        lengths = lengths[places]
        order, back = (from_numpy(i).to(x.device) for i in (places, np.argsort(places, kind="stable")))
        x = x[:, order]
    elif (np.diff(lengths) > 0).any():
        raise OptionError("pack_padded_sequence", got=f"lengths {lengths.tolist()}", expected="the longest first",
                          mend="pass enforce_sorted=False")  # fmt: skip
    sizes = (np.arange(lengths[0])[:, None] < lengths).sum(1)
    packed = PackedSequence(x, from_numpy(sizes), order, back)
    parts, step = [], 0
    for _, steps, sequences in packed.runs():
        parts.append(x[step : step + steps, :sequences].reshape(steps * sequences, *x.shape[2:]))
        step += steps
    return packed._replace(data=cat(parts))


def pad_packed_sequence(sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
                        total_length: int | None = None) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Pad packed sequences to one length: the reverse of `pack_padded_sequence`.

    Args:
        batch_first: whether N is to be the first axis instead of the second.
        padding_value: what is put behind the ends.
        total_length: the length, where it is not that of the longest.

    Returns:
        (T, N, ...) or (N, T, ...), and the lengths.

    Raises:
        ShapeError: a total_length that is less than the longest.
    """
    sizes = np.asarray(sequence.batch_sizes.tolist())
    count, longest = int(sizes[0]), len(sizes)
    if total_length is not None and total_length < longest:
        raise ShapeError("pad_packed_sequence", got=f"total_length={total_length}", expected=f"{longest} or more")
    rest = sequence.data.shape[1:]
    ahead = (0, 0) * len(rest)
    parts = [
        pad(sequence.data[first : first + steps * n].reshape(steps, n, *rest), (*ahead, 0, count - n), "constant",
            padding_value)
        for first, steps, n in sequence.runs()
    ]  # fmt: skip
    x = pad(cat(parts), (*ahead, 0, 0, 0, (total_length or longest) - longest), "constant", padding_value)
    lengths = from_numpy((sizes[:, None] > np.arange(count)).sum(0))
    if sequence.unsorted_indices is not None:
        x, lengths = x[:, sequence.unsorted_indices], lengths[sequence.unsorted_indices.cpu()]
    return x.transpose(0, 1) if batch_first else x, lengths


def pad_sequence(sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0,
                 padding_side: str = "right") -> Tensor:  # fmt: skip
    """Sequences (T, ...) of different lengths as one tensor (T, N, ...), or (N, T, ...) with batch_first.

    >>> import engine
    >>> pad_sequence([engine.tensor([1, 2]), engine.tensor([3])], batch_first=True).tolist()
    [[1, 2], [3, 0]]
    """
    if padding_side not in ("left", "right"):
        raise TypeMismatch("pad_sequence", got=f"padding_side is {padding_side!r}", expected='"left" or "right"')
    sequences = list(sequences)
    longest = max(len(s) for s in sequences)
    widened = []
    for s in sequences:
        more = longest - len(s)
        ends = (more, 0) if padding_side == "left" else (0, more)
        widened.append(pad(s, ((0, 0) * (s.ndim - 1)) + ends, "constant", padding_value))
    return stack(widened, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences (T, ...) without their padding, one by one."""
    x = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[:length] for row, length in zip(x, lengths.tolist())]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (T, ...) of different lengths."""
    return pack_padded_sequence(pad_sequence(sequences), [len(s) for s in sequences], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences (T, ...) of a packed one, one by one."""
    return unpad_sequence(*pad_packed_sequence(packed_sequences, batch_first=True), batch_first=True)
