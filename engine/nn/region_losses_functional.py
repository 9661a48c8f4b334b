"""Losses of detection and segmentation, where most of an image is background."""

from __future__ import annotations

from engine.errors import OptionError, ShapeError
from engine.nn.loss_reduction import alike, check_weight, reduced, reduction_of
from engine.nn.losses_functional import cross_entropy, require_classes
from engine.ops import losses
from engine.ops.base import times
from engine.ops.indexing import OneHot
from engine.tensor import Tensor, apply


def focal_loss(input: Tensor, target: Tensor, gamma: float = 2.0, weight: Tensor | None = None,
               ignore_index: int = -100, reduction: str = "mean") -> Tensor:  # fmt: skip
    """-(1 - p)^gamma log p at the target's class, p = softmax(input): what is easy counts less (Lin et al., 2017).

    With a gamma of 0 it is `cross_entropy`.

    Args:
        input: scores, not probabilities: softmax is part of the loss.
        target: the class of each place.
        gamma: how much less; 0 is not at all.
        weight: how much each class counts; the mean is divided by the weights of the targets.
        ignore_index: targets of this value count for nothing.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Shape:
        input (N, C, ...), target (N, ...) -> a single number, or (N, ...) for "none"

    Raises:
        EngineError: for a class that has no score.
        OptionError: for a gamma under 0.

    >>> import engine
    >>> focal_loss(engine.zeros(1, 2), engine.tensor([1]))  # a quarter of log 2
    tensor(0.1733)
    """
    reduction = reduction_of("FocalLoss", None, None, reduction)
    _check_gamma("FocalLoss", gamma)
    check_weight("FocalLoss", input, weight)
    require_classes("FocalLoss", input, target, ignore_index)
    surprise = cross_entropy(input, target, ignore_index=ignore_index, reduction="none")
    kept = target != ignore_index
    counts = kept.to(input.dtype)
    if weight is not None:
        counts = counts * weight.detach()[target.masked_fill(~kept, 0)]
    loss = surprise * _power(-(-surprise).expm1(), gamma) * counts
    return loss.sum() / counts.sum() if reduction == "mean" else reduced(loss, reduction)


def sigmoid_focal_loss(input: Tensor, target: Tensor, alpha: float = 0.25, gamma: float = 2.0,
                       reduction: str = "mean") -> Tensor:  # fmt: skip
    """The same for a yes or no, p = sigmoid(input): -alpha (1 - p)^gamma log p for a yes (Lin et al., 2017).

    Args:
        target: 1 for a yes, 0 for a no.
        alpha: how much a yes counts, a no counts 1 - alpha; under 0 both count 1.
        gamma: how much less easy values count.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Shape:
        input, scores, and target, 0 to 1: one shape -> a single number, or the same shape

    >>> import engine
    >>> sigmoid_focal_loss(engine.zeros(1), engine.ones(1))
    tensor(0.0433)
    """
    reduction = reduction_of("BinaryFocalLoss", None, None, reduction)
    _check_gamma("BinaryFocalLoss", gamma)
    input, target = alike("BinaryFocalLoss", input, target)
    yes = input.sigmoid()
    wrong = yes * (1 - target) + (1 - yes) * target
    loss = apply(losses.BCEWithLogits(), input, target, None) * _power(wrong, gamma)
    if alpha >= 0:
        loss = loss * (target * (2 * alpha - 1) + (1 - alpha))
    return reduced(loss, reduction)


def _check_gamma(where: str, gamma: float) -> None:
    if gamma < 0:
        raise OptionError(where, got=f"gamma is {gamma}", expected="0 or more")


def _power(wrong: Tensor, gamma: float) -> Tensor:
    """wrong ** gamma; where gamma is under 1 its slope at 0 is infinite, so it ends a little above"""
    return (wrong.clamp(min=1e-7) if 0 < gamma < 1 else wrong) ** gamma


