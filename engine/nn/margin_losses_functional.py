"""Losses that leave a margin: between scores of classes, between vectors, between what is preferred and what is not."""

from __future__ import annotations

from collections.abc import Callable

from engine.errors import OptionError, ShapeError, TypeMismatch
from engine.nn.activation_functional import logsigmoid
from engine.nn.distance_functional import pairwise_distance
from engine.nn.loss_reduction import alike, check_weight, reduced, reduction_of
from engine.nn.losses_functional import require_classes
from engine.ops import losses
from engine.ops.base import times
from engine.ops.indexing import OneHot
from engine.tensor import Tensor, apply


def margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0,
                        size_average: bool | None = None, reduce: bool | None = None,
                        reduction: str = "mean") -> Tensor:  # fmt: skip
    """max(0, margin - target (input1 - input2)): input1 ought to be the greater where the target is 1, else the less.

    Args:
        margin: by how much one ought to be greater.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Shape:
        input1, input2, target: one shape; target 1 or -1 -> a single number, or the same shape

    >>> import engine
    >>> margin_ranking_loss(engine.tensor([3.0]), engine.tensor([1.0]), engine.tensor([-1.0]))
    tensor(2.)
    """
    where = "MarginRankingLoss"
    reduction = reduction_of(where, size_average, reduce, reduction)
    input1, input2 = alike(where, input1, input2)
    input1, target = alike(where, input1, target)
    return reduced((margin - target * (input1 - input2)).clamp(min=0), reduction)


def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, size_average: bool | None = None,
                         reduce: bool | None = None, reduction: str = "mean") -> Tensor:  # fmt: skip
    """The distance itself where the target is 1, what it lacks of the margin where the target is -1.

    Args:
        target: 1 for what belongs together, -1 for what does not.
        margin: how far apart the latter ought to be.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Shape:
        input, target: one shape; target 1 or -1 -> a single number, or the same shape

    >>> import engine
    >>> hinge_embedding_loss(engine.tensor([0.5, 0.2]), engine.tensor([1.0, -1.0]), reduction="none")
    tensor([0.5000, 0.8000])
    """
    reduction = reduction_of("HingeEmbeddingLoss", size_average, reduce, reduction)
    input, target = alike("HingeEmbeddingLoss", input, target)
    near = input.masked_fill(target == -1, 0)
    far = (margin - input).clamp(min=0).masked_fill(target == 1, 0)
    return reduced(near + far, reduction)


def soft_margin_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
                     reduction: str = "mean") -> Tensor:  # fmt: skip
    """log(1 + exp(-target input)), for a target of 1 or -1.

    Args:
        reduction: "mean", "sum", or "none" for the loss of every value.

    >>> import engine
    >>> soft_margin_loss(engine.zeros(2), engine.tensor([1.0, -1.0]))
    tensor(0.6931)
    """
    reduction = reduction_of("SoftMarginLoss", size_average, reduce, reduction)
    input, target = alike("SoftMarginLoss", input, target)
    return reduced(-logsigmoid(target * input), reduction)


def multilabel_soft_margin_loss(input: Tensor, target: Tensor, weight: Tensor | None = None,
                                size_average: bool | None = None, reduce: bool | None = None,
                                reduction: str = "mean") -> Tensor:  # fmt: skip
    """Binary cross-entropy of each class, averaged over the classes: each may hold or not.

    Args:
        target: which classes hold.
        weight: how much each class counts.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Shape:
        input (..., C) scores, target the same, 0 to 1 -> a single number, or (...)

    >>> import engine
    >>> multilabel_soft_margin_loss(engine.zeros(1, 3), engine.tensor([[1.0, 0.0, 1.0]]))
    tensor(0.6931)
    """
    reduction = reduction_of("MultiLabelSoftMarginLoss", size_average, reduce, reduction)
    input, target = alike("MultiLabelSoftMarginLoss", input, target)
    loss = apply(losses.BCEWithLogits(), input, target, None)
    return reduced((loss if weight is None else loss * weight).mean(-1), reduction)


