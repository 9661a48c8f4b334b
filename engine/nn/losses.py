"""Losses: one number that says how wrong the network is."""

from __future__ import annotations

from typing import Annotated, Literal

from engine.describe import Choice, Hidden, Range, loss
from engine.nn import functional as F
from engine.nn.loss_reduction import reduction_of
from engine.nn.module import Module
from engine.tensor import Tensor

Reduction = Annotated[Literal["mean", "sum", "none"], Choice(("mean", "sum"))]
"""A form offers what makes one number; a script may also take "none", the loss of every value."""
Older = Annotated[bool | None, Hidden()]
"""`size_average` and `reduce`, which PyTorch had before `reduction`; they go before it where they are given."""
ClassWeights = Annotated[Tensor | None, Hidden()]


class Loss(Module):
    """What most losses take: how the loss of every value becomes one number."""

    def __init__(self, size_average: Older = None, reduce: Older = None, reduction: Reduction = "mean"):
        super().__init__()
        self.reduction = reduction_of(type(self).__name__, size_average, reduce, reduction)


@loss("Mean squared error", synonyms=("mse", "l2", "squared error", "least squares", "regression"))
class MSELoss(Loss):
    """The mean of the squared differences; for values to be predicted, where large misses matter most.

    loss = mean (input - target)²

    Args:
        reduction: Whether the values are averaged or summed.

    Shape:
        input: any; target: the same -> ()

    Example:
        >>> import engine
        >>> engine.nn.MSELoss()(engine.tensor([1.0, 2.0]), engine.tensor([1.0, 4.0])).item()
        2.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


@loss("Mean absolute error", synonyms=("mae", "l1", "absolute error", "regression"))
class L1Loss(Loss):
    """The mean of the absolute differences; for values to be predicted, when single outliers should not rule.

    loss = mean |input - target|

    Args:
        reduction: Whether the values are averaged or summed.

    Shape:
        input: any; target: the same -> ()

    Example:
        >>> import engine
        >>> engine.nn.L1Loss()(engine.tensor([1.0, 2.0]), engine.tensor([1.0, 4.0])).item()
        1.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


@loss("Cross-entropy", synonyms=("classification", "softmax loss", "log loss", "negative log likelihood", "nll"))
class CrossEntropyLoss(Loss):
    """How surprised the network is by the right class; for one of several classes. Takes logits: no Softmax before it.

    loss = mean of -log softmax(input)[target]

    Args:
        weight: How much each class counts, one number a class.
        ignore_index: Samples with this target are left out.
        reduction: Whether the samples are averaged or summed.
        label_smoothing: Share of the target spread evenly over all classes, against overconfidence; 0 to 1.

    Shape:
        input: (N, C) or (N, C, ...) logits; target: (N) or (N, ...) class numbers, or probabilities like input -> ()

    Example:
        >>> import engine
        >>> round(engine.nn.CrossEntropyLoss()(engine.zeros(1, 4), engine.tensor([2])).item(), 4)
        1.3863
    """

    def __init__(
        self,
        weight: ClassWeights = None,
        size_average: Older = None,
        ignore_index: Annotated[int, Hidden()] = -100,
        reduce: Older = None,
        reduction: Reduction = "mean",
        label_smoothing: Annotated[float, Range(0.0, 1.0)] = 0.0,
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


@loss("Negative log likelihood", synonyms=("nll", "classification", "log loss"))
class NLLLoss(Loss):
    """How surprised the network is by the right class; for one of several classes, behind LogSoftmax.

    loss = mean of -input[target]; CrossEntropyLoss is the two in one.

    Args:
        weight: How much each class counts, one number a class.
        ignore_index: Samples with this target are left out.
        reduction: Whether the samples are averaged or summed.

    Shape:
        input: (N, C) or (N, C, ...) log probabilities; target: (N) or (N, ...) class numbers -> ()

    Example:
        >>> import engine
        >>> engine.nn.NLLLoss()(engine.tensor([[-0.5, -2.0]]), engine.tensor([1])).item()
        2.0
    """

    def __init__(
        self,
        weight: ClassWeights = None,
        size_average: Older = None,
        ignore_index: Annotated[int, Hidden()] = -100,
        reduce: Older = None,
        reduction: Reduction = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class NLLLoss2d(NLLLoss):
    """NLLLoss by the name that it had in older scripts for images with a class at each pixel.

    loss = mean of -input[target]

    Args:
        weight: How much each class counts, one number a class.
        ignore_index: Pixels with this target are left out.
        reduction: Whether the pixels are averaged or summed.

    Shape:
        input: (N, C, H, W) log probabilities; target: (N, H, W) class numbers -> ()

    Example:
        >>> import engine
        >>> engine.nn.NLLLoss2d()(engine.tensor([[[[-0.5]], [[-2.0]]]]), engine.tensor([[[1]]])).item()
        2.0
    """


@loss("Binary cross-entropy of probabilities", synonyms=("bce", "yes or no", "two classes", "binary classification"))
class BCELoss(Loss):
    """How surprised the network is by a yes or no, behind Sigmoid; BCEWithLogitsLoss is the two in one, and more exact.

    loss = mean of -(target · log input + (1 - target) · log(1 - input)), no logarithm under -100

    Args:
        weight: How much each value counts.
        reduction: Whether the values are averaged or summed.

    Shape:
        input: any, 0 to 1; target: the same -> ()

    Raises:
        EngineError: where an input is under 0 or over 1.

    Example:
        >>> import engine
        >>> round(engine.nn.BCELoss()(engine.tensor([0.5]), engine.ones(1)).item(), 4)
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
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


@loss("Binary cross-entropy", synonyms=("bce", "yes or no", "two classes", "logistic loss", "binary classification"))
class BCEWithLogitsLoss(Loss):
    """How surprised the network is by a yes or no. Takes logits: no Sigmoid before it.

    loss = mean of -(pos_weight · target · log σ(input) + (1 - target) · log(1 - σ(input)))

    Args:
        weight: How much each value counts.
        reduction: Whether the values are averaged or summed.
        pos_weight: How much a yes counts beside a no.

    Shape:
        input: any, logits; target: the same, 0 to 1 -> ()

    Example:
        >>> import engine
        >>> round(engine.nn.BCEWithLogitsLoss()(engine.zeros(1), engine.ones(1)).item(), 4)
        0.6931
    """

    def __init__(
        self,
        weight: ClassWeights = None,
        size_average: Older = None,
        reduce: Older = None,
        reduction: Reduction = "mean",
        pos_weight: ClassWeights = None,
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, weight=self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )
