"""The loss of a sequence that is spelt in more frames than it has labels."""

from __future__ import annotations

from collections.abc import Sequence

from engine.nn import functional as F
from engine.nn.losses import Reduction
from engine.nn.module import Module
from engine.tensor import Tensor


class CTCLoss(Module):
    """A sequence of labels may be spelt by any of the frames: speech, handwriting (Graves et al., 2006).

    loss = mean of -log of the sum over all ways to spell the target, divided by its length

    Args:
        blank: The class that stands for no label.
        reduction: "mean" divides each loss by the length of its target, and averages.
        zero_infinity: Whether a sample with fewer frames than its target needs counts for nothing.

    Shape:
        log_probs: (T, N, C) or (T, C), from log_softmax; targets: (N, S), padded, or (sum of lengths);
        input_lengths, target_lengths: (N) -> ()

    Raises:
        EngineError: for a label without a score, or a length beyond what there is.

    Example:
        >>> import engine
        >>> even = engine.zeros(3, 1, 2).log_softmax(2)
        >>> engine.nn.CTCLoss()(even, engine.tensor([[1]]), (3,), (1,)).exp()  # 6 of the 8 ways spell it
        tensor(1.3333)
    """

    def __init__(self, blank: int = 0, reduction: Reduction = "mean", zero_infinity: bool = False):
        super().__init__()
        self.blank, self.reduction, self.zero_infinity = blank, reduction, zero_infinity

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | Sequence[int],
        target_lengths: Tensor | Sequence[int],
    ) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )
