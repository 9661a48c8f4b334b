"""Steps of the optimizers, in place and without allocation: one call for all parameters of a group."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Options = dict[str, Any]


class Updates:
    """Parameters, gradients and state come as lists of arrays, all in one order; gradients are only read.

    `room(i)` gives two arrays of the shape of parameter i to compute in. A list of state is None where the options
    need none. The options are those of the parameter group as they stand now, and what else changes from step to step.
    """

    xp: Any

    def live(self, make: Callable[[], Any]) -> Any:
        """What `make` returns now; where calls are recorded to be replayed, it is asked anew before each replay."""
        return make()

    def sgd_step(self, params, grads, velocities, room, options: Options) -> None:
        """v = momentum · v + (1 - dampening) · g; p -= lr · v.

        options: lr, momentum, dampening, nesterov, weight_decay, maximize, and "is_first" for each parameter: then
        v = g; None where there is no dampening, as a velocity of zeros leads to the same.
        """
        xp, momentum, is_first = self.xp, options["momentum"], options["is_first"]
        for i, (param, grad, velocity) in _columns(params, grads, velocities):
            grad, out = self._slope(param, grad, room(i), options["weight_decay"], options["maximize"])
            if velocity is not None:
                if is_first is not None and is_first[i]:
                    xp.copyto(velocity, grad)
                else:
                    xp.multiply(velocity, momentum, out=velocity)
                    xp.add(velocity, xp.multiply(grad, 1 - options["dampening"], out=out), out=velocity)
                if options["nesterov"]:
                    grad = xp.add(grad, xp.multiply(velocity, momentum, out=out), out=out)
                else:
                    grad = velocity
            xp.subtract(param, xp.multiply(grad, options["lr"], out=out), out=param)

    def adam_step(self, params, grads, means, squares, largests, room, options: Options) -> None:
        """p -= lr · m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + eps). `largests` is None where amsgrad is off.

        options: lr, beta1, beta2, eps, weight_decay, decoupled, maximize, and "steps": t of each parameter.
        """
        xp, lr, beta1, beta2 = self.xp, options["lr"], options["beta1"], options["beta2"]
        weight_decay, decoupled = options["weight_decay"], options["decoupled"]
        for i, (param, grad, mean, square, largest) in _columns(params, grads, means, squares, largests):
            step = options["steps"][i]
            if decoupled and weight_decay:
                xp.multiply(param, 1 - lr * weight_decay, out=param)
            grad, out = self._slope(param, grad, room(i), 0 if decoupled else weight_decay, options["maximize"])
            self._average(mean, grad, beta1, out)
            self._average(square, xp.multiply(grad, grad, out=out), beta2, out)
            if largest is not None:
                square = xp.maximum(largest, square, out=largest)
            xp.sqrt(square, out=out)
            xp.divide(out, math.sqrt(1 - beta2**step), out=out)
            xp.add(out, options["eps"], out=out)
            xp.divide(mean, out, out=out)
            xp.subtract(param, xp.multiply(out, lr / (1 - beta1**step), out=out), out=param)

    def rmsprop_step(self, params, grads, squares, means, velocities, room, options: Options) -> None:
        """p -= lr · g / (√s + eps). `means` is None where it is not centered, `velocities` where there is no momentum.

        options: lr, alpha, eps, weight_decay, momentum, maximize.
        """
        xp, alpha = self.xp, options["alpha"]
        for i, (param, grad, square, mean, velocity) in _columns(params, grads, squares, means, velocities):
            grad, out = self._slope(param, grad, room(i), options["weight_decay"], options["maximize"])
            self._average(square, xp.multiply(grad, grad, out=out), alpha, out)
            if mean is None:
                xp.sqrt(square, out=out)
            else:
                self._average(mean, grad, alpha, out)
                xp.subtract(square, xp.multiply(mean, mean, out=out), out=out)
                xp.sqrt(out, out=out)
            xp.divide(grad, xp.add(out, options["eps"], out=out), out=out)
            if velocity is not None:
                xp.multiply(velocity, options["momentum"], out=velocity)
                xp.add(velocity, out, out=velocity)
                xp.copyto(out, velocity)
            xp.subtract(param, xp.multiply(out, options["lr"], out=out), out=param)

    def _slope(self, param, grad, room, weight_decay, maximize) -> tuple[Any, Any]:
        """±gradient + weight_decay · p, in the first room where it differs from the gradient, and the second room."""
        xp, (other, out) = self.xp, room
        if maximize:
            grad = xp.negative(grad, out=other)
        if weight_decay:
            grad = xp.add(grad, xp.multiply(param, weight_decay, out=out), out=other)
        return grad, out

    def _average(self, average, value, kept, out) -> None:
        """average = kept · average + (1 - kept) · value; `out` may be `value`."""
        xp = self.xp
        xp.multiply(average, kept, out=average)
        xp.add(average, xp.multiply(value, 1 - kept, out=out), out=average)


def _columns(*lists: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Number and arrays of each parameter, None for a list that is absent."""
    count = len(lists[0])
    whole: Iterable[Any] = ([None] * count if column is None else column for column in lists)
    return enumerate(zip(*whole))
