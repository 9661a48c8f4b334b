"""Losses of values and of distributions."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Choice, Fixed, Hidden, Range, Start, loss
from engine.nn import functional as F
from engine.nn.losses import Loss, Older, Reduction
from engine.nn.module import Module
from engine.tensor import Tensor


@loss("Smooth L1", synonyms=("huber", "robust", "outliers", "regression", "boxes"))
class SmoothL1Loss(Loss):
    """Squares for small misses, plain distance for large ones, of slope 1; for values with outliers, as of boxes.

    loss = mean of d² / (2 beta) where |d| < beta, |d| - beta / 2 elsewhere; d = input - target

    Args:
        reduction: Whether the values are averaged or summed.
        beta: The miss at which the one becomes the other; 0 is the mean absolute error.

    Shape:
        input: any; target: the same -> ()

    Example:
        >>> import engine
        >>> engine.nn.SmoothL1Loss()(engine.tensor([3.0]), engine.tensor([0.0])).item()
        2.5
    """

    def __init__(
        self,
        size_average: Older = None,
        reduce: Older = None,
        reduction: Reduction = "mean",
        beta: Annotated[float, Range(0.0, 1e6, log=True)] = 1.0,
    ):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


@loss("Huber", synonyms=("robust", "outliers", "smooth l1", "regression"))
class HuberLoss(Module):
    """Squares for small misses, plain distance for large ones; for values to be predicted, with some outliers.

    loss = mean of d² / 2 where |d| < delta, delta (|d| - delta / 2) elsewhere; d = input - target

    Args:
        reduction: Whether the values are averaged or summed.
        delta: The miss at which the one becomes the other, and the slope from there on.

    Shape:
        input: any; target: the same -> ()

    Example:
        >>> import engine
        >>> engine.nn.HuberLoss(delta=2.0)(engine.tensor([3.0]), engine.tensor([0.0])).item()
        4.0
    """

    def __init__(self, reduction: Reduction = "mean", delta: Annotated[float, Range(1e-6, 1e6, log=True)] = 1.0):
        super().__init__()
        self.reduction = reduction
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


@loss("Poisson", synonyms=("counts", "events", "rate", "poisson nll", "regression"))
class PoissonNLLLoss(Loss):
    """How surprising a count is at the rate whose logarithm the network gives; for numbers of events, 0 or more.

    loss = mean of exp(input) - target · input, or input - target · log(input + eps)

    Args:
        log_input: Whether the network gives log rate, which may be any number.
        full: Whether the part that does not depend on the network is added, by Stirling's formula.
        eps: Added to a rate before its logarithm.
        reduction: Whether the values are averaged or summed.

    Shape:
        input: any; target: the same, 0 or more -> ()

    Example:
        >>> import engine
        >>> engine.nn.PoissonNLLLoss()(engine.zeros(1), engine.ones(1)).item()
        1.0
    """

    def __init__(
        self,
        log_input: Annotated[bool, Fixed(True)] = True,
        full: bool = False,
        size_average: Older = None,
        eps: Annotated[float, Hidden()] = 1e-8,
        reduce: Older = None,
        reduction: Reduction = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


@loss("Gaussian likelihood", synonyms=("gaussian nll", "uncertainty", "variance", "heteroscedastic", "confidence"))
class GaussianNLLLoss(Module):
    """How surprising a value is where the network expects it, as sure as it says it is.

    loss = mean of (log var + (input - target)² / var) / 2

    Args:
        full: Whether log(2 pi) / 2 is added.
        eps: The least that a variance counts as.
        reduction: Whether the values are averaged or summed.

    Shape:
        input, target: any; var: the same, or one for each row, or a number -> ()

    Raises:
        OptionError: for a variance under 0.

    Example:
        >>> import engine
        >>> engine.nn.GaussianNLLLoss()(engine.zeros(1), engine.tensor([2.0]), engine.ones(1)).item()
        2.0
    """

    def __init__(
        self, *, full: bool = False, eps: Annotated[float, Range(1e-12, 1.0)] = 1e-6, reduction: Reduction = "mean"
    ):
        super().__init__()
        self.full, self.eps, self.reduction = full, eps, reduction

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


@loss("Kullback-Leibler divergence", synonyms=("kl", "relative entropy", "distribution", "soft labels"))
class KLDivLoss(Loss):
    """How far the target's distribution is from the network's, whose logarithm is the input.

    loss = mean of target · (log target - input)

    Args:
        reduction: Besides the usual "batchmean", the sum divided by the samples: the Kullback-Leibler divergence.
        log_target: Whether the target is given as logarithms, too.

    Shape:
        input: any, log probabilities; target: the same, probabilities -> ()

    Example:
        >>> import engine
        >>> even = engine.tensor([[0.5, 0.5]])
        >>> engine.nn.KLDivLoss(reduction="batchmean")(even.log(), even).item()
        0.0
    """

    def __init__(
        self,
        size_average: Older = None,
        reduce: Older = None,
        reduction: Annotated[str, Choice(("batchmean", "mean", "sum")), Start("batchmean")] = "mean",
        log_target: Annotated[bool, Hidden()] = False,
    ):
        by_sample = reduction == "batchmean"
        super().__init__(size_average, reduce, "mean" if by_sample else reduction)
        if by_sample and size_average is None and reduce is None:
            self.reduction = reduction
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)
