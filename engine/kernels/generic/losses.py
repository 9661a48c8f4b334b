"""Losses, fused with what stands before them where that is faster and more exact."""

from __future__ import annotations

from typing import Any


class Losses:
    """Classes lie on axis 1: input (N, C, ...), target (N, ...)."""

    xp: Any

    def pick(self, x: Any, target: Any) -> Any:
        """x (N, C, ...), target (N, ...) -> x at the target's class (N, ...)"""
        if x.ndim == 2:
            return x[self.xp.arange(x.shape[0]), target]
        return self.xp.take_along_axis(x, self.xp.expand_dims(target, 1), 1)[:, 0]

    def nll(self, log_p: Any, target: Any, weight: Any, ignore: int) -> tuple[Any, Any]:
        """-> -weight log p at the target's class and the weight itself, both (N, ...), 0 where ignored"""
        kept = target != ignore
        if kept.all():
            loss = -self.pick(log_p, target)
            factor = self.xp.ones(loss.shape, loss.dtype) if weight is None else weight[target]
        else:
            safe = self.xp.where(kept, target, 0)
            factor = kept.astype(log_p.dtype) if weight is None else self.xp.where(kept, weight[safe], 0)
            loss = self.xp.where(kept, -self.pick(log_p, safe), 0)
        if weight is not None:
            loss = loss * factor
        return loss, factor

    def nll_backward(self, grad: Any, target: Any, factor: Any, shape: tuple[int, ...], ignore: int) -> Any:
        """grad (N, ...) of the loss of each sample -> gradient of log p (N, C, ...)"""
        out = self.xp.zeros(shape, factor.dtype)
        safe = self.xp.where(target == ignore, 0, target)
        self.xp.put_along_axis(out, self.xp.expand_dims(safe, 1), self.xp.expand_dims(-grad * factor, 1), 1)
        return out

    def cross_entropy_backward(self, grad: Any, log_p: Any, target: Any, factor: Any, ignore: int) -> Any:
        """grad (N, ...) of the loss of each sample -> gradient of the logits (N, C, ...)"""
        share = grad * factor  # (N, ...)
        out = self.xp.exp(log_p)
        out *= self.xp.expand_dims(share, 1)
        safe = self.xp.where(target == ignore, 0, target)
        if out.ndim == 2:
            out[self.xp.arange(out.shape[0]), safe] -= share
        else:
            place = self.xp.expand_dims(safe, 1)
            value = self.xp.take_along_axis(out, place, 1) - self.xp.expand_dims(share, 1)
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
        flat = difference.reshape(-1)
        total = self.xp.dot(flat, flat)
        return (total / flat.size if mean else total), difference
