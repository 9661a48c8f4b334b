"""The loss of a sequence that is spelt in more frames than it has labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.errors import ShapeError
from engine.nn.loss_reduction import reduction_of
from engine.ops import losses
from engine.ops.base import times
from engine.tensor import Tensor, apply, arange, tensor


def ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Tensor | Sequence[int],
             target_lengths: Tensor | Sequence[int], blank: int = 0, reduction: str = "mean",
             zero_infinity: bool = False) -> Tensor:  # fmt: skip
    """Connectionist temporal classification (Graves et al., 2006): the target may be spelt by any of the frames.

    -log of the sum over all ways, which are sequences of one label or blank a frame that become the target when
    repetitions and then blanks are left out.

    Args:
        log_probs: from log_softmax over the classes.
        targets: labels, padded to one length, or of all samples behind each other.
        input_lengths: how many frames each sample has.
        target_lengths: how many labels.
        blank: the class that stands for no label.
        reduction: "mean" divides each loss by the length of its target, and averages.
        zero_infinity: whether a sample with fewer frames than its target needs counts for nothing, instead of
            infinitely much.

    Shape:
        log_probs (T, N, C) or (T, C), targets (N, S) or (sum of lengths), lengths (N) -> a single number, or (N)

    Raises:
        EngineError: for a label without a score, or a length beyond what there is.

    The gradient is that of the formula. PyTorch's of `log_probs` has softmax added, which log_softmax, through which
    it goes on, takes out again: before log_softmax the two are the same.

    >>> import engine
    >>> even = engine.zeros(3, 1, 2).log_softmax(2)
    >>> ctc_loss(even, engine.tensor([[1]]), (3,), (1,)).exp()  # 6 of the 8 ways spell it
    tensor(1.3333)
    """
    reduction = reduction_of("CTCLoss", None, None, reduction)
    if log_probs.ndim == 2:
        single = ctc_loss(log_probs.unsqueeze(1), targets.reshape(1, -1), _lengths(input_lengths, log_probs),
                          _lengths(target_lengths, log_probs), blank, reduction, zero_infinity)  # fmt: skip
        return single.squeeze(0) if reduction == "none" else single
    input_lengths, target_lengths = _lengths(input_lengths, log_probs), _lengths(target_lengths, log_probs)
    if targets.ndim == 1:
        targets = _padded(targets, target_lengths)
    op = losses.CTC(blank, zero_infinity)
    loss = apply(op, log_probs, targets, input_lengths, target_lengths)
    if reduction == "mean":
        return (loss / target_lengths.clamp(min=1).to(loss.dtype)).mean()
    return loss if reduction == "none" else loss.sum()


def _lengths(lengths: Any, log_probs: Tensor) -> Tensor:
    """One length for each sample, (N), where the scores are."""
    if not isinstance(lengths, Tensor):
        lengths = tensor(lengths)
    return lengths.reshape(-1).long().to(log_probs.device)


def _padded(targets: Tensor, lengths: Tensor) -> Tensor:
    """Labels of all samples behind each other -> (N, S)"""
    ends = lengths.cumsum(0)
    count = int(ends[-1].item()) if len(lengths) else 0
    if count != targets.numel():
        raise ShapeError("CTCLoss", got=f"targets of {times(targets.shape)} and lengths that add up to {count}",
                         expected="as many labels as the lengths say, or targets of (N, S)")  # fmt: skip
    longest = int(lengths.max().item()) if len(lengths) else 0
    places = (ends - lengths).unsqueeze(1) + arange(longest, device=targets.device)
    return targets[places.clamp(max=max(count - 1, 0))] if count else targets.reshape(len(lengths), 0)
