"""RAdam."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import Any

from engine.describe import optimizer
from engine.kernels.formula import leaf
from engine.kernels.update import Update, average, average_of_squares, over_root, slope
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


@optimizer("RAdam", synonyms=("rectified adam",))
class RAdam(Optimizer):
    """Adam that needs no warm-up: steps by the spread begin when enough gradients were seen to know it.

    g = gradient + weight_decay · p

    m = β₁ · m + (1 - β₁) · g and v = β₂ · v + (1 - β₂) · g²

    ρ = ρ∞ - 2t · β₂ᵗ / (1 - β₂ᵗ) with ρ∞ = 2 / (1 - β₂) - 1

    p = p - lr · m / (1 - β₁ᵗ) · r · √(1 - β₂ᵗ) / (√v + eps) where ρ > 5, otherwise p = p - lr · m / (1 - β₁ᵗ)

    r = √((ρ - 4) · (ρ - 2) · ρ∞ / ((ρ∞ - 4) · (ρ∞ - 2) · ρ)). Liu et al., 2020.

    Args:
        params: What is learned: parameters, or dicts of "params" and options of their own.
        lr: Learning rate: about how far a weight goes in one step.
        betas: β₁ and β₂: how much of the old mean and the old spread is kept.
        eps: Added to the spread, against division by zero.
        weight_decay: Pulls every weight towards zero (L2), against overfitting.
        decoupled_weight_decay: Decay the weights as AdamW does.
        foreach: With `capturable`, PyTorch's choice among its implementations; there is one here: no change.
        capturable: See `foreach`.
        maximize: Go up instead of down.
        differentiable: Not offered: True is refused.

    Raises:
        OptionError: a negative rate, or betas outside 0 to 1.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> optimizer = engine.optim.RAdam([p], lr=0.25)
        >>> (p * 2).sum().backward()
        >>> optimizer.step()
        >>> p.item()
        0.5
    """

    def __init__(
        self,
        params: Parameters,
        lr: LearningRate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: Epsilon = 1e-8,
        weight_decay: WeightDecay = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: Foreach = None,
        maximize: Switch = False,
        capturable: Switch = False,
        differentiable: Switch = False,
    ):
        check_options("RAdam", lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        })  # fmt: skip

    def _rule(self, group: dict[str, Any]) -> Update:
        return radam_rule(group["betas"][1], group["eps"], group["weight_decay"], group["decoupled_weight_decay"],
                          group["maximize"])  # fmt: skip

    def _numbers(self, group: dict[str, Any], step: int) -> dict[str, float]:
        (beta1, beta2), lr = group["betas"], float(group["lr"])
        numbers = {"share": 1 - beta1, "shrink": 1 - lr * group["weight_decay"]}
        rate, power = lr / (1 - beta1**step), beta2**step
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * power / (1 - power)
        if length <= 5:  # a step by the mean alone: the root is multiplied by 0, and stays away from 0 / 0
            return numbers | {"flat": rate, "rate": 0.0, "least": 1.0}
        trust = sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
        return numbers | {"flat": 0.0, "rate": rate * trust * sqrt(1 - power), "least": group["eps"]}


@lru_cache
def radam_rule(beta2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0, decoupled: bool = False,
               maximize: bool = False) -> Update:  # fmt: skip
    """p - flat · m - rate · m / (√v + least). Scalars: share = 1 - β₁, flat, rate, least, shrink."""
    grad = slope(0.0 if decoupled else weight_decay, maximize)
    mean = average("exp_avg", grad, leaf("share"))
    square = average_of_squares("exp_avg_sq", grad, beta2)
    step = over_root(mean * leaf("rate"), square, leaf("least"), eps) + mean * leaf("flat")
    scalars, param = ("share", "flat", "rate", "least"), leaf("param")
    if decoupled and weight_decay:
        scalars, param = (*scalars, "shrink"), param * leaf("shrink")
    return Update((("exp_avg", mean), ("exp_avg_sq", square), ("param", param - step)), scalars)
