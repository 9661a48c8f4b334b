"""Adamax."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from engine.describe import Start, optimizer
from engine.kernels.formula import apply, leaf
from engine.kernels.update import Update, average, slope
from engine.optim.optimizer import (
    Betas,
    Epsilon,
    Foreach,
    LearningRate,
    Optimizer,
    Parameters,
    Switch,
    WeightDecay,
    check_options,
)


@optimizer("Adamax", synonyms=("infinity norm",))
class Adamax(Optimizer):
    """Adam that divides by the largest recent gradient instead of by their spread.

    g = gradient + weight_decay · p

    m = β₁ · m + (1 - β₁) · g and u = max(β₂ · u, |g| + eps)

    p = p - lr / (1 - β₁ᵗ) · m / u

    Kingma and Ba, 2015.

    Args:
        params: What is learned: parameters, or dicts of "params" and options of their own.
        lr: Learning rate: about how far a weight goes in one step.
        betas: β₁ and β₂: how much of the old mean and the old largest gradient is kept.
        eps: Added to the size of a gradient, against division by zero.
        weight_decay: Pulls every weight towards zero (L2), against overfitting.
        foreach: With `capturable`, PyTorch's choice among its implementations; there is one here: no change.
        capturable: See `foreach`.
        maximize: Go up instead of down.
        differentiable: Not offered: True is refused.

    Raises:
        OptionError: a negative rate, or betas outside 0 to 1.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> optimizer = engine.optim.Adamax([p], lr=0.25)
        >>> (p * 2).sum().backward()
        >>> optimizer.step()
        >>> round(p.item(), 4)
        0.75
    """

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[LearningRate, Start(0.002)] = 2e-3,
        betas: Betas = (0.9, 0.999),
        eps: Epsilon = 1e-8,
        weight_decay: WeightDecay = 0,
        foreach: Foreach = None,
        *,
        maximize: Switch = False,
        differentiable: Switch = False,
        capturable: Switch = False,
    ):
        check_options("Adamax", lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def _rule(self, group: dict[str, Any]) -> Update:
        return adamax_rule(group["betas"][1], group["eps"], group["weight_decay"], group["maximize"])

    def _numbers(self, group: dict[str, Any], step: int) -> dict[str, float]:
        beta1 = group["betas"][0]
        return {"share": 1 - beta1, "rate": float(group["lr"]) / (1 - beta1**step)}


@lru_cache
def adamax_rule(beta2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0, maximize: bool = False) -> Update:
    """p - rate · m / u. Scalars: share = 1 - β₁, rate."""
    grad = slope(weight_decay, maximize)
    mean = average("exp_avg", grad, leaf("share"))
    largest = apply("maximum", leaf("exp_inf") * beta2, apply("absolute", grad) + eps)
    param = leaf("param") - mean / largest * leaf("rate")
    return Update((("exp_avg", mean), ("exp_inf", largest), ("param", param)), ("share", "rate"))
