"""Steps of the optimizers, each one launch for a parameter instead of one for every sum and product."""

from __future__ import annotations

from math import sqrt
from typing import Any

from engine.kernels.cuda.source import Source

sgd = Source(
    "sgd", "T grad, T lr, T momentum, T taken, T weight_decay, bool nesterov, T sign", "T param, T velocity",
    """
    T slope = sign * grad + weight_decay * param;
    velocity = momentum * velocity + taken * slope;
    param -= lr * (nesterov ? slope + momentum * velocity : velocity);
    """,
)  # fmt: skip
"""v = momentum · v + (1 - dampening) · g; p -= lr · v"""

plain_sgd = Source(
    "plain_sgd", "T grad, T lr, T weight_decay, T sign", "T param",
    "param -= lr * (sign * grad + weight_decay * param);",
)  # fmt: skip

adam = Source(
    "adam", "T grad, T rate, T root, T beta1, T beta2, T eps, T weight_decay, T shrink, T sign",
    "T param, T mean, T square",
    """
    T p = param * shrink;
    T slope = sign * grad + weight_decay * p;
    mean = beta1 * mean + (1 - beta1) * slope;
    square = beta2 * square + (1 - beta2) * slope * slope;
    param = p - rate * mean / (sqrt(square) / root + eps);
    """,
)  # fmt: skip
"""rate = lr / (1 - β₁ᵗ), root = √(1 - β₂ᵗ); shrink = 1 - lr · weight_decay where that is decoupled"""

rmsprop = Source(
    "rmsprop", "T grad, T lr, T alpha, T eps, T weight_decay, T sign", "T param, T square",
    """
    T slope = sign * grad + weight_decay * param;
    square = alpha * square + (1 - alpha) * slope * slope;
    param -= lr * slope / (sqrt(square) + eps);
    """,
)  # fmt: skip


class Updates:
    """See the generic kernels of these names, which do what is rare: amsgrad, a centred RMSprop, dampening."""

    def sgd_step(self, params: Any, grads: Any, velocities: Any, room: Any, options: dict[str, Any]) -> None:
        if any(options["is_first"] or ()) or _is_small(params):
            super().sgd_step(params, grads, velocities, room, options)
            return
        lr, weight_decay, sign = options["lr"], options["weight_decay"], -1 if options["maximize"] else 1
        for i, (param, grad) in enumerate(zip(params, grads)):
            if velocities is None:
                plain_sgd(grad, lr, weight_decay, sign, param)
            else:
                sgd(grad, lr, options["momentum"], 1 - options["dampening"], weight_decay, options["nesterov"], sign,
                    param, velocities[i])  # fmt: skip

    def adam_step(self, params: Any, grads: Any, means: Any, squares: Any, largests: Any, room: Any,
                  options: dict[str, Any]) -> None:  # fmt: skip
        if largests is not None or _is_small(params):
            super().adam_step(params, grads, means, squares, largests, room, options)
            return
        lr, beta1, beta2, decay = (options[name] for name in ("lr", "beta1", "beta2", "weight_decay"))
        added, shrink = (0.0, 1 - lr * decay) if options["decoupled"] else (decay, 1.0)
        sign = -1 if options["maximize"] else 1
        for param, grad, mean, square, step in zip(params, grads, means, squares, options["steps"]):
            rate, root = lr / (1 - beta1**step), sqrt(1 - beta2**step)
            adam(grad, rate, root, beta1, beta2, options["eps"], added, shrink, sign, param, mean, square)

    def rmsprop_step(self, params: Any, grads: Any, squares: Any, means: Any, velocities: Any, room: Any,
                     options: dict[str, Any]) -> None:  # fmt: skip
        if means is not None or velocities is not None or _is_small(params):
            super().rmsprop_step(params, grads, squares, means, velocities, room, options)
            return
        sign = -1 if options["maximize"] else 1
        for param, grad, square in zip(params, grads, squares):
            rmsprop(grad, options["lr"], options["alpha"], options["eps"], options["weight_decay"], sign, param, square)


def _is_small(params: list[Any]) -> bool:
    """Whether they are float16, in which a slope and its square are better not put together."""
    return params[0].dtype.itemsize < 4
