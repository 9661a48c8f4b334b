"""Losses."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from engine.errors import ShapeError, TypeMismatch
from engine.ops.activation import LogSoftmax
from engine.ops.base import Op, Spec, broadcast, times
from engine.wording import counted


@dataclass(eq=False)
class SquaredError(Op):
    """Sum or mean of (a - b)^2 over two tensors of one shape -> a single number"""

    mean: bool
    saves = ("difference",)
    extras = ("difference",)
    checked = True

    def shape(self, a, b):
        if a.shape != b.shape:
            raise ShapeError("MSELoss", got=f"{times(a.shape)} is compared with {times(b.shape)}", expected="one shape")
        return Spec((), a.dtype)

    def forward(self, k, a, b):
        return k.squared_error(a, b, self.mean)

    def backward(self, k, grad, needs, difference):
        by_a = k.mul(difference, k.mul(grad, 2 / max(prod(difference.shape), 1) if self.mean else 2))
        return by_a if needs[0] else None, k.neg(by_a) if needs[1] else None

    def derived(self, extra):
        return _Difference()

    def flops(self, a, b):
        return 3 * a.size


class _Difference(Op):
    """a - b of one shape"""

    def forward(self, k, a, b):
        return k.sub(a, b)

    def backward(self, k, grad, needs):
        return grad if needs[0] else None, k.neg(grad) if needs[1] else None


def check_classes(where, x, target):
    if x.ndim < 2:
        raise ShapeError(where, got=f"scores of shape {times(x.shape)} arrive", expected="(N, classes, ...)")
    if x.dtype.kind != "f":
        raise TypeMismatch(where, got=f"the scores are {x.dtype}", expected="float32 or float64",
                           mend="give the scores first and the target second")  # fmt: skip
    if target.dtype.kind not in "iu":
        raise TypeMismatch(where, got=f"the classes are {target.dtype}", expected="whole numbers",
                           mend="call .long() on the target")  # fmt: skip
    expected = (x.shape[0], *x.shape[2:])
    if tuple(target.shape) != expected:
        raise ShapeError(where, got=f"the target is {times(target.shape)}",
                         expected=f"{times(expected)}, a class for each sample of {times(x.shape)}",
                         mend=_classes_meant(x.shape, target.shape))  # fmt: skip


def _classes_meant(scores, target):
    """What makes classes of such a target, or makes the scores go with it."""
    if len(target) == 2 and target[1] == 1:
        return "call .squeeze(1) on the target"
    if target == scores:
        return "call .argmax(1) on the target, or .float() if it holds probabilities"
    if len(scores) == 3 and target == scores[:2]:
        return "put the classes on axis 1 with .transpose(1, 2) on the scores"
    return "take input and target from the same samples" if target[:1] != scores[:1] else ""


@dataclass(eq=False)
class _Classes(Op):
    """A loss of classes; `reduction` "none" gives one number for each sample, "mean" is by weight."""

    ignore: int
    reduction: str
    checked = True
    where = ""

    def shape(self, x, target, weight=None):
        check_classes(self.where, x, target)
        return Spec(target.shape if self.reduction == "none" else (), x.dtype)

    def flops(self, x, *others):
        return 5 * x.size

    def reduced(self, k, log_p, target, weight, ignored):
        """-> the loss, and what a gradient of it is to be scaled with for each sample."""
        loss, factor = k.nll(log_p, target, weight, ignored)
        if self.reduction == "none":
            return loss, factor, None
        if self.reduction == "sum":
            return k.sum(loss), factor, None
        loss, total = k.nll_mean(loss, factor)
        return loss, factor, total

    def share(self, k, grad, factor, total):
        """What each sample's loss counts in the end."""
        if total is not None and factor is not None:
            total = k.maximum(total, 1e-30)  # where nothing counts, the mean is no number, and nothing is learned
        if total is not None:
            grad = k.div(grad, total)
        return grad if factor is None else k.mul(grad, factor)


class NLL(_Classes):
    """-weight log p at the target's class.   log_p (N, C, ...), target (N, ...), weight (C) or None"""

    saves = ("log_p.shape", "target", "ignored", "factor", "total")
    extras = ("ignored", "factor", "total")
    where = "NLLLoss"

    def forward(self, k, log_p, target, weight=None):
        ignored = k.check_classes(self.where, target, log_p.shape[1], self.ignore)
        loss, factor, total = self.reduced(k, log_p, target, weight, ignored)
        return loss, ignored, factor, total

    def backward(self, k, grad, needs, shape, target, ignored, factor, total):
        share = k.broadcast_to(self.share(k, grad, factor, total), target.shape)
        return k.nll_backward(share, target, shape, ignored), None, None


class CrossEntropy(_Classes):
    """-weight log softmax(x) at the target's class, in one.   x (N, C, ...), target (N, ...), weight (C) or None"""

    saves = ("log_p", "target", "ignored", "factor", "total")
    extras = ("log_p", "ignored", "factor", "total")
    where = "CrossEntropyLoss"

    def forward(self, k, x, target, weight=None):
        ignored = k.check_classes(self.where, target, x.shape[1], self.ignore)
        log_p = k.log_softmax(x, 1)
        loss, factor, total = self.reduced(k, log_p, target, weight, ignored)
        return loss, log_p, ignored, factor, total

    def backward(self, k, grad, needs, log_p, target, ignored, factor, total):
        share = self.share(k, grad, factor, total)
        return k.cross_entropy_backward(share, log_p, target, ignored), None, None

    def derived(self, extra):
        return LogSoftmax(1) if extra == "log_p" else None


