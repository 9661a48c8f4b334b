"""The losses of `engine.nn.functional`."""

from __future__ import annotations

from typing import Any

from engine.errors import ShapeError, TypeMismatch
from engine.ops import losses
from engine.ops.base import times
from engine.tensor import Tensor, apply
from engine.tensor.arithmetic import meet

SQUARED_SUM, SQUARED_MEAN = losses.SquaredError(False), losses.SquaredError(True)
REDUCTIONS = ("mean", "sum", "none")


def _reduce(loss: Tensor, reduction: str) -> Tensor:
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


def _check_reduction(where: str, reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise TypeMismatch(where, got=f"reduction is {reduction!r}", expected='"mean", "sum" or "none"')


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """The mean of (input - target)².

    Raises:
        ShapeError: where input and target have different shapes, which would be compared each with each.

    >>> import engine
    >>> mse_loss(engine.tensor([1.0, 2.0]), engine.tensor([1.0, 4.0]))
    tensor(2.)
    """
    _check_reduction("MSELoss", reduction)
    input, target = _alike("MSELoss", input, target)
    if reduction != "none" and weight is None:
        return apply(SQUARED_MEAN if reduction == "mean" else SQUARED_SUM, input, target)
    return _weighed((input - target) ** 2, weight, reduction)


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """The mean of |input - target|."""
    _check_reduction("L1Loss", reduction)
    input, target = _alike("L1Loss", input, target)
    return _weighed((input - target).abs(), weight, reduction)


def _weighed(loss: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    if weight is None:
        return _reduce(loss, reduction)
    loss = loss * weight
    return loss.sum() / weight.expand_as(loss).sum() if reduction == "mean" else _reduce(loss, reduction)


def _alike(where: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if input.shape != target.shape:
        mend = ""
        if input.ndim == 2 and input.shape[1] == 1 and target.shape == input.shape[:1]:
            mend = "call .unsqueeze(1) on the target"
        raise ShapeError(where, got=f"{times(input.shape)} is compared with a target of {times(target.shape)}",
                         expected="one shape", mend=mend)  # fmt: skip
    return meet(input, target)


def cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100,
                  reduction: str = "mean", label_smoothing: float = 0.0) -> Tensor:  # fmt: skip
    """-log softmax(input) at the target's class: the loss of a classifier's raw scores.

    Args:
        input: scores, not probabilities: softmax is part of the loss.
        target: classes as whole numbers, or a probability for each class.
        weight: how much each class counts; the mean is divided by the weights of the targets.
        ignore_index: targets of this value count for nothing.
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
    _check_reduction(where, reduction)
    if not 0 <= label_smoothing <= 1:
        raise TypeMismatch(where, got=f"label_smoothing is {label_smoothing}", expected="a number from 0 to 1")
    _check_weight(where, input, weight)
    probabilities = target.dtype.kind == "f" and target.shape == input.shape
    if input.ndim == 1:
        loss = cross_entropy(input.unsqueeze(0), target.unsqueeze(0), weight, ignore_index, reduction, label_smoothing)
        return loss.squeeze(0) if reduction == "none" else loss
    if probabilities:
        return _soft(input, _smoothed(target.to(input.dtype), label_smoothing), weight, reduction)
    if label_smoothing:
        return _smooth_classes(input, target, weight, ignore_index, reduction, label_smoothing)
    return apply(losses.CrossEntropy(ignore_index, reduction), input, target, weight)


def _check_weight(where: str, input: Tensor, weight: Tensor | None) -> None:
    classes = input.shape[1] if input.ndim > 1 else input.shape[0] if input.ndim else 1
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(where, got=f"weights of {times(weight.shape)} for {classes} classes",
                         expected="one for each class")  # fmt: skip


def _smoothed(target: Tensor, smoothing: float) -> Tensor:
    return target * (1 - smoothing) + smoothing / target.shape[1] if smoothing else target


def _soft(input: Tensor, target: Tensor, weight: Any, reduction: str) -> Tensor:
    if weight is not None:
        target = target * _by_class(weight, input)
    loss = apply(losses.SoftCrossEntropy(), input, target)
    if reduction != "mean":
        return _reduce(loss, reduction)
    return loss.sum() / max(loss.numel(), 1)


def _by_class(weight: Tensor, input: Tensor) -> Tensor:
    return weight.reshape(-1, *(1,) * (input.ndim - 2))


def _smooth_classes(input: Tensor, target: Tensor, weight: Any, ignore: int, reduction: str,
                    smoothing: float) -> Tensor:  # fmt: skip
    from engine.ops.indexing import OneHot

    losses.check_classes("CrossEntropyLoss", input, target)
    if not input.is_meta:
        input.device.kernels.check_classes("CrossEntropyLoss", target.array, input.shape[1], ignore)
    kept = target != ignore
    classes = apply(OneHot(input.shape[1], input.dtype), target.masked_fill(~kept, 0))  # (N, ..., C)
    spread = _smoothed(classes.permute(0, -1, *range(1, target.ndim)), smoothing)  # (N, C, ...)
    if weight is not None:
        spread = spread * _by_class(weight, input)
    spread = spread * kept.unsqueeze(1).to(input.dtype)
    loss = apply(losses.SoftCrossEntropy(), input, spread)
    if reduction != "mean":
        return _reduce(loss, reduction)
    # the mean is divided by the weights of the targets that count
    counted = kept.to(input.dtype)
    if weight is not None:
        counted = counted * weight.detach()[target.masked_fill(~kept, 0)]
    return loss.sum() / counted.sum()


def nll_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100,
             reduction: str = "mean") -> Tensor:  # fmt: skip
    """-input at the target's class, for log probabilities (from log_softmax).

    Shape:
        input (N, C, ...) or (C), target (N, ...) -> a single number, or (N, ...) for "none"
    """
    _check_reduction("NLLLoss", reduction)
    _check_weight("NLLLoss", input, weight)
    if input.ndim == 1:
        loss = nll_loss(input.unsqueeze(0), target.unsqueeze(0), weight, ignore_index, reduction)
        return loss.squeeze(0) if reduction == "none" else loss
    return apply(losses.NLL(ignore_index, reduction), input, target, weight)


def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None,
                                     reduction: str = "mean", pos_weight: Tensor | None = None) -> Tensor:  # fmt: skip
    """-(y log s(x) + (1 - y) log(1 - s(x))), s the sigmoid: the loss of a yes-or-no score.

    Args:
        pos_weight: how much a yes counts beside a no.

    Raises:
        ShapeError: where input and target have different shapes.
    """
    _check_reduction("BCEWithLogitsLoss", reduction)
    input, target = _alike("BCEWithLogitsLoss", input, target)
    loss = apply(losses.BCEWithLogits(), input, target, pos_weight)
    return _reduce(loss if weight is None else loss * weight, reduction)
