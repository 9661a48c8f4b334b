"""The commonest losses of `engine.nn.functional`: those of values and of classes."""

from __future__ import annotations

from math import nan
from typing import Any

from engine.errors import ShapeError, TypeMismatch
from engine.nn.dense_functional import linear
from engine.nn.loss_reduction import alike, by_class, check_weight, reduced, reduction_of, weighed
from engine.ops import losses
from engine.ops.base import times
from engine.ops.indexing import OneHot
from engine.tensor import Tensor, apply

SQUARED_SUM, SQUARED_MEAN = losses.SquaredError(False), losses.SquaredError(True)


def mse_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
             reduction: str = "mean", weight: Tensor | None = None) -> Tensor:  # fmt: skip
    """The mean of (input - target)².

    Args:
        target: what is right.
        reduction: "mean", "sum", or "none" for the loss of every value.
        weight: how much each value counts; the mean is divided by the weights.

    Raises:
        ShapeError: where input and target have different shapes, which would be compared each with each.

    >>> import engine
    >>> mse_loss(engine.tensor([1.0, 2.0]), engine.tensor([1.0, 4.0]))
    tensor(2.)
    """
    reduction = reduction_of("MSELoss", size_average, reduce, reduction)
    input, target = alike("MSELoss", input, target)
    if reduction != "none" and weight is None:
        return apply(SQUARED_MEAN if reduction == "mean" else SQUARED_SUM, input, target)
    return weighed((input - target) ** 2, weight, reduction)


def l1_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
            reduction: str = "mean", weight: Tensor | None = None) -> Tensor:  # fmt: skip
    """The mean of |input - target|.

    Args:
        target: what is right.
        reduction: "mean", "sum", or "none" for the loss of every value.
        weight: how much each value counts; the mean is divided by the weights.

    Raises:
        ShapeError: where input and target have different shapes, which would be compared each with each.

    >>> import engine
    >>> l1_loss(engine.tensor([1.0, 2.0]), engine.tensor([1.0, 4.0]))
    tensor(1.)
    """
    reduction = reduction_of("L1Loss", size_average, reduce, reduction)
    input, target = alike("L1Loss", input, target)
    return weighed((input - target).abs(), weight, reduction)


def cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
                  ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
                  label_smoothing: float = 0.0) -> Tensor:  # fmt: skip
    """-log softmax(input) at the target's class: the loss of a classifier's raw scores.

    Args:
        input: scores, not probabilities: softmax is part of the loss.
        target: classes as whole numbers, or a probability for each class.
        weight: how much each class counts; the mean is divided by the weights of the targets.
        ignore_index: targets of this value count for nothing.
        reduction: "mean", "sum", or "none" for the loss of every value.
        label_smoothing: this share of the target is spread evenly over all classes (Szegedy et al., 2016).

    Shape:
        input (N, C, ...) or (C), target (N, ...) or as the input is -> a single number, or (N, ...) for "none"

    Raises:
        EngineError: for a class that has no score.
        ShapeError, TypeMismatch: where target and input do not go together.

    >>> import engine
    >>> cross_entropy(engine.zeros(2, 4), engine.tensor([0, 3]))
    tensor(1.3863)
    """
    where = "CrossEntropyLoss"
    reduction = reduction_of(where, size_average, reduce, reduction)
    if not 0 <= label_smoothing <= 1:
        raise TypeMismatch(where, got=f"label_smoothing is {label_smoothing}", expected="a number from 0 to 1")
    check_weight(where, input, weight)
    probabilities = target.dtype.kind == "f" and target.shape == input.shape
    if input.ndim == 1:
        loss = cross_entropy(input.unsqueeze(0), target.unsqueeze(0), weight, ignore_index=ignore_index,
                             reduction=reduction, label_smoothing=label_smoothing)  # fmt: skip
        return loss.squeeze(0) if reduction == "none" else loss
    if probabilities:
        if ignore_index >= 0:
            raise TypeMismatch(where, got=f"ignore_index is {ignore_index} and the target holds probabilities",
                               expected="class numbers where some are to be ignored")  # fmt: skip
        return _soft(input, _smoothed(target.to(input.dtype), label_smoothing), weight, reduction)
    if label_smoothing:
        return _smooth_classes(input, target, weight, ignore_index, reduction, label_smoothing)
    return apply(losses.CrossEntropy(ignore_index, reduction), input, target, weight)


def _smoothed(target: Tensor, smoothing: float) -> Tensor:
    return target * (1 - smoothing) + smoothing / target.shape[1] if smoothing else target


def _soft(input: Tensor, target: Tensor, weight: Any, reduction: str) -> Tensor:
    if weight is not None:
        target = target * by_class(weight, input)
    loss = apply(losses.SoftCrossEntropy(), input, target)
    return reduced(loss, reduction)


def _smooth_classes(input: Tensor, target: Tensor, weight: Any, ignore: int, reduction: str,
                    smoothing: float) -> Tensor:  # fmt: skip
    require_classes("CrossEntropyLoss", input, target, ignore)
    kept = target != ignore
    classes = apply(OneHot(input.shape[1], input.dtype), target.masked_fill(~kept, 0))  # (N, ..., C)
    spread = _smoothed(classes.permute(0, -1, *range(1, target.ndim)), smoothing)  # (N, C, ...)
    if weight is not None:
        spread = spread * by_class(weight, input)
    spread = spread * kept.unsqueeze(1).to(input.dtype)
    loss = apply(losses.SoftCrossEntropy(), input, spread)
    if reduction != "mean":
        return reduced(loss, reduction)
    # the mean is divided by the weights of the targets that count
    counted = kept.to(input.dtype)
    if weight is not None:
        counted = counted * weight.detach()[target.masked_fill(~kept, 0)]
    total = counted.sum()
    mean = loss.sum() / total.clamp(min=1e-30)
    return mean.masked_fill(total == 0, nan)  # and nothing is learned


def linear_cross_entropy(input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Tensor | None = None,
                         weight: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = None,
                         label_smoothing: float = 0.0, options: Any = None) -> Tensor:  # fmt: skip
    """The cross-entropy of scores that a last linear layer makes: cross_entropy(linear(input, linear_weight), target).

    Args:
        input: samples (N, in_features), or one (in_features).
        linear_weight: (C, in_features), or (C, d1, ..., in_features) for a class at each of some places.
        target: classes as whole numbers, or a probability for each class.
        linear_bias: added to the scores: as linear_weight without its last axis.
        weight: how much each class counts; the mean is divided by the weights of the targets.
        reduction: "mean", "sum", or "none" for the loss of every value.
        ignore_index: targets of this value count for nothing; None for -100.
        label_smoothing: this share of the target is spread evenly over all classes.
        options: PyTorch's choice of chunks, which here nothing depends on: the scores are made at once.

    Shape:
        target (N, d1, ...) or (N, C, d1, ...) -> a single number, or (N, d1, ...) for "none"

    Raises:
        ShapeError: where input, weight and bias do not go together.
        TypeMismatch: where an ignore_index is given and the target holds probabilities.

    >>> import engine
    >>> linear_cross_entropy(engine.ones(2, 3), engine.zeros(4, 3), engine.tensor([0, 3]))
    tensor(1.3863)
    """
    classes, *places = _check_linear(input, linear_weight, linear_bias)
    flat = linear_weight.reshape(-1, linear_weight.shape[-1])
    scores = linear(input, flat, None if linear_bias is None else linear_bias.reshape(-1))
    scores = scores.reshape(*input.shape[:-1], classes, *places)
    if ignore_index is not None and target.shape == scores.shape:
        raise TypeMismatch("linear_cross_entropy",
                           got=f"ignore_index is {ignore_index} and the target holds probabilities",
                           expected="class numbers where some are to be ignored")  # fmt: skip
    return cross_entropy(scores, target, weight, ignore_index=-100 if ignore_index is None else ignore_index,
                         reduction=reduction, label_smoothing=label_smoothing)  # fmt: skip