class SoftCrossEntropy(Op):
    """-sum of target * log softmax(x) over the classes.   x, target (N, C, ...) -> (N, ...)"""

    saves = ("log_p", "target")
    extras = ("log_p",)
    checked = True

    def shape(self, x, target):
        if x.ndim < 2 or x.shape != target.shape:
            raise ShapeError("CrossEntropyLoss", got=f"the target is {times(target.shape)}",
                             expected=f"{times(x.shape)}, as the scores are")  # fmt: skip
        return Spec((x.shape[0], *x.shape[2:]), x.dtype)

    def forward(self, k, x, target):
        log_p = k.log_softmax(x, 1)
        return k.neg(k.sum(k.mul(log_p, target), (1,))), log_p

    def backward(self, k, grad, needs, log_p, target):
        by_x = k.soft_cross_entropy_backward(grad, log_p, target) if needs[0] else None
        by_target = k.neg(k.mul(log_p, k.expand_dims(grad, (1,)))) if needs[1] else None
        return by_x, by_target

    def derived(self, extra):
        return LogSoftmax(1)

    def flops(self, x, target):
        return 7 * x.size


class BCEWithLogits(Op):
    """-(pos_weight y log s(x) + (1 - y) log(1 - s(x))), s the sigmoid, element by element"""

    saves = ("x", "target", "pos_weight")
    checked = True

    def shape(self, x, target, pos_weight=None):
        if x.shape != target.shape:
            raise ShapeError("BCEWithLogitsLoss", got=f"the target is {times(target.shape)}",
                             expected=f"{times(x.shape)}, as the input is")  # fmt: skip
        if pos_weight is not None:
            broadcast("BCEWithLogitsLoss", x.shape, pos_weight.shape)
        return Spec(x.shape, x.dtype)

    def forward(self, k, x, target, pos_weight=None):
        return k.bce_with_logits(x, target, pos_weight)

    def backward(self, k, grad, needs, x, target, pos_weight):
        by_target = None
        if needs[1]:  # -x - (pos_weight - 1) log s(x) comes from the definition, derived by y
            tail = k.softplus(k.neg(x))
            slope = k.neg(x) if pos_weight is None else k.sub(k.mul(k.sub(pos_weight, 1), tail), x)
            by_target = k.mul(grad, slope)
        by_x = k.bce_with_logits_backward(grad, x, target, pos_weight) if needs[0] else None
        return by_x, by_target, None

    def flops(self, x, *others):
        return 8 * x.size


class BCE(Op):
    """-(y log p + (1 - y) log(1 - p)), element by element; no logarithm is under -100"""

    saves = ("p", "target")
    checked = True

    def shape(self, p, target):
        if p.shape != target.shape:
            raise ShapeError("BCELoss", got=f"the target is {times(target.shape)}",
                             expected=f"{times(p.shape)}, as the input is")  # fmt: skip
        return Spec(p.shape, p.dtype)

    def forward(self, k, p, target):
        return k.bce(p, target)

    def backward(self, k, grad, needs, p, target):
        by_p = k.bce_backward(grad, p, target) if needs[0] else None
        return by_p, k.mul(grad, k.bce_slope(p)) if needs[1] else None

    def flops(self, p, target):
        return 8 * p.size


@dataclass(eq=False)
class Variance(Op):
    """max(var, eps), a variance under 0 refused; the gradient does not notice eps"""

    eps: float

    def shape(self, var):
        return Spec(var.shape, var.dtype)

    def forward(self, k, var):
        return k.variance(var, self.eps)

    def backward(self, k, grad, needs):
        return (grad,)


@dataclass(eq=False)
class CTC(Op):
    """-log of the probability of all ways in which the frames spell the target (Graves et al., 2006)

    log_p (T, N, C), targets (N, S), input_lengths (N), target_lengths (N) -> (N)
    """

    blank: int
    zero_infinity: bool
    saves = ("log_p", "targets", "input_lengths", "target_lengths", "ahead")
    extras = ("ahead",)
    checked = True
    twice = False

    def shape(self, log_p, targets, input_lengths, target_lengths):
        if log_p.ndim != 3 or targets.ndim != 2 or targets.shape[0] != log_p.shape[1]:
            raise ShapeError("CTCLoss", got=f"{times(log_p.shape)} meets targets of {times(targets.shape)}",
                             expected="(T, N, C) log probabilities and (N, S) targets")  # fmt: skip
        for lengths in (input_lengths, target_lengths):
            if tuple(lengths.shape) != (log_p.shape[1],):
                raise ShapeError(
                    "CTCLoss",
                    got=f"lengths of {times(lengths.shape)} for {counted(log_p.shape[1], 'sample')}",
                    expected="one for each",
                )
        if any(labels.dtype.kind not in "iu" for labels in (targets, input_lengths, target_lengths)):
            raise TypeMismatch("CTCLoss", got="targets or lengths are no whole numbers", expected="int64 or int32",
                               mend="call .long() on them")  # fmt: skip
        return Spec((log_p.shape[1],), log_p.dtype)

    def forward(self, k, log_p, targets, input_lengths, target_lengths):
        return k.ctc(log_p, targets, input_lengths, target_lengths, self.blank, self.zero_infinity)

    def backward(self, k, grad, needs, log_p, targets, input_lengths, target_lengths, ahead):
        by_p = k.ctc_backward(grad, log_p, targets, input_lengths, target_lengths, ahead, self.blank,
                              self.zero_infinity)  # fmt: skip
        return by_p, None, None, None

    def flops(self, log_p, targets, *lengths):
        return 20 * log_p.shape[0] * (2 * targets.size + log_p.shape[1])
