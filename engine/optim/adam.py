"""Adam and AdamW: every weight has a step of its own size."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import Any

from engine.describe import optimizer
from engine.kernels.formula import apply, leaf
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


@optimizer("Adam", synonyms=("adaptive moment estimation", "amsgrad"))
class Adam(Optimizer):
    """Steps of a size of its own for every weight, from the mean and spread of its gradients; a good first choice.

    g = gradient + weight_decay · p

    m = β₁ · m + (1 - β₁) · g and v = β₂ · v + (1 - β₂) · g²

    p = p - lr · (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + eps)

    Kingma and Ba, 2015.

    Args:
        params: What is learned: parameters, or dicts of "params" and options of their own.
        lr: Learning rate: about how far a weight goes in one step.
        betas: β₁ and β₂: how much of the old mean and the old spread is kept.
        eps: Added to the spread, against division by zero.
        weight_decay: Pulls every weight towards zero (L2), against overfitting.
        amsgrad: Use the largest spread so far, so that steps never grow again (Reddi et al., 2018).
        maximize: Go up instead of down.
        foreach: With `capturable` and `fused`, PyTorch's choice among its implementations; there is one here.
        capturable: See `foreach`.
        differentiable: Not offered: True is refused.
        fused: See `foreach`.
        decoupled_weight_decay: Decay the weights as AdamW does.

    Raises:
        OptionError: a negative rate, or betas outside 0 to 1.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> optimizer = engine.optim.Adam([p], lr=0.25)
        >>> (p * 2).sum().backward()
        >>> optimizer.step()
        >>> round(p.item(), 4)
        0.75
    """

    def __init__(
        self,
        params: Parameters,
        lr: LearningRate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: Epsilon = 1e-8,
        weight_decay: WeightDecay = 0,
        amsgrad: bool = False,
        *,
        foreach: Foreach = None,
        maximize: Switch = False,
        capturable: Switch = False,
        differentiable: Switch = False,
        fused: Foreach = None,
        decoupled_weight_decay: Switch = False,
    ):
        check_options(type(self).__name__, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay,
            "amsgrad": amsgrad, "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable, "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
        })  # fmt: skip

    def _rule(self, group: dict[str, Any]) -> Update:
        return adam_rule(group["betas"][1], group["eps"], group["weight_decay"], group["decoupled_weight_decay"],
                         group["amsgrad"], group["maximize"])  # fmt: skip

    def _numbers(self, group: dict[str, Any], step: int) -> dict[str, float]:
        return adam_numbers(float(group["lr"]), group["betas"], group["eps"], group["weight_decay"], step)


@lru_cache
def adam_rule(beta2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0, decoupled: bool = False,
              amsgrad: bool = False, maximize: bool = False) -> Update:  # fmt: skip
    """p - rate · m / (√v + least), both counting in √(1 - β₂ᵗ). Scalars: share = 1 - β₁, rate, least, shrink."""
    grad = slope(0.0 if decoupled else weight_decay, maximize)
    mean = average("exp_avg", grad, leaf("share"))
    square = average_of_squares("exp_avg_sq", grad, beta2)
    outputs, scalars = {"exp_avg": mean, "exp_avg_sq": square}, ("share", "rate", "least")
    if amsgrad:
        square = outputs["max_exp_avg_sq"] = apply("maximum", leaf("max_exp_avg_sq"), square)
    step = over_root(mean * leaf("rate"), square, leaf("least"), eps)
    if decoupled and weight_decay:
        outputs["param"] = leaf("param") * leaf("shrink") - step
        return Update(tuple(outputs.items()), (*scalars, "shrink"))
    outputs["param"] = leaf("param") - step
    return Update(tuple(outputs.items()), scalars)


def adam_numbers(lr: float, betas: tuple[float, float], eps: float, weight_decay: float, step: int) -> dict[str, float]:
    """The scalars of `adam_rule`."""
    beta1, beta2 = betas
    root = sqrt(1 - beta2**step)
    rate = lr * root / (1 - beta1**step)
    return {"share": 1 - beta1, "rate": rate, "least": root * eps, "shrink": 1 - lr * weight_decay}


@optimizer("AdamW", synonyms=("adam with weight decay", "decoupled weight decay", "transformer"))
class AdamW(Adam):
    """Adam whose weight decay does not pass through the step sizes; usual for larger networks.

    p = p - lr · weight_decay · p, then a step of Adam without weight decay

    m = β₁ · m + (1 - β₁) · g and v = β₂ · v + (1 - β₂) · g²

    p = p - lr · (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + eps)

    Loshchilov and Hutter, 2019.

    Args:
        params: What is learned: parameters, or dicts of "params" and options of their own.
        lr: Learning rate: about how far a weight goes in one step.
        betas: β₁ and β₂: how much of the old mean and the old spread is kept.
        eps: Added to the spread, against division by zero.
        weight_decay: Pulls every weight towards zero, by this share of lr, against overfitting.
        amsgrad: Use the largest spread so far, so that steps never grow again (Reddi et al., 2018).
        maximize: Go up instead of down.
        foreach: With `capturable` and `fused`, PyTorch's choice among its implementations; there is one here.
        capturable: See `foreach`.
        differentiable: Not offered: True is refused.
        fused: See `foreach`.

    Raises:
        OptionError: a negative rate, or betas outside 0 to 1.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> optimizer = engine.optim.AdamW([p], lr=0.25, weight_decay=0.0)
        >>> (p * 2).sum().backward()
        >>> optimizer.step()
        >>> round(p.item(), 4)
        0.75
    """

    def __init__(
        self,
        params: Parameters,
        lr: LearningRate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: Epsilon = 1e-8,
        weight_decay: WeightDecay = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: Switch = False,
        foreach: Foreach = None,
        capturable: Switch = False,
        differentiable: Switch = False,
        fused: Foreach = None,
    ):
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip
