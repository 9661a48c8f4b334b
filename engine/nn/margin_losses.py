"""Losses that leave a margin between scores of classes, vectors, or what is preferred and what is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from engine.describe import Choice, Range, loss
from engine.errors import OptionError
from engine.nn import functional as F
from engine.nn.distance import PairwiseDistance
from engine.nn.losses import ClassWeights, Loss, Older, Reduction
from engine.nn.module import Module
from engine.tensor import Tensor


@loss("Multi-class margin", synonyms=("hinge", "svm", "support vector machine", "classification"))
class MultiMarginLoss(Loss):
    """What the right class lacks of a lead over each other; for classes, where a clear lead needs no more learning.

    loss = mean of max(0, margin - input[target] + input)^p over the other classes, divided by the classes

    Args:
        p: 1, or 2 for squares.
        margin: The lead that is wanted.
        weight: How much each class counts, one number a class.
        reduction: Whether the samples are averaged or summed.

    Shape:
        input: (N, C) scores; target: (N) class numbers -> ()

    Example:
        >>> import engine
        >>> engine.nn.MultiMarginLoss()(engine.tensor([[1.0, 0.5]]), engine.tensor([0])).item()
        0.25
    """

    def __init__(
        self,
        p: Annotated[Literal[1, 2], Choice((1, 2))] = 1,
        margin: Annotated[float, Range(0.0, 1e6)] = 1.0,
        weight: ClassWeights = None,
        size_average: Older = None,
        reduce: Older = None,
        reduction: Reduction = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        if p not in (1, 2):
            raise OptionError("MultiMarginLoss", got=f"p is {p}", expected="1 or 2")
        self.register_buffer("weight", weight)
        self.p, self.margin = p, margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


class MultiLabelMarginLoss(Loss):
    """What each right class's score lacks of a lead of 1 over each wrong one; for several classes at once.

    loss = mean of sum max(0, 1 - input[right] + input[wrong]) / C

    Args:
        reduction: Whether the samples are averaged or summed.

    Shape:
        input: (N, C) or (C) scores; target: the same, the right classes and then -1 -> ()

    Example:
        >>> import engine
        >>> scores, right = engine.tensor([[0.1, 0.2, 0.4, 0.8]]), engine.tensor([[3, 0, -1, 1]])
        >>> round(engine.nn.MultiLabelMarginLoss()(scores, right).item(), 4)
        0.85
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


