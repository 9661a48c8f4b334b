"""Adadelta."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from engine.describe import Start, optimizer
from engine.errors import OptionError
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


@optimizer("Adadelta", synonyms=("adaptive delta",))
class Adadelta(Optimizer):
    """Steps as large as the last ones were, in proportion to the gradients; needs no learning rate of one's own.

    g = gradient + weight_decay · p

    s = rho · s + (1 - rho) · g²

    d = √(u + eps) / √(s + eps) · g and u = rho · u + (1 - rho) · d²

    p = p - lr · d

    Zeiler, 2012.

    Args:
        params: What is learned: parameters, or dicts of "params" and options of their own.
        lr: What the step is multiplied by.
        rho: How much of the old averages is kept.
        eps: Added under both roots; it sets the size of the first steps.
        weight_decay: Pulls every weight towards zero (L2), against overfitting.
        foreach: With `capturable`, PyTorch's choice among its implementations; there is one here: no change.
        capturable: See `foreach`.
        maximize: Go up instead of down.
        differentiable: Not offered: True is refused.

    Raises:
        OptionError: a negative rate, or rho outside 0 to 1.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> optimizer = engine.optim.Adadelta([p], lr=1.0, eps=0.01)
        >>> (p * 2).sum().backward()
        >>> optimizer.step()
        >>> round(p.item(), 4)
        0.6877
    """

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[LearningRate, Start(1.0)] = 1.0,
        rho: Share = 0.9,
        eps: Epsilon = 1e-6,
        weight_decay: WeightDecay = 0,
        foreach: Foreach = None,
        *,
        capturable: Switch = False,
        maximize: Switch = False,
        differentiable: Switch = False,
    ):
        check_options("Adadelta", lr=lr, rho=rho, eps=eps, weight_decay=weight_decay)
        if rho > 1:
            raise OptionError("Adadelta", got=f"rho={rho}", expected="0 to 1")
        super().__init__(params, {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        })  # fmt: skip

    def _rule(self, group: dict[str, Any]) -> Update:
        return adadelta_rule(group["rho"], group["eps"], group["weight_decay"], group["maximize"])

    def _numbers(self, group: dict[str, Any], step: int) -> dict[str, float]:
        return {"rate": float(group["lr"])}


@lru_cache
def adadelta_rule(rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0, maximize: bool = False) -> Update:
    """p - rate · d. Scalar: rate."""
    grad = slope(weight_decay, maximize)
    square = leaf("square_avg") * rho + grad * grad * (1 - rho)
    delta = apply("sqrt", leaf("acc_delta") + eps) / apply("sqrt", square + eps) * grad
    deltas = leaf("acc_delta") * rho + delta * delta * (1 - rho)
    param = leaf("param") - delta * leaf("rate")
    return Update((("square_avg", square), ("acc_delta", deltas), ("param", param)), ("rate",))
