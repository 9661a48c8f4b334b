"""NAdam."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import Annotated, Any

from engine.describe import Range, Start, optimizer
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
from engine.tensor import Tensor


@optimizer("NAdam", synonyms=("nesterov adam", "adam with nesterov momentum"))
class NAdam(Optimizer):
    """Adam that looks ahead along its momentum, as Nesterov's does.

    g = gradient + weight_decay · p

    m = β₁ · m + (1 - β₁) · g and v = β₂ · v + (1 - β₂) · g²

    μₜ = β₁ · (1 - 0.96^(t · momentum_decay) / 2) and Πₜ = μ₁ · … · μₜ

    p = p - lr · (μₜ₊₁ · m / (1 - Πₜ₊₁) + (1 - μₜ) · g / (1 - Πₜ)) / (√(v / (1 - β₂ᵗ)) + eps)

    Dozat, 2016.

    Args:
        params: What is learned: parameters, or dicts of "params" and options of their own.
        lr: Learning rate: about how far a weight goes in one step.
        betas: β₁ and β₂: how much of the old mean and the old spread is kept.
        eps: Added to the spread, against division by zero.
        weight_decay: Pulls every weight towards zero (L2), against overfitting.
        momentum_decay: How fast the momentum μ grows towards β₁.
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
        >>> optimizer = engine.optim.NAdam([p], lr=0.25)
        >>> (p * 2).sum().backward()
        >>> optimizer.step()
        >>> p.item() < 0.9
        True
    """

    _counted = frozenset({"step", "mu_product"})

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[LearningRate, Start(0.002)] = 2e-3,
        betas: Betas = (0.9, 0.999),
        eps: Epsilon = 1e-8,
        weight_decay: WeightDecay = 0,
        momentum_decay: Annotated[float, Range(0.0, 1.0)] = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: Foreach = None,
        maximize: Switch = False,
        capturable: Switch = False,
        differentiable: Switch = False,
    ):
        check_options("NAdam", lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        super().__init__(params, {
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay,
            "momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
        })  # fmt: skip

    def _rule(self, group: dict[str, Any]) -> Update:
        return nadam_rule(group["betas"][1], group["eps"], group["weight_decay"], group["decoupled_weight_decay"],
                          group["maximize"])  # fmt: skip

    def _rows(self, group: dict[str, Any], params: list[Tensor], scalars: tuple[str, ...]) -> list[tuple]:
        rows = []
        for param, step in zip(params, self._count(params)):
            numbers = self._ahead(group, step, self.state[param])
            rows.append(tuple([numbers[name] for name in scalars]))
        return rows

    def _ahead(self, group: dict[str, Any], step: int, state: dict[str, Any]) -> dict[str, float]:
        """The scalars of one parameter, whose product of momenta goes on by this step's."""
        (beta1, beta2), lr = group["betas"], float(group["lr"])
        mu, following = (beta1 * (1 - 0.5 * 0.96 ** (t * group["momentum_decay"])) for t in (step, step + 1))
        product = state["mu_product"] = state.get("mu_product", 1.0) * mu
        root = sqrt(1 - beta2**step)
        return {
            "share": 1 - beta1, "least": root * group["eps"], "shrink": 1 - lr * group["weight_decay"],
            "now": lr * root * (1 - mu) / (1 - product), "ahead": lr * root * following / (1 - product * following),
        }  # fmt: skip


@lru_cache
def nadam_rule(beta2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0, decoupled: bool = False,
               maximize: bool = False) -> Update:  # fmt: skip
    """p - (now · g + ahead · m) / (√v + least). Scalars: share = 1 - β₁, now, ahead, least, shrink."""
    grad = slope(0.0 if decoupled else weight_decay, maximize)
    mean = average("exp_avg", grad, leaf("share"))
    square = average_of_squares("exp_avg_sq", grad, beta2)
    step = over_root(grad * leaf("now") + mean * leaf("ahead"), square, leaf("least"), eps)
    scalars, param = ("share", "now", "ahead", "least"), leaf("param")
    if decoupled and weight_decay:
        scalars, param = (*scalars, "shrink"), param * leaf("shrink")
    return Update((("exp_avg", mean), ("exp_avg_sq", square), ("param", param - step)), scalars)
