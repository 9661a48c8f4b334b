"""Losses of values and of distributions, besides squares and absolute differences."""

from __future__ import annotations

from math import log, pi

from engine.errors import OptionError, ShapeError
from engine.nn.loss_reduction import alike, reduced, reduction_of
from engine.nn.losses_functional import l1_loss
from engine.ops import losses
from engine.ops.base import times
from engine.tensor import Tensor, apply, full_like


def smooth_l1_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
                   reduction: str = "mean", beta: float = 1.0) -> Tensor:  # fmt: skip
    """d² / (2 beta) where |d| < beta, |d| - beta / 2 elsewhere, of d = input - target (Girshick, 2015).

    Args:
        reduction: "mean", "sum", or "none" for the loss of every value.

    Raises:
        OptionError: for a beta under 0.
        ShapeError: where input and target have different shapes.

    >>> import engine
    >>> smooth_l1_loss(engine.tensor([0.5, 3.0]), engine.zeros(2), reduction="none")
    tensor([0.1250, 2.5000])
    """
    reduction = reduction_of("SmoothL1Loss", size_average, reduce, reduction)
    if beta < 0:
        raise OptionError("SmoothL1Loss", got=f"beta is {beta}", expected="0 or more")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    input, target = alike("SmoothL1Loss", input, target)
    return reduced(_rounded(input - target, beta) / beta, reduction)


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0,
               weight: Tensor | None = None) -> Tensor:  # fmt: skip
    """d² / 2 where |d| < delta, delta (|d| - delta / 2) elsewhere, of d = input - target (Huber, 1964).

    Args:
        reduction: "mean", "sum", or "none" for the loss of every value.
        weight: how much each value counts; the mean is divided by the values, not by the weights, as PyTorch has it.

    Raises:
        OptionError: for a delta that is not above 0.
        ShapeError: where input and target have different shapes.

    >>> import engine
    >>> huber_loss(engine.tensor([0.5, 3.0]), engine.zeros(2), "none", delta=2.0)
    tensor([0.1250, 4.0000])
    """
    reduction = reduction_of("HuberLoss", None, None, reduction)
    if delta <= 0:
        raise OptionError("HuberLoss", got=f"delta is {delta}", expected="a number above 0")
    input, target = alike("HuberLoss", input, target)
    loss = _rounded(input - target, delta)
    return reduced(loss if weight is None else loss * weight, reduction)


def _rounded(d: Tensor, width: float) -> Tensor:
    """A parabola within `width`, straight lines beyond: both are the product of |d| cut off, and what that leaves."""
    size = d.abs()
    near = size.clamp(max=width)
    return near * (size - near * 0.5)


def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool = True, full: bool = False,
                     size_average: bool | None = None, eps: float = 1e-8, reduce: bool | None = None,
                     reduction: str = "mean") -> Tensor:  # fmt: skip
    """rate - target log rate: how surprising a count is that comes at this rate, but for a constant.

    Args:
        target: counts.
        log_input: whether the input is log rate rather than the rate.
        full: whether log target! is added, by Stirling's formula, where the target is over 1.
        eps: added to a rate before its logarithm.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Raises:
        ShapeError: where input and target have different shapes.

    >>> import engine
    >>> poisson_nll_loss(engine.zeros(2), engine.tensor([1.0, 3.0]))
    tensor(1.)
    """
    reduction = reduction_of("PoissonNLLLoss", size_average, reduce, reduction)
    input, target = alike("PoissonNLLLoss", input, target)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        many = target.masked_fill(target <= 1, 1)
        stirling = many * many.log() - many + 0.5 * (2 * pi * many).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return reduced(loss, reduction)


def gaussian_nll_loss(input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6,
                      reduction: str = "mean") -> Tensor:  # fmt: skip
    """(log var + (input - target)² / var) / 2: the network says how sure it is, too (Nix and Weigend, 1994).

    Args:
        target: what is right.
        var: the variance, one for each value, along one axis (which is 1, or the last and left away), or for all.
        full: whether log(2 pi) / 2 is added.
        eps: the least that a variance counts as; the gradient does not notice.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Raises:
        OptionError: for a variance under 0, or an eps not above 0.
        ShapeError: where shapes do not go together.

    >>> import engine
    >>> gaussian_nll_loss(engine.zeros(2), engine.tensor([1.0, 3.0]), engine.tensor([1.0, 1.0]))
    tensor(2.5000)
    """
    where = "GaussianNLLLoss"
    reduction = reduction_of(where, None, None, reduction)
    if eps <= 0:
        raise OptionError(where, got=f"eps is {eps}", expected="a number above 0")
    input, target = alike(where, input, target)
    if not isinstance(var, Tensor):
        var = full_like(input, var)
    if var.shape != input.shape:
        var = _by_row(input, var)
    var = apply(losses.Variance(eps), var)
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    return reduced(loss + 0.5 * log(2 * pi) if full else loss, reduction)


def _by_row(input: Tensor, var: Tensor) -> Tensor:
    """Variances that stretch along one axis, the last where they have one less."""
    if var.shape == input.shape[:-1]:
        return var.unsqueeze(-1)
    if var.ndim == input.ndim and [v for v, i in zip(var.shape, input.shape) if v != i] == [1]:
        return var
    raise ShapeError("GaussianNLLLoss", got=f"variances of {times(var.shape)} for {times(input.shape)}",
                     expected="one for each value, or along one axis")  # fmt: skip


def kl_div(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
           reduction: str = "mean", log_target: bool = False) -> Tensor:  # fmt: skip
    """target (log target - input): how far the distribution `target` is from the one whose logarithm is `input`.

    Args:
        reduction: besides the usual, "batchmean": the sum divided by the samples, which is what the books call the
            Kullback-Leibler divergence. "mean" is divided by all values.
        log_target: whether the target is given as logarithms, too.

    Raises:
        ShapeError: where input and target have different shapes.

    >>> import engine
    >>> even, sure = engine.tensor([[0.5, 0.5]]), engine.tensor([[1.0, 0.0]])
    >>> kl_div(even.log(), sure, reduction="batchmean")
    tensor(0.6931)
    """
    by_sample = reduction == "batchmean"
    reduction = reduction_of("KLDivLoss", size_average, reduce, "sum" if by_sample else reduction)
    input, target = alike("KLDivLoss", input, target)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = target * target.masked_fill(target == 0, 1).log() - target * input
    loss = reduced(loss, reduction)
    return loss / max(input.shape[0], 1) if by_sample and input.ndim else loss