def _check_linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[int, ...]:
    """The number of classes and the lengths of the axes of places."""
    where = "linear_cross_entropy"
    if input.ndim not in (1, 2) or weight.ndim < 2 or input.shape[-1] != weight.shape[-1]:
        raise ShapeError(where, got=f"{times(input.shape)} and a linear_weight of {times(weight.shape)}",
                         expected="(N, in_features) and (C, ..., in_features)")  # fmt: skip
    if weight.ndim > 2 and input.ndim == 1:
        raise ShapeError(where, got=f"one sample for a linear_weight of {times(weight.shape)}",
                         expected="(N, in_features)", mend="call .unsqueeze(0) on the input")  # fmt: skip
    if bias is not None and bias.shape != weight.shape[:-1]:
        raise ShapeError(where, got=f"a linear_bias of {times(bias.shape)}", expected=times(weight.shape[:-1]))
    return tuple(weight.shape[:-1])


NO_CLASS = -(2**63)
"""A target that none is, where none is to be ignored."""


def require_classes(where: str, input: Tensor, target: Tensor, ignore: int = NO_CLASS) -> None:
    """An error where the target (N, ...) does not name classes of the scores (N, C, ...)."""
    losses.check_classes(where, input, target)
    if not input.is_meta:
        input.device.kernels.check_classes(where, target.array, input.shape[1], ignore)


def nll_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
             ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean") -> Tensor:  # fmt: skip
    """-input at the target's class, for log probabilities (from log_softmax).

    Args:
        target: classes as whole numbers.
        weight: how much each class counts; the mean is divided by the weights of the targets.
        ignore_index: targets of this value count for nothing.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Shape:
        input (N, C, ...) or (C), target (N, ...) -> a single number, or (N, ...) for "none"

    >>> import engine
    >>> nll_loss(engine.tensor([[-0.5, -2.0]]), engine.tensor([1]))
    tensor(2.)
    """
    reduction = reduction_of("NLLLoss", size_average, reduce, reduction)
    check_weight("NLLLoss", input, weight)
    if input.ndim == 1:
        loss = nll_loss(input.unsqueeze(0), target.unsqueeze(0), weight, None, ignore_index, None, reduction)
        return loss.squeeze(0) if reduction == "none" else loss
    return apply(losses.NLL(ignore_index, reduction), input, target, weight)


def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
                         reduce: bool | None = None, reduction: str = "mean") -> Tensor:  # fmt: skip
    """-(y log p + (1 - y) log(1 - p)) for probabilities p; a logarithm counts as -100 at the least.

    `binary_cross_entropy_with_logits` takes the score before the sigmoid, and is more exact.

    Args:
        target: y, from 0 to 1.
        weight: how much each value counts.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Raises:
        EngineError: where p is under 0 or over 1.
        ShapeError: where input and target have different shapes.

    >>> import engine
    >>> binary_cross_entropy(engine.tensor([0.5, 0.5]), engine.tensor([1.0, 0.0]))
    tensor(0.6931)
    """
    reduction = reduction_of("BCELoss", size_average, reduce, reduction)
    input, target = alike("BCELoss", input, target)
    loss = apply(losses.BCE(), input, target)
    return reduced(loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None,
                                     size_average: bool | None = None, reduce: bool | None = None,
                                     reduction: str = "mean", pos_weight: Tensor | None = None) -> Tensor:  # fmt: skip
    """-(y log s(x) + (1 - y) log(1 - s(x))), s the sigmoid: the loss of a yes-or-no score.

    Args:
        target: y, from 0 to 1.
        weight: how much each value counts.
        reduction: "mean", "sum", or "none" for the loss of every value.
        pos_weight: how much a yes counts beside a no.

    Raises:
        ShapeError: where input and target have different shapes.

    >>> import engine
    >>> binary_cross_entropy_with_logits(engine.zeros(2), engine.tensor([1.0, 0.0]))
    tensor(0.6931)
    """
    reduction = reduction_of("BCEWithLogitsLoss", size_average, reduce, reduction)
    input, target = alike("BCEWithLogitsLoss", input, target)
    loss = apply(losses.BCEWithLogits(), input, target, pos_weight)
    return reduced(loss if weight is None else loss * weight, reduction)