@loss("Multi-label soft margin", synonyms=("several classes at once", "tags", "multi-label", "bce"))
class MultiLabelSoftMarginLoss(Loss):
    """Binary cross-entropy averaged over the classes, each of which may hold or not.

    loss = mean of -(target · log σ(input) + (1 - target) · log σ(-input))

    Args:
        weight: How much each class counts.
        reduction: Whether the samples are averaged or summed.

    Shape:
        input: (N, C) scores; target: the same, 0 to 1 -> ()

    Example:
        >>> import engine
        >>> round(engine.nn.MultiLabelSoftMarginLoss()(engine.zeros(1, 3), engine.ones(1, 3)).item(), 4)
        0.6931
    """

    def __init__(
        self,
        weight: ClassWeights = None,
        size_average: Older = None,
        reduce: Older = None,
        reduction: Reduction = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(input, target, weight=self.weight, reduction=self.reduction)


@loss("Soft margin", synonyms=("logistic loss", "yes or no", "two classes", "binary classification"))
class SoftMarginLoss(Loss):
    """A yes or no as 1 or -1: log(1 + exp(-target · input)).

    loss = mean of log(1 + exp(-target · input))

    Args:
        reduction: Whether the values are averaged or summed.

    Shape:
        input: any, scores; target: the same, 1 or -1 -> ()

    Example:
        >>> import engine
        >>> round(engine.nn.SoftMarginLoss()(engine.zeros(1), engine.ones(1)).item(), 4)
        0.6931
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class _MarginLoss(Loss):
    def __init__(
        self, margin: float = 0.0, size_average: Older = None, reduce: Older = None, reduction: Reduction = "mean"
    ):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin


@loss("Margin ranking", synonyms=("ranking", "rank", "pairwise", "preference", "siamese"))
class MarginRankingLoss(_MarginLoss):
    """Which of two scores ought to be the greater, by a margin.

    loss = mean of max(0, margin - target · (input1 - input2))

    Args:
        margin: The lead that is wanted.
        reduction: Whether the values are averaged or summed.

    Shape:
        input1, input2: any; target: the same, 1 where input1 ought to lead, else -1 -> ()

    Example:
        >>> import engine
        >>> lower, higher = engine.tensor([1.0]), engine.tensor([3.0])
        >>> engine.nn.MarginRankingLoss()(lower, higher, engine.tensor([1.0])).item()
        2.0
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


@loss("Hinge embedding", synonyms=("siamese", "contrastive", "metric learning", "same or different", "distance"))
class HingeEmbeddingLoss(_MarginLoss):
    """Distances of what belongs together are to be short, of others longer than a margin.

    loss = mean of input where the target is 1, max(0, margin - input) where it is -1

    Args:
        margin: The distance from which on others no longer count.
        reduction: Whether the values are averaged or summed.

    Shape:
        input: any, distances; target: the same, 1 or -1 -> ()

    Example:
        >>> import engine
        >>> engine.nn.HingeEmbeddingLoss()(engine.tensor([0.25]), engine.tensor([-1.0])).item()
        0.75
    """

    def __init__(
        self, margin: float = 1.0, size_average: Older = None, reduce: Older = None, reduction: Reduction = "mean"
    ):
        super().__init__(margin, size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


@loss("Cosine embedding", synonyms=("siamese", "contrastive", "metric learning", "same or different", "similarity"))
class CosineEmbeddingLoss(_MarginLoss):
    """Vectors of what belongs together are to point one way, others not.

    loss = mean of 1 - cos where the target is 1, max(0, cos - margin) where it is -1

    Args:
        margin: How alike others may be, -1 to 1.
        reduction: Whether the samples are averaged or summed.

    Shape:
        input1, input2: (N, D) or (D); target: (N) or (), 1 or -1 -> ()

    Example:
        >>> import engine
        >>> x = engine.tensor([[1.0, 0.0]])
        >>> engine.nn.CosineEmbeddingLoss()(x, -x, engine.tensor([1])).item()
        2.0
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


@loss("Triplet margin", synonyms=("triplet", "siamese", "metric learning", "anchor", "face recognition"))
class TripletMarginLoss(Loss):
    """An anchor is to be nearer to what belongs to it than to what does not, by a margin (Balntas et al., 2016).

    loss = mean of max(0, |anchor - positive| - |anchor - negative| + margin)

    Args:
        margin: The lead that is wanted.
        p: Of the norm.
        eps: Added to the differences, so that the norm has a gradient at 0.
        swap: Whether the negative may also be measured from the positive, where that is nearer.
        reduction: Whether the samples are averaged or summed.

    Shape:
        anchor, positive, negative: (N, D) or (D) -> ()

    Raises:
        OptionError: for a margin that is not above 0.

    Example:
        >>> import engine
        >>> here, there = engine.zeros(1, 2), engine.tensor([[0.0, 9.0]])
        >>> engine.nn.TripletMarginLoss()(here, here, there).item()
        0.0
    """

    def __init__(
        self,
        margin: Annotated[float, Range(1e-6, 1e6)] = 1.0,
        p: Annotated[float, Range(0.1, 16.0)] = 2.0,
        eps: Annotated[float, Range(0.0, 1.0)] = 1e-6,
        swap: bool = False,
        size_average: Older = None,
        reduce: Older = None,
        reduction: Reduction = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise OptionError("TripletMarginLoss", got=f"margin is {margin}", expected="a number above 0")
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor, positive, negative, margin=self.margin, p=self.p, eps=self.eps, swap=self.swap,
            reduction=self.reduction,
        )  # fmt: skip


class TripletMarginWithDistanceLoss(Module):
    """The same with any distance.

    loss = mean of max(0, d(anchor, positive) - d(anchor, negative) + margin)

    Args:
        distance_function: From two tensors to their distances; without one it is the length of the difference.
        margin: The lead that is wanted.
        swap: Whether the negative may also be measured from the positive, where that is nearer.
        reduction: Whether the samples are averaged or summed.

    Shape:
        anchor, positive, negative: (N, ...) -> ()

    Raises:
        OptionError: for a margin that is not above 0.

    Example:
        >>> import engine
        >>> by_blocks = engine.nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: (a - b).abs().sum(1))
        >>> by_blocks(engine.zeros(1, 2), engine.ones(1, 2), engine.ones(1, 2)).item()
        1.0
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: Reduction = "mean",
    ):
        super().__init__()
        if margin <= 0:
            raise OptionError("TripletMarginWithDistanceLoss", got=f"margin is {margin}", expected="a number above 0")
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin, self.swap, self.reduction = margin, swap, reduction

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function, margin=self.margin, swap=self.swap,
            reduction=self.reduction,
        )  # fmt: skip


@loss("Bayesian personalised ranking", synonyms=("bpr", "recommender", "ranking", "implicit feedback"))
class BPRLoss(Module):
    """What a person chose ought to score above what they did not (Bayesian personalised ranking, Rendle et al., 2009).

    loss = mean of -log σ(positive - negative)

    Args:
        reduction: Whether the pairs are averaged or summed.

    Shape:
        positive, negative: any, scores; one shape -> ()

    Example:
        >>> import engine
        >>> round(engine.nn.BPRLoss()(engine.ones(1), engine.ones(1)).item(), 4)
        0.6931
    """

    def __init__(self, reduction: Reduction = "mean"):
        super().__init__()
        self.reduction = reduction

    def forward(self, positive: Tensor, negative: Tensor) -> Tensor:
        return F.bpr_loss(positive, negative, reduction=self.reduction)
