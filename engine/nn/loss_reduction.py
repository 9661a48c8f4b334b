"""What all losses share: from the loss of every value to one number, and the shapes that may be compared."""

from __future__ import annotations

from engine.errors import ShapeError, TypeMismatch
from engine.ops.base import times
from engine.tensor import Tensor
from engine.tensor.operands import meet
from engine.tensor.strangers import raise_stranger
from engine.wording import counted

REDUCTIONS = ("mean", "sum", "none")


def reduction_of(where: str, size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that is meant: PyTorch's older two switches go before the word where they are given.

    Raises:
        TypeMismatch: the word is none of "mean", "sum" and "none".

    >>> reduction_of("MSELoss", None, None, "sum"), reduction_of("MSELoss", None, False, "mean")
    ('sum', 'none')
    """
    if size_average is not None or reduce is not None:
        return "none" if reduce is False else "sum" if size_average is False else "mean"
    if reduction not in REDUCTIONS:
        raise TypeMismatch(where, got=f"reduction is {reduction!r}", expected='"mean", "sum" or "none"')
    return reduction


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """The loss of every value as it is, its mean or its sum."""
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


def weighed(loss: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """The same with a weight for each value; the mean is divided by the weights."""
    if weight is None:
        return reduced(loss, reduction)
    loss = loss * weight
    return loss.sum() / weight.expand_as(loss).sum() if reduction == "mean" else reduced(loss, reduction)


def alike(where: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The two in one dtype.

    Raises:
        ShapeError: they have different shapes, and would be compared each with each.
        TypeMismatch: one of them is no tensor.
    """
    if not isinstance(target, Tensor) or not isinstance(input, Tensor):
        raise_stranger(where, (input, target), Tensor)
    if input.array.shape != target.array.shape:
        mend = ""
        if input.ndim == 2 and input.shape[1] == 1 and target.shape == input.shape[:1]:
            mend = "call .unsqueeze(1) on the target"
        raise ShapeError(where, got=f"{times(input.shape)} is compared with a target of {times(target.shape)}",
                         expected="one shape", mend=mend)  # fmt: skip
    return meet(input, target)


def by_class(weight: Tensor, input: Tensor) -> Tensor:
    """weight (C) as it stands beside input (N, C, ...)"""
    return weight.reshape(-1, *(1,) * (input.ndim - 2))


def check_weight(where: str, input: Tensor, weight: Tensor | None) -> None:
    """A ShapeError where there is not one weight for each class of input (N, C, ...) or (C)."""
    classes = input.shape[1] if input.ndim > 1 else input.shape[0] if input.ndim else 1
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(where, got=f"weights of {times(weight.shape)} for {counted(classes, 'class')}",
                         expected="one for each class")  # fmt: skip
