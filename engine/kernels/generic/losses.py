"""Losses, fused with what stands before them where that is faster and more exact."""

from __future__ import annotations

from typing import Any

import numpy

from engine.errors import EngineError
from engine.kernels.generic import faults

LEAST_SLOPE = float(numpy.float32(1e-12))  # PyTorch's, of float64, too


class Losses:
    """Classes lie on axis 1: input (N, C, ...), target (N, ...)."""

    xp: Any

    def pick(self, x: Any, target: Any) -> Any:
        """x (N, C, ...), target (N, ...) -> x at the target's class (N, ...)"""
        if x.ndim == 2:
            return x[self.xp.arange(x.shape[0]), target]
        return self.xp.take_along_axis(x, self.xp.expand_dims(target, 1), 1)[:, 0]

    def check_classes(self, where: str, target: Any, classes: int, ignore: int) -> Any:
        """-> which targets count for nothing (N, ...), None where all count; a RangeError for one without a score."""
        if not target.size:
            return None
        low, high = int(target.min()), int(target.max())
        inside = low >= 0 and high < classes
        if inside and not low <= ignore <= high:
            return None
        ignored = target == ignore
        if not inside:
            kept = self.xp.where(ignored, 0, target)
            low, high = int(kept.min()), int(kept.max())
        if low < 0 or high >= classes:
            raise faults.no_score(high if high >= classes else low, where, classes)
        return ignored

    def nll(self, log_p: Any, target: Any, weight: Any, ignored: Any) -> tuple[Any, Any]:
        """-> -weight log p at the target's class, and the weight itself (None where all are 1), both (N, ...)

        `ignored` says which targets count for nothing (N, ...), or is None where all count.
        """
        if ignored is None:
            factor = None if weight is None else weight[target]
        else:
            target = self.xp.where(ignored, 0, target)
            factor = (~ignored).astype(log_p.dtype) if weight is None else self.xp.where(ignored, 0, weight[target])
        loss = -self.pick(log_p, target)
        if ignored is not None:
            loss = self.xp.where(ignored, 0, loss)
        if weight is not None:
            loss *= factor
        return loss, factor

    def nll_mean(self, loss: Any, factor: Any) -> tuple[Any, Any]:
        """-> the mean by weight, and the sum of the weights; where nothing counts it is 0 / 0, not a number"""
        if factor is None:
            return self.mean(loss), loss.size
        total = factor.sum()
        with numpy.errstate(invalid="ignore"):
            return loss.sum() / total, total

    def nll_backward(self, share: Any, target: Any, shape: tuple[int, ...], ignored: Any) -> Any:
        """share: what each sample's loss counts (N, ...) -> gradient of log p (N, C, ...)"""
        out = self.xp.zeros(shape, share.dtype)
        if ignored is not None:
            target = self.xp.where(ignored, 0, target)
        self.xp.put_along_axis(out, self.xp.expand_dims(target, 1), self.xp.expand_dims(-share, 1), 1)
        return out

    def cross_entropy_backward(self, share: Any, log_p: Any, target: Any, ignored: Any) -> Any:
        """share: what each sample's loss counts (N, ...) or () -> gradient of the logits (N, C, ...)"""
        out = self.xp.exp(log_p)
        out *= self.xp.expand_dims(share, 1) if share.ndim else share
        if ignored is not None:
            target = self.xp.where(ignored, 0, target)
        if out.ndim == 2:
            out[self.xp.arange(out.shape[0]), target] -= share
        else:
            place = self.xp.expand_dims(target, 1)
            value = self.xp.take_along_axis(out, place, 1)
            value -= self.xp.expand_dims(share, 1) if share.ndim else share
            self.xp.put_along_axis(out, place, value, 1)
        return out

    def soft_cross_entropy_backward(self, grad: Any, log_p: Any, target: Any) -> Any:
        """target (N, C, ...), grad (N, ...) -> gradient of the logits: grad (p sum(target) - target)"""
        out = self.xp.exp(log_p)
        out *= target.sum(axis=1, keepdims=True)
        out -= target
        out *= self.xp.expand_dims(grad, 1)
        return out

    def bce_with_logits(self, x: Any, target: Any, pos_weight: Any) -> Any:
        """(1 - y) x + (1 + (pos_weight - 1) y) softplus(-x), element by element"""
        tail = self.xp.log1p(self.xp.exp(-self.xp.abs(x))) + self.xp.maximum(-x, 0)
        if pos_weight is not None:
            tail *= 1 + (pos_weight - 1) * target
        return (1 - target) * x + tail

    def bce_with_logits_backward(self, grad: Any, x: Any, target: Any, pos_weight: Any) -> Any:
        p = self.sigmoid(x)
        if pos_weight is None:
            return grad * (p - target)
        return grad * ((1 - target) - (1 + (pos_weight - 1) * target) * (1 - p))

    def squared_error(self, a: Any, b: Any, mean: bool) -> tuple[Any, Any]:
        """-> the sum or mean of (a - b)^2, and a - b"""
        difference = a - b
        total = self.xp.vdot(difference, difference)
        return (total / difference.size if mean else total), difference

    def bce(self, p: Any, target: Any) -> Any:
        """-(y log p + (1 - y) log(1 - p)), element by element; an EngineError where one is no probability."""
        self._check_probabilities(p, target)
        with numpy.errstate(divide="ignore"):
            yes, no = self.xp.log(p), self.xp.log1p(-p)
        return (target - 1) * self.xp.maximum(no, -100) - target * self.xp.maximum(yes, -100)

    def _check_probabilities(self, p: Any, target: Any) -> None:
        if not p.size or bool(((p >= 0) & (p <= 1) & (target >= 0) & (target <= 1)).all()):
            return
        what, found, mend = "target", target, "for several classes use CrossEntropyLoss"
        if not bool(((p >= 0) & (p <= 1)).all()):
            what, found, mend = "input", p, "put a Sigmoid before it, or use BCEWithLogitsLoss"
        raise EngineError("BCELoss", got=f"the {what} goes from {float(found.min()):.4g} to {float(found.max()):.4g}",
                          expected="probabilities, 0 to 1", mend=mend)  # fmt: skip

    def variance(self, var: Any, eps: float) -> Any:
        """max(var, eps); an OptionError where one is under 0."""
        self._check_variances(var)
        return self.xp.maximum(var, eps)

    def _check_variances(self, var: Any) -> None:
        if bool((var < 0).any()):
            raise faults.no_variance()

    def bce_backward(self, grad: Any, p: Any, target: Any) -> Any:
        return grad * (p - target) / self.xp.maximum((1 - p) * p, LEAST_SLOPE)

    def bce_slope(self, p: Any) -> Any:
        """The slope of the loss by its target: log(1 - p) - log p"""
        with numpy.errstate(divide="ignore"):
            return self.xp.log1p(-p) - self.xp.log(p)
