"""A softmax over many classes that spends little on the rare ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.errors import OptionError, RangeError, ShapeError
from engine.nn.containers import ModuleList, Sequential
from engine.nn.linear import Linear
from engine.nn.module import Module
from engine.ops.base import times
from engine.tensor import Tensor, cat
from engine.tensor.creation import zeros


class ASMoutput(NamedTuple):
    """The logarithm of the target's probability for each sample, and the mean of their negatives."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """How surprised a network is by one of very many classes, the frequent ones first. Grave et al., 2017.

    A head knows the frequent classes and how likely each cluster of rarer ones is; of each cluster a narrower tail
    knows its classes.

    Args:
        in_features: Features of a sample.
        n_classes: Number of classes, numbered from the most to the least frequent.
        cutoffs: Where the clusters begin, rising.
        div_value: How many times narrower each tail is than the one before.
        head_bias: Whether the head has a bias.

    Shape:
        input: (N, in_features) or (in_features); target: (N) or () -> output (N) or (), loss ()

    Raises:
        OptionError: cutoffs that do not rise, or lie outside the classes.
        RangeError: a target that is no class.

    Example:
        >>> import engine
        >>> loss = engine.nn.AdaptiveLogSoftmaxWithLoss(16, 100, [10, 50])
        >>> loss(engine.zeros(2, 16), engine.tensor([3, 70])).output.shape
        (2,)
    """

    def __init__(self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0,
                 head_bias: bool = False, device=None, dtype=None):  # fmt: skip
        super().__init__()
        cutoffs, place = list(cutoffs), {"device": device, "dtype": dtype}
        rising = all(a < b for a, b in zip([0, *cutoffs], [*cutoffs, n_classes]))
        if not cutoffs or not rising or not all(isinstance(cutoff, int) for cutoff in cutoffs):
            raise OptionError("AdaptiveLogSoftmaxWithLoss", got=f"cutoffs are {cutoffs}",
                              expected=f"rising whole numbers from 1 to {n_classes - 1}")  # fmt: skip
        self.in_features, self.n_classes = in_features, n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size = cutoffs[0]
        self.n_clusters = len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, **place)
        self.tail = ModuleList()
        for i, (begin, end) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            narrow = int(in_features // div_value ** (i + 1))
            self.tail.append(Sequential(Linear(in_features, narrow, bias=False, **place),
                                        Linear(narrow, end - begin, bias=False, **place)))  # fmt: skip

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        self.head.reset_parameters()
        for narrow, scores in self.tail:
            narrow.reset_parameters()
            scores.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> ASMoutput:
        if target_.ndim == 0:
            found = self.forward(input_.unsqueeze(0), target_.unsqueeze(0))
            return ASMoutput(found.output.squeeze(0), found.loss)
        if target_.ndim != 1 or input_.ndim != 2 or input_.shape[0] != target_.shape[0]:
            raise ShapeError("AdaptiveLogSoftmaxWithLoss", got=f"{times(input_.shape)} and {times(target_.shape)}",
                             expected="as many samples as targets")  # fmt: skip
        if target_.numel() and not (int(target_.min()) >= 0 and int(target_.max()) < self.n_classes):
            raise RangeError("AdaptiveLogSoftmaxWithLoss",
                             got=f"targets from {int(target_.min())} to {int(target_.max())}",
                             expected=f"0 to {self.n_classes - 1}")  # fmt: skip
        head = self.head(input_).log_softmax(1)
        frequent = target_ < self.shortlist_size
        output = head.gather(1, target_.masked_fill(~frequent, 0).unsqueeze(1)).squeeze(1) * frequent
        for i, (begin, end) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            rows = ((target_ >= begin) & (target_ < end)).nonzero().squeeze(1)
            if len(rows):
                within = self.tail[i](input_[rows]).log_softmax(1).gather(1, (target_[rows] - begin).unsqueeze(1))
                found = within.squeeze(1) + head[rows, self.shortlist_size + i]
                output = output.index_add(0, rows, found)
        return ASMoutput(output, (-output).mean())

    def log_prob(self, input: Tensor) -> Tensor:
        """The logarithm of the probability of every class: (N, in_features) -> (N, n_classes)."""
        head = self.head(input).log_softmax(1)
        tails = [self.tail[i](input).log_softmax(1) + head[:, self.shortlist_size + i].unsqueeze(1)
                 for i in range(self.n_clusters)]  # fmt: skip
        return cat([head[:, : self.shortlist_size], *tails], 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most likely class: (N, in_features) -> (N)."""
        if not input.shape[0]:
            return zeros(0, device=input.device).long()
        return self.log_prob(input).argmax(1)
