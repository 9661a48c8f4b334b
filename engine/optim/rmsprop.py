"""RMSprop."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from engine.describe import Start, optimizer
from engine.kernels.formula import apply, leaf
from engine.kernels.update import Update, slope
from engine.optim.optimizer import (
    Epsilon,
    Foreach,
    LearningRate,
    Optimizer,
    Parameters,
    Share,
    Switch,
    WeightDecay,
    check_options,
)


@optimizer("RMSprop", synonyms=("root mean square propagation",))
class RMSprop(Optimizer):
    """Divides every weight's step by the recent size of its gradients; often used for recurrent networks.

    g = gradient + weight_decay · p

    s = alpha · s + (1 - alpha) · g²

    p = p - lr · g / (√s + eps), with momentum p = p - lr · b and b = momentum · b + g / (√s + eps)

    Tieleman and Hinton, 2012.

    Args:
        params: What is learned: parameters, or dicts of "params" and options of their own.
        lr: Learning rate: about how far a weight goes in one step.
        alpha: How much of the old size is kept.
        eps: Added to the size, against division by zero.
        weight_decay: Pulls every weight towards zero (L2), against overfitting.
        momentum: Share of the last step that is kept.
        centered: Divide by the spread about the mean instead of by the size.
        capturable: With `foreach`, PyTorch's choice among its implementations; there is one here: no change.
        foreach: See `capturable`.
        maximize: Go up instead of down.
        differentiable: Not offered: True is refused.

    Raises:
        OptionError: a negative rate.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> optimizer = engine.optim.RMSprop([p], lr=0.05, alpha=0.75)
        >>> (p * 2).sum().backward()
        >>> optimizer.step()
        >>> round(p.item(), 4)
        0.9
    """

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[LearningRate, Start(0.001)] = 1e-2,
        alpha: Share = 0.99,
        eps: Epsilon = 1e-8,
        weight_decay: WeightDecay = 0,
        momentum: Share = 0,
        centered: bool = False,
        capturable: Switch = False,
        foreach: Foreach = None,
        maximize: Switch = False,
        differentiable: Switch = False,
    ):
        check_options("RMSprop", lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
        super().__init__(params, {
            "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay,
            "momentum": momentum, "centered": centered, "capturable": capturable, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable,
        })  # fmt: skip

    def _rule(self, group: dict[str, Any]) -> Update:
        return rmsprop_rule(group["alpha"], group["eps"], group["weight_decay"], bool(group["momentum"]),
                            group["centered"], group["maximize"])  # fmt: skip

    def _numbers(self, group: dict[str, Any], step: int) -> dict[str, float]:
        return {"rate": float(group["lr"]), "momentum": group["momentum"]}


@lru_cache
def rmsprop_rule(alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0, momentum: bool = False,
                 centered: bool = False, maximize: bool = False) -> Update:  # fmt: skip
    """p - rate · g / (√s + eps). Scalars: rate, momentum."""
    grad = slope(weight_decay, maximize)
    square = leaf("square_avg") * alpha + grad * grad * (1 - alpha)
    outputs, spread, scalars = {"square_avg": square}, square, ("rate",)
    if centered:
        mean = outputs["grad_avg"] = leaf("grad_avg") * alpha + grad * (1 - alpha)
        spread = square - mean * mean
    step = grad / (apply("sqrt", spread) + eps)
    if momentum:
        scalars += ("momentum",)
        step = outputs["momentum_buffer"] = leaf("momentum_buffer") * leaf("momentum") + step
    outputs["param"] = leaf("param") - step * leaf("rate")
    return Update(tuple(outputs.items()), scalars)
