"""Steps of the optimizers, in place and without allocation; all are elementwise, so any stretch of an arena will do."""

from __future__ import annotations

import math
from typing import Any


class Updates:
    """`room` is two arrays of the parameter's shape to compute in; the gradient is only read."""

    xp: Any

    def sgd_step(
        self, param, grad, velocity, room, *, lr, momentum, dampening, nesterov, weight_decay, maximize, is_first
    ) -> None:
        """v = momentum · v + (1 - dampening) · g; p -= lr · v. `velocity` is None where there is no momentum."""
        xp = self.xp
        grad = self._slope(param, grad, room, weight_decay, maximize)
        if velocity is not None:
            other = room[1]
            if is_first:
                xp.copyto(velocity, grad)
            else:
                xp.multiply(velocity, momentum, out=velocity)
                xp.add(velocity, xp.multiply(grad, 1 - dampening, out=other), out=velocity)
            if nesterov:
                grad = xp.add(grad, xp.multiply(velocity, momentum, out=other), out=other)
            else:
                grad = velocity
        xp.subtract(param, xp.multiply(grad, lr, out=room[1]), out=param)

    def adam_step(
        self, param, grad, mean, square, largest, room, *,
        lr, beta1, beta2, eps, weight_decay, decoupled, maximize, step,
    ) -> None:  # fmt: skip
        """p -= lr · m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + eps). `largest` is None where amsgrad is off."""
        xp = self.xp
        if decoupled and weight_decay:
            xp.multiply(param, 1 - lr * weight_decay, out=param)
        grad = self._slope(param, grad, room, 0 if decoupled else weight_decay, maximize)
        out = room[1]
        self._average(mean, grad, beta1, out)
        self._average(square, xp.multiply(grad, grad, out=out), beta2, out)
        if largest is not None:
            square = xp.maximum(largest, square, out=largest)
        xp.sqrt(square, out=out)
        xp.divide(out, math.sqrt(1 - beta2**step), out=out)
        xp.add(out, eps, out=out)
        xp.divide(mean, out, out=out)
        xp.subtract(param, xp.multiply(out, lr / (1 - beta1**step), out=out), out=param)

    def rmsprop_step(
        self, param, grad, square, mean, velocity, room, *, lr, alpha, eps, weight_decay, momentum, maximize
    ) -> None:
        """p -= lr · g / (√s + eps). `mean` is None where it is not centered, `velocity` where there is no momentum."""
        xp = self.xp
        grad = self._slope(param, grad, room, weight_decay, maximize)
        out = room[1]
        self._average(square, xp.multiply(grad, grad, out=out), alpha, out)
        if mean is None:
            xp.sqrt(square, out=out)
        else:
            self._average(mean, grad, alpha, out)
            xp.subtract(square, xp.multiply(mean, mean, out=out), out=out)
            xp.sqrt(out, out=out)
        xp.divide(grad, xp.add(out, eps, out=out), out=out)
        if velocity is not None:
            xp.multiply(velocity, momentum, out=velocity)
            xp.add(velocity, out, out=velocity)
            xp.copyto(out, velocity)
        xp.subtract(param, xp.multiply(out, lr, out=out), out=param)

    def _slope(self, param, grad, room, weight_decay, maximize) -> Any:
        """±gradient + weight_decay · p, in room[0] where it differs from the gradient."""
        xp = self.xp
        if maximize:
            grad = xp.negative(grad, out=room[0])
        if weight_decay:
            grad = xp.add(grad, xp.multiply(param, weight_decay, out=room[1]), out=room[0])
        return grad

    def _average(self, average, value, kept, out) -> None:
        """average = kept · average + (1 - kept) · value; `out` may be `value`."""
        xp = self.xp
        xp.multiply(average, kept, out=average)
        xp.add(average, xp.multiply(value, 1 - kept, out=out), out=average)
