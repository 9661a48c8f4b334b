"""Losses of detection and segmentation, where most of an image is background."""

from __future__ import annotations

from typing import Annotated

from engine.describe import Hidden, Range, loss
from engine.nn import functional as F
from engine.nn.losses import ClassWeights, Reduction
from engine.nn.module import Module
from engine.tensor import Tensor


@loss("Focal", synonyms=("imbalanced", "rare classes", "hard examples", "classification", "detection"))
class FocalLoss(Module):
    """Cross-entropy in which easy samples count less, for rare classes; takes logits, no Softmax before it.

    loss = mean of -(1 - p)^gamma · log p, p = softmax(input)[target]; 0 for gamma is cross-entropy

    Args:
        gamma: How much less easy samples count.
        weight: How much each class counts, one number a class.
        ignore_index: Samples with this target are left out.
        reduction: Whether the samples are averaged or summed.

    Shape:
        input: (N, C) or (N, C, ...) logits; target: (N) or (N, ...) class numbers -> ()

    Example:
        >>> import engine
        >>> round(engine.nn.FocalLoss()(engine.zeros(1, 2), engine.tensor([1])).item(), 4)
        0.1733
    """

    def __init__(
        self,
        gamma: Annotated[float, Range(0.0, 10.0)] = 2.0,
        weight: ClassWeights = None,
        ignore_index: Annotated[int, Hidden()] = -100,
        reduction: Reduction = "mean",
    ):
        super().__init__()
        self.register_buffer("weight", weight)
        self.gamma, self.ignore_index, self.reduction = gamma, ignore_index, reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.focal_loss(input, target, self.gamma, self.weight, self.ignore_index, self.reduction)


@loss("Binary focal", synonyms=("imbalanced", "rare", "yes or no", "two classes", "binary classification", "detection"))
class BinaryFocalLoss(Module):
    """Binary cross-entropy in which easy samples count less, for a rare yes; takes logits, no Sigmoid before it.

    loss = mean of -alpha · (1 - p)^gamma · log p for a yes, p = σ(input), likewise with 1 - alpha for a no

    Args:
        alpha: How much a yes counts, a no counts 1 - alpha.
        gamma: How much less easy samples count.
        reduction: Whether the values are averaged or summed.

    Shape:
        input: any, logits; target: the same, 0 to 1 -> ()

    Example:
        >>> import engine
        >>> round(engine.nn.BinaryFocalLoss()(engine.zeros(1), engine.ones(1)).item(), 4)
        0.0433
    """

    def __init__(
        self,
        alpha: Annotated[float, Range(0.0, 1.0)] = 0.25,
        gamma: Annotated[float, Range(0.0, 10.0)] = 2.0,
        reduction: Reduction = "mean",
    ):
        super().__init__()
        self.alpha, self.gamma, self.reduction = alpha, gamma, reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.sigmoid_focal_loss(input, target, self.alpha, self.gamma, self.reduction)


@loss("Tversky", synonyms=("segmentation", "mask", "region", "overlap", "small regions"))
class TverskyLoss(Module):
    """How little two regions share, what only one has counted apart; for small regions that must not be missed.

    loss = mean of 1 - (both + smooth) / (both + alpha · input alone + beta · target alone + smooth)

    Args:
        alpha: How much what only the input has counts.
        beta: How much what only the target has counts.
        smooth: Keeps empty regions from dividing 0 by 0.
        reduction: Whether samples and classes are averaged or summed.

    Shape:
        input: (N, C, ...) logits; target: (N, ...) class numbers, or (N, C, ...) masks, 0 to 1 -> ()

    Example:
        >>> import engine
        >>> round(engine.nn.TverskyLoss(smooth=0.0)(engine.zeros(1, 1, 2), engine.ones(1, 1, 2)).item(), 4)
        0.3333
    """

    def __init__(
        self,
        alpha: Annotated[float, Range(0.0, 10.0)] = 0.5,
        beta: Annotated[float, Range(0.0, 10.0)] = 0.5,
        smooth: Annotated[float, Range(0.0, 1e6)] = 1.0,
        reduction: Reduction = "mean",
    ):
        super().__init__()
        self.alpha, self.beta, self.smooth, self.reduction = alpha, beta, smooth, reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.tversky_loss(input, target, self.alpha, self.beta, self.smooth, self.reduction)


@loss("Dice", synonyms=("segmentation", "mask", "region", "overlap", "f1", "sorensen"))
class DiceLoss(Module):
    """How little two regions share, whatever their size; for segmentation with much background.

    loss = mean of 1 - (2 · both + smooth) / (input + target + smooth), of the sizes of the regions

    Args:
        smooth: Keeps empty regions from dividing 0 by 0.
        reduction: Whether samples and classes are averaged or summed.

    Shape:
        input: (N, C, ...) logits; target: (N, ...) class numbers, or (N, C, ...) masks, 0 to 1 -> ()

    Example:
        >>> import engine
        >>> round(engine.nn.DiceLoss(smooth=0.0)(engine.zeros(1, 1, 2), engine.ones(1, 1, 2)).item(), 4)
        0.3333
    """

    def __init__(self, smooth: Annotated[float, Range(0.0, 1e6)] = 1.0, reduction: Reduction = "mean"):
        super().__init__()
        self.smooth, self.reduction = smooth, reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.dice_loss(input, target, self.smooth, self.reduction)


@loss("Generalised IoU", synonyms=("giou", "box", "bounding box", "detection", "overlap", "intersection over union"))
class GIoULoss(Module):
    """How little two boxes share; boxes that do not touch are drawn together, too (Rezatofighi et al., 2019).

    loss = mean of 1 - both / either + (around - either) / around, of areas; around is the least box around both

    A box whose right lies left of its left has no area, and hardly a slope: put L1Loss beside it, which brings sides
    into their order.

    Args:
        reduction: Whether the boxes are averaged or summed.
        eps: Keeps boxes without area from dividing 0 by 0.

    Shape:
        input, target: (..., 4): left, top, right, bottom -> ()

    Example:
        >>> import engine
        >>> box = engine.tensor([[0.0, 0.0, 1.0, 1.0]])
        >>> round(engine.nn.GIoULoss()(box, box + engine.tensor([2.0, 0.0, 2.0, 0.0])).item(), 4)
        1.3333
    """

    def __init__(self, reduction: Reduction = "mean", eps: Annotated[float, Hidden()] = 1e-7):
        super().__init__()
        self.reduction, self.eps = reduction, eps

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.giou_loss(input, target, self.reduction, self.eps)
