"""Steps of the optimizers over a flat arena of parameters: one loop that reads and writes each array once.

What changes from step to step is read from arrays of one number each, so that a step can be replayed.
"""

from __future__ import annotations

from engine.kernels.cpu.elementwise import chain
from engine.kernels.cpu.expression import Expr, apply, leaf
from engine.kernels.cpu.program import Plan


def sgd(size: int, momentum: float = 0.0, dampening: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0,
        maximize: bool = False, is_first: bool = False) -> Plan:  # fmt: skip
    """v = momentum · v + (1 - dampening) · g; param -= rate · v. Arrays: param, grad, velocity, rate.

    Args:
        size: of the arena.
        momentum, dampening, nesterov, weight_decay, maximize: as in PyTorch.
        is_first: the first step: v = g.
    """
    grad, outputs, inputs = _slope(weight_decay, maximize), {}, ["param", "grad"]
    if momentum:
        velocity = grad if is_first else leaf("velocity") * momentum + grad * (1 - dampening)
        outputs["velocity"] = velocity
        grad = grad + velocity * momentum if nesterov else velocity
        inputs.append("velocity")
    outputs["param"] = leaf("param") - grad * leaf("rate")
    return _update(size, inputs, ("rate",), outputs)


def adam(size: int, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0,
         decoupled: bool = False, amsgrad: bool = False, maximize: bool = False) -> Plan:  # fmt: skip
    """param -= rate · m / (√v / root + eps). Arrays: param, grad, mean, square, largest (amsgrad), rate, root, shrink.

    Args:
        size: of the arena.
        beta1, beta2, eps, weight_decay, amsgrad, maximize: as in PyTorch.
        decoupled: AdamW: the parameter is multiplied by `shrink` = 1 - lr · weight_decay.

    The arrays rate = lr / (1 - beta1ᵗ) and root = √(1 - beta2ᵗ) hold one number.
    """
    grad = _slope(0.0 if decoupled else weight_decay, maximize)
    mean = leaf("mean") * beta1 + grad * (1 - beta1)
    square = leaf("square") * beta2 + grad * grad * (1 - beta2)
    outputs, inputs, scalars = {"mean": mean, "square": square}, ["param", "grad", "mean", "square"], ["rate", "root"]
    if amsgrad:
        square = apply("maximum", leaf("largest"), square)
        outputs["largest"] = square
        inputs.append("largest")
    param: Expr = leaf("param")
    if decoupled and weight_decay:
        param = param * leaf("shrink")
        scalars.append("shrink")
    outputs["param"] = param - leaf("rate") * (mean / (apply("sqrt", square) / leaf("root") + eps))
    return _update(size, inputs, tuple(scalars), outputs)


def rmsprop(size: int, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0, momentum: float = 0.0,
            centered: bool = False, maximize: bool = False) -> Plan:  # fmt: skip
    """param -= rate · g / (√s + eps). Arrays: param, grad, square, mean (centered), velocity (momentum), rate."""
    grad = _slope(weight_decay, maximize)
    square = leaf("square") * alpha + grad * grad * (1 - alpha)
    outputs, inputs, spread = {"square": square}, ["param", "grad", "square"], square
    if centered:
        mean = leaf("mean") * alpha + grad * (1 - alpha)
        outputs["mean"], spread = mean, square - mean * mean
        inputs.append("mean")
    step = grad / (apply("sqrt", spread) + eps)
    if momentum:
        step = leaf("velocity") * momentum + step
        outputs["velocity"] = step
        inputs.append("velocity")
    outputs["param"] = leaf("param") - step * leaf("rate")
    return _update(size, inputs, ("rate",), outputs)


def _slope(weight_decay: float, maximize: bool) -> Expr:
    grad = -leaf("grad") if maximize else leaf("grad")
    return grad + leaf("param") * weight_decay if weight_decay else grad


def _update(size: int, inputs: list[str], scalars: tuple[str, ...], outputs: dict[str, Expr]) -> Plan:
    shapes = dict.fromkeys(inputs, (size,)) | dict.fromkeys(scalars, (1,))
    used = {name for expr in outputs.values() for name in expr.leaves()}
    return chain((size,), {name: shape for name, shape in shapes.items() if name in used}, outputs)