def multi_margin_loss(input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
                      size_average: bool | None = None, reduce: bool | None = None,
                      reduction: str = "mean") -> Tensor:  # fmt: skip
    """Sum of max(0, margin - input[target] + input)^p over the other classes, divided by all: a support vector machine.

    Args:
        target: the class of each sample.
        p: 1 or 2.
        margin: by how much the right score ought to be greater.
        weight: how much each class counts.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Shape:
        input (N, C) or (C) scores, target (N) or () classes -> a single number, or (N)

    Raises:
        EngineError: for a class that has no score.
        OptionError: for another p.

    >>> import engine
    >>> multi_margin_loss(engine.tensor([[0.5, 1.0, 0.0, 0.0]]), engine.tensor([1]))
    tensor(0.1250)
    """
    where = "MultiMarginLoss"
    reduction = reduction_of(where, size_average, reduce, reduction)
    if p not in (1, 2):
        raise OptionError(where, got=f"p is {p}", expected="1 or 2")
    check_weight(where, input, weight)
    if input.ndim == 1:
        loss = multi_margin_loss(input.unsqueeze(0), target.reshape(1), p, margin, weight, reduction=reduction)
        return loss.squeeze(0) if reduction == "none" else loss
    require_classes(where, input, target)
    right = apply(OneHot(input.shape[1], input.dtype), target)
    lacking = (margin - (input * right).sum(1, keepdim=True) + input).relu() * (1 - right)
    loss = lacking if p == 1 else lacking * lacking
    if weight is not None:
        loss = loss * weight[target].unsqueeze(1)
    return reduced(loss.mean(1), reduction)


def multilabel_margin_loss(input: Tensor, target: Tensor, size_average: bool | None = None,
                           reduce: bool | None = None, reduction: str = "mean") -> Tensor:  # fmt: skip
    """Sum of max(0, 1 - input[right] + input[wrong]) over the right and the wrong classes, divided by all classes.

    Args:
        target: the right classes of each sample, filled up with -1.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Shape:
        input (N, C) or (C) scores; target the same: the right classes, then -1 -> a single number, or (N)

    Raises:
        EngineError: for a class that has no score.
        TypeMismatch: where the target is not of whole numbers.

    >>> import engine
    >>> multilabel_margin_loss(engine.tensor([[0.1, 0.2, 0.4, 0.8]]), engine.tensor([[3, 0, -1, 1]]))
    tensor(0.8500)
    """
    where = "MultiLabelMarginLoss"
    reduction = reduction_of(where, size_average, reduce, reduction)
    if input.shape != target.shape or input.ndim not in (1, 2):
        raise ShapeError(where, got=f"{times(input.shape)} is compared with a target of {times(target.shape)}",
                         expected="(N, C) twice")  # fmt: skip
    if target.dtype.kind not in "iu":
        raise TypeMismatch(where, got=f"the classes are {target.dtype}", expected="whole numbers",
                           mend="call .long() on the target")  # fmt: skip
    if input.ndim == 1:
        loss = multilabel_margin_loss(input.unsqueeze(0), target.unsqueeze(0), reduction=reduction)
        return loss.squeeze(0) if reduction == "none" else loss
    named = (target < 0).long().cumsum(1) == 0  # up to the first -1
    classes = target.masked_fill(~named, 0)
    require_classes(where, input.unsqueeze(-1).expand(*input.shape, input.shape[1]), classes)
    counts = apply(OneHot(input.shape[1], input.dtype), classes) * named.unsqueeze(2).to(input.dtype)  # (N, S, C)
    wrong = (counts.sum(1) == 0).to(input.dtype).unsqueeze(1)  # (N, 1, C)
    lacking = (1 - input.gather(1, classes).unsqueeze(2) + input.unsqueeze(1)).relu()  # (N, S, C)
    loss = (lacking * wrong * named.unsqueeze(2).to(input.dtype)).sum((1, 2)) / max(input.shape[1], 1)
    return reduced(loss, reduction)


def cosine_embedding_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0,
                          size_average: bool | None = None, reduce: bool | None = None,
                          reduction: str = "mean") -> Tensor:  # fmt: skip
    """1 - cos of the two where the target is 1, max(0, cos - margin) where it is -1.

    Args:
        input1, input2: vectors to be compared.
        target: 1 for those that belong together, -1 for those that do not.
        margin: the greatest cosine of the latter that costs nothing.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Shape:
        input1, input2 (N, D) or (D), target (N) or (), 1 or -1 -> a single number, or (N)

    >>> import engine
    >>> x = engine.tensor([[1.0, 0.0]])
    >>> cosine_embedding_loss(x, x, engine.tensor([-1])), cosine_embedding_loss(x, -x, engine.tensor([1]))
    (tensor(1.), tensor(2.))
    """
    where = "CosineEmbeddingLoss"
    reduction = reduction_of(where, size_average, reduce, reduction)
    input1, input2 = alike(where, input1, input2)
    if tuple(target.shape) != tuple(input1.shape[:-1]) or input1.ndim not in (1, 2):
        raise ShapeError(where, got=f"vectors of {times(input1.shape)} and a target of {times(target.shape)}",
                         expected="(N, D) and (N)")  # fmt: skip
    lengths = ((input1 * input1).sum(-1) + 1e-12) * ((input2 * input2).sum(-1) + 1e-12)
    cosine = (input1 * input2).sum(-1) / lengths.sqrt()
    same = (1 - cosine).masked_fill(target != 1, 0)
    return reduced(same + (cosine - margin).clamp(min=0).masked_fill(target != -1, 0), reduction)


def triplet_margin_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2,
                        eps: float = 1e-6, swap: bool = False, size_average: bool | None = None,
                        reduce: bool | None = None, reduction: str = "mean") -> Tensor:  # fmt: skip
    """max(0, |anchor - positive| - |anchor - negative| + margin) (Balntas et al., 2016).

    Args:
        margin: by how much the negative ought to be further away.
        p: of the norm.
        eps: added to the differences, so that the norm has a gradient at 0.
        swap: whether the negative may also be measured from the positive, where that is nearer.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Shape:
        anchor, positive, negative (N, D) or (D) -> a single number, or (N)

    >>> import engine
    >>> triplet_margin_loss(engine.zeros(1, 2), engine.tensor([[3.0, 4.0]]), engine.tensor([[0.0, 2.0]]))
    tensor(4.0000)
    """
    reduction = reduction_of("TripletMarginLoss", size_average, reduce, reduction)
    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=lambda a, b: pairwise_distance(a, b, p, eps), margin=margin,
        swap=swap, reduction=reduction,
    )  # fmt: skip


def triplet_margin_with_distance_loss(anchor: Tensor, positive: Tensor, negative: Tensor, *,
                                      distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
                                      margin: float = 1.0, swap: bool = False,
                                      reduction: str = "mean") -> Tensor:  # fmt: skip
    """max(0, distance(anchor, positive) - distance(anchor, negative) + margin), for any distance.

    Args:
        anchor, positive, negative: what is compared; the first two belong together.
        distance_function: of two tensors; the length of the difference where absent.
        margin: by how much the negative ought to be further away.
        swap: whether the negative may also be measured from the positive, where that is nearer.
        reduction: "mean", "sum", or "none" for the loss of every value.

    Raises:
        OptionError: for a margin that is not above 0.
        ShapeError: where the three have different shapes.

    >>> import engine
    >>> anchor, near, far = engine.zeros(1, 2), engine.ones(1, 2), engine.ones(1, 2) * 3
    >>> triplet_margin_with_distance_loss(anchor, near, far, distance_function=lambda a, b: (a - b).abs().sum(1))
    tensor(0.)
    """
    where = "TripletMarginLoss"
    reduction = reduction_of(where, None, None, reduction)
    if margin <= 0:
        raise OptionError(where, got=f"margin is {margin}", expected="a number above 0")
    if not anchor.shape == positive.shape == negative.shape:
        shapes = ", ".join(times(x.shape) for x in (anchor, positive, negative))
        raise ShapeError(where, got=f"anchor, positive and negative are {shapes}", expected="one shape")
    distance = distance_function or pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((margin + near - far).clamp(min=0), reduction)


def bpr_loss(positive: Tensor, negative: Tensor, reduction: str = "mean") -> Tensor:
    """-log sigmoid(positive - negative): what was chosen ought to score above what was not (Rendle et al., 2009).

    Args:
        reduction: "mean", "sum", or "none" for the loss of every value.

    Shape:
        positive, negative: one shape, scores -> a single number, or the same shape

    >>> import engine
    >>> bpr_loss(engine.tensor([1.0]), engine.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = reduction_of("BPRLoss", None, None, reduction)
    positive, negative = alike("BPRLoss", positive, negative)
    return reduced(-logsigmoid(positive - negative), reduction)