def tversky_loss(input: Tensor, target: Tensor, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0,
                 reduction: str = "mean") -> Tensor:  # fmt: skip
    """1 - (both + smooth) / (both + alpha input alone + beta target alone + smooth) (Salehi et al., 2017).

    Regions are compared by how much of them is shared, for each sample and each class.

    Args:
        input: scores: softmax over the classes, or a sigmoid where the target is of input's shape, is part of it.
        target: a class for each place, or a mask of input's shape, 0 to 1.
        alpha: how much what only the input has counts; more of it makes the network careful.
        beta: how much what only the target has counts; more of it makes it bold.
        smooth: keeps empty regions from dividing 0 by 0.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Shape:
        input (N, C, ...), target (N, ...) or (N, C, ...) -> a single number, or (N, C) for "none"

    Raises:
        ShapeError: where input and target do not go together.

    >>> import engine
    >>> tversky_loss(engine.tensor([[[50.0, -50.0]]]), engine.tensor([[[1.0, 1.0]]]), smooth=0.0)
    tensor(0.3333)
    """
    reduction = reduction_of("TverskyLoss", None, None, reduction)
    found, wanted = _regions("TverskyLoss", input, target)
    axes = tuple(range(2, found.ndim))
    both, only_found, only_wanted = found * wanted, found * (1 - wanted), (1 - found) * wanted
    if axes:
        both, only_found, only_wanted = (part.sum(axes) for part in (both, only_found, only_wanted))
    share = (both + smooth) / (both + only_found * alpha + only_wanted * beta + smooth)
    return reduced(1 - share, reduction)


def dice_loss(input: Tensor, target: Tensor, smooth: float = 1.0, reduction: str = "mean") -> Tensor:
    """1 - (2 both + smooth) / (input + target + smooth), of the sizes of regions (Milletari et al., 2016).

    It is `tversky_loss` with alpha = beta = 1/2.

    Args:
        input: scores: softmax over the classes, or a sigmoid where the target is of input's shape, is part of it.
        target: a class for each place, or a mask of input's shape, 0 to 1.
        smooth: keeps empty regions from dividing 0 by 0.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Shape:
        input (N, C, ...), target (N, ...) or (N, C, ...) -> a single number, or (N, C) for "none"

    >>> import engine
    >>> dice_loss(engine.tensor([[[50.0, -50.0]]]), engine.tensor([[[1.0, 1.0]]]), smooth=0.0)
    tensor(0.3333)
    """
    return tversky_loss(input, target, 0.5, 0.5, smooth / 2, reduction)


def _regions(where: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """What was found and what is wanted, as a share of each place, both (N, C, ...)"""
    if input.ndim < 2:
        raise ShapeError(where, got=f"scores of shape {times(input.shape)} arrive", expected="(N, classes, ...)")
    if target.shape == input.shape:
        return input.sigmoid(), target.to(input.dtype)
    require_classes(where, input, target)
    wanted = apply(OneHot(input.shape[1], input.dtype), target)  # (N, ..., C)
    return input.softmax(1), wanted.permute(0, -1, *range(1, target.ndim))


def giou_loss(input: Tensor, target: Tensor, reduction: str = "mean", eps: float = 1e-7) -> Tensor:
    """1 - IoU + the share of the box around both that neither covers (Rezatofighi et al., 2019).

    Boxes that do not touch are drawn together, too.

    Args:
        target: the right boxes.
        reduction: "mean", "sum", or "none" for the loss of every value.
        eps: keeps boxes without area from dividing by 0.

    Shape:
        input, target (..., 4): left, top, right, bottom -> a single number, or (...)

    >>> import engine
    >>> giou_loss(engine.tensor([[0.0, 0.0, 1.0, 1.0]]), engine.tensor([[2.0, 0.0, 3.0, 1.0]]))
    tensor(1.3333)
    """
    reduction = reduction_of("GIoULoss", None, None, reduction)
    input, target = alike("GIoULoss", input, target)
    if input.ndim == 0 or input.shape[-1] != 4:
        raise ShapeError("GIoULoss", got=f"boxes of {times(input.shape)} arrive", expected="4 numbers on the last axis")
    (low1, high1), (low2, high2) = ((x[..., :2], x[..., 2:]) for x in (input, target))
    shared = _area((high1.minimum(high2) - low1.maximum(low2)).relu())
    # a box whose sides stand in the wrong order holds nothing
    union = _area((high1 - low1).relu()) + _area((high2 - low2).relu()) - shared
    around = _area(high1.maximum(high2) - low1.minimum(low2))
    iou = shared / (union + eps)
    return reduced(1 - iou + (around - union) / (around + eps), reduction)


def _area(sides: Tensor) -> Tensor:
    return sides[..., 0] * sides[..., 1]
